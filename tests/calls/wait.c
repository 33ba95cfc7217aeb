/* SPDX-License-Identifier: MIT */
/*
 * wait.c - fragments of the symbols in hook_poll.c, hook_select.c and hook_epoll.c: early, then on
 * an open stream.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

#include "fragment.h"

int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask,
		size_t size);

static const struct timespec at_once, long_time = {.tv_sec = 5};

/* A connection in progress. */
static int begun(void)
{
	struct sockaddr_in to = web();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (connect(fd, SA(to)) != -1 || errno != EINPROGRESS)
		return -1;
	return fd;
}

static int is_open(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		return 0;
	return fcntl(fd, F_SETFL, 0) == 0 && fetches(fd);
}

FRAGMENT(poll)
{
	struct pollfd p = {.fd = begun(), .events = POLLOUT};

	CHECK(p.fd >= 0);
	KEEPS(poll(&p, 1, 5000) == 1);
	CHECK(p.revents == POLLOUT && is_open(p.fd));
	KEEPS(poll(NULL, 0, 0) == 0);
	FAILS(poll(BAD, 1, 0), EFAULT);
	p.fd = NO_FD;
	KEEPS(poll(&p, 1, 0) == 1);
	CHECK(p.revents == POLLNVAL);
	return 0;
}

FRAGMENT(__poll_chk)
{
	struct pollfd p = {.fd = begun(), .events = POLLOUT};

	KEEPS(__poll_chk(&p, 1, 5000, sizeof(p)) == 1);
	CHECK(p.revents == POLLOUT && is_open(p.fd));
	return 0;
}

FRAGMENT(ppoll)
{
	struct pollfd p = {.fd = begun(), .events = POLLOUT};

	KEEPS(ppoll(&p, 1, &long_time, NULL) == 1);
	CHECK(p.revents == POLLOUT && is_open(p.fd));
	p.fd = begun();
	FAILS(ppoll(&p, 1, &at_once, BAD), EFAULT);
	FAILS(ppoll(BAD, 1, &at_once, NULL), EFAULT);
	return 0;
}

FRAGMENT(__ppoll_chk)
{
	struct pollfd p = {.fd = begun(), .events = POLLOUT};

	KEEPS(__ppoll_chk(&p, 1, NULL, NULL, sizeof(p)) == 1);
	CHECK(p.revents == POLLOUT && is_open(p.fd));
	return 0;
}

FRAGMENT(select)
{
	struct timeval t = {.tv_sec = 5};
	int fd = begun();
	fd_set w;

	FD_ZERO(&w);
	FD_SET(fd, &w);
	KEEPS(select(fd + 1, NULL, &w, NULL, &t) == 1);
	CHECK(FD_ISSET(fd, &w) && t.tv_sec <= 5 && is_open(fd));
	fd = begun();
	FAILS(select(-1, NULL, &w, NULL, &t), EINVAL);
	FAILS(select(fd + 1, BAD, &w, NULL, &t), EFAULT);
	return 0;
}

FRAGMENT(pselect)
{
	int fd = begun();
	fd_set w;

	FD_ZERO(&w);
	FD_SET(fd, &w);
	KEEPS(pselect(fd + 1, NULL, &w, NULL, &long_time, NULL) == 1);
	CHECK(FD_ISSET(fd, &w) && is_open(fd));
	return 0;
}

static int watched(int fd)
{
	struct epoll_event e = {.events = EPOLLOUT, .data.u64 = 0x123456789abcdefull};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) ? -1 : epoll;
}

static int is_event(const struct epoll_event *e)
{
	return e->events == EPOLLOUT && e->data.u64 == 0x123456789abcdefull;
}

FRAGMENT(epoll_ctl)
{
	struct epoll_event e = {.events = EPOLLOUT, .data.u64 = 1};
	int fd = begun(), epoll = watched(fd);

	CHECK(epoll >= 0);
	FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), EEXIST);
	FAILS(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, BAD), EFAULT);
	FAILS(epoll_ctl(NO_FD, EPOLL_CTL_MOD, fd, &e), EBADF);
	FAILS(epoll_ctl(epoll, EPOLL_CTL_MOD, NO_FD, &e), EBADF);
	KEEPS(!epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e));
	CHECK(epoll_wait(epoll, &e, 1, 5000) == 1 && e.events == EPOLLOUT && e.data.u64 == 1);
	KEEPS(!epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
	FAILS(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), ENOENT);
	CHECK(is_open(fd));
	return 0;
}

FRAGMENT(epoll_wait)
{
	int fd = begun(), epoll = watched(fd);
	struct epoll_event e;

	KEEPS(epoll_wait(epoll, &e, 1, 5000) == 1);
	CHECK(is_event(&e) && is_open(fd));
	FAILS(epoll_wait(epoll, &e, 0, 0), EINVAL);
	FAILS(epoll_wait(NO_FD, &e, 1, 0), EBADF);
	return 0;
}

FRAGMENT(epoll_pwait)
{
	int fd = begun(), epoll = watched(fd);
	struct epoll_event e;

	KEEPS(epoll_pwait(epoll, &e, 1, 5000, NULL) == 1);
	CHECK(is_event(&e) && is_open(fd));
	return 0;
}

FRAGMENT(epoll_pwait2)
{
	int fd = begun(), epoll = watched(fd), got;
	struct epoll_event e;

	got = epoll_pwait2(epoll, &e, 1, &long_time, NULL);
	if (got < 0 && errno == ENOSYS) /* Linux before 5.11 */
		return 0;
	CHECK(got == 1 && is_event(&e) && is_open(fd));
	return 0;
}
