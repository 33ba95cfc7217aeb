/* SPDX-License-Identifier: MIT */
/* test_socks.c - SOCKS4a and SOCKS5 conversations, whole and in pieces. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "socks.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* A byte string and its length, for (data, len) parameters. */
#define B(s) (const uint8_t *)(s), sizeof(s) - 1

static const uint8_t ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

static struct socks_request to_name(uint8_t protocol, uint8_t command, const char *name)
{
	return (struct socks_request){
		.protocol = protocol,
		.command = command,
		.name = name,
		.name_len = (uint8_t)strlen(name),
		.to = {.port = 0x1234},
	};
}

static struct socks_request to_v4(uint8_t protocol)
{
	return (struct socks_request){
		.protocol = protocol,
		.command = SOCKS_CONNECT,
		.to = addr_v4((const uint8_t[]){1, 2, 3, 4}, 0x1234),
	};
}

static struct socks_request with_password(struct socks_request rq)
{
	rq.credentials = true;
	rq.user = (const uint8_t *)"me";
	rq.user_len = 2;
	rq.password = (const uint8_t *)"pass";
	rq.password_len = 4;
	return rq;
}

/* Sends the current message `step` bytes at a time; it must be exactly this one. */
static void sends(struct socks *s, const struct socks_request *rq, size_t step, const uint8_t *want,
		  size_t len)
{
	uint8_t out[SOCKS_MESSAGE_MAX];

	for (size_t at = 0; at < len;) {
		size_t n = len - at < step ? len - at : step;

		assert_int_equal(socks_next(s), SOCKS_SEND);
		assert_int_equal(socks_want(s), 0);
		assert_int_equal(socks_output(s, rq, out), len - at);
		assert_memory_equal(out, want + at, len - at);
		socks_sent(s, rq, 0);
		assert_int_equal(socks_output(s, rq, out), len - at);
		socks_sent(s, rq, n);
		at += n;
	}
}

/* Feeds bytes, at most `step` at a time and never more than wanted; returns how many were taken. */
static size_t feed(struct socks *s, const struct socks_request *rq, size_t step,
		   const uint8_t *data, size_t len, struct socks_answer *answer)
{
	size_t at = 0;

	while (at < len && socks_next(s) == SOCKS_RECEIVE) {
		size_t n = socks_want(s);

		assert_in_range(n, 1, SOCKS_WANT_MAX);
		n = n < step ? n : step;
		n = n < len - at ? n : len - at;
		socks_input(s, rq, data + at, n, answer);
		at += n;
	}
	return at;
}

/* A machine that waits for the last reply. */
static struct socks at_reply(const struct socks_request *rq)
{
	struct socks s;

	socks_begin(&s, rq);
	while (socks_next(&s) == SOCKS_SEND) {
		socks_sent(&s, rq, SOCKS_MESSAGE_MAX);
		if (rq->protocol == SOCKS_V4A || socks_want(&s) > 2)
			break;
		feed(&s, rq, 99, B("\5\0"), NULL);
	}
	assert_int_equal(socks_next(&s), SOCKS_RECEIVE);
	return s;
}

static struct socks_request connect5(void)
{
	return to_name(SOCKS_V5, SOCKS_CONNECT, "example.com");
}

static void connects_by_name(void **state)
{
	struct socks_request rq = connect5();
	struct socks s;

	(void)state;
	for (size_t step = 1; step < 20; step++) {
		socks_begin(&s, &rq);
		sends(&s, &rq, step, B("\5\1\0"));
		assert_int_equal(socks_want(&s), 2);
		assert_false(socks_requested(&s, &rq));
		assert_int_equal(feed(&s, &rq, step, B("\5\0"), NULL), 2);
		assert_false(socks_requested(&s, &rq));
		sends(&s, &rq, step, B("\5\1\0\3\13example.com\x12\x34"));
		assert_true(socks_requested(&s, &rq));
		assert_int_equal(socks_want(&s), 7);
		assert_int_equal(feed(&s, &rq, step, B("\5\0\0\1\1\2\3\4\x12\x34rest"), NULL), 10);
		assert_int_equal(socks_next(&s), SOCKS_DONE);
		assert_int_equal(socks_want(&s), 0);
		assert_int_equal(s.error, 0);
		assert_true(s.replied);
		assert_int_equal(s.code, 0);
	}
}

