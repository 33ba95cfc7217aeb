/* SPDX-License-Identifier: MIT */
/*
 * data ping PROXY-PORT|- HOST PORT N: one byte there and back; µs for each.
 * data stream PROXY-PORT|- HOST PORT MIB: receives so much; MiB/s.
 * data pair N: one byte through a socket pair, in one thread; µs for each.
 * data poll|epoll N: calls over 10,000 descriptors of which 100 are ready; µs for each.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "bench.h"

#define DESCRIPTORS 10000
#define READY 100

static double each(uint64_t start, int n)
{
	return (double)(now() - start) / 1e3 / n;
}

static double ping(int fd, int n)
{
	uint64_t start;
	int on = 1;
	char c = 'x';

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	start = now();
	for (int i = 0; i < n; i++)
		if (send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1)
			die("ping");
	return each(start, n);
}

static double stream(int fd, int mib)
{
	static char data[1 << 18];
	uint64_t start = now(), left = (uint64_t)mib << 20;
	ssize_t n;

	if (write(fd, "s", 1) != 1)
		die("write");
	while (left) {
		n = read(fd, data, left < sizeof(data) ? left : sizeof(data));
		if (n <= 0)
			die("read");
		left -= (uint64_t)n;
	}
	return mib / ((double)(now() - start) / 1e9);
}

static double through_pair(int n)
{
	uint64_t start;
	int fd[2];
	char c = 'x';

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		die("socketpair");
	start = now();
	for (int i = 0; i < n; i++)
		if (send(fd[0], &c, 1, 0) != 1 || read(fd[1], &c, 1) != 1)
			die("pair");
	return each(start, n);
}

/* Ten thousand descriptors, every hundredth of them ready. */
static void descriptors(struct pollfd *p)
{
	struct rlimit r = {DESCRIPTORS + 100, DESCRIPTORS + 100};

	if (setrlimit(RLIMIT_NOFILE, &r))
		die("RLIMIT_NOFILE");
	for (int i = 0; i < DESCRIPTORS; i++) {
		p[i].fd = eventfd(i % (DESCRIPTORS / READY) == 0, EFD_NONBLOCK);
		p[i].events = POLLIN;
		if (p[i].fd < 0)
			die("eventfd");
	}
}

static double poll_loop(struct pollfd *p, int n)
{
	uint64_t start = now();

	for (int i = 0; i < n; i++)
		if (poll(p, DESCRIPTORS, -1) != READY)
			die("poll");
	return each(start, n);
}

static double epoll_loop(const struct pollfd *p, int n)
{
	struct epoll_event e = {.events = EPOLLIN}, got[READY];
	int ep = epoll_create1(0);
	uint64_t start;

	for (int i = 0; i < DESCRIPTORS; i++)
		if (epoll_ctl(ep, EPOLL_CTL_ADD, p[i].fd, &e))
			die("epoll_ctl");
	start = now();
	for (int i = 0; i < n; i++)
		if (epoll_wait(ep, got, READY, -1) != READY)
			die("epoll_wait");
	return each(start, n);
}

int main(int argc, char **argv)
{
	static struct pollfd p[DESCRIPTORS];
	int n = argc > 2 ? atoi(argv[argc - 1]) : 0;
	double result;

	if (n < 1)
		return 2;
	if (!strcmp(argv[1], "pair")) {
		result = through_pair(n);
	} else if (argc == 3) {
		descriptors(p);
		result = strcmp(argv[1], "poll") ? epoll_loop(p, n) : poll_loop(p, n);
	} else {
		int fd = any_connect(argv[2], argv[3], argv[4]);

		result = strcmp(argv[1], "ping") ? stream(fd, n) : ping(fd, n);
	}
	printf("%.3f\n", result);
	return 0;
}
