/* SPDX-License-Identifier: MIT */
// same_names SEED COUNT [NAME]: calls libc's name functions with COUNT generated arguments (for the
// one NAME, if it is given), and prints what each call gave, one a line. Run with and without
// sockshim, in a world whose /etc/hosts knows the names, it must print the same.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint64_t state;
static const char *only;

static unsigned int any(unsigned int n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(state >> 33) % n;
}

#define ANY(list) (list)[any(sizeof(list) / sizeof((list)[0]))]

#define A60 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

static const char *const nodes[] = {
	// names of /etc/hosts
	"box.local.test",
	"box",
	"BOX.local.TEST",
	"box.local.test.",
	"four.test",
	"six.test",
	"dual.test",
	"dual.test.",
	"alias-of-dual",
	"many.test",
	"twice.test",
	"localhost",
	"LOCALHOST",
	"localhost.",
	"prog",
	"under_score.test",
	"x.y.z.test",
	"mapped.test",
	// numbers
	"203.0.113.5",
	"127.0.0.1",
	"0.0.0.0",
	"255.255.255.255",
	"127.1",
	"0x7f.1",
	"0177.1",
	"1",
	"0x7f000001",
	"4294967295",
	"4294967296",
	"1.2.3.4.5",
	"1.2.3.256",
	"1.2.3.4.",
	"2001:db8::5",
	"::1",
	"::",
	"fe80::1",
	"fe80::1%lo",
	"fe80::1%1",
	"fe80::1%nowhere",
	"2001:db8::1%1",
	"::ffff:1.2.3.4",
	"[::1]",
	":::",
	"1::2::3",
	"12345::",
	" 1.2.3.4",
	"1.2.3.4 ",
	// no names
	"",
	".",
	"a..b",
	".a",
	"a b",
	"a\tb",
	"a\nb",
	"*",
	"a/b",
	A60 "xxxx.test",
	A60 "." A60 "." A60 "." A60 "." A60,
	"a\\b",
	"a@b",
};
static const char *const services[] = {
	NULL,	      NULL,    NULL,   "80",   "http", "domain", "0", "65535",
	"65536",      "-1",    " 80",  "80 ",  "ssh",  "HTTP",	 "",  "no-such-service",
	"4294967376", "https", "tftp", "0x50",
};
static const int families[] = {AF_UNSPEC, AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 99};
static const int types[] = {0,		0,	  SOCK_STREAM,	  SOCK_STREAM,
			    SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, 77};
static const int protocols[] = {0, 0, 0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 132, 136};
static const int flags[] = {
	0,	     0,	     AI_PASSIVE,    AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV,
	AI_V4MAPPED, AI_ALL, AI_ADDRCONFIG, AI_IDN,	  AI_CANONIDN,	  0x8000,
};
static const int name_flags[] = {0,	    NI_NUMERICHOST, NI_NUMERICSERV, NI_NAMEREQD,
				 NI_NOFQDN, NI_DGRAM,	    0x4000};
static const char *const addresses[] = {
	"10.9.8.7",    "192.0.2.77",   "192.0.2.78", "127.0.0.1",	"127.0.1.1",
	"2001:db8::7", "2001:db8::77", "::1",	     "::ffff:10.9.8.7",
};

static const char *a_node(void)
{
	const char *node = ANY(nodes);

	return only ? only : node;
}

static void put(const char *text)
{
	putchar('"');
	for (; text && *text; text++)
		if (*text < ' ')
			printf("\\%03o", *text);
		else
			putchar(*text);
	fputs(text ? "\"" : "NULL", stdout);
}

static void put_address(int family, const void *at)
{
	char text[INET6_ADDRSTRLEN];

	fputs(inet_ntop(family, at, text, sizeof(text)), stdout);
}

static void put_list(const struct addrinfo *list)
{
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		printf(" {flags %x family %d type %d protocol %d ", (unsigned int)a->ai_flags,
		       a->ai_family, a->ai_socktype, a->ai_protocol);
		if (a->ai_family == AF_INET) {
			struct sockaddr_in *s = (struct sockaddr_in *)(void *)a->ai_addr;

			put_address(AF_INET, &s->sin_addr);
			printf(" port %d", ntohs(s->sin_port));
		} else if (a->ai_family == AF_INET6) {
			struct sockaddr_in6 *s = (struct sockaddr_in6 *)(void *)a->ai_addr;

			put_address(AF_INET6, &s->sin6_addr);
			printf(" port %d scope %u", ntohs(s->sin6_port), s->sin6_scope_id);
		}
		printf(" length %u", a->ai_addrlen);
		if (a->ai_canonname)
			printf(" name %s", a->ai_canonname);
		putchar('}');
	}
}

