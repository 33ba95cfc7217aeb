/* SPDX-License-Identifier: MIT */
// musl_fetch NAME [4|6]: built with musl, static: looks a name up as musl does it, and prints the
// page of its web server.
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	char text[4096], *body;
	size_t have = 0;
	ssize_t n;
	int fd = -1, error;

	if (argc > 2)
		hints.ai_family = atoi(argv[2]) == 4 ? AF_INET : AF_INET6;
	error = argc > 1 ? getaddrinfo(argv[1], "80", &hints, &list) : EAI_NONAME;
	if (error) {
		puts(gai_strerror(error));
		return 3;
	}
	for (a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		puts("no connection");
		return 1;
	}
	n = snprintf(text, sizeof(text), "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", argv[1]);
	if (write(fd, text, (size_t)n) != n)
		return 1;
	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	text[have] = 0;
	body = strstr(text, "\r\n\r\n");
	fputs(body ? body + 4 : "no answer\n", stdout);
	return !body;
}
