/* SPDX-License-Identifier: MIT */
/*
 * regs.c - registrations with epoll, by descriptor.
 *
 * The kernel must not tell a program that its socket is writable while that leads to the proxy only.
 * So while a stream is under way its registrations ask for what the handshake waits for, level
 * triggered, and bear a mark instead of the program's data: the wait hooks take marked events out. Then
 * the program's own interest is put back, which also gives the edge to EPOLLET.
 *
 * Each epoll_ctl(2) is noted, also before connect(2): the kernel does not tell what was registered.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bytes.h"
#include "pend.h"
#include "sys.h"

#define REG_LOST                                                                                   \
	(1u << 21) /* the kernel has our mark for ever: its descriptor was closed, a copy not */
#define REG_MANY (1u << 22)  /* in more epolls than fit */
#define REG_FIRED (1u << 23) /* one-shot, it has, and was entered anew: nothing of it is shown */
#define CLAIMED (-1)	     /* as `epoll`: a thread is about to write it */
#define REG_FLAGS (REG_OURS | REG_LOST | REG_MANY | REG_FIRED | REG_LATE)

/* What a registration that has fired still has. */
#define PRIVATE (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)

/* What EPOLLEXCLUSIVE may stand with (epoll_ctl(2)). */
#define EXCLUSIVE_OK                                                                               \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

/* The same in all processes of a session: a fork shares the epoll. Improbable as data. */
static uint64_t secret(void)
{
	const struct session *s = here();
	uint64_t id = 0;

	if (s)
		memcpy(&id, s->id, sizeof(id));
	return id ^ 0x9e3779b97f4a7c15u;
}

static uint64_t mark_of(int fd)
{
	return secret() ^ (uint64_t)fd;
}

bool regs_marked(uint64_t data, int *fd)
{
	uint64_t n = data ^ secret();

	*fd = (int)n;
	return n < PEND_FDS;
}

static uint32_t flags_of(const struct reg *r)
{
	return __atomic_load_n(&r->events, __ATOMIC_RELAXED);
}

/* Other threads note, hide and show at the same time: each field is read and written at once. */
static int epoll_of(const struct reg *r)
{
	int epoll = __atomic_load_n(&r->epoll, __ATOMIC_ACQUIRE);

	return epoll == CLAIMED ? 0 : epoll;
}

static void set_epoll(struct reg *r, int epoll)
{
	__atomic_store_n(&r->epoll, epoll, __ATOMIC_RELEASE);
}

static uint64_t cookie_of(const struct reg *r)
{
	return __atomic_load_n(&r->cookie, __ATOMIC_RELAXED);
}

static void set_cookie(struct reg *r, uint64_t cookie)
{
	__atomic_store_n(&r->cookie, cookie, __ATOMIC_RELAXED);
}

uint64_t regs_cookie(const struct reg *r)
{
	return cookie_of(r);
}

uint64_t regs_data(const struct reg *r)
{
	return __atomic_load_n(&r->data, __ATOMIC_RELAXED);
}

bool regs_any(int fd)
{
	const struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (epoll_of(&r[i]))
			return true;
	return false;
}

bool regs_too_many(int fd)
{
	const struct reg *r = fds_regs(fd);

	return !r || flags_of(r) & REG_MANY;
}

struct reg *regs_find(int epoll, int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && epoll >= 0 && i < REGS_EACH; i++)
		if (epoll_of(&r[i]) == epoll + 1)
			return &r[i];
	return NULL;
}

