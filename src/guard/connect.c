/* SPDX-License-Identifier: MIT */
/*
 * connect.c - a caller's connect(2), by the proxy or as it stands, and those that wait.
 *
 * A blocking socket must not make this process wait. Its O_NONBLOCK is set for the connect(2)
 * alone: the flag is the socket's, so others that share it could see it, but a socket that is not
 * connected has nothing to wait for yet. The handshake itself uses MSG_DONTWAIT. A caller whose
 * socket does not block is answered when the tunnel is open, too: before that it must see neither
 * writability nor a byte of the handshake, and nobody else can keep those from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/time.h>

#include "ends.h"
#include "socks.h"
#include "supervisor.h"
#include "sys.h"
#include "twin.h"

#define DISCARD 9

static void set_blocking(const struct caller *c, bool blocking)
{
	long flags;

	if (!c->blocking)
		return;
	flags = SYS2(SYS_fcntl, c->fd, F_GETFL);
	SYS3(SYS_fcntl, c->fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* The same call once more, now that its socket is connected or takes data. */
static void call_again(struct pending *p)
{
	const struct seccomp_data data = p->data;
	struct request rq = {.id = p->id, .data = &data, .caller = p->caller};

	pending_release(p);
	judge_settle(&rq);
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

static bool is_proxied(const struct pending *p)
{
	return p->kind == PENDING_PROXY || p->kind == PENDING_ENTER;
}

static bool is_connect(const struct pending *p)
{
	return p->kind != PENDING_SEND && p->kind != PENDING_TWIN;
}

/* The answer is sent; a connection that nobody waits for is taken down. */
static void finish(struct pending *p, int result)
{
	if (is_proxied(p)) {
		say_stream(p, -result);
		audit_end(p, -result);
	}
	if (is_proxied(p) && result == 0)
		list(p);
	if (result == 0 && p->data.nr != SYS_connect) {
		call_again(p);
		return;
	}
	if (!supervisor_answer(p->id, result) && result == 0)
		sys_disconnect(p->caller.fd);
	pending_drop(p);
}

/* The caller's socket comes in by the door, and then the call is over. */
static void enter_event(struct pending *p)
{
	int error = relay_enter(p->door, p->caller.fd, p->socket);

	if (error == -EAGAIN)
		return;
	if (error == 0)
		p->socket = p->caller.fd; /* the relay has the other */
	finish(p, error);
}

/* The tunnel is open; the handshake was not on the socket whose bytes are counted. */
static void enter(struct pending *p)
{
	int error;

	p->stream.sent = p->stream.received = 0;
	pending_unwatch(p);
	p->kind = PENDING_ENTER;
	set_blocking(&p->caller, false);
	p->door = relay_open(p->caller.fd, p->caller.domain);
	set_blocking(&p->caller, true);
	error = p->door < 0 ? p->door : pending_watch(p);
	if (error)
		finish(p, error);
}

static void go_on(struct pending *p)
{
	int step = stream_step(&p->stream, supervisor.session, p->socket, NULL);

	if (step > 0) {
		if (p->stream.state == STREAM_REPORT)
			tell_watch();
		step = pending_watch(p);
		if (step == 0)
			return;
	}
	if (step == 0 && p->socket != p->caller.fd)
		enter(p);
	else
		finish(p, step);
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

/* What connect(2) would say of the caller's socket, where it is not asked yet. */
static int check_own(int fd)
{
	int listens = 0;

	sys_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, sizeof(listens));
	return listens || ends_connected(fd) ? -EISCONN : 0;
}

/*
 * Asked before it is found to wait still: the number may be another's by now, or a setuid
 * program's.
 */
static bool is_stranger(const struct pending *p)
{
	struct ids ids;

	return !caller_ids(p->caller.tid, &ids) || ids.user != (uint32_t)SYS0(SYS_geteuid) ||
	       !supervisor_waits(p->id);
}

/*
 * The family of a socket of ours, 0 for the caller's own. Who may not read the session must not see
 * the password on its own socket, either: SO_TIMESTAMPING hands out what was sent, and in a network
 * namespace of its own anybody can be the proxy.
 */
static int own_family(const struct pending *p, const struct proxy *to, int domain)
{
	const int family = stream_family(to, domain);

	if (family || !to->credentials || !is_stranger(p))
		return family;
	return addr_family(&to->at);
}

/* The first step of a stream, on the caller's socket or on one of ours that reaches the proxy. */
static int start(struct pending *p, int domain)
{
	const struct session *s = supervisor.session;
	const int family =
		own_family(p, &s->settings.proxies[p->stream.proxy % SETTINGS_PROXIES], domain);
	int error = 0, fd;

	if (family) {
		error = check_own(p->caller.fd);
		if (error)
			return error;
		fd = (int)SYS3(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return fd;
		p->socket = fd;
		return stream_start(&p->stream, s, fd, family);
	}
	set_blocking(&p->caller, false);
	error = stream_start(&p->stream, s, p->caller.fd, domain);
	set_blocking(&p->caller, true);
	return error;
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
	error = start(p, c->domain);
	if (error == 0) {
		go_on(p);
		return HELD;
	}
	if (error != -EISCONN && error != -EALREADY)
		say_stream(p, -error);
	audit_end(p, -error);
	pending_release(p);
	return stream_refusal(error);
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
	struct addr peer;
	int error = 0;

	sys_getsockopt(p->caller.fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
	if (!error && ends_peer(p->caller.fd, &peer) == -ENOTCONN)
		return; /* still under way */
	finish(p, -error);
}

/*
 * Another call for a socket that waits already: of another thread (EALREADY), or the same one
 * again, which a signal had interrupted (where WAIT_KILLABLE_RECV is missing).
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
 * getaddrinfo(3) sorts addresses by the source that a datagram socket gets when it is connected to
 * them, and sends nothing. For loopback, which a passive lookup asks about, the socket is connected
 * to the port where nobody is (discard, RFC 863): the source is right, and what is sent all the
 * same is refused by the kernel.
 */
static long pretend(const struct request *rq, const struct call *c)
{
	const struct addr a = addr_loopback(addr_family(&c->to), DISCARD);
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

	if (p && is_connect(p))
		return join(rq, p);
	if (len >= sizeof(sa_family_t) && sa->ss_family == AF_UNSPEC)
		return disconnect(rq, sa, len, cookie);
	error = judge_call(&c, rq, CALL_CONNECT, sa, len, text, &name);
	if (error)
		return error;
	judge_decide(&c, rq, &d);
	if (dns_wants(&c, &d))
		return twin_is(rq->caller.fd) ? sys_connect(rq->caller.fd, sa, len)
					      : connect_responder(rq, cookie);
	judge_twin(rq, &d);
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

void judge_event(struct pending *p)
{
	switch ((enum pending_kind)p->kind) {
	case PENDING_PROXY:
		go_on(p);
		break;
	case PENDING_ENTER:
		enter_event(p);
		break;
	case PENDING_DIRECT:
		direct_event(p);
		break;
	case PENDING_SEND:
	case PENDING_TWIN:
		call_again(p);
		break;
	case PENDING_FREE:
		break;
	}
}

/* The connection is taken back, so that the program cannot use what is half of one. */
static void take_back(struct pending *p)
{
	if (is_proxied(p))
		audit_end(p, ECANCELED);
	if (is_connect(p))
		sys_disconnect(p->caller.fd);
}

/*
 * The kernel goes on with such a connect, and so it is with a direct one. A stream's end of the
 * handshake would come when nobody keeps the program from the socket: it is taken down, and only
 * then does the program go on.
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
		p->kind == PENDING_TWIN ? twin_late() : give_up(p);
	else if (p->kind == PENDING_PROXY && stream_timeout(&p->stream) == 0)
		go_on(p);
	else if (p->kind == PENDING_ENTER && stream_timeout(&p->stream) == 0)
		finish(p, -ETIMEDOUT);
}

void judge_caller(struct pending *p)
{
	if (supervisor_waits(p->id))
		return;
	take_back(p);
	pending_drop(p);
}
