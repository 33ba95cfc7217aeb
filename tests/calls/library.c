/* SPDX-License-Identifier: MIT */
/* library.c - the fragments as a library: run by name, or by its constructor, before main(). */
#include "fragment.h"

#define SHOWN __attribute__((visibility("default")))

SHOWN int library_is_linked = 1;

SHOWN int library_run(const char *symbol);
int library_run(const char *symbol)
{
	return fragment_run(symbol);
}

/* Constructors get main's arguments. Only the library that the program is linked with does this. */
__attribute__((constructor)) static void begin(int argc, char **argv)
{
#ifdef LINKED
	if (argc == 3 && !strcmp(argv[1], "constructor"))
		_exit(fragment_run(argv[2]));
#else
	(void)argc;
	(void)argv;
#endif
}
