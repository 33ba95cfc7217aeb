/* SPDX-License-Identifier: MIT */
/* loop.c - one thread's event loop: descriptors (epoll, level-triggered) and timers (a heap). */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define ROUND 256 /* events taken from the kernel at once */
#define MILLISECOND 1000000

static struct {
	int epoll;
	bool stop;
	struct timer **heap; /* heap[1] is due first */
	size_t timers, room;
	uint64_t number;
} loop;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int loop_start(void)
{
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop.epoll < 0 ? -errno : 0;
}

void loop_stop(void)
{
	loop.stop = true;
}

int loop_watch(struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	if (w->added && w->events == events)
		return 0;
	if (epoll_ctl(loop.epoll, w->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) < 0)
		return -errno;
	w->added = true;
	w->events = events;
	return 0;
}

void loop_forget(struct watch *w)
{
	if (w->added)
		epoll_ctl(loop.epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->added = false;
	w->events = 0;
}

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void put(struct timer *t, size_t slot)
{
	loop.heap[slot] = t;
	t->slot = slot;
}

/* Finds the place of `t`, starting from the hole `slot`. */
static void sift(struct timer *t, size_t slot)
{
	for (; slot > 1 && earlier(t, loop.heap[slot / 2]); slot /= 2)
		put(loop.heap[slot / 2], slot);
	for (;;) {
		size_t child = slot * 2;

		if (child < loop.timers && earlier(loop.heap[child + 1], loop.heap[child]))
			child++;
		if (child > loop.timers || !earlier(loop.heap[child], t))
			break;
		put(loop.heap[child], slot);
		slot = child;
	}
	put(t, slot);
}

void loop_timer(struct timer *t, int64_t milliseconds)
{
	loop_cancel(t);
	if (loop.timers + 1 >= loop.room) {
		loop.room = loop.room ? loop.room * 2 : 64;
		loop.heap = realloc(loop.heap, loop.room * sizeof(struct timer *));
		if (!loop.heap)
			ctl_die(1, "out of memory");
	}
	t->due = now() + milliseconds * MILLISECOND;
	t->number = loop.number++;
	sift(t, ++loop.timers);
}

void loop_cancel(struct timer *t)
{
	size_t hole = t->slot;
	struct timer *last;

	if (!hole)
		return;
	t->slot = 0;
	last = loop.heap[loop.timers--];
	if (last != t)
		sift(last, hole);
}

/* Milliseconds until the first timer is due, rounded up; -1 without one. */
static int patience(void)
{
	int64_t left;

	if (!loop.timers)
		return -1;
	left = loop.heap[1]->due - now();
	if (left <= 0)
		return 0;
	left = (left + MILLISECOND - 1) / MILLISECOND;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Fires what is due now, not what those timers set anew. */
static void fire_timers(void)
{
	int64_t until = loop.timers ? now() : 0;

	while (loop.timers && loop.heap[1]->due <= until) {
		struct timer *t = loop.heap[1];

		loop_cancel(t);
		t->fire(t);
	}
}

int loop_run(void (*after)(void))
{
	struct epoll_event events[ROUND];

	while (!loop.stop) {
		int n = epoll_wait(loop.epoll, events, ROUND, patience());

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;

			if (w->fd >= 0 && w->added)
				w->ready(w, events[i].events);
		}
		fire_timers();
		after();
	}
	return 0;
}

void loop_end(void)
{
	free(loop.heap);
	close(loop.epoll);
}
