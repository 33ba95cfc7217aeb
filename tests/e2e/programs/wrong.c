/* SPDX-License-Identifier: MIT */
// wrong.c - addresses of another family than the socket's, and of wrong lengths: prints what the
// kernel says of each.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} at;

static void address(int family, const char *text)
{
	memset(&at, 0, sizeof(at));
	at.any.sa_family = (sa_family_t)family;
	at.v4.sin_port = htons(80);
	inet_pton(family, text,
		  family == AF_INET ? (void *)&at.v4.sin_addr : (void *)&at.v6.sin6_addr);
}

static void try(int domain, int type, socklen_t len)
{
	int fd = socket(domain, type, 0), other = socket(domain, type, 0);

	printf("%d %d %u:", domain, type, len);
	printf(" %s", connect(fd, &at.any, len) < 0 ? strerrorname_np(errno) : "went");
	at.v4.sin_port = 0;
	printf(" %s\n", bind(other, &at.any, len) < 0 ? strerrorname_np(errno) : "went");
	close(fd);
	close(other);
}

int main(void)
{
	static const socklen_t len[] = {1, 2, 15, 16, 23, 24, 28};
	static const char *const loopback[] = {"127.0.0.1", "203.0.113.80"};

	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		for (int k = 0; k < 2; k++) {
			address(AF_INET, loopback[k]);
			try(AF_INET6, SOCK_STREAM, len[i]);
		}
		address(AF_INET6, "2001:db8:ff::80");
		try(AF_INET, SOCK_STREAM, len[i]);
		try(AF_INET, SOCK_DGRAM, len[i]);
	}
	return 0;
}
