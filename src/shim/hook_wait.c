/* SPDX-License-Identifier: MIT */
/*
 * hook_wait.c - poll(2) and select(2). For a stream under way the kernel is asked for what the
 * handshake waits for, and the program is told nothing of it, until the handshake is over.
 */
#include <errno.h>
#include <string.h>
#include <sys/select.h>

#include "pend.h"
#include "sys.h"

/*
 * Memory for a call: on the stack, which may be a small one, if it is little (124 descriptors of poll(2), or
 * 1,600 of select(2)). One that a signal handler jumps out of keeps it.
 */
struct scratch {
	_Alignas(16) char little[1024];
	void *at;
	size_t size;
};

static bool scratch_get(struct scratch *m, size_t size)
{
	m->size = size;
	m->at = size <= sizeof(m->little) ? m->little : sys_pages(size);
	return m->at != NULL;
}

static void scratch_free(struct scratch *m)
{
	if (m->at != m->little)
		SYS2(SYS_munmap, m->at, m->size);
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* ns of a valid time, -1 of none. A sum that would overflow is for ever. */
static int64_t ns_of(const struct timespec *t)
{
	return !t || t->tv_sec > INT32_MAX ? -1 : t->tv_sec * 1000000000LL + t->tv_nsec;
}

/* ---- poll ---- */

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
 * Steps the streams under way; asks for their needs, and for all else what the program asks. Anew if one
 * came up meanwhile: the same socket may stand there twice, or a copy of it.
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
 * Counts what the program may see; *woken: a handshake can go on. One that waits for POLLIN was asked
 * of writing only if the program may do that.
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
	if (got && !poll_saw(fds, n))
		return got;
	if (!got && !poll_sane(fds, n))
		return real(poll)(fds, n, ms);
	return poll_slowly(fds, n, ms < 0 ? -1 : ms * 1000000LL, NULL);
}

static inline int wait_poll(struct pollfd *fds, nfds_t n, int ms)
{
	int got;

	if (pend_any())
		return poll_under_way(fds, n, ms, 0);
	got = real(poll)(fds, n, ms);
	return got > 0 && pend_any() ? poll_under_way(fds, n, ms, got) : got;
}

static bool time_sane(const struct timespec *t)
{
	return !t || (readable(t, sizeof(*t)) && t->tv_sec >= 0 && t->tv_nsec >= 0 &&
		      t->tv_nsec < 1000000000);
}

SLOWLY static int ppoll_under_way(struct pollfd *fds, nfds_t n, const struct timespec *t,
				  const sigset_t *mask, int got)
{
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

	if (pend_any())
		return ppoll_under_way(fds, n, t, mask, 0);
	got = real(ppoll)(fds, n, t, mask);
	return got > 0 && pend_any() ? ppoll_under_way(fds, n, t, mask, got) : got;
}

WRAP int poll(struct pollfd *fds, nfds_t n, int ms)
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

/* ---- select ---- */

#define WORD (8 * (int)sizeof(unsigned long))

/* read, write and except, as the program gave them or as it gets them; NULL where it gave none */
struct sets {
	unsigned long *of[3];
};

static bool has(const unsigned long *set, int fd)
{
	return set && set[fd / WORD] >> (fd % WORD) & 1;
}

static bool any_of(const struct sets *s, int fd)
{
	return has(s->of[0], fd) || has(s->of[1], fd) || has(s->of[2], fd);
}

static void put_bit(unsigned long *set, int fd, bool on)
{
	unsigned long b = 1ul << (fd % WORD);

	set[fd / WORD] = on ? set[fd / WORD] | b : set[fd / WORD] & ~b;
}

static size_t set_bytes(int n)
{
	return (size_t)(n + WORD - 1) / WORD * sizeof(unsigned long);
}

/* What the program must not see: of reading and exceptions, and of writing. */
struct hidden {
	unsigned long *reading, *writing;
};

static int select_look(struct sets *mine, const struct hidden *hidden, const struct sets *in, int n)
{
	int count = 0;

	for (int i = 0; i < 3; i++) {
		if (in->of[i])
			memcpy(mine->of[i], in->of[i], set_bytes(n));
		else
			memset(mine->of[i], 0, set_bytes(n));
	}
	memset(hidden->reading, 0, set_bytes(n));
	memset(hidden->writing, 0, set_bytes(n));
	for (int fd = 0; fd < n; fd++) {
		int need = any_of(in, fd) && fds_maybe(fd) ? pend_step(fd) : 0;

		if (!need)
			continue;
		count++;
		put_bit(hidden->reading, fd, true);
		put_bit(mine->of[0], fd, need & POLLIN);
		put_bit(mine->of[2], fd, false);
		if (pend_owes(need))
			continue;
		put_bit(hidden->writing, fd, true);
		put_bit(mine->of[1], fd, need & POLLOUT);
	}
	return count;
}

/* Anew for copies, as poll_prepare(). */
static int select_prepare(struct sets *mine, const struct hidden *hidden, const struct sets *in,
			  int n)
{
	unsigned int hot;
	int count;

	do {
		hot = pend_hot;
		count = select_look(mine, hidden, in, n);
	} while (count && hot != pend_hot);
	return count;
}

/*
 * Takes out what is hidden; of `got`, what remains. Bits of numbers that the kernel does not look at are
 * there, too: it goes no further than its own table of descriptors, and sets are often smaller than `n`.
 */
