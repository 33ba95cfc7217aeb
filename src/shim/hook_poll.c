/* SPDX-License-Identifier: MIT */
/*
 * hook_poll.c - poll(2). For a stream under way the kernel is asked for what the handshake waits
 * for, and the program is told nothing of it, until the handshake is over.
 */
#include <errno.h>
#include <string.h>

#include "hook_wait.h"

#define WRITABLE (POLLOUT | POLLWRNORM | POLLWRBAND)

static nfds_t poll_look(struct pollfd *mine, const struct pollfd *fds, nfds_t n)
{
	nfds_t hidden = 0;

	for (nfds_t i = 0; i < n; i++) {
		int need = fds[i].fd >= 0 && fds_maybe(fds[i].fd) ? pend_step(fds[i].fd) : 0;

		mine[i] = fds[i];
		mine[i].revents = 0;
		if (need) {
			mine[i].events = (short)(need & (POLLIN | POLLOUT));
			if (pend_owes(need))
				mine[i].events |= fds[i].events & WRITABLE;
			mine[i].revents = 1; /* for now: it is hidden */
			hidden++;
		}
	}
	return hidden;
}

/*
 * Steps the streams under way; asks for their needs, and for all else what the program asks. Anew
 * if one came up meanwhile: the same socket may stand there twice, or a copy of it.
 */
static nfds_t poll_prepare(struct pollfd *mine, const struct pollfd *fds, nfds_t n)
{
	nfds_t hidden;
	unsigned int hot;

	do {
		hot = pend_hot;
		hidden = poll_look(mine, fds, n);
	} while (hidden && hot != pend_hot);
	return hidden;
}

/* Which are hidden: the kernel overwrites what poll_prepare() noted. */
static void poll_note(uint64_t *hidden, const struct pollfd *mine, nfds_t n)
{
	memset(hidden, 0, (n + 63) / 64 * 8);
	for (nfds_t i = 0; i < n; i++)
		if (mine[i].revents)
			hidden[i / 64] |= 1ULL << (i % 64);
}

/*
 * Counts what the program may see; *woken: a handshake can go on. One that waits for POLLIN was
 * asked of writing only if the program may do that.
 */
static int poll_count(struct pollfd *mine, const uint64_t *hidden, nfds_t n, bool *woken)
{
	int ready = 0;

	*woken = false;
	for (nfds_t i = 0; i < n; i++) {
		if (!mine[i].revents)
			continue;
		if (hidden[i / 64] >> (i % 64) & 1) {
			short seen = mine[i].events & POLLIN ? mine[i].revents & WRITABLE : 0;

			*woken |= mine[i].revents != seen;
			mine[i].revents = seen;
		}
		ready += mine[i].revents != 0;
	}
	return ready;
}

static int poll_rounds(struct pollfd *mine, uint64_t *hidden, struct pollfd *fds, nfds_t n,
		       uint64_t end, const sigset_t *mask)
{
	struct timespec t;
	bool woken = false, over = false;
	nfds_t count;
	int got, ready;
	int64_t ns;

	for (;;) {
		pend_any(); /* news, if there is any */
		pend_expire();
		count = poll_prepare(mine, fds, n);
		poll_note(hidden, mine, n);
		over = end && !pend_left(end);
		ns = count ? pend_nap(end) : pend_wait(end);
		t = timespec_of(ns);
		got = real(ppoll)(mine, n, ns < 0 ? NULL : &t, mask);
		if (got < 0)
			return got;
		ready = poll_count(mine, hidden, n, &woken);
		if (ready || (over && !woken))
			break;
	}
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = mine[i].revents;
	return ready;
}

static int poll_slowly(struct pollfd *fds, nfds_t n, int64_t ns, const sigset_t *mask)
{
	struct scratch m;
	size_t bytes = n * sizeof(*fds);
	uint64_t end = ns < 0 ? 0 : pend_end(ns);
	int was = errno, got;

	pend_sweep();
	if (!scratch_get(&m, bytes + (n + 63) / 64 * 8)) {
		errno = ENOMEM;
		return -1;
	}
	got = poll_rounds(m.at, (uint64_t *)((char *)m.at + bytes), fds, n, end, mask);
	if (got >= 0)
		errno = was;
	scratch_free(&m);
	return got;
}

/* More than any process may have open: the kernel's EINVAL; nothing is dereferenced. */
static bool poll_sane(const struct pollfd *fds, nfds_t n)
{
	const size_t page = 4096;

	if (n > PEND_FDS)
		return false;
	for (size_t at = 0; at < n * sizeof(*fds); at += page)
		if (!sys_readable((const char *)fds + at, 1))
			return false;
	return !n || sys_readable((const char *)(fds + n) - 1, 1);
}

/* Did a wait that began before the connect end with what the program must not see? */
static bool poll_saw(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++) {
		int need = fds[i].revents && fds[i].fd >= 0 && fds_maybe(fds[i].fd)
				   ? pend_step(fds[i].fd)
				   : 0;

		if (need && !(pend_owes(need) && !(fds[i].revents & ~WRITABLE)))
			return true;
	}
	return false;
}

/* `got`: what a call gave that began when nothing was under way, else 0. */
SLOWLY static int poll_under_way(struct pollfd *fds, nfds_t n, int ms, int got)
{
	if (!pend_any())
		return got ? got : real(poll)(fds, n, ms);
	if (got && !poll_saw(fds, n))
		return got;
	if (!got && !poll_sane(fds, n))
		return real(poll)(fds, n, ms);
	return poll_slowly(fds, n, ms < 0 ? -1 : ms * 1000000LL, NULL);
}

static inline int wait_poll(struct pollfd *fds, nfds_t n, int ms)
{
	__typeof__(real_table.poll) quick = real_had(poll);
	struct pollfd *STORED kept = fds;
	STORED nfds_t kept_n = n;
	STORED int kept_ms = ms;
	int got;

	if (pend_stirs() || !quick)
		return poll_under_way(fds, n, ms, 0);
	got = quick(fds, n, ms);
	return got > 0 && pend_stirs() ? poll_under_way(kept, kept_n, kept_ms, got) : got;
}

SLOWLY static int ppoll_under_way(struct pollfd *fds, nfds_t n, const struct timespec *t,
				  const sigset_t *mask, int got)
{
	if (!pend_any())
		return got ? got : real(ppoll)(fds, n, t, mask);
	if (got && !poll_saw(fds, n))
		return got;
	if (!got && (!poll_sane(fds, n) || !time_sane(t)))
		return real(ppoll)(fds, n, t, mask);
	return poll_slowly(fds, n, ns_of(t), mask);
}

static inline int wait_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t,
			     const sigset_t *mask)
{
	int got;

	if (pend_stirs())
		return ppoll_under_way(fds, n, t, mask, 0);
	got = real(ppoll)(fds, n, t, mask);
	return got > 0 && pend_stirs() ? ppoll_under_way(fds, n, t, mask, got) : got;
}

WRAP_OFTEN int poll(struct pollfd *fds, nfds_t n, int ms)
{
	return wait_poll(fds, n, ms);
}

WRAP int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask)
{
	return wait_ppoll(fds, n, t, mask);
}

WRAP int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		return real(__poll_chk)(fds, n, ms, size); /* ends the program */
	return wait_poll(fds, n, ms);
}

WRAP int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask,
		     size_t size)
{
	if (size / sizeof(*fds) < n)
		return real(__ppoll_chk)(fds, n, t, mask, size);
	return wait_ppoll(fds, n, t, mask);
}
