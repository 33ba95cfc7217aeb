/* SPDX-License-Identifier: MIT */
/* lookups.c - threads whose lookup is left to libc. */
#include "lookups.h"

#include <stdatomic.h>

int lookups_begin(struct lookups *t, int32_t tid)
{
	int32_t none;

	for (int i = 0; i < LOOKUPS_SLOTS; i++) {
		none = 0;
		if (atomic_compare_exchange_strong(&t->tid[i], &none, tid) || none == tid)
			return i;
	}
	return -1;
}

void lookups_end(struct lookups *t, int place)
{
	if (place >= 0 && place < LOOKUPS_SLOTS)
		atomic_store(&t->tid[place], 0);
}

bool lookups_has(const struct lookups *t, int32_t tid)
{
	for (int i = 0; i < LOOKUPS_SLOTS; i++)
		if (atomic_load_explicit(&t->tid[i], memory_order_relaxed) == tid)
			return true;
	return false;
}
