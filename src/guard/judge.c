/* SPDX-License-Identifier: MIT */
/*
 * judge.c - from a notification to decide(), and carrying out what it says, on a copy of the socket.
 *
 * Theory of operation. An inet call is never let go on: what it points to could be another address by
 * the time the kernel reads it. So the address is copied, the id is checked (the caller is still the one
 * that was copied from), and the call is made here with that copy, which the caller cannot reach. Calls on
 * AF_UNIX, AF_NETLINK and other local sockets go on, with the caller's own root directory and
 * credentials.
 *
 * A blocking socket must not make this process wait. Its O_NONBLOCK is set for the connect(2) alone:
 * the flag is the socket's, so others that share it could see it, but a socket that is not connected
 * has nothing to wait for yet. The handshake itself uses MSG_DONTWAIT. A caller whose socket does not
 * block is answered when the tunnel is open, too: before that it must see neither writability nor
 * a byte of the handshake, and nobody else can keep those from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

#include "inbound.h"
#include "socks.h"
#include "supervisor.h"
#include "sys.h"

#define FIRST_FREE_PORT 1024
#define DISCARD 9

static bool is_inet(int domain)
{
	return domain == AF_INET || domain == AF_INET6;
}

long judge_address(const struct request *rq, uint64_t at, uint64_t len, struct sockaddr_storage *sa)
{
	uint32_t size = (uint32_t)len; /* an int in the kernel */
	int error;

	memset(sa, 0, sizeof(*sa));
	if (size > sizeof(*sa))
		return -EINVAL;
	error = caller_read(rq->caller.tid, at, sa, size);
	if (!supervisor_waits(rq->id))
		return GONE;
	return error;
}

static size_t least_length(int family)
{
	return family == AF_INET6 ? 24 : sizeof(struct sockaddr_in);
}

/* The families that a socket takes; a UDP socket of IPv6 takes IPv4's as well (udp(7)). */
static bool takes(const struct caller *c, int family)
{
	return family == c->domain ||
	       (c->domain == AF_INET6 && family == AF_INET && c->type != SOCK_STREAM);
}

int judge_call(struct call *c, const struct request *rq, enum call_kind kind,
	       const struct sockaddr_storage *sa, size_t len, char text[static NAME_MAX_LEN + 1],
	       int32_t *name)
{
	struct sockaddr_storage copy = *sa;

	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)kind;
	c->domain = rq->caller.domain;
	c->type = rq->caller.type;
	c->protocol = rq->caller.protocol;
	*name = -1;
	if (len < sizeof(sa_family_t))
		return -EINVAL;
	if (copy.ss_family == AF_UNSPEC) /* what the kernel takes it for in bind and sends */
		copy.ss_family = (sa_family_t)(c->domain == AF_INET ? AF_INET : AF_UNSPEC);
	c->family = copy.ss_family;
	if (!takes(&rq->caller, c->family))
		return -EAFNOSUPPORT;
	if (len < least_length(c->family) || addr_from_sockaddr(&c->to, &copy, len) < 0)
		return -EINVAL;
	c->has_to = true;
	*name = session_call_name(supervisor.session, c, text);
	return 0;
}

/*
 * A lookup that a rule's Direct has left to libc: its questions, and the datagram sockets that it
 * connects to sort the answers, which send nothing.
 */
static bool is_direct_lookup(const struct call *c, const struct request *rq)
{
	if ((c->kind != CALL_CONNECT && c->kind != CALL_SEND) || !c->has_to || c->is_virtual)
		return false;
	if (c->to.port != 53 && (c->kind != CALL_CONNECT || c->type != SOCK_DGRAM))
		return false;
	return lookups_has(session_lookups(supervisor.session), rq->caller.tid);
}

enum verdict judge_decide(struct call *c, const struct request *rq, struct decision *d)
{
	static LARGE(2) char exe[4096];
	const struct settings *s = &supervisor.session->settings;
	struct ids ids;

	if (s->asks_ids && caller_ids(rq->caller.tid, &ids))
		c->ids = &ids;
	if (s->rule_count) {
		caller_exe(rq->caller.tid, exe, sizeof(exe));
		c->exe = exe;
	}
	if (decide(s, c, d) != VERDICT_PASS && is_direct_lookup(c, rq))
		*d = (struct decision){.verdict = VERDICT_PASS};
	c->ids = NULL;
	return (enum verdict)d->verdict;
}

int judge_refuse(const struct request *rq, const struct call *c, const struct decision *d)
{
	say_refused(rq, c, d);
	return -d->error;
}

/* --- connect --- */

