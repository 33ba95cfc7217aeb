/* SPDX-License-Identifier: MIT */
/* bench.h - what the measuring programs share: a clock, and connecting with and without SOCKS. */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The ordinary way: getaddrinfo(3), then the first address. */
static inline int plain_connect(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
	int fd, error = getaddrinfo(host, port, &hints, &ai);

	if (error) {
		fprintf(stderr, "bench: %s: %s\n", host, gai_strerror(error));
		exit(1);
	}
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen))
		die(host);
	freeaddrinfo(ai);
	return fd;
}

/*
 * A SOCKS5 client by hand: socket, connect, send, recv, send, recv, and close by the caller. The
 * host is sent as an address if it is one, else as a name.
 */
static inline int socks_connect(uint16_t proxy_port, const char *host, const char *port)
{
	struct sockaddr_in proxy = {.sin_family = AF_INET, .sin_port = htons(proxy_port)};
	unsigned char rq[300] = {5, 1, 0, 3}, reply[300];
	uint16_t to = htons((uint16_t)atoi(port));
	size_t len = strlen(host);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	proxy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&proxy, sizeof(proxy)))
		die("connect to the proxy");
	if (send(fd, "\5\1\0", 3, MSG_NOSIGNAL) != 3 || recv(fd, reply, 2, 0) != 2 || reply[1])
		die("greeting");
	if (inet_pton(AF_INET, host, rq + 4) == 1) {
		rq[3] = 1;
		len = 8;
	} else {
		rq[4] = (unsigned char)len;
		memcpy(rq + 5, host, len);
		len += 5;
	}
	memcpy(rq + len, &to, 2);
	if (send(fd, rq, len + 2, MSG_NOSIGNAL) != (ssize_t)len + 2)
		die("request");
	if (recv(fd, reply, sizeof(reply), 0) < 7 || reply[1])
		die("reply");
	return fd;
}

/* By hand through a proxy on this port of the loopback; "-": the ordinary way. */
static inline int any_connect(const char *proxy_port, const char *host, const char *port)
{
	if (!strcmp(proxy_port, "-"))
		return plain_connect(host, port);
	return socks_connect((uint16_t)atoi(proxy_port), host, port);
}

#endif