static int select_count(const struct sets *mine, const struct hidden *hidden, int n, int got,
			bool *woken)
{
	*woken = false;
	for (int i = 0; i < 3; i++)
		for (size_t w = 0; w < set_bytes(n) / sizeof(unsigned long); w++) {
			unsigned long h = i == 1 ? hidden->writing[w] : hidden->reading[w];

			*woken |= (mine->of[i][w] & h) != 0;
			got -= __builtin_popcountl(mine->of[i][w] & h);
			mine->of[i][w] &= ~h;
		}
	return got;
}

/* What has not changed is not written: the program's set may end before it. */
static void put_set(unsigned long *out, const unsigned long *mine, int n)
{
	for (size_t w = 0; w < set_bytes(n) / sizeof(*out); w++)
		if (out[w] != mine[w])
			out[w] = mine[w];
}

static fd_set *as_set(const struct sets *s, int i)
{
	return (fd_set *)(void *)s->of[i];
}

static int select_rounds(struct sets *mine, const struct hidden *hidden, const struct sets *in,
			 int n, uint64_t end, const sigset_t *mask)
{
	struct timespec t;
	bool woken = false, over;
	int got, ready, count;
	int64_t ns;

	for (;;) {
		pend_any(); /* news, if there is any */
		pend_expire();
		count = select_prepare(mine, hidden, in, n);
		over = end && !pend_left(end);
		ns = count ? pend_nap(end) : pend_wait(end);
		t = timespec_of(ns);
		got = real(pselect)(n, as_set(mine, 0), as_set(mine, 1), as_set(mine, 2),
				    ns < 0 ? NULL : &t, mask);
		if (got < 0)
			return got;
		ready = select_count(mine, hidden, n, got, &woken);
		if (ready || (over && !woken))
			break;
	}
	for (int i = 0; i < 3; i++)
		if (in->of[i])
			put_set(in->of[i], mine->of[i], n);
	return ready;
}

static int select_slowly(int n, const struct sets *in, uint64_t end, const sigset_t *mask)
{
	struct scratch m;
	struct hidden hidden;
	struct sets mine;
	int was = errno, got;

	pend_sweep();
	if (!scratch_get(&m, 5 * set_bytes(n))) {
		errno = ENOMEM;
		return -1;
	}
	for (int i = 0; i < 3; i++)
		mine.of[i] = (unsigned long *)((char *)m.at + (size_t)i * set_bytes(n));
	hidden.reading = (unsigned long *)((char *)m.at + 3 * set_bytes(n));
	hidden.writing = (unsigned long *)((char *)m.at + 4 * set_bytes(n));
	got = select_rounds(&mine, &hidden, in, n, end, mask);
	if (got >= 0)
		errno = was;
	scratch_free(&m);
	return got;
}

static size_t readable_bytes(const void *at, size_t len)
{
	const size_t page = 4096;
	size_t good = 0;

	while (good < len && sys_readable((const char *)at + good, 1))
		good += page - ((uintptr_t)at + good) % page;
	return good < len ? good : len;
}

/*
 * How far the sets go of which the program says that they go to `n`, which may be getdtablesize(3) beside
 * a plain fd_set; -1: the kernel's EFAULT or EINVAL.
 */
static int select_reach(int n, const struct sets *in)
{
	size_t bytes;

	if (n < 0 || n > PEND_FDS)
		return -1;
	bytes = set_bytes(n);
	for (int i = 0; i < 3; i++)
		if (in->of[i])
			bytes = readable_bytes(in->of[i], bytes) / sizeof(long) * sizeof(long);
	if (bytes == set_bytes(n))
		return n;
	return bytes < sizeof(fd_set) ? -1 : (int)bytes * 8;
}

static struct sets sets_of(fd_set *r, fd_set *w, fd_set *e)
{
	return (struct sets){{(void *)r, (void *)w, (void *)e}};
}

/* Linux leaves what is left of the time. */
static void leave_rest(struct timeval *t, uint64_t end)
{
	int64_t ns = end ? pend_left(end) : 0;

	if (t && end) {
		t->tv_sec = ns / 1000000000;
		t->tv_usec = ns % 1000000000 / 1000;
	}
}

/*
 * One that slept before a stream began needs no second look: select(2) overwrote its sets, and an
 * unconnected socket does not let it sleep.
 */
WRAP int select(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict e,
		struct timeval *restrict t)
{
	struct sets in = sets_of(r, w, e);
	int got, reach = pend_any() ? select_reach(n, &in) : -1;
	uint64_t end;

	if (reach < 0 || (t && (!readable(t, sizeof(*t)) || t->tv_sec < 0 || t->tv_usec < 0 ||
				t->tv_sec > INT32_MAX)))
		return real(select)(n, r, w, e, t);
	end = t ? pend_end(t->tv_sec * 1000000000LL + t->tv_usec * 1000LL) : 0;
	got = select_slowly(reach, &in, end, NULL);
	leave_rest(t, end);
	return got;
}

WRAP int pselect(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict e,
		 const struct timespec *restrict t, const sigset_t *restrict mask)
{
	struct sets in = sets_of(r, w, e);
	int reach = pend_any() ? select_reach(n, &in) : -1;

	if (reach < 0 || !time_sane(t))
		return real(pselect)(n, r, w, e, t, mask);
	return select_slowly(reach, &in, t && ns_of(t) >= 0 ? pend_end(ns_of(t)) : 0, mask);
}
