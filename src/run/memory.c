/* SPDX-License-Identifier: MIT */
/*
 * memory.c - memory that is kept until the launcher ends. Two system calls for a heap, and the
 * pages that malloc(3) keeps its books on, would be 10 us of every start.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "sys.h"

#define ALIGNMENT 16

static LARGE(1) _Alignas(ALIGNMENT) char room[16384];

void *memory_take(size_t size)
{
	static size_t used;
	void *at = room + used;

	if (size <= sizeof(room) - used) {
		used += (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
		return at;
	}
	at = calloc(size, 1);
	if (!at)
		die(EXIT_CANNOT, "out of memory");
	return at;
}

char *memory_keep(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(memory_take(size), text, size);
}
