/* SPDX-License-Identifier: MIT */
/* load.c - fragments of the symbols in hook_load.c. */
#include <dlfcn.h>
#include <link.h>

#include "fragment.h"

/* What is there already: nothing is loaded, and so no lock of the loader's is held for long. */
FRAGMENT(dlopen)
{
	void *self = dlopen(NULL, RTLD_LAZY), *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	CHECK(self && dlsym(self, "call_dlopen") == NULL);
	CHECK(libc && dlsym(libc, "connect"));
	CHECK(!dlopen("libnobody.so", RTLD_NOW | RTLD_DEEPBIND) &&
	      strstr(dlerror(), "libnobody.so"));
	return 0;
}

/* What libc is asked for by its handle is what the whole program finds first, if it is hooked. */
FRAGMENT(dlsym)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	CHECK(libc && dlsym(libc, "connect") == dlsym(RTLD_DEFAULT, "connect"));
	CHECK(dlsym(libc, "dlsym") == dlsym(RTLD_DEFAULT, "dlsym"));
	CHECK(dlsym(libc, "qsort") == dlsym(RTLD_DEFAULT, "qsort"));
	CHECK(!dlsym(libc, "no_such_call") && strstr(dlerror(), "no_such_call"));
	CHECK(!dlsym(RTLD_NEXT, "no_such_call") && strstr(dlerror(), "no_such_call"));
	return 0;
}

/* What has been told, and whether ours was the last. */
static int tell(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **last = arg;

	if (size < sizeof(*info) || !info->dlpi_name || !info->dlpi_phnum)
		return -1;
	*last = info->dlpi_name;
	return strcmp(info->dlpi_name, "nobody") == 0;
}

static int stop(struct dl_phdr_info *info, size_t size, void *arg)
{
	return info->dlpi_phnum && size && !arg ? 7 : -1;
}

FRAGMENT(dl_iterate_phdr)
{
	const char *last = "";

	KEEPS(dl_iterate_phdr(tell, &last) == 0);
	CHECK(strstr(last, "libsockshim.so"));
	CHECK(dl_iterate_phdr(stop, NULL) == 7);
	return 0;
}
