/* SPDX-License-Identifier: MIT */
/*
 * attempts.h - what would have leaked and was stopped: counted, and the last ones kept, in memory
 * that a session shares. One process writes (the supervisor), any may read.
 */
#ifndef SOCKSHIM_ATTEMPTS_H
#define SOCKSHIM_ATTEMPTS_H

#include <stddef.h>
#include <stdint.h>

#define ATTEMPTS_KEPT 64

struct attempts; /* attempts_size() bytes of zeroed memory, aligned to 64 */

struct attempt {
	uint64_t time; /* CLOCK_MONOTONIC, ns */
	int32_t pid;
	uint8_t call;	 /* enum call_kind */
	uint8_t reason;	 /* enum reason */
	int16_t error;	 /* errno that the program got */
	char exe[128];	 /* path of the program */
	char target[88]; /* what it asked for */
	char from[88];	 /* module+0xoffset of the system call, "" if unknown */
};

size_t attempts_size(void);
void attempts_add(struct attempts *t, const struct attempt *a);

/* How many there have been. */
uint64_t attempts_count(const struct attempts *t);

/* Copies number `n` (0: the first of all); -ENOENT if it is no longer, or not yet, kept. */
int attempts_get(const struct attempts *t, uint64_t n, struct attempt *out);

#endif
