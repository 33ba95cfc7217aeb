/* SPDX-License-Identifier: MIT */
// What a program may do with sockets and descriptors: sockets CASE [HOST [PORT]]. Each case judges
// for itself and ends with 0, or says in one line what was wrong.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *host = "web.far.test";
static const char *port = "80";

static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	puts("");
	fflush(stdout);
	_exit(1);
}

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			die("line %d: not so: %s (%s)", __LINE__, #x, strerror(errno));            \
	} while (0)

static struct addrinfo *look_up(const char *name, const char *service, int family)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(name, service, &hints, &list);

	if (error)
		die("getaddrinfo %s: %s", name, gai_strerror(error));
	return list;
}

// The address of host; also when a case wants to connect by itself.
static struct sockaddr_in address_of(const char *name, const char *service)
{
	struct addrinfo *list = look_up(name, service, AF_INET);
	struct sockaddr_in to;

	memcpy(&to, list->ai_addr, sizeof(to));
	freeaddrinfo(list);
	return to;
}

static int stream_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	return fd;
}

static int connect_to(int fd, struct sockaddr_in to)
{
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static int connected(void)
{
	int fd = stream_socket(AF_INET);

	if (connect_to(fd, address_of(host, port)))
		die("connect: %s", strerror(errno));
	return fd;
}

static void fetch(int fd)
{
	static const char ask[] = "GET / HTTP/1.0\r\nHost: web.far.test\r\n\r\n";
	char buf[4096];
	size_t got = 0;
	ssize_t n;

	if (write(fd, ask, sizeof(ask) - 1) != sizeof(ask) - 1)
		die("write: %s", strerror(errno));
	while ((n = read(fd, buf + got, sizeof(buf) - 1 - got)) > 0)
		got += n;
	if (n < 0)
		die("read: %s", strerror(errno));
	buf[got] = 0;
	if (!strstr(buf, "\r\n\r\nfar web server\n"))
		die("not the page: %s", buf);
}

static void case_plain(void)
{
	int fd = connected();

	fetch(fd);
	CHECK(!close(fd));
}

static void case_dup(void)
{
	int fd = connected(), copy = dup(fd);

	CHECK(copy >= 0 && !close(fd));
	fetch(copy);
}

static void case_dup2(void)
{
	int fd = connected();

	CHECK(dup2(fd, 100) == 100 && dup3(100, 101, O_CLOEXEC) == 101);
	CHECK(fcntl(101, F_DUPFD, 102) == 102);
	CHECK(!close(fd) && !close(100) && !close(101));
	fetch(102);
}

// The copy is made before the connection: it is the same socket.
static void case_dup_before(void)
{
	int fd = stream_socket(AF_INET), copy = dup(fd);
	struct sockaddr_in to = address_of(host, port), peer;
	socklen_t len = sizeof(peer);

	CHECK(!connect_to(copy, to));
	CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len));
	CHECK(peer.sin_addr.s_addr == to.sin_addr.s_addr && peer.sin_port == to.sin_port);
	fetch(fd);
}

// However a number became free, a new socket that gets it is a new socket.
static void case_reuse(void)
{
	for (int round = 0; round < 60; round++) {
		int fd = connected(), other;
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);

		switch (round % 5) {
		case 0:
			CHECK(!close(fd));
			break;
		case 1:
			CHECK(!close_range(fd, fd, 0));
			break;
		case 2:
			closefrom(fd);
			break;
		case 3: // replaced while open
			other = stream_socket(AF_INET);
			CHECK(dup2(other, fd) == fd && !close(other));
			CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) && errno == ENOTCONN);
			CHECK(!connect_to(fd, address_of(host, port)));
			fetch(fd);
			close(fd);
			continue;
		case 4: // closed by somebody else's hands: a FILE
			fclose(fdopen(fd, "r+"));
			break;
		}
		other = stream_socket(AF_INET);
		CHECK(other == fd);
		CHECK(getpeername(other, (struct sockaddr *)&peer, &len) && errno == ENOTCONN);
		CHECK(!connect_to(other, address_of(host, port)));
		fetch(other);
		close(other);
	}
}

static void case_close_range(void)
{
	int a = connected(), b = connected(), c = connected(), d;

	CHECK(a < b && b < c);
	CHECK(!close_range(a, b, 0));
	fetch(c);
	d = connected();
	CHECK(d == a);
	fetch(d);
	CHECK(!close_range(3, ~0U, 0));
	case_plain();
}

static void case_unspec(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = connected();

	CHECK(!connect(fd, &none, sizeof(none)));
	CHECK(!connect_to(fd, address_of(host, port)));
	fetch(fd);
}

