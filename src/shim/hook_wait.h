/* SPDX-License-Identifier: MIT */
/* hook_wait.h - what waits with copies of the program's sets have in common: memory, and time. */
#ifndef SOCKSHIM_HOOK_WAIT_H
#define SOCKSHIM_HOOK_WAIT_H

#include "pend.h"
#include "sys.h"

/*
 * What a call was asked, for a look after it that is hardly ever needed: stored, and not in
 * registers, which would have to be saved before and fetched after each call.
 */
#define STORED volatile

/*
 * Memory for a call: on the stack, which may be a small one, if it is little (124 descriptors of
 * poll(2), or 1,600 of select(2)). One that a signal handler jumps out of keeps it.
 */
struct scratch {
	_Alignas(16) char little[1024];
	void *at;
	size_t size;
};

static inline bool scratch_get(struct scratch *m, size_t size)
{
	m->size = size;
	m->at = size <= sizeof(m->little) ? m->little : sys_pages(size);
	return m->at != NULL;
}

static inline void scratch_free(struct scratch *m)
{
	if (m->at != m->little)
		SYS2(SYS_munmap, m->at, m->size);
}

static inline struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* ns of a valid time, -1 of none. A sum that would overflow is for ever. */
static inline int64_t ns_of(const struct timespec *t)
{
	return !t || t->tv_sec > INT32_MAX ? -1 : t->tv_sec * 1000000000LL + t->tv_nsec;
}

static inline bool time_sane(const struct timespec *t)
{
	return !t || (readable(t, sizeof(*t)) && t->tv_sec >= 0 && t->tv_nsec >= 0 &&
		      t->tv_nsec < 1000000000);
}

#endif
