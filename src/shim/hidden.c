/* SPDX-License-Identifier: MIT */
/*
 * hidden.c - registrations with epoll of streams under way: what the kernel is asked for meanwhile.
 *
 * The kernel must not tell a program that its socket is writable while that leads to the proxy
 * only. So while a stream is under way its registrations ask for what the handshake waits for,
 * level triggered, and bear a mark instead of the program's data: the wait hooks take marked events
 * out. Then the program's own interest is put back, which also gives the edge to EPOLLET.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "reg.h"
#include "sys.h"

/* What a registration that has fired still has. */
#define PRIVATE (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)

/* What EPOLLEXCLUSIVE may stand with (epoll_ctl(2)). */
#define EXCLUSIVE_OK                                                                               \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

uint64_t regs_secret;

uint64_t regs_find_secret(void)
{
	const uint64_t improbable = 0x9e3779b97f4a7c15u;
	const struct session *s = here();
	uint64_t id = 0;

	if (!s)
		return improbable;
	memcpy(&id, s->id, sizeof(id));
	__atomic_store_n(&regs_secret, id ^ improbable, __ATOMIC_RELAXED);
	return id ^ improbable;
}

static uint64_t mark_of(int fd)
{
	return regs_find_secret() ^ (uint64_t)fd;
}

static int ctl(int epoll, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return (int)SYS4(SYS_epoll_ctl, epoll, op, fd, &e);
}

/* An exclusive registration cannot be modified; one that is not there must not come into being. */
static int replace(const struct reg *r, int fd, uint32_t events, uint64_t data)
{
	int epoll = reg_epoll(r) - 1, err;

	if (!(reg_flags(r) & EPOLLEXCLUSIVE))
		return ctl(epoll, EPOLL_CTL_MOD, fd, events, data);
	err = ctl(epoll, EPOLL_CTL_DEL, fd, 0, 0);
	return err ? err : ctl(epoll, EPOLL_CTL_ADD, fd, events, data);
}

/*
 * What is registered stays so when its number is closed while a copy of the socket is open. It can
 * be named again only by that number, so the copy gets it for the time of the call, if it is free.
 */
static int replace_by(const struct reg *r, int fd, int copy, uint32_t events, uint64_t data)
{
	int at, err = -ENOENT;

	if (copy == fd)
		return replace(r, fd, events, data);
	at = (int)SYS3(SYS_fcntl, copy, F_DUPFD_CLOEXEC, fd);
	if (at == fd)
		err = replace(r, fd, events, data);
	if (at >= 0)
		sys_close(at);
	return err;
}

/* What the kernel is asked for meanwhile. With the reply owed, writing is the program's own. */
static uint32_t hidden(uint32_t need, uint32_t theirs)
{
	uint32_t ours = (need & ~(uint32_t)PEND_OWED) | EPOLLRDHUP;

	return need & PEND_OWED ? ours | (theirs & (WRITABLE | EPOLLET | EPOLLONESHOT)) : ours;
}

/* Has the kernel do what the note says, until nobody changed it meanwhile. */
int reg_apply(struct reg *r, int fd, int copy)
{
	uint64_t was = reg_state(r);
	uint32_t flags;
	int err;

	do {
		flags = (uint32_t)was;
		if (!reg_epoll(r))
			return 0;
		err = flags & REG_OURS
			      ? replace_by(r, fd, copy, hidden(reg_need(was), flags), mark_of(fd))
			      : replace_by(r, fd, copy, flags & ~REG_FLAGS, regs_data(r));
	} while (!reg_swap(r, &was, flags, reg_need(was)));
	return err;
}

static bool is_ours(const struct reg *r, uint64_t cookie)
{
	return reg_epoll(r) && reg_cookie(r) == cookie &&
	       (reg_flags(r) & (REG_OURS | REG_LOST)) == REG_OURS;
}

bool regs_ours(int fd, uint64_t cookie)
{
	const struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (is_ours(&r[i], cookie))
			return true;
	return false;
}

