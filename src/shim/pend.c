/* SPDX-License-Identifier: MIT */
/*
 * pend.c - streams under way advance when the program looks at their sockets, and what it is told
 * meanwhile is what the kernel tells of a connection in progress.
 */
#include "pend.h"

#include <errno.h>

#include "audited.h"
#include "replace.h"
#include "seqlock.h"
#include "sys.h"
#include "tunnel.h"

#define SWEEP_NS 100000000u

/* The number leads to nothing under way (any more): perhaps another process or a copy ended it. */
static void unhint(int fd)
{
	const struct session *s = here();

	if (fds_borrowed() || regs_closed(fd))
		return;
	fds_unmark(fd);
	if (s && progress_find(session_progresses(s), sys_cookie(fd)))
		fds_mark(fd); /* just now, by another thread */
	else
		regs_show_over(fd);
}

struct progress *pend_find(int fd, uint64_t *cookie)
{
	const struct session *s;
	struct progress *p;

	if (!fds_maybe(fd))
		return NULL;
	s = here();
	*cookie = sys_cookie(fd);
	p = s ? progress_find(session_progresses(s), *cookie) : NULL;
	if (!p)
		unhint(fd);
	return p;
}

struct copies {
	uint64_t cookie;
	uint32_t events; /* 0: show */
	int fd;
};

static void turn(int fd, int copy, uint64_t cookie, uint32_t events)
{
	if (events)
		regs_hide(fd, copy, cookie, events);
	else
		regs_show(fd, copy, cookie);
}

static void turn_copy(int fd, void *arg)
{
	const struct copies *c = arg;

	if (sys_cookie(fd) == c->cookie)
		turn(fd, fd, c->cookie, c->events);
	else if (regs_ours(fd, c->cookie))
		turn(fd, c->fd, c->cookie, c->events);
}

/* The registrations of all numbers of the socket. */
static void turn_all(struct progress *p, int fd, uint32_t events)
{
	struct copies c = {p->cookie, events, fd};

	turn(fd, fd, p->cookie, events);
	if (fds_has_copies(fd))
		fds_each(turn_copy, &c);
}

static void show(struct progress *p, int fd)
{
	turn_all(p, fd, 0);
}

void pend_hide(struct progress *p, int fd, uint32_t events)
{
	turn_all(p, fd, events);
}

void pend_drop(struct progress *p, int fd)
{
	progress_drop(session_progresses(here()), p);
	fds_unmark(fd);
}

/* Shows and drops it. A thread that waited for the lock in vain may have hidden one in between. */
static void over(struct progress *p, int fd)
{
	uint64_t cookie = p->cookie;

	show(p, fd);
	pend_drop(p, fd);
	regs_show(fd, fd, cookie);
}

/*
 * Where a replacement stands the program gets a socket of its own family back, and `p` goes on as
 * that one's; without a descriptor to spare the program keeps one that is shut down.
 */
static struct progress *give_back(struct progress *p, int fd)
{
	struct progresses *t = session_progresses(here());
	int made = replace_make(fd, p->stream.domain);
	struct progress *other = NULL;

	if (made >= 0)
		other = progress_add(t, sys_cookie(made), (uint32_t)sys_gettid());
	if (!other) {
		if (made >= 0)
			sys_close(made);
		return p;
	}
	other->waited = p->waited;
	other->stream = p->stream;
	other->stream.domain = 0;
	replace_put(fd, made, true);
	progress_drop(t, p);
	return other;
}

/* The socket looks as after a refusal by the kernel; what differs is kept until somebody asks. */
static void failed(struct progress *p, int fd, int error)
{
	bool native;

	held_end(p, fd);
	if (p->need & PEND_OWED)
		streams_drop(session_streams(here()), p->cookie);
	tunnel_say_failed(here(), &p->stream, error);
	audit_end(here(), &p->stream, error);
	if (p->stream.domain)
		p = give_back(p, fd);
	native = !p->waited && stream_refuse(fd);
	p->error = (int16_t)error;
	progress_set_state(p, PROGRESS_FAILED);
	show(p, fd);
	if (native && error == ECONNREFUSED)
		pend_drop(p, fd);
	else
		progress_unlock(p);
}