static void requests_by_destination(void **state)
{
	struct socks_request v4 = to_v4(SOCKS_V5), v6 = v4, mapped = v4, ptr = v4;
	struct socks_request resolve = to_name(SOCKS_V5, SOCKS_RESOLVE, "a");
	struct socks s;

	(void)state;
	v6.to = addr_v6(ip6, 0x1234);
	mapped.to = addr_v6(v4.to.ip, 0x1234);
	ptr.command = SOCKS_RESOLVE_PTR;
	resolve.to.port = 0;
#define REQUEST(rq, bytes)                                                                         \
	do {                                                                                       \
		socks_begin(&s, &(rq));                                                            \
		sends(&s, &(rq), 99, B("\5\1\0"));                                                 \
		feed(&s, &(rq), 99, B("\5\0"), NULL);                                              \
		sends(&s, &(rq), 99, B(bytes));                                                    \
	} while (0)
	REQUEST(v4, "\5\1\0\1\1\2\3\4\x12\x34");
	REQUEST(mapped, "\5\1\0\1\1\2\3\4\x12\x34");
	REQUEST(v6, "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x12\x34");
	REQUEST(ptr, "\5\xf1\0\1\1\2\3\4\x12\x34");
	REQUEST(resolve, "\5\xf0\0\3\1a\0\0");
}

static void authenticates(void **state)
{
	struct socks_request rq = with_password(connect5());
	struct socks s;

	(void)state;
	for (size_t step = 1; step < 20; step++) {
		socks_begin(&s, &rq);
		sends(&s, &rq, step, B("\5\2\0\2"));
		feed(&s, &rq, step, B("\5\2"), NULL);
		assert_int_equal(s.method, 2);
		sends(&s, &rq, step, B("\1\2me\4pass"));
		assert_int_equal(socks_want(&s), 2);
		feed(&s, &rq, step, B("\1\0"), NULL);
		sends(&s, &rq, step, B("\5\1\0\3\13example.com\x12\x34"));
		feed(&s, &rq, step, B("\5\0\0\1\0\0\0\0\0\0"), NULL);
		assert_int_equal(socks_next(&s), SOCKS_DONE);
	}
	/* microsocks, dante and ssh pick 0 of {0, 2} */
	socks_begin(&s, &rq);
	sends(&s, &rq, 99, B("\5\2\0\2"));
	feed(&s, &rq, 99, B("\5\0"), NULL);
	sends(&s, &rq, 99, B("\5\1\0\3\13example.com\x12\x34"));
}

/* Any bytes may stand in SOCKS5's user and password, up to 255 each. */
static void credentials_are_bytes(void **state)
{
	static uint8_t long_one[255], want[3 + 255 + 255];
	struct socks_request rq = connect5();
	struct socks s;

	(void)state;
	rq.credentials = true;
	rq.user = rq.password = long_one;
	rq.user_len = rq.password_len = 255;
	memset(long_one + 1, 0xff, 254);
	want[0] = 1;
	want[1] = want[257] = 255;
	memcpy(want + 2, long_one, 255);
	memcpy(want + 258, long_one, 255);
	socks_begin(&s, &rq);
	sends(&s, &rq, 99, B("\5\2\0\2"));
	feed(&s, &rq, 99, B("\5\2"), NULL);
	sends(&s, &rq, 99, want, sizeof(want));
}

static void pipelines_without_credentials(void **state)
{
	struct socks_request rq = connect5();
	struct socks s;

	(void)state;
	rq.pipeline = true;
	for (size_t step = 1; step < 25; step++) {
		socks_begin(&s, &rq);
		assert_false(socks_requested(&s, &rq));
		sends(&s, &rq, step, B("\5\1\0\5\1\0\3\13example.com\x12\x34"));
		assert_true(socks_requested(&s, &rq));
		assert_int_equal(socks_want(&s), 2 + 7);
		assert_int_equal(feed(&s, &rq, step, B("\5\0\5\0\0\1\1\2\3\4\0\1rest"), NULL), 12);
		assert_int_equal(socks_next(&s), SOCKS_DONE);
	}
}

/* A whole reply may have 7 bytes: what follows it is the program's, however early it comes. */
static void pipelined_replies_end_where_they_end(void **state)
{
	struct socks_request rq = connect5();
	struct socks s;

	(void)state;
	rq.pipeline = true;
	for (size_t step = 1; step < 25; step++) {
		socks_begin(&s, &rq);
		sends(&s, &rq, step, B("\5\1\0\5\1\0\3\13example.com\x12\x34"));
		assert_int_equal(feed(&s, &rq, step, B("\5\0\5\0\0\3\0\0\1rest"), NULL), 9);
		assert_int_equal(socks_next(&s), SOCKS_DONE);
		socks_begin(&s, &rq);
		sends(&s, &rq, step, B("\5\1\0\5\1\0\3\13example.com\x12\x34"));
		feed(&s, &rq, step, B("\5\xff\5\0\0\3\0\0\1rest"), NULL);
		assert_int_equal(socks_next(&s), SOCKS_FAILED);
		assert_int_equal(s.error, EACCES);
		assert_false(s.replied);
	}
}