static void case_twice(void)
{
	int fd = connected();

	CHECK(connect_to(fd, address_of(host, port)) == -1 && errno == EISCONN);
	fetch(fd);
}

// 7009 is closed. A second try on the same socket, and one on a new socket that has the same
// number.
static void case_again(void)
{
	int fd = stream_socket(AF_INET), number = fd;

	CHECK(connect_to(fd, address_of("tcp.far.test", "7009")) == -1 && errno == ECONNREFUSED);
	CHECK(!close(fd));
	fd = stream_socket(AF_INET);
	CHECK(fd == number && !connect_to(fd, address_of(host, port)));
	fetch(fd);
}

static void case_again_same_socket(void)
{
	int fd = stream_socket(AF_INET);

	CHECK(connect_to(fd, address_of("tcp.far.test", "7009")) == -1 && errno == ECONNREFUSED);
	CHECK(!connect_to(fd, address_of(host, port)));
	fetch(fd);
}

static void case_refused(void)
{
	int fd = stream_socket(AF_INET), error = -1;
	socklen_t len = sizeof(error);
	struct sockaddr_in peer;

	CHECK(connect_to(fd, address_of("tcp.far.test", "7009")) == -1 && errno == ECONNREFUSED);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && error == 0);
	len = sizeof(peer);
	CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == -1 && errno == ENOTCONN);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(fd, "x", 1) == -1);
	CHECK(read(fd, &peer, 1) <= 0);
}

// The peer is the address that the program asked for, cut off as the kernel does it; the own
// address is the real one.
static void case_peer(void)
{
	struct sockaddr_in to = address_of(host, port), peer, own;
	int fd = stream_socket(AF_INET), error = -1;
	socklen_t len = sizeof(peer);
	char few[4] = {0};

	CHECK(!connect_to(fd, to));
	CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len) && len == sizeof(peer));
	CHECK(peer.sin_family == AF_INET && peer.sin_port == to.sin_port);
	CHECK(peer.sin_addr.s_addr == to.sin_addr.s_addr);
	len = sizeof(few);
	CHECK(!getpeername(fd, (struct sockaddr *)few, &len) && len == sizeof(peer));
	CHECK(!memcmp(few, &peer, sizeof(few)));
	CHECK(getpeername(fd, (struct sockaddr *)8, &len) == -1 && errno == EFAULT);
	CHECK(getpeername(fd, (struct sockaddr *)&peer, NULL) == -1 && errno == EFAULT);
	len = -1;
	CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == -1 && errno == EINVAL);
	len = sizeof(own);
	CHECK(!getsockname(fd, (struct sockaddr *)&own, &len) && len == sizeof(own));
	CHECK(own.sin_family == AF_INET && own.sin_port);
	len = sizeof(error);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && error == 0);
	CHECK(getpeername(-1, (struct sockaddr *)&peer, &len) == -1 && errno == EBADF);
	CHECK(getpeername(open("/dev/null", O_RDONLY), (struct sockaddr *)&peer, &len) == -1);
	CHECK(errno == ENOTSOCK);
	fetch(fd);
}

// By IPv6 literal, and v4-mapped, from an IPv6 socket over a proxy that listens on IPv4.
static void case_v6(void)
{
	struct addrinfo *list = look_up(host, port, AF_INET6);
	struct sockaddr_in6 to, peer;
	socklen_t len = sizeof(peer);
	int fd = stream_socket(AF_INET6);

	memcpy(&to, list->ai_addr, sizeof(to));
	CHECK(list->ai_family == AF_INET6);
	CHECK(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len) && len == sizeof(peer));
	CHECK(peer.sin6_family == AF_INET6 && peer.sin6_port == to.sin6_port);
	CHECK(!memcmp(&peer.sin6_addr, &to.sin6_addr, 16));
	len = sizeof(peer);
	CHECK(!getsockname(fd, (struct sockaddr *)&peer, &len) && peer.sin6_family == AF_INET6);
	fetch(fd);
}

static void case_options_survive(void)
{
	struct sockaddr_in to = address_of(host, port);
	int fd = stream_socket(AF_INET), one = 1, value = 0, flags;
	socklen_t len = sizeof(value);

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)));
	CHECK(!fcntl(fd, F_SETFD, 0));
	flags = fcntl(fd, F_GETFL);
	CHECK(!connect_to(fd, to));
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len) && value == 1);
	CHECK(fcntl(fd, F_GETFD) == 0 && fcntl(fd, F_GETFL) == flags);
	fetch(fd);
}

