/* SPDX-License-Identifier: MIT */
/* command.c - finds the command, as execvp(3) does, and judges it before anything runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* The path of a process that has none: glibc's execvp(3), confstr(_CS_PATH). */
#define DEFAULT_PATH "/bin:/usr/bin"

/* A missing interpreter counts as the program's absence, as it does for execve(2). */
static int judge(const char *path)
{
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -errno;
	return program_judge(AT_FDCWD, path);
}

static bool join(char path[static PATH_MAX], const char *dir, size_t len, const char *name)
{
	size_t size = strlen(name) + 1;

	if (len + 1 + size > PATH_MAX)
		return false;
	memcpy(path, dir, len);
	if (len) /* an empty element is the working directory */
		path[len++] = '/';
	memcpy(path + len, name, size);
	return true;
}

static int search(const char *dirs, const char *name, char path[static PATH_MAX])
{
	int error = -ENOENT;

	for (;;) {
		size_t len = strcspn(dirs, ":");

		if (join(path, dirs, len, name)) {
			int kind = judge(path);

			if (kind >= 0)
				return kind;
			if (kind == -EACCES)
				error = kind;
		}
		if (!dirs[len])
			return error;
		dirs += len + 1;
	}
}

int command_find(const char *name, char path[static PATH_MAX])
{
	const char *dirs = getenv("PATH");

	if (!*name)
		return -ENOENT;
	if (!strchr(name, '/'))
		return search(dirs ? dirs : DEFAULT_PATH, name, path);
	if (strlen(name) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(path, name);
	return judge(path);
}

char **command_script(const char *path, char **argv)
{
	size_t count = 0;
	char **out;

	while (argv[count])
		count++;
	out = memory_take((count + 2) * sizeof(*out));
	out[0] = (char *)"/bin/sh";
	out[1] = (char *)path;
	memcpy(out + 2, argv + 1, count * sizeof(*argv)); /* the arguments and the NULL */
	return out;
}

const char *command_escapes(enum program_kind kind)
{
	return kind == PROGRAM_WRAPPABLE || kind == PROGRAM_UNKNOWN ? NULL : program_words(kind);
}
