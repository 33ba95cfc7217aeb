// SPDX-License-Identifier: MIT
// Does a connection in progress behave as the kernel's own? conform ADDRESS DELAY FIRST COUNT: for each seed a random
// sequence of calls on sockets that connect to ADDRESS, where the connection takes DELAY ms; one line a call, with what
// it returned. The same seeds bare and wrapped give the same lines. conform serve ADDRESS: the servers.
//
// A sequence that took too long (another program had the processor) is run again: its calls before the connection is up
// must be over by then. What may come in one event or in two is put together.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ECHO = 7101, GREETS = 7102, REFUSES = 7103 };

static struct sockaddr_in peer;
static int delay;
static uint64_t state; // of the random numbers
static char text[65536];
static size_t used;
static int fds[4], count; // numbers of the one socket
static int epolls[2];
static bool oneshot_ok, disconnected;
static bool stays; // CONFORM_STAYS: no call takes its connection away
static double began;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void pause_ms(int ms)
{
	struct timespec t = {.tv_nsec = ms * 1000000L};

	nanosleep(&t, NULL);
}

static unsigned int chance(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	used += vsnprintf(text + used, sizeof(text) - used, format, ap);
	va_end(ap);
}

static void say_result(long got)
{
	if (got < 0)
		say(" = %s\n", strerrorname_np(errno));
	else
		say(" = %ld\n", got);
}

static int any(void)
{
	return fds[chance(count)];
}

static int index_of(int fd)
{
	for (int i = 0; i < count; i++)
		if (fds[i] == fd)
			return i;
	return -1;
}

// ---- calls; each says what it is and what came of it ----

static void call_connect(void)
{
	int fd = any();

	if (began && disconnected)
		return;
	say("connect %d", index_of(fd));
	say_result(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	if (!began)
		began = now();
}

static const short masks[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT | POLLRDHUP,
			      0,      POLLPRI};

static void call_poll(void)
{
	struct pollfd p[4] = {0};
	nfds_t n = 1 + chance((unsigned int)count);

	for (nfds_t i = 0; i < n; i++)
		p[i] = (struct pollfd){.fd = fds[i], .events = masks[chance(6)]};
	say("poll");
	int got = poll(p, n, 0);
	for (nfds_t i = 0; i < n; i++)
		say(" %x:%x", p[i].events, p[i].revents);
	say_result(got);
}

static void call_select(void)
{
	int fd = any();
	struct timeval t = {0};
	fd_set s[3];

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&s[i]);
		FD_SET(fd, &s[i]);
	}
	int got = select(fd + 1, &s[0], &s[1], chance(2) ? &s[2] : NULL, &t);
	say("select %d %d%d", index_of(fd), !!FD_ISSET(fd, &s[0]), !!FD_ISSET(fd, &s[1]));
	say_result(got);
}

static uint32_t events(void)
{
	static const uint32_t base[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT,
					EPOLLIN | EPOLLOUT | EPOLLRDHUP};
	uint32_t e = base[chance(4)];

	if (chance(3) == 0)
		e |= EPOLLET;
	if (oneshot_ok && chance(6) == 0)
		e |= EPOLLONESHOT;
	return e;
}

static void call_epoll_ctl(void)
{
	static const int ops[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD,
				  EPOLL_CTL_DEL};
	int fd = any(), which = chance(2), op = ops[chance(5)];
	struct epoll_event e = {.events = events(), .data.u64 = index_of(fd) + 16 * which};

	if (op == EPOLL_CTL_ADD && chance(8) == 0)
		e.events = EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE;
	say("epoll_ctl %d %d %d %x", which, op, index_of(fd), e.events);
	say_result(epoll_ctl(epolls[which], op, fd, &e));
}

static void say_events(int which, int rounds)
{
	struct epoll_event e[8];
	uint32_t seen[4] = {0};
	bool odd = false;

	for (int r = 0; r < rounds; r++) {
		int n = epoll_wait(epolls[which], e, 8, 0);

		for (int i = 0; i < n; i++) {
			uint64_t d = e[i].data.u64 - 16 * which;

			if (d < 4)
				seen[d] |= e[i].events;
			else
				odd = true;
		}
	}
	say("epoll_wait %d:", which);
	for (int i = 0; i < 4; i++)
		if (seen[i] && i < count) // of a number that was closed: CAVEATS
			say(" %d:%x", i, seen[i]);
	say("%s\n", odd ? " STRANGE" : "");
}

