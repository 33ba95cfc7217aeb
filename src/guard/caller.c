/* SPDX-License-Identifier: MIT */
/*
 * caller.c - looks into the process behind a notification.
 *
 * Everything here goes by a number that the kernel may have given to another process since. So
 * nothing that was learnt is acted upon before the notification's id has been found valid once
 * more.
 */
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "kernel.h"
#include "proc.h"
#include "sys.h"

#define OF_THREAD O_EXCL /* PIDFD_THREAD, Linux 6.9 */
#define CAP_NET_BIND_SERVICE_BIT (1u << 10)

uint64_t caller_number(const char *text, const char *key, unsigned int base)
{
	const char *p = strstr(text, key);
	uint64_t n = 0;

	if (!p)
		return 0;
	for (p += strlen(key); *p == ' ' || *p == '\t'; p++)
		;
	for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
		n = n * base + (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return n;
}

#define STATUS 4096

static void read_status(int32_t tid, char text[static STATUS])
{
	char path[PROC_PATH];
	long len;

	proc_path(path, tid, "/status");
	len = sys_slurp(path, text, STATUS - 1);
	text[len > 0 ? len : 0] = 0;
}

static uint64_t status_number(int32_t tid, const char *key, unsigned int base)
{
	char text[STATUS];

	read_status(tid, text);
	return caller_number(text, key, base);
}

/* The decimal numbers behind `key`: at most `max`; how many there are. */
static unsigned int status_list(const char *text, const char *key, uint32_t *out, unsigned int max)
{
	const char *p = strstr(text, key);
	unsigned int n = 0;

	for (p = p ? p + strlen(key) : ""; n < max && strchr(" \t0123456789", *p) && *p;) {
		uint32_t value = 0;

		for (; *p == ' ' || *p == '\t'; p++)
			;
		if (*p < '0' || *p > '9')
			break;
		for (; *p >= '0' && *p <= '9'; p++)
			value = value * 10 + (uint32_t)(*p - '0');
		out[n++] = value;
	}
	return n;
}

bool caller_ids(int32_t tid, struct ids *ids)
{
	char text[STATUS];
	uint32_t own[2];

	read_status(tid, text);
	if (status_list(text, "\nUid:", own, 2) != 2)
		return false;
	ids->user = own[1]; /* the effective one */
	if (status_list(text, "\nGid:", own, 2) != 2)
		return false;
	ids->groups[0] = own[1];
	ids->group_count = 1 + status_list(text, "\nGroups:", ids->groups + 1, IDS_GROUPS - 1);
	return true;
}

int32_t caller_pid(int32_t tid)
{
	int32_t pid = (int32_t)status_number(tid, "\nTgid:", 10);

	return pid ? pid : tid;
}

/* In a user namespace of its own everybody has all capabilities, of which none counts here. */
static bool shares_user_namespace(int32_t tid)
{
	char path[PROC_PATH], its[64] = "", own[64] = "";

	proc_path(path, tid, "/ns/user");
	return SYS4(SYS_readlinkat, AT_FDCWD, path, its, sizeof(its) - 1) ==
		       SYS4(SYS_readlinkat, AT_FDCWD, "/proc/self/ns/user", own, sizeof(own) - 1) &&
	       !strcmp(its, own);
}

bool caller_may_bind_low(int32_t tid)
{
	return (status_number(tid, "\nCapEff:", 16) & CAP_NET_BIND_SERVICE_BIT) &&
	       shares_user_namespace(tid);
}

static int open_process(int32_t tid)
{
	static bool no_threads; /* the kernel does not know OF_THREAD */
	int fd = -EINVAL;

	if (!no_threads)
		fd = (int)SYS2(SYS_pidfd_open, tid, OF_THREAD);
	if (fd != -EINVAL)
		return fd;
	no_threads = true;
	fd = (int)SYS2(SYS_pidfd_open, tid, 0);
	if (fd == -EINVAL || fd == -ENOENT)
		fd = (int)SYS2(SYS_pidfd_open, caller_pid(tid), 0);
	return fd;
}

static bool get(const struct caller *c, int option, int *value)
{
	return sys_getsockopt(c->fd, SOL_SOCKET, option, value, sizeof(*value)) == 0;
}

static int ask_socket(struct caller *c)
{
	if (!get(c, SO_DOMAIN, &c->domain))
		return -ENOTSOCK;
	if (c->domain != AF_INET && c->domain != AF_INET6)
		return 0;
	if (!get(c, SO_TYPE, &c->type) || !get(c, SO_PROTOCOL, &c->protocol))
		return -ENOTSOCK;
	c->blocking = !(SYS2(SYS_fcntl, c->fd, F_GETFL) & O_NONBLOCK);
	return 0;
}

int caller_copy(int32_t tid, int fd)
{
	int process = tid ? open_process(tid) : -ESRCH, copy;

	if (process < 0)
		return process == -EMFILE || process == -ENFILE ? -EAGAIN : -EACCES;
	copy = (int)SYS3(SYS_pidfd_getfd, process, fd, 0);
	sys_close(process);
	if (copy >= 0 || copy == -EBADF)
		return copy;
	return copy == -EMFILE ? -EAGAIN : -EACCES;
}

int caller_open(struct caller *c, uint32_t tid, int fd)
{
	int error;

	memset(c, 0, sizeof(*c));
	c->tid = (int32_t)tid;
	c->fd = caller_copy(c->tid, fd);
	if (c->fd < 0)
		return c->fd;
	error = ask_socket(c);
	if (error)
		caller_close(c);
	return error;
}

void caller_close(struct caller *c)
{
	if (c->fd >= 0)
		sys_close(c->fd);
	c->fd = -1;
}

int caller_read(int32_t tid, uint64_t at, void *to, size_t len)
{
	struct iovec here = {.iov_base = to, .iov_len = len};
	struct iovec there = {.iov_base = (void *)(uintptr_t)at, .iov_len = len};
	long n = len ? SYS6(SYS_process_vm_readv, tid, &here, 1, &there, 1, 0) : 0;

	if (n == (long)len)
		return 0;
	return n >= 0 || n == -EFAULT ? -EFAULT : -EACCES;
}

int caller_write(int32_t tid, uint64_t at, const void *from, size_t len)
{
	struct iovec here = {.iov_base = (void *)(uintptr_t)from, .iov_len = len};
	struct iovec there = {.iov_base = (void *)(uintptr_t)at, .iov_len = len};
	long n = SYS6(SYS_process_vm_writev, tid, &here, 1, &there, 1, 0);

	return n == (long)len ? 0 : -EFAULT;
}

void caller_exe(int32_t tid, char *out, size_t size)
{
	char path[PROC_PATH];
	long n;

	proc_path(path, tid, "/exe");
	n = SYS4(SYS_readlinkat, AT_FDCWD, path, out, size - 1);
	out[n > 0 ? n : 0] = 0;
}
