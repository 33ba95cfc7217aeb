/* SPDX-License-Identifier: MIT */
/* socket.c - fragments of the symbols in hook_socket.c. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include "fragment.h"

int __connect(int fd, const struct sockaddr *to, socklen_t len);

FRAGMENT(socket)
{
	int fd;

	KEEPS((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) >= 0);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	KEEPS(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP) >= 0);
	KEEPS(socket(AF_UNIX, SOCK_SEQPACKET, 0) >= 0);
	KEEPS(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0);
	FAILS(socket(AF_INET, SOCK_STREAM, 262 /* MPTCP */), EPROTONOSUPPORT);
	FAILS(socket(AF_INET6, SOCK_STREAM, 262), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP), ESOCKTNOSUPPORT);
	REFUSED(socket(AF_INET, 6 /* SOCK_DCCP */, IPPROTO_DCCP));
	REFUSED(socket(AF_PACKET, SOCK_RAW, htons(3)));
	REFUSED(socket(AF_PACKET, SOCK_DGRAM, htons(3)));
	REFUSED(socket(AF_INET, SOCK_PACKET, htons(3)));
	for (int family = 3; family < 46; family++)
		if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK &&
		    family != AF_KEY && family != AF_ALG)
			REFUSED(socket(family, SOCK_STREAM, 0));
	FAILS(socket(AF_INET, 99, 0), EINVAL);
	FAILS(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	return 0;
}

static int connects(int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_in to = web(), far = discard(), here = loopback(9);
	struct sockaddr_in6 far6 = discard6();
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
	int fd = tcp();

	FAILS(call(fd, BAD, sizeof(to)), EFAULT);
	FAILS(call(fd, NULL, sizeof(to)), EFAULT);
	FAILS(call(fd, (struct sockaddr *)&to, 1), EINVAL);
	FAILS(call(fd, (struct sockaddr *)&to, sizeof(to) - 1), EINVAL);
	FAILS(call(fd, (struct sockaddr *)&to, (socklen_t)-1), EINVAL);
	FAILS(call(fd, (struct sockaddr *)&to, 4096), EINVAL);
	FAILS(call(NO_FD, SA(to)), EBADF);
	FAILS(call(-1, SA(to)), EBADF);
	FAILS(call(open("/dev/null", O_RDONLY | O_CLOEXEC), SA(to)), ENOTSOCK);
	FAILS(call(fd, SA(far6)), EAFNOSUPPORT);
	FAILS(call(udp(), SA(far6)), EAFNOSUPPORT);
	FAILS(call(socket(AF_UNIX, SOCK_STREAM, 0), SA(path)), ENOENT);
	KEEPS(call(fd, SA(to)) == 0);
	FAILS(call(fd, SA(to)), EISCONN);
	CHECK(fetches(fd));
	KEEPS(call(fd, SA(none)) == 0);
	REFUSED(call(tcp(), SA(here)));
	REFUSED(call(udp(), SA(far)));
	REFUSED(call(udp(), SA(here)));
	REFUSED(call(socket(AF_INET6, SOCK_DGRAM, 0), SA(far6)));
	return 0;
}

FRAGMENT(connect)
{
	return connects(connect);
}

FRAGMENT(__connect)
{
	return connects(__connect);
}

FRAGMENT(bind)
{
	struct sockaddr_in any = {.sin_family = AF_INET}, here = loopback(0);
	struct sockaddr_in own = any, port;
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(port);
	int fd = tcp();

	inet_pton(AF_INET, "192.0.2.2", &own.sin_addr);
	own.sin_port = htons(5353);
	FAILS(bind(fd, BAD, sizeof(any)), EFAULT);
	FAILS(bind(fd, (struct sockaddr *)&any, 3), EINVAL);
	FAILS(bind(NO_FD, SA(any)), EBADF);
	KEEPS(bind(fd, SA(any)) == 0);
	FAILS(bind(fd, SA(any)), EINVAL);
	KEEPS(bind(tcp(), SA(here)) == 0);
	KEEPS(bind(udp(), SA(any)) == 0);
	KEEPS(bind(udp(), SA(here)) == 0);
	FAILS(bind(udp(), SA(own)), EACCES);
	KEEPS(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&path,
		   sizeof(sa_family_t)) == 0);
	/* a datagram socket on every address hears loopback only */
	fd = udp();
	KEEPS(bind(fd, SA(here)) == 0 && !getsockname(fd, (struct sockaddr *)&port, &len));
	close(fd);
	any.sin_port = port.sin_port;
	fd = udp();
	KEEPS(bind(fd, SA(any)) == 0 && !getsockname(fd, (struct sockaddr *)&port, &len));
	CHECK(port.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	return 0;
}

