/* SPDX-License-Identifier: MIT */
/* dns.c - the responder. */
#include "supervisor.h"

void dns_event(uint64_t data)
{
	(void)data;
}

bool dns_wants(const struct request *rq, const struct call *c, const struct decision *d)
{
	(void)rq;
	(void)c;
	(void)d;
	return false;
}

long dns_connect(struct request *rq)
{
	(void)rq;
	return -1;
}

void dns_each(void (*each)(int fd))
{
	(void)each;
}
