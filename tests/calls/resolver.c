/* SPDX-License-Identifier: MIT */
/* resolver.c - fragments of the symbols in hook_resolver.c and hook_async.c. */
#include <arpa/nameser.h>
#include <resolv.h>
#include <signal.h>

#undef REFUSED
#include "../e2e/programs/old_resolver.h"
#include "fragment.h"

#define NAME "web.far.test"

static unsigned char answer[512];
#define ROOM answer, (int)sizeof(answer)

/* The question for NAME's address, as a message. */
static const unsigned char question[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
					"\3web\3far\4test\0\0\1\0\1";
#define QUESTION question, (int)sizeof(question) - 1

/* One record, the last thing in the message: 198.18.0.0/15. */
static int is_answer(int len)
{
	CHECK(len > 12 && answer[2] & 0x80 && answer[7] == 1);
	CHECK(answer[len - 4] == 198 && (answer[len - 3] & 0xfe) == 18);
	return 0;
}

static int queries(int(*query) ASK)
{
	int n;

	KEEPS((n = query(NAME, ns_c_in, ns_t_a, ROOM)) > 0);
	CHECK(is_answer(n) == 0);
	CHECK(query(NAME, ns_c_in, ns_t_mx, ROOM) == -1 && h_errno == NO_DATA);
	CHECK(query("a b", ns_c_in, ns_t_a, ROOM) == -1 && h_errno == HOST_NOT_FOUND);
	return 0;
}

static int nqueries(int (*query)(res_state, const char *, int, int, unsigned char *, int))
{
	struct __res_state state = {0};
	int n;

	KEEPS((n = query(&state, NAME, ns_c_in, ns_t_a, ROOM)) > 0);
	CHECK(is_answer(n) == 0);
	CHECK(query(&state, NAME, ns_c_in, ns_t_mx, ROOM) == -1 && state.res_h_errno == NO_DATA);
	return 0;
}

static int sends(int(*send_it) SEND)
{
	int n;

	KEEPS((n = send_it(QUESTION, ROOM)) > 0);
	CHECK(is_answer(n) == 0 && answer[0] == 0x12 && answer[1] == 0x34);
	FAILS(send_it(question, 5, ROOM), EINVAL);
	FAILS(send_it(QUESTION, answer, 5), EINVAL);
	return 0;
}

static int nsends(int (*send_it)(res_state, const unsigned char *, int, unsigned char *, int))
{
	struct __res_state state = {0};
	int n;

	KEEPS((n = send_it(&state, QUESTION, ROOM)) > 0);
	return is_answer(n);
}

static int domains(int(*query) ASK_DOMAIN)
{
	int n;

	KEEPS((n = query("web", "far.test", ns_c_in, ns_t_a, ROOM)) > 0);
	CHECK(is_answer(n) == 0);
	KEEPS((n = query(NAME ".", NULL, ns_c_in, ns_t_a, ROOM)) > 0);
	return is_answer(n);
}

static int ndomains(int (*query)(res_state, const char *, const char *, int, int, unsigned char *,
				 int))
{
	struct __res_state state = {0};
	int n;

	KEEPS((n = query(&state, "web", "far.test", ns_c_in, ns_t_a, ROOM)) > 0);
	return is_answer(n);
}

FRAGMENT(res_query)
{
	return queries(res_query);
}

FRAGMENT(res_search)
{
	return queries(res_search);
}

FRAGMENT(res_querydomain)
{
	return domains(res_querydomain);
}

FRAGMENT(res_send)
{
	return sends(res_send);
}

FRAGMENT(res_nquery)
{
	return nqueries(res_nquery);
}

FRAGMENT(res_nsearch)
{
	return nqueries(res_nsearch);
}

FRAGMENT(res_nquerydomain)
{
	return ndomains(res_nquerydomain);
}

FRAGMENT(res_nsend)
{
	return nsends(res_nsend);
}

FRAGMENT(__res_query)
{
	return queries(old_res_query);
}

FRAGMENT(__res_search)
{
	return queries(old_res_search);
}

FRAGMENT(__res_querydomain)
{
	return domains(old_res_querydomain);
}

FRAGMENT(__res_send)
{
	return sends(old_res_send);
}

FRAGMENT(__res_nquery)
{
	return nqueries(old_res_nquery);
}

FRAGMENT(__res_nsearch)
{
	return nqueries(old_res_nsearch);
}

FRAGMENT(__res_nquerydomain)
{
	return ndomains(old_res_nquerydomain);
}

FRAGMENT(__res_nsend)
{
	return nsends(old_res_nsend);
}

FRAGMENT(getaddrinfo_a)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct gaicb one = {.ar_name = NAME, .ar_request = &hints}, *list[] = {NULL, &one};

	KEEPS(getaddrinfo_a(GAI_WAIT, list, 2, NULL) == 0);
	CHECK(gai_error(&one) == 0 && one.ar_result->ai_family == AF_INET);
	freeaddrinfo(one.ar_result);
	KEEPS(getaddrinfo_a(GAI_NOWAIT, list, 2, NULL) == 0);
	CHECK(gai_error(&one) == 0 && gai_suspend((void *)list, 2, NULL) == EAI_ALLDONE);
	freeaddrinfo(one.ar_result);
	errno = 0;
	CHECK(getaddrinfo_a(7, list, 2, NULL) == EAI_SYSTEM && errno == EINVAL);
	return 0;
}