static void call_epoll_wait(void)
{
	say_events(chance(2), 1);
}

static void call_send(void)
{
	char ab[] = "ab";
	struct iovec v = {ab, 2};
	int fd = any(), how = chance(4);
	long got;

	say("send %d %d", how, index_of(fd));
	if (how == 0)
		got = send(fd, "ab", 2, MSG_NOSIGNAL);
	else if (how == 1)
		got = sendmsg(fd, &(struct msghdr){.msg_iov = &v, .msg_iovlen = 1},
			      MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (how == 2)
		got = sendto(fd, "ab", 2, MSG_NOSIGNAL, NULL, 0);
	else
		got = writev(fd, &v, 1);
	say_result(got);
}

static void call_recv(void)
{
	int fd = any(), how = chance(4);
	char data[64];
	struct iovec v = {data, sizeof(data)};
	long got;

	say("recv %d %d", how, index_of(fd));
	if (how == 0)
		got = recv(fd, data, sizeof(data), 0);
	else if (how == 1)
		got = recv(fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
	else if (how == 2)
		got = read(fd, data, sizeof(data));
	else
		got = readv(fd, &v, 1);
	if (got > 0)
		say(" %.*s", (int)got, data);
	say_result(got);
}

static void call_shutdown(void)
{
	int fd = any(), how = chance(3);

	if (stays || disconnected) // before a connection: CAVEATS in libsockshim.8
		return;
	say("shutdown %d %d", how, index_of(fd));
	int got = shutdown(fd, how);
	say_result(got);
	disconnected |= got < 0;
}

static void call_error(void)
{
	int fd = any(), error = 0;
	socklen_t len = sizeof(error);
	int got = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);

	say("SO_ERROR %s", error ? strerrorname_np(error) : "0");
	say_result(got);
}

static void call_peer(void)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	int got = getpeername(any(), (struct sockaddr *)&a, &len);

	say("getpeername %x:%d", got ? 0 : ntohl(a.sin_addr.s_addr), got ? 0 : ntohs(a.sin_port));
	say_result(got);
}

static void call_dup(void)
{
	if (count == 4)
		return;
	fds[count] = chance(2) ? dup(fds[0]) : fcntl(fds[0], F_DUPFD_CLOEXEC, 100);
	say("dup %d\n", count++);
}

static void call_close(void)
{
	if (count < 2)
		return;
	say("close %d", count - 1);
	say_result(close(
		fds[--count])); // its registrations stay, and its number is not used for others
	fds[count] = -1;
}

static void call_unspec(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (stays)
		return;
	disconnected = true;
	say("disconnect");
	say_result(connect(any(), &none, sizeof(none)));
}

// The other calls in question are common; these two are the end of most connections.
static void rare(void)
{
	switch (chance(5)) {
	case 0:
	case 1:
		call_shutdown();
		break;
	case 2:
		call_unspec();
		break;
	default:
		call_error();
	}
}

static void (*const calls[])(void) = {
	call_connect,	call_poll,	call_poll,	 call_select,
	call_epoll_ctl, call_epoll_ctl, call_epoll_ctl,	 call_epoll_wait,
	call_send,	call_recv,	call_error,	 call_peer,
	call_dup,	call_close,	call_epoll_wait, rare,
};

static void some(int n)
{
	while (n--)
		calls[chance(sizeof(calls) / sizeof(*calls))]();
}

// ---- waiting until it is up or refused ----

static void wait_poll(void)
{
	struct pollfd p = {.fd = fds[0], .events = POLLIN | POLLOUT};

	say("wait poll %d\n", poll(&p, 1, 5 * delay) > 0);
}

static void wait_select(void)
{
	struct timeval t = {.tv_usec = 5000 * delay};
	fd_set r, w;

	FD_ZERO(&r);
	FD_SET(fds[0], &r);
	w = r;
	say("wait select %d\n", select(fds[0] + 1, &r, &w, NULL, &t) > 0);
}

