/* SPDX-License-Identifier: MIT */
/*
 * progress.c - the table of streams that are under way.
 *
 * As in streams.c a cookie may stand in one of WINDOW places, and nobody tells us when a socket is
 * closed: when they are all taken, the kernel is asked which sockets there are.
 */
#include "progress.h"

#include <errno.h>
#include <string.h>

#include "diag.h"
#include "seqlock.h"
#include "sys.h"

#define WINDOW 32u
#define GRACE 1000000000u /* after the deadline, ns */

struct progresses {
	uint32_t used;
	uint32_t reapers; /* numbers given out */
	uint64_t pad[7];
	uint64_t cookies[PROGRESS_SLOTS];  /* as in the slots: searched first */
	uint32_t suspects[PROGRESS_SLOTS]; /* number of the reaper that wants to drop it, or 0 */
	struct progress slots[PROGRESS_SLOTS];
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

static uint32_t place(uint64_t cookie, uint32_t i)
{
	return (uint32_t)((cookie + i) % PROGRESS_SLOTS);
}

static bool gone(uint32_t tid)
{
	return SYS2(SYS_tkill, tid, 0) == -ESRCH;
}

/*
 * Has the owner left for good? Killed; or we are the owner, and its frame is below ours, where nothing
 * of it can be left; or it should have been done long ago, and a signal handler must have jumped out.
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
	SHARED_STORE(&t->cookies[i], 0);
	SHARED_STORE(&t->slots[i].cookie, 0);
	__atomic_sub_fetch(&t->used, 1, __ATOMIC_RELAXED);
}

void progress_drop(struct progresses *t, struct progress *p)
{
	clear(t, (uint32_t)(p - t->slots));
	progress_unlock(p);
}

static bool claim(struct progresses *t, uint32_t i, uint64_t cookie, uint32_t self)
{
	struct progress *p = &t->slots[i];
	enum progress_lock how;

	if (SHARED_LOAD(&t->cookies[i]))
		return false;
	how = take(p, self);
	if (how == PROGRESS_BUSY)
		return false;
	if (SHARED_LOAD(&t->cookies[i])) {
		progress_unlock(p);
		return false;
	}
	p->tid = (int32_t)self;
	SHARED_STORE_RELAXED(&p->until, 0);
	SHARED_STORE_RELAXED(&p->need, 0);
	p->state = PROGRESS_UNDER_WAY;
	p->waited = p->told = p->ended = false;
	p->error = 0;
	p->delays = false;
	p->least = 0;
	memset(&p->stream, 0, sizeof(p->stream));
	SHARED_STORE_RELAXED(&t->suspects[i], 0);
	__atomic_add_fetch(&t->used, 1, __ATOMIC_RELAXED);
	SHARED_STORE(&p->cookie, cookie);
	SHARED_STORE(&t->cookies[i], cookie);
	return true;
}

static struct progress *put(struct progresses *t, uint64_t cookie, uint32_t self)
{
	for (uint32_t i = 0; i < WINDOW; i++)
		if (claim(t, place(cookie, i), cookie, self))
			return &t->slots[place(cookie, i)];
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

		if (SHARED_LOAD(&t->cookies[at]) == cookie)
			return &t->slots[at];
	}
	return NULL;
}

/* Takes the number off the place of a socket that lives. */
static void acquit(void *arg, uint64_t cookie)
{
	struct progresses *t = arg;

	for (uint32_t i = 0; cookie && i < WINDOW; i++)
		if (SHARED_LOAD_RELAXED(&t->cookies[place(cookie, i)]) == cookie)
			SHARED_STORE_RELAXED(&t->suspects[place(cookie, i)], 0);
}

static void drop_suspects(struct progresses *t, uint32_t number)
{
	uint32_t self = (uint32_t)sys_gettid();

	for (uint32_t i = 0; i < PROGRESS_SLOTS; i++) {
		struct progress *p = &t->slots[i];
		uint64_t cookie = SHARED_LOAD(&t->cookies[i]);

		if (!cookie || SHARED_LOAD_RELAXED(&t->suspects[i]) != number)
			continue;
		if (progress_lock(p, cookie, self) > PROGRESS_STOLEN)
			continue;
		if (SHARED_LOAD_RELAXED(&t->suspects[i]) == number && !diag_elsewhere(p->tid))
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
		if (SHARED_LOAD_RELAXED(&t->cookies[i]))
			SHARED_STORE(&t->suspects[i], number);
	error = diag_dump(acquit, t);
	if (!error)
		drop_suspects(t, number);
	return error;
}
