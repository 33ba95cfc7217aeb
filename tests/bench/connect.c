/* SPDX-License-Identifier: MIT */
/*
 * connect HOST PORT N: N times getaddrinfo, socket, connect, close, as any program does; prints µs
 * for each.
 */
#include "bench.h"

int main(int argc, char **argv)
{
	int n = argc == 4 ? atoi(argv[3]) : 0;
	uint64_t start = now();

	for (int i = 0; i < n; i++)
		close(plain_connect(argv[1], argv[2]));
	printf("%.3f\n", (double)(now() - start) / 1e3 / (n ? n : 1));
	return n ? 0 : 2;
}
