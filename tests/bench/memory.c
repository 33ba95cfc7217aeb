/* SPDX-License-Identifier: MIT */
/*
 * memory process: private dirty KiB of this process as it starts; KiB of the session that it has
 * touched (0 without one).
 * memory connect PROXY-PORT|- HOST PORT N: the same with N streams open.
 */
#include <sys/resource.h>

#include "bench.h"

/*
 * Sum of a field of /proc/self/smaps over the private ('p') or shared ('s') mappings, KiB. A page
 * of a shared one counts as private dirty while only one process has touched it.
 */
static long sum(char kind, const char *field)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512], flags[5] = "";
	size_t len = strlen(field);
	long all = 0;

	if (!f)
		die("smaps");
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "%*x-%*x %4s", flags);
		if (flags[3] == kind && !strncmp(line, field, len))
			all += atol(line + len);
	}
	fclose(f);
	return all;
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
	printf("%ld %ld\n", sum('p', "Private_Dirty:"), sum('s', "Rss:"));
	return 0;
}
