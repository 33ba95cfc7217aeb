/* SPDX-License-Identifier: MIT */
/*
 * hook_io.c - writes: straight to the kernel, unless a stream is under way; then as on a
 * connection in progress. Reads are in hook_read.c and
 * hook_receive.c, messages in hook_send.c.
 */
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pend.h"

static SLOWLY ssize_t write_slowly(int fd, const void *data, size_t len)
{
	return pend_may_write(fd, 0) ? real(write)(fd, data, len) : -1;
}

WRAP_OFTEN ssize_t write(int fd, const void *data, size_t len)
{
	return REAL_OR_SLOWLY(!pend_stirs(), write, fd, data, len);
}

WRAP ssize_t writev(int fd, const struct iovec *v, int count)
{
	return !pend_any() || !reach_vector(fd, v, count) || pend_may_write(fd, 0)
		       ? real(writev)(fd, v, count)
		       : -1;
}

#define PWRITEV2(name)                                                                             \
	WRAP ssize_t name(int fd, const struct iovec *v, int count, off_t offset, int flags)       \
	{                                                                                          \
		return offset != -1 || !pend_any() || !reach_vector(fd, v, count) ||               \
				       pend_may_write(fd, vector_flags(flags))                     \
			       ? real(name)(fd, v, count, offset, flags)                           \
			       : -1;                                                               \
	}

PWRITEV2(pwritev2)
PWRITEV2(pwritev64v2)

static SLOWLY ssize_t send_slowly(int fd, const void *data, size_t len, int flags)
{
	return pend_may_write(fd, flags) ? real(send)(fd, data, len, flags) : -1;
}

WRAP_OFTEN ssize_t send(int fd, const void *data, size_t len, int flags)
{
	return REAL_OR_SLOWLY(!pend_stirs(), send, fd, data, len, flags);
}

static bool may_sendfile(int out, int in, const off_t *offset, size_t len)
{
	return !pend_any() || !reach_sendfile(out, in, offset, len) ||
	       (pend_may_write(out, 0) && pend_may_read(in, 0));
}

WRAP ssize_t sendfile(int out, int in, off_t *offset, size_t len)
{
	return may_sendfile(out, in, offset, len) ? real(sendfile)(out, in, offset, len) : -1;
}

WRAP ssize_t sendfile64(int out, int in, off_t *offset, size_t len)
{
	return may_sendfile(out, in, offset, len) ? real(sendfile64)(out, in, offset, len) : -1;
}

WRAP ssize_t splice(int in, off_t *in_offset, int out, off_t *out_offset, size_t len,
		    unsigned int flags)
{
	return !pend_any() || !reach_splice(in, in_offset, out, out_offset, len, flags) ||
			       (pend_may_write(out, 0) && pend_may_read(in, 0))
		       ? real(splice)(in, in_offset, out, out_offset, len, flags)
		       : -1;
}
