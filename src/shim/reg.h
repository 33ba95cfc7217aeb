/* SPDX-License-Identifier: MIT */
/*
 * reg.h - one noted registration, as regs.c, hidden.c and fired.c share it: nobody else looks
 * inside.
 *
 * Threads note, hide, show and change one registration at once, some without the stream's lock. So
 * that the kernel has in the end what the note says, `state` bears a number that grows with each
 * change of the note and with each call to the kernel: who reads it, calls the kernel and finds
 * that it has grown meanwhile, calls again, with what the note says now.
 */
#ifndef SOCKSHIM_REG_H
#define SOCKSHIM_REG_H

#include "pend.h"

/* The kernel has our mark for ever: its descriptor was closed, a copy not. */
#define REG_LOST (1u << 21)
#define REG_MANY (1u << 22)  /* in more epolls than fit */
#define REG_FIRED (1u << 23) /* one-shot, it has, and was entered anew: nothing of it is shown */
#define REG_FLAGS (REG_OURS | REG_LOST | REG_MANY | REG_FIRED | REG_LATE)
#define REG_CLAIMED (-1) /* as `epoll`: a thread is about to write it */

#define REG_NEED_SHIFT 32
#define REG_NUMBER_SHIFT 36

static inline uint64_t reg_state(const struct reg *r)
{
	return __atomic_load_n(&r->state, __ATOMIC_ACQUIRE);
}

static inline uint32_t reg_flags(const struct reg *r)
{
	return (uint32_t)reg_state(r);
}

/* What `state` is hidden behind. */
static inline uint32_t reg_need(uint64_t state)
{
	uint32_t bits = (uint32_t)(state >> REG_NEED_SHIFT);

	return (bits & 1 ? EPOLLIN : 0) | (bits & 2 ? EPOLLOUT : 0) | (bits & 4 ? PEND_OWED : 0) |
	       (bits & 8 ? EPOLLET : 0);
}

static inline uint64_t reg_next(uint64_t was, uint32_t flags, uint32_t need)
{
	uint64_t bits = (need & EPOLLIN ? 1 : 0) | (need & EPOLLOUT ? 2 : 0) |
			(need & PEND_OWED ? 4 : 0) | (need & EPOLLET ? 8 : 0);

	return ((was >> REG_NUMBER_SHIFT) + 1) << REG_NUMBER_SHIFT | bits << REG_NEED_SHIFT | flags;
}

/*
 * Puts `flags` and `need` in place of *was; false if that is the past: it is what is there, then.
 */
static inline bool reg_swap(struct reg *r, uint64_t *was, uint32_t flags, uint32_t need)
{
	return __atomic_compare_exchange_n(&r->state, was, reg_next(*was, flags, need), false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* The flags before. */
static inline uint32_t reg_set_flags(struct reg *r, uint32_t on, uint32_t off)
{
	uint64_t was = reg_state(r);

	while (!reg_swap(r, &was, ((uint32_t)was & ~off) | on, reg_need(was)))
		;
	return (uint32_t)was;
}

/* Other threads note, hide and show at the same time: each field is read and written at once. */
static inline int reg_epoll(const struct reg *r)
{
	int epoll = __atomic_load_n(&r->epoll, __ATOMIC_ACQUIRE);

	return epoll == REG_CLAIMED ? 0 : epoll;
}

static inline void reg_set_epoll(struct reg *r, int epoll)
{
	__atomic_store_n(&r->epoll, epoll, __ATOMIC_RELEASE);
}

static inline uint64_t reg_cookie(const struct reg *r)
{
	return __atomic_load_n(&r->cookie, __ATOMIC_RELAXED);
}

static inline void reg_set_cookie(struct reg *r, uint64_t cookie)
{
	__atomic_store_n(&r->cookie, cookie, __ATOMIC_RELAXED);
}

/* regs.c: a free one of this number, nobody else's until reg_note() or reg_set_epoll(); or NULL. */
struct reg *reg_claim(int fd);
/* Of a claimed one, or of one that the kernel has hidden. */
void reg_note(struct reg *r, int epoll, const struct epoll_event *e, uint32_t flags, uint32_t need);
void reg_forget(int epoll, int fd);

/*
 * hidden.c: has the kernel do what the note says, until nobody changed it meanwhile. 0 or -errno.
 */
int reg_apply(struct reg *r, int fd, int copy);

/*
 * fired.c: has a one-shot registration fired, so that the kernel tells nothing until it is told to?
 */
bool reg_has_fired(int epoll, int fd);

#endif
