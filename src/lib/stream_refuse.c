/* SPDX-License-Identifier: MIT */
/* stream_refuse.c - a socket that looks as if its connection was refused. */
#include <errno.h>
#include <fcntl.h>

#include "stream.h"
#include "sys.h"

/* Connects without waiting, also if the descriptor blocks by now. */
static int connect_at_once(int fd, const struct sockaddr_storage *to, int len)
{
	long flags = SYS2(SYS_fcntl, fd, F_GETFL);
	int err;

	if (!(flags & O_NONBLOCK))
		SYS3(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
	err = sys_connect(fd, to, (size_t)len);
	if (!(flags & O_NONBLOCK))
		SYS3(SYS_fcntl, fd, F_SETFL, flags);
	return err;
}

/*
 * Nobody can listen on port 0: the kernel answers with a reset, before connect(2) returns. An IPv6
 * socket takes the v4-mapped loopback, or ::1 if it is IPv6 only.
 */
bool stream_refuse(int fd)
{
	const struct addr loopback[] = {addr_loopback(AF_INET, 0), addr_loopback(AF_INET6, 0)};
	struct sockaddr_storage to;
	int domain = AF_INET, len;

	sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	for (size_t i = 0; i < 2; i++) {
		len = addr_to_sockaddr(&loopback[i], domain, &to);
		if (len > 0 && connect_at_once(fd, &to, len) == -EINPROGRESS)
			return true;
	}
	return false;
}
