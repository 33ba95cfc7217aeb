/* SPDX-License-Identifier: MIT */
/*
 * progress.c - the table of streams that are under way.
 *
 * As in streams.c a cookie may stand in one of WINDOW places, and nobody tells us when a socket is
 * closed: when they are all taken, the kernel is asked which sockets there are. Few streams are
 * under way at a time, and not for long: the first PROGRESS_NEAR places are everybody's, so that a
 * program that makes one connection after another always writes to the same page.
 */
#include "progress.h"

#include <errno.h>
#include <string.h>

#include "diag.h"
#include "proc.h"
#include "seqlock.h"
#include "sys.h"

#define FAR (PROGRESS_SLOTS - PROGRESS_NEAR)
#define WINDOW (PROGRESS_NEAR + 32u)
#define GRACE 1000000000u /* after the deadline, ns */

/*
 * What everybody uses comes last: the streams, which a session has behind it, begin with such
 * things.
 */
struct progresses {
	/*
	 * cookies: as in the slots, searched first; suspects: the reaper that wants to drop it, or
	 * 0
	 */
	uint64_t cookies[FAR];
	uint32_t suspects[FAR];
	struct progress slots[FAR];
	struct progress near_slots[PROGRESS_NEAR];
	uint64_t near_cookies[PROGRESS_NEAR];
	uint32_t near_suspects[PROGRESS_NEAR];
	_Alignas(64) uint32_t used;
	uint32_t reapers; /* numbers given out */
	uint32_t spreads;
	uint32_t pad[13];
	struct progress_news news; /* on a line of its own, which hardly anybody writes to */
	uint64_t pad2[7];
};

_Static_assert(sizeof(struct progress) <= 512, "what a pending stream may cost");

size_t progresses_size(void)
{
	return sizeof(struct progresses);
}

uint32_t progresses_used(const struct progresses *t)
{
	return SHARED_LOAD_RELAXED(&t->used);
}

const struct progress_news *progresses_news(const struct progresses *t)
{
	return &t->news;
}

uint32_t progresses_tell(struct progresses *t)
{
	return __atomic_fetch_add(&t->news.begun, PROGRESS_NEWS_STEP, __ATOMIC_ACQ_REL);
}

uint32_t progresses_spreads(struct progresses *t)
{
	return __atomic_fetch_add(&t->spreads, 0, __ATOMIC_ACQ_REL);
}

void progresses_spread(struct progresses *t)
{
	__atomic_fetch_add(&t->spreads, 1, __ATOMIC_ACQ_REL);
}

static uint32_t place(uint64_t cookie, uint32_t i)
{
	return i < PROGRESS_NEAR ? i : PROGRESS_NEAR + (uint32_t)((cookie + i) % FAR);
}

static uint64_t *cookie_at(struct progresses *t, uint32_t at)
{
	return at < PROGRESS_NEAR ? &t->near_cookies[at] : &t->cookies[at - PROGRESS_NEAR];
}

static uint32_t *suspect_at(struct progresses *t, uint32_t at)
{
	return at < PROGRESS_NEAR ? &t->near_suspects[at] : &t->suspects[at - PROGRESS_NEAR];
}

static struct progress *slot_at(struct progresses *t, uint32_t at)
{
	return at < PROGRESS_NEAR ? &t->near_slots[at] : &t->slots[at - PROGRESS_NEAR];
}

static uint32_t place_of(const struct progresses *t, const struct progress *p)
{
	return p >= t->near_slots ? (uint32_t)(p - t->near_slots)
				  : PROGRESS_NEAR + (uint32_t)(p - t->slots);
}

/* Killed, and nobody has waited for it yet: its number still stands for something. */
static bool is_dead(uint32_t tid)
{
	char path[PROC_PATH], text[128], *name;
	long n;

	proc_path(path, (int32_t)tid, "/stat");
	n = sys_slurp(path, text, sizeof(text) - 1);
	if (n == -EFBIG)
		n = sizeof(text) - 1;
	if (n < 0)
		return n == -ESRCH;
	text[n] = 0;
	name = strrchr(text, ')');
	return name && (name[2] == 'Z' || name[2] == 'X');
}

static bool gone(uint32_t tid)
{
	if (SYS3(SYS_tgkill, sys_getpid(), tid, 0) == 0)
		return false;
	return SYS2(SYS_tkill, tid, 0) == -ESRCH || is_dead(tid);
}

/*
 * Has the owner left for good? Killed; or we are the owner, and its frame is below ours, where
 * nothing of it can be left; or it should have been done long ago, and a signal handler must have
 * jumped out.
 */
static bool left(const struct progress *p, uint32_t owner, uint32_t self)
{
	uint64_t until = SHARED_LOAD_RELAXED(&p->until);

	if (owner != self && gone(owner))
		return true;
	if (owner == self && (uintptr_t)__builtin_frame_address(0) > SHARED_LOAD_RELAXED(&p->frame))
		return true;
	return until && sys_now() > until + GRACE;
}

bool progress_under_way(const struct progress *p, uint64_t cookie)
{
	uint8_t state = SHARED_LOAD(&p->state);

	return state == PROGRESS_UNDER_WAY && SHARED_LOAD(&p->cookie) == cookie;
}

void progress_set_state(struct progress *p, enum progress_state state)
{
	SHARED_STORE(&p->state, (uint8_t)state);
}

