/* SPDX-License-Identifier: MIT */
// static_attack WAY [ADDRESS PORT [COUNT]]: as static_guard; programs that do to each other what is
// hardly ever done.
#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <linux/sched.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "static.h"

/* --- descriptors that processes share --- */

static char stack[65536];

static int connect_number(void *fd)
{
	_exit(connect(*(int *)fd, &to.any, to_len) != 0);
}

/* A process that shares nothing but the descriptors connects; its parent uses the socket. */
static int shared_files(void)
{
	int fd = tcp(), status = 1;
	pid_t pid = clone(connect_number, stack + sizeof(stack), CLONE_FILES | SIGCHLD, &fd);

	if (waitpid(pid, &status, 0) != pid || status)
		return said("the other failed ", 0);
	return page(fd);
}

/* --- the address changes while it is judged --- */

static struct sockaddr_in shared, other;
static atomic_bool done;

static void *flip(void *arg)
{
	(void)arg;
	while (!done) {
		*(volatile in_addr_t *)&shared.sin_addr.s_addr = other.sin_addr.s_addr;
		*(volatile in_port_t *)&shared.sin_port = other.sin_port;
		*(volatile in_addr_t *)&shared.sin_addr.s_addr = to.v4.sin_addr.s_addr;
		*(volatile in_port_t *)&shared.sin_port = to.v4.sin_port;
	}
	return NULL;
}

/*
 * ADDRESS may be connected to directly, and refuses; 203.0.113.80:80 may not, and the supervisor
 * says something else. It goes on until both were seen: before that there was no race.
 */
static int race(void)
{
	int reached = 0, refused = 0;
	pthread_t t;

	shared = to.v4;
	other = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80)};
	other.sin_addr.s_addr = inet_addr("203.0.113.80");
	pthread_create(&t, NULL, flip, NULL);
	for (int i = 0; i < count || !reached || !refused; i++) {
		int fd = tcp();

		if (connect(fd, (void *)&shared, sizeof(shared)) == 0)
			return said("connected ", 0);
		if (errno == ECONNREFUSED)
			reached++;
		else
			refused++;
		close(fd);
	}
	done = true;
	pthread_join(t, NULL);
	puts("both ways");
	return 0;
}

/* --- a process that dies while it is judged, and another that gets its number --- */

static pid_t fork_as(pid_t pid)
{
	struct clone_args a = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};

	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

/* The second one's socket has the number of the first one's: nobody may have touched it. */
static int is_untouched(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == TCP_CLOSE;
}

static int reuse(void)
{
	int status, reused = 0;

	for (int i = 0; i < count; i++) {
		pid_t first = fork(), second;

		if (first == 0)
			_exit(connect(tcp(), &to.any, to_len) != 0);
		for (volatile int spin = 0; spin < i % 50 * 2000; spin++)
			;
		kill(first, SIGKILL);
		waitpid(first, NULL, 0);
		second = fork_as(first);
		if (second == 0) {
			int fd = tcp();

			wait_for_judge();
			_exit(!is_untouched(fd));
		}
		if (second != first)
			return said("no such number ", second);
		waitpid(second, &status, 0);
		if (status)
			return said("touched ", 0);
		reused++;
	}
	printf("%d reused\n", reused);
	return get();
}

#ifdef __x86_64__
/* --- ptrace --- */

/* A socket that this process, the sibling and the tracer share. */
static int sibling_fd;

/* Says that it is there, and then does nothing but ask for its parent. */
static pid_t start_sibling(void)
{
	int up[2];
	char there = 1;
	pid_t pid;

	sibling_fd = tcp();
	if (pipe(up) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (write(up[1], &there, 1) != 1)
			_exit(1);
		for (;;)
			syscall(SYS_getppid);
	}
	return read(up[0], &there, 1) == 1 ? pid : -1;
}

static void set_call(struct user_regs_struct *r, uint64_t address)
{
	r->rdi = (uint64_t)sibling_fd;
	r->rsi = address;
	r->rdx = to_len;
}

