/* SPDX-License-Identifier: MIT */
// cares WHAT NAME [TYPE] [tcp]: one question with c-ares, which asks servers with sockets of its
// own: host, info, query, addr. Prints what comes, or the error's words.
// ld: -lcares
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

static int failed;

static int failure(int status)
{
	if (status != ARES_SUCCESS)
		puts(ares_strerror(status));
	failed |= status != ARES_SUCCESS;
	return status != ARES_SUCCESS;
}

static void on_host(void *arg, int status, int timeouts, struct hostent *h)
{
	char text[INET6_ADDRSTRLEN];

	(void)timeouts;
	if (failure(status))
		return;
	if (arg)
		puts(h->h_name);
	else
		for (char **a = h->h_addr_list; *a; a++)
			puts(inet_ntop(h->h_addrtype, *a, text, sizeof(text)));
}

static void on_info(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	char text[INET6_ADDRSTRLEN];

	(void)arg;
	(void)timeouts;
	if (failure(status))
		return;
	for (struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
		puts(inet_ntop(n->ai_family,
			       n->ai_family == AF_INET
				       ? (void *)&((struct sockaddr_in *)n->ai_addr)->sin_addr
				       : (void *)&((struct sockaddr_in6 *)n->ai_addr)->sin6_addr,
			       text, sizeof(text)));
	ares_freeaddrinfo(info);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	(void)arg;
	(void)timeouts;
	if (!failure(status))
		printf("answer of %d bytes, %d records\n", len, answer[6] << 8 | answer[7]);
}

static void run(ares_channel channel)
{
	struct timeval most = {5, 0}, wait;
	fd_set in, out;
	int n;

	for (;;) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		n = ares_fds(channel, &in, &out);
		if (!n)
			return;
		select(n, &in, &out, NULL, ares_timeout(channel, &most, &wait));
		ares_process(channel, &in, &out);
	}
}

int main(int argc, char **argv)
{
	struct ares_options options = {.lookups = (char *)"b", .timeout = 1000, .tries = 1};
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	ares_channel channel;
	unsigned char ip[16];
	int v6 = argc > 3 && !strcmp(argv[3], "28"), type = argc > 3 ? atoi(argv[3]) : 1;

	if (argc < 3)
		return 2;
	if (argc > 4)
		options.flags = ARES_FLAG_USEVC;
	ares_library_init(ARES_LIB_INIT_ALL);
	if (failure(ares_init_options(&channel, &options,
				      ARES_OPT_LOOKUPS | ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
					      ARES_OPT_TRIES)))
		return 1;
	if (!strcmp(argv[1], "host"))
		ares_gethostbyname(channel, argv[2], v6 ? AF_INET6 : AF_INET, on_host, NULL);
	else if (!strcmp(argv[1], "info"))
		ares_getaddrinfo(channel, argv[2], "80", &hints, on_info, NULL);
	else if (!strcmp(argv[1], "query"))
		ares_query(channel, argv[2], 1, type, on_answer, NULL);
	else if (inet_pton(AF_INET, argv[2], ip) == 1)
		ares_gethostbyaddr(channel, ip, 4, AF_INET, on_host, argv);
	else if (inet_pton(AF_INET6, argv[2], ip) == 1)
		ares_gethostbyaddr(channel, ip, 16, AF_INET6, on_host, argv);
	run(channel);
	ares_destroy(channel);
	return failed;
}