uint64_t regs_closed(int fd)
{
	const struct reg *r = fds_regs(fd);
	uint64_t own = sys_cookie(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		uint64_t cookie = reg_cookie(&r[i]);

		if (cookie != own && is_ours(&r[i], cookie) && pend_is(cookie))
			return cookie;
	}
	return 0;
}

static void hide_one(struct reg *r, int fd, int copy, uint64_t cookie, uint32_t events)
{
	uint64_t was = reg_state(r);
	int err;

	do {
		if (was & REG_OURS &&
		    reg_cookie(r) != cookie) { /* of one that had the number before */
			reg_set_epoll(r, 0);
			return;
		}
		if (was & REG_FIRED || (!(was & REG_OURS) && was & EPOLLONESHOT &&
					reg_has_fired(reg_epoll(r) - 1, fd)))
			return;
		reg_set_cookie(r, cookie);
	} while (!reg_swap(r, &was, (uint32_t)was | REG_OURS, events));
	err = reg_apply(r, fd, copy);
	if (err >= 0)
		return;
	if (was & REG_OURS && err != -EBADF && err != -EINVAL) /* else the epoll is closed */
		reg_set_flags(r, REG_LOST, 0);
	else
		reg_set_epoll(r, 0); /* a note of the past */
}

void regs_hide(int fd, int copy, uint64_t cookie, uint32_t events)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (reg_epoll(&r[i]))
			hide_one(&r[i], fd, copy, cookie, events);
}

void regs_hide_late(int fd, uint64_t cookie, uint32_t events)
{
	struct reg *r = fds_regs(fd);

	regs_hide(fd, fd, cookie, events);
	for (int i = 0; r && i < REGS_EACH; i++)
		if (is_ours(&r[i], cookie))
			reg_set_flags(&r[i], REG_LATE, 0);
}

bool regs_late(int epoll, int fd, uint64_t data)
{
	const struct reg *r = regs_find(epoll, fd);

	return r && (reg_flags(r) & (REG_OURS | REG_LATE)) == (REG_OURS | REG_LATE) &&
	       regs_data(r) == data;
}

/* False: not hidden for that socket (any more), but perhaps for another that has the number now. */
static bool unhide(struct reg *r, uint64_t cookie)
{
	uint64_t was = reg_state(r);

	do
		if (!(was & REG_OURS) || reg_cookie(r) != cookie)
			return false;
	while (!reg_swap(r, &was, (uint32_t)was & ~(REG_OURS | REG_LATE), reg_need(was)));
	return true;
}

static void show_one(struct reg *r, int fd, int copy, uint64_t cookie)
{
	if (reg_epoll(r) && unhide(r, cookie) && reg_apply(r, fd, copy) < 0)
		reg_set_flags(r, REG_LOST, 0);
}

void regs_show(int fd, int copy, uint64_t cookie)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		show_one(&r[i], fd, copy, cookie);
}

void regs_show_over(int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		uint64_t cookie = reg_cookie(&r[i]);

		if (reg_flags(&r[i]) & REG_OURS && !pend_is(cookie))
			show_one(&r[i], fd, fd, cookie);
	}
}

void regs_leave(int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		uint32_t was = reg_flags(&r[i]);

		if (!reg_epoll(&r[i]))
			continue;
		if (!(was & REG_OURS) && was & EPOLLONESHOT &&
		    reg_has_fired(reg_epoll(&r[i]) - 1, fd))
			reg_set_flags(&r[i], REG_FIRED, 0);
		if (ctl(reg_epoll(&r[i]) - 1, EPOLL_CTL_DEL, fd, 0, 0) < 0)
			reg_set_epoll(&r[i], 0); /* a note of the past */
	}
}

static void note_hidden(struct reg *r, uint32_t need)
{
	uint64_t was = reg_state(r);

	while (!reg_swap(r, &was, (uint32_t)was | REG_OURS, need))
		;
}

