/* SPDX-License-Identifier: MIT */
/* proxy_request.c - carries a request out: names, targets, the final reply and the log. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bytes.h"
#include "proxy_conn.h"

#define DIAL_MS 30000	   /* for one address */
#define NO_FILES_MS 20	   /* try again when descriptors have run out */
#define GREET_EARLY_MS 500 /* how long a reply waits for the target to speak */

static void put_source(struct bytes_out *o, const struct conn *c)
{
	char text[ADDR_TEXT];

	bytes_put_text(o, " source=");
	if (!c->from_unix)
		addr_print_port(&c->from, text);
	bytes_put_text(o, c->from_unix ? "unix" : text);
}

static void put_user(struct bytes_out *o, const struct request *rq)
{
	bytes_put_text(o, " user=");
	if (rq->has_user)
		proxy_put_escaped(o, rq->user, rq->user_len);
	else
		bytes_put_u8(o, '-');
	if (!proxy_settings.log_passwords || rq->version != 5 || !rq->has_user)
		return;
	bytes_put_text(o, " password=");
	proxy_put_escaped(o, rq->password, rq->password_len);
}

void request_log(const struct conn *c, const char *what, const char *result)
{
	char line[4096];
	struct bytes_out o = bytes_out_init(line, sizeof(line) - 1);

	if (!proxy_logs())
		return;
	if (what)
		bytes_put_text(&o, what);
	else
		proxy_put_request(&o, &c->rq);
	put_user(&o, &c->rq);
	put_source(&o, c);
	bytes_put_text(&o, " -> ");
	bytes_put_text(&o, result);
	proxy_log_line(line, (size_t)(o.at - (uint8_t *)line));
}

static void log_code(const struct conn *c, uint8_t code)
{
	static const char hex[16] = "0123456789abcdef";
	const char text[3] = {hex[code >> 4], hex[code & 15], '\0'};

	request_log(c, NULL, text);
}

/* The address that a reply bears: the truth, or what --bind-type wants. */
static struct bound bound_address(const struct conn *c)
{
	static char name[255];
	struct bound b = {.type = TYPE_IPV4, .name = name};
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	bool any_type = c->rq.command != CMD_RESOLVE && c->rq.command != CMD_RESOLVE_PTR;

	memset(name, 'b', sizeof(name));
	b.name_len = (uint8_t)proxy_settings.bind_name_len;
	if (c->target.fd >= 0 && !getsockname(c->target.fd, (struct sockaddr *)&local, &len) &&
	    !addr_from_sockaddr(&b.addr, &local, len))
		b.type = addr_is_v4(&b.addr) ? TYPE_IPV4 : TYPE_IPV6;
	if (any_type && proxy_settings.bind_type >= 0)
		b.type = proxy_settings.bind_type;
	if (conn_has_fault(c, FAULT_LONG_REPLY)) {
		b.type = TYPE_NAME;
		b.name_len = 255;
	}
	return b;
}

static void reply(struct conn *c, uint8_t code, const struct bound *bound)
{
	uint8_t message[PROXY_REPLY_MAX];
	struct bytes_out o = bytes_out_init(message, sizeof(message));
	size_t len;

	proxy_put_reply(&o, &c->rq, code, bound);
	len = (size_t)(o.at - message);
	if (conn_has_fault(c, FAULT_TRUNCATE) && len > (size_t)proxy_settings.truncate_at)
		len = (size_t)proxy_settings.truncate_at;
	if (conn_has_fault(c, FAULT_WRONG_VERSION))
		message[0] = c->rq.version == 5 ? 4 : 5;
	log_code(c, proxy_wire_code(&c->rq, code));
	conn_put(c, message, len);
}

static void refuse(struct conn *c, uint8_t code)
{
	struct bound b = bound_address(c);

	reply(c, code, &b);
	conn_finish(c);
}

/* In place of the final reply, or a reply that is wrong. True if that is all the client gets. */
static bool fault_final(struct conn *c)
{
	const struct bound nothing = {.type = TYPE_IPV4};

	if (!c->faulty)
		return false;
	switch (proxy_settings.fault) {
	case FAULT_CLOSE:
	case FAULT_CLOSE_AFTER_METHOD: /* SOCKS4 */
		request_log(c, NULL, "close");
		break;
	case FAULT_HANG:
		request_log(c, NULL, "hang");
		conn_hang(c);
		return true;
	case FAULT_TRUNCATE:
		reply(c, CODE_GRANTED, &nothing);
		break;
	case FAULT_WRONG_VERSION:
		reply(c, CODE_GRANTED, &nothing);
		conn_hang(c);
		return true;
	default:
		if (!proxy_settings.reset)
			return false;
		request_log(c, NULL, "reset");
		break;
	}
	conn_finish(c);
	return true;
}

/* The answer of RESOLVE; its type is the address's own. */
static void answer_resolve(struct conn *c)
{
	struct bound b = {.type = addr_is_v4(&c->to[0]) ? TYPE_IPV4 : TYPE_IPV6, .addr = c->to[0]};

	b.addr.port = 0;
	if (c->rq.version == 4 && b.type != TYPE_IPV4) {
		refuse(c, CODE_TYPE);
		return;
	}
	reply(c, CODE_GRANTED, &b);
	conn_finish(c);
}

static void answer_ptr(struct conn *c, const char *name)
{
	struct bound b = {.type = TYPE_NAME, .name = name, .name_len = (uint8_t)strlen(name)};

	reply(c, CODE_GRANTED, &b);
	conn_finish(c);
}