static enum progress_lock take(struct progress *p, uint32_t self)
{
	uint32_t owner = SHARED_LOAD(&p->owner);
	enum progress_lock how = PROGRESS_LOCKED;

	if (owner) {
		if (!left(p, owner, self))
			return PROGRESS_BUSY;
		how = PROGRESS_STOLEN;
	}
	if (!shared_swap(&p->owner, owner, self))
		return PROGRESS_BUSY;
	SHARED_STORE_RELAXED(&p->frame, (uintptr_t)__builtin_frame_address(0));
	return how;
}

enum progress_lock progress_lock(struct progress *p, uint64_t cookie, uint32_t self)
{
	enum progress_lock how;

	if (SHARED_LOAD(&p->cookie) != cookie)
		return PROGRESS_GONE;
	how = take(p, self);
	if (how != PROGRESS_BUSY && SHARED_LOAD(&p->cookie) != cookie) {
		progress_unlock(p);
		return PROGRESS_GONE;
	}
	return how;
}

void progress_unlock(struct progress *p)
{
	SHARED_STORE(&p->owner, 0);
}

static void clear(struct progresses *t, uint32_t i)
{
	SHARED_STORE(cookie_at(t, i), 0);
	SHARED_STORE(&slot_at(t, i)->cookie, 0);
	__atomic_sub_fetch(&t->used, 1, __ATOMIC_RELAXED);
}

void progress_drop(struct progresses *t, struct progress *p)
{
	clear(t, place_of(t, p));
	progress_unlock(p);
}

static bool claim(struct progresses *t, uint32_t i, uint64_t cookie, uint32_t self)
{
	struct progress *p = slot_at(t, i);
	enum progress_lock how;

	if (SHARED_LOAD(cookie_at(t, i)))
		return false;
	how = take(p, self);
	if (how == PROGRESS_BUSY)
		return false;
	if (SHARED_LOAD(cookie_at(t, i))) {
		progress_unlock(p);
		return false;
	}
	p->tid = (int32_t)self;
	SHARED_STORE_RELAXED(&p->until, 0);
	SHARED_STORE_RELAXED(&p->need, 0);
	progress_set_state(p, PROGRESS_UNDER_WAY);
	p->waited = p->told = p->ended = p->calm = false;
	p->error = 0;
	p->delays = false;
	p->least = 0;
	memset(&p->stream, 0, sizeof(p->stream));
	SHARED_STORE_RELAXED(suspect_at(t, i), 0);
	__atomic_add_fetch(&t->used, 1, __ATOMIC_RELAXED);
	if (!SHARED_LOAD_RELAXED(&t->news.ever))
		SHARED_STORE(&t->news.ever, 1);
	SHARED_STORE(&p->cookie, cookie);
	SHARED_STORE(cookie_at(t, i), cookie);
	return true;
}

static struct progress *put(struct progresses *t, uint64_t cookie, uint32_t self)
{
	for (uint32_t i = 0; i < WINDOW; i++)
		if (claim(t, place(cookie, i), cookie, self))
			return slot_at(t, place(cookie, i));
	return NULL;
}

struct progress *progress_add(struct progresses *t, uint64_t cookie, uint32_t self)
{
	struct progress *p = put(t, cookie, self);

	if (!p && !progresses_reap(t))
		p = put(t, cookie, self);
	return p;
}

struct progress *progress_find(struct progresses *t, uint64_t cookie)
{
	if (!cookie || !progresses_used(t))
		return NULL;
	for (uint32_t i = 0; i < WINDOW; i++) {
		uint32_t at = place(cookie, i);

		if (SHARED_LOAD(cookie_at(t, at)) == cookie)
			return slot_at(t, at);
	}
	return NULL;
}

/* Takes the number off the place of a socket that lives. */
static void acquit(void *arg, uint64_t cookie)
{
	struct progresses *t = arg;

	for (uint32_t i = 0; cookie && i < WINDOW; i++)
		if (SHARED_LOAD_RELAXED(cookie_at(t, place(cookie, i))) == cookie)
			SHARED_STORE_RELAXED(suspect_at(t, place(cookie, i)), 0);
}

static void drop_suspects(struct progresses *t, uint32_t number)
{
	uint32_t self = (uint32_t)sys_gettid();

	for (uint32_t i = 0; i < PROGRESS_SLOTS; i++) {
		struct progress *p = slot_at(t, i);
		uint64_t cookie = SHARED_LOAD(cookie_at(t, i));

		if (!cookie || SHARED_LOAD_RELAXED(suspect_at(t, i)) != number)
			continue;
		if (progress_lock(p, cookie, self) > PROGRESS_STOLEN)
			continue;
		if (SHARED_LOAD_RELAXED(suspect_at(t, i)) == number && !diag_elsewhere(p->tid))
			clear(t, i);
		progress_unlock(p);
	}
}

int progresses_reap(struct progresses *t)
{
	uint32_t number = __atomic_add_fetch(&t->reapers, 1, __ATOMIC_RELAXED);
	int error;

	if (!number)
		return -EAGAIN;
	for (uint32_t i = 0; i < PROGRESS_SLOTS; i++)
		if (SHARED_LOAD_RELAXED(cookie_at(t, i)))
			SHARED_STORE(suspect_at(t, i), number);
	error = diag_dump(acquit, t);
	if (!error)
		drop_suspects(t, number);
	return error;
}
