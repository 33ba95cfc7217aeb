/* SPDX-License-Identifier: MIT */
/*
 * A static program, which the library cannot see: its connects are the guard's.
 *
 * calls: ns of getpid, of a read of one byte, of dup and close. `calls allow` does them behind a
 * filter of one instruction, which allows everything: less than that no filter costs. connect ADDR
 * PORT N: µs of a blocking connect. pending SLOW FAST PORT D N: with connects of D threads to SLOW
 * under way, µs of each of N to FAST, and the KiB that the parent process (the supervisor) has
 * resident. rate ADDR PORT N T: N connects by T threads: how many in a second.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench.h"

static void allow_everything(void)
{
	struct sock_filter code = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
	struct sock_fprog program = {1, &code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program))
		die("seccomp");
}

static void call_getpid(int fd)
{
	(void)fd;
	syscall(SYS_getpid);
}

static void call_read(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		die("read");
}

static void call_dup(int fd)
{
	close(dup(fd));
}

/* ns: the fastest of many short runs, which nothing has interrupted. */
static double fastest(void (*call)(int fd), int fd)
{
	uint64_t best = UINT64_MAX, start, took;

	for (int run = 0; run < 200; run++) {
		start = now();
		for (int i = 0; i < 2000; i++)
			call(fd);
		took = now() - start;
		best = took < best ? took : best;
	}
	return (double)best / 2000;
}

static void calls(void)
{
	int zero = open("/dev/zero", O_RDONLY);

	printf("%.1f %.1f %.1f\n", fastest(call_getpid, 0), fastest(call_read, zero),
	       fastest(call_dup, zero));
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		die(host);
	return to;
}

static int begin(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		die("connect");
	return fd;
}

static double blocking(const struct sockaddr_in *to, int n)
{
	uint64_t start = now();

	for (int i = 0; i < n; i++)
		close(begin(to));
	return (double)(now() - start) / 1e3 / n;
}

static long resident(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

struct work {
	struct sockaddr_in to;
	atomic_int left;
};

static void *worker(void *arg)
{
	struct work *w = arg;

	while (atomic_fetch_sub(&w->left, 1) > 0)
		close(begin(&w->to));
	return NULL;
}

static void start(struct work *w, pthread_t *ids, int count)
{
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < count; i++)
		if ((errno = pthread_create(&ids[i], &small, worker, w)))
			die("thread");
}

static pthread_t ids[65536];

/* Descriptors of a process (Linux 6.2): the supervisor has one for each call that waits. */
static long descriptors(pid_t pid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return stat(path, &st) ? 0 : (long)st.st_size;
}

static void pending(char **argv)
{
	struct work slow = {.to = address(argv[0], argv[2]), .left = atoi(argv[3])};
	struct sockaddr_in fast = address(argv[1], argv[2]);
	int count = slow.left;
	long before = descriptors(getppid());

	start(&slow, ids, count);
	while (descriptors(getppid()) < before + count)
		usleep(10000);
	blocking(&fast, 100);
	printf("%.3f ", blocking(&fast, atoi(argv[4])));
	printf("%ld\n", resident(getppid()));
	fflush(stdout);
	_exit(0);
}

static void rate(char **argv)
{
	struct work w = {.to = address(argv[0], argv[1]), .left = atoi(argv[2])};
	int n = w.left, depth = atoi(argv[3]);
	uint64_t begun = now();

	start(&w, ids, depth);
	for (int i = 0; i < depth; i++)
		pthread_join(ids[i], NULL);
	printf("%.0f\n", n / ((double)(now() - begun) / 1e9));
}

int main(int argc, char **argv)
{
	struct rlimit r;
	struct sockaddr_in to;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	if (argc == 3 && !strcmp(argv[1], "calls"))
		allow_everything();
	if (argc >= 2 && !strcmp(argv[1], "calls")) {
		calls();
	} else if (argc == 5 && !strcmp(argv[1], "connect")) {
		to = address(argv[2], argv[3]);
		printf("%.3f\n", blocking(&to, atoi(argv[4])));
	} else if (argc == 7 && !strcmp(argv[1], "pending")) {
		pending(argv + 2);
	} else if (argc == 6 && !strcmp(argv[1], "rate")) {
		rate(argv + 2);
	} else {
		return 2;
	}
	return 0;
}
