/* SPDX-License-Identifier: MIT */
/* remote.c - fragments of the symbols in hook_remote.c. */
#include "fragment.h"

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

FRAGMENT(gethostid)
{
	KEEPS(gethostid() != 0);
	return 0;
}
