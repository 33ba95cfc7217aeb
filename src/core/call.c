/* SPDX-License-Identifier: MIT */
/* call.c - from a socket address, as a program gave it, to policy's question. */
#include <errno.h>
#include <netinet/in.h>

#include "decide.h"

/* RFC 2133's sockaddr_in6 had no scope id, and the kernel still takes it. */
#define LEAST6 24

int call_family(int domain, int type, int family, size_t len)
{
	const size_t least = domain == AF_INET6 ? LEAST6 : sizeof(struct sockaddr_in);

	if (family == domain)
		return 0;
	if (domain == AF_INET6 && family == AF_INET && type != SOCK_STREAM)
		return 0; /* udp(7) */
	return len < least ? -EINVAL : -EAFNOSUPPORT;
}

int call_to(struct call *c, const struct sockaddr_storage *sa, size_t len)
{
	struct sockaddr_storage copy = *sa;

	if (len < sizeof(sa_family_t))
		return -EINVAL;
	c->family = copy.ss_family;
	if (c->family == AF_UNSPEC && c->kind != CALL_CONNECT && c->domain != AF_INET6)
		copy.ss_family = AF_INET; /* what the kernel takes it for */
	if (copy.ss_family != AF_INET && copy.ss_family != AF_INET6)
		return 0;
	if (addr_from_sockaddr(&c->to, &copy, len) < 0)
		return -EINVAL;
	c->has_to = true;
	return 0;
}
