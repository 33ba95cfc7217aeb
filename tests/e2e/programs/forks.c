/* SPDX-License-Identifier: MIT */
/*
 * forks.c - connections of processes that fork.
 *
 * forks first HOST PORT: the first that a fork does is a vfork, whose child closes what is under
 * way forks made HOST PORT: a vfork child is the first of all to copy a descriptor; then another
 * process connects forks storm HOST PORT COUNT SEED: threads that connect in every way, and fork,
 * vfork and exec meanwhile, under a timer of 1 kHz. Prints how many were wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4

static struct addrinfo *to;
static atomic_int left, right, wrong, seed;

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	atomic_fetch_add(&wrong, 1);
	return 1;
}

static int connect_to(int s)
{
	return connect(s, to->ai_addr, to->ai_addrlen);
}

static int await(int s, short events)
{
	struct pollfd p = {s, events, 0};
	int n;

	while ((n = poll(&p, 1, 30000)) < 0 && errno == EINTR)
		;
	return n == 1 ? 0 : fail("poll");
}

/* Asks on a connected socket: 0 if a page comes. */
static int ask(int s)
{
	static const char question[] = "GET / HTTP/1.0\r\n\r\n", answer[] = "HTTP/1.";
	char got[4096];
	size_t have = 0;
	ssize_t n;

	fcntl(s, F_SETFL, 0);
	while ((n = write(s, question, sizeof(question) - 1)) < 0 && errno == EINTR)
		;
	if (n != sizeof(question) - 1)
		return fail("write");
	do {
		n = read(s, got + have, sizeof(got) - have);
		have += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && have < sizeof(got)) || (n < 0 && errno == EINTR));
	if (n < 0)
		return fail("read");
	if (have < sizeof(answer) || memcmp(got, answer, sizeof(answer) - 1)) {
		fprintf(stderr, "read %zu bytes: %.*s\n", have, (int)have, got);
		return fail("answer");
	}
	return 0;
}

static int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return fail("waitpid");
	return status;
}

static int socket_under_way(void)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (s < 0 || connect_to(s) != -1 || errno != EINPROGRESS)
		exit(fail("connect"));
	return s;
}

static int one_blocking(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), error = 0, err;
	socklen_t len = sizeof(error);

	err = connect_to(s);
	if (err && errno == EINTR) {
		err = await(s, POLLOUT) || getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) ||
		      error;
		errno = error;
	}
	err = err ? fail("connect") : ask(s);
	close(s);
	return err;
}

/* The proxy answers nobody before two have asked. */
static int first(void)
{
	int s = socket_under_way();
	struct pollfd p = {s, POLLIN | POLLOUT, 0};
	pid_t child = fork();
	char byte;

	if (child)
		return status_of(child);
	child = vfork();
	if (!child) {
		close(s);
		_exit(read(s, &byte, 1) != -1 || errno != EBADF);
	}
	if (status_of(child))
		return fail("vfork");
	if (poll(&p, 1, 0))
		return fail("ready too soon");
	child = fork();
	if (!child)
		_exit(one_blocking());
	return await(s, POLLOUT) || ask(s) || status_of(child);
}

static int made(void)
{
	int s, ends[2];
	char byte = 0;
	pid_t child = vfork();

	if (!child)
		_exit(dup2(0, 20) != 20);
	if (status_of(child) || pipe(ends))
		return fail("vfork");
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	child = fork();
	if (!child)
		_exit((connect_to(s) != -1 || errno != EINPROGRESS) ||
		      write(ends[1], &byte, 1) != 1);
	if (status_of(child))
		return fail("fork");
	for (int i = 0; i < 500; i++)
		if (read(ends[0], &byte, 1) != 1 || write(ends[1], &byte, 1) != 1)
			return fail("pipe");
	return await(s, POLLOUT) || ask(s);
}

/* ---- storm ---- */

static void on_alarm(int number)
{
	int was = errno;
	struct pollfd p = {0, POLLIN, 0};

	(void)number;
	poll(&p, 0, 0);
	fcntl(0, F_GETFL);
	errno = was;
}

static int one_other(bool also_dup)
{
	int s = socket_under_way(), copy = also_dup ? dup(s) : -1, error = 0, err;
	socklen_t len = sizeof(error);

	err = await(s, POLLOUT) || getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	err = err || error ? fail("connect") : ask(copy >= 0 ? copy : s);
	close(s);
	if (copy >= 0)
		close(copy);
	return err;
}

/* A fork that goes on with what is under way; the parent closes it. */
static int one_inherited(void)
{
	int s = socket_under_way();
	pid_t child = fork();

	if (!child)
		_exit(await(s, POLLOUT) || ask(s));
	close(s);
	return status_of(child) ? fail("inherited") : 0;
}

/* Shared from before its connect: the fork connects, the parent goes on. */
static int one_shared(void)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err;
	pid_t child = fork();

	if (!child)
		_exit(connect_to(s) != -1 || errno != EINPROGRESS);
	err = status_of(child) ? fail("shared") : await(s, POLLOUT) || ask(s);
	close(s);
	return err;
}

static int one_forked(void)
{
	pid_t child = fork();

	if (!child)
		_exit(one_blocking());
	return status_of(child) ? fail("forked") : 0;
}

static int one_abandoned(void)
{
	int s = socket_under_way();
	pid_t child = fork();

	if (!child)
		_exit(0);
	close(s);
	return status_of(child) ? fail("abandoned") : 0;
}

static int one_program(void)
{
	int s = socket_under_way(), err;
	pid_t child = vfork();

	if (!child) {
		dup2(s, 0);
		close(s);
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	err = status_of(child) ? fail("program") : await(s, POLLOUT) || ask(s);
	close(s);
	return err;
}

static int one(unsigned int which)
{
	switch (which % 8) {
	case 0:
		return one_blocking();
	case 1:
		return one_other(false);
	case 2:
		return one_other(true);
	case 3:
		return one_inherited();
	case 4:
		return one_shared();
	case 5:
		return one_forked();
	case 6:
		return one_program();
	default:
		return one_abandoned();
	}
}

static void *work(void *unused)
{
	unsigned int state = (unsigned int)atomic_fetch_add(&seed, 1);

	(void)unused;
	while (atomic_fetch_sub(&left, 1) > 0)
		if (!one((unsigned int)rand_r(&state) / 16))
			atomic_fetch_add(&right, 1);
	return NULL;
}

static int storm(int count)
{
	struct sigaction a = {.sa_handler = on_alarm};
	struct itimerval each = {{0, 1000}, {0, 1000}};
	pthread_t t[THREADS];

	left = count;
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, work, NULL))
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d right, %d wrong\n", right, wrong);
	return 0;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};

	if (argc < 4)
		return 2;
	if (getaddrinfo(argv[2], argv[3], &hints, &to))
		return 3;
	if (!strcmp(argv[1], "first"))
		return first() != 0;
	if (!strcmp(argv[1], "made"))
		return made() != 0;
	if (argc != 6)
		return 2;
	seed = atoi(argv[5]);
	return storm(atoi(argv[4]));
}
