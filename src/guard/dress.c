/* SPDX-License-Identifier: MIT */
/* dress.c - makes a UDP socket look like another one: options, flags, address. */
#include "dress.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "addr.h"
#include "sys.h"

static void copy_option(int from, int to, int level, int option, size_t size)
{
	char is[sizeof(struct timeval)] = {0}, has[sizeof(struct timeval)] = {0};

	if (sys_getsockopt(from, level, option, is, size) == 0 &&
	    sys_getsockopt(to, level, option, has, size) == 0 && memcmp(is, has, size) != 0)
		sys_setsockopt(to, level, option, is, size);
}

static void copy_options(int from, int to)
{
	static const struct {
		int level, option;
	} list[] = {
		{SOL_SOCKET, SO_BROADCAST},	   {SOL_SOCKET, SO_TIMESTAMP},
		{SOL_SOCKET, SO_RCVLOWAT},	   {IPPROTO_IP, IP_PKTINFO},
		{IPPROTO_IP, IP_RECVTTL},	   {IPPROTO_IP, IP_RECVERR},
		{IPPROTO_IPV6, IPV6_V6ONLY},	   {IPPROTO_IPV6, IPV6_RECVPKTINFO},
		{IPPROTO_IPV6, IPV6_RECVHOPLIMIT}, {IPPROTO_IPV6, IPV6_RECVERR},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		copy_option(from, to, list[i].level, list[i].option, sizeof(int));
	copy_option(from, to, SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval));
	copy_option(from, to, SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval));
}

/* Where the socket is bound; at another port if two had the same one, one after the other. */
static int copy_address(int from, int to)
{
	static const int on = 1, off = 0;
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof(own);
	struct addr a;
	long error = SYS3(SYS_getsockname, from, &own, &len);

	if (!error)
		error = addr_from_sockaddr(&a, &own, len);
	if (error || (!a.port && addr_is_any(&a)))
		return (int)error;
	sys_setsockopt(to, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	error = sys_bind(to, &own, len);
	if (error == -EADDRINUSE) {
		a.port = 0;
		addr_to_sockaddr(&a, own.ss_family, &own);
		error = sys_bind(to, &own, len);
	}
	sys_setsockopt(to, IPPROTO_IP, IP_FREEBIND, &off, sizeof(off));
	return (int)error;
}

int dress(int to, int from)
{
	copy_options(from, to);
	SYS3(SYS_fcntl, to, F_SETFL, SYS2(SYS_fcntl, from, F_GETFL));
	return copy_address(from, to);
}
