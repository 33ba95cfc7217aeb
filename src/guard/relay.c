/* SPDX-License-Identifier: MIT */
/*
 * relay.c - carries bytes between a caller's TCP socket and a proxy that a socket of its family
 * does not reach: one on a Unix socket, or on IPv6 only; or must not see a password on its way to
 * it.
 *
 * Theory of operation. Another socket cannot be put in the place of the caller's from here: its
 * epoll registrations would be lost, and the program would find a Unix socket where it asks for
 * TCP's options. So the handshake runs on a socket of our own. When the tunnel is open the caller's
 * socket is connected, over loopback, to a listener that is there for this one connection, the
 * door; what it accepts and the tunnel's socket are the two sides of a relay. Nothing is kept here:
 * bytes are looked at, sent on as far as there is room, and only then taken; so a slow reader slows
 * the writer.
 *
 * The end of one direction is passed on, a reset too. A peer that has closed while the other side
 * is silent is found by keep-alive probes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "ends.h"
#include "supervisor.h"
#include "sys.h"

#define MOST (1 << 16)	/* descriptors */
#define PIECE (1 << 16) /* bytes at a time, */
#define TURNS 4		/* and so many times before others have their turn */
#define PROBE_S 60

enum { CALLER, TUNNEL };

/* By the caller's side. */
struct relay {
	int tunnel;
	bool on;
	bool ended[2]; /* nothing more comes from that side */
};

static struct relay *relays; /* MOST */
static uint8_t *piece;	     /* PIECE */
static int last = -1;	     /* no relay is above */
static size_t count;

/* --- the door --- */

