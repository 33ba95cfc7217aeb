/* SPDX-License-Identifier: MIT */
/* remote.c - fragments of the symbols in hook_remote.c. */
#include "fragment.h"

int __ivaliduser(FILE *hosts, uint32_t address, const char *local, const char *remote);

static char *host = (char *)"web.far.test";

FRAGMENT(rcmd)
{
	FAILS(rcmd(&host, htons(80), "a", "b", "c", NULL), ENETUNREACH);
	return 0;
}

FRAGMENT(rcmd_af)
{
	FAILS(rcmd_af(&host, htons(80), "a", "b", "c", NULL, AF_INET6), ENETUNREACH);
	return 0;
}

FRAGMENT(rexec)
{
	FAILS(rexec(&host, htons(80), "a", "b", "c", NULL), ENETUNREACH);
	return 0;
}

FRAGMENT(rexec_af)
{
	FAILS(rexec_af(&host, htons(80), "a", "b", "c", NULL, AF_INET), ENETUNREACH);
	return 0;
}

FRAGMENT(ruserok)
{
	CHECK(ruserok(host, 0, "a", "root") == -1);
	return 0;
}

FRAGMENT(ruserok_af)
{
	CHECK(ruserok_af(host, 0, "a", "root", AF_INET6) == -1);
	return 0;
}

FRAGMENT(iruserok)
{
	CHECK(iruserok(htonl(0xcb007150), 0, "a", "root") == -1);
	return 0;
}

FRAGMENT(iruserok_af)
{
	uint32_t address = htonl(0xcb007150);

	CHECK(iruserok_af(&address, 0, "a", "root", AF_INET) == -1);
	return 0;
}

FRAGMENT(__ivaliduser)
{
	FILE *hosts = fmemopen((char *)"web.far.test a\n", 15, "r");

	CHECK(hosts && __ivaliduser(hosts, htonl(0xcb007150), "a", "a") == -1);
	fclose(hosts);
	return 0;
}

FRAGMENT(gethostid)
{
	KEEPS(gethostid() != 0);
	return 0;
}

FRAGMENT(getnetbyname)
{
	struct netent *n;

	CHECK((n = getnetbyname("loopback")) && n->n_net == 0x7f000000);
	CHECK(!getnetbyname("net.far.test"));
	return 0;
}

FRAGMENT(getnetbyaddr)
{
	struct netent *n;

	CHECK((n = getnetbyaddr(0x7f000000, AF_INET)) && !strcmp(n->n_name, "loopback"));
	CHECK(!getnetbyaddr(0xcb0071, AF_INET));
	return 0;
}

FRAGMENT(getnetbyname_r)
{
	struct netent net, *n;
	char buffer[1024];
	int error;

	CHECK(!getnetbyname_r("loopback", &net, buffer, sizeof(buffer), &n, &error) && n);
	getnetbyname_r("net.far.test", &net, buffer, sizeof(buffer), &n, &error);
	CHECK(!n);
	return 0;
}

FRAGMENT(getnetbyaddr_r)
{
	struct netent net, *n;
	char buffer[1024];
	int error;

	CHECK(!getnetbyaddr_r(0x7f000000, AF_INET, &net, buffer, sizeof(buffer), &n, &error) && n);
	getnetbyaddr_r(0xcb0071, AF_INET, &net, buffer, sizeof(buffer), &n, &error);
	CHECK(!n);
	return 0;
}
