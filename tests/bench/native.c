/* SPDX-License-Identifier: MIT */
/*
 * native PROXY-PORT HOST PORT N: N connects by a SOCKS5 client written by hand; prints µs for each.
 */
#include "bench.h"

int main(int argc, char **argv)
{
	int n = argc == 5 ? atoi(argv[4]) : 0;
	uint64_t start = now();

	for (int i = 0; i < n; i++)
		close(socks_connect((uint16_t)atoi(argv[1]), argv[2], argv[3]));
	printf("%.3f\n", (double)(now() - start) / 1e3 / (n ? n : 1));
	return n ? 0 : 2;
}
