/* SPDX-License-Identifier: MIT */
/*
 * server ADDR PORT: echoes what it gets; a connection whose first byte is 's' gets zeros until it is
 * closed. Says "ready" when it listens.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

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

static void serve(int ep, int fd)
{
	char data[16384];
	ssize_t n = recv(fd, data, sizeof(data), 0);
	pthread_t id;

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

	if (argc != 3 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 4096))
		die("listen");
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	if (puts("ready") < 0 || fflush(stdout))
		return 1;
	for (;;) {
		if (epoll_wait(ep, &e, 1, -1) < 1)
			continue;
		if (e.data.fd == listener)
			welcome(ep, listener);
		else
			serve(ep, e.data.fd);
	}
}