/* Tor loses `05 02` when greeting and authentication share a segment. */
static void pipelines_with_credentials(void **state)
{
	struct socks_request rq = with_password(connect5());
	struct socks s;

	(void)state;
	rq.pipeline = true;
	for (size_t step = 1; step < 35; step++) {
		socks_begin(&s, &rq);
		sends(&s, &rq, step, B("\5\2\0\2"));
		assert_int_equal(feed(&s, &rq, step, B("\5\2"), NULL), 2);
		assert_false(socks_requested(&s, &rq));
		sends(&s, &rq, step, B("\1\2me\4pass\5\1\0\3\13example.com\x12\x34"));
		assert_true(socks_requested(&s, &rq));
		assert_int_equal(socks_want(&s), 2 + 7);
		assert_int_equal(feed(&s, &rq, step, B("\1\0\5\0\0\1\1\2\3\4\0\1rest"), NULL), 12);
		assert_int_equal(socks_next(&s), SOCKS_DONE);
	}
	socks_begin(&s, &rq);
	sends(&s, &rq, 99, B("\5\2\0\2"));
	feed(&s, &rq, 99, B("\5\0"), NULL);
	sends(&s, &rq, 99, B("\5\1\0\3\13example.com\x12\x34"));
	assert_int_equal(socks_want(&s), 7);
}

static void socks4a(void **state)
{
	struct socks_request name = to_name(SOCKS_V4A, SOCKS_CONNECT, "example.com");
	struct socks_request user = with_password(name), v4 = to_v4(SOCKS_V4A);
	struct socks_request resolve = name, any = v4;
	struct socks s;

	(void)state;
	resolve.command = SOCKS_RESOLVE;
	memset(any.to.ip + 12, 0, 4);
	user.password = NULL;
	user.password_len = 0;
	for (size_t step = 1; step < 30; step++) {
		socks_begin(&s, &name);
		sends(&s, &name, step, B("\4\1\x12\x34\0\0\0\1\0example.com\0"));
		assert_int_equal(socks_want(&s), 8);
		assert_int_equal(feed(&s, &name, step, B("\0\x5a\0\0\0\0\0\0rest"), NULL), 8);
		assert_int_equal(socks_next(&s), SOCKS_DONE);
		assert_true(s.replied);
		assert_int_equal(s.code, 0x5a);
		socks_begin(&s, &user);
		sends(&s, &user, step, B("\4\1\x12\x34\0\0\0\1me\0example.com\0"));
		socks_begin(&s, &resolve);
		sends(&s, &resolve, step, B("\4\xf0\x12\x34\0\0\0\1\0example.com\0"));
		socks_begin(&s, &v4);
		sends(&s, &v4, step, B("\4\1\x12\x34\1\2\3\4\0"));
		socks_begin(&s, &any);
		sends(&s, &any, step, B("\4\1\x12\x34\0\0\0\0\0"));
	}
}

static void longest_messages_fit(void **state)
{
	static uint8_t user[255];
	static char name[256];
	struct socks_request rq;
	uint8_t out[SOCKS_MESSAGE_MAX];
	struct socks s;

	(void)state;
	memset(user, 'u', sizeof(user));
	memset(name, 'n', 255);
	rq = to_name(SOCKS_V5, SOCKS_CONNECT, name);
	rq.credentials = rq.pipeline = true;
	rq.user = rq.password = user;
	rq.user_len = rq.password_len = 255;
	socks_begin(&s, &rq);
	socks_sent(&s, &rq, 4);
	feed(&s, &rq, 99, B("\5\2"), NULL);
	assert_int_equal(socks_output(&s, &rq, out), 3 + 255 + 255 + 4 + 1 + 255 + 2);
	assert_int_equal(out[775 - 3], 'n');
	rq.protocol = SOCKS_V4A;
	socks_begin(&s, &rq);
	assert_int_equal(socks_output(&s, &rq, out), 8 + 255 + 1 + 255 + 1);
}

static void refused_to_begin(const struct socks_request *rq, int error)
{
	uint8_t out[SOCKS_MESSAGE_MAX];
	struct socks s;

	socks_begin(&s, rq);
	assert_int_equal(socks_next(&s), SOCKS_FAILED);
	assert_int_equal(s.error, error);
	assert_int_equal(socks_output(&s, rq, out), 0);
	assert_true(strlen(socks_words(&s, rq->protocol)) > 10);
	/* what comes later changes nothing */
	socks_sent(&s, rq, 1);
	socks_eof(&s);
	assert_int_equal(s.error, error);
}

