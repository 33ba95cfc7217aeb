/* SPDX-License-Identifier: MIT */
/*
 * hook_fd.c - copies of descriptors: a stream that is under way may have several numbers; ioctl(2).
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pend.h"

static int copied(int old, int copy)
{
	if (copy >= 0)
		fds_copied(old, copy);
	if (pend_any() && copy == STDIN_FILENO)
		held_settle(copy); /* stdin exists already: see fdopen() */
	return copy;
}

WRAP int dup(int fd)
{
	return copied(fd, real(dup)(fd));
}

WRAP int dup2(int fd, int to)
{
	return copied(fd, real(dup2)(fd, to));
}

WRAP int dup3(int fd, int to, int flags)
{
	return copied(fd, real(dup3)(fd, to, flags));
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
	got = real(fcntl)(fd, command, arg);
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
	got = real(fcntl64)(fd, command, arg);
	return copies(command) ? copied(fd, got) : got;
}

/* What libc reads for a FILE does not come by here: a reply that is owed must be out of the way. */
WRAP FILE *fdopen(int fd, const char *mode)
{
	if (pend_any())
		held_settle(fd);
	return real(fdopen)(fd, mode);
}

/* Bytes to be read, and to be sent: of the proxy's none. */
static bool counts_none(int fd, unsigned long request)
{
	int need = request == FIONREAD || request == SIOCOUTQ || request == SIOCOUTQNSD
			   ? pend_step(fd)
			   : 0;

	return need && (request == FIONREAD || !pend_owes(need));
}

WRAP int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (pend_any() && counts_none(fd, request) && readable(arg, sizeof(int))) {
		*(int *)arg = 0;
		return 0;
	}
	return real(ioctl)(fd, request, arg);
}
