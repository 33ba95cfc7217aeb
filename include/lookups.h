/* SPDX-License-Identifier: MIT */
/*
 * lookups.h - threads whose lookup a rule's Direct has left to libc: the supervisor lets their
 * questions to name servers pass. In memory that a session shares; zeroed memory is empty.
 */
#ifndef SOCKSHIM_LOOKUPS_H
#define SOCKSHIM_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#define LOOKUPS_SLOTS 256

struct lookups {
	_Atomic int32_t tid[LOOKUPS_SLOTS];
};

/* Enters a thread. Its place, for lookups_end(); -1 if all are taken: its questions are refused. */
int lookups_begin(struct lookups *t, int32_t tid);
void lookups_end(struct lookups *t, int place);
bool lookups_has(const struct lookups *t, int32_t tid);

#endif
