/* SPDX-License-Identifier: MIT */
// static_guard WAY [ADDRESS PORT [COUNT]]: a static program that the guard alone can see.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "static.h"

static struct sockaddr_in other;
static atomic_int done, good, bad;

/* A socket that does not block, registered with epoll before it is connected. */
static int get_nonblocking(void)
{
	struct epoll_event e = {.events = EPOLLOUT | EPOLLIN | EPOLLET}, got;
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
	int error = 0;
	socklen_t len = sizeof(error);

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	epoll_wait(ep, &got, 1, 0); /* an unconnected socket hangs up: not our concern */
	if (connect(fd, &to.any, to_len) < 0 && errno != EINPROGRESS)
		return said("", -1);
	do {
		if (epoll_wait(ep, &got, 1, 10000) != 1)
			return said("no event ", 0);
	} while (!(got.events & EPOLLOUT));
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	if (error)
		return said("", -1);
	fcntl(fd, F_SETFL, 0);
	return page(fd);
}

/*
 * Options set before the connect are still there after it, and the flags of the descriptor too;
 * more can be set.
 */
static int options(void)
{
	int fd = tcp(), on = 1, value = 0, size = 40000;
	socklen_t len = sizeof(value);

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (connect(fd, &to.any, to_len) < 0)
		return said("", -1);
	getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len);
	if (!value || (fcntl(fd, F_GETFL) & O_NONBLOCK) || fcntl(fd, F_GETFD))
		return said("changed ", 0);
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len);
	if (value != 2 * size)
		return said("size changed ", 0);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 5}, sizeof(struct linger)) <
		    0)
		return said("after ", -1);
	value = 0;
	getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len);
	if (!value)
		return said("not set ", 0);
	return page(fd);
}

/* Whom the kernel says it is connected to. */
static int peer(void)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int fd = tcp();

	if (connect(fd, &to.any, to_len) < 0 || getpeername(fd, (void *)&at, &len) < 0)
		return said("", -1);
	puts(inet_ntoa(at.sin_addr));
	return 0;
}

static int message(void)
{
	static const char question[] = "GET / HTTP/1.0\r\nHost: x\r\n\r\n";
	struct iovec iov[2] = {{(void *)question, 5},
			       {(void *)(question + 5), sizeof(question) - 6}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	struct mmsghdr mm[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}},
				{.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 1}}};
	int fd = tcp();
	char answer[4096];
	ssize_t n;

	if (connect(fd, &to.any, to_len) < 0)
		return said("", -1);
	if (sendmsg(fd, &m, 0) != (ssize_t)sizeof(question) - 1)
		return said("sendmsg ", -1);
	n = recv(fd, answer, sizeof(answer), MSG_WAITALL);
	printf("%s\n", n > 15 && strstr(answer, "\r\n\r\n") ? "answered" : "no answer");
	close(fd);
	fd = tcp();
	if (connect(fd, &to.any, to_len) < 0 || sendmmsg(fd, mm, 2, 0) != 2)
		return said("sendmmsg ", -1);
	printf("%u\n", mm[0].msg_len + mm[1].msg_len);
	n = recv(fd, answer, sizeof(answer), MSG_WAITALL);
	if (n <= 15 || !strstr(answer, "\r\n\r\n"))
		return said("no answer to sendmmsg ", 0);
	close(fd);
	fd = tcp();
	n = sendto(fd, question, sizeof(question) - 1, MSG_FASTOPEN, &to.any, to_len);
	printf("%zd\n", n);
	return n < 0;
}

/* Puts the one and the other address into the same memory, by turns. */
static void *flip(void *arg)
{
	in_addr_t a = to.v4.sin_addr.s_addr, b = other.sin_addr.s_addr;
	in_port_t pa = to.v4.sin_port, pb = other.sin_port;
	struct sockaddr_in *at = arg;

	while (!done) {
		*(volatile in_addr_t *)&at->sin_addr.s_addr = b;
		*(volatile in_port_t *)&at->sin_port = pb;
		*(volatile in_addr_t *)&at->sin_addr.s_addr = a;
		*(volatile in_port_t *)&at->sin_port = pa;
	}
	return NULL;
}

/*
 * ADDRESS may be reached directly, 203.0.113.80:80 may not: while it is judged, they change places.
 * For datagrams it goes on until both were seen: before that there was no race.
 */
static int race(int by_datagram)
{
	struct sockaddr_in shared = to.v4;
	pthread_t t;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	other.sin_family = AF_INET;
	other.sin_port = htons(80);
	other.sin_addr.s_addr = inet_addr("203.0.113.80");
	pthread_create(&t, NULL, flip, &shared);
	for (int i = 0; i < count || (by_datagram && (!good || !bad)); i++) {
		int s = by_datagram ? fd : socket(AF_INET, SOCK_STREAM, 0);

		if ((by_datagram ? sendto(fd, "leak", 4, 0, (void *)&shared, sizeof(shared))
				 : connect(s, (void *)&shared, sizeof(shared))) >= 0)
			good++;
		else
			bad++;
		if (s != fd)
			close(s);
	}
	done = 1;
	pthread_join(t, NULL);
	puts(good && bad ? "both ways" : good ? "all went" : "none went");
	return 0;
}

static int race_udp(void)
{
	return race(1);
}

static int race_tcp(void)
{
	return race(0);
}