static void case_nonblocking(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = -1;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(error);

	if (connect_to(fd, address_of(host, port)))
		CHECK(errno == EINPROGRESS);
	CHECK(poll(&p, 1, 10000) == 1 && p.revents == POLLOUT);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && error == 0);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(!fcntl(fd, F_SETFL, 0));
	fetch(fd);
}

static void case_nonblocking_refused(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(error);

	if (connect_to(fd, address_of("tcp.far.test", "7009"))) {
		error = errno;
		if (error == EINPROGRESS) {
			CHECK(poll(&p, 1, 10000) == 1);
			CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
		}
	}
	CHECK(error == ECONNREFUSED);
}

static void send_fd(int to, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK(sendmsg(to, &m, 0) == 1);
}

static int receive_fd(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd;

	CHECK(recvmsg(from, &m, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void wait_child(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void case_pass_fd(void)
{
	struct sockaddr_in to = address_of(host, port), peer;
	socklen_t len = sizeof(peer);
	int pair[2], fd;
	pid_t pid;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	if (!pid) {
		fd = receive_fd(pair[1]);
		CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len));
		CHECK(peer.sin_addr.s_addr == to.sin_addr.s_addr && peer.sin_port == to.sin_port);
		fetch(fd);
		_exit(0);
	}
	fd = stream_socket(AF_INET);
	CHECK(!connect_to(fd, to));
	send_fd(pair[0], fd);
	close(fd);
	wait_child(pid);
}

// The parent looks the name up and the child connects; and the other way round, through the number
// alone.
static void case_fork(void)
{
	struct sockaddr_in to = address_of(host, port);
	int pipes[2], fd;
	pid_t pid = fork();

	if (!pid) {
		fd = stream_socket(AF_INET);
		CHECK(!connect_to(fd, to));
		fetch(fd);
		_exit(0);
	}
	wait_child(pid);
	CHECK(!pipe(pipes));
	pid = fork();
	if (!pid) {
		struct sockaddr_in6 to6;
		struct addrinfo *list = look_up("dual.far.test", port, AF_INET6);

		memcpy(&to6, list->ai_addr, sizeof(to6));
		CHECK(write(pipes[1], &to6, sizeof(to6)) == sizeof(to6));
		_exit(0);
	}
	wait_child(pid);
	struct sockaddr_in6 to6;

	CHECK(read(pipes[0], &to6, sizeof(to6)) == sizeof(to6));
	fd = stream_socket(AF_INET6);
	CHECK(!connect(fd, (struct sockaddr *)&to6, sizeof(to6)));
	fetch(fd);
}

// A vfork child shares our memory: what it closes is closed for itself only, and it must not change
// our tables.
static void case_vfork(void)
{
	int fd = connected();
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	pid_t pid = vfork();

	if (!pid) {
		close(fd);
		_exit(0);
	}
	wait_child(pid);
	CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len));
	fetch(fd);
	case_plain();
}

static void case_errno_kept(void)
{
	struct sockaddr_in to, peer;
	socklen_t len = sizeof(peer);
	int fd;

	errno = 1234;
	to = address_of(host, port);
	CHECK(errno == 1234);
	fd = stream_socket(AF_INET);
	CHECK(!connect_to(fd, to));
	CHECK(errno == 1234);
	CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len));
	CHECK(errno == 1234);
}

