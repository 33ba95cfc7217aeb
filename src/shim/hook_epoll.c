/* SPDX-License-Identifier: MIT */
/*
 * hook_epoll.c - epoll. Events that bear our mark move handshakes on and never reach the program.
 */
#include <errno.h>

#include "hook_wait.h"

static bool event_sane(int op, const struct epoll_event *e)
{
	return op == EPOLL_CTL_DEL || readable(e, sizeof(*e));
}

WRAP int epoll_ctl(int epoll, int op, int fd, struct epoll_event *e)
{
	int was = errno, err = 1;
	uint64_t number;

	if (!event_sane(op, e))
		return real(epoll_ctl)(epoll, op, fd, e);
	if (pend_any() && fds_maybe(fd) && pend_step(fd))
		err = pend_epoll_ctl(epoll, op, fd, e);
	if (err <= 0) {
		errno = was;
		return (int)libc_result(err);
	}
	number = regs_number(epoll, fd);
	err = real(epoll_ctl)(epoll, op, fd, e);
	if (err < 0 || fd < 0 || fd >= PEND_FDS)
		return err;
	regs_note(epoll, op, fd, e, number);
	/*
	 * Another thread's connect(2) may have come between the call and the note: see begin()
	 * there.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (pend_any() && op != EPOLL_CTL_DEL && fds_maybe(fd) && pend_step(fd))
		pend_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, e);
	errno = was;
	return err;
}

/*
 * An event with our mark: the handshake goes on. True if the program must see it after all: the
 * mark cannot be taken away, since its descriptor was closed while a copy is open.
 */
static bool take(int epoll, int fd, struct epoll_event *e, bool *moved)
{
	struct reg *r = regs_find(epoll, fd);
	int need = pend_step(fd);
	uint64_t other = need || !r ? 0 : regs_closed(fd);

	if (other)
		pend_step_cookie(other);
	if (need || (other && pend_is(other))) {
		*moved = true;
		if (pend_owes(need))
			return r && regs_writable(r, fd, e);
		if (need && r && e->events & ~((uint32_t)need | EPOLLERR | EPOLLHUP | EPOLLRDHUP))
			regs_hide(fd, fd, regs_cookie(r), (uint32_t)need);
		return false;
	}
	regs_show_over(fd);
	if (!r || regs_fired(r))
		return false;
	if (!regs_lost(r)) {
		*moved = true;
		return false;
	}
	pend_step_all();
	if (pend_is(regs_cookie(r)))
		return false;
	e->events &= (uint32_t)r->state | EPOLLERR | EPOLLHUP;
	e->data.u64 = regs_data(r);
	return e->events != 0;
}

struct event_of {
	int epoll;
	uint64_t data;
	bool late;
};

static void is_late(int fd, void *arg)
{
	struct event_of *e = arg;

	e->late |= regs_late(e->epoll, fd, e->data);
}

/*
 * Did it come after another process's connect(2), and before our mark? An unconnected socket is
 * hung up. The kernel tells of it again, to us.
 */
static bool came_between(int epoll, const struct epoll_event *e)
{
	struct event_of of = {epoll, e->data.u64, false};

	if (!(e->events & EPOLLHUP) && others_here())
		fds_each(is_late, &of);
	return of.late;
}

/* Takes marked events out; how many remain. *moved: a mark was not in vain. */
static int sift(int epoll, struct epoll_event *events, int n, bool *moved)
{
	int kept = 0, fd;

	*moved = false;
	for (int i = 0; i < n; i++) {
		bool keep = regs_marked(events[i].data.u64, &fd)
				    ? take(epoll, fd, &events[i], moved)
				    : !came_between(epoll, &events[i]);

		if (keep)
			events[kept++] = events[i];
	}
	return kept;
}

SLOWLY static int wait_slowly(int epoll, struct epoll_event *events, int max, uint64_t end,
			      const sigset_t *mask)
{
	int was = errno, got, kept;
	bool over, moved, others;

	pend_sweep();
	do {
		pend_any(); /* news, if there is any */
		pend_expire();
		over = end && !pend_left(end);
		others = others_here();
		got = real(epoll_pwait)(epoll, events, max,
					pend_ms(others ? pend_nap(end) : pend_wait(end)), mask);
		if (got < 0)
			return got;
		if (!got && others)
			pend_step_all();
		kept = sift(epoll, events, got, &moved);
		if (got && !kept && !moved && !over) /* marks that stay: do not turn in circles */
			real(poll)(NULL, 0, 1);
	} while (!kept && !(over && !moved));
	errno = was;
	return kept;
}

/*
 * Is an event of a call that began when nothing was under way perhaps not the program's? Calls
 * nothing, so that the hook has no register to save.
 */
static inline bool may_be_marked(const struct epoll_event *events, int got)
{
	uint64_t secret = __atomic_load_n(&regs_secret, __ATOMIC_RELAXED);

	if (got <= 0 || !__atomic_load_n(&others_news->ever, __ATOMIC_RELAXED))
		return false;
	if (pend_stirs() || !secret)
		return true;
	for (int i = 0; i < got; i++)
		if ((events[i].data.u64 ^ secret) < PEND_FDS)
			return true;
	return false;
}

SLOWLY static int wait_over(int epoll, struct epoll_event *events, int max, int got, int64_t ns,
			    const sigset_t *mask)
{
	int was = errno, kept;
	bool moved;

	pend_any(); /* news, if there is any */
	kept = sift(epoll, events, got, &moved);
	errno = was;
	return kept ? kept : wait_slowly(epoll, events, max, ns < 0 ? 0 : pend_end(ns), mask);
}

static int64_t ns_of_ms(int ms)
{
	return ms < 0 ? -1 : ms * 1000000LL;
}

SLOWLY static int wait_ms(int epoll, struct epoll_event *events, int max, int ms,
			  const sigset_t *mask)
{
	return wait_slowly(epoll, events, max, ms < 0 ? 0 : pend_end(ns_of_ms(ms)), mask);
}

SLOWLY static int wait_came(int epoll, struct epoll_event *events, int max, int ms, int got)
{
	return wait_over(epoll, events, max, got, ns_of_ms(ms), NULL);
}

SLOWLY static int wait_news(int epoll, struct epoll_event *events, int max, int ms)
{
	int got;

	if (pend_any())
		return wait_ms(epoll, events, max, ms, NULL);
	got = real(epoll_wait)(epoll, events, max, ms);
	return may_be_marked(events, got) ? wait_came(epoll, events, max, ms, got) : got;
}

WRAP_OFTEN int epoll_wait(int epoll, struct epoll_event *events, int max, int ms)
{
	__typeof__(real_table.epoll_wait) quick = real_had(epoll_wait);
	struct epoll_event *STORED kept = events;
	STORED int kept_epoll = epoll, kept_max = max, kept_ms = ms;
	int got;

	if (pend_stirs() || !quick)
		return wait_news(epoll, events, max, ms);
	got = quick(epoll, events, max, ms);
	return may_be_marked(kept, got) ? wait_came(kept_epoll, kept, kept_max, kept_ms, got) : got;
}

WRAP int epoll_pwait(int epoll, struct epoll_event *events, int max, int ms, const sigset_t *mask)
{
	int got;

	if (pend_any())
		return wait_ms(epoll, events, max, ms, mask);
	got = real(epoll_pwait)(epoll, events, max, ms, mask);
	return may_be_marked(events, got) ? wait_over(epoll, events, max, got, ns_of_ms(ms), mask)
					  : got;
}

/* glibc has it since 2.35. */
static int pwait2(int epoll, struct epoll_event *events, int max, const struct timespec *t,
		  const sigset_t *mask)
{
	if (real(epoll_pwait2))
		return real(epoll_pwait2)(epoll, events, max, t, mask);
	return (int)libc_result(-ENOSYS);
}

WRAP int epoll_pwait2(int epoll, struct epoll_event *events, int max, const struct timespec *t,
		      const sigset_t *mask)
{
	int64_t ns;
	int got;

	if (pend_any() && time_sane(t)) {
		ns = ns_of(t);
		return wait_slowly(epoll, events, max, ns < 0 ? 0 : pend_end(ns), mask);
	}
	got = pwait2(epoll, events, max, t, mask);
	return may_be_marked(events, got) ? wait_over(epoll, events, max, got, ns_of(t), mask)
					  : got;
}
