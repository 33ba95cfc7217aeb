/* SPDX-License-Identifier: MIT */
// resolve WAY NAME: one lookup by one of libc's many ways. Prints the address, or what the function
// says.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int print_addresses(struct addrinfo *list)
{
	char name[NI_MAXHOST];

	for (struct addrinfo *a = list; a; a = a->ai_next)
		if (a->ai_socktype == SOCK_STREAM || !a->ai_socktype) {
			inet_ntop(a->ai_family,
				  a->ai_family == AF_INET
					  ? (void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr
					  : (void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr,
				  name, sizeof(name));
			puts(name);
		}
	freeaddrinfo(list);
	return 0;
}

static int print_error(int error)
{
	if (error)
		printf("EAI %d: %s\n", error, gai_strerror(error));
	return error != 0;
}

static int look_up(const char *name, const struct addrinfo *hints)
{
	struct addrinfo *list;

	return print_error(getaddrinfo(name, NULL, hints, &list)) || print_addresses(list);
}

static int way_getaddrinfo(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	return look_up(name, &hints);
}

static int way_getaddrinfo_null(const char *name)
{
	return look_up(name, NULL);
}

static int way_getaddrinfo4(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};

	return look_up(name, &hints);
}

static int way_getaddrinfo6(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET6};

	return look_up(name, &hints);
}

static int way_passive(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;

	(void)name;
	return print_error(getaddrinfo(NULL, "80", &hints, &list)) || print_addresses(list);
}

static int way_numeric(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};

	return look_up(name, &hints);
}

static int print_host(const struct hostent *host, const int *error)
{
	char name[INET6_ADDRSTRLEN];

	if (!host) {
		printf("h_errno %d\n", *error);
		return 1;
	}
	if (!host->h_aliases || !host->h_name || !host->h_addr_list[0]) {
		puts("a broken hostent");
		return 1;
	}
	for (char **a = host->h_addr_list; *a; a++)
		puts(inet_ntop(host->h_addrtype, *a, name, sizeof(name)));
	return 0;
}

static int way_gethostbyname(const char *name)
{
	return print_host(gethostbyname(name), &h_errno);
}

static int way_gethostbyname2(const char *name)
{
	return print_host(gethostbyname2(name, AF_INET6), &h_errno);
}

static int way_gethostbyname_r(const char *name)
{
	struct hostent host, *result = &host;
	char buf[8192], small[8];
	int error = -1, code;

	if (gethostbyname_r(name, &host, small, sizeof(small), &result, &error) != ERANGE)
		puts("no ERANGE");
	code = gethostbyname_r(name, &host, buf, sizeof(buf), &result, &error);
	if (code || !result)
		printf("code %d\n", code);
	return print_host(result, &error);
}

static int way_gethostbyname2_r(const char *name)
{
	struct hostent host, *result = &host;
	char buf[8192];
	int error = -1,
	    code = gethostbyname2_r(name, AF_INET6, &host, buf, sizeof(buf), &result, &error);

	if (code || !result)
		printf("code %d\n", code);
	return print_host(result, &error);
}

// The reverse of an address: of what getaddrinfo gave for NAME, or of a literal.
static struct addrinfo *first_address(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *list;

	if (print_error(getaddrinfo(name, "80", &hints, &list)))
		exit(1);
	return list;
}

static int way_getnameinfo(const char *name)
{
	struct addrinfo *a = first_address(name);
	char host[NI_MAXHOST], service[NI_MAXSERV];
	int error = getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), service,
				sizeof(service), 0);

	if (!error)
		printf("%s %s\n", host, service);
	return print_error(error);
}

static int way_gethostbyaddr(const char *name)
{
	struct addrinfo *a = first_address(name);
	struct hostent *host =
		gethostbyaddr(&((struct sockaddr_in *)a->ai_addr)->sin_addr, 4, AF_INET);

	puts(host ? host->h_name : "none");
	return !host;
}

static int way_gethostbyaddr_r(const char *name)
{
	struct addrinfo *a = first_address(name);
	struct hostent host, *result = &host;
	char buf[8192];
	int error, code = gethostbyaddr_r(&((struct sockaddr_in *)a->ai_addr)->sin_addr, 4, AF_INET,
					  &host, buf, sizeof(buf), &result, &error);

	puts(result ? result->h_name : "none");
	return code || !result;
}

static const struct {
	const char *name;
	int (*run)(const char *name);
} ways[] = {
	{"getaddrinfo", way_getaddrinfo},
	{"getaddrinfo-null-hints", way_getaddrinfo_null},
	{"getaddrinfo4", way_getaddrinfo4},
	{"getaddrinfo6", way_getaddrinfo6},
	{"passive", way_passive},
	{"numeric", way_numeric},
	{"gethostbyname", way_gethostbyname},
	{"gethostbyname2", way_gethostbyname2},
	{"gethostbyname_r", way_gethostbyname_r},
	{"gethostbyname2_r", way_gethostbyname2_r},
	{"getnameinfo", way_getnameinfo},
	{"gethostbyaddr", way_gethostbyaddr},
	{"gethostbyaddr_r", way_gethostbyaddr_r},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[1]))
			return ways[i].run(argv[2]);
	puts("usage: resolve WAY NAME");
	return 2;
}
