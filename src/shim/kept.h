/* SPDX-License-Identifier: MIT */
/* kept.h - the environment of a program that this one starts: the session stays in it. */
#ifndef SOCKSHIM_KEPT_H
#define SOCKSHIM_KEPT_H

#include <alloca.h>
#include <stdbool.h>
#include <stddef.h>

#include "session.h"

#define KEPT_STACK 32768 /* bytes of an environment on the stack */

/* `env`, or one with the session in it on the caller's stack. May run after vfork. */
#define KEPT(env)                                                                                  \
	(kept_stays(env) ? (char **)(env)                                                          \
			 : kept_make(env, kept_room(env) > KEPT_STACK ? kept_map(kept_room(env))   \
								      : alloca(kept_room(env))))

/* Remembers what of this process's environment that is. */
void kept_start(const struct session *s);

/* Is `env` to be handed on as it is? */
bool kept_stays(char *const *env);

/* Builds in `space`, of kept_room() bytes, an environment like `env` that keeps the session. */
size_t kept_room(char *const *env);
char **kept_make(char *const *env, char *space);

/*
 * Environments of thousands of variables do not fit on the stack of every thread. This memory
 * stays: after vfork nobody comes back to free it, and they are rare. NULL: there is none.
 */
char *kept_map(size_t size);

#endif