/* Ours alone until note() or set_epoll(): another thread may be entering the socket elsewhere. */
static struct reg *claim_reg(int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		int none = 0;

		if (__atomic_compare_exchange_n(&r[i].epoll, &none, CLAIMED, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &r[i];
	}
	return NULL;
}

void regs_clear(struct reg *r)
{
	set_epoll(r, 0);
	__atomic_store_n(&r->events, 0, __ATOMIC_RELAXED);
	set_cookie(r, 0);
}

static void note(struct reg *r, int epoll, const struct epoll_event *e, uint32_t flags)
{
	uint32_t was = flags_of(r), theirs = (e->events & ~REG_FLAGS) | flags;

	__atomic_store_n(&r->data, e->data.u64, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&r->events, &was, theirs | (was & REG_MANY), true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	set_epoll(r, epoll + 1);
}

static void regs_forget(int epoll, int fd)
{
	struct reg *r = regs_find(epoll, fd);

	if (r)
		set_epoll(r, 0);
}

void regs_note(int epoll, int op, int fd, const struct epoll_event *e)
{
	struct reg *r = regs_find(epoll, fd);

	if (op == EPOLL_CTL_DEL) {
		regs_forget(epoll, fd);
		return;
	}
	if (!r)
		r = claim_reg(fd);
	if (r)
		note(r, epoll, e, 0);
	else if ((r = fds_regs(fd)))
		__atomic_fetch_or(&r->events, REG_MANY, __ATOMIC_RELAXED);
}

static int ctl(int epoll, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return (int)SYS4(SYS_epoll_ctl, epoll, op, fd, &e);
}

/* An exclusive registration cannot be modified; one that is not there must not come into being. */
static int replace(const struct reg *r, int fd, uint32_t events, uint64_t data)
{
	int epoll = epoll_of(r) - 1, err;

	if (!(flags_of(r) & EPOLLEXCLUSIVE))
		return ctl(epoll, EPOLL_CTL_MOD, fd, events, data);
	err = ctl(epoll, EPOLL_CTL_DEL, fd, 0, 0);
	return err ? err : ctl(epoll, EPOLL_CTL_ADD, fd, events, data);
}

/*
 * What is registered stays so when its number is closed while a copy of the socket is open. It can be
 * named again only by that number, so the copy gets it for the time of the call, if it is free.
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

/* One line of fdinfo: "tfd: 5 events: 19 data: …". The events of `fd`, or -1 if it is not there. */
static int64_t line_events(const char *line, int fd)
{
	int64_t n = 0;

	if (strncmp(line, "tfd:", 4) != 0)
		return -1;
	for (line += 4; *line == ' '; line++)
		;
	for (; *line >= '0' && *line <= '9'; line++)
		n = n * 10 + (*line - '0');
	if (n != fd || strncmp(line, " events:", 8) != 0)
		return -1;
	for (line += 8, n = 0; *line == ' '; line++)
		;
	for (;; line++) {
		if (*line >= '0' && *line <= '9')
			n = n * 16 + (*line - '0');
		else if (*line >= 'a' && *line <= 'f')
			n = n * 16 + (*line - 'a' + 10);
		else
			return n;
	}
}

static int64_t search_info(int info, int fd)
{
	char text[2048 + 1];
	long have = 0, n;
	int64_t found = -1;

	while (found < 0 &&
	       (n = sys_read(info, text + have, sizeof(text) - 1 - (size_t)have)) > 0) {
		char *line = text, *end;

		text[have += n] = 0;
		for (; found < 0 && (end = strchr(line, '\n')); line = end + 1)
			found = line_events(line, fd);
		have = text + have - line;
		memmove(text, line, (size_t)have);
	}
	return found;
}

/* Has a one-shot registration fired, so that the kernel tells nothing until the program says so? */
static bool has_fired(int epoll, int fd)
{
	char path[48];
	struct bytes_out o = bytes_out_init(path, sizeof(path));
	int64_t events;
	int info;

	bytes_put_text(&o, "/proc/self/fdinfo/");
	bytes_put_number(&o, (uint64_t)epoll);
	bytes_put_end(&o);
	info = sys_open(path, 0, 0);
	if (info < 0)
		return false;
	events = search_info(info, fd);
	sys_close(info);
	return events >= 0 && !(events & 0xffff);
}

/* What the kernel is asked for meanwhile. With the reply owed, writing is the program's own. */
static uint32_t hidden(uint32_t need, uint32_t theirs)
{
	uint32_t ours = (need & ~(uint32_t)PEND_OWED) | EPOLLRDHUP;

	return need & PEND_OWED ? ours | (theirs & (WRITABLE | EPOLLET | EPOLLONESHOT)) : ours;
}

static bool is_ours(const struct reg *r, uint64_t cookie)
{
	return epoll_of(r) && cookie_of(r) == cookie &&
	       (flags_of(r) & (REG_OURS | REG_LOST)) == REG_OURS;
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
		uint64_t cookie = cookie_of(&r[i]);

		if (cookie != own && is_ours(&r[i], cookie) && pend_is(cookie))
			return cookie;
	}
	return 0;
}

static void hide_one(struct reg *r, int fd, int copy, uint64_t cookie, uint32_t events)
{
	uint32_t was = flags_of(r);
	int err;

	if (was & REG_OURS && cookie_of(r) != cookie) { /* of a socket that had the number before */
		set_epoll(r, 0);
		return;
	}
	if (was & REG_FIRED ||
	    (!(was & REG_OURS) && was & EPOLLONESHOT && has_fired(epoll_of(r) - 1, fd)))
		return;
	set_cookie(r, cookie);
	__atomic_fetch_or(&r->events, REG_OURS, __ATOMIC_RELAXED);
	err = replace_by(r, fd, copy, hidden(events, was), mark_of(fd));
	if (err >= 0)
		return;
	if (was & REG_OURS && err != -EBADF && err != -EINVAL) /* else the epoll is closed */
		__atomic_fetch_or(&r->events, REG_LOST, __ATOMIC_RELAXED);
	else
		set_epoll(r, 0); /* a note of the past */
}

void regs_hide(int fd, int copy, uint64_t cookie, uint32_t events)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (epoll_of(&r[i]))
			hide_one(&r[i], fd, copy, cookie, events);
}

