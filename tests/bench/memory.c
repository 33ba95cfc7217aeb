/* SPDX-License-Identifier: MIT */
/*
 * memory process: private dirty KiB of this process as it starts.
 * memory connect PROXY-PORT|- HOST PORT N: the same with N streams open, and behind it the bytes of
 * memory that the session holds (0 without one).
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "bench.h"

static long private_dirty(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Private_Dirty: %ld", &kib);
	if (kib < 0)
		die("smaps_rollup");
	fclose(f);
	return kib;
}

static long long session(void)
{
	const char *path = getenv("SOCKSHIM_SESSION");
	struct stat st;

	return path && !stat(path, &st) ? (long long)st.st_blocks * 512 : 0;
}

int main(int argc, char **argv)
{
	int n = argc == 6 ? atoi(argv[5]) : 0;
	struct rlimit r = {(rlim_t)n + 100, (rlim_t)n + 100};

	if (argc != 6 && argc != 2)
		return 2;
	if (n > 900 && setrlimit(RLIMIT_NOFILE, &r))
		die("RLIMIT_NOFILE");
	for (int i = 0; i < n; i++)
		any_connect(argv[2], argv[3], argv[4]);
	printf("%ld %lld\n", private_dirty(), session());
	return 0;
}
