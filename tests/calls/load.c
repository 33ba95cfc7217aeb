/* SPDX-License-Identifier: MIT */
/* load.c - fragment of the symbol in hook_load.c. */
#include <dlfcn.h>

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
