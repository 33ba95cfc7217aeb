/* SPDX-License-Identifier: MIT */
/*
 * hook_name.c - getaddrinfo and getnameinfo. What is not the host's name (services, socket types,
 * families, flags, numeric hosts, errors) is left to libc, which is asked about numeric addresses
 * only, and so never asks anybody itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"

#ifndef AI_IDN /* shown with _GNU_SOURCE only */
#define AI_IDN 0x0040
#define AI_CANONIDN 0x0080
#endif

static const struct addrinfo no_hints = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};

static bool is_numeric(const char *node)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *result;

	if (!(*node >= '0' && *node <= '9') && !strchr(node, ':'))
		return false;
	if (real.getaddrinfo(node, NULL, &hints, &result) != 0)
		return false;
	freeaddrinfo(result);
	return true;
}

static int numeric(const char *node, const char *service, const struct addrinfo *hints,
		   struct addrinfo **result)
{
	struct addrinfo h = *hints;

	h.ai_flags |= AI_NUMERICHOST;
	return real.getaddrinfo(node, service, &h, result);
}

/* Appends the answers for one address of `found`. */
static int append(const struct addr *a, const char *service, const struct addrinfo *hints,
		  struct addrinfo **tail)
{
	struct addrinfo h = *hints;
	char text[ADDR_TEXT];

	addr_print(a, text);
	/* Virtual addresses are there whatever addresses this machine has. */
	h.ai_flags &= ~(AI_CANONNAME | AI_ADDRCONFIG | AI_IDN | AI_CANONIDN);
	return numeric(text, service, &h, tail);
}

static int name_first(struct addrinfo *first, const char *name)
{
	first->ai_canonname = strdup(name); /* freeaddrinfo(3) frees it */
	return first->ai_canonname ? 0 : EAI_MEMORY;
}

static int build(const struct hosts *found, const char *service, const struct addrinfo *hints,
		 struct addrinfo **result)
{
	struct addrinfo *list = NULL, **tail = &list;
	int err = EAI_NONAME;

	for (size_t i = 0; i < found->count; i++) {
		err = append(&found->addrs[i], service, hints, tail);
		if (err)
			break;
		while (*tail)
			tail = &(*tail)->ai_next;
	}
	if (!err && list && hints->ai_flags & AI_CANONNAME)
		err = name_first(list, found->canonical);
	if (err && list)
		freeaddrinfo(list);
	if (!err)
		*result = list;
	return err;
}

static int ask(const char *node, const char *service, const struct addrinfo *hints,
	       struct addrinfo **result)
{
	struct hosts found;
	int err = lookup_name(node, hints->ai_family, &found);

	if (err == EAI_ADDRFAMILY && hints->ai_flags & AI_V4MAPPED)
		err = lookup_name(node, AF_INET, &found);
	return err ? err : build(&found, service, hints, result);
}

int name_getaddrinfo(const char *node, const char *service, const struct addrinfo *given,
		     struct addrinfo **result)
{
	const struct addrinfo *hints = given ? given : &no_hints;
	int before = errno, err;

	if (!node)
		return real.getaddrinfo(node, service, given, result);
	if (hints->ai_flags & AI_NUMERICHOST || is_numeric(node) ||
	    (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
	     hints->ai_family != AF_INET6))
		return numeric(node, service, hints, result);
	err = ask(node, service, hints, result);
	if (err == LOOKUP_DIRECT)
		return real.getaddrinfo(node, service, given, result);
	if (!err)
		errno = before;
	return err;
}

WRAP int getaddrinfo(const char *restrict node, const char *restrict service,
		     const struct addrinfo *restrict given, struct addrinfo **restrict result)
{
	return name_getaddrinfo(node, service, given, result);
}

/* Puts the name in the place of libc's numeric host. */
static int put_host(const struct addr *a, char *host, socklen_t size, int flags)
{
	char name[HOSTS_NAME];
	size_t len;

	if (lookup_address(a, name) != 0)
		return flags & NI_NAMEREQD ? EAI_NONAME : 0;
	len = strlen(name);
	if (len >= size)
		return EAI_OVERFLOW;
	memcpy(host, name, len + 1);
	return 0;
}

WRAP int getnameinfo(const struct sockaddr *restrict sa, socklen_t len, char *restrict host,
		     socklen_t host_len, char *restrict service, socklen_t service_len, int flags)
{
	struct addr a;
	int before = errno, err;

	if (len < sizeof(sa_family_t) || flags & NI_NUMERICHOST || !host || !host_len ||
	    addr_from_sockaddr(&a, sa, len) < 0)
		return real.getnameinfo(sa, len, host, host_len, service, service_len, flags);
	err = real.getnameinfo(sa, len, host, host_len, service, service_len,
			       (flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
	if (err && err != EAI_OVERFLOW)
		return err;
	err = put_host(&a, host, host_len, flags);
	errno = before;
	return err;
}
