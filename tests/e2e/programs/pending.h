/* SPDX-License-Identifier: MIT */
/*
 * pending.h - what `pending` and `shared` do alike: conform_far's client, which says what is not as
 * it should be.
 */
#ifndef PENDING_H
#define PENDING_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conform.h"

#define check(what) ((what) ? (void)0 : wrong(__LINE__, #what))

static const char *current;
static bool failed;
static struct sockaddr_in peer;

static inline void wrong(int line, const char *what)
{
	printf("%s, line %d: not so: %s (errno %s)\n", current, line, what, strerrorname_np(errno));
	fflush(stdout);
	failed = true;
}

static inline void order(enum what what, int arg)
{
	struct order o = {what, arg};
	char done;

	check(send(ORDERS, &o, sizeof(o), 0) == sizeof(o));
	check(recv(ORDERS, &done, 1, 0) == 1);
}

static int stage;

static inline int unconnected(int flags)
{
	order(HOLD, stage);
	return socket(AF_INET, SOCK_STREAM | flags, 0);
}

static inline int start(int fd)
{
	return connect(fd, (struct sockaddr *)&peer, sizeof(peer));
}

static inline int begun(void)
{
	int fd = unconnected(SOCK_NONBLOCK);

	check(start(fd) == -1 && errno == EINPROGRESS);
	return fd;
}

// It comes as far as the stage lets it. A connect(2) is a short look: what the proxy said last is
// mostly not read.
static inline void come_there(int fd)
{
	order(SETTLE, 0);
	for (int i = 0; i < stage && i < 2; i++) { // greeting, request
		check(start(fd) == -1 && errno == EALREADY);
		order(SETTLE, 0);
	}
}

static inline int in_progress(void)
{
	int fd = begun();

	come_there(fd);
	return fd;
}

static inline short events_of(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

// It is up, and data goes there and back.
static inline bool works(int fd)
{
	char data[8];

	return events_of(fd, -1) == POLLOUT && send(fd, "ab", 2, MSG_NOSIGNAL) == 2 &&
	       (order(SETTLE, 0), events_of(fd, -1) == (POLLIN | POLLOUT)) &&
	       recv(fd, data, 8, 0) == 2;
}

static inline int watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static inline uint32_t next_event(int epoll, int fd, int ms)
{
	struct epoll_event e;
	int n = epoll_wait(epoll, &e, 1, ms);

	return n == 1 && e.data.fd == fd ? e.events : 0;
}

static inline void peer_is(int port)
{
	peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, THERE, &peer.sin_addr);
}

struct test_case {
	const char *name;
	void (*run)(void);
	bool once; // takes long, and is the same at each stage
};
#define CASE(name)                                                                                 \
	{                                                                                          \
#name, name, false                                                                 \
	}

// Each case at each stage, or the one that is named. The exit status.
static inline int run_cases(const struct test_case *cases, size_t count, const char *only)
{
	int n = 0;

	for (stage = 0; stage < STAGES; stage++)
		for (size_t i = 0; i < count; i++) {
			current = cases[i].name;
			peer_is(ECHO);
			if ((only && strcmp(only, current) != 0) || (stage && cases[i].once))
				continue;
			cases[i].run();
			n++;
		}
	printf("%d cases\n", n);
	return failed;
}

#endif