/* Hidden ones are quiet until the handshake has something to wait for. */
static void enter_one(struct reg *r, int fd, uint64_t cookie)
{
	uint32_t was = reg_set_flags(r, 0, REG_OURS);
	uint32_t events = was & ~REG_FLAGS;
	bool fired = was & REG_FIRED, ours = cookie && !fired;
	uint64_t number;

	reg_set_cookie(r, cookie);
	if (fired)
		events &= PRIVATE; /* the kernel adds EPOLLERR and EPOLLHUP, once */
	if (ours) {
		note_hidden(r, EPOLLET);
		events = EPOLLET | EPOLLRDHUP;
	}
	number = reg_state(r);
	if (ctl(reg_epoll(r) - 1, EPOLL_CTL_ADD, fd, events,
		ours || fired ? mark_of(fd) : regs_data(r)) < 0)
		reg_set_epoll(r, 0);
	else if (!fired && !reg_swap(r, &number, (uint32_t)number, reg_need(number)))
		reg_apply(r, fd, fd);
}

void regs_enter(int fd, uint64_t cookie)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (reg_epoll(&r[i]))
			enter_one(&r[i], fd, cookie);
}

bool regs_fired(const struct reg *r)
{
	return reg_flags(r) & REG_FIRED;
}

bool regs_lost(const struct reg *r)
{
	return reg_flags(r) & REG_LOST;
}

/*
 * An event that tells of reading is over once the handshake has looked: a registration that is edge
 * triggered, or that fires once, must be asked again for the rest of the reply.
 */
bool regs_writable(struct reg *r, int fd, struct epoll_event *e)
{
	uint32_t theirs = reg_flags(r), seen = e->events & theirs & WRITABLE;

	if (!(theirs & REG_OURS))
		return false;
	if (seen && theirs & EPOLLONESHOT) {
		if (!(reg_set_flags(r, 0, REG_OURS) & REG_OURS))
			return false; /* just now shown, and armed, by another thread */
	} else if (!seen || (theirs & EPOLLET && e->events & ~WRITABLE)) {
		hide_one(r, fd, fd, reg_cookie(r), POLLIN | PEND_OWED);
	}
	e->events = seen;
	e->data.u64 = regs_data(r);
	return seen;
}

static int add_hidden(int epoll, int fd, const struct epoll_event *e, uint64_t cookie,
		      uint32_t need)
{
	struct reg *r = regs_find(epoll, fd); /* of one that had this number before */
	int was = r ? epoll + 1 : 0, err;

	if (e->events & EPOLLEXCLUSIVE && e->events & ~EXCLUSIVE_OK)
		return -EINVAL;
	if (!r)
		r = reg_claim(fd);
	if (!r)
		return -ENOSPC; /* as with max_user_watches */
	err = ctl(epoll, EPOLL_CTL_ADD, fd, hidden(need, e->events) | EPOLLOUT, mark_of(fd));
	if (err) {
		reg_set_epoll(r, was);
		return err;
	}
	reg_set_cookie(r, cookie);
	reg_note(r, epoll, e, REG_OURS, need | EPOLLOUT);
	return 0;
}

static int modify_hidden(int epoll, int fd, const struct epoll_event *e, uint64_t cookie,
			 uint32_t need)
{
	struct reg *r = regs_find(epoll, fd);
	int err;

	if (e->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	if (!r || reg_flags(r) & EPOLLEXCLUSIVE) {
		err = ctl(epoll, EPOLL_CTL_MOD, fd, hidden(need, e->events), mark_of(fd));
		return err || !r ? err : -EINVAL;
	}
	reg_set_cookie(r, cookie);
	reg_note(r, epoll, e, REG_OURS, need);
	err = reg_apply(r, fd, fd); /* or ENOENT, EBADF, … */
	if (err)
		reg_set_epoll(r, 0);
	return err;
}

int regs_change(int epoll, int op, int fd, const struct epoll_event *e, uint64_t cookie,
		uint32_t need)
{
	int err;

	switch (op) {
	case EPOLL_CTL_ADD:
		return add_hidden(epoll, fd, e, cookie, need);
	case EPOLL_CTL_MOD:
		return modify_hidden(epoll, fd, e, cookie, need);
	default:
		err = ctl(epoll, op, fd, 0, 0);
		if (!err)
			reg_forget(epoll, fd);
		return err;
	}
}
