/* SPDX-License-Identifier: MIT */
/*
 * stream.c - from a socket to a tunnel, stepwise.
 *
 * Theory of operation: the handshake runs on the program's own descriptor with MSG_DONTWAIT, so a
 * blocking socket need not be made non-blocking, and a signal handler that jumps out of the wait
 * leaves nothing to be put back. Replies are read in the exact pieces that core/socks.c allows: the
 * byte after the last one is the program's.
 */
#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

#include "bytes.h"
#include "ends.h"
#include "log.h"
#include "reporter.h"
#include "stream_request.h"
#include "sys.h"

static uint64_t after(uint64_t now, uint32_t ms)
{
	return ms ? now + (uint64_t)ms * 1000000u : 0;
}

void stream_init(struct stream *st, const struct session *s, const struct decision *d,
		 const struct addr *to, int32_t name, enum socks_command command)
{
	memset(st, 0, sizeof(*st));
	st->to = *to;
	st->name = name;
	st->command = (uint8_t)command;
	st->proxy = d->proxy;
	st->isolate = d->isolate;
	st->pipeline = d->pipeline;
	st->optimistic = d->optimistic && command == SOCKS_CONNECT;
	st->state = STREAM_CONNECTING;
	st->started = sys_now();
	st->deadline = after(st->started, s->settings.connect_timeout);
	if (d->isolate == ISOLATE_CONNECTION)
		SYS3(SYS_getrandom, &st->serial, sizeof(st->serial), 0);
}

/*
 * A blocking connect(2) ends after ConnectTimeout only if the socket says so. Loopback answers at
 * once or refuses, so the three calls are spent on other proxies alone.
 */
static int connect_bounded(int fd, const struct sockaddr_storage *to, int len, uint32_t ms)
{
	struct timeval was = {0}, limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	int err;

	if (!ms || sys_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &was, sizeof(was)) < 0 ||
	    was.tv_sec || was.tv_usec)
		return sys_connect(fd, to, (size_t)len);
	sys_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	err = sys_connect(fd, to, (size_t)len);
	sys_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &was, sizeof(was));
	return err;
}

void stream_unbound(const struct session *s, int fd)
{
	const struct timeval none = {0};
	uint32_t ms = s->settings.connect_timeout;
	struct timeval is = {0};

	sys_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &is, sizeof(is));
	if (is.tv_sec == ms / 1000 && is.tv_usec == ms % 1000 * 1000)
		sys_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
}

/* An IPv6-only socket reaches an IPv4 proxy once it is told that it is not. */
static int allow_mapped(int fd, int domain, const struct addr *to)
{
	const int off = 0;

	if (domain != AF_INET6 || !addr_is_v4(to))
		return -ENETUNREACH;
	return sys_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
}

int stream_family(const struct proxy *p, int domain)
{
	if (p->path[0])
		return AF_UNIX;
	return domain == AF_INET && !addr_is_v4(&p->at) ? AF_INET6 : 0;
}

int stream_refusal(int error)
{
	return error == -ENOENT || error == -EAGAIN || error == -EACCES ? -ECONNREFUSED : error;
}

int stream_address(const struct proxy *p, int domain, struct sockaddr_storage *to)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (!p->path[0] != (domain != AF_UNIX))
		return -EAFNOSUPPORT;
	if (domain != AF_UNIX)
		return addr_to_sockaddr(&p->at, domain, to);
	memcpy(at.sun_path, p->path, sizeof(at.sun_path));
	memcpy(to, &at, sizeof(at));
	return sizeof(at);
}

static int connect_proxy(const struct settings *s, const struct proxy *p, int fd, int domain)
{
	struct sockaddr_storage to;
	int len = stream_address(p, domain, &to), err;

	if (len < 0)
		return len;
	if (!p->path[0] && addr_is_loopback(&p->at))
		err = sys_connect(fd, &to, (size_t)len);
	else
		err = connect_bounded(fd, &to, len, s->connect_timeout);
	if (err == -ENETUNREACH && allow_mapped(fd, domain, &p->at) == 0)
		err = sys_connect(fd, &to, (size_t)len);
	return err;
}

