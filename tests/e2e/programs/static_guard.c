// SPDX-License-Identifier: MIT
// static_guard WAY [ADDRESS PORT [COUNT]]: a static program that the guard alone can see.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} to, other;
static socklen_t to_len;
static int count;
static atomic_int done, good, bad;

static int tcp(void)
{
	return socket(to.any.sa_family, SOCK_STREAM, 0);
}

/* Asks the web server that `fd` is connected to, and prints its answer's body. */
static int page(int fd)
{
	static const char question[] = "GET / HTTP/1.0\r\nHost: x\r\n\r\n";
	char answer[4096], *body;
	size_t have = 0;
	ssize_t n;

	if (write(fd, question, sizeof(question) - 1) < 0)
		return 1;
	while ((n = read(fd, answer + have, sizeof(answer) - 1 - have)) > 0)
		have += (size_t)n;
	answer[have] = 0;
	body = strstr(answer, "\r\n\r\n");
	printf("%s\n", body ? body + 4 : "no answer");
	close(fd);
	return !body;
}

static int said(const char *what, long result)
{
	printf("%s%s\n", what, result >= 0 ? "went" : strerrorname_np(errno));
	return result < 0;
}

static int get(void)
{
	int fd = tcp();

	return connect(fd, &to.any, to_len) < 0 ? said("", -1) : page(fd);
}

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

/* Options set before the connect are still there after it, and the flags of the descriptor too. */
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
	return page(fd);
}

static int message(void)
{
	static const char question[] = "GET / HTTP/1.0\r\nHost: x\r\n\r\n";
	struct iovec iov[2] = {{(void *)question, 5},
			       {(void *)(question + 5), sizeof(question) - 6}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	struct mmsghdr mm = {.msg_hdr = m};
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
	if (connect(fd, &to.any, to_len) < 0 || sendmmsg(fd, &mm, 1, 0) != 1)
		return said("sendmmsg ", -1);
	printf("%u\n", mm.msg_len);
	close(fd);
	fd = tcp();
	n = sendto(fd, question, sizeof(question) - 1, MSG_FASTOPEN, &to.any, to_len);
	printf("%zd\n", n);
	return n < 0;
}

static void *one_of_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < count; i++) {
		int fd = tcp();

		if (connect(fd, &to.any, to_len) == 0)
			atomic_fetch_add(&good, 1);
		close(fd);
	}
	return NULL;
}

static int storm(void)
{
	pthread_t t[16];

	for (int i = 0; i < 16; i++)
		pthread_create(&t[i], NULL, one_of_many, NULL);
	for (int i = 0; i < 16; i++)
		pthread_join(t[i], NULL);
	printf("%d of %d\n", good, 16 * count);
	return good != 16 * count;
}

/* Puts the one and the other address into the same memory, by turns. */
static void *flip(void *arg)
{
	in_addr_t a = to.v4.sin_addr.s_addr, b = other.v4.sin_addr.s_addr;
	in_port_t pa = to.v4.sin_port, pb = other.v4.sin_port;
	struct sockaddr_in *at = arg;

	while (!done) {
		*(volatile in_addr_t *)&at->sin_addr.s_addr = b;
		*(volatile in_port_t *)&at->sin_port = pb;
		*(volatile in_addr_t *)&at->sin_addr.s_addr = a;
		*(volatile in_port_t *)&at->sin_port = pa;
	}
	return NULL;
}

/* ADDRESS may be reached directly, 203.0.113.80:80 may not: while it is judged, they change places. */
static int race(int by_datagram)
{
	struct sockaddr_in shared = to.v4;
	pthread_t t;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	other.v4.sin_family = AF_INET;
	other.v4.sin_port = htons(80);
	other.v4.sin_addr.s_addr = inet_addr("203.0.113.80");
	pthread_create(&t, NULL, flip, &shared);
	for (int i = 0; i < count; i++) {
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
 * Descriptors are closed and replaced while their connect is pending. Who wins is left to chance, on
 * a quiet machine the closer every time; a connect that nobody disturbs must work after all that.
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

/* Many short processes, each with one connect. */
static int forks(void)
{
	int running = 0, status;

	for (int i = 0; i < count; i++) {
		if (running == 32 && wait(&status) > 0) {
			running--;
			good += status == 0;
		}
		if (fork() == 0)
			_exit(connect(tcp(), &to.any, to_len) != 0);
		running++;
	}
	while (wait(&status) > 0)
		good += status == 0;
	printf("%d of %d\n", good, count);
	return good != count;
}

/* Killed while they wait: what they leave must not stay. */
static int kills(void)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(connect(tcp(), &to.any, to_len) != 0);
		usleep(i % 7 * 100);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return get();
}

/* How many descriptors the supervisor, our parent, has. */
static int parents_descriptors(void)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", getppid());
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* Waiting callers cost the supervisor a descriptor each, and that only while they live. */
static int pending(void)
{
	pid_t *pids = calloc((size_t)count, sizeof(*pids));
	int before, during, after;

	usleep(300000); /* it has its own by now */
	before = parents_descriptors();
	for (int i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(connect(tcp(), &to.any, to_len) != 0);
	}
	for (int i = 0; i < 100 && parents_descriptors() < before + count; i++)
		usleep(50000);
	during = parents_descriptors();
	for (int i = 0; i < count; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	for (int i = 0; i < 100 && parents_descriptors() > before; i++)
		usleep(50000);
	after = parents_descriptors();
	printf("%d %d\n", during - before, after - before);
	free(pids);
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
			usleep(100);
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

/* Outlives the command: asks when nobody waits for it any more; the page goes to the file. */
static int daemon_get(void)
{
	if (fork() > 0)
		return 0;
	setsid();
	usleep(700000);
	if (!freopen(getenv("PAGE"), "w", stdout))
		return 1;
	return get();
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

static const struct {
	const char *name;
	int (*run)(void);
} ways[] = {
	{"get", get},		{"get-nonblocking", get_nonblocking},
	{"options", options},	{"message", message},
	{"storm", storm},	{"race-udp", race_udp},
	{"race-tcp", race_tcp}, {"close-race", close_race},
	{"forks", forks},	{"kills", kills},
	{"pending", pending},	{"clone", by_clone},
	{"vfork", by_vfork},	{"own-filter", own_filter},
	{"signals", signals},	{"later", later},
	{"daemon", daemon_get}, {"half-close", pipe_half_close},
};

int main(int argc, char **argv)
{
	const char *address = argc > 2 ? argv[2] : "203.0.113.80";
	int port = argc > 3 ? atoi(argv[3]) : 80;

	count = argc > 4 ? atoi(argv[4]) : 1;
	if (inet_pton(AF_INET6, address, &to.v6.sin6_addr) == 1) {
		to.v6.sin6_family = AF_INET6;
		to.v6.sin6_port = htons(port);
		to_len = sizeof(to.v6);
	} else {
		inet_pton(AF_INET, address, &to.v4.sin_addr);
		to.v4.sin_family = AF_INET;
		to.v4.sin_port = htons(port);
		to_len = sizeof(to.v4);
	}
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[1]))
			return ways[i].run();
	puts("usage: static_guard WAY [ADDRESS PORT [COUNT]]");
	return 2;
}