static void bad_names_are_not_sent(void **state)
{
	static const char bad[] = {0, '\t', '\n', ' ', 0x1f, 0x7f};
	char name[] = "a.b";

	(void)state;
	for (int v = 0; v < 2; v++) {
		uint8_t protocol = v ? SOCKS_V5 : SOCKS_V4A;
		struct socks_request rq = to_name(protocol, SOCKS_CONNECT, name);
		struct socks s;

		for (size_t i = 0; i < COUNT(bad); i++) {
			for (size_t at = 0; at < 3; at++) {
				memcpy(name, "a.b", 4);
				name[at] = bad[i];
				refused_to_begin(&rq, EINVAL);
			}
		}
		memcpy(name, "\xc3\xbc.", 4); /* UTF-8 is for the proxy to judge */
		socks_begin(&s, &rq);
		assert_int_equal(socks_next(&s), SOCKS_SEND);
		rq.name_len = 0; /* and 256, in a byte */
		refused_to_begin(&rq, EINVAL);
	}
}

static void bad_requests_are_not_sent(void **state)
{
	struct socks_request good = with_password(connect5()), rq;

	(void)state;
#define BAD(error, ...)                                                                            \
	do {                                                                                       \
		rq = good;                                                                         \
		__VA_ARGS__;                                                                       \
		refused_to_begin(&rq, error);                                                      \
	} while (0)
	BAD(EINVAL, rq.protocol = 0);
	BAD(EINVAL, rq.protocol = 6);
	BAD(EINVAL, rq.command = 0);
	BAD(EINVAL, rq.command = 2);
	BAD(EINVAL, rq.command = 3);
	BAD(EINVAL, rq.user_len = 0);
	BAD(EINVAL, rq.user = NULL);
	BAD(EINVAL, rq.password_len = 0);
	BAD(EINVAL, rq.password = NULL);
	BAD(EINVAL, rq.command = SOCKS_RESOLVE_PTR);
	BAD(EINVAL, rq.command = SOCKS_RESOLVE; rq.name = NULL);
	good.protocol = SOCKS_V4A;
	BAD(EINVAL, rq.user_len = 0);
	BAD(EINVAL, rq.user = (const uint8_t *)"m\0");
	BAD(EINVAL, rq.command = SOCKS_RESOLVE_PTR; rq.name = NULL);
	good.name = NULL;
	BAD(EAFNOSUPPORT, rq.to = addr_v6(ip6, 80));
	BAD(EINVAL, rq.to = addr_v4((const uint8_t[]){0, 0, 0, 1}, 80));
	BAD(EINVAL, rq.to = addr_v4((const uint8_t[]){0, 0, 0, 255}, 80));
}

/* Each reply, fed in two pieces cut anywhere and byte by byte, ends alike and at the same byte. */
static void check_reply(const struct socks_request *rq, const uint8_t *data, size_t len, int error,
			const struct socks_answer *want)
{
	for (size_t cut = 0; cut <= len; cut++) {
		struct socks s = at_reply(rq), bare = s;
		struct socks_answer answer;
		size_t step = cut ? 999 : 1, n;

		memset(&answer, 0xee, sizeof(answer));
		n = feed(&s, rq, step, data, cut, &answer);
		n += feed(&s, rq, step, data + n, len - n, &answer);
		feed(&bare, rq, step, data, len, NULL);
		assert_int_equal(socks_next(&s), error ? SOCKS_FAILED : SOCKS_DONE);
		assert_int_equal(s.error, error);
		assert_int_equal(bare.error, error);
		assert_int_equal(socks_next(&bare), socks_next(&s));
		if (!error)
			assert_int_equal(n, len);
		if (error)
			continue;
		assert_int_equal(answer.type, want->type);
		assert_int_equal(answer.len, want->len);
		assert_string_equal(answer.name, want->name);
		if (want->type)
			assert_true(addr_equal(&answer.addr, &want->addr));
	}
}

