/* SPDX-License-Identifier: MIT */
/*
 * listen.c - listen ADDRESS|unbound PORTFILE ENDFILE [WISH…]: a server that answers each connection
 * with one line, until ENDFILE exists. PORTFILE gets its port, or the name of an error. Wishes:
 * only6, reuse (two sockets on one port), undo (it tries to leave the device that it may have been
 * put on), late (the same before it listens).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} at = {.v4 = {.sin_family = AF_INET}};
static int argc_, first;
static char **argv_;

static int wished(const char *wish)
{
	for (int i = 4; i < argc_; i++)
		if (!strcmp(argv_[i], wish))
			return 1;
	return 0;
}

/* What it hopes for makes no difference; the far end judges. */
static void leave(int fd)
{
	enum { BINDTOIFINDEX = 62 };
	const int none = 0;

	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0);
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 1);
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "cable", sizeof("cable"));
	setsockopt(fd, SOL_SOCKET, BINDTOIFINDEX, &none, sizeof(none));
	setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
}

static int server(void)
{
	int fd = socket(at.any.sa_family, SOCK_STREAM, 0), one = 1;

	if (at.any.sa_family == AF_INET6 && wished("only6"))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (wished("reuse"))
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (strcmp(argv_[1], "unbound") && bind(fd, &at.any, sizeof(at)) < 0)
		return -1;
	if (wished("late"))
		leave(fd);
	if (listen(fd, 8) < 0)
		return -1;
	if (wished("undo"))
		leave(fd);
	return fd;
}

static int report(void)
{
	char name[4096];
	const char *error = strerrorname_np(errno);
	socklen_t len = sizeof(at);
	FILE *f;

	snprintf(name, sizeof(name), "%s.new", argv_[2]);
	f = fopen(name, "w");
	if (!f)
		return 1;
	if (first < 0)
		fprintf(f, "%s\n", error);
	else if (getsockname(first, &at.any, &len) == 0)
		fprintf(f, "%d\n", ntohs(at.v4.sin_port));
	fclose(f);
	return rename(name, argv_[2]) < 0 || first < 0;
}

static void serve(const int fds[2])
{
	struct pollfd p[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};

	while (access(argv_[3], F_OK) < 0) {
		poll(p, 2, 20);
		for (int i = 0; i < 2; i++) {
			int to = p[i].revents & POLLIN ? accept(p[i].fd, 0, 0) : -1;

			if (to >= 0 && write(to, "served\n", 7) == 7)
				close(to);
		}
	}
}

int main(int argc, char **argv)
{
	int fds[2] = {-1, -1};

	argc_ = argc;
	argv_ = argv;
	if (argc < 4)
		return 2;
	if (inet_pton(AF_INET6, argv[1], &at.v6.sin6_addr) == 1)
		at.any.sa_family = AF_INET6;
	else
		inet_pton(AF_INET, argv[1], &at.v4.sin_addr);
	fds[0] = first = server();
	if (report())
		return 1;
	if (wished("reuse"))
		fds[1] = server();
	serve(fds);
	return 0;
}
