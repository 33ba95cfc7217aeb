/* SPDX-License-Identifier: MIT */
/* hook_socket.c - sockets but for what they send: made, connected, bound, asked. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "asked.h"
#include "audited.h"
#include "bus.h"
#include "ends.h"
#include "gate.h"
#include "inbound.h"
#include "listener.h"
#include "pend.h"
#include "replace.h"
#include "sys.h"

WRAP int socket(int domain, int type, int protocol)
{
	struct call c = {.kind = CALL_SOCKET,
			 .domain = domain,
			 .type = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
			 .protocol = protocol};
	bool tcp = c.type == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6);
	struct decision d;
	uint32_t before;
	int fd;

	if (decide_here(&c, &d) == VERDICT_REFUSE)
		return (int)libc_result(-refuse(&c, &d));
	before = tcp ? others_before() : 0;
	fd = real(socket)(domain, type, protocol);
	fds_fresh(fd);
	if (tcp) {
		others_fresh(fd, before);
		fds_set_tcp(fd, !protocol || protocol == IPPROTO_TCP);
	}
	return fd;
}

/*
 * An address of the other family than the socket's: the kernel's refusal comes before ours; or
 * `err`.
 */
static int or_wrong_family(int err, int fd, const struct call *c, socklen_t len)
{
	int domain = c->domain, wrong;

	sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	wrong = call_family(domain, c->type, c->domain, len);
	return wrong ? wrong : err;
}

/* connect(2) to AF_UNSPEC ends a stream, and one that is under way. */
static void disconnected(int fd)
{
	const struct session *s = here();

	if (pend_any())
		pend_forget(fd);
	if (s)
		streams_drop(session_streams(s), sys_cookie(fd));
}

static bool is_unspec(const struct sockaddr *to, socklen_t len)
{
	return len >= sizeof(sa_family_t) && readable(to, sizeof(sa_family_t)) &&
	       to->sa_family == AF_UNSPEC;
}

/*
 * What the kernel says of a connection in progress before it looks what kind of address it is
 * given.
 */
static bool in_progress(int fd, const struct sockaddr *to, socklen_t len)
{
	return pend_any() && len >= sizeof(sa_family_t) && len <= sizeof(struct sockaddr_storage) &&
	       readable(to, len) && pend_connects(pend_step(fd));
}

/* To a door that is closed: programs of this session may well listen there. */
static int connect_closed(int fd, const struct call *c, const struct decision *d,
			  const struct sockaddr *to, socklen_t len)
{
	int err = listener_ask(fd, to, len);

	if (!err)
		return pass_connect(fd, to, len) < 0 ? -errno : 0;
	return err == -EXDEV ? -refuse(c, d) : err;
}

static int connect_passed(int fd, const struct call *c, const struct sockaddr *to, socklen_t len)
{
	audit_direct(fd, c);
	if (pass_connect(fd, to, len) < 0)
		return -errno;
	if (c->family == AF_UNIX)
		bus_connected(fd, to, len, c);
	return 0;
}

int socket_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct call c;
	struct decision d;
	char text[NAME_MAX_LEN + 1];
	struct stream_entry e;
	enum verdict verdict;
	int32_t name;
	int err;

	if (!call_address(&c, CALL_CONNECT, fd, to, len)) {
		if (is_unspec(to, len) && replace_find(fd, &e))
			return replace_end(fd);
		if (!is_unspec(to, len) && in_progress(fd, to, len))
			return -EALREADY;
		if (pass_connect(fd, to, len) < 0)
			return -errno;
		if (c.family == AF_UNSPEC)
			disconnected(fd);
		return 0;
	}
	if (c.has_to && replace_find(fd, &e)) {
		c.type = SOCK_STREAM;
		c.protocol = IPPROTO_TCP;
		return decide_here(&c, &d) == VERDICT_PROXY
			       ? tunnel_connect(fd, &c, &d, call_name(&c, text))
			       : -EISCONN;
	}
	name = call_name(&c, text);
	verdict = decide_here(&c, &d);
	if (verdict != VERDICT_PROXY && in_progress(fd, to, len))
		return -EALREADY;
	switch (verdict) {
	case VERDICT_PROXY:
		err = tunnel_connect(fd, &c, &d, name);
		return err == -EINVAL ? or_wrong_family(err, fd, &c, len) : err;
	case VERDICT_PASS:
		return connect_passed(fd, &c, to, len);
	case VERDICT_ANSWER:
		err = or_wrong_family(0, fd, &c, len);
		return err ? err : asked_connect(fd, &c);
	default:
		err = or_wrong_family(0, fd, &c, len);
		if (!err && d.reason == REASON_UNIX)
			return connect_closed(fd, &c, &d, to, len);
		return err ? err : -refuse(&c, &d);
	}
}

/* errno is the program's own while a call succeeds. */
static int connect_keeping_errno(int fd, const struct sockaddr *to, socklen_t len)
{
	int before = errno, err = socket_connect(fd, to, len);

	errno = before;
	return (int)libc_result(err);
}

WRAP int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	return connect_keeping_errno(fd, to, len);
}

WRAP int __connect(int fd, const struct sockaddr *to, socklen_t len)
{
	return connect_keeping_errno(fd, to, len);
}

