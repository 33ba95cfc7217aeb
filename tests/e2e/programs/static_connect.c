/* SPDX-License-Identifier: MIT */
// A static program: no library can be loaded into it. It says that it ran, and connects.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};

	puts("ran");
	to.sin_addr.s_addr = inet_addr("203.0.113.80");
	return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to)) != 0;
}
