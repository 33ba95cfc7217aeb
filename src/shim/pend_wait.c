/* SPDX-License-Identifier: MIT */
/*
 * pend_wait.c - how long calls wait for streams under way: their deadlines, the program's limits.
 */
#include <errno.h>
#include <fcntl.h>

#include "pend.h"
#include "sys.h"
#include "tunnel.h"

static _Atomic uint64_t wake; /* no deadline is earlier; 0: there is none */

void pend_note_deadline(struct progress *p)
{
	uint64_t until = p->stream.deadline, was = wake;
	bool reports = p->stream.state == STREAM_REPORT;

	__atomic_store_n(&p->until, reports ? p->stream.report.until : until, __ATOMIC_RELAXED);
	while (until && (!was || until < was) && !atomic_compare_exchange_weak(&wake, &was, until))
		;
}

void pend_expire(void)
{
	uint64_t was = wake;

	if (was && sys_now() >= was && atomic_compare_exchange_strong(&wake, &was, 0))
		pend_step_all();
}

uint64_t pend_end(int64_t ns)
{
	return ns < 0 ? 0 : sys_now() + (uint64_t)ns;
}

static int64_t left_until(uint64_t when)
{
	uint64_t now = sys_now();

	return when > now ? (int64_t)(when - now) : 0;
}

int64_t pend_left(uint64_t end)
{
	return end ? left_until(end) : -1;
}

int64_t pend_wait(uint64_t end)
{
	uint64_t first = atomic_load_explicit(&pend_hot, memory_order_relaxed) ? wake : 0;

	if (!first || (end && end < first))
		first = end;
	return pend_left(first);
}

/* glibc's: false once there was a second thread. */
extern char __libc_single_threaded __attribute__((weak));

/*
 * For poll(2) and select(2), which the kernel wakes for the handshake only: another thread may have
 * ended it, or another process.
 */
int64_t pend_nap(uint64_t end)
{
	const int64_t nap = 50000000;
	int64_t ns = pend_wait(end);

	if (&__libc_single_threaded && __libc_single_threaded && !others_here())
		return ns;
	return ns < 0 || ns > nap ? nap : ns;
}

int pend_ms(int64_t ns)
{
	int64_t ms = ns < 0 ? -1 : (ns + 999999) / 1000000;

	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

bool pend_blocks(int fd)
{
	long flags = SYS2(SYS_fcntl, fd, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

/* How long a blocking call may wait: the socket's own limit, if any was ever set. 0: for ever. */
uint64_t pend_limit(int fd, int option)
{
	struct timeval t = {0};

	if (!pend_limits || sys_getsockopt(fd, SOL_SOCKET, option, &t, sizeof(t)) < 0 ||
	    (!t.tv_sec && !t.tv_usec))
		return 0;
	return pend_end(t.tv_sec * 1000000000LL + t.tv_usec * 1000LL);
}

/* Waits for what the handshake needs. 0; -EINTR; -EAGAIN: the socket's own time is over. */
int pend_rest(int fd, int need, uint64_t limit)
{
	struct pollfd p[2] = {{.fd = fd, .events = (short)(need & (POLLIN | POLLOUT))},
			      {.events = POLLIN}};
	int got = real(poll)(p, tunnel_waits(need, &p[1]), pend_ms(pend_nap(limit)));

	if (got < 0 && errno == EINTR && (limit || tunnel_interrupts()))
		return -EINTR; /* the kernel restarts no call that has a time limit (signal(7)) */
	pend_expire();
	return !got && limit && sys_now() >= limit ? -EAGAIN : 0;
}

static int before(int fd, int flags, int option)
{
	uint64_t limit = 0;
	int need, err = 0;

	while (!err && (need = pend_step(fd)) > 0) {
		if (pend_owes(need) && option == SO_SNDTIMEO)
			return 0;
		if (flags & MSG_DONTWAIT || !pend_blocks(fd))
			return -EAGAIN;
		if (!limit)
			limit = pend_limit(fd, option);
		err = pend_rest(fd, need, limit);
	}
	return err ? err : -pend_error(fd);
}

/* errno stays the program's own unless the answer is false. */
bool pend_may(int fd, int flags, int option)
{
	int was = errno, err;

	pend_sweep();
	if (!fds_maybe(fd) || flags & MSG_ERRQUEUE) /* the kernel's own: no connection needed */
		return true;
	if (flags & MSG_OOB && option == SO_RCVTIMEO) /* EINVAL: the proxy says nothing urgent */
		return true;
	err = before(fd, flags, option);
	errno = err ? -err : was;
	return !err;
}