static void replies_of_every_type(void **state)
{
	static const uint8_t ip[4] = {1, 2, 3, 4};
	struct socks_request rq = connect5(), v4a = to_v4(SOCKS_V4A);
	struct socks_answer v4 = {.type = 1}, v6 = {.type = 4}, none = {0};
	struct socks_answer name = {.type = 3, .len = 3, .name = "a.b", .addr.port = 0x1234};
	struct socks_answer empty = {.type = 3, .addr.port = 0x1234};

	(void)state;
	v4.addr = addr_v4(ip, 0x1234);
	v6.addr = addr_v6(ip6, 0x1234);
	check_reply(&rq, B("\5\0\0\1\1\2\3\4\x12\x34"), 0, &v4);
	check_reply(&rq, B("\5\0\xff\1\1\2\3\4\x12\x34"), 0, &v4);
	check_reply(&rq, B("\5\0\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x12\x34"), 0, &v6);
	check_reply(&rq, B("\5\0\0\3\3a.b\x12\x34"), 0, &name);
	check_reply(&rq, B("\5\0\0\3\0\x12\x34"), 0, &empty);
	check_reply(&rq, B("\5\0\0\0\1\2\3\4\x12\x34"), 0, &none);
	check_reply(&rq, B("\5\0\0\3\3a\0b\x12\x34"), 0, &none);
	check_reply(&rq, B("\5\0\0\2"), EPROTO, NULL);
	check_reply(&rq, B("\5\0\0\5"), EPROTO, NULL);
	check_reply(&v4a, B("\0\x5a\x12\x34\1\2\3\4"), 0, &v4);
}

static void longest_name_in_a_reply(void **state)
{
	struct socks_request rq = connect5();
	struct socks_answer want = {.type = 3, .len = 255, .addr.port = 0x1234};
	uint8_t reply[262] = {5, 0, 0, 3, 255};

	(void)state;
	memset(reply + 5, 'n', 255);
	memset(want.name, 'n', 255);
	reply[260] = 0x12;
	reply[261] = 0x34;
	check_reply(&rq, reply, sizeof(reply), 0, &want);
}

static void resolve_answers(void **state)
{
	static const uint8_t ip[4] = {1, 2, 3, 4};
	struct socks_request rq = to_name(SOCKS_V5, SOCKS_RESOLVE, "example.com"),
			     ptr = to_v4(SOCKS_V5);
	struct socks_request v4a = to_name(SOCKS_V4A, SOCKS_RESOLVE, "example.com");
	struct socks_answer v4 = {.type = 1}, v6 = {.type = 4}, asked = {.type = 1};
	struct socks_answer name = {.type = 3, .len = 3, .name = "a.b"};
	struct socks s;

	(void)state;
	asked.addr = addr_v4(ip, 0x1234);
	ptr.command = SOCKS_RESOLVE_PTR;
	v4.addr = addr_v4(ip, 0);
	v6.addr = addr_v6(ip6, 0);
	check_reply(&rq, B("\5\0\0\1\1\2\3\4\0\0"), 0, &v4);
	check_reply(&rq, B("\5\0\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0"), 0, &v6);
	check_reply(&ptr, B("\5\0\0\3\3a.b\0\0"), 0, &name);
	check_reply(&v4a, B("\0\x5a\0\0\1\2\3\4"), 0, &v4);
	check_reply(&ptr, B("\5\0\0\3\3a\0b\0\0"), EPROTO, NULL);
	check_reply(&ptr, B("\5\0\0\3\3\0\0\0\0\0"), EPROTO, NULL);
	check_reply(&ptr, B("\5\0\0\3\0\0\0"), EPROTO, NULL);
	check_reply(&rq, B("\5\0\0\0\0\0\0\0\0\0"), EPROTO, NULL);
	/* of servers that look at no command, and answer as to a CONNECT */
	check_reply(&rq, B("\5\0\0\1\1\2\3\4\0\x50"), EPROTO, NULL);
	check_reply(&rq, B("\5\0\0\1\1\2\3\4\x50"), EPROTO, NULL);
	check_reply(&ptr, B("\5\0\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\7\0"), EPROTO, NULL);
	check_reply(&rq, B("\5\0\0\1\0\0\0\0\0\0"), EPROTO, NULL);
	check_reply(&rq, B("\5\0\0\1\1\2\3\4\x12\x34"), 0,
		    &asked); /* the port of the request, as stunnel */
	check_reply(&rq, B("\5\7"), ECONNREFUSED, NULL);
	s = at_reply(&rq);
	feed(&s, &rq, 99, B("\5\7"), NULL);
	assert_non_null(strstr(socks_words(&s, 5), "no Tor"));
	/* Tor's answer to a failed RESOLVE: address type 0 */
	check_reply(&rq, B("\5\4\0\0\0\0\0\0\0\0"), EHOSTUNREACH, NULL);
}

