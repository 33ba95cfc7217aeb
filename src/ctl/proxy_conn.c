/* SPDX-License-Identifier: MIT */
/*
 * proxy_conn.c - one client's connection, from greeting to the end of the tunnel.
 *
 *	GREETING ─► METHOD_DELAY ─► PASSWORD ─► REQUEST ─► WAIT ─► LOOKUP ─► DIAL ─► RELAY
 *
 * What the client sends goes into the pipe `up`, what it gets into `down`, replies included; so
 * pipelined input, early data and slow readers need no code of their own. A refusal ends in
 * LINGER: closing at once with unread input would reset the connection and destroy the reply.
 *
 * conn_settle() comes last in every event: it writes what can be written, passes on the ends, and
 * tells the loop what to wait for. Nothing is freed before conn_reap().
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "ctl.h"
#include "loop.h"
#include "proxy.h"
#include "proxy_names.h"
#include "proxy_pipe.h"
#include "proxy_socks.h"

#define DIAL_MS 30000	   /* for one address */
#define NO_FILES_MS 20	   /* try again when descriptors have run out */
#define LINGER_MS 2000	   /* the client's time to read a refusal */
#define GREET_EARLY_MS 500 /* how long a reply waits for the target to speak */

enum phase {
	PHASE_GREETING,
	PHASE_METHOD_DELAY,
	PHASE_PASSWORD,
	PHASE_REQUEST,
	PHASE_WAIT,
	PHASE_LOOKUP,
	PHASE_DIAL,
	PHASE_RELAY,
	PHASE_LINGER,
	PHASE_HANG,
	PHASE_CLOSED,
};

struct conn {
	enum phase phase;
	struct watch client, target;
	struct watch *failed; /* the side that broke down while relaying */
	struct pipe up, down;
	struct timer timer; /* of the phase */
	struct request rq;
	uint8_t method;
	bool faulty; /* faults concern this connection */
	bool reset;  /* ends with RST */
	struct addr from;
	bool from_unix;
	struct lookup *lookup;
	struct addr to[LOOKUP_ADDRESSES];
	int count, tried;
	struct conn *next, **back; /* list of the living */
};

static const struct proxy_settings *const set = &proxy_settings;
static struct conn *living, *dead;

static void settle(struct conn *c);
static void advance(struct conn *c);
static void dial(struct conn *c);

static bool has_fault(const struct conn *c, enum fault f)
{
	return c->faulty && set->fault == f;
}

/* ---- the end ---- */

static void close_side(struct watch *w, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (w->fd < 0)
		return;
	loop_forget(w);
	if (reset)
		setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(w->fd);
	w->fd = -1;
}

static void conn_close(struct conn *c, bool reset)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_CLOSED;
	close_side(&c->client, reset);
	close_side(&c->target, reset);
	loop_cancel(&c->timer);
	pipe_free(&c->up);
	pipe_free(&c->down);
	if (c->lookup)
		c->lookup->owner = NULL;
	*c->back = c->next;
	if (c->next)
		c->next->back = c->back;
	c->next = dead;
	dead = c;
	listen_resume();
}

void conn_reap(void)
{
	while (dead) {
		struct conn *c = dead;

		dead = c->next;
		free(c);
	}
}

void conn_end(void)
{
	while (living)
		conn_close(living, false);
	conn_reap();
}

/* What has been put into `down` still goes out; then the connection ends. */
static void finish(struct conn *c)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_LINGER;
	c->down.eof = true;
	c->up.broken = true;
	c->up.delay = 0;
	pipe_free(&c->up);
	loop_timer(&c->timer, LINGER_MS);
}

/* The client waits in vain. */
static void hang(struct conn *c)
{
	c->phase = PHASE_HANG;
	c->up.broken = true;
	pipe_free(&c->up);
}

/* ---- the log ---- */

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
	if (!set->log_passwords || rq->version != 5 || !rq->has_user)
		return;
	bytes_put_text(o, " password=");
	proxy_put_escaped(o, rq->password, rq->password_len);
}

