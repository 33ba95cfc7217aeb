/* SPDX-License-Identifier: MIT */
/*
 * io.c - fragments of the symbols in hook_io.c and hook_fd.c: on a connection in progress they say
 * what the kernel says of one, elsewhere they are what they were.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "fragment.h"

static int begun(void)
{
	struct sockaddr_in to = web();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (connect(fd, SA(to)) != -1 || errno != EINPROGRESS)
		return -1;
	return fd;
}

/* Two ends of a stream, with a byte to be read from the first. */
static int ready(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 &&
	       send(pair[1], "x", 1, 0) == 1;
}

/* One byte, in every form that a call may want. */
struct one {
	char byte;
	struct iovec v;
	struct mmsghdr m;
};

static void one_init(struct one *o)
{
	memset(o, 0, sizeof(*o));
	o->v = (struct iovec){&o->byte, 1};
	o->m.msg_hdr.msg_iov = &o->v;
	o->m.msg_hdr.msg_iovlen = 1;
}

FRAGMENT(write)
{
	struct one o;
	int pair[2], fd = begun();

	one_init(&o);
	CHECK(fd >= 0);
	FAILS(write(fd, &o.byte, 1), EAGAIN);
	close(fd);
	CHECK(ready(pair));
	fd = pair[0];
	KEEPS(write(fd, &o.byte, 1) == 1);
	fd = NO_FD;
	FAILS(write(fd, &o.byte, 1), EBADF);
	return 0;
}

FRAGMENT(writev)
{
	struct one o;
	int pair[2], fd = begun();

	one_init(&o);
	CHECK(fd >= 0);
	FAILS(writev(fd, &o.v, 1), EAGAIN);
	close(fd);
	CHECK(ready(pair));
	fd = pair[0];
	KEEPS(writev(fd, &o.v, 1) == 1);
	fd = NO_FD;
	FAILS(writev(fd, &o.v, 1), EBADF);
	return 0;
}

#define RW2(name) ssize_t (*(name))(int fd, const struct iovec *v, int n, off_t at, int flags)

static int on_socket(RW2(call))
{
	struct one o;
	int pair[2], fd = begun();

	one_init(&o);
	CHECK(fd >= 0);
	FAILS(call(fd, &o.v, 1, -1, 0), EAGAIN);
	FAILS(call(fd, &o.v, 1, 0, 0), ESPIPE);
	close(fd);
	CHECK(ready(pair));
	fd = pair[0];
	KEEPS(call(fd, &o.v, 1, -1, 0) == 1);
	FAILS(call(fd, &o.v, 1, 0, 0), ESPIPE);
	fd = NO_FD;
	FAILS(call(fd, &o.v, 1, -1, 0), EBADF);
	return 0;
}

FRAGMENT(preadv2)
{
	return on_socket(preadv2);
}

FRAGMENT(preadv64v2)
{
	return on_socket(preadv64v2);
}

FRAGMENT(pwritev2)
{
	return on_socket(pwritev2);
}

FRAGMENT(pwritev64v2)
{
	return on_socket(pwritev64v2);
}

FRAGMENT(send)
{
	struct one o;
	int pair[2], fd = begun();

	one_init(&o);
	CHECK(fd >= 0);
	FAILS(send(fd, &o.byte, 1, 0), EAGAIN);
	close(fd);
	CHECK(ready(pair));
	fd = pair[0];
	KEEPS(send(fd, &o.byte, 1, 0) == 1);
	fd = NO_FD;
	FAILS(send(fd, &o.byte, 1, 0), EBADF);
	return 0;
}

FRAGMENT(sendfile)
{
	int file = open(self(), O_RDONLY | O_CLOEXEC), pair[2], fd = begun();

	CHECK(fd >= 0 && file >= 0);
	FAILS(sendfile(fd, file, NULL, 1), EAGAIN);
	CHECK(ready(pair));
	KEEPS(sendfile(pair[1], file, NULL, 1) == 1);
	FAILS(sendfile(NO_FD, file, NULL, 1), EBADF);
	return 0;
}

FRAGMENT(sendfile64)
{
	int file = open(self(), O_RDONLY | O_CLOEXEC), pair[2], fd = begun();

	CHECK(fd >= 0 && file >= 0);
	FAILS(sendfile64(fd, file, NULL, 1), EAGAIN);
	CHECK(ready(pair));
	KEEPS(sendfile64(pair[1], file, NULL, 1) == 1);
	FAILS(sendfile64(NO_FD, file, NULL, 1), EBADF);
	return 0;
}

