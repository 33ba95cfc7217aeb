/* SPDX-License-Identifier: MIT */
/* library.c - where libsockshim.so is, and whether ld.so will load it. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "run.h"
#include "sys.h"

#define LIBRARY "libsockshim.so"

/* A library is of our machine, has no loader of its own, and is position-independent. */
static bool is_library(int fd)
{
	uint8_t head[4096];
	char interp[256];
	ssize_t n = read(fd, head, sizeof(head));
	Elf64_Half type;

	if (n < (ssize_t)sizeof(Elf64_Ehdr) || elf_judge(head, (size_t)n, interp) != PROGRAM_STATIC)
		return false;
	memcpy(&type, head + offsetof(Elf64_Ehdr, e_type), sizeof(type));
	return type == ET_DYN;
}

/*
 * ld.so warns about a library that it cannot load and runs the program all the same, past the
 * proxy: so everything that would make it do so is looked for here. It splits LD_PRELOAD at blanks
 * and colons, without a way to quote them, and replaces $ORIGIN and its like. A link of another
 * name would have to outlive the launcher, for the programs that outlive it.
 */
static const char *judge(const char *path, int fd)
{
	if (!is_library(fd))
		return "is not a library for this machine";
	if (path[strcspn(path, " :$\n")])
		return "cannot be preloaded: its path has a space, ':' or '$' in it";
	return NULL;
}

/* -1: not there; else whether it can be used is in *why. */
static int try(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno != EACCES)
		return -1;
	*why = fd < 0 ? "cannot be read" : judge(path, fd);
	if (fd >= 0)
		close(fd);
	return 0;
}

/* Where /proc is not mounted, as in many a chroot(2), by the path that was executed. */
size_t own_directory(char dir[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
	const char *executed = (const char *)getauxval(AT_EXECFN);

	if (n < 0 && executed && realpath(executed, dir))
		n = (ssize_t)strlen(dir);
	else
		dir[n > 0 ? n : 0] = 0;
	while (n > 0 && dir[n] != '/')
		n--;
	dir[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static bool join(char path[static PATH_MAX], const char *dir, size_t len, const char *rest)
{
	size_t size = strlen(rest) + 1;

	if (len + size > PATH_MAX)
		return false;
	memmove(path, dir, len);
	memcpy(path + len, rest, size);
	return true;
}

/*
 * Beside the program (as in the build directory), in the lib of its bin, or where it was built for.
 */
const char *library_find(char path[static PATH_MAX])
{
	const char *why = "cannot be found", *slash;
	char dir[PATH_MAX];
	size_t len = own_directory(dir);

	if (len && join(path, dir, len, "/" LIBRARY) && try(path, &why) == 0)
		return why;
	slash = memrchr(dir, '/', len);
	if (slash && join(path, dir, (size_t)(slash - dir), "/lib/sockshim/" LIBRARY) &&
	    try(path, &why) == 0)
		return why;
#ifdef LIBDIR
	if (join(path, LIBDIR, strlen(LIBDIR), "/sockshim/" LIBRARY) && try(path, &why) == 0)
		return why;
#endif
	join(path, LIBRARY, strlen(LIBRARY), "");
	return why;
}