static uint64_t put_address(pid_t pid, const struct user_regs_struct *r)
{
	const uint64_t at = (r->rsp - 1024) & ~15ull;
	long words[4] = {0};

	memcpy(words, &to, to_len);
	for (size_t i = 0; i < 4; i++)
		ptrace(PTRACE_POKEDATA, pid, at + i * sizeof(long), words[i]);
	return at;
}

/* What it is about to ask becomes a connect, at the stop before the kernel looks at it. */
static long swap_call(pid_t pid)
{
	struct user_regs_struct r;
	int status;

	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	if ((int64_t)r.rax != -ENOSYS) { /* that was the way out of one */
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, &status, 0);
		ptrace(PTRACE_GETREGS, pid, 0, &r);
	}
	set_call(&r, put_address(pid, &r));
	r.orig_rax = SYS_connect;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	return (long)r.rax;
}

/* A system call instruction of its own (behind which it stands) makes a connect. */
static long inject_call(pid_t pid)
{
	struct user_regs_struct r;
	int status;

	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	if ((int64_t)r.rax == -ENOSYS) { /* that was the way into one */
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, &status, 0);
		ptrace(PTRACE_GETREGS, pid, 0, &r);
	}
	set_call(&r, put_address(pid, &r));
	r.rax = SYS_connect;
	r.rip -= 2;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
	ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	return (long)r.rax;
}

/* In a child: makes a sibling connect, and asks for a page on the socket that they share. */
static int trace(pid_t pid, long (*make)(pid_t pid))
{
	int status;
	long result;

	if (ptrace(PTRACE_ATTACH, pid, 0, 0) < 0)
		return said("ptrace ", -1);
	waitpid(pid, &status, 0);
	result = make(pid);
	if (result < 0) {
		errno = (int)-result;
		return said("", -1);
	}
	return page(sibling_fd);
}

static int by_sibling(long (*make)(pid_t pid))
{
	pid_t sibling = start_sibling(), tracer;
	int status = 1;

	fflush(stdout);
	tracer = fork();
	if (tracer == 0) {
		status = trace(sibling, make);
		fflush(stdout);
		_exit(status);
	}
	waitpid(tracer, &status, 0);
	kill(sibling, SIGKILL);
	waitpid(sibling, NULL, 0);
	return status != 0;
}

static int ptrace_inject(void)
{
	return by_sibling(inject_call);
}

static int ptrace_swap(void)
{
	return by_sibling(swap_call);
}
#endif

/* --- what the supervisor has and the caller has not --- */

/* PORT, as the root of a user namespace: all capabilities, none of which counts outside. */
static int bind_as_root(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = to.v4.sin_port};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (unshare(CLONE_NEWUSER) < 0)
		return said("namespace ", -1);
	return said("", bind(tcp(), (struct sockaddr *)&at, sizeof(at)));
}

/* The Unix socket that $DOOR names. */
static int knock(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	strncpy(un.sun_path, getenv("DOOR"), sizeof(un.sun_path) - 1);
	return said("", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un, sizeof(un)));
}

/* With its time, the kernel hands out what was sent on a socket. */
static int look_back(void)
{
	const int stamps =
		SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE;
	char data[2048], control[1024];
	struct iovec v = {.iov_base = data, .iov_len = sizeof(data)};
	bool seen = false;
	int fd = tcp();
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps));
	if (connect(fd, &to.any, to_len) < 0)
		return said("", -1);
	do {
		struct msghdr m = {.msg_iov = &v,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};

		n = recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
		seen |= n > 0 && memmem(data, (size_t)n, "Secret", 6);
	} while (n >= 0);
	puts(seen ? "password" : "nothing");
	return page(fd);
}

static const struct way ways[] = {
	{"get", get},
	{"bind-as-root", bind_as_root},
	{"look-back", look_back},
	{"knock", knock},
	{"shared-files", shared_files},
	{"race", race},
	{"reuse", reuse},
#ifdef __x86_64__
	{"ptrace-inject", ptrace_inject},
	{"ptrace-swap", ptrace_swap},
#endif
	{0},
};

int main(int argc, char **argv)
{
	return go(ways, argc, argv);
}
