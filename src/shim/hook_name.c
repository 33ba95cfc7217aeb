/* SPDX-License-Identifier: MIT */
/*
 * hook_name.c - getaddrinfo and getnameinfo. What is not the host's name (services, socket types,
 * families, flags, numeric hosts, errors) is left to libc, which is asked about numeric addresses
 * only, and so never asks anybody itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/utsname.h>

#include "lookup.h"
#include "sys.h"

#ifndef AI_IDN /* shown with _GNU_SOURCE only */
#define AI_IDN 0x0040
#define AI_CANONIDN 0x0080
#endif

static const struct addrinfo no_hints = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};

/* libc's own for a numeric host, or no host: it asks nobody. */
static int numeric(const char *node, const char *service, const struct addrinfo *hints,
		   struct addrinfo **result)
{
	struct addrinfo h = *hints;
	int err;

	h.ai_flags |= AI_NUMERICHOST;
	err = real(getaddrinfo)(node, service, &h, result);
	for (struct addrinfo *a = err ? NULL : *result; a; a = a->ai_next)
		a->ai_flags = hints->ai_flags;
	return err;
}

/* No host's name has a colon; other numbers begin with a digit. */
static bool is_numeric(const char *node)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *result;

	if (strchr(node, ':'))
		return true;
	if (!(*node >= '0' && *node <= '9') || real(getaddrinfo)(node, NULL, &hints, &result) != 0)
		return false;
	freeaddrinfo(result);
	return true;
}

/* Appends the answers for one address of `found`. */
static int append(const struct addr *a, const char *service, const struct addrinfo *hints,
		  bool remote, struct addrinfo **tail)
{
	struct addrinfo h = *hints;
	char text[ADDR_TEXT];
	int err;

	addr_print(a, text);
	h.ai_flags &= ~(AI_CANONNAME | AI_IDN | AI_CANONIDN);
	if (remote) /* there whatever addresses this machine has */
		h.ai_flags &= ~AI_ADDRCONFIG;
	err = numeric(text, service, &h, tail);
	for (struct addrinfo *i = err ? NULL : *tail; i; i = i->ai_next)
		i->ai_flags = hints->ai_flags;
	return err;
}

static int name_first(struct addrinfo *first, const char *name)
{
	first->ai_canonname = malloc(strlen(name) + 1); /* freeaddrinfo(3) frees it */
	if (!first->ai_canonname)
		return EAI_MEMORY;
	strcpy(first->ai_canonname, name);
	return 0;
}

static int build(const struct hosts *found, const char *service, const struct addrinfo *hints,
		 struct addrinfo **result)
{
	struct addrinfo *list = NULL, **tail = &list;
	bool remote = lookup_is_remote(found);
	int err = EAI_NONAME;

	for (size_t i = 0; i < found->count; i++) {
		err = append(&found->addrs[i], service, hints, remote, tail);
		if (err == EAI_ADDRFAMILY && found->count > 1)
			continue; /* AI_ADDRCONFIG */
		if (err)
			break;
		while (*tail)
			tail = &(*tail)->ai_next;
	}
	if (list && err == EAI_ADDRFAMILY)
		err = 0;
	if (!err && list && hints->ai_flags & AI_CANONNAME)
		err = name_first(list, found->canonical);
	if (err && list)
		freeaddrinfo(list);
	if (!err)
		*result = list;
	return err;
}

/*
 * IPv6 addresses, and IPv4 ones as AI_V4MAPPED and AI_ALL want them. A second answer is much for a
 * small stack.
 */
static __attribute__((noinline)) int look_up_mapped(const char *node, const struct addrinfo *hints,
						    struct hosts *found)
{
	struct hosts more;
	int err = lookup_name(node, AF_INET6, found);

	if (!(hints->ai_flags & AI_V4MAPPED) || (err && err != EAI_ADDRFAMILY))
		return err;
	if (err)
		return lookup_name(node, AF_INET, found);
	if (!(hints->ai_flags & AI_ALL) || lookup_is_remote(found) ||
	    lookup_name(node, AF_INET, &more) != 0)
		return 0;
	for (size_t i = 0; i < more.count && found->count < HOSTS_ADDRS; i++)
		found->addrs[found->count++] = more.addrs[i];
	return 0;
}

/* What libc would say before it looks for a host: bad flags, services, types. */
static int other_error(const char *service, const struct addrinfo *hints, int err)
{
	const char *any = hints->ai_family == AF_INET6 ? "::1" : "127.0.0.1";
	struct addrinfo *result, h = *hints;
	int other;

	h.ai_flags &= ~AI_ADDRCONFIG;
	other = numeric(any, service, &h, &result);
	if (!other)
		freeaddrinfo(result);
	return other ? other : err;
}

static int ask(const char *node, const char *service, const struct addrinfo *hints,
	       struct addrinfo **result)
{
	char encoded[HOSTS_NAME] = "";
	struct hosts found;
	int err = hints->ai_flags & AI_IDN ? idn_encode(node, encoded) : 0;

