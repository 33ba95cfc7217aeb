/* SPDX-License-Identifier: MIT */
/* loop.h - one thread's event loop: descriptors (epoll, level-triggered) and timers (a heap). */
#ifndef SOCKSHIM_CTL_LOOP_H
#define SOCKSHIM_CTL_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* A descriptor; owned by the caller, who must loop_forget() it before its memory goes. */
struct watch {
	int fd; /* -1: none; no event is delivered any more */
	uint32_t events;
	bool added; /* the kernel knows it */
	void (*ready)(struct watch *w, uint32_t events);
	void *owner;
};

/* A one-shot timer. All zero but for `fire` and `owner` is a timer that does not run. */
struct timer {
	size_t slot;	 /* place in the heap, from 1; 0: does not run */
	int64_t due;	 /* nanoseconds of CLOCK_MONOTONIC */
	uint64_t number; /* timers that are due together fire in the order they were set */
	void (*fire)(struct timer *t);
	void *owner;
};

/* Sets up; 0 or -errno. */
int loop_start(void);

/*
 * Runs until loop_stop(). `after` is called after each round of events: there, and only there,
 * memory that holds a watch may be freed. Returns 0 or -errno.
 */
int loop_run(void (*after)(void));
void loop_stop(void);

/* Frees what loop_start() took; no other call may follow. */
void loop_end(void);

/*
 * Asks for these events of w->fd. 0 keeps it registered for EPOLLERR and EPOLLHUP.
 * Returns 0 or -errno.
 */
int loop_watch(struct watch *w, uint32_t events);

/* Delivers nothing for it any more; the descriptor stays open. */
void loop_forget(struct watch *w);

/* Starts (or restarts) a timer; cancelling one that does not run is harmless. */
void loop_timer(struct timer *t, int64_t milliseconds);
void loop_cancel(struct timer *t);

static inline bool timer_runs(const struct timer *t)
{
	return t->slot != 0;
}

#endif