// In an epoll of its own, so that the others keep their events.
static void wait_epoll(void)
{
	struct epoll_event e = {.events = EPOLLOUT | (chance(2) ? EPOLLET : 0), .data.u64 = ~0ull};
	int epoll = epoll_create1(0);

	say("wait epoll_ctl %d", epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &e));
	int n = epoll_wait(epoll, &e, 1, 5 * delay);
	say(" epoll_wait %d %x %d\n", n, n > 0 ? e.events & ~(EPOLLIN | EPOLLRDHUP) : 0,
	    e.data.u64 == ~0ull);
	close(epoll);
}

static void set_blocking(bool on)
{
	int flags = fcntl(fds[0], F_GETFL);

	fcntl(fds[0], F_SETFL, on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void wait_connect(void)
{
	set_blocking(true);
	say("wait connect");
	say_result(connect(fds[0], (struct sockaddr *)&peer, sizeof(peer)));
	set_blocking(false);
}

static void wait_send(void)
{
	set_blocking(true);
	say("wait send");
	say_result(send(fds[0], "cd", 2, MSG_NOSIGNAL));
	set_blocking(false);
}

static void wait_some(void)
{
	static void (*const waits[])(void) = {wait_poll,  wait_select,	wait_epoll,
					      wait_epoll, wait_connect, wait_send};

	waits[chance(6)]();
	pause_ms(20);
	for (int i = 0; i < 2; i++)
		say_events(i, 2);
}

static bool sequence(uint64_t seed)
{
	static const int ports[] = {ECHO, ECHO, GREETS, REFUSES};
	int port, n;

	state = seed * 0x9e3779b97f4a7c15u + 1;
	for (int i = 0; i < 8; i++)
		chance(2);
	port = ports[chance(4)];
	peer.sin_port = htons(port);
	oneshot_ok = port != GREETS;
	used = 0;
	began = 0;
	disconnected = false;
	say("seed %llu port %d\n", (unsigned long long)seed, port);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	for (int i = 0; i < 2; i++)
		epolls[i] = epoll_create1(0);
	count = 1;
	n = chance(4);
	while (n--) // before the connection: what does not begin one
		(chance(2) ? call_epoll_ctl : chance(2) ? call_dup : call_epoll_wait)();
	call_connect();
	some(chance(8));
	bool in_time = now() - began < delay * 0.6;
	wait_some();
	n = chance(8);
	while (n--) {
		some(1);
		pause_ms(5);
		if (now() - began > 4 * delay + 500)
			break;
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	for (int i = 0; i < 2; i++)
		close(epolls[i]);
	return in_time;
}

// ---- servers ----

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[256];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		send(fd, data, n, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static void *serve(void *arg)
{
	int port = (int)(intptr_t)arg, fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct sockaddr_in at = peer;
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	at.sin_port = htons(port);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1000)) {
		perror("conform serve");
		exit(1);
	}
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			continue;
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (port == GREETS)
			send(client, "hello", 5, MSG_NOSIGNAL);
		pthread_create(&thread, &small, echo, (void *)(intptr_t)client);
	}
}

int main(int argc, char **argv)
{
	bool server = argc == 3 && !strcmp(argv[1], "serve");

	if (!server && argc != 5) {
		fprintf(stderr,
			"usage: conform ADDRESS DELAY FIRST COUNT | conform serve ADDRESS\n");
		return 2;
	}
	peer.sin_family = AF_INET;
	inet_pton(AF_INET, argv[server ? 2 : 1], &peer.sin_addr);
	if (server) {
		pthread_t thread;

		pthread_create(&thread, NULL, serve, (void *)(intptr_t)ECHO);
		serve((void *)(intptr_t)GREETS);
	}
	delay = atoi(argv[2]);
	stays = getenv("CONFORM_STAYS");
	signal(SIGPIPE, SIG_IGN); // SIGPIPE: writev has no MSG_NOSIGNAL
	for (uint64_t seed = atoll(argv[3]), end = seed + atoll(argv[4]); seed < end; seed++) {
		int tries = 0;

		while (!sequence(seed) && ++tries < 50)
			;
		fwrite(text, 1, used, stdout);
		fflush(stdout);
		if (tries == 50)
			puts("never in time");
	}
	return 0;
}
