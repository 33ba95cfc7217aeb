/* SPDX-License-Identifier: MIT */
/* reporter_link.c - one way to the controller: connected, still ours, lines on it. */
#include "reporter_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "sys.h"

#define HIGHEST 1024 /* select(2)'s, and a table of descriptors that costs little */
#define SPARE 24     /* numbers from the top */
#define FEW 64	     /* a process that may have fewer has none to spare */

bool link_is_connection(const struct report_target *t)
{
	return t->kind == REPORT_UNIX || t->kind == REPORT_TCP;
}

/* The inherited descriptor is still what it was when the session began. */
static bool is_inherited(const struct session *s, int fd)
{
	struct stat st;

	return SYS2(SYS_fstat, fd, &st) == 0 && st.st_dev == s->report_dev &&
	       st.st_ino == s->report_ino;
}

bool link_is_ours(const struct link *l, const struct report_target *t, int32_t pid)
{
	if (l->pid != pid)
		return false;
	return !link_is_connection(t) || (l->fd >= 0 && sys_cookie(l->fd) == l->cookie);
}

void link_drop(struct link *l)
{
	if (l->fd >= 0 && l->cookie && sys_cookie(l->fd) == l->cookie)
		sys_close(l->fd);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

/* To where the program does not look for descriptors. False: it has none to spare. */
static bool raise_number(struct link *l)
{
	struct rlimit r = {0};
	long most, fd;

	SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &r);
	most = r.rlim_cur > HIGHEST ? HIGHEST : (long)r.rlim_cur;
	fd = most < FEW ? -EMFILE : SYS3(SYS_fcntl, l->fd, F_DUPFD_CLOEXEC, most - SPARE);
	if (fd < 0)
		return false;
	sys_close(l->fd);
	l->fd = (int)fd;
	return true;
}

static int address_of(const struct report_target *t, struct sockaddr_storage *sa)
{
	struct sockaddr_un *un = (struct sockaddr_un *)sa;
	size_t len;

	if (t->kind == REPORT_TCP)
		return addr_to_sockaddr(&t->at, addr_family(&t->at), sa);
	memset(sa, 0, sizeof(*sa));
	len = strlen(t->path);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, t->path, len);
	if (*un->sun_path == '@')
		*un->sun_path = 0;
	return (int)(offsetof(struct sockaddr_un, sun_path) + len + (*un->sun_path ? 1 : 0));
}

int link_connected(struct link *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};
	const struct timespec at_once = {0};
	int error = 0;

	if (SYS5(SYS_ppoll, &p, 1, &at_once, 0, 8) <= 0)
		return -EAGAIN;
	sys_getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
	l->connecting = false;
	return -error;
}

static int open_connection(struct link *l, const struct report_target *t)
{
	struct sockaddr_storage sa;
	int len = address_of(t, &sa), err;

	l->fd = (int)SYS3(SYS_socket, sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return l->fd;
	l->cookie = sys_cookie(l->fd);
	err = sys_connect(l->fd, &sa, (size_t)len);
	l->connecting = err == -EINPROGRESS;
	if (!err || l->connecting)
		l->kept = raise_number(l);
	return l->connecting ? link_connected(l) : err;
}

int link_open(struct link *l, const struct report_target *t, int32_t pid)
{
	int err = 0;

	link_drop(l);
	if (link_is_connection(t))
		err = open_connection(l, t);
	l->pid = pid;
	if (err < 0 && !(l->connecting && l->kept))
		link_drop(l);
	return err;
}

static int write_file(const struct report_target *t, const char *line, size_t len)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
	int fd = sys_open(t->path, flags, 0600);
	long n;

	if (fd < 0)
		return fd;
	n = sys_write_quietly(fd, line, len);
	sys_close(fd);
	return (int)n;
}

/* A pipe that shows room takes a line whole; its O_NONBLOCK would be everybody's. */
static int write_inherited(const struct session *s, int fd, const char *line, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	const struct timespec at_once = {0};
	long n;

	if (!is_inherited(s, fd))
		return -EBADF;
	n = sys_send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n != -ENOTSOCK)
		return n < 0 ? (int)n : 0;
	if (SYS5(SYS_ppoll, &p, 1, &at_once, 0, 8) <= 0)
		return -EAGAIN;
	return (int)sys_write_quietly(fd, line, len);
}

int link_send(const struct session *s, const struct link *l, const struct report_target *t,
	      const char *line, size_t len)
{
	long n;

	if (t->kind == REPORT_FILE)
		return write_file(t, line, len);
	if (t->kind == REPORT_FD)
		return write_inherited(s, t->fd, line, len);
	n = sys_send(l->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == (long)len ? 0 : n < 0 ? (int)n : -EPIPE;
}
