/* SPDX-License-Identifier: MIT */
/* check_try.c - the program of the self-test: it tries all ways of leaking, one after another. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <resolv.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check_leak.h"
#include "sys.h"

static struct sockaddr_in target(int way, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	to.sin_addr.s_addr = htonl(CHECK_FIRST + (unsigned int)way);
	return to;
}

static int open_socket(int type, int protocol)
{
	return socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static void try_connect(int way)
{
	struct sockaddr_in to = target(way, 80);
	int fd = open_socket(SOCK_STREAM, 0);

	(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_mapped(int way)
{
	struct sockaddr_in v4 = target(way, 80);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
	memcpy(to.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
	(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_sendto(int way)
{
	struct sockaddr_in to = target(way, 53);
	int fd = open_socket(SOCK_DGRAM, 0);

	sendto(fd, "leak", 4, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_connected(int way)
{
	struct sockaddr_in to = target(way, 443);
	int fd = open_socket(SOCK_DGRAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		send(fd, "leak", 4, 0);
	close(fd);
}

static void try_sendmsg(int way)
{
	struct sockaddr_in to = target(way, 53);
	struct iovec iov = {.iov_base = (char *)"leak", .iov_len = 4};
	struct mmsghdr m = {.msg_hdr = {.msg_name = &to,
					.msg_namelen = sizeof(to),
					.msg_iov = &iov,
					.msg_iovlen = 1}};
	int fd = open_socket(SOCK_DGRAM, 0);

	if (sendmsg(fd, &m.msg_hdr, 0) < 0)
		sendmmsg(fd, &m, 1, 0);
	close(fd);
}

static void try_fastopen(int way)
{
	struct sockaddr_in to = target(way, 80);
	int fd = open_socket(SOCK_STREAM, 0);

	sendto(fd, "leak", 4, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_raw(int way)
{
	static const uint8_t echo[8] = {8, 0, 0xf7, 0xff};
	struct sockaddr_in to = target(way, 0);
	int fd = open_socket(SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0)
		fd = open_socket(SOCK_DGRAM, IPPROTO_ICMP);
	sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_syscall(int way)
{
	struct sockaddr_in to = target(way, 80);
	int fd = open_socket(SOCK_STREAM, 0);

	syscall(SYS_connect, fd, &to, sizeof(to));
	close(fd);
}

static void try_inline(int way)
{
	struct sockaddr_in to = target(way, 80);
	long fd = SYS3(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	SYS3(SYS_connect, fd, &to, sizeof(to));
	SYS1(SYS_close, fd);
}

static void try_name(int way)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	(void)way;
	if (getaddrinfo("self-test.sockshim.test", NULL, &hints, &found) == 0)
		freeaddrinfo(found);
}

static void try_resolver(int way)
{
	unsigned char answer[512];

	(void)way;
	res_query("self-test.sockshim.test", 1, 1, answer, sizeof(answer));
}

/*
 * What the names of the ways say in the verdict. A question to a name server has no target of ours.
 */
static const struct {
	const char *name;
	void (*try)(int way);
} ways[] = {
	{"connect", try_connect},
	{"connect to a v4-mapped address", try_mapped},
	{"sendto on a datagram socket", try_sendto},
	{"a connected datagram socket", try_connected},
	{"sendmsg and sendmmsg", try_sendmsg},
	{"data in the SYN (MSG_FASTOPEN)", try_fastopen},
	{"ICMP", try_raw},
	{"syscall(SYS_connect)", try_syscall},
	{"a system call without libc (only the guard stops it)", try_inline},
	{"getaddrinfo", try_name},
	{"res_query", try_resolver},
};

_Static_assert(sizeof(ways) / sizeof(ways[0]) == CHECK_WAYS,
	       "CHECK_WAYS is not how many there are");

const char *check_way(int way)
{
	return ways[way].name;
}

int check_try(void)
{
	for (int i = 0; i < CHECK_WAYS; i++)
		ways[i].try(i);
	return 0;
}
