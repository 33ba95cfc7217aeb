/* SPDX-License-Identifier: MIT */
/* hook_read.c - reads: the kernel's, but from a socket to a DNS server (asked.c) or under way. */
#include <sys/uio.h>

#include "asked.h"
#include "pend.h"
#include "sys.h"

/*
 * An allocator may read a file while it starts (jemalloc does), and must not be asked for memory
 * then, as dlsym(3) does: before the real functions are known, the kernel is asked.
 */
#define READ(name, args, number, ...)                                                              \
	(real_known() ? real(name) args : libc_result(number(__VA_ARGS__)))

static inline __attribute__((always_inline)) bool idle(void)
{
	return !pend_stirs() &&
	       __builtin_expect(!atomic_load_explicit(&asked_any, memory_order_relaxed), 1);
}

static SLOWLY ssize_t read_slowly(int fd, void *data, size_t len)
{
	if (len && !pend_may_read(fd, 0))
		return -1;
	return asked_is(fd) ? asked_recv(fd, data, len, 0, NULL, NULL)
			    : READ(read, (fd, data, len), SYS3, SYS_read, fd, data, len);
}

WRAP_OFTEN ssize_t read(int fd, void *data, size_t len)
{
	return REAL_OR_SLOWLY(idle(), read, fd, data, len);
}

WRAP ssize_t __read_chk(int fd, void *data, size_t len, size_t size)
{
	if (len && !pend_may_read(fd, 0))
		return -1;
	return asked_is(fd) && len <= size ? asked_recv(fd, data, len, 0, NULL, NULL)
					   : READ(__read_chk, (fd, data, len, size), SYS3, SYS_read,
						  fd, data, len < size ? len : size);
}

static bool may_readv(int fd, const struct iovec *v, int count, int flags)
{
	return !pend_any() || !reach_vector(fd, v, count) || pend_may_read(fd, flags);
}

static bool asked_readv(int fd, int count)
{
	return asked_is(fd) && count >= 0 && count <= 1024;
}

static ssize_t readv_asked(int fd, const struct iovec *v, int count, int flags)
{
	struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)count};

	return libc_result(asked_receive(fd, &m, flags));
}

WRAP ssize_t readv(int fd, const struct iovec *v, int count)
{
	if (!may_readv(fd, v, count, 0))
		return -1;
	return asked_readv(fd, count) ? readv_asked(fd, v, count, 0)
				      : READ(readv, (fd, v, count), SYS3, SYS_readv, fd, v, count);
}

/* At any other offset than -1 a socket cannot be read: ESPIPE. */
#define PREADV2(name)                                                                              \
	WRAP ssize_t name(int fd, const struct iovec *v, int count, off_t offset, int flags)       \
	{                                                                                          \
		int how = vector_flags(flags);                                                     \
		if (offset == -1 && !may_readv(fd, v, count, how))                                 \
			return -1;                                                                 \
		return offset == -1 && asked_readv(fd, count)                                      \
			       ? readv_asked(fd, v, count, how)                                    \
			       : real(name)(fd, v, count, offset, flags);                          \
	}

PREADV2(preadv2)
PREADV2(preadv64v2)

static SLOWLY ssize_t recv_slowly(int fd, void *data, size_t len, int flags)
{
	if (!pend_may_read(fd, flags))
		return -1;
	return asked_is(fd) ? asked_recv(fd, data, len, flags, NULL, NULL)
			    : real(recv)(fd, data, len, flags);
}

WRAP_OFTEN ssize_t recv(int fd, void *data, size_t len, int flags)
{
	return REAL_OR_SLOWLY(idle(), recv, fd, data, len, flags);
}

WRAP ssize_t __recv_chk(int fd, void *data, size_t len, size_t size, int flags)
{
	if (!pend_may_read(fd, flags))
		return -1;
	return asked_is(fd) && len <= size ? asked_recv(fd, data, len, flags, NULL, NULL)
					   : real(__recv_chk)(fd, data, len, size, flags);
}

WRAP ssize_t recvfrom(int fd, void *restrict data, size_t len, int flags,
		      struct sockaddr *restrict from, socklen_t *restrict from_len)
{
	if (!pend_may_read(fd, flags))
		return -1;
	return asked_is(fd) ? asked_recv(fd, data, len, flags, from, from_len)
			    : real(recvfrom)(fd, data, len, flags, from, from_len);
}

WRAP ssize_t __recvfrom_chk(int fd, void *restrict data, size_t len, size_t size, int flags,
			    struct sockaddr *restrict from, socklen_t *restrict from_len)
{
	if (!pend_may_read(fd, flags))
		return -1;
	return asked_is(fd) && len <= size
		       ? asked_recv(fd, data, len, flags, from, from_len)
		       : real(__recvfrom_chk)(fd, data, len, size, flags, from, from_len);
}
