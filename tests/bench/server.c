/* SPDX-License-Identifier: MIT */
/*
 * server ADDR PORT: echoes what it gets; a connection whose first byte is 's' gets zeros until it
 * is closed. Says "ready" when it listens. server ADDR PORT MS: also a SOCKS5 server that grants
 * every request after MS, and reaches nobody: 10,000 connections cost it one descriptor each.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "bench.h"

static char zeros[1 << 18];

static void *source(void *arg)
{
	int fd = (int)(intptr_t)arg;

	while (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
		;
	close(fd);
	return NULL;
}

/* Requests that wait for their time, in the order in which they came. */
#define WAITING 65536
static struct {
	int fd;
	uint64_t until;
} waiting[WAITING];
static unsigned int first, last;
static int delay;

static int until_first(void)
{
	uint64_t t = now();

	if (first == last)
		return -1;
	return waiting[first].until > t ? (int)((waiting[first].until - t) / 1000000 + 1) : 0;
}

static void grant(void)
{
	while (first != last && waiting[first].until <= now()) {
		if (send(waiting[first].fd, "\5\0\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL) != 10)
			close(waiting[first].fd);
		first = (first + 1) % WAITING;
	}
}

/* Greeting and request, alone or together; false: something else. */
static int shakes_hands(int fd, const char *data, ssize_t n)
{
	if (n >= 3 && !memcmp(data, "\5\1\0", 3) && (n == 3 || data[3] == 5)) {
		if (send(fd, "\5\0", 2, MSG_NOSIGNAL) != 2)
			close(fd);
		data += 3;
		n -= 3;
		if (!n)
			return 1;
	}
	if (n < 4 || memcmp(data, "\5\1\0", 3) != 0)
		return 0;
	waiting[last].fd = fd;
	waiting[last].until = now() + (uint64_t)delay * 1000000;
	last = (last + 1) % WAITING;
	return 1;
}

static void serve(int ep, int fd)
{
	char data[16384];
	ssize_t n = recv(fd, data, sizeof(data), 0);
	pthread_t id;

	if (delay && shakes_hands(fd, data, n))
		return;
	if (n > 0 && data[0] == 's') {
		epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
		if (pthread_create(&id, NULL, source, (void *)(intptr_t)fd))
			die("thread");
		pthread_detach(id);
	} else if (n <= 0 || send(fd, data, (size_t)n, MSG_NOSIGNAL) != n) {
		close(fd);
	}
}

static void welcome(int ep, int listener)
{
	struct epoll_event e = {.events = EPOLLIN};
	int on = 1;

	e.data.fd = accept(listener, NULL, NULL);
	if (e.data.fd < 0)
		return;
	setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int on = 1, ep = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
	struct rlimit r;

	delay = argc == 4 ? atoi(argv[3]) : 0;
	if (argc < 3 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 4096))
		die("listen");
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	if (puts("ready") < 0 || fflush(stdout))
		return 1;
	for (;;) {
		int n = epoll_wait(ep, &e, 1, until_first());

		grant();
		if (n < 1)
			continue;
		if (e.data.fd == listener)
			welcome(ep, listener);
		else
			serve(ep, e.data.fd);
	}
}
