/* SPDX-License-Identifier: MIT */
/* hook_select.c - select(2), as poll(2) in hook_poll.c. */
#include <errno.h>
#include <string.h>
#include <sys/select.h>

#include "hook_wait.h"

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
 * Takes out what is hidden; of `got`, what remains. Bits of numbers that the kernel does not look
 * at are there, too: it goes no further than its own table of descriptors, and sets are often
 * smaller than `n`.
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
 * How far the sets go of which the program says that they go to `n`, which may be getdtablesize(3)
 * beside a plain fd_set; -1: the kernel's EFAULT or EINVAL.
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