/* "what user=- source=127.0.0.1:40000 -> result"; `what` NULL: the request. */
static void log_result(const struct conn *c, const char *what, const char *result)
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

	log_result(c, NULL, text);
}

/* ---- replies ---- */

static void put(struct conn *c, const void *data, size_t len)
{
	if (!pipe_put(&c->down, data, len))
		conn_close(c, false);
}

static void put_bytes(struct conn *c, uint8_t a, uint8_t b)
{
	const uint8_t both[2] = {a, b};

	put(c, both, sizeof(both));
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
	b.name_len = (uint8_t)set->bind_name_len;
	if (c->target.fd >= 0 && !getsockname(c->target.fd, (struct sockaddr *)&local, &len) &&
	    !addr_from_sockaddr(&b.addr, &local, len))
		b.type = addr_is_v4(&b.addr) ? TYPE_IPV4 : TYPE_IPV6;
	if (any_type && set->bind_type >= 0)
		b.type = set->bind_type;
	if (has_fault(c, FAULT_LONG_REPLY)) {
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
	if (has_fault(c, FAULT_TRUNCATE) && len > (size_t)set->truncate_at)
		len = (size_t)set->truncate_at;
	if (has_fault(c, FAULT_WRONG_VERSION))
		message[0] = c->rq.version == 5 ? 4 : 5;
	log_code(c, proxy_wire_code(&c->rq, code));
	put(c, message, len);
}

static void refuse(struct conn *c, uint8_t code)
{
	struct bound b = bound_address(c);

	reply(c, code, &b);
	finish(c);
}

/* ---- faults ---- */

static void send_garbage(struct conn *c)
{
	uint8_t junk[64];
	uint32_t x = 0x9e3779b9;

	for (size_t i = 0; i < sizeof(junk); i++) {
		x = x * 1664525 + 1013904223;
		junk[i] = (uint8_t)(x >> 24) | 0x80; /* never a version */
	}
	put(c, junk, sizeof(junk));
}

/* In place of the first answer. True if that is all the client gets. */
static bool fault_first(struct conn *c)
{
	static const char http[] = "HTTP/1.0 501 This is not an HTTP proxy\r\n"
				   "Content-Type: text/html\r\n\r\n<html>not HTTP</html>\r\n";

	if (!c->faulty)
		return false;
	switch (set->fault) {
	case FAULT_GARBAGE:
		send_garbage(c);
		log_result(c, "FAULT", "garbage");
		break;
	case FAULT_HTTP:
		put(c, http, sizeof(http) - 1);
		log_result(c, "FAULT", "http");
		break;
	case FAULT_CLOSE_METHOD:
		log_result(c, "FAULT", "close-method");
		break;
	case FAULT_HANG_METHOD:
		log_result(c, "FAULT", "hang-method");
		hang(c);
		return true;
	default:
		return false;
	}
	finish(c);
	return true;
}

/* In place of the final reply, or a reply that is wrong. True if that is all the client gets. */
static bool fault_final(struct conn *c)
{
	const struct bound nothing = {.type = TYPE_IPV4};

	if (!c->faulty)
		return false;
	switch (set->fault) {
	case FAULT_CLOSE:
	case FAULT_CLOSE_AFTER_METHOD: /* SOCKS4 */
		log_result(c, NULL, "close");
		break;
	case FAULT_HANG:
		log_result(c, NULL, "hang");
		hang(c);
		return true;
	case FAULT_TRUNCATE:
		reply(c, CODE_GRANTED, &nothing);
		break;
	case FAULT_WRONG_VERSION:
		reply(c, CODE_GRANTED, &nothing);
		hang(c);
		return true;
	default:
		if (!set->reset)
			return false;
		log_result(c, NULL, "reset");
		break;
	}
	finish(c);
	return true;
}

/* ---- the target ---- */

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
	finish(c);
}

static void answer_ptr(struct conn *c, const char *name)
{
	struct bound b = {.type = TYPE_NAME, .name = name, .name_len = (uint8_t)strlen(name)};

	reply(c, CODE_GRANTED, &b);
	finish(c);
}

