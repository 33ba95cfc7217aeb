/* SPDX-License-Identifier: MIT */
// static_options PORT: sets each option that a socket may have, to values that name the cable, a
// group, a source route; then sends to PORT of loopback and beyond. The judge is the capture.
// Prints how many options were taken.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned int cable;

static int set_raw(int fd, int level, int option, const void *value, size_t len)
{
	return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

// What an option may read.
union value {
	char bytes[320];
	int number;
	struct ip_mreqn m4;
	struct ip_mreq_source s4;
	struct ipv6_mreq m6;
	struct group_req g;
	struct group_source_req gs;
	struct in6_pktinfo p6;
};

static void address(void *at, int family, const char *text)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
	struct sockaddr_in a4 = {.sin_family = AF_INET};

	if (family == AF_INET)
		inet_pton(AF_INET, text, &a4.sin_addr), memcpy(at, &a4, sizeof(a4));
	else
		inet_pton(AF_INET6, text, &a6.sin6_addr), memcpy(at, &a6, sizeof(a6));
}

#define VALUES 14
static size_t value_of(int which, union value *v)
{
	// loose source route by 203.0.113.9; type 0 and 4 routing headers
	static const uint8_t route4[] = {131, 7, 4, 203, 0, 113, 9, 0};
	static const uint8_t route6[24] = {0, 2, 0, 1, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0xff};
	const int family = which % 2 ? AF_INET6 : AF_INET;
	const char *group = which % 2 ? "ff05::1234" : "239.1.2.3";
	const char *from = which % 2 ? "2001:db8:ff::80" : "203.0.113.80";

	memset(v, 0, sizeof(*v));
	switch (which) {
	case 0:
		v->number = 1;
		return sizeof(int);
	case 1:
		v->number = (int)cable;
		return sizeof(int);
	case 2:
		v->number = (int)htonl(cable);
		return sizeof(int);
	case 3:
		strcpy(v->bytes, "cable");
		return 6;
	case 4:
		v->m4.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
		v->m4.imr_ifindex = (int)cable;
		return sizeof(v->m4);
	case 5:
		v->s4.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
		v->s4.imr_sourceaddr.s_addr = inet_addr("203.0.113.80");
		v->s4.imr_interface.s_addr = inet_addr("192.0.2.2");
		return sizeof(v->s4);
	case 6:
		inet_pton(AF_INET6, "ff05::1234", &v->m6.ipv6mr_multiaddr);
		v->m6.ipv6mr_interface = cable;
		return sizeof(v->m6);
	case 7:
	case 8:
		v->g.gr_interface = cable;
		address(&v->g.gr_group, family, group);
		return sizeof(v->g);
	case 9:
	case 10:
		v->gs.gsr_interface = cable;
		address(&v->gs.gsr_group, family, group);
		address(&v->gs.gsr_source, family, from);
		return sizeof(v->gs);
	case 11:
		v->p6.ipi6_ifindex = cable;
		return sizeof(v->p6);
	case 12:
		memcpy(v->bytes, route4, sizeof(route4));
		return sizeof(route4);
	default:
		memcpy(v->bytes, route6, sizeof(route6));
		return sizeof(route6);
	}
}

static void send_from(int fd, int family, uint16_t port)
{
	static const char *const to[] = {"127.0.0.1", "203.0.113.80",	 "239.1.2.3",
					 "::1",	      "2001:db8:ff::80", "ff05::1234"};
	struct sockaddr_storage at;

	for (int i = family == AF_INET ? 0 : 3; i < (family == AF_INET ? 3 : 6); i++) {
		struct msghdr m = {.msg_name = &at,
				   .msg_namelen = sizeof(struct sockaddr_in6),
				   .msg_iov = &(struct iovec){(void *)"leak", 4},
				   .msg_iovlen = 1};

		memset(&at, 0, sizeof(at));
		address(&at, family, to[i]);
		((struct sockaddr_in *)&at)->sin_port = htons(port);
		syscall(SYS_sendto, fd, "leak", 4, MSG_DONTWAIT | MSG_NOSIGNAL, &at,
			sizeof(struct sockaddr_in6));
		syscall(SYS_sendmsg, fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		syscall(SYS_connect, fd, &at, sizeof(struct sockaddr_in6));
		syscall(SYS_write, fd, "leak", 4);
	}
}

static const struct kind {
	int family, type, protocol;
} kinds[] = {{AF_INET, SOCK_DGRAM, 0},
	     {AF_INET6, SOCK_DGRAM, 0},
	     {AF_INET, SOCK_STREAM, 0},
	     {AF_INET6, SOCK_STREAM, 0},
	     {AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
	     {AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
	     {AF_INET, SOCK_RAW, 255},
	     {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
	     {AF_INET, SOCK_RAW, IPPROTO_IGMP}};

static unsigned int each_option(const struct kind *k, int level, int most, uint16_t port)
{
	unsigned int taken = 0;
	union value v;

	for (int option = 0; option <= most; option++) {
		for (int which = 0; which < VALUES; which++) {
			int fd = (int)syscall(SYS_socket, k->family, k->type | SOCK_NONBLOCK,
					      k->protocol);
			size_t len = value_of(which, &v);

			if (fd < 0)
				return taken;
			if (set_raw(fd, level, option, &v, len) == 0) {
				taken++;
				if (k->type != SOCK_STREAM)
					send_from(fd, k->family, port);
			}
			close(fd);
		}
	}
	return taken;
}

int main(int argc, char **argv)
{
	static const struct {
		int level, most;
	} levels[] = {{SOL_SOCKET, 90},	  {IPPROTO_IP, 255}, {IPPROTO_IPV6, 255}, {IPPROTO_TCP, 48},
		      {IPPROTO_UDP, 110}, {IPPROTO_RAW, 4},  {IPPROTO_ICMPV6, 4}};
	uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 9;
	unsigned int taken = 0;

	cable = if_nametoindex("cable");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (size_t l = 0; l < sizeof(levels) / sizeof(*levels); l++)
			taken += each_option(&kinds[k], levels[l].level, levels[l].most, port);
	printf("%u taken\n", taken);
	return 0;
}
