/* SPDX-License-Identifier: MIT */
/*
 * spawn [-e NAME=VALUE]... median|total N command...: runs the command N times, one after the
 * other, with its output thrown away. Prints the median µs of a run, or the µs of all together.
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "bench.h"

extern char **environ;

static double run(char **argv, char **env, const posix_spawn_file_actions_t *fa)
{
	uint64_t start = now();
	pid_t pid;
	int status;

	errno = posix_spawnp(&pid, argv[0], fa, NULL, argv, env);
	if (errno)
		die(argv[0]);
	while (waitpid(pid, &status, 0) != pid)
		;
	if (status) {
		fprintf(stderr, "bench: %s: status %d\n", argv[0], status);
		exit(1);
	}
	return (double)(now() - start) / 1e3;
}

/* The environment with the -e ones before it (the first of a name stands). */
static char **environment(char **argv, int options)
{
	static char *env[1024];
	int n = 0;

	for (int i = 0; i < options; i++)
		env[n++] = argv[2 + 2 * i];
	for (char **e = environ; *e && n < 1000; e++)
		env[n++] = *e;
	return env;
}

static int order(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv)
{
	static double took[10000];
	posix_spawn_file_actions_t fa;
	double total = 0;
	int options = 0, n;
	char **env;

	while (argc > 3 + 2 * options && !strcmp(argv[1 + 2 * options], "-e"))
		options++;
	env = environment(argv, options);
	argv += 2 * options;
	argc -= 2 * options;
	n = argc > 3 ? atoi(argv[2]) : 0;
	if (n < 1 || n > 10000)
		return 2;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	for (int i = 0; i < n; i++)
		total += took[i] = run(argv + 3, env, &fa);
	qsort(took, (size_t)n, sizeof(*took), order);
	printf("%.3f\n", strcmp(argv[1], "total") ? took[n / 2] : total);
	return 0;
}
