/* SPDX-License-Identifier: MIT */
/*
 * lookup known NAME N: N lookups of one name; lookup new HAVE N: N new names after HAVE others.
 * Prints µs for each.
 */
#include "bench.h"

static void lookup(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
	int error = getaddrinfo(name, "80", &hints, &ai);

	if (error) {
		fprintf(stderr, "bench: %s: %s\n", name, gai_strerror(error));
		exit(1);
	}
	freeaddrinfo(ai);
}

static void lookup_new(int first, int n)
{
	char name[64];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "host-%d.new.example.com", first + i);
		lookup(name);
	}
}

int main(int argc, char **argv)
{
	int n = argc == 4 ? atoi(argv[3]) : 0;
	uint64_t start;

	if (n < 1)
		return 2;
	if (!strcmp(argv[1], "new")) {
		lookup_new(0, atoi(argv[2]));
		start = now();
		lookup_new(atoi(argv[2]), n);
	} else {
		lookup(argv[2]);
		start = now();
		for (int i = 0; i < n; i++)
			lookup(argv[2]);
	}
	printf("%.3f\n", (double)(now() - start) / 1e3 / n);
	return 0;
}
