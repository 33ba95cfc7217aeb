// SPDX-License-Identifier: MIT
// resolve WAY NAME: one lookup by one of libc's many ways. Prints the address, or what the function says.
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
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

static int way_getaddrinfo_a(const char *name)
{
	struct gaicb request = {.ar_name = name}, *list = &request;

	return print_error(getaddrinfo_a(GAI_WAIT, &list, 1, NULL)) ||
	       print_error(gai_error(&request)) || print_addresses(request.ar_result);
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

static int print_host(const struct hostent *host, int error)
{
	char name[INET6_ADDRSTRLEN];

	if (!host) {
		printf("h_errno %d\n", error);
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
	return print_host(gethostbyname(name), h_errno);
}

static int way_gethostbyname2(const char *name)
{
	return print_host(gethostbyname2(name, AF_INET6), h_errno);
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
	return print_host(result, error);
}

static int way_gethostbyname2_r(const char *name)
{
	struct hostent host, *result = &host;
	char buf[8192];
	int error = -1,
	    code = gethostbyname2_r(name, AF_INET6, &host, buf, sizeof(buf), &result, &error);

	if (code || !result)
		printf("code %d\n", code);
	return print_host(result, error);
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

static int print_answer(int length)
{
	if (length < 0)
		printf("%d h_errno %d errno %d\n", length, h_errno, errno);
	else
		printf("answer of %d bytes\n", length);
	return length < 0;
}

static unsigned char answer[4096];

static int way_res_query(const char *name)
{
	return print_answer(res_query(name, ns_c_in, ns_t_a, answer, sizeof(answer)));
}

static int way_res_search(const char *name)
{
	return print_answer(res_search(name, ns_c_in, ns_t_a, answer, sizeof(answer)));
}

static int way_res_querydomain(const char *name)
{
	return print_answer(
		res_querydomain(name, "far.test", ns_c_in, ns_t_a, answer, sizeof(answer)));
}

static int way_res_nquery(const char *name)
{
	struct __res_state state = {0};

	res_ninit(&state);
	return print_answer(res_nquery(&state, name, ns_c_in, ns_t_mx, answer, sizeof(answer)));
}

static int way_res_nsearch(const char *name)
{
	struct __res_state state = {0};

	res_ninit(&state);
	return print_answer(res_nsearch(&state, name, ns_c_in, ns_t_txt, answer, sizeof(answer)));
}

static int way_res_send(const char *name)
{
	unsigned char query[512];
	int length;

	res_init();
	length =
		res_mkquery(ns_o_query, name, ns_c_in, ns_t_a, NULL, 0, NULL, query, sizeof(query));
	return print_answer(res_send(query, length, answer, sizeof(answer)));
}

static int way_res_send_tcp(const char *name)
{
	res_init();
	_res.options |= RES_USEVC;
	return way_res_query(name);
}

static int way_res_nsend(const char *name)
{
	struct __res_state state = {0};
	unsigned char query[512];
	int length;

	res_ninit(&state);
	length = res_nmkquery(&state, ns_o_query, name, ns_c_in, ns_t_a, NULL, 0, NULL, query,
			      sizeof(query));
	return print_answer(res_nsend(&state, query, length, answer, sizeof(answer)));
}

static const struct {
	const char *name;
	int (*run)(const char *name);
} ways[] = {
	{"getaddrinfo", way_getaddrinfo},
	{"getaddrinfo-null-hints", way_getaddrinfo_null},
	{"getaddrinfo4", way_getaddrinfo4},
	{"getaddrinfo6", way_getaddrinfo6},
	{"getaddrinfo_a", way_getaddrinfo_a},
	{"passive", way_passive},
	{"numeric", way_numeric},
	{"gethostbyname", way_gethostbyname},
	{"gethostbyname2", way_gethostbyname2},
	{"gethostbyname_r", way_gethostbyname_r},
	{"gethostbyname2_r", way_gethostbyname2_r},
	{"getnameinfo", way_getnameinfo},
	{"gethostbyaddr", way_gethostbyaddr},
	{"gethostbyaddr_r", way_gethostbyaddr_r},
	{"res_query", way_res_query},
	{"res_search", way_res_search},
	{"res_querydomain", way_res_querydomain},
	{"res_nquery", way_res_nquery},
	{"res_nsearch", way_res_nsearch},
	{"res_send", way_res_send},
	{"res_send-tcp", way_res_send_tcp},
	{"res_nsend", way_res_nsend},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[1]))
			return ways[i].run(argv[2]);
	puts("usage: resolve WAY NAME");
	return 2;
}