/*
 * Before the request leaves, for who attaches streams by their port. The words are torsocks'. A
 * line is long: not on everybody's stack.
 */
static __attribute__((noinline)) void say_source(int fd)
{
	char text[ADDR_TEXT];
	struct bytes_out *o;
	struct log_line l;
	struct addr own;

	if (ends_own(fd, &own) < 0)
		return;
	addr_print_port(&own, text);
	o = log_begin(&l, LOG_DEBUG);
	bytes_put_text(o, "Connection on fd ");
	bytes_put_number(o, (uint64_t)fd);
	bytes_put_text(o, " originating from ");
	bytes_put_text(o, text);
	log_end(&l);
}

static void begin_handshake(struct stream *st, const struct session *s, int fd)
{
	struct socks_request rq;
	struct stream_text t;
	int err = stream_request(&rq, s, st, &t);

	if (log_wants(LOG_DEBUG))
		say_source(fd);
	st->state = STREAM_HANDSHAKE;
	st->deadline = after(sys_now(), s->settings.handshake_timeout);
	if (err < 0)
		socks_fail(&st->socks, -err);
	else
		socks_begin(&st->socks, &rq);
}

static int is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	const struct timespec at_once = {0};

	return SYS5(SYS_ppoll, &p, 1, &at_once, 0, 8) > 0 ? p.revents : 0;
}

/* The socket is connected: its local port is known. */
static void connected(struct stream *st, const struct session *s, int fd)
{
	if (__builtin_expect(s->settings.report != 0, 0))
		st->state = STREAM_REPORT;
	else
		begin_handshake(st, s, fd);
}

/* While the controller is asked, a proxy that goes away is not waited for. */
static int report(struct stream *st, const struct session *s, int fd)
{
	struct socks_request rq;
	struct stream_text t;
	int wait = stream_request(&rq, s, st, &t);

	if (wait == 0)
		wait = reporter_connect(st, s, fd, &rq);
	if (wait > 0 && is_ready(fd, 0))
		wait = -ECONNRESET;
	if (wait == 0)
		begin_handshake(st, s, fd);
	return wait;
}

static void report_end(struct stream *st, const struct session *s, int error)
{
	struct socks_request rq;
	struct stream_text t;

	if (stream_request(&rq, s, st, &t) == 0)
		reporter_reply(st, s, &rq, error);
}

static bool is_bound(int fd)
{
	struct addr own;

	return ends_own(fd, &own) == 0 && own.port && !addr_is_v4(&own);
}

int stream_start(struct stream *st, const struct session *s, int fd, int domain)
{
	const struct proxy *p = &s->settings.proxies[st->proxy % SETTINGS_PROXIES];
	int err = connect_proxy(&s->settings, p, fd, domain);

	if (err == 0) {
		connected(st, s, fd);
		return 0;
	}
	st->bound = err == -ENETUNREACH && domain == AF_INET6 && is_bound(fd);
	return err == -EINPROGRESS ? 0 : err;
}

/* The proxy has closed the connection: a refusal, as socks_fail() has it. */
static int closed(struct stream *st)
{
	socks_eof(&st->socks);
	return -st->socks.error;
}

/*
 * How did the kernel's connect go? A second connect(2) would tell, too, and would take from the
 * program the 0 that its own second call gets.
 */
static int check_connected(struct stream *st, const struct session *s, int fd)
{
	int error = 0, ready = is_ready(fd, POLLOUT);

	if (!ready)
		return POLLOUT;
	if (ready & (POLLERR | POLLHUP)) {
		sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
		if (error == ECONNRESET) /* it was connected; a refusal is ECONNREFUSED */
			return closed(st);
		return error > 0 ? -error : -ECONNABORTED;
	}
	connected(st, s, fd);
	return 0;
}

/* What send(2) and recv(2) say if they did nothing. */
static int not_done(struct stream *st, int error, int wait)
{
	if (error == -EAGAIN)
		return wait;
	if (error == -ECONNRESET || error == -EPIPE)
		return closed(st);
	return error == -EINTR ? 0 : error;
}

