/* SPDX-License-Identifier: MIT */
/* real.c - the functions that ours stand in front of. */
#include <dlfcn.h>

#include "shim.h"

#ifndef RTLD_NEXT /* shown with _GNU_SOURCE only */
#define RTLD_NEXT ((void *)-1L)
#endif

struct real_calls real_table;
atomic_bool real_ready;

/*
 * No lock and no once: dlsym(3) may call malloc, which may be jemalloc, which calls syscall(3), which
 * is ours. Everyone who comes here writes the same values.
 */
void real_resolve(void)
{
#define CALL(ret, name, params) real_table.name = (ret(*) params)dlsym(RTLD_NEXT, #name);
#include "calls.def"
#undef CALL
	atomic_store_explicit(&real_ready, true, memory_order_release);
}
