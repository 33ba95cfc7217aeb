/* SPDX-License-Identifier: MIT */
// static_lookup udp|tcp NAME [SERVER]: asks a name server by itself for A, and prints the address
// or error.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static size_t question(unsigned char *out, const char *name)
{
	unsigned char *p = out + 12;

	memcpy(out, "\x12\x34\1\0\0\1\0\0\0\0\0\0", 12);
	while (*name) {
		size_t len = strcspn(name, ".");

		*p++ = (unsigned char)len;
		memcpy(p, name, len);
		p += len;
		name += len + (name[len] == '.');
	}
	memcpy(p, "\0\0\1\0\1", 5);
	return (size_t)(p + 5 - out);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
	struct timeval limit = {.tv_sec = 2};
	unsigned char out[514], in[1500];
	int tcp = argc > 2 && !strcmp(argv[1], "tcp");
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	size_t len = question(out + 2, argc > 2 ? argv[2] : "x");
	ssize_t n;

	to.sin_addr.s_addr = inet_addr(argc > 3 ? argv[3] : "192.0.2.53");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	out[0] = 0;
	out[1] = (unsigned char)len;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		n = -1;
	else
		n = tcp ? write(fd, out, len + 2) : write(fd, out + 2, len);
	if (n >= 0)
		n = read(fd, in, sizeof(in));
	if (n < 0) {
		puts(strerrorname_np(errno));
		return 1;
	}
	if (n < 12 || (in[tcp ? 5 : 3] & 15))
		printf("rcode %d\n", in[tcp ? 5 : 3] & 15);
	else
		printf("%d.%d.%d.%d\n", in[n - 4], in[n - 3], in[n - 2], in[n - 1]);
	return 0;
}
