/* SPDX-License-Identifier: MIT */
/* sessions.h - finds the sessions of the user, whose names and streams other commands show. */
#ifndef SOCKSHIM_CTL_SESSIONS_H
#define SOCKSHIM_CTL_SESSIONS_H

#include "session.h"

/*
 * Calls `each` for one session after another: that of SESSION_ENV, if it is set and not `all`; else
 * every file in /dev/shm that this user's launchers made and somebody still uses. `which` (or NULL)
 * picks one: the pid of its launcher, or its id in hex.
 * Returns how many there were.
 */
int sessions_each(const char *which, bool all, void (*each)(void *arg, struct session *s),
		  void *arg);

#endif
