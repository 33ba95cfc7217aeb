/* SPDX-License-Identifier: MIT */
/* inbound.c - VERDICT_NARROW carried out: a socket that only this machine reaches. */
#include "inbound.h"

#include <errno.h>
#include <netinet/in.h>

#include "sys.h"

/* Both families of a dual-stack socket by IPv4's loopback. */
size_t inbound_address(int fd, const struct call *c, struct sockaddr_storage *at)
{
	struct addr a;
	int v6only = 0;

	if (c->domain == AF_INET6)
		sys_getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	a = addr_loopback(v6only ? AF_INET6 : AF_INET, c->to.port);
	return (size_t)addr_to_sockaddr(&a, c->domain, at);
}

static bool is_on_loopback(int fd)
{
	char device[16] = "";

	return sys_getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device)) >= 0 &&
	       device[0] == 'l' && device[1] == 'o' && !device[2];
}

/* The filter lets this option pass from the gate alone. */
static int put_on_loopback(int fd)
{
	static const char device[] = "lo";

	return (int)sys_gate(SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, SYS_ARG(device),
			     sizeof(device), 0);
}

int inbound_confine(int fd, const struct call *c, struct decision *d)
{
	struct sockaddr_storage at;

	if (!c->to.port)
		return sys_bind(fd, &at, inbound_address(fd, c, &at));
	if (is_on_loopback(fd) || put_on_loopback(fd) == 0)
		return 0;
	d->verdict = VERDICT_REFUSE;
	d->error = EACCES;
	return -EACCES;
}
