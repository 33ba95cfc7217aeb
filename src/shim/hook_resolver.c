/* SPDX-License-Identifier: MIT */
/*
 * hook_resolver.c - res_query and its relatives, whose questions are answered here.
 *
 * A name is asked for as it is: no domain of resolv.conf is appended, since nobody here could say
 * which of the names exists.
 */
#include <errno.h>
#include <resolv.h>
#include <string.h>

/* Older headers rename them. */
#undef res_query
#undef res_search
#undef res_querydomain
#undef res_send
#undef res_nquery
#undef res_nsearch
#undef res_nquerydomain
#undef res_nsend

#include "lookup.h"
#include "reply.h"
#include "sys.h"

#define OFFSET_FLAGS 2
#define OFFSET_ANSWERS 6
#define FLAG_TC 2

static int fail_with(struct __res_state *state, int error)
{
	if (state)
		state->res_h_errno = error;
	h_errno = error;
	return -1;
}

/* Copies what fits; the length returned is the whole one's, as the resolver has it. */
static int hand_out(const uint8_t *message, int len, unsigned char *answer, int size)
{
	int fits = len < size ? len : size;

	if (fits <= 0)
		return len;
	memcpy(answer, message, (size_t)fits);
	if (fits < len && fits > OFFSET_FLAGS)
		answer[OFFSET_FLAGS] |= FLAG_TC;
	return len;
}

/* h_errno for a message: as res_query(3) has it. */
static int host_error(const uint8_t *message)
{
	switch (message[OFFSET_FLAGS + 1] & 0xf) {
	case DNS_NOERROR:
		return message[OFFSET_ANSWERS] || message[OFFSET_ANSWERS + 1] ? 0 : NO_DATA;
	case DNS_NXDOMAIN:
		return HOST_NOT_FOUND;
	case DNS_SERVFAIL:
		return TRY_AGAIN;
	default:
		return NO_RECOVERY;
	}
}

/* LOOKUP_DIRECT as a length: the caller asks libc. */
#define ASK_LIBC -2

static int query(struct __res_state *state, const char *name, size_t len, int class, int type,
		 unsigned char *answer, int size)
{
	int before = errno, n, error;
	struct dns_question q;
	uint8_t message[DNS_MESSAGE];
	uint16_t id = (uint16_t)(sys_now() >> 10);

	if (!dns_question(&q, id, name, len, (uint16_t)type, (uint16_t) class))
		return fail_with(state, NO_RECOVERY);
	n = reply(&q, message, sizeof(message));
	if (n < 0)
		return ASK_LIBC;
	error = host_error(message);
	n = hand_out(message, n, answer, size);
	errno = before;
	return error ? fail_with(state, error) : n;
}

static int query_text(struct __res_state *state, const char *name, int class, int type,
		      unsigned char *answer, int size)
{
	return query(state, name, strnlen(name, DNS_NAME + 1), class, type, answer, size);
}

/* The name and the domain with a dot between; the domain may be missing. */
static int query_domain(struct __res_state *state, const char *name, const char *domain, int class,
			int type, unsigned char *answer, int size)
{
	char whole[2 * DNS_NAME + 4];
	struct bytes_out o = bytes_out_init(whole, sizeof(whole));

	bytes_put(&o, name, strnlen(name, DNS_NAME + 1));
	if (domain) {
		bytes_put_text(&o, ".");
		bytes_put(&o, domain, strnlen(domain, DNS_NAME + 1));
	}
	return query(state, whole, (size_t)(o.at - o.start), class, type, answer, size);
}

static int send_message(struct __res_state *state, const unsigned char *message, int len,
			unsigned char *answer, int size)
{
	int before = errno, n;
	struct dns_question q;
	uint8_t out[DNS_MESSAGE];

	if (size < 12 || len < 0 || !dns_parse(&q, message, (size_t)len)) {
		errno = EINVAL;
		return fail_with(state, NETDB_INTERNAL);
	}
	n = reply(&q, out, sizeof(out));
	errno = before;
	return n < 0 ? ASK_LIBC : hand_out(out, n, answer, size);
}

/* Libc's own where a rule says Direct; before glibc 2.34 it has the old name, in libresolv. */
#define OR_LIBC(n, state, function, ...)                                                           \
	((n) != ASK_LIBC      ? (n)                                                                \
	 : real(function)     ? ASK_LIBC_DIRECTLY(real(function)(__VA_ARGS__))                     \
	 : real(__##function) ? ASK_LIBC_DIRECTLY(real(__##function)(__VA_ARGS__))                 \
			      : fail_with(state, TRY_AGAIN))

WRAP int res_query(const char *name, int class, int type, unsigned char *answer, int size)
{
	int n = query_text(NULL, name, class, type, answer, size);

	return OR_LIBC(n, NULL, res_query, name, class, type, answer, size);
}

WRAP int res_search(const char *name, int class, int type, unsigned char *answer, int size)
{
	int n = query_text(NULL, name, class, type, answer, size);

	return OR_LIBC(n, NULL, res_search, name, class, type, answer, size);
}

WRAP int res_querydomain(const char *name, const char *domain, int class, int type,
			 unsigned char *answer, int size)
{
	int n = query_domain(NULL, name, domain, class, type, answer, size);

	return OR_LIBC(n, NULL, res_querydomain, name, domain, class, type, answer, size);
}

WRAP int res_send(const unsigned char *message, int len, unsigned char *answer, int size)
{
	int n = send_message(NULL, message, len, answer, size);

	return OR_LIBC(n, NULL, res_send, message, len, answer, size);
}

WRAP int res_nquery(struct __res_state *state, const char *name, int class, int type,
		    unsigned char *answer, int size)
{
	int n = query_text(state, name, class, type, answer, size);

	return OR_LIBC(n, state, res_nquery, state, name, class, type, answer, size);
}

WRAP int res_nsearch(struct __res_state *state, const char *name, int class, int type,
		     unsigned char *answer, int size)
{
	int n = query_text(state, name, class, type, answer, size);

	return OR_LIBC(n, state, res_nsearch, state, name, class, type, answer, size);
}

WRAP int res_nquerydomain(struct __res_state *state, const char *name, const char *domain,
			  int class, int type, unsigned char *answer, int size)
{
	int n = query_domain(state, name, domain, class, type, answer, size);

	return OR_LIBC(n, state, res_nquerydomain, state, name, domain, class, type, answer, size);
}

WRAP int res_nsend(struct __res_state *state, const unsigned char *message, int len,
		   unsigned char *answer, int size)
{
	int n = send_message(state, message, len, answer, size);

	return OR_LIBC(n, state, res_nsend, state, message, len, answer, size);
}

/* The names that programs linked before glibc 2.34 use. */
#define OLD(name, params) WRAP int __##name params __attribute__((alias(#name), nothrow, leaf))
OLD(res_query, (const char *name, int class, int type, unsigned char *answer, int size));
OLD(res_search, (const char *name, int class, int type, unsigned char *answer, int size));
OLD(res_querydomain,
    (const char *name, const char *domain, int class, int type, unsigned char *answer, int size));
OLD(res_send, (const unsigned char *message, int len, unsigned char *answer, int size));
OLD(res_nquery, (struct __res_state * state, const char *name, int class, int type,
		 unsigned char *answer, int size));
OLD(res_nsearch, (struct __res_state * state, const char *name, int class, int type,
		  unsigned char *answer, int size));
OLD(res_nquerydomain, (struct __res_state * state, const char *name, const char *domain, int class,
		       int type, unsigned char *answer, int size));
OLD(res_nsend, (struct __res_state * state, const unsigned char *message, int len,
		unsigned char *answer, int size));