static void resolved(struct conn *c)
{
	if (c->rq.command == CMD_RESOLVE)
		answer_resolve(c);
	else
		dial(c);
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
	settle(c);
}

static void ask(struct conn *c, bool reverse)
{
	struct lookup *l = set->no_resolve ? NULL : calloc(1, sizeof(*l));

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

static bool user_known(const struct conn *c, bool with_password)
{
	const struct request *rq = &c->rq;

	for (const struct proxy_user *u = set->users; u; u = u->next)
		if (u->name_len == rq->user_len && !memcmp(u->name, rq->user, u->name_len) &&
		    (!with_password || (u->password_len == rq->password_len &&
					!memcmp(u->password, rq->password, u->password_len))))
			return true;
	return !set->users;
}

/* A name that no resolver could know. */
static bool bad_name(const struct request *rq)
{
	return rq->type == TYPE_NAME && (!rq->name_len || strlen(rq->name) != rq->name_len);
}

/* The request is there, and its delay is over. */
static void carry_out(struct conn *c)
{
	const struct request *rq = &c->rq;

	if (fault_final(c))
		return;
	if (rq->version == 4 && !user_known(c, false))
		refuse(c, CODE_NOT_ALLOWED);
	else if (rq->command == CMD_CONNECT && c->faulty && set->reply > 0)
		refuse(c, (uint8_t)set->reply);
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
	if (set->greet_early && c->phase == PHASE_RELAY)
		loop_timer(&c->down.hold, GREET_EARLY_MS);
}

/* A socket on its way to c->to[c->tried]; 0 (also when it is in progress) or -errno. */
static int dial_one(struct conn *c)
{
	const struct addr *a = &c->to[c->tried];
	int family = addr_is_v4(a) ? AF_INET : AF_INET6;
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

/* Tries the addresses one after the other; on_target() goes on. */
static void dial(struct conn *c)
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
		close_side(&c->target, false);
	}
	refuse(c, proxy_errno_code(-error));
}

/* The address did not answer: the next one, or the refusal that tells of the last. */
static void dial_failed(struct conn *c, int error)
{
	close_side(&c->target, false);
	if (++c->tried < c->count)
		dial(c);
	else
		refuse(c, proxy_errno_code(error));
}

/* ---- the handshake ---- */

static void bad_message(struct conn *c)
{
	log_result(c, "BAD", "closed");
	finish(c);
}

/* One message from the front of what has come: true if it was there. */
static bool take(struct conn *c, int (*message)(const uint8_t *, size_t, struct request *))
{
	int n = message(c->up.data + c->up.at, pipe_used(&c->up), &c->rq);

	if (n > 0)
		pipe_drop(&c->up, (size_t)n);
	if (n < 0)
		bad_message(c);
	return n > 0;
}

static void got_request(struct conn *c)
{
	if (c->rq.version == 4 && fault_first(c))
		return;
	c->phase = PHASE_WAIT;
	c->up.delay = set->delay_data;
	pipe_delay(&c->up);
	if (set->delay)
		loop_timer(&c->timer, set->delay);
	else
		carry_out(c);
}

static uint8_t choose_method(const struct conn *c)
{
	const bool *offers = c->rq.methods;

	if (has_fault(c, FAULT_NO_METHOD))
		return METHOD_REFUSED;
	if (has_fault(c, FAULT_BAD_METHOD))
		return 0x07;
	if (offers[METHOD_PASSWORD] && (set->users || set->prefer_auth || !offers[METHOD_NONE]))
		return METHOD_PASSWORD;
	if (offers[METHOD_NONE] && !set->users)
		return METHOD_NONE;
	return METHOD_REFUSED;
}

