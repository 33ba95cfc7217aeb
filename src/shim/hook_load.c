/* SPDX-License-Identifier: MIT */
/*
 * hook_load.c - plugins. With RTLD_DEEPBIND, as PHP opens its extensions, what a plugin calls is looked for in
 * its own libraries first, and so its calls are libc's. Where there is a guard it catches them; elsewhere
 * the flag is taken away.
 */
#include <dlfcn.h>

#include "shim.h"

#ifndef RTLD_DEEPBIND /* other libcs know of no such thing */
#define RTLD_DEEPBIND 0
#endif

static int seen(int mode)
{
	const struct session *s = here();

	return s && s->gate ? mode : mode & ~RTLD_DEEPBIND;
}

/* Jumps: dlopen(3) looks at where it is called from, for that library's RUNPATH and namespace. */
WRAP void *dlopen(const char *file, int mode)
{
	return real.dlopen(file, seen(mode));
}
