/* SPDX-License-Identifier: MIT */
/* socks.c - SOCKS4a and SOCKS5 clients as state machines over bytes. */
#include "socks.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "socks_parts.h"

void socks_end(struct socks *s, int error, enum socks_reason reason)
{
	s->phase = PHASE_FAILED;
	s->error = (int16_t)error;
	s->reason = (uint8_t)reason;
}

/* Tor refuses or cuts names with spaces and NULs; no name in the DNS has them (facts, RFC 952). */
static bool name_ok(const struct socks_request *rq)
{
	for (size_t i = 0; i < rq->name_len; i++) {
		if ((uint8_t)rq->name[i] <= ' ' || rq->name[i] == 0x7f)
			return false;
	}
	return rq->name_len > 0;
}

static bool command_ok(const struct socks_request *rq)
{
	switch (rq->command) {
	case SOCKS_CONNECT:
		return true;
	case SOCKS_RESOLVE:
		return rq->name;
	case SOCKS_RESOLVE_PTR:
		return !rq->name && rq->protocol == SOCKS_V5;
	default:
		return false;
	}
}

static bool credentials_ok(const struct socks_request *rq)
{
	if (!rq->credentials)
		return true;
	if (!rq->user_len || !rq->user)
		return false;
	if (rq->protocol == SOCKS_V4A)
		return !memchr(rq->user, 0, rq->user_len);
	return rq->password_len && rq->password;
}

/* SOCKS4a servers take 0.0.0.x for "a name follows" and would wait for it. */
static bool looks_like_name(const struct addr *a)
{
	return !a->ip[12] && !a->ip[13] && !a->ip[14] && a->ip[15];
}

static enum socks_reason check(const struct socks_request *rq)
{
	if (rq->protocol != SOCKS_V4A && rq->protocol != SOCKS_V5)
		return REASON_BAD_PROTOCOL;
	if (!command_ok(rq))
		return REASON_BAD_COMMAND;
	if (rq->name && !name_ok(rq))
		return REASON_BAD_NAME;
	if (!credentials_ok(rq))
		return REASON_BAD_CREDENTIALS;
	if (rq->protocol == SOCKS_V5 || rq->name)
		return REASON_NONE;
	if (!addr_is_v4(&rq->to))
		return REASON_V6_OVER_V4A;
	return looks_like_name(&rq->to) ? REASON_V4_LIKE_V4A : REASON_NONE;
}

void socks_begin(struct socks *s, const struct socks_request *rq)
{
	enum socks_reason reason = check(rq);

	memset(s, 0, sizeof(*s));
	s->phase = rq->protocol == SOCKS_V4A ? PHASE_REQUEST : PHASE_GREETING;
	if (reason != REASON_NONE)
		socks_end(s, reason == REASON_V6_OVER_V4A ? EAFNOSUPPORT : EINVAL, reason);
}

enum socks_step socks_next(const struct socks *s)
{
	switch (s->phase) {
	case PHASE_GREETING:
	case PHASE_AUTH:
	case PHASE_REQUEST:
		return SOCKS_SEND;
	case PHASE_NONE: /* nothing is wanted; FAILED would promise an error */
	case PHASE_METHOD:
	case PHASE_AUTH_REPLY:
	case PHASE_REPLY:
		return SOCKS_RECEIVE;
	case PHASE_DONE:
		return SOCKS_DONE;
	default:
		return SOCKS_FAILED;
	}
}

static void put_request4(struct bytes_out *o, const struct socks_request *rq)
{
	static const uint8_t name_follows[4] = {0, 0, 0, 1};

	bytes_put_u8(o, 4);
	bytes_put_u8(o, rq->command);
	bytes_put_u16(o, rq->to.port);
	bytes_put(o, rq->name ? name_follows : rq->to.ip + 12, 4);
	if (rq->credentials)
		bytes_put(o, rq->user, rq->user_len);
	bytes_put_u8(o, 0);
	if (rq->name) {
		bytes_put(o, rq->name, rq->name_len);
		bytes_put_u8(o, 0);
	}
}

static void put_destination(struct bytes_out *o, const struct socks_request *rq)
{
	if (rq->name) {
		bytes_put_u8(o, TYPE_NAME);
		bytes_put_u8(o, rq->name_len);
		bytes_put(o, rq->name, rq->name_len);
	} else if (addr_is_v4(&rq->to)) {
		bytes_put_u8(o, TYPE_V4);
		bytes_put(o, rq->to.ip + 12, 4);
	} else {
		bytes_put_u8(o, TYPE_V6);
		bytes_put(o, rq->to.ip, 16);
	}
	bytes_put_u16(o, rq->to.port);
}

static void put_request(struct bytes_out *o, const struct socks_request *rq)
{
	if (rq->protocol == SOCKS_V4A) {
		put_request4(o, rq);
		return;
	}
	bytes_put_u8(o, 5);
	bytes_put_u8(o, rq->command);
	bytes_put_u8(o, 0);
	put_destination(o, rq);
}