FRAGMENT(listen)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6}, own6;
	struct sockaddr_in any = {.sin_family = AF_INET}, own;
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	socklen_t len = sizeof(own);
	int fd = tcp(), on = 1;
	char device[16] = "";

	FAILS(listen(NO_FD, 5), EBADF);
	FAILS(listen(open("/dev/null", O_RDONLY | O_CLOEXEC), 5), ENOTSOCK);
	FAILS(listen(udp(), 5), EOPNOTSUPP);
	KEEPS(listen(fd, 5) == 0);
	CHECK(!getsockname(fd, (struct sockaddr *)&own, &len));
	CHECK(own.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	fd = tcp();
	CHECK(!bind(fd, SA(any)));
	/* one that has its address already: that, or the loopback device */
	KEEPS(listen(fd, 5) == 0);
	CHECK(!getsockname(fd, (struct sockaddr *)&own, &len));
	len = sizeof(device);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &len));
	CHECK(own.sin_addr.s_addr == htonl(INADDR_LOOPBACK) || !strcmp(device, "lo"));
	if (device[0])
		FAILS(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0), EPERM);
	/* both families of a dual-stack socket: IPv4's loopback; of one that is not, its own */
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	KEEPS(listen(fd, 5) == 0);
	len = sizeof(own6);
	CHECK(!getsockname(fd, (struct sockaddr *)&own6, &len));
	CHECK(!memcmp(&own6.sin6_addr, mapped, 16));
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	KEEPS(listen(fd, 5) == 0);
	len = sizeof(own6);
	CHECK(!getsockname(fd, (struct sockaddr *)&own6, &len));
	CHECK(IN6_IS_ADDR_LOOPBACK(&own6.sin6_addr));
	(void)any6;
	return 0;
}

FRAGMENT(shutdown)
{
	struct sockaddr_in to = web();
	int fd = tcp(), pair[2];

	FAILS(shutdown(NO_FD, SHUT_WR), EBADF);
	FAILS(shutdown(tcp(), SHUT_WR), ENOTCONN);
	FAILS(shutdown(open("/dev/null", O_RDONLY | O_CLOEXEC), SHUT_WR), ENOTSOCK);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	KEEPS(shutdown(pair[0], SHUT_WR) == 0);
	CHECK(!connect(fd, SA(to)));
	FAILS(shutdown(fd, 99), EINVAL);
	KEEPS(shutdown(fd, SHUT_RDWR) == 0);
	return 0;
}

FRAGMENT(getpeername)
{
	struct sockaddr_in to = web(), peer;
	socklen_t len = sizeof(peer);
	int fd = tcp();

	FAILS(getpeername(NO_FD, (struct sockaddr *)&peer, &len), EBADF);
	FAILS(getpeername(fd, (struct sockaddr *)&peer, &len), ENOTCONN);
	CHECK(!connect(fd, SA(to)));
	len = sizeof(peer);
	KEEPS(getpeername(fd, (struct sockaddr *)&peer, &len) == 0);
	CHECK(len == sizeof(peer) && peer.sin_addr.s_addr == to.sin_addr.s_addr);
	CHECK(peer.sin_port == to.sin_port);
	FAILS(getpeername(fd, BAD, &len), EFAULT);
	FAILS(getpeername(fd, (struct sockaddr *)&peer, BAD), EFAULT);
	return 0;
}

FRAGMENT(setsockopt)
{
	static const uint8_t lsrr[] = {0x83, 7, 4, 203, 0, 113, 80, 0};
	struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(0xe00000fb)};
	struct in6_pktinfo info6 = {.ipi6_ifindex = 2};
	int fd = tcp(), fd6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, two = 2;

	KEEPS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	KEEPS(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, BAD, sizeof(on)), EFAULT);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, 1), EINVAL);
	FAILS(setsockopt(NO_FD, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), EBADF);
	FAILS(setsockopt(fd, SOL_SOCKET, 9999, &on, sizeof(on)), ENOPROTOOPT);
	FAILS(setsockopt(udp(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)), ENODEV);
	/* what leads elsewhere than the kernel's own route; taking it back is harmless */
	FAILS(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "cable", 6), EPERM);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "192.0.2.2", 10), ENODEV);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "a name far too long", 20), ENODEV);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &two, sizeof(two)), EPERM);
	FAILS(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, lsrr, sizeof(lsrr)), EPERM);
	FAILS(setsockopt(fd6, IPPROTO_IPV6, IPV6_RTHDR, lsrr, sizeof(lsrr)), EPERM);
	FAILS(setsockopt(udp(), IPPROTO_IP, IP_UNICAST_IF, &two, sizeof(two)), EPERM);
	FAILS(setsockopt(fd6, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6)), EPERM);
	KEEPS(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, NULL, 0) == 0);
	KEEPS(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == 0);
	FAILS(setsockopt(NO_FD, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), EBADF);
	KEEPS(setsockopt(udp(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == 0);
	FAILS(setsockopt(udp(), IPPROTO_IP, MCAST_JOIN_GROUP, &group, sizeof(group)), ENODEV);
	return 0;
}

FRAGMENT(getsockname)
{
	struct sockaddr_in to = web(), own;
	socklen_t len = sizeof(own);
	int fd = tcp();

	FAILS(getsockname(NO_FD, (struct sockaddr *)&own, &len), EBADF);
	KEEPS(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
	CHECK(len == sizeof(own) && own.sin_family == AF_INET && !own.sin_port);
	CHECK(!connect(fd, SA(to)));
	KEEPS(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
	CHECK(len == sizeof(own) && own.sin_family == AF_INET && own.sin_port);
	FAILS(getsockname(fd, BAD, &len), EFAULT);
	FAILS(getsockname(fd, (struct sockaddr *)&own, BAD), EFAULT);
	return 0;
}
