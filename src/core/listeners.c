/* SPDX-License-Identifier: MIT */
/* listeners.c - files that a session's Unix sockets are bound to. */
#include "listeners.h"

#include <stdatomic.h>

bool listeners_has(const struct listeners *t, uint64_t file)
{
	for (int i = 0; i < LISTENERS_SLOTS; i++)
		if (atomic_load_explicit(&t->file[i], memory_order_relaxed) == file)
			return true;
	return false;
}

void listeners_add(struct listeners *t, uint64_t file)
{
	if (!listeners_has(t, file))
		atomic_store(&t->file[atomic_fetch_add(&t->used, 1) % LISTENERS_SLOTS], file);
}
