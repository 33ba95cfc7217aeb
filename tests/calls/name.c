/* SPDX-License-Identifier: MIT */
/* name.c - fragments of the symbols in hook_name.c and hook_hostent.c. */
#include <stdlib.h>

#include "fragment.h"

#define NAME "web.far.test"

/* Virtual addresses of IPv4: 198.18.0.0/15. */
static int is_virtual(const void *address)
{
	const uint8_t *ip = address;

	return ip[0] == 198 && (ip[1] & 0xfe) == 18;
}

FRAGMENT(getaddrinfo)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;

	KEEPS(getaddrinfo(NAME, "80", &hints, &list) == 0);
	CHECK(is_virtual(&((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr));
	freeaddrinfo(list);
	KEEPS(getaddrinfo(NAME, NULL, NULL, &list) == 0);
	freeaddrinfo(list);
	KEEPS(getaddrinfo("192.0.2.7", "80", NULL, &list) == 0);
	freeaddrinfo(list);
	CHECK(getaddrinfo(NULL, NULL, NULL, &list) == EAI_NONAME);
	hints.ai_flags = AI_NUMERICHOST;
	CHECK(getaddrinfo(NAME, NULL, &hints, &list) == EAI_NONAME);
	return 0;
}

FRAGMENT(getnameinfo)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	struct sockaddr_in to = web();
	char host[256], service[32];

	CHECK(getaddrinfo(NAME, "80", &hints, &list) == 0);
	KEEPS(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), service,
			  sizeof(service), NI_NUMERICSERV) == 0);
	CHECK(!strcmp(host, NAME) && !strcmp(service, "80"));
	freeaddrinfo(list);
	KEEPS(getnameinfo(SA(to), host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0);
	CHECK(!strcmp(host, "203.0.113.80"));
	CHECK(getnameinfo(SA(to), host, sizeof(host), NULL, 0, NI_NAMEREQD) == EAI_NONAME);
	return 0;
}

static int is_whole(const struct hostent *h, const char *name)
{
	CHECK(h && !strcmp(h->h_name, name) && h->h_aliases && !h->h_aliases[0]);
	CHECK(h->h_addr_list && h->h_addr_list[0]);
	return 0;
}

FRAGMENT(gethostbyname)
{
	struct hostent *h;

	KEEPS((h = gethostbyname(NAME)) != NULL);
	CHECK(h->h_addrtype == AF_INET && is_virtual(h->h_addr_list[0]));
	return is_whole(h, NAME);
}

FRAGMENT(gethostbyname2)
{
	struct hostent *h;

	KEEPS((h = gethostbyname2(NAME, AF_INET6)) != NULL);
	CHECK(h->h_addrtype == AF_INET6 && h->h_length == 16);
	return is_whole(h, NAME);
}

/* As a program linked before glibc 2.26 has them. */
struct hostent *old_gethostbyname(const char *);
struct hostent *old_gethostbyname2(const char *, int);
struct hostent *old_gethostbyaddr(const void *, socklen_t, int);
__asm__(".symver old_gethostbyname, res_gethostbyname@GLIBC_2.2.5");
__asm__(".symver old_gethostbyname2, res_gethostbyname2@GLIBC_2.2.5");
__asm__(".symver old_gethostbyaddr, res_gethostbyaddr@GLIBC_2.2.5");

FRAGMENT(res_gethostbyname)
{
	struct hostent *h;

	KEEPS((h = old_gethostbyname(NAME)) != NULL);
	CHECK(is_virtual(h->h_addr_list[0]));
	return is_whole(h, NAME);
}

FRAGMENT(res_gethostbyname2)
{
	struct hostent *h;

	KEEPS((h = old_gethostbyname2(NAME, AF_INET6)) != NULL);
	CHECK(h->h_addrtype == AF_INET6 && h->h_length == 16);
	return is_whole(h, NAME);
}

FRAGMENT(res_gethostbyaddr)
{
	struct hostent *h = old_gethostbyname(NAME);
	char address[4];

	CHECK(h);
	memcpy(address, h->h_addr_list[0], 4);
	KEEPS((h = old_gethostbyaddr(address, 4, AF_INET)) != NULL);
	CHECK(is_whole(h, NAME) == 0);
	CHECK(!old_gethostbyaddr("\313\0\161\120", 4, AF_INET) && h_errno == HOST_NOT_FOUND);
	return 0;
}

FRAGMENT(gethostbyname_r)
{
	struct hostent host, *h = NULL;
	char buffer[1024];
	int error;

	KEEPS(gethostbyname_r(NAME, &host, buffer, sizeof(buffer), &h, &error) == 0);
	CHECK(gethostbyname_r(NAME, &host, buffer, 8, &h, &error) == ERANGE && !h);
	KEEPS(gethostbyname_r(NAME, &host, buffer, sizeof(buffer), &h, &error) == 0);
	return is_whole(h, NAME);
}

FRAGMENT(gethostbyname2_r)
{
	struct hostent host, *h = NULL;
	char buffer[1024];
	int error;

	KEEPS(gethostbyname2_r(NAME, AF_INET, &host, buffer, sizeof(buffer), &h, &error) == 0);
	CHECK(is_virtual(h->h_addr_list[0]));
	return is_whole(h, NAME);
}

FRAGMENT(gethostbyaddr)
{
	struct hostent *h = gethostbyname(NAME);
	char address[4];

	CHECK(h);
	memcpy(address, h->h_addr_list[0], 4);
	KEEPS((h = gethostbyaddr(address, 4, AF_INET)) != NULL);
	CHECK(is_whole(h, NAME) == 0);
	CHECK(!gethostbyaddr("\313\0\161\120", 4, AF_INET) && h_errno == HOST_NOT_FOUND);
	return 0;
}

FRAGMENT(gethostbyaddr_r)
{
	struct hostent host, *h = gethostbyname(NAME);
	char address[4], buffer[1024];
	int error;

	CHECK(h);
	memcpy(address, h->h_addr_list[0], 4);
	KEEPS(gethostbyaddr_r(address, 4, AF_INET, &host, buffer, sizeof(buffer), &h, &error) == 0);
	return is_whole(h, NAME);
}