void regs_hide_late(int fd, uint64_t cookie, uint32_t events)
{
	struct reg *r = fds_regs(fd);

	regs_hide(fd, fd, cookie, events);
	for (int i = 0; r && i < REGS_EACH; i++)
		if (is_ours(&r[i], cookie))
			__atomic_fetch_or(&r[i].events, REG_LATE, __ATOMIC_RELAXED);
}

bool regs_late(int epoll, int fd, uint64_t data)
{
	const struct reg *r = regs_find(epoll, fd);

	return r && (flags_of(r) & (REG_OURS | REG_LATE)) == (REG_OURS | REG_LATE) &&
	       regs_data(r) == data;
}

void regs_show(int fd, int copy)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		if (!epoll_of(&r[i]) ||
		    !(__atomic_fetch_and(&r[i].events, ~(REG_OURS | REG_LATE), __ATOMIC_ACQ_REL) &
		      REG_OURS))
			continue;
		if (replace_by(&r[i], fd, copy, flags_of(&r[i]) & ~REG_FLAGS, regs_data(&r[i])) < 0)
			__atomic_fetch_or(&r[i].events, REG_LOST, __ATOMIC_RELAXED);
	}
}

void regs_leave(int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		uint32_t was = flags_of(&r[i]);

		if (!epoll_of(&r[i]))
			continue;
		if (!(was & REG_OURS) && was & EPOLLONESHOT && has_fired(epoll_of(&r[i]) - 1, fd))
			__atomic_fetch_or(&r[i].events, REG_FIRED, __ATOMIC_RELAXED);
		if (ctl(epoll_of(&r[i]) - 1, EPOLL_CTL_DEL, fd, 0, 0) < 0)
			set_epoll(&r[i], 0); /* a note of the past */
	}
}

