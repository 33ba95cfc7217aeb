/* SPDX-License-Identifier: MIT */
/* read.c - fragments of the symbols in hook_read.c. */
#include <sys/uio.h>

#include "fragment.h"

/* A pair with five bytes to read. */
static int five(int pair[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(write(pair[1], "hello", 5) == 5);
	return 0;
}

static int done(const int pair[2], const char *data)
{
	CHECK(!memcmp(data, "hello", 5));
	close(pair[0]);
	close(pair[1]);
	return 0;
}

ssize_t __read_chk(int fd, void *data, size_t len, size_t size);
ssize_t __recv_chk(int fd, void *data, size_t len, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t size, int flags,
		       struct sockaddr *from, socklen_t *from_len);

FRAGMENT(read)
{
	char data[16];
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(read(pair[0], data, sizeof(data)) == 5);
	FAILS(read(NO_FD, data, sizeof(data)), EBADF);
	FAILS(write(pair[1], "x", 1) == 1 ? read(pair[0], BAD, 1) : 0, EFAULT);
	return done(pair, data);
}

FRAGMENT(__read_chk)
{
	char data[16];
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(__read_chk(pair[0], data, sizeof(data), sizeof(data)) == 5);
	FAILS(__read_chk(NO_FD, data, 1, sizeof(data)), EBADF);
	return done(pair, data);
}

FRAGMENT(readv)
{
	char data[16];
	struct iovec v[] = {{data, 2}, {data + 2, 10}};
	volatile int negative = -1;
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(readv(pair[0], v, 2) == 5);
	FAILS(readv(pair[0], v, negative), EINVAL);
	FAILS(readv(NO_FD, v, 2), EBADF);
	return done(pair, data);
}

FRAGMENT(recv)
{
	char data[16];
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(recv(pair[0], data, sizeof(data), MSG_PEEK) == 5);
	KEEPS(recv(pair[0], data, sizeof(data), 0) == 5);
	FAILS(recv(pair[0], data, sizeof(data), MSG_DONTWAIT), EAGAIN);
	FAILS(recv(NO_FD, data, sizeof(data), 0), EBADF);
	return done(pair, data);
}

FRAGMENT(__recv_chk)
{
	char data[16];
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(__recv_chk(pair[0], data, sizeof(data), sizeof(data), 0) == 5);
	FAILS(__recv_chk(NO_FD, data, 1, sizeof(data), 0), EBADF);
	return done(pair, data);
}

FRAGMENT(recvfrom)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char data[16];
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(recvfrom(pair[0], data, sizeof(data), 0, (struct sockaddr *)&from, &len) == 5);
	FAILS(recvfrom(NO_FD, data, sizeof(data), 0, NULL, NULL), EBADF);
	return done(pair, data);
}

FRAGMENT(__recvfrom_chk)
{
	char data[16];
	int pair[2];

	CHECK(five(pair) == 0);
	KEEPS(__recvfrom_chk(pair[0], data, sizeof(data), sizeof(data), 0, NULL, NULL) == 5);
	FAILS(__recvfrom_chk(NO_FD, data, 1, sizeof(data), 0, NULL, NULL), EBADF);
	return done(pair, data);
}
