/* SPDX-License-Identifier: MIT */
/* hook_fd.c - copies of descriptors: a stream that is under way may have several numbers. */
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "pend.h"

static int copied(int old, int copy)
{
	if (copy >= 0)
		fds_copied(old, copy);
	return copy;
}

WRAP int dup(int fd)
{
	return copied(fd, real.dup(fd));
}

WRAP int dup2(int fd, int to)
{
	return copied(fd, real.dup2(fd, to));
}

WRAP int dup3(int fd, int to, int flags)
{
	return copied(fd, real.dup3(fd, to, flags));
}

static bool copies(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

WRAP int fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;
	int got;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	got = real.fcntl(fd, command, arg);
	return copies(command) ? copied(fd, got) : got;
}

WRAP int fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;
	int got;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	got = real.fcntl64(fd, command, arg);
	return copies(command) ? copied(fd, got) : got;
}