	if (err)
		return other_error(service, hints, err);
	node = encoded[0] ? encoded : node;
	err = hints->ai_family == AF_INET6 ? look_up_mapped(node, hints, &found)
					   : lookup_name(node, hints->ai_family, &found);
	if (err == LOOKUP_DIRECT)
		return err;
	if (err) /* a host in the other family alone is none, to libc with /etc/hosts */
		return other_error(service, hints, err == EAI_ADDRFAMILY ? EAI_NONAME : err);
	lookup_sort(&found);
	if (hints->ai_flags & AI_CANONIDN)
		idn_decode(found.canonical);
	return build(&found, service, hints, result);
}

/*
 * No host: an address to listen on, or loopback. libc would sort the two families' by connecting
 * datagram sockets of its own, which the guard refuses; the order is that of a plain glibc.
 */
static int no_node(const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	static const uint8_t any4[4], any6[16];
	bool passive = hints->ai_flags & AI_PASSIVE;
	const struct addr both[2] = {passive ? addr_v4(any4, 0) : addr_loopback(AF_INET6, 0),
				     passive ? addr_v6(any6, 0) : addr_loopback(AF_INET, 0)};
	struct addrinfo *list = NULL, **tail = &list;
	int err = 0;

	for (size_t i = 0; i < 2; i++) {
		err = append(&both[i], service, hints, false, tail);
		while (!err && *tail)
			tail = &(*tail)->ai_next;
	}
	if (list)
		*result = list;
	return list ? 0 : err;
}

int name_getaddrinfo(const char *node, const char *service, const struct addrinfo *given,
		     struct addrinfo **result)
{
	const struct addrinfo *hints = given ? given : &no_hints;
	int before = errno, err;

	if (!node || strcmp(node, "*") == 0) { /* as good as none to glibc */
		if (service && hints->ai_family == AF_UNSPEC && !(hints->ai_flags & AI_CANONNAME))
			return no_node(service, hints, result);
		return real(getaddrinfo)(NULL, service, given, result);
	}
	if (hints->ai_flags & AI_NUMERICHOST || is_numeric(node) ||
	    (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
	     hints->ai_family != AF_INET6))
		return numeric(node, service, hints, result);
	err = ask(node, service, hints, result);
	if (err == LOOKUP_DIRECT)
		return ASK_LIBC_DIRECTLY(real(getaddrinfo)(node, service, given, result));
	if (!err)
		errno = before;
	return err;
}

WRAP int getaddrinfo(const char *restrict node, const char *restrict service,
		     const struct addrinfo *restrict given, struct addrinfo **restrict result)
{
	return name_getaddrinfo(node, service, given, result);
}

/* Cuts off the domain if it is this machine's own, which /etc/hosts may tell. */
static __attribute__((noinline)) void cut_domain(char *name)
{
	char *dot = strchr(name, '.');
	struct hosts own;
	struct utsname u;
	const char *domain;

	if (!dot || SYS1(SYS_uname, &u) < 0 || lookup_name(u.nodename, AF_INET, &own) != 0)
		return;
	domain = strchr(own.canonical, '.');
	if (domain && strcmp(dot, domain) == 0)
		*dot = 0;
}

/* Writes the name, or `numeric` where there is none. */
static int put_host(const struct addr *a, const char *numeric_host, char *host, socklen_t size,
		    int flags)
{
	struct hosts found;
	size_t len;

	if (lookup_address(a, &found) != 0) {
		if (flags & NI_NAMEREQD)
			return EAI_NONAME;
		strcpy(found.canonical, numeric_host);
	} else if (flags & NI_NOFQDN) {
		cut_domain(found.canonical);
	}
	len = strlen(found.canonical);
	if (len >= size)
		return EAI_OVERFLOW;
	memcpy(host, found.canonical, len + 1);
	return 0;
}

WRAP int getnameinfo(const struct sockaddr *restrict sa, socklen_t len, char *restrict host,
		     socklen_t host_len, char *restrict service, socklen_t service_len, int flags)
{
	char text[ADDR_TEXT + IF_NAMESIZE];
	struct addr a;
	int before = errno, err, host_err;

	if (len < sizeof(sa_family_t) || flags & NI_NUMERICHOST || !host || !host_len ||
	    addr_from_sockaddr(&a, sa, len) < 0)
		return real(getnameinfo)(sa, len, host, host_len, service, service_len, flags);
	/*
	 * `text` is long enough: EAI_OVERFLOW is the service's, and comes after the host's errors.
	 */
	err = real(getnameinfo)(sa, len, text, sizeof(text), service, service_len,
				(flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
	if (err && err != EAI_OVERFLOW)
		return err;
	host_err = put_host(&a, text, host, host_len, flags);
	errno = before;
	return host_err ? host_err : err;
}