static int send_some(struct stream *st, const struct socks_request *rq, int fd)
{
	uint8_t message[SOCKS_MESSAGE_MAX];
	size_t len = socks_output(&st->socks, rq, message);
	long n = sys_send(fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	memset(message, 0, len); /* it may hold a password */
	if (n < 0)
		return not_done(st, (int)n, POLLOUT);
	socks_sent(&st->socks, rq, (size_t)n);
	st->sent += (uint32_t)n;
	/* The reply cannot be here yet: waiting for it first saves a recv(2) in vain. */
	return socks_next(&st->socks) == SOCKS_RECEIVE ? POLLIN : 0;
}

static int receive_some(struct stream *st, const struct socks_request *rq, int fd,
			struct socks_answer *answer)
{
	uint8_t reply[SOCKS_WANT_MAX];
	size_t want = socks_want(&st->socks);
	long n = sys_recv(fd, reply, want < sizeof(reply) ? want : sizeof(reply), MSG_DONTWAIT);

	if (n < 0)
		return not_done(st, (int)n, POLLIN);
	if (n == 0 && st->deaf)
		st->state = STREAM_OPEN;
	else if (n == 0)
		socks_eof(&st->socks);
	else
		socks_input(&st->socks, rq, reply, (size_t)n, answer);
	st->received += (uint32_t)n;
	return 0;
}

/*
 * Steps until there is something to wait for (POLLIN, POLLOUT), an end (0) or a failure (-errno).
 */
static int handshake(struct stream *st, const struct session *s, int fd,
		     struct socks_answer *answer)
{
	struct socks_request rq;
	struct stream_text t;
	int wait = stream_request(&rq, s, st, &t);

	while (wait == 0 && st->state == STREAM_HANDSHAKE) {
		switch (socks_next(&st->socks)) {
		case SOCKS_SEND:
			wait = send_some(st, &rq, fd);
			break;
		case SOCKS_RECEIVE:
			wait = receive_some(st, &rq, fd, answer);
			break;
		case SOCKS_DONE:
			st->state = STREAM_OPEN;
			return 0;
		case SOCKS_FAILED:
			wait = -st->socks.error;
			break;
		}
	}
	st->requested |= socks_requested(&st->socks, &rq);
	return wait;
}

/* A Unix socket cannot be disconnected; what came in would stay readable after shutdown(2). */
static void shut(int fd)
{
	uint8_t rest[256];

	SYS2(SYS_shutdown, fd, SHUT_RDWR);
	while (sys_recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
}

/* Disconnects, so that nothing of a reply reaches the program, and it may connect anew. */
static int fail(struct stream *st, int fd, int error)
{
	int stale;

	socks_fail(&st->socks, -error); /* keeps the machine's own reason, if it has one */
	st->state = STREAM_FAILED;
	if (sys_disconnect(fd) < 0)
		shut(fd);
	/* Throwing away unread bytes leaves ECONNRESET behind, for a later call to stumble on. */
	sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &stale, sizeof(stale));
	return error;
}

bool stream_owes(const struct stream *st)
{
	return st->optimistic && st->requested && st->state == STREAM_HANDSHAKE;
}

int stream_abort(struct stream *st, int fd, int error)
{
	return fail(st, fd, -error);
}

int stream_step(struct stream *st, const struct session *s, int fd, struct socks_answer *answer)
{
	int wait = 0;

	if (st->state == STREAM_OPEN)
		return 0;
	if (st->state == STREAM_CONNECTING)
		wait = check_connected(st, s, fd);
	if (wait == 0 && st->state == STREAM_REPORT)
		wait = report(st, s, fd);
	if (wait == 0)
		wait = handshake(st, s, fd, answer);
	if (wait > 0 && st->state != STREAM_REPORT && st->deadline && sys_now() >= st->deadline)
		wait = -ETIMEDOUT;
	if (wait <= 0 && st->report.seq)
		report_end(st, s, -wait);
	return wait < 0 ? fail(st, fd, wait) : wait;
}

int stream_timeout(const struct stream *st)
{
	uint64_t now = sys_now();

	if (!st->deadline)
		return -1;
	if (now >= st->deadline)
		return 0;
	return (int)((st->deadline - now + 999999) / 1000000);
}
