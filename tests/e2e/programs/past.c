/* SPDX-License-Identifier: MIT */
/*
 * past.c - past ADDRESS PORT [stream]: connects by a system call of its own, past the library;
 * after a stream of the same socket, if one is asked for. SEEN: the log of an strace(1) of the
 * auditor; it stays until that has looked for the program that a socket is of: this one.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

static void wait_until_seen(const char *log)
{
	char line[512], want[40];
	FILE *f = fopen(log, "r");
	int begun = 0;

	snprintf(want, sizeof(want), "readlink(\"/proc/%d/exe\"", (int)getpid());
	while (f && !(begun && strstr(line, " = "))) {
		if (!fgets(line, sizeof(line), f)) {
			usleep(10000);
			rewind(f);
			begun = 0;
		} else if (strstr(line, want)) {
			begun = 1;
		}
	}
}

int main(int argc, char **argv)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	const char *log = getenv("SEEN");
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc < 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	if (argc > 3) {
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return 2;
		SYS3(SYS_connect, fd, &none, sizeof(none));
	}
	if (SYS3(SYS_connect, fd, &to, sizeof(to)))
		return 1;
	if (log)
		wait_until_seen(log);
	return 0;
}
