/* SPDX-License-Identifier: MIT */
/*
 * kinds CASE ADDRESS: a TCP socket's number is taken by a UDP socket, as CASE says; then it is
 * connected. Prints what connect(2) says of it. Only `unseen` does so by inline system calls, and
 * sends a word when it is connected.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	must(fd >= 0, "udp");
	return fd;
}

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd >= 0, "tcp");
	return fd;
}

static int by_dup2(void)
{
	return dup2(udp(), tcp());
}

static int by_dup3(void)
{
	return dup3(udp(), tcp(), O_CLOEXEC);
}

static int by_fcntl(void)
{
	int other = udp(), fd = tcp();

	close(fd);
	must(fcntl(other, F_DUPFD, fd) == fd, "the same number");
	return fd;
}

static int by_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

	must(close(fd) == 0 && udp() == fd, "the same number");
	return fd;
}

/* Closed by another thread, which makes the other socket, too. */
static void *other_thread(void *fd)
{
	must(close(*(int *)fd) == 0 && udp() == *(int *)fd, "the same number");
	return NULL;
}

static int by_thread(void)
{
	int fd = tcp();
	pthread_t thread;

	must(!pthread_create(&thread, NULL, other_thread, &fd) && !pthread_join(thread, NULL),
	     "thread");
	return fd;
}

static int by_message(void)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2], fd, other = udp();

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &other, sizeof(other));
	must(sendmsg(pair[0], &m, 0) == 1, "sendmsg");
	fd = tcp();
	close(fd);
	m.msg_controllen = sizeof(control);
	must(recvmsg(pair[1], &m, 0) == 1, "recvmsg");
	memcpy(&other, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(other));
	must(fd == other, "the same number");
	return fd;
}

/*
 * A vfork child closes it in its own table, and takes the number for a TCP socket: in its parent it
 * is UDP still.
 */
static int by_vfork(void)
{
	static char name[] = "true", *argv[] = {name, NULL};
	int fd = udp(), status;
	pid_t pid = vfork();

	if (pid == 0) {
		close(fd);
		if (socket(AF_INET, SOCK_STREAM, 0) == fd)
			execv("/bin/true", argv);
		_exit(1);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "vfork");
	return fd;
}

static long inline_call(long number, long a, long b, long c)
{
	long result = number;

#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
#else
	result = syscall(number, a, b, c);
#endif
	return result;
}

static int unseen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(inline_call(SYS_close, fd, 0, 0) == 0, "close");
	must(inline_call(SYS_socket, AF_INET, SOCK_DGRAM, 0) == fd, "the same number");
	return fd;
}

static const struct {
	const char *name;
	int (*make)(void);
} cases[] = {
	{"dup2", by_dup2},     {"dup3", by_dup3},	{"fcntl", by_fcntl}, {"socket", by_socket},
	{"thread", by_thread}, {"message", by_message}, {"vfork", by_vfork}, {"unseen", unseen},
};

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
	int fd = -1;

	if (argc != 3 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(cases[i].name, argv[1]))
			fd = cases[i].make();
	must(fd >= 0, argv[1]);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		puts(strerror(errno));
	else
		printf("connected, sent %zd\n", send(fd, "leaked", 6, 0));
	return 0;
}
