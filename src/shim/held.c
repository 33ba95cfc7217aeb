/* SPDX-License-Identifier: MIT */
/*
 * held.c - what a stream under way needs otherwise than the program set it: the program is told its
 * own, and gets it when the handshake is over. And those who wait for a reply that is owed.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "pend.h"
#include "sys.h"

/* 1 where there is no such option: on a Unix socket. */
static int get(int fd, int level, int option)
{
	int value = 1;

	sys_getsockopt(fd, level, option, &value, sizeof(value));
	return value;
}

static void set(int fd, int level, int option, int value)
{
	sys_setsockopt(fd, level, option, &value, sizeof(value));
}

/* A reply is short: poll(2) must tell of its first byte. */
void held_begin(struct progress *p, int fd)
{
	int least = pend_limits ? get(fd, SOL_SOCKET, SO_RCVLOWAT) : 1;

	if (least <= 1)
		return;
	p->least = (uint32_t)least;
	set(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
}

/* The proxy's kernel may delay its ACK of the request: the data must not wait for that (Nagle). */
void held_owes(struct progress *p, int fd)
{
	if (get(fd, IPPROTO_TCP, TCP_NODELAY))
		return;
	p->delays = true;
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void held_end(const struct progress *p, int fd)
{
	if (p->least)
		set(fd, SOL_SOCKET, SO_RCVLOWAT, (int)p->least);
	if (p->delays)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
}

static bool is_least(int level, int option)
{
	return level == SOL_SOCKET && option == SO_RCVLOWAT;
}

static bool is_nodelay(int level, int option)
{
	return level == IPPROTO_TCP && option == TCP_NODELAY;
}

/* What the kernel would refuse is left to it. */
bool held_set(int fd, int level, int option, const void *value, socklen_t len)
{
	bool done = false;
	struct progress *p;
	int n;

	if ((!is_least(level, option) && !is_nodelay(level, option)) || len < sizeof(n) ||
	    !readable(value, sizeof(n)))
		return false;
	memcpy(&n, value, sizeof(n));
	p = pend_lock(fd);
	if (!p)
		return false;
	if (is_least(level, option)) {
		p->least = n < 0 ? INT32_MAX : n ? (uint32_t)n : 1; /* as tcp_set_rcvlowat() */
		done = true;
	} else if (p->need & PEND_OWED) {
		p->delays = !n;
		done = p->delays;
	}
	progress_unlock(p);
	return done;
}

bool held_get(int fd, int level, int option, void *value, socklen_t *len)
{
	struct progress *p;
	int n = 0;
	bool held;

	if ((!is_least(level, option) && !is_nodelay(level, option)) ||
	    !readable(len, sizeof(*len)) || *len < sizeof(n) || !readable(value, sizeof(n)))
		return false;
	p = pend_lock(fd);
	if (!p)
		return false;
	held = is_least(level, option) ? p->least : p->delays;
	if (is_least(level, option))
		n = (int)p->least;
	progress_unlock(p);
	if (!held)
		return false;
	memcpy(value, &n, sizeof(n));
	*len = sizeof(n);
	return true;
}

void held_settle(int fd)
{
	int was = errno, need;

	while (fds_maybe(fd) && (need = pend_step(fd)) > 0 && pend_owes(need))
		pend_rest(fd, need, 0);
	errno = was;
}

static void settle(int fd, void *arg)
{
	(void)arg;
	held_settle(fd);
}

void held_settle_all(void)
{
	fds_each(settle, NULL);
}

void held_deafen(int fd)
{
	struct progress *p = pend_lock(fd);

	if (!p)
		return;
	p->stream.deaf = true;
	progress_unlock(p);
}