/* Two bytes of a refusal are enough, and its rest may never come. */
static void every_code(void **state)
{
	static const uint8_t v5[256] = {
		[0x02] = EACCES,       [0x03] = ENETUNREACH,  [0x04] = EHOSTUNREACH,
		[0x06] = ETIMEDOUT,    [0x08] = ENETUNREACH,  [0xf0] = EHOSTUNREACH,
		[0xf1] = EHOSTUNREACH, [0xf2] = EHOSTUNREACH, [0xf3] = EHOSTUNREACH,
		[0xf4] = EACCES,       [0xf5] = EACCES,	      [0xf6] = EHOSTUNREACH,
		[0xf7] = ETIMEDOUT,
	};
	static const uint8_t v4[256] = {[0x5c] = EACCES, [0x5d] = EACCES};

	(void)state;
	for (unsigned int i = 0; i < 512; i++) {
		uint8_t protocol = i < 256 ? SOCKS_V4A : SOCKS_V5, code = (uint8_t)i;
		uint8_t reply[] = {i < 256 ? 0 : 5, code};
		struct socks_request rq = to_v4(protocol);
		int error = protocol == SOCKS_V5 ? v5[code] : v4[code];
		struct socks s = at_reply(&rq);

		if (code == (protocol == SOCKS_V5 ? 0 : 0x5a)) {
			assert_int_equal(socks_code_errno(protocol, code), 0);
			continue;
		}
		error = error ? error : ECONNREFUSED;
		assert_int_equal(socks_code_errno(protocol, code), error);
		check_reply(&rq, reply, 2, error, NULL);
		feed(&s, &rq, 99, reply, 2, NULL);
		assert_true(s.replied);
		assert_int_equal(s.code, code);
		assert_memory_equal(socks_words(&s, protocol), "the proxy says: ", 16);
	}
}

static const char *words_of_code(uint8_t protocol, uint8_t code)
{
	struct socks_request rq = to_v4(protocol);
	struct socks s = at_reply(&rq);
	uint8_t reply[] = {protocol == SOCKS_V5 ? 5 : 0, code};

	feed(&s, &rq, 99, reply, 2, NULL);
	return socks_words(&s, protocol);
}

/* No two codes share their words, but for those that nobody has defined. */
static void words_differ(void **state)
{
	static const uint8_t v5[] = {1,	   2,	 3,    4,    5,	   6,	 7,    8,   0xf0,
				     0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0x99};
	static const uint8_t v4[] = {0x5b, 0x5c, 0x5d, 0x99};

	(void)state;
	for (size_t i = 0; i < COUNT(v5); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(words_of_code(5, v5[i]), words_of_code(5, v5[j]));
	for (size_t i = 0; i < COUNT(v4); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(words_of_code(4, v4[i]), words_of_code(4, v4[j]));
	assert_string_equal(words_of_code(5, 3), "the proxy says: network unreachable");
}

static void method_reply(const struct socks_request *rq, const uint8_t *data, size_t len, int error,
			 const char *words)
{
	for (size_t step = 1; step <= 2; step++) {
		struct socks s;

		socks_begin(&s, rq);
		socks_sent(&s, rq, SOCKS_MESSAGE_MAX);
		feed(&s, rq, step, data, len, NULL);
		assert_int_equal(socks_next(&s), SOCKS_FAILED);
		assert_int_equal(s.error, error);
		assert_false(s.replied);
		if (!strstr(socks_words(&s, SOCKS_V5), words))
			fail_msg("%s: no %s", socks_words(&s, SOCKS_V5), words);
	}
}

static void bad_greetings(void **state)
{
	struct socks_request bare = connect5(), password = with_password(bare);

	(void)state;
	method_reply(&bare, B("\5\xff"), EACCES, "wants a user name");
	method_reply(&password, B("\5\xff"), EACCES, "neither");
	method_reply(&bare, B("\5\2"), EPROTO, "not offered");
	method_reply(&bare, B("\5\1"), EPROTO, "not offered");
	method_reply(&password, B("\5\1"), EPROTO, "not offered");
	method_reply(&bare, B("HTTP/1.0 501"), EPROTO, "HTTP");
	method_reply(&bare, B("\0\x5b"), EPROTO, "SOCKS4");
	method_reply(&bare, B("\4\xff"), EPROTO, "SOCKS4");
	method_reply(&bare, B("SSH-2.0"), EPROTO, "not SOCKS");
	bare.pipeline = true;
	method_reply(&bare, B("\5\xff"), EACCES, "wants a user name");
}

static void bad_auth_and_replies(void **state)
{
	struct socks_request rq = with_password(connect5()), v4a = to_v4(SOCKS_V4A);
	static const struct {
		uint8_t reply[2];
		int error;
	} cases[] = {{{1, 1}, EACCES},
		     {{1, 255}, EACCES},
		     {{5, 1}, EACCES},
		     {{4, 0}, EPROTO},
		     {{0, 0}, EPROTO}};
	struct socks s;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t step = 1; step <= 2; step++) {
			socks_begin(&s, &rq);
			socks_sent(&s, &rq, 4);
			feed(&s, &rq, 99, B("\5\2"), NULL);
			socks_sent(&s, &rq, 9);
			feed(&s, &rq, step, cases[i].reply, 2, NULL);
			assert_int_equal(socks_next(&s), SOCKS_FAILED);
			assert_int_equal(s.error, cases[i].error);
		}
	}
	rq = connect5();
	check_reply(&rq, B("\4"), EPROTO, NULL);
	check_reply(&rq, B("HTTP/1"), EPROTO, NULL);
	check_reply(&v4a, B("\5\xff"), EPROTO, NULL);
	check_reply(&v4a, B("\4\x5a"), EPROTO, NULL);
	s = at_reply(&v4a);
	feed(&s, &v4a, 99, B("\5\xff"), NULL);
	assert_non_null(strstr(socks_words(&s, SOCKS_V4A), "SOCKS5"));
}

