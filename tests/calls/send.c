/* SPDX-License-Identifier: MIT */
/* send.c - fragments of the symbols in hook_send.c. */
#include "fragment.h"

static const char ask[] = "GET / HTTP/1.0\r\nHost: web.far.test\r\n\r\n";

static struct msghdr message(struct iovec *iov, void *to, socklen_t len)
{
	iov->iov_base = (void *)(uintptr_t)ask;
	iov->iov_len = sizeof(ask) - 1;
	return (struct msghdr){.msg_name = to, .msg_namelen = len, .msg_iov = iov, .msg_iovlen = 1};
}

/* A datagram socket that is bound to loopback, and its address. */
static int receiver(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = udp();

	*at = loopback(0);
	if (bind(fd, (struct sockaddr *)at, sizeof(*at)) ||
	    getsockname(fd, (struct sockaddr *)at, &len))
		return -1;
	return fd;
}

static int answered(int fd)
{
	char page[4096];
	ssize_t n = recv(fd, page, sizeof(page), MSG_WAITALL);

	return n > 0 && memmem(page, (size_t)n, "far web server", 14) != NULL;
}

FRAGMENT(sendto)
{
	struct sockaddr_in to = discard(), site = web(), here, other = loopback(9);
	struct sockaddr_in6 to6 = discard6();
	struct sockaddr_in group = to, every = to, none = {.sin_family = AF_UNSPEC};
	int fd = tcp(), pair[2];

	group.sin_addr.s_addr = htonl(0xe00000fb);
	every.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	CHECK(receiver(&here) >= 0);
	REFUSED(sendto(udp(), "x", 1, 0, SA(to)));
	REFUSED(sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, SA(to6)));
	/* an IPv6 socket takes IPv4 addresses, and AF_UNSPEC is AF_INET to an IPv4 one */
	REFUSED(sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, SA(to)));
	to.sin_family = AF_UNSPEC;
	REFUSED(sendto(udp(), "x", 1, 0, SA(to)));
	to.sin_family = AF_INET;
	REFUSED(sendto(udp(), "x", 1, 0, SA(group)));
	REFUSED(sendto(udp(), "x", 1, MSG_DONTROUTE, SA(every)));
	REFUSED(sendto(udp(), "x", 1, MSG_CONFIRM, SA(other)));
	REFUSED(sendto(udp(), "x", 1, 0, SA(here)));
	REFUSED(sendto(udp(), NULL, 0, 0, SA(to)));
	FAILS(sendto(udp(), "x", 1, 0, NULL, 0), EDESTADDRREQ);
	FAILS(sendto(udp(), "x", 1, 0, BAD, sizeof(to)), EFAULT);
	FAILS(sendto(udp(), "x", 1, 0, (struct sockaddr *)&to, 3), EINVAL);
	FAILS(sendto(udp(), "x", 1, 0, (struct sockaddr *)&to, 4096), EINVAL);
	FAILS(sendto(NO_FD, "x", 1, 0, SA(to)), EBADF);
	CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	KEEPS(sendto(pair[0], "x", 1, 0, NULL, 0) == 1);
	FAILS(sendto(fd, "x", 1, MSG_NOSIGNAL, SA(site)), EPIPE);
	FAILS(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, SA(none)), EOPNOTSUPP);
	KEEPS(sendto(fd, ask, sizeof(ask) - 1, MSG_FASTOPEN, SA(site)) == sizeof(ask) - 1);
	CHECK(answered(fd));
	return 0;
}

FRAGMENT(sendmsg)
{
	struct sockaddr_in to = discard(), site = web();
	struct iovec iov;
	struct msghdr m = message(&iov, &to, sizeof(to));
	struct {
		struct cmsghdr head;
		uint8_t lsrr[8];
	} control = {.lsrr = {0x83, 7, 4, 203, 0, 113, 80, 0}};
	int fd = tcp(), pair[2];

	REFUSED(sendmsg(udp(), &m, 0));
	/* a source route would lead to its first hop, even from a socket that may send */
	control.head.cmsg_len = CMSG_LEN(8);
	control.head.cmsg_level = IPPROTO_IP;
	control.head.cmsg_type = IP_RETOPTS;
	m.msg_control = &control;
	m.msg_controllen = sizeof(control);
	FAILS(sendmsg(udp(), &m, 0), EPERM);
	m.msg_name = NULL;
	FAILS(sendmsg(udp(), &m, 0), EPERM);
	m.msg_control = BAD;
	CHECK(sendmsg(udp(), &m, 0) == -1);
	m = message(&iov, &to, sizeof(to));
	m.msg_namelen = 3;
	FAILS(sendmsg(udp(), &m, 0), EINVAL);
	m.msg_name = BAD;
	m.msg_namelen = sizeof(to);
	FAILS(sendmsg(udp(), &m, 0), EFAULT);
	FAILS(sendmsg(udp(), BAD, 0), EFAULT);
	m = message(&iov, NULL, 0);
	FAILS(sendmsg(NO_FD, &m, 0), EBADF);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	KEEPS(sendmsg(pair[0], &m, 0) == sizeof(ask) - 1);
	m = message(&iov, &site, sizeof(site));
	KEEPS(sendmsg(fd, &m, MSG_FASTOPEN) == sizeof(ask) - 1);
	CHECK(m.msg_name == &site && m.msg_namelen == sizeof(site));
	CHECK(answered(fd));
	return 0;
}

FRAGMENT(sendmmsg)
{
	struct sockaddr_in to = discard(), site = web();
	struct iovec iov;
	struct mmsghdr m[2] = {{.msg_hdr = message(&iov, &to, sizeof(to))},
			       {.msg_hdr = message(&iov, &to, sizeof(to))}};
	int fd = tcp(), pair[2];

	REFUSED(sendmmsg(udp(), m, 2, 0));
	/* the first is refused for want of an address; the second alone for its address */
	m[0].msg_hdr = message(&iov, NULL, 0);
	FAILS(sendmmsg(udp(), m, 2, 0), EDESTADDRREQ);
	REFUSED(sendmmsg(udp(), m + 1, 1, 0));
	CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	m[1].msg_hdr = message(&iov, NULL, 0);
	KEEPS(sendmmsg(pair[0], m, 2, 0) == 2);
	CHECK(m[1].msg_len == sizeof(ask) - 1);
	KEEPS(sendmmsg(pair[0], m, 0, 0) == 0);
	FAILS(sendmmsg(pair[0], BAD, 2, 0), EFAULT);
	FAILS(sendmmsg(NO_FD, m, 1, 0), EBADF);
	m[0].msg_hdr = message(&iov, &site, sizeof(site));
	KEEPS(sendmmsg(fd, m, 1, MSG_FASTOPEN) == 1);
	CHECK(m[0].msg_len == sizeof(ask) - 1);
	CHECK(answered(fd));
	return 0;
}