FRAGMENT(splice)
{
	int between[2], pair[2], fd = begun();

	CHECK(fd >= 0 && !pipe(between) && write(between[1], "y", 1) == 1);
	FAILS(splice(between[0], NULL, fd, NULL, 1, 0), EAGAIN);
	FAILS(splice(fd, NULL, between[1], NULL, 1, 0), EAGAIN);
	CHECK(ready(pair));
	KEEPS(splice(pair[0], NULL, between[1], NULL, 1, 0) == 1);
	FAILS(splice(NO_FD, NULL, between[1], NULL, 1, 0), EBADF);
	return 0;
}

/* Both numbers of a connection in progress become writable. */
static int opens(int fd, int copy)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLOUT}, {.fd = copy, .events = POLLOUT}};

	return copy >= 0 && poll(p + 1, 1, 5000) == 1 && p[1].revents == POLLOUT &&
	       poll(p, 1, 0) == 1 && p[0].revents == POLLOUT && !close(fd) &&
	       !fcntl(copy, F_SETFL, 0) && fetches(copy);
}

FRAGMENT(getsockopt)
{
	int fd = begun(), error = -1;
	socklen_t len = sizeof(error);

	CHECK(fd >= 0);
	KEEPS(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	CHECK(error == 0 && len == sizeof(error));
	KEEPS(!getsockopt(fd, SOL_SOCKET, SO_TYPE, &error, &len));
	CHECK(error == SOCK_STREAM);
	KEEPS(!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &error, &len));
	CHECK(error == AF_INET);
	FAILS(getsockopt(fd, SOL_SOCKET, SO_ERROR, BAD, &len), EFAULT);
	FAILS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, BAD), EFAULT);
	FAILS(getsockopt(fd, SOL_SOCKET, 9999, &error, &len), ENOPROTOOPT);
	FAILS(getsockopt(NO_FD, SOL_SOCKET, SO_ERROR, &error, &len), EBADF);
	return 0;
}

FRAGMENT(dup)
{
	int fd = begun(), copy;

	KEEPS((copy = dup(fd)) >= 0);
	CHECK(opens(fd, copy));
	FAILS(dup(NO_FD), EBADF);
	return 0;
}

FRAGMENT(dup2)
{
	int fd = begun();

	KEEPS(dup2(fd, 500) == 500);
	KEEPS(dup2(fd, fd) == fd);
	CHECK(opens(fd, 500));
	FAILS(dup2(NO_FD, 500), EBADF);
	return 0;
}

FRAGMENT(dup3)
{
	int fd = begun();

	KEEPS(dup3(fd, 501, O_CLOEXEC) == 501);
	CHECK(fcntl(501, F_GETFD) == FD_CLOEXEC);
	CHECK(opens(fd, 501));
	FAILS(dup3(500, 500, 0), EINVAL);
	return 0;
}

FRAGMENT(fcntl)
{
	int fd = begun(), copy;

	KEEPS((copy = fcntl(fd, F_DUPFD_CLOEXEC, 400)) >= 400);
	KEEPS(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(opens(fd, copy));
	FAILS(fcntl(NO_FD, F_GETFL), EBADF);
	return 0;
}

FRAGMENT(fcntl64)
{
	int fd = begun(), copy;

	KEEPS((copy = fcntl64(fd, F_DUPFD, 300)) >= 300);
	CHECK(opens(fd, copy));
	FAILS(fcntl64(NO_FD, F_GETFL), EBADF);
	return 0;
}

FRAGMENT(fdopen)
{
	int fd = begun();
	FILE *f = fdopen(fd, "r+");

	CHECK(f && fileno(f) == fd);
	CHECK(fclose(f) == 0);
	FAILS(fdopen(NO_FD, "r") ? 0 : -1, EBADF);
	return 0;
}

FRAGMENT(ioctl)
{
	int n = -1, pair[2], fd = begun();

	KEEPS(ioctl(fd, FIONREAD, &n) == 0 && n == 0);
	CHECK(ready(pair));
	KEEPS(ioctl(pair[0], FIONREAD, &n) == 0 && n == 1);
	FAILS(ioctl(pair[0], FIONREAD, BAD), EFAULT);
	FAILS(ioctl(NO_FD, FIONREAD, &n), EBADF);
	return 0;
}