/* An end of file is a refusal wherever it comes; `ssh -D` says no that way. */
static void end_of_file(void **state)
{
	static const char input[] = "\5\2\1\0\5\0\0\1\1\2\3\4\0";
	struct socks_request rq = with_password(connect5());

	(void)state;
	for (size_t n = 0; n < sizeof(input); n++) {
		size_t at = 0;
		struct socks s;

		socks_begin(&s, &rq);
		while (at < n) {
			if (socks_next(&s) == SOCKS_SEND)
				socks_sent(&s, &rq, SOCKS_MESSAGE_MAX);
			at += feed(&s, &rq, 1, (const uint8_t *)input + at, n - at, NULL);
		}
		socks_eof(&s);
		assert_int_equal(socks_next(&s), SOCKS_FAILED);
		assert_int_equal(s.error, ECONNREFUSED);
		assert_int_equal(socks_want(&s), 0);
		if (n == 2) /* the method reply is whole: nothing was cut */
			assert_non_null(strstr(socks_words(&s, SOCKS_V5), "instead of"));
		socks_fail(&s, EPIPE);
		assert_int_equal(s.error, ECONNREFUSED);
	}
}

static void words_of_the_end(void **state)
{
	struct socks_request rq = connect5();
	struct socks s;

	(void)state;
	socks_begin(&s, &rq);
	socks_eof(&s);
	assert_non_null(strstr(socks_words(&s, 5), "is it a SOCKS proxy"));
	s = at_reply(&rq);
	socks_eof(&s);
	assert_non_null(strstr(socks_words(&s, 5), "instead of answering"));
	rq = with_password(rq);
	socks_begin(&s, &rq);
	sends(&s, &rq, 99, B("\5\2\0\2"));
	feed(&s, &rq, 99, B("\5\2"), NULL);
	socks_sent(&s, &rq, SOCKS_MESSAGE_MAX);
	socks_eof(&s);
	assert_non_null(strstr(socks_words(&s, 5), "had user name and password"));
	rq = connect5();
	s = at_reply(&rq);
	feed(&s, &rq, 99, B("\5\0\0"), NULL);
	socks_eof(&s);
	assert_non_null(strstr(socks_words(&s, 5), "middle"));
	s = at_reply(&rq);
	socks_fail(&s, ETIMEDOUT);
	assert_int_equal(s.error, ETIMEDOUT);
	assert_non_null(strstr(socks_words(&s, 5), "in time"));
	s = at_reply(&rq);
	feed(&s, &rq, 99, B("\5\0\0"), NULL);
	socks_fail(&s, ETIMEDOUT);
	assert_int_equal(s.error, ETIMEDOUT);
	assert_non_null(strstr(socks_words(&s, 5), "stopped in the middle"));
	s = at_reply(&rq);
	feed(&s, &rq, 99, B("\5\0\5\0"), NULL); /* the answer to the greeting again */
	assert_int_equal(s.error, EPROTO);
	rq.tor = rq.pipeline = true; /* Tor's SafeSocks: no 5 0, but the refusal */
	socks_begin(&s, &rq);
	socks_sent(&s, &rq, SOCKS_MESSAGE_MAX);
	feed(&s, &rq, 99, B("\5\2\0\1\0\0\0\0\0"), NULL);
	assert_int_equal(s.error, EACCES);
	assert_non_null(strstr(socks_words(&s, 5), "its rules do not allow"));
	rq = with_password(rq);
	socks_begin(&s, &rq);
	socks_sent(&s, &rq, SOCKS_MESSAGE_MAX);
	feed(&s, &rq, 99, B("\5\2"), NULL);
	socks_sent(&s, &rq, SOCKS_MESSAGE_MAX);
	feed(&s, &rq, 99, B("\5\2\0\1\0\0\0\0\0"), NULL);
	assert_int_equal(s.error, EACCES);
	assert_non_null(strstr(socks_words(&s, 5), "its rules do not allow"));
	rq = connect5();
	s = at_reply(&rq);
	socks_fail(&s, ECONNRESET); /* the proxy closed, and had not read all */
	assert_int_equal(s.error, ECONNREFUSED);
	assert_non_null(strstr(socks_words(&s, 5), "instead of answering"));
	s = at_reply(&rq);
	socks_fail(&s, EHOSTUNREACH);
	assert_int_equal(s.error, EHOSTUNREACH);
	assert_non_null(strstr(socks_words(&s, 5), "broke"));
	s = at_reply(&rq);
	socks_fail(&s, 0); /* a failure always has an errno */
	assert_int_equal(s.error, EIO);
}

