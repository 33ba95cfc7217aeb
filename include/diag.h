/* SPDX-License-Identifier: MIT */
/* diag.h - which sockets there are: sock_diag(7), by cookie. For tables keyed by SO_COOKIE. */
#ifndef SOCKSHIM_DIAG_H
#define SOCKSHIM_DIAG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Calls `seen` with the cookie of every TCP and Unix socket that is open in our network namespace
 * (listening and waiting ones aside). 0, or -errno: then some may be missing.
 */
int diag_dump(void (*seen)(void *arg, uint64_t cookie), void *arg);

/* Is the process gone? */
bool diag_dead(int32_t pid);

/*
 * May this process's sockets be missing in a dump although they are open, because it is in another
 * network namespace (or hides where it is)?
 */
bool diag_elsewhere(int32_t pid);

#endif