static void send_method(struct conn *c)
{
	uint8_t method = choose_method(c);

	if (fault_first(c))
		return;
	c->phase = method == METHOD_PASSWORD ? PHASE_PASSWORD : PHASE_REQUEST;
	put_bytes(c, has_fault(c, FAULT_WRONG_METHOD_VERSION) ? 4 : 5, method);
	if (has_fault(c, FAULT_CLOSE_AFTER_METHOD)) {
		log_result(c, "FAULT", "close-after-method");
		finish(c);
	} else if (method == METHOD_REFUSED) {
		log_result(c, "METHOD", "ff");
		finish(c);
	} else if (has_fault(c, FAULT_BAD_METHOD)) {
		hang(c);
	}
}

static void got_greeting(struct conn *c)
{
	if (has_fault(c, FAULT_DROP_PIPELINED))
		pipe_drop(&c->up, pipe_used(&c->up));
	c->phase = PHASE_METHOD_DELAY;
	if (set->delay_method)
		loop_timer(&c->timer, set->delay_method);
	else
		send_method(c);
}

static void got_password(struct conn *c)
{
	bool ok = user_known(c, true) && !has_fault(c, FAULT_AUTH_FAIL);

	c->phase = PHASE_REQUEST;
	put_bytes(c, 1, ok ? 0 : 1);
	if (ok)
		return;
	log_result(c, "AUTH", "01");
	finish(c);
}

/* Takes the next message; false if it has not come. */
static bool step(struct conn *c)
{
	if (!pipe_used(&c->up))
		return false;
	switch (c->phase) {
	case PHASE_GREETING:
		if (c->up.data[c->up.at] == 4 && take(c, proxy_take_request4))
			return got_request(c), true;
		if (pipe_used(&c->up) && c->up.data[c->up.at] != 4 && take(c, proxy_take_greeting))
			return got_greeting(c), true;
		return false;
	case PHASE_PASSWORD:
		return take(c, proxy_take_password) && (got_password(c), true);
	case PHASE_REQUEST:
		return take(c, proxy_take_request5) && (got_request(c), true);
	default:
		return false;
	}
}

static bool shakes_hands(const struct conn *c)
{
	return c->phase == PHASE_GREETING || c->phase == PHASE_PASSWORD ||
	       c->phase == PHASE_REQUEST;
}

static void advance(struct conn *c)
{
	while (step(c))
		;
	if (shakes_hands(c) && c->up.eof)
		finish(c); /* the client went away in the middle */
}

/* ---- events ---- */

/* A side broke down: what it had sent before still goes to the other one, then that is reset. */
static void side_failed(struct conn *c, struct watch *side)
{
	if (c->phase != PHASE_RELAY || (c->failed && c->failed != side)) {
		conn_close(c, c->phase == PHASE_RELAY);
		return;
	}
	c->failed = side;
}

static bool ended(const struct pipe *p)
{
	return p->eof && !pipe_used(p);
}

/* Passes an end of file on, once all before it is written. */
static void pass_end(struct pipe *p, int fd)
{
	if (!ended(p) || p->shut)
		return;
	p->shut = true;
	if (fd >= 0)
		shutdown(fd, SHUT_WR);
}

static void pass_ends(struct conn *c)
{
	if (c->failed) {
		if (ended(c->failed == &c->target ? &c->down : &c->up))
			conn_close(c, true);
		return;
	}
	if (c->phase == PHASE_LINGER && c->reset && ended(&c->down)) {
		conn_close(c, true);
		return;
	}
	if (c->phase != PHASE_RELAY && c->phase != PHASE_LINGER)
		return;
	pass_end(&c->up, c->target.fd);
	pass_end(&c->down, c->client.fd);
	if (c->up.shut && (c->down.shut || has_fault(c, FAULT_NO_HALF_CLOSE)))
		conn_close(c, false);
}

static void flush(struct conn *c, struct pipe *p, struct watch *to)
{
	if (c->phase == PHASE_CLOSED || pipe_flush(p, to->fd) == 0)
		return;
	p->eof = p->shut = p->broken = true;
	pipe_free(p);
	side_failed(c, to);
}

static uint32_t wishes(const struct pipe *in, const struct pipe *out)
{
	return (in && pipe_wants(in) ? EPOLLIN : 0) | (out && pipe_ready(out) ? EPOLLOUT : 0);
}