static void put_greeting(struct bytes_out *o, const struct socks_request *rq)
{
	bytes_put_u8(o, 5);
	bytes_put_u8(o, rq->credentials ? 2 : 1);
	bytes_put_u8(o, METHOD_NONE);
	if (rq->credentials)
		bytes_put_u8(o, METHOD_PASSWORD);
}

static void put_auth(struct bytes_out *o, const struct socks_request *rq)
{
	bytes_put_u8(o, 1);
	bytes_put_u8(o, rq->user_len);
	bytes_put(o, rq->user, rq->user_len);
	bytes_put_u8(o, rq->password_len);
	bytes_put(o, rq->password, rq->password_len);
}

/* Writes the whole current message; returns its length. */
static size_t message(const struct socks *s, const struct socks_request *rq,
		      uint8_t out[static SOCKS_MESSAGE_MAX])
{
	struct bytes_out o = bytes_out_init(out, SOCKS_MESSAGE_MAX);

	if (s->phase == PHASE_GREETING)
		put_greeting(&o, rq);
	if (s->phase == PHASE_AUTH)
		put_auth(&o, rq);
	if (s->phase == PHASE_REQUEST || (s->phase == PHASE_AUTH && rq->pipeline) ||
	    (s->phase == PHASE_GREETING && rq->pipeline && !rq->credentials))
		put_request(&o, rq);
	return (size_t)(o.at - o.start);
}

size_t socks_output(const struct socks *s, const struct socks_request *rq,
		    uint8_t out[static SOCKS_MESSAGE_MAX])
{
	size_t len = message(s, rq, out);

	if (s->sent >= len)
		return 0;
	memmove(out, out + s->sent, len - s->sent);
	return len - s->sent;
}

void socks_sent(struct socks *s, const struct socks_request *rq, size_t n)
{
	uint8_t whole[SOCKS_MESSAGE_MAX];
	size_t len = message(s, rq, whole);

	if (socks_next(s) != SOCKS_SEND)
		return;
	if (s->sent <= len && n < len - s->sent)
		s->sent = (uint16_t)(s->sent + n);
	else
		socks_expect(s, (enum phase)(s->phase + 1),
			     rq); /* each message's reply follows it */
}

bool socks_requested(const struct socks *s, const struct socks_request *rq)
{
	switch (s->phase) {
	case PHASE_METHOD:
		return rq->pipeline && !rq->credentials;
	case PHASE_AUTH_REPLY:
		return rq->pipeline;
	case PHASE_REPLY:
	case PHASE_DONE:
		return true;
	default:
		return false;
	}
}

size_t socks_want(const struct socks *s)
{
	size_t want;

	if (socks_next(s) != SOCKS_RECEIVE || s->got >= s->need)
		return 0;
	want = (size_t)s->need - s->got + s->ahead;
	return want < SOCKS_WANT_MAX ? want : SOCKS_WANT_MAX;
}

/* Byte by byte: then no split can matter, and nothing behind a certain failure is looked at. */
void socks_input(struct socks *s, const struct socks_request *rq, const uint8_t *data, size_t n,
		 struct socks_answer *answer)
{
	size_t want = socks_want(s);

	for (size_t i = 0; i < n && i < want && socks_next(s) == SOCKS_RECEIVE; i++)
		socks_take(s, rq, data[i], answer);
}

static bool is_over(const struct socks *s)
{
	enum socks_step step = socks_next(s);

	return step == SOCKS_DONE || step == SOCKS_FAILED;
}

void socks_eof(struct socks *s)
{
	if (is_over(s))
		return;
	if (s->got)
		socks_end(s, ECONNREFUSED, REASON_EOF_MIDDLE);
	else if (s->phase <= PHASE_METHOD)
		socks_end(s, ECONNREFUSED, REASON_EOF_GREETING);
	else if (s->phase == PHASE_AUTH_REPLY)
		socks_end(s, ECONNREFUSED, REASON_EOF_AUTH);
	else
		socks_end(s, ECONNREFUSED, REASON_EOF_REPLY);
}

void socks_fail(struct socks *s, int error)
{
	if (is_over(s))
		return;
	/*
	 * Whether who closes is seen to end or to reset is chance: what it had not read makes it a
	 * reset.
	 */
	if (error == ECONNRESET || error == EPIPE) {
		socks_eof(s);
		return;
	}
	if (error == ETIMEDOUT && s->phase <= PHASE_METHOD)
		socks_end(s, error, REASON_TIMEOUT_GREETING);
	else if (error == ETIMEDOUT && s->got)
		socks_end(s, error, REASON_TIMEOUT_MIDDLE);
	else if (error == ETIMEDOUT)
		socks_end(s, error, REASON_TIMEOUT_REPLY);
	else if (error == ECONNREFUSED)
		socks_end(s, error, REASON_NO_LISTENER);
	else
		socks_end(s, error > 0 ? error : EIO, REASON_BROKEN);
}