static void resolved(struct conn *c)
{
	if (c->rq.command == CMD_RESOLVE)
		answer_resolve(c);
	else
		request_dial(c);
}

static void looked_up(struct lookup *l)
{
	struct conn *c = l->owner;

	c->lookup = NULL;
	if (l->error) {
		refuse(c, CODE_HOST_UNREACHABLE);
	} else if (l->reverse) {
		answer_ptr(c, l->name);
	} else {
		for (int i = 0; i < l->count; i++) {
			c->to[i] = l->found[i];
			c->to[i].port = c->rq.to.port;
		}
		c->count = l->count;
		resolved(c);
	}
	conn_settle(c);
}

static void ask(struct conn *c, bool reverse)
{
	struct lookup *l = proxy_settings.no_resolve ? NULL : calloc(1, sizeof(*l));

	if (!l) {
		refuse(c, CODE_HOST_UNREACHABLE);
		return;
	}
	l->reverse = reverse;
	l->addr = c->to[0];
	l->done = looked_up;
	l->owner = c;
	memcpy(l->name, c->rq.name, sizeof(l->name));
	if (!names_ask(l)) {
		free(l);
		refuse(c, CODE_FAILURE);
		return;
	}
	c->lookup = l;
	c->phase = PHASE_LOOKUP;
}

/* From what the client named to c->to[0]; false if only the resolver can tell. */
static bool find_target(struct conn *c)
{
	const struct request *rq = &c->rq;
	char text[ADDR_TEXT];
	struct addr *to = &c->to[0];

	*to = rq->to;
	c->count = 1;
	if (rq->type == TYPE_NAME) {
		if (names_mapped(rq->name, to))
			return true;
		if (!addr_parse(to, rq->name, rq->name_len))
			return false;
		to->port = rq->to.port;
		return true;
	}
	addr_print(to, text);
	names_mapped(text, to);
	return true;
}

static void start_ptr(struct conn *c)
{
	struct addr *a = &c->to[0];
	const char *name;

	*a = c->rq.to;
	if (c->rq.type == TYPE_NAME && !addr_parse(a, c->rq.name, c->rq.name_len)) {
		refuse(c, CODE_HOST_UNREACHABLE);
		return;
	}
	name = names_mapped_ptr(a);
	if (name)
		answer_ptr(c, name);
	else
		ask(c, true);
}

/* A name that no resolver could know. */
static bool bad_name(const struct request *rq)
{
	return rq->type == TYPE_NAME && (!rq->name_len || strlen(rq->name) != rq->name_len);
}

void request_carry_out(struct conn *c)
{
	const struct request *rq = &c->rq;

	if (fault_final(c))
		return;
	if (rq->version == 4 && !handshake_user_known(c, false))
		refuse(c, CODE_NOT_ALLOWED);
	else if (rq->command == CMD_CONNECT && c->faulty && proxy_settings.reply > 0)
		refuse(c, (uint8_t)proxy_settings.reply);
	else if (rq->command != CMD_CONNECT && rq->command != CMD_RESOLVE &&
		 (rq->command != CMD_RESOLVE_PTR || rq->version == 4))
		refuse(c, CODE_COMMAND);
	else if (rq->type != TYPE_IPV4 && rq->type != TYPE_NAME && rq->type != TYPE_IPV6)
		refuse(c, CODE_TYPE);
	else if (bad_name(rq))
		refuse(c, CODE_FAILURE);
	else if (rq->command == CMD_RESOLVE_PTR)
		start_ptr(c);
	else if (find_target(c))
		resolved(c);
	else
		ask(c, false);
}

/* The tunnel is up. */
static void relay(struct conn *c)
{
	struct bound b = bound_address(c);

	loop_cancel(&c->timer);
	c->phase = PHASE_RELAY;
	reply(c, CODE_GRANTED, &b);
	if (proxy_settings.greet_early && c->phase == PHASE_RELAY)
		loop_timer(&c->down.hold, GREET_EARLY_MS);
}

/* A socket on its way to c->to[c->tried]; 0 (also when it is in progress) or -errno. */
static int dial_one(struct conn *c)
{
	const struct addr *a = &c->to[c->tried];
	int family = addr_family(a);
	struct sockaddr_storage to;
	int len = addr_to_sockaddr(a, family, &to);
	const int on = 1;

	c->target.fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->target.fd < 0)
		return -errno;
	setsockopt(c->target.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(c->target.fd, (struct sockaddr *)&to, (socklen_t)len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return 0;
}

void request_dial(struct conn *c)
{
	int error = -EHOSTUNREACH;

	for (; c->tried < c->count; c->tried++) {
		error = dial_one(c);
		if (error == -EMFILE || error == -ENFILE) {
			c->phase = PHASE_WAIT; /* its timer comes back here */
			loop_timer(&c->timer, NO_FILES_MS);
			return;
		}
		if (!error) {
			c->phase = PHASE_DIAL;
			loop_timer(&c->timer, DIAL_MS);
			return;
		}
		conn_drop_target(c);
	}
	refuse(c, proxy_errno_code(-error));
}

void request_dialled(struct conn *c, int error)
{
	if (!error) {
		relay(c);
		return;
	}
	conn_drop_target(c);
	if (++c->tried < c->count)
		request_dial(c);
	else
		refuse(c, proxy_errno_code(error));
}
