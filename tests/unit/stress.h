/* SPDX-License-Identifier: MIT */
/* stress.h - many that write to one shared table at a time; and some of them killed meanwhile. */
#ifndef STRESS_H
#define STRESS_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h comes before this. */

#define STRESS_WRITERS 8u

struct writer {
	void *table;
	unsigned int seed, rounds;
};

/* Writes `rounds` times to a writer's table. NULL, or anything else: an answer was wrong. */
typedef void *stress_write(void *writer);

/* Eight threads, each 1/8 of the writes. */
static void stress_threads(void *table, stress_write *write, unsigned int rounds)
{
	struct writer w[STRESS_WRITERS];
	pthread_t id[STRESS_WRITERS];
	void *bad;

	for (unsigned int i = 0; i < STRESS_WRITERS; i++) {
		w[i] = (struct writer){table, i, rounds};
		assert_int_equal(pthread_create(&id[i], NULL, write, &w[i]), 0);
	}
	for (unsigned int i = 0; i < STRESS_WRITERS; i++) {
		assert_int_equal(pthread_join(id[i], &bad), 0);
		assert_null(bad);
	}
}

/* Three threads that write for ever. */
static void stress_until_killed(void *table, stress_write *write, unsigned int seed)
{
	struct writer w[3];
	pthread_t id;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; i < 3; i++) {
		w[i] = (struct writer){table, seed * 3 + i, UINT32_MAX};
		if (i)
			pthread_create(&id, NULL, write, &w[i]);
	}
	write(&w[0]);
	_exit(1); /* a wrong answer, else it never comes back */
}

/*
 * Eight processes of three threads, killed at random instructions, six times over: 48 kills of 144
 * writers. `check` looks at the table before each kill.
 */
static void stress_killed(void *table, stress_write *write, void (*check)(void *table))
{
	unsigned int seed = 1;
	pid_t child[STRESS_WRITERS];
	int status;

	for (unsigned int r = 0; r < 6; r++) {
		for (unsigned int i = 0; i < STRESS_WRITERS; i++) {
			child[i] = fork();
			if (!child[i])
				stress_until_killed(table, write, r * STRESS_WRITERS + i);
		}
		for (unsigned int i = 0; i < STRESS_WRITERS; i++) {
			usleep((useconds_t)rand_r(&seed) % 5000); /* at any moment */
			check(table);
			kill(child[i], SIGKILL);
			assert_int_equal(waitpid(child[i], &status, 0), child[i]);
			assert_true(WIFSIGNALED(status));
		}
	}
}

#endif