static void settle(struct conn *c)
{
	int error = 0;

	flush(c, &c->down, &c->client);
	if (c->phase == PHASE_RELAY)
		flush(c, &c->up, &c->target);
	if (c->phase != PHASE_CLOSED)
		pass_ends(c);
	if (c->phase == PHASE_HANG && c->up.eof)
		conn_close(c, c->reset);
	if (c->phase == PHASE_CLOSED)
		return;
	error = loop_watch(&c->client, wishes(&c->up, &c->down));
	if (c->phase == PHASE_DIAL)
		error |= loop_watch(&c->target, EPOLLOUT);
	else if (c->phase == PHASE_RELAY)
		error |= loop_watch(&c->target, wishes(&c->down, &c->up));
	if (error)
		conn_close(c, true);
}

/*
 * An error or a hang-up that no read or write will tell of, because we wait for neither.
 * Both ends shut and our buffer full: that is no error, but epoll would not stop telling.
 */
static bool hung_up(struct conn *c, struct watch *w, uint32_t events)
{
	if (w->events & (EPOLLIN | EPOLLOUT))
		return false;
	if (events & EPOLLERR)
		conn_close(c, true);
	else
		loop_forget(w);
	return true;
}

static void on_client(struct watch *w, uint32_t events)
{
	struct conn *c = w->owner;

	if (hung_up(c, w, events))
		return;
	if (w->events & EPOLLIN && events & ~(uint32_t)EPOLLOUT) {
		if (pipe_fill(&c->up, w->fd) < 0) {
			c->up.eof = true;
			side_failed(c, w);
		} else {
			advance(c);
		}
	}
	settle(c);
}

static void on_dialled(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(c->target.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		dial_failed(c, error);
	else
		relay(c);
}

static void on_target(struct watch *w, uint32_t events)
{
	struct conn *c = w->owner;

	if (c->phase == PHASE_DIAL) {
		on_dialled(c);
	} else if (hung_up(c, w, events)) {
		return;
	} else if (w->events & EPOLLIN && events & ~(uint32_t)EPOLLOUT) {
		if (pipe_fill(&c->down, w->fd) < 0) {
			c->down.eof = true;
			side_failed(c, w);
		}
		if (set->greet_early)
			loop_cancel(&c->down.hold);
	}
	settle(c);
}

static void on_timer(struct timer *t)
{
	struct conn *c = t->owner;

	switch (c->phase) {
	case PHASE_METHOD_DELAY:
		send_method(c);
		advance(c);
		break;
	case PHASE_WAIT:
		if (c->count)
			dial(c);
		else
			carry_out(c);
		break;
	case PHASE_DIAL:
		dial_failed(c, ETIMEDOUT);
		break;
	default:
		conn_close(c, c->reset);
	}
	settle(c);
}

/* A chunk's delay is over, or it is the next byte's turn. */
static void on_hold(struct timer *t)
{
	settle(t->owner);
}

void conn_start(int fd, const struct addr *from)
{
	static int number;
	struct conn *c = calloc(1, sizeof(*c));
	const int on = 1;

	if (!c)
		ctl_die(1, "out of memory");
	if (from)
		c->from = *from;
	c->from_unix = !from;
	c->client = (struct watch){.fd = fd, .ready = on_client, .owner = c};
	c->target = (struct watch){.fd = -1, .ready = on_target, .owner = c};
	c->timer = (struct timer){.fire = on_timer, .owner = c};
	c->up.hold = c->down.hold = (struct timer){.fire = on_hold, .owner = c};
	c->faulty = set->fault_count < 0 || number < set->fault_count;
	c->reset = c->faulty && set->reset;
	c->down.trickle = has_fault(c, FAULT_BYTE_BY_BYTE);
	number += number < set->fault_count;
	c->next = living;
	c->back = &living;
	if (living)
		living->back = &c->next;
	living = c;
	if (from)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	settle(c);
}
