/* SPDX-License-Identifier: MIT */
// static_ask WAY [ADDRESS PORT [COUNT]]: asks a name server by a socket that is not connected, in
// one of many ways. An answer counts only if it came from the very address that was asked.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "static.h"

#define NAME "\3web\3far\4test"

static size_t question(unsigned char *out, int type)
{
	static const unsigned char head[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" NAME;

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), (unsigned char[]){0, (unsigned char)type, 0, 1}, 4);
	out[1] = (unsigned char)type;
	return sizeof(head) + 4;
}

static int udp(void)
{
	const struct timeval limit = {.tv_sec = 8};
	int fd = socket(to.any.sa_family, SOCK_DGRAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static ssize_t ask(int fd, int type)
{
	unsigned char out[512];
	size_t len = question(out, type);

	return sendto(fd, out, len, 0, &to.any, to_len);
}

/* "198.18.0.1", or what is wrong. */
static const char *hear(int fd)
{
	static char text[INET6_ADDRSTRLEN];
	union {
		struct sockaddr any;
		struct sockaddr_in6 v6;
	} from = {0};
	socklen_t len = sizeof(from);
	unsigned char in[512];
	ssize_t n = recvfrom(fd, in, sizeof(in), 0, &from.any, &len);

	if (n < 0)
		return strerrorname_np(errno);
	if (len != to_len || memcmp(&from, &to, len) != 0)
		return "a stranger's";
	if (n < 16 || (in[3] & 15))
		return "refused";
	return in[1] == 28 ? inet_ntop(AF_INET6, in + n - 16, text, sizeof(text))
			   : inet_ntop(AF_INET, in + n - 4, text, sizeof(text));
}

static int asked(int fd)
{
	if (ask(fd, 1) < 0)
		return said("", -1);
	puts(hear(fd));
	return 0;
}

static int once(void)
{
	return asked(udp());
}

static int both_types(void)
{
	int fd = udp();

	if (asked(fd) || ask(fd, 28) < 0)
		return said("", -1);
	puts(hear(fd));
	return 0;
}

static int by_messages(void)
{
	unsigned char a[512], aaaa[512];
	struct iovec data[2] = {{a, question(a, 1)}, {aaaa, question(aaaa, 28)}};
	struct mmsghdr m[2] = {
		{.msg_hdr = {.msg_name = &to,
			     .msg_namelen = to_len,
			     .msg_iov = data,
			     .msg_iovlen = 1}},
		{.msg_hdr = {.msg_name = &to,
			     .msg_namelen = to_len,
			     .msg_iov = data + 1,
			     .msg_iovlen = 1}},
	};
	int fd = udp(), n = sendmmsg(fd, m, 2, 0);

	if (n < 0)
		return said("", n);
	for (int i = 0; i < n; i++)
		puts(hear(fd));
	fd = udp();
	if (sendmsg(fd, &m[0].msg_hdr, 0) < 0)
		return said("", -1);
	puts(hear(fd));
	return 0;
}

/* What the program knows of its socket is as it was. */
static int stays(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET}, now;
	socklen_t len = sizeof(at);
	struct timeval limit;
	int fd = udp(), flags, on = 0;

	bind(fd, (struct sockaddr *)&at, sizeof(at));
	getsockname(fd, (struct sockaddr *)&at, &len);
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (ask(fd, 1) < 0)
		return said("", -1);
	poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 8000);
	puts(hear(fd));
	puts(hear(fd));
	getsockname(fd, (struct sockaddr *)&now, &len);
	len = sizeof(limit);
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len);
	len = sizeof(on);
	getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, &len);
	flags = fcntl(fd, F_GETFL);
	printf("%s %s %s %d %d\n", memcmp(&at, &now, sizeof(at)) ? "another address" : "bound",
	       flags & O_NONBLOCK ? "nonblocking" : "blocking",
	       fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "inherited", (int)limit.tv_sec, on);
	return 0;
}

static int copies(void)
{
	int fd = udp(), copy = dup(fd);

	if (ask(fd, 1) < 0)
		return said("", -1);
	puts(hear(copy));
	printf("%s\n", fcntl(copy, F_GETFD) & FD_CLOEXEC ? "cloexec" : "inherited");
	return 0;
}

