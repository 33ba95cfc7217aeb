/* SPDX-License-Identifier: MIT */
/* receive.c - fragments of the symbols in hook_receive.c. */
#include <fcntl.h>

#include "fragment.h"

/* A listener on loopback and a socket of ours that is on its way in, made past the library. */
static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = tcp();

	*at = loopback(0);
	if (bind(fd, (struct sockaddr *)at, sizeof(*at)) || listen(fd, 5) ||
	    getsockname(fd, (struct sockaddr *)at, &len))
		return -1;
	return fd;
}

static int accepts(int (*call)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in at, peer;
	socklen_t len = sizeof(peer);
	int fd = listener(&at);

	CHECK(fd >= 0);
	FAILS(call(NO_FD, NULL, NULL), EBADF);
	FAILS(call(open("/dev/null", O_RDONLY | O_CLOEXEC), NULL, NULL), ENOTSOCK);
	FAILS(call(tcp(), NULL, NULL), EINVAL);
	FAILS(call(udp(), NULL, NULL), EOPNOTSUPP);
	CHECK(!fcntl(fd, F_SETFL, O_NONBLOCK));
	FAILS(call(fd, (struct sockaddr *)&peer, &len), EAGAIN);
	CHECK(len == sizeof(peer));
	return 0;
}

FRAGMENT(accept)
{
	return accepts(accept);
}

static int accept_with_flags(int fd, struct sockaddr *peer, socklen_t *len)
{
	return accept4(fd, peer, len, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

FRAGMENT(accept4)
{
	struct sockaddr_in at;

	FAILS(accept4(listener(&at), NULL, NULL, 1), EINVAL);
	return accepts(accept_with_flags);
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static struct msghdr message(struct iovec *iov, union control *control, char *byte)
{
	*iov = (struct iovec){byte, 1};
	return (struct msghdr){.msg_iov = iov,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = sizeof(*control)};
}

/* Sends a descriptor. */
static int hand_over(int to, int fd)
{
	union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS}};
	char byte = 'x';
	struct iovec iov;
	struct msghdr m = message(&iov, &control, &byte);

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(to, &m, 0) == 1;
}

static int received(const union control *control)
{
	int fd;

	memcpy(&fd, CMSG_DATA((struct cmsghdr *)(uintptr_t)&control->head), sizeof(fd));
	return fd;
}

/* What may be handed over arrives whole: a stream of ours, a file. */
FRAGMENT(recvmsg)
{
	union control control;
	struct sockaddr_in to = web();
	char byte = 0;
	struct iovec iov;
	struct msghdr m = message(&iov, &control, &byte);
	int pair[2], fd = tcp();

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	CHECK(!connect(fd, SA(to)));
	CHECK(hand_over(pair[0], fd));
	KEEPS(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC) == 1);
	CHECK(byte == 'x' && received(&control) != fd);
	CHECK(fcntl(received(&control), F_GETFD) == FD_CLOEXEC);
	CHECK(fetches(received(&control)));
	CHECK(hand_over(pair[0], udp()));
	m = message(&iov, &control, &byte);
	KEEPS(recvmsg(pair[1], &m, 0) == 1);
	CHECK(fcntl(received(&control), F_GETFD) == 0);
	REFUSED(sendto(received(&control), "x", 1, 0, SA(to)));
	FAILS(recvmsg(NO_FD, &m, 0), EBADF);
	FAILS(recvmsg(pair[1], BAD, 0), EFAULT);
	m = message(&iov, NULL, &byte);
	m.msg_controllen = 0;
	FAILS(recvmsg(pair[1], &m, MSG_DONTWAIT), EAGAIN);
	return 0;
}

FRAGMENT(recvmmsg)
{
	union control control[2];
	char byte[2] = {0};
	struct iovec iov[2];
	struct mmsghdr m[2] = {{.msg_hdr = message(&iov[0], &control[0], &byte[0])},
			       {.msg_hdr = message(&iov[1], &control[1], &byte[1])}};
	int pair[2];

	CHECK(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
	CHECK(hand_over(pair[0], tcp()) && hand_over(pair[0], pair[0]));
	KEEPS(recvmmsg(pair[1], m, 2, 0, NULL) == 2);
	CHECK(fcntl(received(&control[0]), F_GETFD) == 0);
	CHECK(fcntl(received(&control[1]), F_GETFD) == 0);
	FAILS(recvmmsg(NO_FD, m, 2, 0, NULL), EBADF);
	FAILS(recvmmsg(pair[1], m, 2, MSG_DONTWAIT, NULL), EAGAIN);
	return 0;
}
