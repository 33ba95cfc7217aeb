/* SPDX-License-Identifier: MIT */
/*
 * hook_load.c - what programs open, and the list of what is loaded. With RTLD_DEEPBIND, as PHP
 * opens its extensions, what a plugin calls is looked for in its own libraries first, and so its
 * calls are libc's. Where there is a guard it catches them; elsewhere the flag is taken away. What
 * they look for in libc by its name is ours everywhere.
 */
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "shim.h"

#ifndef RTLD_DEEPBIND /* other libcs know of no such thing */
#define RTLD_DEEPBIND 0
#endif
#ifndef RTLD_NEXT /* shown with _GNU_SOURCE only */
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1L)
#endif

static int seen(int mode)
{
	const struct session *s = here();

	return s && s->gate ? mode : mode & ~RTLD_DEEPBIND;
}

/* Jumps: dlopen(3) looks at where it is called from, for that library's RUNPATH and namespace. */
WRAP void *dlopen(const char *file, int mode)
{
	return real(dlopen)(file, seen(mode));
}

/*
 * Of what a library is asked for by its handle, as ctypes asks libc and Qt the resolver, what is
 * hooked is ours. A handle that stands for the search order finds ours by itself, or jumps:
 * dlsym(3) looks at where it is called from.
 */
WRAP void *dlsym(void *restrict handle, const char *restrict name)
{
	void *function, *ours;

	if (handle == RTLD_DEFAULT || handle == RTLD_NEXT)
		return real(dlsym)(handle, name);
	function = real(dlsym)(handle, name);
	ours = function ? real_hook(name, function) : NULL;
	return ours ? ours : function;
}

/* The library in its own list. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* What is still to be told when all others have been. */
struct listing {
	int (*each)(struct dl_phdr_info *info, size_t size, void *arg);
	void *arg;
	struct dl_phdr_info own;
	size_t size; /* 0: not seen yet */
};

static int tell_others(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct listing *l = arg;

	if (info->dlpi_addr != (ElfW(Addr)) & __ehdr_start || l->size)
		return l->each(info, size, l->arg);
	l->size = size < sizeof(l->own) ? size : sizeof(l->own);
	memcpy(&l->own, info, l->size);
	return 0;
}

/* We come last: AddressSanitizer gives up when the first of all libraries is not its own. */
WRAP int dl_iterate_phdr(int (*each)(struct dl_phdr_info *info, size_t size, void *arg), void *arg)
{
	struct listing l = {.each = each, .arg = arg};
	int end = real(dl_iterate_phdr)(tell_others, &l);

	return end || !l.size ? end : each(&l.own, l.size, arg);
}