/* Hidden ones are quiet until the handshake has something to wait for. */
static void enter_one(struct reg *r, int fd, uint64_t cookie)
{
	uint32_t was = __atomic_fetch_and(&r->events, ~REG_OURS, __ATOMIC_RELAXED);
	uint32_t events = was & ~REG_FLAGS;
	bool fired = was & REG_FIRED, ours = cookie && !fired;

	set_cookie(r, cookie);
	if (fired)
		events &= PRIVATE; /* the kernel adds EPOLLERR and EPOLLHUP, once */
	if (ours) {
		__atomic_fetch_or(&r->events, REG_OURS, __ATOMIC_RELAXED);
		events = EPOLLET | EPOLLRDHUP;
	}
	if (ctl(epoll_of(r) - 1, EPOLL_CTL_ADD, fd, events,
		ours || fired ? mark_of(fd) : regs_data(r)) < 0)
		set_epoll(r, 0);
}

void regs_enter(int fd, uint64_t cookie)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (epoll_of(&r[i]))
			enter_one(&r[i], fd, cookie);
}

bool regs_fired(const struct reg *r)
{
	return flags_of(r) & REG_FIRED;
}

bool regs_lost(const struct reg *r)
{
	return flags_of(r) & REG_LOST;
}

/*
 * An event that tells of reading is over once the handshake has looked: a registration that is edge
 * triggered, or that fires once, must be asked again for the rest of the reply.
 */
bool regs_writable(struct reg *r, int fd, struct epoll_event *e)
{
	uint32_t theirs = flags_of(r), seen = e->events & theirs & WRITABLE;

	if (!(theirs & REG_OURS))
		return false;
	if (seen && theirs & EPOLLONESHOT) {
		if (!(__atomic_fetch_and(&r->events, ~REG_OURS, __ATOMIC_ACQ_REL) & REG_OURS))
			return false; /* just now shown, and armed, by another thread */
	} else if (!seen || (theirs & EPOLLET && e->events & ~WRITABLE)) {
		hide_one(r, fd, fd, cookie_of(r), POLLIN | PEND_OWED);
	}
	e->events = seen;
	e->data.u64 = regs_data(r);
	return seen;
}

static uint32_t need_of(const struct progress *p)
{
	return p->need ? p->need : EPOLLIN;
}

static int add_hidden(int epoll, int fd, const struct epoll_event *e, const struct progress *p)
{
	struct reg *r = regs_find(epoll, fd); /* of one that had this number before */
	int was = r ? epoll + 1 : 0, err;

	if (e->events & EPOLLEXCLUSIVE && e->events & ~EXCLUSIVE_OK)
		return -EINVAL;
	if (!r)
		r = claim_reg(fd);
	if (!r)
		return -ENOSPC; /* as with max_user_watches */
	err = ctl(epoll, EPOLL_CTL_ADD, fd, hidden(need_of(p), e->events) | EPOLLOUT, mark_of(fd));
	if (err) {
		set_epoll(r, was);
		return err;
	}
	note(r, epoll, e, REG_OURS);
	set_cookie(r, p->cookie);
	return 0;
}

static int modify_hidden(int epoll, int fd, const struct epoll_event *e, const struct progress *p)
{
	struct reg *r = regs_find(epoll, fd);
	int err;

	if (e->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	err = ctl(epoll, EPOLL_CTL_MOD, fd, hidden(need_of(p), e->events),
		  mark_of(fd)); /* or ENOENT, EBADF, … */
	if (err || !r)
		return err;
	if (flags_of(r) & EPOLLEXCLUSIVE)
		return -EINVAL;
	note(r, epoll, e, REG_OURS);
	set_cookie(r, p->cookie);
	return 0;
}

int regs_change(int epoll, int op, int fd, const struct epoll_event *e, const struct progress *p)
{
	int err;

	switch (op) {
	case EPOLL_CTL_ADD:
		return add_hidden(epoll, fd, e, p);
	case EPOLL_CTL_MOD:
		return modify_hidden(epoll, fd, e, p);
	default:
		err = ctl(epoll, op, fd, 0, 0);
		if (!err)
			regs_forget(epoll, fd);
		return err;
	}
}