static void one_getaddrinfo(void)
{
	const char *node = any(12) ? a_node() : NULL, *service = ANY(services);
	struct addrinfo hints = {.ai_family = ANY(families),
				 .ai_socktype = ANY(types),
				 .ai_protocol = ANY(protocols),
				 .ai_flags = ANY(flags) | ANY(flags) | ANY(flags)},
			*list = NULL;
	int with = any(10) > 0, error;

	fputs("getaddrinfo ", stdout);
	put(node);
	putchar(' ');
	put(service);
	if (with)
		printf(" family %d type %d protocol %d flags %x:", hints.ai_family,
		       hints.ai_socktype, hints.ai_protocol, (unsigned int)hints.ai_flags);
	else
		fputs(" no hints:", stdout);
	errno = 0;
	error = getaddrinfo(node, service, with ? &hints : NULL, &list);
	printf(" %d", error);
	if (error == EAI_SYSTEM)
		printf(" errno %d", errno);
	if (!error) {
		put_list(list);
		freeaddrinfo(list);
	}
}

static void put_host(const struct hostent *h, int error)
{
	if (!h) {
		printf(" h_errno %d", error);
		return;
	}
	printf(" %s type %d length %d", h->h_name, h->h_addrtype, h->h_length);
	for (char **a = h->h_aliases; *a; a++)
		printf(" alias %s", *a);
	for (char **a = h->h_addr_list; *a; a++) {
		putchar(' ');
		put_address(h->h_addrtype, *a);
	}
}

// Sizes from none to enough: the same ones must be too small.
static size_t room(void)
{
	static const size_t sizes[] = {0, 1, 16, 8192, 8192, 8192};

	return ANY(sizes);
}

static void one_by_name(void)
{
	const char *name = a_node();
	int family = any(2) ? AF_INET : AF_INET6, error = -9, code;
	struct hostent host, *h = &host;
	char buffer[8192];
	size_t size = room();

	switch (any(4)) {
	case 0:
		fputs("gethostbyname ", stdout);
		put(name);
		h = gethostbyname(name);
		put_host(h, h_errno);
		break;
	case 1:
		printf("gethostbyname2 %d ", family);
		put(name);
		h = gethostbyname2(name, family);
		put_host(h, h_errno);
		break;
	case 2:
		printf("gethostbyname_r %zu ", size);
		put(name);
		code = gethostbyname_r(name, &host, buffer, size, &h, &error);
		printf(" code %d", code);
		put_host(h, error);
		break;
	default:
		printf("gethostbyname2_r %d %zu ", family, size);
		put(name);
		code = gethostbyname2_r(name, family, &host, buffer, size, &h, &error);
		printf(" code %d", code);
		put_host(h, error);
	}
}

static void one_by_address(void)
{
	const char *text = ANY(addresses);
	int family = strchr(text, ':') ? AF_INET6 : AF_INET, error = -9, code;
	socklen_t len = family == AF_INET ? 4 : 16;
	struct hostent host, *h = &host;
	char buffer[8192];
	uint8_t ip[16];
	size_t size = room();

	inet_pton(family, text, ip);
	if (!any(10))
		len = (socklen_t)any(20);
	if (!any(10))
		family = any(2) ? AF_INET : AF_UNIX;
	if (any(2)) {
		printf("gethostbyaddr %s %u %d", text, len, family);
		h = gethostbyaddr(ip, len, family);
		put_host(h, h_errno);
	} else {
		printf("gethostbyaddr_r %s %u %d %zu", text, len, family, size);
		code = gethostbyaddr_r(ip, len, family, &host, buffer, size, &h, &error);
		printf(" code %d", code);
		put_host(h, error);
	}
}

static void one_getnameinfo(void)
{
	static const socklen_t sizes[] = {0, 1, 5, 11, 64, 1025, 1025, 1025};
	static const int ports[] = {0, 80, 22, 69, 512, 53, 60000};
	const char *text = ANY(addresses);
	struct sockaddr_storage a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&a;
	socklen_t len = strchr(text, ':') ? sizeof(*v6) : sizeof(*v4), host_len = ANY(sizes),
		  service_len = ANY(sizes);
	char host[1025] = "", service[1025] = "";
	int how = ANY(name_flags) | ANY(name_flags) | ANY(name_flags), port = ANY(ports), error;

	if (len == sizeof(*v6)) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, text, &v6->sin6_addr);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		inet_pton(AF_INET, text, &v4->sin_addr);
	}
	if (!any(10))
		len = (socklen_t)any(30);
	if (!any(20))
		a.ss_family = ANY(families);
	printf("getnameinfo %s %d length %u family %d sizes %u %u flags %x:", text, port, len,
	       a.ss_family, host_len, service_len, (unsigned int)how);
	error = getnameinfo((struct sockaddr *)&a, len, any(8) ? host : NULL, host_len,
			    any(8) ? service : NULL, service_len, how);
	printf(" %d", error);
	if (!error)
		printf(" %s %s", host, service);
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0;

	state = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	only = argc > 3 ? argv[3] : NULL;
	for (long i = 0; i < count; i++) {
		switch (any(10)) {
		case 0:
		case 1:
			one_by_name();
			break;
		case 2:
			one_by_address();
			break;
		case 3:
			one_getnameinfo();
			break;
		default:
			one_getaddrinfo();
		}
		putchar('\n');
	}
	return 0;
}
