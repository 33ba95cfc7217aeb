/* SPDX-License-Identifier: MIT */
/* ends.c - the addresses of a socket's two ends: getsockname(2), getpeername(2). */
#include "ends.h"

#include "sys.h"

static int ask(long nr, int fd, struct addr *a)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	int error = (int)SYS3(nr, fd, &sa, &len);

	return error ? error : addr_from_sockaddr(a, &sa, len);
}

int ends_own(int fd, struct addr *own)
{
	return ask(SYS_getsockname, fd, own);
}

int ends_peer(int fd, struct addr *peer)
{
	return ask(SYS_getpeername, fd, peer);
}

bool ends_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return SYS3(SYS_getpeername, fd, &peer, &len) == 0;
}