static int listen_at(const struct addr *a, struct sockaddr_storage *sa)
{
	const int domain = addr_family(a);
	socklen_t len = (socklen_t)addr_to_sockaddr(a, domain, sa);
	int fd = (int)SYS3(SYS_socket, domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long error = fd;

	if (fd >= 0)
		error = sys_bind(fd, sa, len);
	if (error >= 0)
		error = SYS2(SYS_listen, fd, 1);
	if (error >= 0)
		error = SYS3(SYS_getsockname, fd, sa, &len);
	if (error >= 0)
		return fd;
	if (fd >= 0)
		sys_close(fd);
	return (int)error;
}

/* Connects `fd`, which does not block, to a new door at that address. */
static int open_at(const struct addr *a, int fd, int domain)
{
	const int off = 0;
	struct sockaddr_storage sa;
	struct addr at;
	int door = listen_at(a, &sa), error;

	if (door < 0)
		return door;
	addr_from_sockaddr(&at, &sa, sizeof(sa));
	if (domain == AF_INET6 && addr_is_v4(&at))
		sys_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	error = sys_connect(fd, &sa, (size_t)addr_to_sockaddr(&at, domain, &sa));
	if (error == 0 || error == -EINPROGRESS)
		return door;
	sys_close(door);
	return error;
}

int relay_open(int fd, int domain)
{
	const struct addr loopback4 = addr_loopback(AF_INET, 0);
	const struct addr loopback6 = addr_loopback(AF_INET6, 0);
	int door = domain == AF_INET6 ? open_at(&loopback6, fd, domain) : -EADDRNOTAVAIL;

	/* no IPv6 on loopback, or the socket is bound to an IPv4 address */
	if (door == -EADDRNOTAVAIL || door == -EAFNOSUPPORT || door == -ENETUNREACH ||
	    door == -EINVAL)
		door = open_at(&loopback4, fd, domain);
	return door;
}

/* Somebody else may have found the door. */
static bool is_peer(int accepted, int fd)
{
	struct addr peer, own;

	return ends_peer(accepted, &peer) == 0 && ends_own(fd, &own) == 0 &&
	       addr_equal(&peer, &own);
}

/* EPOLL_CTL_MOD makes events of what is there already. */
static int watch(int op, int fd, int side)
{
	return supervisor_watch(op, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, SOURCE_RELAY,
				(uint32_t)side);
}

static void probe(int fd)
{
	const int on = 1, seconds = PROBE_S;

	sys_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	sys_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int begin(int side, int tunnel)
{
	int error;

	if (side >= MOST)
		return -EMFILE;
	if (!relays)
		relays = sys_pages(MOST * sizeof(*relays));
	if (!piece)
		piece = sys_pages(PIECE);
	if (!relays || !piece)
		return -ENOMEM;
	probe(side);
	error = watch(EPOLL_CTL_ADD, side, side);
	if (!error)
		error = watch(EPOLL_CTL_ADD, tunnel, side);
	if (error)
		return error;
	relays[side] = (struct relay){.tunnel = tunnel, .on = true};
	last = side > last ? side : last;
	count++;
	return 0;
}

int relay_enter(int door, int fd, int tunnel)
{
	int side, error;

	for (;;) {
		side = (int)SYS4(SYS_accept4, door, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (side < 0)
			return side;
		if (is_peer(side, fd))
			break;
		sys_close(side);
	}
	error = begin(side, tunnel);
	if (error)
		sys_close(side);
	return error;
}

/* --- the relay --- */

static void end(int side, bool reset)
{
	const struct linger now = {.l_onoff = 1};
	const int fds[] = {side, relays[side].tunnel};

	for (int i = 0; i < 2; i++) {
		if (reset)
			sys_setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		sys_close(fds[i]); /* nobody else has it: that ends the watch */
	}
	relays[side].on = false;
	count--;
	while (last >= 0 && !relays[last].on)
		last--;
}

enum moved { WAITS, MORE, ENDED, SHUT };

/* ENDED: nothing more will come. SHUT: nothing more is taken. Or -errno: its source is broken. */
static int move(int from, int to)
{
	for (int i = 0; i < TURNS; i++) {
		long n = sys_recv(from, piece, (size_t)PIECE, MSG_DONTWAIT | MSG_PEEK), sent;

		if (n == -EAGAIN || n == -EINTR)
			return WAITS;
		if (n <= 0)
			return n ? (int)n : ENDED;
		sent = sys_send(to, piece, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == -EAGAIN)
			return WAITS;
		if (sent < 0)
			return SHUT;
		sys_recv(from, piece, (size_t)sent, MSG_DONTWAIT);
	}
	return MORE;
}

/* Moves what can be moved one way. False: that ended the relay. */
static bool move_side(int side, int which, bool *more)
{
	struct relay *r = &relays[side];
	const int fds[] = {side, r->tunnel};
	int got;

	if (r->ended[which])
		return true;
	got = move(fds[which], fds[!which]);
	*more |= got == MORE;
	if (got < 0) {
		end(side, true);
		return false;
	}
	r->ended[which] = got == ENDED || got == SHUT;
	if (got == ENDED)
		SYS2(SYS_shutdown, fds[!which], SHUT_WR);
	return true;
}

void relay_event(uint64_t own)
{
	const int side = (int)own;
	struct relay *r = &relays[side];
	bool more = false;

	if (!r->on || !move_side(side, CALLER, &more) || !move_side(side, TUNNEL, &more))
		return;
	/* where no process is left, nobody reads */
	if (r->ended[CALLER] && (r->ended[TUNNEL] || supervisor.deserted))
		end(side, false);
	else if (more) /* was left, because others have their turn */
		watch(EPOLL_CTL_MOD, side, side);
}

void relay_deserted(void)
{
	for (int side = 0; side <= last; side++)
		if (relays[side].on)
			relay_event((uint64_t)side);
}

void relay_each(void (*each)(int fd))
{
	for (int side = 0; side <= last; side++) {
		if (!relays[side].on)
			continue;
		each(side);
		each(relays[side].tunnel);
	}
}

size_t relay_count(void)
{
	return count;
}
