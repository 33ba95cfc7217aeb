/* SPDX-License-Identifier: MIT */
/*
 * listeners.h - files that processes of a session have bound Unix sockets to. In memory that a
 * session shares; zeroed memory is empty.
 */
#ifndef SOCKSHIM_LISTENERS_H
#define SOCKSHIM_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

#define LISTENERS_SLOTS 256

struct listeners {
	_Atomic uint32_t
		used; /* so many have been entered; the oldest is forgotten for a new one */
	_Atomic uint64_t file[LISTENERS_SLOTS];
};

/* `file`: a number that tells it from others, not 0. */
void listeners_add(struct listeners *t, uint64_t file);
bool listeners_has(const struct listeners *t, uint64_t file);

#endif
