/* SPDX-License-Identifier: MIT */
/*
 * inherit.h - sockets that a program did not make itself: there when it starts, or received. System
 * calls of sys.h only, no allocation.
 */
#ifndef SOCKSHIM_INHERIT_H
#define SOCKSHIM_INHERIT_H

#include "decide.h"
#include "session.h"

/*
 * May this process have the descriptor? Fills in what was asked and what was decided. Passed: what
 * is no socket, local families, listeners, streams of the session, connections to loopback or to a
 * proxy, and what the program could have made itself.
 */
enum verdict inherit_judge(const struct session *s, int fd, struct call *c, struct decision *d);

/*
 * Puts an unconnected socket of the same kind in the descriptor's place, for this process alone:
 * nobody else's connection is disturbed, and the number stays taken. 0 or -errno.
 */
int inherit_replace(int fd);

/*
 * Judges every descriptor of this process and replaces those that are refused; calls `say` for each
 * with one line of words (NULL: nobody).
 */
void inherit_scan(const struct session *s, void (*say)(const char *words));

/* "descriptor 5, connected to 203.0.113.80:80: …"; returns the length. */
size_t inherit_words(int fd, const struct call *c, const struct decision *d, char *out,
		     size_t size);

#endif
