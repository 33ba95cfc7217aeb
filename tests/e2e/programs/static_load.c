/* SPDX-License-Identifier: MIT */
// static_load WAY [ADDRESS PORT [COUNT]]: as static_guard; many calls, threads and processes at a
// time.
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "static.h"

#define THREADS 16

static atomic_int good, failed;

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
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, one_of_many, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d of %d\n", good, THREADS * count);
	return good != THREADS * count;
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
		usleep(i % 7 * 100); /* earlier and later in the call */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return get();
}

/* The supervisor, our parent, has answered, and waits for the next call. */
static void wait_for_idle_parent(void)
{
	char path[64], text[512], *state = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	wait_for_judge();
	while (!state || *state != 'S') {
		FILE *f = fopen(path, "r");

		state = f && fgets(text, sizeof(text), f) ? strrchr(text, ')') + 2 : NULL;
		if (!f)
			exit(2);
		fclose(f);
	}
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

	wait_for_idle_parent();
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

/* Kilobytes of memory that the supervisor, our parent, has resident. */
static int parents_memory(void)
{
	char line[128];
	int kb = -1;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", getppid());
	f = fopen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %d", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

#define CLOSED 9

/* Every other one goes to a port that nobody listens at, and must be told so. */
static void *hold_one(void *arg)
{
	const int i = (int)(intptr_t)arg;
	struct sockaddr_in at = to.v4;
	int fd = tcp();

	if (i % 2)
		at.sin_port = htons(CLOSED);
	if (connect(fd, (void *)&at, sizeof(at)) == 0 ? i % 2 == 0
						      : i % 2 == 1 && errno == ECONNREFUSED)
		good++;
	close(fd);
	return NULL;
}

/*
 * COUNT calls that wait at the same time, each of its own thread; answered after a line of input.
 */
static int hold(void)
{
	pthread_t *t = calloc((size_t)count, sizeof(*t));
	int before, i;
	pthread_attr_t small;
	struct rlimit r;
	char line[8];

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max; /* after sudo it may be 1024 */
	setrlimit(RLIMIT_NOFILE, &r);
	before = parents_descriptors();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 1 << 14);
	for (i = 0; i < count; i++)
		if (pthread_create(&t[i], &small, hold_one, (void *)(intptr_t)i))
			return said("threads ", -1);
	for (i = 0; i < 1000 && parents_descriptors() < before + count; i++)
		usleep(100000);
	printf("%s, %d kB\n", parents_descriptors() < before + count ? "in vain" : "all wait",
	       parents_memory());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 2;
	for (i = 0; i < count; i++)
		pthread_join(t[i], NULL);
	printf("%d of %d\n", good, count);
	return good != count;
}

/* Processes that all fork until there are COUNT, connect, and live until all have. */
static int bomb(void)
{
	struct {
		atomic_int processes, went;
	} *all =
		mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const pid_t first = getpid();
	int go_home[2], result = 1;
	char byte;

	if (pipe(go_home) < 0)
		return 2;
	all->processes = 1;
	while (atomic_fetch_add(&all->processes, 1) < count)
		if (fork() == 0)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (connect(tcp(), &to.any, to_len) == 0)
		all->went++;
	if (getpid() != first) {
		close(go_home[1]);
		_exit(read(go_home[0], &byte, 1) != 0);
	}
	for (int i = 0; i < 2500 && all->went < count; i++)
		usleep(10000);
	result = all->went != count;
	printf("%d of %d\n", all->went, count);
	fflush(stdout);
	close(go_home[1]);
	while (wait(NULL) > 0)
		;
	return result;
}

static void *until_it_fails(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = tcp();

		if (connect(fd, &to.any, to_len) == 0)
			good++;
		else
			break;
		close(fd);
	}
	failed += errno == ENOSYS;
	return NULL;
}

/*
 * The supervisor, our parent, is killed while 16 threads connect: each must get ENOSYS, and then
 * nothing else.
 */
static int murder(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, until_it_fails, NULL);
	while (good < count && !failed)
		usleep(100);
	kill(getppid(), SIGKILL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d of %d\n", failed, THREADS);
	return get();
}

static const struct way ways[] = {
	{"storm", storm}, {"forks", forks}, {"kills", kills},	{"pending", pending},
	{"hold", hold},	  {"bomb", bomb},   {"murder", murder}, {0},
};

int main(int argc, char **argv)
{
	return go(ways, argc, argv);
}
