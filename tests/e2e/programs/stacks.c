/* SPDX-License-Identifier: MIT */
/*
 * stacks.c - how much stack calls take, and programs that have little of it.
 *
 * stacks measure NAME PORT: what each call touches of a stack, in bytes stacks run KIND BYTES NAME
 * PORT: looks NAME up, connects, polls, asks and reads, on stacks of BYTES (of a signal handler:
 * beside what the kernel keeps there). KIND is coroutine, thread or signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define PAINT 0xa5

static const char *name, *port;
static int fd, other, epoll;
static struct sockaddr_in to;
static char buffer[8192];
static ucontext_t back, there;
static int pages;

/* On a page's edge: what goes below it dies. */
static char *stack_new(size_t size)
{
	char *at =
		mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at, PAGE, PROT_NONE))
		abort();
	return at + PAGE;
}

static void on(char *stack, size_t size, void (*f)(void))
{
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = size;
	there.uc_link = &back;
	makecontext(&there, f, 0);
	swapcontext(&back, &there);
}

/* ---- one call each ---- */

static void nothing(void)
{
}

static void look_up(void)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *a;

	if (getaddrinfo(name, port, &hints, &a))
		abort();
	memcpy(&to, a->ai_addr, sizeof(to));
	freeaddrinfo(a);
}

static void look_up_old(void)
{
	if (!gethostbyname(name))
		abort();
}

static void look_back(void)
{
	char host[1025];

	getnameinfo((struct sockaddr *)&to, sizeof(to), host, sizeof(host), NULL, 0, 0);
}

static void make(void)
{
	fd = socket(AF_INET, SOCK_STREAM, 0);
}

static void make_other(void)
{
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static void go(void)
{
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		abort();
}

static void wait_poll(void)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (poll(&p, 1, 20000) != 1)
		abort();
}

static void glance(void)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	poll(&p, 1, 0);
}

static void wait_select(void)
{
	struct timeval t = {20, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	if (select(fd + 1, NULL, &set, NULL, &t) != 1)
		abort();
}

static void wait_epoll(void)
{
	struct epoll_event e = {.events = EPOLLOUT};

	epoll = epoll_create1(0);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) || epoll_wait(epoll, &e, 1, 20000) != 1)
		abort();
}

static void early(void)
{
	if (read(fd, buffer, 1) != -1 || errno != EAGAIN)
		abort();
}

static void ask_error(void)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		abort();
}

static void ask_peer(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	getpeername(fd, (struct sockaddr *)&a, &len);
}

static void copy(void)
{
	other = dup(fd);
}

static void say(void)
{
	static const char words[] = "GET / HTTP/1.0\r\n\r\n";

	if (write(fd, words, sizeof(words) - 1) != sizeof(words) - 1)
		abort();
}

static void hear(void)
{
	ssize_t n, had = 0;

	fcntl(fd, F_SETFL, 0);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		had += n;
	if (n < 0 || !had)
		abort();
	pages++;
}

static void datagram(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	sendto(s, "", 1, 0, (struct sockaddr *)&to, sizeof(to));
	close(s);
}

static void end(void)
{
	if (other)
		close(other);
	if (epoll)
		close(epoll);
	other = epoll = 0;
	close(fd);
}

#define CALL(f)                                                                                    \
	{                                                                                          \
#f, f                                                                              \
	}
static const struct {
	const char *words;
	void (*call)(void);
} calls[] = {
	CALL(nothing),
	CALL(look_up),
	CALL(look_up_old),
	CALL(look_back),
	CALL(datagram),
	/* blocking */
	CALL(make),
	CALL(go),
	CALL(wait_poll),
	CALL(wait_select),
	CALL(ask_peer),
	CALL(say),
	CALL(hear),
	CALL(end),
	/* without blocking, waited for in three ways */
	CALL(make_other),
	CALL(go),
	CALL(glance),
	CALL(early),
	CALL(copy),
	CALL(ask_error),
	CALL(wait_poll),
	CALL(say),
	CALL(hear),
	CALL(end),
	CALL(make_other),
	CALL(go),
	CALL(wait_select),
	CALL(say),
	CALL(hear),
	CALL(end),
	CALL(make_other),
	CALL(go),
	CALL(wait_epoll),
	CALL(ask_error),
	CALL(say),
	CALL(hear),
	CALL(end),
};
#define CALLS (sizeof(calls) / sizeof(*calls))

static void measure(void)
{
	const size_t size = 64 * PAGE;
	char *stack = stack_new(size);

	for (size_t i = 0; i < CALLS; i++) {
		size_t clean = 0;

		memset(stack, PAINT, size);
		on(stack, size, calls[i].call);
		while (clean < size && stack[clean] == (char)PAINT)
			clean++;
		printf("%-12s %zu\n", calls[i].words, size - clean);
	}
}

static void all(void)
{
	for (size_t i = 0; i < CALLS; i++)
		calls[i].call();
}

static void *thread(void *unused)
{
	(void)unused;
	all();
	return NULL;
}

static void on_thread(char *stack, size_t size)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	if (pthread_attr_setstack(&attr, stack, size) || pthread_create(&t, &attr, thread, NULL) ||
	    pthread_join(t, NULL))
		abort();
}

static void on_signal(int number)
{
	(void)number;
	all();
}

static void by_signal(char *stack, size_t size)
{
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	stack_t s = {.ss_sp = stack, .ss_size = size};

	if (sigaltstack(&s, NULL) || sigaction(SIGUSR1, &a, NULL) || raise(SIGUSR1))
		abort();
}

int main(int argc, char **argv)
{
	size_t size;
	char *stack;

	if (argc == 4 && !strcmp(argv[1], "measure")) {
		name = argv[2];
		port = argv[3];
		measure();
		return 0;
	}
	if (argc != 6 || strcmp(argv[1], "run"))
		return 2;
	size = strtoul(argv[3], NULL, 10);
	if (!strcmp(argv[2], "signal"))
		size += (size_t)sysconf(_SC_MINSIGSTKSZ); /* the processor's registers */
	name = argv[4];
	port = argv[5];
	stack = stack_new(size);
	if (!strcmp(argv[2], "coroutine"))
		on(stack, size, all);
	else if (!strcmp(argv[2], "thread"))
		on_thread(stack, size);
	else
		by_signal(stack, size);
	printf("%d pages read\n", pages);
	return 0;
}