/* A machine in zeroed memory: the proxy could not be reached. */
static void fails_before_it_begins(void **state)
{
	struct socks_request rq = connect5();
	uint8_t out[SOCKS_MESSAGE_MAX];
	struct socks s = {0};

	(void)state;
	assert_int_not_equal(socks_next(&s), SOCKS_DONE);
	assert_int_not_equal(socks_next(&s), SOCKS_FAILED);
	assert_int_equal(socks_want(&s), 0);
	assert_int_equal(socks_output(&s, &rq, out), 0);
	socks_fail(&s, ECONNREFUSED);
	assert_int_equal(socks_next(&s), SOCKS_FAILED);
	assert_int_equal(s.error, ECONNREFUSED);
	assert_non_null(strstr(socks_words(&s, 5), "nothing listens"));
	memset(&s, 0, sizeof(s));
	socks_fail(&s, ETIMEDOUT);
	assert_non_null(strstr(socks_words(&s, 5), "does not answer"));
}

/* Once the tunnel is up, what happens on it is the program's. */
static void done_stays_done(void **state)
{
	struct socks_request rq = connect5();
	struct socks s = at_reply(&rq);

	(void)state;
	feed(&s, &rq, 99, B("\5\0\0\1\1\2\3\4\0\0"), NULL);
	socks_eof(&s);
	socks_fail(&s, EPIPE);
	socks_input(&s, &rq, B("\5\1\0"), NULL);
	socks_sent(&s, &rq, 5);
	assert_int_equal(socks_next(&s), SOCKS_DONE);
	assert_int_equal(s.error, 0);
}

/* More than was wanted is not looked at: the caller has read the program's bytes. */
static void takes_no_more_than_wanted(void **state)
{
	struct socks_request rq = connect5();
	struct socks s = at_reply(&rq);

	(void)state;
	socks_input(&s, &rq, B("\5\0\0\1\1\2\3\4\0\0rest"), NULL);
	assert_int_equal(socks_want(&s), 3);
	socks_input(&s, &rq, NULL, 0, NULL);
	assert_int_equal(socks_want(&s), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_by_name),
		cmocka_unit_test(requests_by_destination),
		cmocka_unit_test(authenticates),
		cmocka_unit_test(credentials_are_bytes),
		cmocka_unit_test(pipelines_without_credentials),
		cmocka_unit_test(pipelined_replies_end_where_they_end),
		cmocka_unit_test(pipelines_with_credentials),
		cmocka_unit_test(socks4a),
		cmocka_unit_test(longest_messages_fit),
		cmocka_unit_test(bad_names_are_not_sent),
		cmocka_unit_test(bad_requests_are_not_sent),
		cmocka_unit_test(replies_of_every_type),
		cmocka_unit_test(longest_name_in_a_reply),
		cmocka_unit_test(resolve_answers),
		cmocka_unit_test(every_code),
		cmocka_unit_test(words_differ),
		cmocka_unit_test(bad_greetings),
		cmocka_unit_test(bad_auth_and_replies),
		cmocka_unit_test(end_of_file),
		cmocka_unit_test(words_of_the_end),
		cmocka_unit_test(fails_before_it_begins),
		cmocka_unit_test(done_stays_done),
		cmocka_unit_test(takes_no_more_than_wanted),
	};

	return cmocka_run_group_tests_name("socks", tests, NULL, NULL);
}
