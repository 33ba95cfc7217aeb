/* SPDX-License-Identifier: MIT */
/* reply.c - what a DNS server would have said. */
#include "reply.h"

#include <string.h>

#include "lookup.h"

/* Programs that keep answers ask again in time for the name to count as used. */
#define TTL 60u
#define CLASS_IN 1

static enum dns_rcode rcode_of(int eai)
{
	switch (eai) {
	case 0:
	case EAI_ADDRFAMILY: /* the name is there, in the other family */
		return DNS_NOERROR;
	case EAI_NONAME:
		return DNS_NXDOMAIN;
	case EAI_FAIL:
		return DNS_REFUSED;
	default:
		return DNS_SERVFAIL;
	}
}

static int empty(const struct dns_question *q, int eai, void *out, size_t size)
{
	return (int)dns_answer(q, rcode_of(eai), NULL, 0, 0, out, size);
}

/* A line of /etc/hosts with ::1 counts for 127.0.0.1 too. */
static size_t unique(struct addr *addrs, size_t count)
{
	size_t kept = 0, k;

	for (size_t i = 0; i < count; i++) {
		for (k = 0; k < kept && !addr_same_ip(&addrs[k], &addrs[i]); k++)
			;
		if (k == kept)
			addrs[kept++] = addrs[i];
	}
	return kept;
}

static int forward(const struct dns_question *q, void *out, size_t size)
{
	struct hosts found;
	int err = EAI_NONAME; /* bytes that no host's name has */

	if (q->name[0])
		err = lookup_name(q->name, q->type == DNS_A ? AF_INET : AF_INET6, &found);
	if (err == LOOKUP_DIRECT)
		return -1;
	if (err)
		return empty(q, err, out, size);
	found.count = unique(found.addrs, found.count);
	return (int)dns_answer(q, DNS_NOERROR, found.addrs, found.count, TTL, out, size);
}

static int backward(const struct dns_question *q, void *out, size_t size)
{
	struct hosts found;
	struct addr a;
	int err = dns_reverse(q, &a) ? lookup_address(&a, &found) : EAI_NONAME;

	if (err == LOOKUP_DIRECT)
		return -1;
	if (err)
		return empty(q, err, out, size);
	return (int)dns_answer_name(q, found.canonical, TTL, out, size);
}

int reply(const struct dns_question *q, void *out, size_t size)
{
	if (q->rcode)
		return (int)dns_answer(q, q->rcode, NULL, 0, 0, out, size);
	if (!here() && here_left_to_guard())
		return -1;
	if (!here())
		return empty(q, EAI_FAIL, out, size);
	if (q->class != CLASS_IN || q->wire_len <= 1)
		return empty(q, 0, out, size);
	switch (q->type) {
	case DNS_A:
	case DNS_AAAA:
		return forward(q, out, size);
	case DNS_PTR:
		return backward(q, out, size);
	default:
		return empty(q, 0, out, size);
	}
}
