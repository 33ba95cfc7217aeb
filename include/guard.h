/* SPDX-License-Identifier: MIT */
/*
 * guard.h - the guard as the launcher sees it: what it needs, how it is put on a process, and the
 * supervisor, which answers for the calls that the filter leaves to it. One in a process.
 */
#ifndef SOCKSHIM_GUARD_H
#define SOCKSHIM_GUARD_H

#include <stdbool.h>

#include "filter.h"
#include "session.h"

/* Made before the child, which shares the launcher's memory while it puts the filter on. */
struct guard_plan {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
	volatile bool tried;	    /* a child has tried to put it on */
	volatile int listener;	    /* descriptor, or -errno of seccomp(2) */
	volatile bool unprivileged; /* PR_SET_NO_NEW_PRIVS was needed */
};

/* Why there can be no guard here, in words for one line; NULL if nothing is known against it. */
const char *guard_lacks(void);

/* The same for the error that guard_put_on() left. */
const char *guard_error(int error);

/* What of the kernel's newer help is there, in words for --check. */
const char *guard_grade(void);

/*
 * Tries whether names can be answered to who asks from a socket that is not connected: NULL, or why
 * not.
 */
const char *guard_lacks_names(void);

/* Draws the gate's address for a session, and builds the filter. */
void guard_plan(struct guard_plan *p, struct session *s);

/* In the child: system calls only. 0, or -1 with p->listener = -errno. */
int guard_put_on(struct guard_plan *p);

/* Starts the supervisor. `wake`: a descriptor whose being readable makes guard_serve() return. */
int guard_begin(struct session *s, int listener, int wake);
void guard_serve(void);

/* The command has ended and is waited for: what there is to say of that. */
void guard_command_ended(void);

/* After the command: does any process of the session live, or is there still something to carry?
 * `others`: the launcher has children left. */
bool guard_is_needed(bool others);

/* Nobody is served any more. */
void guard_end(void);

/* Closes all descriptors but the guard's own and `other`. */
void guard_keep_own(int other);

/* In a process of its own: serves until the last process of the session is gone. */
void guard_linger(void);

#endif