WRAP int bind(int fd, const struct sockaddr *at, socklen_t len)
{
	struct sockaddr_storage loopback;
	struct call c;
	struct decision d;
	int err;

	if (!call_address(&c, CALL_BIND, fd, at, len))
		return pass_bind(fd, at, len);
	switch (decide_here(&c, &d)) {
	case VERDICT_PASS:
		err = pass_bind(fd, at, len);
		if (!err && c.family == AF_UNIX)
			listener_note(at, len);
		return err;
	case VERDICT_NARROW:
		refuse(&c, &d);
		len = (socklen_t)inbound_address(fd, &c, &loopback);
		return pass_bind(fd, (struct sockaddr *)&loopback, len);
	default:
		return (int)libc_result(-refuse(&c, &d));
	}
}

WRAP int listen(int fd, int backlog)
{
	struct call c;
	struct decision d;
	int err;

	if (pend_connects(pend_need(fd)))
		return (int)libc_result(-EINVAL);
	if (!call_listen(&c, fd))
		return pass_listen(fd, backlog);
	switch (decide_here(&c, &d)) {
	case VERDICT_PASS:
		return pass_listen(fd, backlog);
	case VERDICT_NARROW:
		err = inbound_confine(fd, &c, &d);
		refuse(&c, &d);
		return err < 0 ? (int)libc_result(err) : pass_listen(fd, backlog);
	default:
		return (int)libc_result(-refuse(&c, &d));
	}
}

bool find_stream(int fd, struct stream_entry *e)
{
	const struct session *s = here();
	uint64_t cookie = s ? sys_cookie(fd) : 0;

	return cookie && streams_find(session_streams(s), cookie, e) == 0;
}

/* Of a connection that is shut down connect(2) says EISCONN, also to who was owed a 0. */
static void connect_told(int fd)
{
	struct stream_entry e;

	if (find_stream(fd, &e) && e.untold) {
		e.untold = false;
		streams_add(session_streams(here()), &e);
	}
}

static bool holds_half_close(int fd)
{
	struct stream_entry e;
	struct call c = {.kind = CALL_CONNECT, .protocol = IPPROTO_TCP, .type = SOCK_STREAM};
	struct decision d;
	char text[NAME_MAX_LEN + 1];

	if (!find_stream(fd, &e))
		return false;
	c.to = e.to;
	c.has_to = true;
	c.domain = c.family = addr_family(&e.to);
	call_name(&c, text);
	return decide_here(&c, &d) == VERDICT_PROXY && d.hold;
}

WRAP int shutdown(int fd, int how)
{
	int before = errno, need = pend_need(fd);

	if (need && (how < SHUT_RD || how > SHUT_RDWR))
		return real(shutdown)(fd, how); /* EINVAL */
	if (pend_connects(need)) {
		/* What the kernel does with a connection in progress: it is over, ECONNRESET. */
		pend_forget(fd); /* a replacement is gone, too */
		sys_disconnect(fd);
		return 0;
	}
	if (need && how != SHUT_WR)
		held_deafen(fd);
	connect_told(fd);
	if (how == SHUT_WR && holds_half_close(fd)) {
		errno = before;
		return 0;
	}
	return real(shutdown)(fd, how);
}

/* Writes an address as the kernel does: cut to the room that there is, with its whole length. */
static void put_name(const struct sockaddr_storage *name, socklen_t size, struct sockaddr *out,
		     socklen_t *len, socklen_t room)
{
	memcpy(out, name, size < room ? size : room);
	*len = size;
}

int socket_peername(int fd, struct sockaddr *peer, socklen_t *len)
{
	struct sockaddr_storage to;
	struct stream_entry e = {0};
	socklen_t room = readable(len, sizeof(*len)) ? *len : 0;
	int got, size;

	if (pend_connects(pend_need(fd)))
		return (int)libc_result(-ENOTCONN);
	got = real(getpeername)(fd, peer, len);
	if (got < 0 || room < sizeof(sa_family_t) || *len < sizeof(sa_family_t) ||
	    (peer->sa_family != AF_INET && peer->sa_family != AF_INET6 &&
	     !(peer->sa_family == AF_UNIX && replace_possible())) ||
	    (!(asked_is(fd) && asked_peer(fd, &e.to)) && !find_stream(fd, &e)))
		return got;
	size = addr_to_sockaddr(&e.to, e.domain ? e.domain : peer->sa_family, &to);
	if (size > 0)
		put_name(&to, (socklen_t)size, peer, len, room);
	return got;
}

WRAP int getpeername(int fd, struct sockaddr *restrict peer, socklen_t *restrict len)
{
	return socket_peername(fd, peer, len);
}

/* A replacement has no name, or one of another family: loopback, and a port that tells it apart. */
static int own_name(int fd, const struct stream_entry *e, struct sockaddr_storage *out)
{
	uint16_t port = (uint16_t)(1024 + e->cookie % (65536 - 1024));
	struct addr a;

	if (ends_own(fd, &a) == 0)
		port = a.port;
	a = addr_loopback(addr_family(&e->to), port);
	return addr_to_sockaddr(&a, e->domain, out);
}

WRAP int getsockname(int fd, struct sockaddr *restrict name, socklen_t *restrict len)
{
	struct sockaddr_storage own;
	struct stream_entry e;
	socklen_t room = readable(len, sizeof(*len)) ? *len : 0;
	int got = real(getsockname)(fd, name, len), size;

	if (got < 0 || !room || !replace_find(fd, &e))
		return got;
	size = own_name(fd, &e, &own);
	if (size > 0)
		put_name(&own, (socklen_t)size, name, len, room);
	return got;
}