/* The socket is in two epolls before it asks, as event loops have it. */
static int in_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789abcdef0u}, got;
	int fd = udp(), epoll = epoll_create1(0), other = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	epoll_ctl(other, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
	if (ask(fd, 1) < 0)
		return said("", -1);
	printf("%d ", epoll_wait(epoll, &got, 1, 8000));
	printf("%d ", got.data.u64 == e.data.u64);
	puts(hear(fd));
	e.events = EPOLLIN;
	printf("%d ", epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e));
	if (ask(fd, 28) < 0)
		return said("", -1);
	printf("%d ", epoll_wait(epoll, &got, 1, 8000));
	puts(hear(fd));
	printf("%d %d\n", epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL),
	       epoll_ctl(other, EPOLL_CTL_DEL, fd, NULL));
	return 0;
}

/* Where else such a socket could lead. */
static int elsewhere(void)
{
	struct sockaddr_in web = {.sin_family = AF_INET, .sin_port = htons(80)},
			   discard = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = udp();

	web.sin_addr.s_addr = inet_addr("203.0.113.80");
	discard.sin_addr.s_addr = inet_addr("127.0.0.1");
	if (asked(fd))
		return 1;
	said("web ", sendto(fd, "x", 1, 0, (struct sockaddr *)&web, sizeof(web)));
	said("loopback ", sendto(fd, "x", 1, 0, (struct sockaddr *)&discard, sizeof(discard)));
	said("connect ", connect(fd, (struct sockaddr *)&web, sizeof(web)));
	said("write ", write(fd, "x", 1));
	if (connect(fd, &to.any, to_len) < 0)
		return said("server ", -1);
	asked(fd);
	return 0;
}

/* The address is a name server's and another one in turn, while it is judged. */
static volatile bool done;

static void *flip(void *arg)
{
	union {
		struct sockaddr_in v4;
		volatile struct sockaddr_in shared;
	} *at = arg;

	while (!done) {
		at->shared.sin_addr.s_addr = inet_addr("203.0.113.80");
		at->shared.sin_port = htons(80);
		at->shared.sin_addr.s_addr = inet_addr("192.0.2.53");
		at->shared.sin_port = htons(53);
	}
	return NULL;
}

static int race(void)
{
	static struct sockaddr_in at;
	unsigned char out[512];
	size_t len = question(out, 1);
	int sent = 0, refused = 0, fd = -1;
	pthread_t t;

	at = to.v4;
	pthread_create(&t, NULL, flip, &at);
	for (int i = 0; i < count || !sent || !refused; i++) {
		if (i % 4 == 0) {
			close(fd);
			fd = udp();
		}
		if (sendto(fd, out, len, MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at)) < 0)
			refused++;
		else
			sent++;
	}
	done = true;
	pthread_join(t, NULL);
	puts("both ways");
	return 0;
}

/* The descriptor is a new socket all the time, while a question on it is judged and answered. */
static void *swap(void *arg)
{
	const int *fd = arg;

	while (!done) {
		int other = socket(to.any.sa_family, SOCK_DGRAM, 0);

		dup2(other, *fd);
		close(other);
		for (volatile int i = rand() % 100000; i;
		     i--) /* long enough, at times, to be found */
			;
	}
	return NULL;
}

static int swapped(void)
{
	const struct sockaddr_in web = {.sin_family = AF_INET,
					.sin_port = htons(80),
					.sin_addr.s_addr = inet_addr("203.0.113.80")};
	int fd = udp(), sent = 0, leaks = 0;
	pthread_t t;

	pthread_create(&t, NULL, swap, &fd);
	for (int i = 0; i < count || !sent; i++) {
		sent += ask(fd, 1) > 0;
		leaks += sendto(fd, "x", 1, 0, (const struct sockaddr *)&web, sizeof(web)) >= 0;
	}
	done = true;
	pthread_join(t, NULL);
	printf("%d past it\n", leaks);
	return 0;
}

/* COUNT processes at once. */
static int storm(void)
{
	int good = 0, status;

	for (int i = 0; i < count; i++) {
		if (fork() == 0) {
			int fd = udp();

			_exit(ask(fd, 1) < 0 || strncmp(hear(fd), "198.1", 5) != 0);
		}
	}
	while (wait(&status) > 0)
		good += status == 0;
	printf("%d of %d\n", good, count);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct way ways[] = {
		{"once", once},
		{"both-types", both_types},
		{"messages", by_messages},
		{"stays", stays},
		{"copies", copies},
		{"epoll", in_epoll},
		{"elsewhere", elsewhere},
		{"race", race},
		{"swapped", swapped},
		{"storm", storm},
		{"get", get},
		{0},
	};

	return go(ways, argc, argv);
}