static void case_bad_arguments(void)
{
	struct sockaddr_in to = address_of(host, port);
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	int fd = stream_socket(AF_INET), fd6 = stream_socket(AF_INET6);

	CHECK(connect(fd, (struct sockaddr *)8, sizeof(to)) == -1 && errno == EFAULT);
	CHECK(connect(fd, NULL, sizeof(to)) == -1 && errno == EFAULT);
	CHECK(connect(fd, (struct sockaddr *)&to, 1) == -1 && errno == EINVAL);
	CHECK(connect(fd, (struct sockaddr *)&to, 15) == -1 && errno == EINVAL);
	CHECK(connect(fd, (struct sockaddr *)&to, 4096) == -1 && errno == EINVAL);
	CHECK(connect(fd, (struct sockaddr *)&to, -1) == -1 && errno == EINVAL);
	CHECK(connect(fd6, (struct sockaddr *)&to6, 20) == -1 && errno == EINVAL);
	CHECK(connect(-1, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EBADF);
	CHECK(connect(9999, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EBADF);
	CHECK(connect(open("/dev/null", O_RDWR), (struct sockaddr *)&to, sizeof(to)) == -1);
	CHECK(errno == ENOTSOCK);
	inet_pton(AF_INET6, "2001:db8:ff::80", &to6.sin6_addr);
	CHECK(connect(fd, (struct sockaddr *)&to6, sizeof(to6)) == -1 && errno == EAFNOSUPPORT);
	to.sin_family = 77;
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EAFNOSUPPORT);
	to.sin_family = AF_INET;
	CHECK(!connect_to(fd, to));
	fetch(fd);
}

static void case_unix(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0sockshim-e2e"}, peer;
	int server = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t len = sizeof(peer);

	CHECK(!bind(server, (struct sockaddr *)&to, sizeof(to)) && !listen(server, 1));
	CHECK(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	CHECK(!getpeername(fd, (struct sockaddr *)&peer, &len) && peer.sun_family == AF_UNIX);
}

static void *fetcher(void *barrier)
{
	pthread_barrier_wait(barrier);
	case_plain();
	return NULL;
}

static void case_threads(void)
{
	enum { COUNT = 100 };
	pthread_t threads[COUNT];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, COUNT);
	for (int i = 0; i < COUNT; i++)
		CHECK(!pthread_create(&threads[i], NULL, fetcher, &barrier));
	for (int i = 0; i < COUNT; i++)
		CHECK(!pthread_join(threads[i], NULL));
}

// ---- with a proxy that never answers ----

static sigjmp_buf jump;
static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void on_alarm_jump(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

static void alarm_soon(void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval when = {.it_value.tv_usec = 200000};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void case_sndtimeo(void)
{
	struct timeval limit = {.tv_usec = 300000}, kept;
	struct sockaddr_in to = address_of(host, port);
	int fd = stream_socket(AF_INET);
	socklen_t len = sizeof(kept);
	double start = now();

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	CHECK(connect_to(fd, to) == -1 && errno == EINPROGRESS);
	CHECK(now() - start > 0.25 && now() - start < 3);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kept, &len));
	CHECK(kept.tv_sec == 0 && kept.tv_usec >= 300000 && kept.tv_usec < 310000);
}

static void case_eintr(void)
{
	struct sockaddr_in to = address_of(host, port);
	int fd = stream_socket(AF_INET);

	alarm_soon(on_alarm, 0);
	CHECK(connect_to(fd, to) == -1 && errno == EINTR);
	CHECK(alarms == 1);
}

static void case_siglongjmp(void)
{
	struct sockaddr_in to = address_of(host, port);
	int fd = stream_socket(AF_INET);

	if (!sigsetjmp(jump, 1)) {
		alarm_soon(on_alarm_jump, SA_RESTART);
		connect_to(fd, to);
		die("connect returned");
	}
	close(fd);
	// the library is whole: names, and a connect that the kernel itself refuses
	to = address_of("another.far.test", port);
	CHECK(connect(-1, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EBADF);
}

// Prints what a connect gives: "ok", or the name of the error.
static void case_try(void)
{
	int fd = stream_socket(AF_INET), error;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char byte;

	if (!connect_to(fd, address_of(host, port))) {
		puts("ok");
		return;
	}
	error = errno;
	signal(SIGPIPE, SIG_IGN);
	puts(strerrorname_np(error));
	// nothing of the proxy's reply reaches the program
	CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == -1 && errno == ENOTCONN);
	CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	CHECK(send(fd, "x", 1, MSG_DONTWAIT) == -1);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"plain", case_plain},
	{"dup", case_dup},
	{"dup2", case_dup2},
	{"dup-before", case_dup_before},
	{"reuse", case_reuse},
	{"close-range", case_close_range},
	{"unspec", case_unspec},
	{"twice", case_twice},
	{"again", case_again},
	{"again-same-socket", case_again_same_socket},
	{"refused", case_refused},
	{"peer", case_peer},
	{"v6", case_v6},
	{"options", case_options_survive},
	{"nonblocking", case_nonblocking},
	{"nonblocking-refused", case_nonblocking_refused},
	{"pass-fd", case_pass_fd},
	{"fork", case_fork},
	{"vfork", case_vfork},
	{"errno-kept", case_errno_kept},
	{"bad-arguments", case_bad_arguments},
	{"unix", case_unix},
	{"threads", case_threads},
	{"sndtimeo", case_sndtimeo},
	{"eintr", case_eintr},
	{"siglongjmp", case_siglongjmp},
	{"try", case_try},
};

int main(int argc, char **argv)
{
	if (argc > 2)
		host = argv[2];
	if (argc > 3)
		port = argv[3];
	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			return 0;
		}
	die("usage: sockets CASE [HOST [PORT]]");
}