static atomic_int shared_fd;

static void *closer(void *arg)
{
	(void)arg;
	while (!done) {
		int fd = shared_fd;

		close(fd);
		dup2(2, fd); /* the number is another file at once */
	}
	return NULL;
}

/*
 * Descriptors are closed and replaced while their connect is pending. Who wins is left to chance,
 * on a quiet machine the closer every time; a connect that nobody disturbs must work after all
 * that.
 */
static int close_race(void)
{
	pthread_t t;

	shared_fd = tcp();
	pthread_create(&t, NULL, closer, NULL);
	for (int i = 0; i < count; i++) {
		int fd = tcp();

		dup2(fd, shared_fd);
		connect(shared_fd, &to.any, to_len);
		close(fd);
	}
	done = 1;
	pthread_join(t, NULL);
	if (connect(tcp(), &to.any, to_len) < 0) {
		perror("connect after the race");
		return 1;
	}
	puts("lives");
	return 0;
}

static char stack[65536];

static int in_clone(void *arg)
{
	*(int *)arg = get();
	syscall(SYS_exit, 0);
	return 0;
}

/* A task that shares memory and descriptors, but is no thread of libc's. */
static int by_clone(void)
{
	int result = 9;
	pid_t pid = clone(in_clone, stack + sizeof(stack),
			  CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, &result);

	waitpid(pid, NULL, 0);
	fflush(stdout);
	return result;
}

static int by_vfork(void)
{
	int status = 0;
	pid_t pid = vfork();

	if (pid == 0)
		_exit(connect(tcp(), &to.any, to_len) != 0);
	waitpid(pid, &status, 0);
	puts(status ? "failed" : "went");
	return status;
}

/* A filter of its own, on top: openat2(2) is refused, the rest allowed. */
static int own_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {.len = 4, .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0)
		return said("", -1);
	return get();
}

static void ignore(int sig)
{
	(void)sig;
}

/* Signals all the time, as Go's runtime sends them. */
static int signals(void)
{
	struct sigaction a = {.sa_handler = ignore, .sa_flags = SA_RESTART};
	pid_t self = getpid(), pid;
	int result;

	sigaction(SIGURG, &a, NULL);
	pid = fork();
	if (pid == 0)
		for (;;) {
			kill(self, SIGURG);
			usleep(100); /* a pace that leaves time for the call */
		}
	result = get();
	kill(pid, SIGKILL);
	return result;
}

/* Says `up`, waits for a line, and then connects: what happens in between is the test's. */
static int later(void)
{
	char line[8];

	puts("up");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 2;
	return get();
}

/* Outlives the command: asks when the test says so, by a line in $GO; the page goes to $PAGE. */
static int daemon_get(void)
{
	char line[8];

	if (fork() > 0)
		return 0;
	setsid();
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		return 1;
	if (!freopen(getenv("GO"), "r", stdin) || !fgets(line, sizeof(line), stdin) ||
	    !freopen(getenv("PAGE"), "w", stdout))
		return 1;
	return get();
}

/* The time that a send may take is also what connect(2) may. */
static int send_timeout(void)
{
	const struct timeval tenth = {.tv_usec = 100000};
	int fd = tcp();

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tenth, sizeof(tenth));
	said("", connect(fd, &to.any, to_len));
	signal(SIGPIPE, SIG_IGN);
	puts(write(fd, "x", 1) < 0 ? "closed" : "open");
	return 0;
}

static int pipe_half_close(void)
{
	static const char question[] = "GET / HTTP/1.0\r\nHost: x\r\n\r\n";
	int fd = tcp();
	char answer[4096];

	if (connect(fd, &to.any, to_len) < 0 || write(fd, question, sizeof(question) - 1) < 0)
		return said("", -1);
	shutdown(fd, SHUT_WR);
	puts(read(fd, answer, sizeof(answer)) > 0 ? "answered" : "nothing");
	return 0;
}

static int bound_get(void)
{
	struct sockaddr_in6 own = {.sin6_family = AF_INET6};
	int fd = tcp();

	inet_pton(AF_INET6, "2001:db8::2", &own.sin6_addr);
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return said("bind ", -1);
	return connect(fd, &to.any, to_len) < 0 ? said("", -1) : page(fd);
}

/* Sends COUNT kilobytes as fast as they are taken, and is gone. */
static int dump(void)
{
	static const char data[1024];
	int fd = tcp();

	if (connect(fd, &to.any, to_len) < 0)
		return said("", -1);
	for (int i = 0; i < count; i++)
		if (write(fd, data, sizeof(data)) != sizeof(data))
			return said("", -1);
	return 0;
}

static const struct way ways[] = {
	{"get", get},
	{"get-nonblocking", get_nonblocking},
	{"options", options},
	{"message", message},
	{"peer", peer},
	{"race-udp", race_udp},
	{"race-tcp", race_tcp},
	{"close-race", close_race},
	{"clone", by_clone},
	{"vfork", by_vfork},
	{"own-filter", own_filter},
	{"signals", signals},
	{"later", later},
	{"daemon", daemon_get},
	{"half-close", pipe_half_close},
	{"send-timeout", send_timeout},
	{"dump", dump},
	{"bound-get", bound_get},
	{0},
};

int main(int argc, char **argv)
{
	return go(ways, argc, argv);
}