static void set_blocking(const struct caller *c, bool blocking)
{
	long flags;

	if (!c->blocking)
		return;
	flags = SYS2(SYS_fcntl, c->fd, F_GETFL);
	SYS3(SYS_fcntl, c->fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void settle(struct request *rq);

/* The same call once more, now that its socket is connected or takes data. */
static void call_again(struct pending *p)
{
	const struct seccomp_data data = p->data;
	struct request rq = {.id = p->id, .data = &data, .caller = p->caller};

	pending_release(p);
	settle(&rq);
}

static void list(const struct pending *p)
{
	struct stream_entry e = {
		.cookie = p->cookie,
		.started = p->stream.started,
		.to = p->stream.to,
		.name = p->stream.name,
		.pid = p->stream.pid ? p->stream.pid : p->caller.tid,
		.sent = p->stream.sent,
		.received = p->stream.received,
	};

	streams_add(session_streams(supervisor.session), &e);
}

/* The answer is sent; a connection that nobody waits for is taken down. */
static void finish(struct pending *p, int result)
{
	if (p->kind == PENDING_PROXY) {
		say_stream(p, -result);
		audit_end(p, -result);
	}
	if (p->kind == PENDING_PROXY && result == 0)
		list(p);
	if (result == 0 && p->data.nr != SYS_connect) {
		call_again(p);
		return;
	}
	if (!supervisor_answer(p->id, result) && result == 0)
		sys_disconnect(p->caller.fd);
	pending_drop(p);
}

static void go_on(struct pending *p)
{
	int step = stream_step(&p->stream, supervisor.session, p->caller.fd, NULL);

	if (step > 0 && p->stream.state == STREAM_REPORT)
		tell_watch();
	if (step > 0)
		step = pending_watch(p);
	else if (step == 0)
		step = 1;
	if (step)
		finish(p, step > 0 ? 0 : step);
}

/* When a connect on a socket that blocks must have been answered (socket(7)). */
static uint64_t send_deadline(const struct caller *c)
{
	struct timeval t = {0};

	if (!c->blocking || sys_getsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0 ||
	    (!t.tv_sec && !t.tv_usec))
		return 0;
	return sys_now() + (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

static long proxy(struct request *rq, const struct call *c, const struct decision *d, int32_t name,
		  uint64_t cookie)
{
	struct pending *p = pending_add(PENDING_PROXY, rq, cookie);
	int error;

	if (!p)
		return -EAGAIN;
	stream_init(&p->stream, supervisor.session, d, &c->to, name, SOCKS_CONNECT);
	p->stream.cookie = cookie;
	if (d->isolate == ISOLATE_PROCESS)
		p->stream.pid = caller_pid(rq->caller.tid);
	audit_begin(p);
	p->until = send_deadline(&p->caller);
	set_blocking(&p->caller, false);
	error = stream_start(&p->stream, supervisor.session, p->caller.fd, c->domain);
	set_blocking(&p->caller, true);
	if (error == 0) {
		go_on(p);
		return HELD;
	}
	if (error != -EISCONN && error != -EALREADY)
		say_stream(p, -error);
	audit_end(p, -error);
	pending_release(p);
	return error;
}

/* connect(2) as it stands, but for its waiting. */
static long connect_direct(struct request *rq, const struct sockaddr_storage *sa, size_t len,
			   uint64_t cookie)
{
	struct pending *p;
	int error;

	set_blocking(&rq->caller, false);
	error = sys_connect(rq->caller.fd, sa, len);
	set_blocking(&rq->caller, true);
	if (error != -EINPROGRESS || !rq->caller.blocking)
		return error;
	p = pending_add(PENDING_DIRECT, rq, cookie);
	if (!p)
		return -EAGAIN;
	p->until = send_deadline(&p->caller);
	error = pending_watch(p);
	if (error)
		finish(p, error);
	return HELD;
}

/* An IPv6 socket takes the mapped address, unless it was told not to. */
static long connect_responder(struct request *rq, uint64_t cookie)
{
	const int off = 0;
	struct sockaddr_storage sa;
	int fd = rq->caller.fd;
	long len = dns_address(rq->caller.domain, &sa), result;

	if (len < 0)
		return len;
	if (rq->caller.domain == AF_INET6)
		sys_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	result = connect_direct(rq, &sa, (size_t)len, cookie);
	dns_led(fd);
	return result;
}

static void direct_event(struct pending *p)
{
	int error = 0;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	sys_getsockopt(p->caller.fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
	if (!error && SYS3(SYS_getpeername, p->caller.fd, &peer, &len) == -ENOTCONN)
		return; /* still under way */
	finish(p, -error);
}

/*
 * Another call for a socket that waits already: of another thread (EALREADY), or the same one again,
 * which a signal had interrupted (where WAIT_KILLABLE_RECV is missing).
 */
static long join(struct request *rq, struct pending *p)
{
	if (supervisor_waits(p->id))
		return -EALREADY;
	p->id = rq->id;
	caller_close(&rq->caller);
	return HELD;
}

static long disconnect(struct request *rq, const struct sockaddr_storage *sa, size_t len,
		       uint64_t cookie)
{
	streams_drop(session_streams(supervisor.session), cookie);
	return sys_connect(rq->caller.fd, sa, len);
}

/*
 * getaddrinfo(3) sorts addresses by the source that a datagram socket gets when it is connected to them,
 * and sends nothing. For loopback, which a passive lookup asks about, the socket is connected to the
 * port where nobody is (discard, RFC 863): the source is right, and what is sent all the same is
 * refused by the kernel.
 */
static long pretend(const struct request *rq, const struct call *c)
{
	static const uint8_t loopback4[4] = {127, 0, 0, 1};
	static const uint8_t loopback6[16] = {[15] = 1};
	struct addr a =
		addr_is_v4(&c->to) ? addr_v4(loopback4, DISCARD) : addr_v6(loopback6, DISCARD);
	struct sockaddr_storage sa;
	int len = addr_to_sockaddr(&a, c->domain, &sa);

	return len < 0 ? len : sys_connect(rq->caller.fd, &sa, (size_t)len);
}

static bool is_probe(const struct call *c, const struct decision *d)
{
	return c->type == SOCK_DGRAM && d->verdict == VERDICT_REFUSE &&
	       d->reason == REASON_LOCALHOST;
}

long judge_connect_to(struct request *rq, const struct sockaddr_storage *sa, size_t len)
{
	uint64_t cookie = sys_cookie(rq->caller.fd);
	struct pending *p = cookie ? pending_find(cookie) : NULL;
	char text[NAME_MAX_LEN + 1];
	struct decision d;
	struct call c;
	int32_t name;
	int error;

	if (p)
		return join(rq, p);
	if (len >= sizeof(sa_family_t) && sa->ss_family == AF_UNSPEC)
		return disconnect(rq, sa, len, cookie);
	error = judge_call(&c, rq, CALL_CONNECT, sa, len, text, &name);
	if (error)
		return error;
	judge_decide(&c, rq, &d);
	if (dns_wants(&c, &d))
		return connect_responder(rq, cookie);
	if (is_probe(&c, &d))
		return pretend(rq, &c);
	if (d.verdict == VERDICT_PROXY)
		return proxy(rq, &c, &d, name, cookie);
	if (d.verdict == VERDICT_PASS) {
		audit_direct(rq, &c, cookie);
		return connect_direct(rq, sa, len, cookie);
	}
	return judge_refuse(rq, &c, &d);
}

static long judge_connect(struct request *rq)
{
	struct sockaddr_storage sa;
	long error = judge_address(rq, rq->data->args[1], rq->data->args[2], &sa);

	return error ? error : judge_connect_to(rq, &sa, (uint32_t)rq->data->args[2]);
}

/* --- bind and listen --- */

static bool is_low(const struct call *c)
{
	return c->to.port && c->to.port < FIRST_FREE_PORT;
}

/* Ours is the right that counts in the kernel; it must not be lent. */
static bool may_bind(const struct request *rq, const struct call *c)
{
	return !is_low(c) || SYS0(SYS_geteuid) != 0 || caller_may_bind_low(rq->caller.tid);
}

static long judge_bind(struct request *rq)
{
	size_t len = (uint32_t)rq->data->args[2];
	char text[NAME_MAX_LEN + 1];
	struct sockaddr_storage sa;
	struct decision d;
	struct call c;
	int32_t name;
	long error = judge_address(rq, rq->data->args[1], len, &sa);

	if (!error)
		error = judge_call(&c, rq, CALL_BIND, &sa, len, text, &name);
	if (error)
		return error;
	if (judge_decide(&c, rq, &d) == VERDICT_REFUSE)
		return judge_refuse(rq, &c, &d);
	if (!may_bind(rq, &c))
		return -EACCES;
	if (d.verdict == VERDICT_NARROW) {
		say_refused(rq, &c, &d);
		len = inbound_address(rq->caller.fd, &c, &sa);
	}
	return sys_bind(rq->caller.fd, &sa, len);
}

static long judge_listen(struct request *rq)
{
	char text[NAME_MAX_LEN + 1];
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	struct decision d;
	struct call c;
	int32_t name;
	long error = SYS3(SYS_getsockname, rq->caller.fd, &sa, &len);

	if (!supervisor_waits(rq->id))
		return GONE;
	if (!error)
		error = judge_call(&c, rq, CALL_LISTEN, &sa, len, text, &name);
	if (error)
		return error;
	if (judge_decide(&c, rq, &d) == VERDICT_REFUSE)
		return judge_refuse(rq, &c, &d);
	if (d.verdict == VERDICT_NARROW) {
		error = inbound_confine(rq->caller.fd, &c, &d);
		say_refused(rq, &c, &d);
	}
	return error ? error : SYS2(SYS_listen, rq->caller.fd, (int)rq->data->args[1]);
}

/* --- notifications --- */

static enum call_kind kind_of(int nr)
{
	switch (nr) {
	case SYS_connect:
		return CALL_CONNECT;
	case SYS_bind:
		return CALL_BIND;
	case SYS_listen:
		return CALL_LISTEN;
	default:
		return CALL_SEND;
	}
}

static long judge_inet(struct request *rq)
{
	switch (rq->data->nr) {
	case SYS_connect:
		return judge_connect(rq);
	case SYS_bind:
		return judge_bind(rq);
	case SYS_listen:
		return judge_listen(rq);
	case SYS_sendto:
		return send_to(rq);
	case SYS_sendmsg:
		return send_message(rq);
	case SYS_sendmmsg:
		return send_messages(rq);
	default:
		return -ENOSYS;
	}
}

/* Where the address of a call is, if it has one in a register. */
static size_t find_address(const struct seccomp_data *data, uint64_t *at)
{
	const bool sendto = data->nr == SYS_sendto;
	uint32_t len = (uint32_t)data->args[sendto ? 5 : 2];

	*at = data->args[sendto ? 4 : 1];
	return data->nr == SYS_connect || sendto ? len : 0;
}

/* The path of a Unix socket: some are doors to name services. */
static void find_path(const struct request *rq, struct call *c, struct sockaddr_storage *sa)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un *un = (struct sockaddr_un *)sa;
	uint64_t at;
	size_t len = find_address(rq->data, &at);

	memset(sa, 0, sizeof(*sa));
	if (len <= head || len > sizeof(*sa) || caller_read(rq->caller.tid, at, sa, len) < 0)
		return;
	c->name = un->sun_path;
	c->name_len = un->sun_path[0] ? strnlen(un->sun_path, len - head) : len - head;
}

/*
 * A socket of another family: whether it reaches anything is decided by the family, and a Unix socket's
 * path. The kernel reads the path once more; what another thread writes there meanwhile is a local
 * socket still.
 */
static void judge_other(const struct request *rq)
{
	struct call c = {.kind = (uint8_t)kind_of(rq->data->nr),
			 .domain = rq->caller.domain,
			 .family = rq->caller.domain};
	struct sockaddr_storage sa;
	struct decision d;

	if (c.domain == AF_UNIX)
		find_path(rq, &c, &sa);
	if (decide(&supervisor.session->settings, &c, &d) == VERDICT_PASS)
		supervisor_let(rq->id);
	else
		supervisor_answer(rq->id, judge_refuse(rq, &c, &d));
}

static void settle(struct request *rq)
{
	long result = judge_inet(rq);

	if (result == HELD)
		return;
	if (result != GONE)
		supervisor_answer(rq->id, result);
	caller_close(&rq->caller);
}

void judge(const struct seccomp_notif *n)
{
	struct request rq = {.id = n->id, .data = &n->data};
	int error;

	if (audit_filtered(n))
		return;
	error = caller_open(&rq.caller, n->pid, (int)n->data.args[0]);
	if (error) {
		if (error == -EACCES && supervisor_waits(n->id))
			say_denied(&rq, "its process may not be looked into (see Yama, and "
					"programs that cannot be read), so its network calls fail");
		supervisor_answer(n->id, error);
	} else if (is_inet(rq.caller.domain)) {
		settle(&rq);
	} else {
		judge_other(&rq);
		caller_close(&rq.caller);
	}
}

void judge_event(struct pending *p)
{
	switch ((enum pending_kind)p->kind) {
	case PENDING_PROXY:
		go_on(p);
		break;
	case PENDING_DIRECT:
		direct_event(p);
		break;
	case PENDING_SEND:
		call_again(p);
		break;
	case PENDING_FREE:
		break;
	}
}

/* The connection is taken back, so that the program cannot use what is half of one. */
static void take_back(struct pending *p)
{
	if (p->kind == PENDING_PROXY)
		audit_end(p, ECANCELED);
	if (p->kind != PENDING_SEND)
		sys_disconnect(p->caller.fd);
}

/*
 * The kernel goes on with such a connect, and so it is with a direct one. A stream's end of the
 * handshake would come when nobody keeps the program from the socket: it is taken down, and only then
 * does the program go on.
 */
static void give_up(struct pending *p)
{
	if (p->kind != PENDING_DIRECT)
		take_back(p);
	supervisor_answer(p->id, -EINPROGRESS);
	pending_drop(p);
}

void judge_deadline(struct pending *p)
{
	if (p->until && p->until <= sys_now())
		give_up(p);
	else if (p->kind == PENDING_PROXY && stream_timeout(&p->stream) == 0)
		go_on(p);
}

void judge_caller(struct pending *p)
{
	if (supervisor_waits(p->id))
		return;
	take_back(p);
	pending_drop(p);
}
