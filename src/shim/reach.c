/* SPDX-License-Identifier: MIT */
/*
 * reach.c - calls that end before the kernel comes to the socket, for what is wrong with them or
 * because they are of no bytes: a stream under way changes nothing about these.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "pend.h"
#include "sys.h"

#define MOST_VECTORS 1024 /* UIO_MAXIOV */
#define SPLICE_FLAGS 0xfu /* all that there are; shown with _GNU_SOURCE only */

/* Bytes of the whole, -1 where the kernel refuses it. */
static ssize_t vector_bytes(const struct iovec *v, size_t count)
{
	size_t sum = 0;

	if (count > MOST_VECTORS || !readable(v, count * sizeof(*v)))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (v[i].iov_len > SSIZE_MAX)
			return -1;
		sum += v[i].iov_len < MOST_VECTORS ? v[i].iov_len : MOST_VECTORS;
	}
	return (ssize_t)sum;
}

bool reach_vector(int fd, const struct iovec *v, int count)
{
	return !fds_maybe(fd) || (count > 0 && vector_bytes(v, (size_t)count) > 0);
}

static bool is_message(const struct msghdr *m)
{
	return readable(m, sizeof(*m)) && (int)m->msg_namelen >= 0 &&
	       vector_bytes(m->msg_iov, m->msg_iovlen) >= 0;
}

bool reach_message(int fd, const struct msghdr *m)
{
	return !fds_maybe(fd) || is_message(m);
}

bool reach_messages(int fd, const struct mmsghdr *m, unsigned int count)
{
	return !fds_maybe(fd) || (count && readable(m, sizeof(*m)) && is_message(&m->msg_hdr));
}

bool reach_address(int fd, const void *to, socklen_t len)
{
	return !fds_maybe(fd) || (len <= sizeof(struct sockaddr_storage) && readable(to, len));
}

bool reach_sendfile(int out, int in, const off_t *offset, size_t len)
{
	if (!fds_maybe(out) && !fds_maybe(in))
		return true;
	return len && (!offset || readable(offset, sizeof(*offset))) &&
	       SYS2(SYS_fcntl, in, F_GETFD) >= 0;
}

static bool is_pipe(int fd)
{
	struct stat s;

	return SYS2(SYS_fstat, fd, &s) == 0 && S_ISFIFO(s.st_mode);
}

/* One end is a pipe, and a socket has no offset. */
bool reach_splice(int in, const off_t *in_offset, int out, const off_t *out_offset, size_t len,
		  unsigned int flags)
{
	if (!fds_maybe(out) && !fds_maybe(in))
		return true;
	return len && !in_offset && !out_offset && !(flags & ~SPLICE_FLAGS) &&
	       (is_pipe(in) || is_pipe(out));
}
