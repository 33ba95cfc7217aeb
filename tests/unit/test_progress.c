/* SPDX-License-Identifier: MIT */
/* test_progress.c - the table of streams under way: locks, killed owners, closed sockets. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "progress.h"
#include "sys.h"

static struct progresses *t;

static uint32_t self(void)
{
	return (uint32_t)sys_gettid();
}

static int setup(void **state)
{
	(void)state;
	t = mmap(NULL, progresses_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		 0);
	return t == MAP_FAILED;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(t, progresses_size());
}

static void test_add_find_drop(void **state)
{
	struct progress *p = progress_add(t, 7, self());

	(void)state;
	assert_non_null(p);
	assert_int_equal(progresses_used(t), 1);
	assert_ptr_equal(progress_find(t, 7), p);
	assert_null(progress_find(t, 8));
	assert_null(progress_find(t, 0));
	assert_int_equal(progress_lock(p, 7, self() + 1000000) == PROGRESS_LOCKED, 0);
	progress_unlock(p);
	assert_int_equal(progress_lock(p, 7, self()), PROGRESS_LOCKED);
	progress_drop(t, p);
	assert_null(progress_find(t, 7));
	assert_int_equal(progress_lock(p, 7, self()), PROGRESS_GONE);
	assert_int_equal(progresses_used(t), 0);
}

/* More than everybody's places hold: each is dropped from where it is, and no other. */
static void test_near_and_far(void **state)
{
	const uint64_t n = 4 * PROGRESS_NEAR;

	(void)state;
	for (uint64_t c = 1; c <= n; c++)
		progress_unlock(progress_add(t, c, self()));
	for (uint64_t c = 1; c <= n; c++) {
		struct progress *p = progress_find(t, c);

		assert_non_null(p);
		assert_int_equal(progress_lock(p, c, self()), PROGRESS_LOCKED);
		progress_drop(t, p);
		assert_null(progress_find(t, c));
		assert_int_equal(progresses_used(t), n - c);
	}
}

static void test_size(void **state)
{
	(void)state;
	assert_true(progresses_size() / PROGRESS_SLOTS <= 512);
	assert_true(PROGRESS_SLOTS >= 16384);
}

/* Each adds one to a number that only the lock protects; TSan sees it. */
enum { THREADS = 8, ROUNDS = 20000 };

static void *adder(void *arg)
{
	struct progress *p = progress_find(t, 7);

	for (int done = 0; done < ROUNDS;) {
		if (progress_lock(p, 7, self()) != PROGRESS_LOCKED)
			continue;
		p->stream.serial++;
		progress_unlock(p);
		done++;
	}
	return arg;
}

static void test_threads(void **state)
{
	struct progress *p = progress_add(t, 7, self());
	pthread_t thread[THREADS];

	(void)state;
	progress_unlock(p);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, adder, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(p->stream.serial, THREADS * ROUNDS);
}

/* Adds and drops of the same few cookies by all threads: no place is lost, none is had twice. */
static void *churner(void *arg)
{
	uint64_t base = 1000 + 16384 * (uint64_t)(uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t cookie = base + (uint64_t)(i % 8);
		struct progress *p = progress_add(t, cookie, self());

		if (!p || p->cookie != cookie || progress_find(t, cookie) != p)
			return (void *)1;
		p->stream.serial = cookie;
		progress_unlock(p);
		while (progress_lock(p, cookie, self()) != PROGRESS_LOCKED)
			; /* another thread looks whether the place is free */
		if (p->stream.serial != cookie)
			return (void *)2;
		progress_drop(t, p);
	}
	return NULL;
}

static void test_churn(void **state)
{
	pthread_t thread[4];
	void *bad;

	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, churner, (void *)i), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(progresses_used(t), 0);
}

static void test_killed_owner(void **state)
{
	struct progress *p = progress_add(t, 7, self());
	int pipes[2], status;
	char byte;
	pid_t pid;

	(void)state;
	progress_unlock(p);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		if (progress_lock(p, 7, self()) != PROGRESS_LOCKED)
			_exit(1);
		if (write(pipes[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(progress_lock(p, 7, self()), PROGRESS_BUSY);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(progress_lock(p, 7, self()), PROGRESS_STOLEN);
	progress_drop(t, p);
	close(pipes[0]);
	close(pipes[1]);
}

static struct progress *held;
static volatile int in_handler;
static sigjmp_buf away;

static void handler(int sig)
{
	(void)sig;
	in_handler = progress_lock(held, 7, self());
}

static void jumper(int sig)
{
	(void)sig;
	siglongjmp(away, 1);
}

/* A handler on top of the owner does not wait and does not steal. */
static void test_handler(void **state)
{
	(void)state;
	held = progress_add(t, 7, self());
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	assert_int_equal(in_handler, PROGRESS_BUSY);
	progress_unlock(held);
	raise(SIGUSR1);
	assert_int_equal(in_handler, PROGRESS_LOCKED);
	progress_unlock(held);
}

__attribute__((noinline)) static void lock_deep_and_jump(int depth)
{
	volatile char room[1024];

	room[0] = (char)depth;
	if (depth)
		lock_deep_and_jump(depth - 1);
	else if (progress_lock(held, 7, self()) == PROGRESS_LOCKED)
		raise(SIGUSR2);
	room[1] = room[0];
}

static void test_jumped_out(void **state)
{
	(void)state;
	held = progress_add(t, 7, self());
	progress_unlock(held);
	signal(SIGUSR2, jumper);
	if (!sigsetjmp(away, 1))
		lock_deep_and_jump(8);
	assert_int_equal(progress_lock(held, 7, self()), PROGRESS_STOLEN);
	progress_unlock(held);
}

/* After its deadline a lock is nobody's, whoever holds it. */
static void test_overdue(void **state)
{
	struct progress *p = progress_add(t, 7, 1); /* thread 1 lives */

	(void)state;
	assert_int_equal(progress_lock(p, 7, self()), PROGRESS_BUSY);
	p->until = sys_now() - 2000000000u;
	assert_int_equal(progress_lock(p, 7, self()), PROGRESS_STOLEN);
	progress_unlock(p);
}

/* Sockets that are closed lose their places when somebody needs them; those that live do not. */
static void test_closed_sockets(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
	uint64_t mine = sys_cookie(fd), cookie, n = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cookie = sys_cookie(pair[0]);
	assert_true(mine && cookie);
	/*
	 * Nobody has these; they fill everybody's places, and the window that the cookie's is in.
	 */
	for (uint64_t i = 0; i < PROGRESS_NEAR + 32; i++, n++)
		progress_unlock(progress_add(
			t, cookie + (PROGRESS_SLOTS - PROGRESS_NEAR) * (1000 + i / 32) + i % 32,
			self()));
	assert_int_equal(progresses_used(t), n);
	progress_unlock(progress_add(t, cookie, self()));
	assert_non_null(progress_find(t, cookie));
	assert_int_equal(progresses_used(t), 1);
	assert_int_equal(progresses_reap(t), 0);
	assert_non_null(progress_find(t, cookie));
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(progresses_reap(t), 0);
	assert_null(progress_find(t, cookie));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(near_and_far), TEST(add_find_drop),  TEST(size),	 TEST(threads),
		TEST(churn),	    TEST(killed_owner),	  TEST(handler), TEST(jumped_out),
		TEST(overdue),	    TEST(closed_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