/*
 * Lists it as connected; again, with all bytes of the handshake, when a reply that was owed is
 * there.
 */
static void list(const struct progress *p)
{
	bool untold = (p->stream.domain || p->told) && !p->waited;
	struct stream_entry e;

	if (p->need & PEND_OWED && !streams_find(session_streams(here()), p->cookie, &e))
		untold = e.untold;
	tunnel_list(here(), &p->stream, SHARED_LOAD_RELAXED(&p->owner), untold);
}

static void opened(struct progress *p, int fd)
{
	held_end(p, fd);
	list(p);
	tunnel_say_open(here(), &p->stream, fd);
	audit_end(here(), &p->stream, 0);
	over(p, fd);
}

/* The program counts as connected: data may go out behind the request. */
static void owes(struct progress *p, int fd)
{
	list(p);
	held_owes(p, fd);
}

int pend_advance(struct progress *p, int fd, bool stolen, uint32_t also)
{
	int need;

	if (stolen && p->calm) {
		p->calm = p->waited = stolen = false;
		stream_unbound(here(), fd);
	}
	need = stolen ? stream_abort(&p->stream, fd, ECONNABORTED)
		      : stream_step(&p->stream, here(), fd, NULL);

	if (need <= 0) {
		need ? failed(p, fd, -need) : opened(p, fd);
		return 0;
	}
	pend_note_deadline(p);
	if (stream_owes(&p->stream))
		need |= PEND_OWED;
	if (need & ~p->need & PEND_OWED)
		owes(p, fd);
	if ((uint32_t)need != p->need || also) {
		__atomic_store_n(&p->need, (uint32_t)need, __ATOMIC_RELAXED);
		pend_hide(p, fd, (uint32_t)need | also);
	}
	progress_unlock(p);
	return need;
}

int pend_step_known(struct progress *p, uint64_t cookie, int fd, uint32_t self)
{
	enum progress_lock how = progress_lock(p, cookie, self);
	uint32_t need;

	if (how == PROGRESS_GONE)
		return 0;
	if (how == PROGRESS_BUSY) {
		need = __atomic_load_n(&p->need, __ATOMIC_RELAXED);
		return need ? (int)need : POLLIN;
	}
	if (p->state != PROGRESS_UNDER_WAY) {
		progress_unlock(p);
		return 0;
	}
	return pend_advance(p, fd, how == PROGRESS_STOLEN, 0);
}

static void find_number(int fd, void *arg)
{
	struct copies *c = arg;

	if (c->fd < 0 && sys_cookie(fd) == c->cookie)
		c->fd = fd;
}

int pend_step_cookie(uint64_t cookie)
{
	struct copies c = {.cookie = cookie, .fd = -1};
	struct progress *p = progress_find(session_progresses(here()), cookie);

	fds_each(find_number, &c);
	if (!p || c.fd < 0 || progress_lock(p, cookie, (uint32_t)sys_gettid()) != PROGRESS_LOCKED)
		return 0;
	if (p->state == PROGRESS_UNDER_WAY)
		return pend_advance(p, c.fd, false, EPOLLRDHUP);
	progress_unlock(p);
	return 0;
}

bool pend_is(uint64_t cookie)
{
	struct progress *p = progress_find(session_progresses(here()), cookie);

	return p && progress_under_way(p, cookie);
}

int pend_step(int fd)
{
	uint64_t cookie;
	struct progress *p = pend_find(fd, &cookie);

	return p ? pend_step_known(p, cookie, fd, (uint32_t)sys_gettid()) : 0;
}

/* For what cannot be put off; who holds the lock does not wait for anything. */
static bool insist(struct progress *p, uint64_t cookie)
{
	uint32_t self = (uint32_t)sys_gettid();
	enum progress_lock how = PROGRESS_BUSY;

	for (int tries = 0; tries < 10000; tries++) {
		how = progress_lock(p, cookie, self);
		if (how != PROGRESS_BUSY || SHARED_LOAD_RELAXED(&p->owner) == self)
			break;
		SYS0(SYS_sched_yield);
	}
	return how <= PROGRESS_STOLEN;
}

struct progress *pend_lock(int fd)
{
	uint64_t cookie;
	struct progress *p = pend_find(fd, &cookie);

