/* SPDX-License-Identifier: MIT */
/*
 * wait many ADDR PORT N: N connects from one epoll loop, without waiting; ms until all are there,
 * µs of the longest connect(2), µs of processor time for each, bytes of memory for each while none
 * is there. wait first ADDR PORT N: connect, a byte there and back; ms, the median of N. wait
 * poll|epoll|read|write N: a call while 10,000 descriptors are open and nothing is under way; ns.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "bench.h"

#define DESCRIPTORS 10000

static struct sockaddr_in to;

static void limit(rlim_t n)
{
	struct rlimit r = {n, n};

	if (setrlimit(RLIMIT_NOFILE, &r))
		die("RLIMIT_NOFILE");
}

/* Bytes that this process has written to, also what it shares with its session. */
static double memory(void)
{
	static char line[256]; /* not of the heap */
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	long kib = 0, n;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %ld", &n) == 1 ||
		    sscanf(line, "Shared_Dirty: %ld", &n) == 1)
			kib += n;
	if (f)
		fclose(f);
	return (double)kib * 1024;
}

static double processor(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static uint64_t begin(int ep)
{
	struct epoll_event e = {.events = EPOLLOUT | EPOLLIN};
	uint64_t start, took;

	e.data.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	start = now();
	if (connect(e.data.fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		die("connect");
	took = now() - start;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e))
		die("epoll_ctl");
	return took;
}

static int ended(int ep, const struct epoll_event *e)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(e->data.fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
		errno = error;
		die("a connection");
	}
	return epoll_ctl(ep, EPOLL_CTL_DEL, e->data.fd, NULL) == 0;
}

static void many(int n)
{
	static struct epoll_event e[512];
	double before = memory(), used, cpu = processor();
	uint64_t start, took, longest = 0;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	limit((rlim_t)n + 100);
	start = now();
	for (int i = 0; i < n; i++) {
		took = begin(ep);
		longest = took > longest ? took : longest;
	}
	used = memory() - before;
	for (int left = n, got; left;) {
		got = epoll_wait(ep, e, 512, 60000);
		if (got < 1)
			die("epoll_wait");
		for (int i = 0; i < got; i++)
			left -= ended(ep, &e[i]);
	}
	printf("%.3f %.3f %.3f %.0f\n", (double)(now() - start) / 1e6, (double)longest / 1e3,
	       (processor() - cpu) / n, used / n);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void first_byte(int n)
{
	double took[1000];
	uint64_t start;
	char c = 'x';

	for (int i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		start = now();
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || write(fd, &c, 1) != 1 ||
		    read(fd, &c, 1) != 1)
			die("first byte");
		took[i] = (double)(now() - start) / 1e6;
		close(fd);
	}
	qsort(took, (size_t)n, sizeof(*took), by_size);
	printf("%.3f\n", took[n / 2]);
}

static void calls(const char *what, int n)
{
	struct epoll_event e = {.events = EPOLLIN}, got;
	int ep = epoll_create1(0), tube[2], fd = -1, bad = 0;
	struct pollfd p;
	uint64_t start;
	char c = 'x';

	limit(DESCRIPTORS + 100);
	for (int i = 0; i < DESCRIPTORS; i++) {
		fd = eventfd(i == DESCRIPTORS - 1, EFD_NONBLOCK);
		if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
			die("eventfd");
	}
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	if (pipe2(tube, O_NONBLOCK) || fcntl(tube[1], F_SETPIPE_SZ, 4096) < 0)
		die("pipe2");
	for (int i = 0; !strcmp(what, "write") && i < 4096; i++)
		bad |= write(tube[1], &c, 1) != 1;
	start = now();
	for (int i = 0; i < n; i++) /* reads and writes fail with EAGAIN: their least time */
		switch (*what) {
		case 'p':
			bad |= poll(&p, 1, 0) != 1;
			break;
		case 'e':
			bad |= epoll_wait(ep, &got, 1, 0) != 1;
			break;
		case 'r':
			bad |= read(tube[0], &c, 1) != -1;
			break;
		default:
			bad |= write(tube[1], &c, 1) != -1;
		}
	start = now() - start;
	if (bad)
		die(what);
	printf("%.3f\n", (double)start / n);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[argc - 1]) : 0;

	if (n < 1)
		return 2;
	if (argc == 3) {
		calls(argv[1], n);
		return 0;
	}
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	if (argc != 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	if (!strcmp(argv[1], "many"))
		many(n);
	else
		first_byte(n > 1000 ? 1000 : n);
	return 0;
}
