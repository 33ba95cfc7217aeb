/* SPDX-License-Identifier: MIT */
/* sys.c - system calls without libc. */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "kernel.h"

#define SIGNAL_SET_BYTES 8 /* the kernel's sigset_t */

int sys_open(const char *path, int flags, int mode)
{
	return (int)SYS4(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

long sys_read(int fd, void *buf, size_t len)
{
	return SYS3(SYS_read, fd, buf, len);
}

long sys_write(int fd, const void *buf, size_t len)
{
	return SYS3(SYS_write, fd, buf, len);
}

int sys_close(int fd)
{
	return (int)SYS1(SYS_close, fd);
}

int sys_getpid(void)
{
	return (int)SYS0(SYS_getpid);
}

int sys_gettid(void)
{
	return (int)SYS0(SYS_gettid);
}

static sys_gate_call *gate;

void sys_gate_set(sys_gate_call *to)
{
	__atomic_store_n(&gate, to, __ATOMIC_RELEASE);
}

long sys_gate(long nr, long a, long b, long c, long d, long e, long f)
{
	sys_gate_call *g = __atomic_load_n(&gate, __ATOMIC_ACQUIRE);

	return g ? g(nr, a, b, c, d, e, f) : sys_call(nr, a, b, c, d, e, f);
}

int sys_connect(int fd, const void *to, size_t len)
{
	return (int)sys_gate(SYS_connect, fd, SYS_ARG(to), SYS_ARG(len), 0, 0, 0);
}

int sys_bind(int fd, const void *to, size_t len)
{
	return (int)sys_gate(SYS_bind, fd, SYS_ARG(to), SYS_ARG(len), 0, 0, 0);
}

long sys_send(int fd, const void *data, size_t len, int flags)
{
	return SYS6(SYS_sendto, fd, data, len, flags, 0, 0);
}

long sys_recv(int fd, void *data, size_t len, int flags)
{
	return SYS6(SYS_recvfrom, fd, data, len, flags, 0, 0);
}

int sys_getsockopt(int fd, int level, int option, void *value, size_t len)
{
	socklen_t size = (socklen_t)len;

	return (int)SYS5(SYS_getsockopt, fd, level, option, value, &size);
}

int sys_setsockopt(int fd, int level, int option, const void *value, size_t len)
{
	return (int)SYS5(SYS_setsockopt, fd, level, option, value, len);
}

int sys_disconnect(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	return sys_connect(fd, &none, sizeof(none));
}

static uint64_t cookie_of(int fd, int option)
{
	uint64_t cookie = 0;

	if (sys_getsockopt(fd, SOL_SOCKET, option, &cookie, sizeof(cookie)) < 0)
		return 0;
	return cookie;
}

uint64_t sys_cookie(int fd)
{
	return cookie_of(fd, SO_COOKIE);
}

uint64_t sys_namespace(int fd)
{
	return cookie_of(fd, OPTION_NETNS_COOKIE);
}

uint64_t sys_now(void)
{
	struct timespec t = {0};

	/* The vDSO behind clock_gettime(2): libc's function neither locks nor sets errno here. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One write(2), and more only if it was cut short. A full non-blocking pipe drops the line. */
static long write_all(int fd, const uint8_t *data, size_t len)
{
	long n;

	while (len) {
		n = sys_write(fd, data, len);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A broken pipe raises SIGPIPE in this thread: it is held back, and taken away if it is ours. */
long sys_write_quietly(int fd, const void *data, size_t len)
{
	static const uint64_t pipe_bit = 1ull << (SIGPIPE - 1);
	static const struct timespec no_time;
	uint64_t before, pending = 0;
	long ret;

	ret = SYS4(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_bit, &before, SIGNAL_SET_BYTES);
	if (ret < 0)
		return ret;
	SYS2(SYS_rt_sigpending, &pending, SIGNAL_SET_BYTES);
	ret = write_all(fd, data, len);
	if (ret == -EPIPE && !(pending & pipe_bit))
		while (SYS4(SYS_rt_sigtimedwait, &pipe_bit, NULL, &no_time, SIGNAL_SET_BYTES) ==
		       -EINTR)
			;
	SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNAL_SET_BYTES);
	return ret;
}

long sys_slurp(const char *path, char *buf, size_t size)
{
	size_t have = 0;
	long n = 1;
	int fd = sys_open(path, O_RDONLY | O_NOCTTY, 0);

	if (fd < 0)
		return fd;
	while (have < size && n > 0) {
		n = sys_read(fd, buf + have, size - have);
		if (n == -EINTR)
			n = 1;
		else if (n > 0)
			have += (size_t)n;
	}
	if (have == size && n > 0) {
		char more;

		n = sys_read(fd, &more, 1) > 0 ? -EFBIG : 0;
	}
	sys_close(fd);
	return n < 0 ? n : (long)have;
}

static bool checked;

void sys_checked(void)
{
	checked = true;
}

/* Three times as dear, and no checker asks what is in the bytes. */
static bool can_copy_8(uintptr_t at)
{
	char bytes[8];
	struct iovec to = {bytes, sizeof(bytes)}, from = {(void *)at, sizeof(bytes)};

	return SYS6(SYS_process_vm_readv, sys_getpid(), &to, 1, &from, 1, 0) == sizeof(bytes);
}

/*
 * rt_sigprocmask(2) copies 8 bytes before it looks at its first argument, which is wrong here:
 * EFAULT or EINVAL, and nothing changes.
 */
static int readable_8(uintptr_t at)
{
	if (checked)
		return can_copy_8(at);
	/* NULL would mean no set at all. */
	return at && SYS4(SYS_rt_sigprocmask, ~0L, at, 0, 8) != -EFAULT;
}

int sys_readable(const void *at, size_t len)
{
	const uintptr_t page = 4096;
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)7,
		  last = ((uintptr_t)at + len - 1) & ~(uintptr_t)7;

	if (!len)
		return 1;
	if ((uintptr_t)at + len < (uintptr_t)at)
		return 0;
	return readable_8(first) && (first / page == last / page || readable_8(last));
}

/* What getdents64(2) fills in. */
struct entry {
	uint64_t ino;
	int64_t next;
	uint16_t len;
	uint8_t type;
	char name[];
};

static int number(const char *name)
{
	int n = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		n = n * 10 + (*name - '0');
	return *name ? -1 : n;
}

/*
 * Most programs begin with 0, 1 and 2 and no more: to list those would be the dearest call of a
 * start-up. Linux 6.2 tells in one how many there are. Returns the open ones as bits, or 0 if there
 * are others.
 */
static uint32_t few_fds(void)
{
	enum { FEW = 16 };
	struct stat st;
	uint32_t open = 0;
	long count = 0;

	if (SYS4(SYS_newfstatat, AT_FDCWD, "/proc/self/fd", &st, 0) == 0)
		count = (long)st.st_size;
	for (int fd = 0; fd < FEW && count > 0; fd++) {
		if (SYS2(SYS_fcntl, fd, F_GETFD) < 0)
			continue;
		open |= 1u << fd;
		count--;
	}
	return count ? 0 : open;
}

/* Without /proc, or a descriptor to read it by, each number is tried: as many as are usual. */
static void try_fds(void (*each)(int fd, void *arg), void *arg)
{
	enum { USUAL = 1024 };

	for (int fd = 0; fd < USUAL; fd++)
		if (SYS2(SYS_fcntl, fd, F_GETFD) >= 0)
			each(fd, arg);
}

int sys_each_number(const char *path, int own, void (*each)(int n, void *arg), void *arg)
{
	_Alignas(struct entry) char buffer[2048];
	int dir = sys_open(path, O_RDONLY | O_DIRECTORY, 0), fd;
	struct entry *e;
	long n;

	if (dir < 0)
		return dir;
	while ((n = SYS3(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n; at += e->len) {
			e = (struct entry *)(void *)(buffer + at);
			fd = number(e->name);
			if (fd >= 0 && !(own && fd == dir))
				each(fd, arg);
		}
	}
	sys_close(dir);
	return (int)n;
}

void *sys_pages(size_t size)
{
	long at = SYS6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at < 0 && at > -4096 ? NULL : (void *)at;
}

void sys_each_fd(void (*each)(int fd, void *arg), void *arg)
{
	uint32_t few = few_fds();

	if (!few && sys_each_number("/proc/self/fd", 1, each, arg) < 0)
		try_fds(each, arg);
	for (; few; few &= few - 1)
		each(__builtin_ctz(few), arg);
}