	if (!p || !insist(p, cookie))
		return NULL;
	if (p->state == PROGRESS_UNDER_WAY)
		return p;
	progress_unlock(p);
	return NULL;
}

int pend_error(int fd)
{
	uint64_t cookie;
	struct progress *p = pend_find(fd, &cookie);
	int error = 0, kernels;

	if (!p || !insist(p, cookie))
		return 0;
	if (p->state != PROGRESS_FAILED) {
		progress_unlock(p);
		return 0;
	}
	error = p->error;
	sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &kernels, sizeof(kernels));
	pend_drop(p, fd);
	return error;
}

void pend_forget_locked(struct progress *p, int fd)
{
	int made = -1;

	held_end(p, fd);
	if (p->stream.domain && sys_cookie(fd) == p->cookie)
		made = replace_make(fd, p->stream.domain);
	if (made >= 0)
		replace_put(fd, made, false);
	over(p, fd);
}

void pend_forget(int fd)
{
	uint64_t cookie;
	struct progress *p = pend_find(fd, &cookie);

	if (!p || !insist(p, cookie))
		return;
	if (p->state == PROGRESS_FAILED) {
		p->ended = true;
		progress_unlock(p);
		return;
	}
	audit_end(here(), &p->stream, ECANCELED);
	pend_forget_locked(p, fd);
}

/*
 * Who holds the lock may do so for as long as connect(2) takes: what is registered is hidden all
 * the same.
 */
int pend_epoll_ctl(int epoll, int op, int fd, const struct epoll_event *e)
{
	uint64_t cookie;
	struct progress *p = pend_find(fd, &cookie);
	bool locked = p && insist(p, cookie);
	uint32_t need;
	int err;

	if (!p || !progress_under_way(p, cookie)) {
		if (locked)
			progress_unlock(p);
		return 1;
	}
	need = __atomic_load_n(&p->need, __ATOMIC_RELAXED);
	if (!locked)
		need |= EPOLLIN | EPOLLOUT;
	err = regs_change(epoll, op, fd, e, cookie, need ? need : EPOLLIN);
	if (locked)
		progress_unlock(p);
	else if (!pend_is(cookie))
		regs_show(fd, fd, cookie);
	return err;
}

/* A copy may have a number that is still registered for this socket. */
void pend_copied(int copy)
{
	uint64_t cookie;
	struct progress *p = regs_any(copy) && !fds_borrowed() ? pend_find(copy, &cookie) : NULL;

	if (!p || !insist(p, cookie))
		return;
	if (p->state == PROGRESS_UNDER_WAY)
		regs_hide(copy, copy, cookie, p->need ? p->need : EPOLLIN);
	progress_unlock(p);
}

/*
 * Who began it may hold the lock for as long as connect(2) takes: then it is hidden all the same,
 * so that whatever happens to it is an event of ours.
 */
void pend_met(int fd)
{
	uint64_t cookie;
	struct progress *p = pend_find(fd, &cookie);
	enum progress_lock how;

	others_meet();
	if (!p || !regs_any(fd) || !progress_under_way(p, cookie))
		return;
	how = progress_lock(p, cookie, (uint32_t)sys_gettid());
	if (how == PROGRESS_GONE)
		return;
	if (how == PROGRESS_BUSY || p->state == PROGRESS_UNDER_WAY)
		regs_hide_late(fd, cookie, EPOLLIN | EPOLLOUT);
	if (how != PROGRESS_BUSY)
		progress_unlock(p);
}

static void look(int fd, void *arg)
{
	uint64_t cookie;

	(void)arg;
	pend_find(fd, &cookie);
}

/*
 * Takes bits of closed sockets away, now and then, so that a program that closes one is fast again.
 */
void pend_sweep(void)
{
	static _Atomic uint64_t last;
	uint64_t now = sys_now(), was = last;

	if (now - was >= SWEEP_NS && atomic_compare_exchange_strong(&last, &was, now))
		fds_each(look, NULL);
}

static void step_one(int fd, void *arg)
{
	(void)arg;
	pend_step(fd);
}

void pend_step_all(void)
{
	fds_each(step_one, NULL);
}
