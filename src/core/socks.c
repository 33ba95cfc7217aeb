/* SPDX-License-Identifier: MIT */
/* socks.c - SOCKS4a and SOCKS5 clients as state machines over bytes. */
#include "socks.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"

#define SOCKS4_REPLY 8 /* every SOCKS4 reply */
#define SOCKS4_GRANTED 0x5a
#define SOCKS5_REPLY_LEAST 7 /* a reply whose name is empty */
#define METHOD_REPLY 2
#define AUTH_REPLY 2

enum method { METHOD_NONE = 0x00, METHOD_PASSWORD = 0x02, METHOD_REFUSED = 0xff };

/* Address types of RFC 1928 §5, and 0 as Tor's answers to a failed RESOLVE have it. */
enum type { TYPE_NONE = 0, TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

enum phase {
	PHASE_NONE, /* zeroed memory: not begun */
	PHASE_GREETING,
	PHASE_METHOD,
	PHASE_AUTH,
	PHASE_AUTH_REPLY,
	PHASE_REQUEST,
	PHASE_REPLY,
	PHASE_DONE,
	PHASE_FAILED,
};

enum socks_reason {
	REASON_NONE,
	REASON_CODE, /* the reply code says it */
	REASON_BAD_PROTOCOL,
	REASON_BAD_COMMAND,
	REASON_BAD_NAME,
	REASON_BAD_CREDENTIALS,
	REASON_V6_OVER_V4A,
	REASON_V4_LIKE_V4A,
	REASON_EOF_GREETING,
	REASON_EOF_REPLY,
	REASON_EOF_MIDDLE,
	REASON_TIMEOUT_GREETING,
	REASON_TIMEOUT_REPLY,
	REASON_TIMEOUT_MIDDLE,
	REASON_NO_LISTENER,
	REASON_BROKEN,
	REASON_HTTP,
	REASON_SOCKS4,
	REASON_SOCKS5,
	REASON_GARBAGE,
	REASON_METHOD,
	REASON_NEEDS_PASSWORD,
	REASON_NO_METHOD,
	REASON_AUTH,
	REASON_TYPE,
	REASON_ANSWER,
	REASON_COUNT,
};

/* Arrays, not pointers: nothing here needs relocation, so it stays read-only and shared. */
static const char reason_words[REASON_COUNT][80] = {
	[REASON_NONE] = "nothing failed",
	[REASON_BAD_PROTOCOL] = "the request asks for an unknown protocol",
	[REASON_BAD_COMMAND] = "the request's command does not go with its protocol or destination",
	[REASON_BAD_NAME] = "the host name is empty, or has a space or control character in it",
	[REASON_BAD_CREDENTIALS] = "the user name or password is empty, or cannot be sent",
	[REASON_V6_OVER_V4A] = "SOCKS4a cannot carry an IPv6 address",
	[REASON_V4_LIKE_V4A] = "SOCKS4a cannot carry an address in 0.0.0.0/24",
	[REASON_EOF_GREETING] = "the proxy closed the connection at once: is it a SOCKS proxy?",
	[REASON_EOF_REPLY] = "the proxy closed the connection instead of answering",
	[REASON_EOF_MIDDLE] = "the proxy closed the connection in the middle of its answer",
	[REASON_TIMEOUT_GREETING] = "the proxy does not answer",
	[REASON_TIMEOUT_REPLY] = "the proxy did not reach the destination in time",
	[REASON_TIMEOUT_MIDDLE] = "the proxy stopped in the middle of its answer",
	[REASON_NO_LISTENER] = "nothing listens at the proxy's address",
	[REASON_BROKEN] = "the connection to the proxy broke",
	[REASON_HTTP] = "the proxy speaks HTTP, not SOCKS",
	[REASON_SOCKS4] = "the proxy speaks SOCKS4, not SOCKS5",
	[REASON_SOCKS5] = "the proxy speaks SOCKS5, not SOCKS4a",
	[REASON_GARBAGE] = "the proxy's answer is not SOCKS",
	[REASON_METHOD] = "the proxy chose an authentication method that was not offered",
	[REASON_NEEDS_PASSWORD] = "the proxy wants a user name and password",
	[REASON_NO_METHOD] = "the proxy accepts neither a password nor a client without one",
	[REASON_AUTH] = "the proxy refused the user name or password",
	[REASON_TYPE] = "the proxy's answer has an unknown address type",
	[REASON_ANSWER] = "the proxy's answer holds no usable name or address",
};

/*
 * RFC 1928 §6; Tor's socks-extensions and proposal 304; SOCKS4's CD. Each errno is one that every
 * caller of connect(2) knows. 08 is "no way there", so that a program tries its next address; 07 is
 * a refusal; Tor's 01 is mostly the target's refusal.
 */
static const struct code {
	uint8_t protocol, code, error;
	char words[69];
} codes[] = {
	{SOCKS_V5, 0x01, ECONNREFUSED, "the proxy says: it could not connect (general failure)"},
	{SOCKS_V5, 0x02, EACCES, "the proxy says: its rules do not allow this connection"},
	{SOCKS_V5, 0x03, ENETUNREACH, "the proxy says: network unreachable"},
	{SOCKS_V5, 0x04, EHOSTUNREACH, "the proxy says: host unreachable, or no such name"},
	{SOCKS_V5, 0x05, ECONNREFUSED, "the proxy says: connection refused"},
	{SOCKS_V5, 0x06, ETIMEDOUT, "the proxy says: timed out (TTL expired)"},
	{SOCKS_V5, 0x07, ECONNREFUSED, "the proxy says: command not supported"},
	{SOCKS_V5, 0x08, ENETUNREACH, "the proxy says: address type not supported"},
	{SOCKS_V5, 0xf0, EHOSTUNREACH, "the proxy says: onion service not found"},
	{SOCKS_V5, 0xf1, EHOSTUNREACH, "the proxy says: onion service descriptor is invalid"},
	{SOCKS_V5, 0xf2, EHOSTUNREACH, "the proxy says: onion service introduction failed"},
	{SOCKS_V5, 0xf3, EHOSTUNREACH, "the proxy says: onion service rendezvous failed"},
	{SOCKS_V5, 0xf4, EACCES, "the proxy says: onion service wants client authorization"},
	{SOCKS_V5, 0xf5, EACCES, "the proxy says: onion service refused client authorization"},
	{SOCKS_V5, 0xf6, EHOSTUNREACH, "the proxy says: onion service address is invalid"},
	{SOCKS_V5, 0xf7, ETIMEDOUT, "the proxy says: onion service introduction timed out"},
	{SOCKS_V4A, 0x5b, ECONNREFUSED, "the proxy says: request rejected or failed"},
	{SOCKS_V4A, 0x5c, EACCES, "the proxy says: it cannot reach identd on this host"},
	{SOCKS_V4A, 0x5d, EACCES, "the proxy says: identd reports another user"},
	{0, 0, ECONNREFUSED, "the proxy says: refused, with a code of its own"},
};

static const struct code *find_code(uint8_t protocol, uint8_t code)
{
	const struct code *c = codes;

	while (c->protocol && (c->protocol != protocol || c->code != code))
		c++;
	return c;
}

int socks_code_errno(uint8_t protocol, uint8_t code)
{
	if (code == (protocol == SOCKS_V4A ? SOCKS4_GRANTED : 0))
		return 0;
	return find_code(protocol, code)->error;
}

const char *socks_words(const struct socks *s, uint8_t protocol)
{
	if (s->reason == REASON_CODE)
		return find_code(protocol, s->code)->words;
	return reason_words[s->reason < REASON_COUNT ? s->reason : REASON_BROKEN];
}

static void fail(struct socks *s, int error, enum socks_reason reason)
{
	s->phase = PHASE_FAILED;
	s->error = (int16_t)error;
	s->reason = (uint8_t)reason;
}

static bool resolves(const struct socks_request *rq)
{
	return rq->command != SOCKS_CONNECT;
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
		fail(s, reason == REASON_V6_OVER_V4A ? EAFNOSUPPORT : EINVAL, reason);
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

static void expect(struct socks *s, enum phase phase, const struct socks_request *rq)
{
	s->phase = (uint8_t)phase;
	s->sent = s->got = 0;
	if (phase != PHASE_REPLY)
		s->need = phase == PHASE_METHOD ? METHOD_REPLY : AUTH_REPLY;
	else
		s->need = rq->protocol == SOCKS_V4A ? SOCKS4_REPLY : SOCKS5_REPLY_LEAST;
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
		expect(s, (enum phase)(s->phase + 1), rq); /* each message's reply follows it */
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
	want = (size_t)(s->need - s->got);
	return want < SOCKS_WANT_MAX ? want : SOCKS_WANT_MAX;
}

static void fail_version(struct socks *s, const struct socks_request *rq, uint8_t version)
{
	enum socks_reason reason = REASON_GARBAGE;

	if (version == 'H')
		reason = REASON_HTTP;
	else if (rq->protocol == SOCKS_V4A && version == 5)
		reason = REASON_SOCKS5;
	else if (s->phase == PHASE_METHOD && (version == 0 || version == 4))
		reason = REASON_SOCKS4;
	fail(s, EPROTO, reason);
}

static void send_next(struct socks *s, enum phase phase)
{
	s->phase = (uint8_t)phase;
	s->sent = s->got = s->need = 0;
}

static void send_request(struct socks *s, const struct socks_request *rq, bool is_sent)
{
	if (is_sent)
		expect(s, PHASE_REPLY, rq);
	else
		send_next(s, PHASE_REQUEST);
}

/* RFC 1928 §3 */
static void take_method(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte)
{
	if (!at) {
		if (byte != 5)
			fail_version(s, rq, byte);
		return;
	}
	s->method = byte;
	if (byte == METHOD_NONE)
		send_request(s, rq, rq->pipeline && !rq->credentials);
	else if (byte == METHOD_PASSWORD && rq->credentials)
		send_next(s, PHASE_AUTH);
	else if (byte == METHOD_REFUSED)
		fail(s, EACCES, rq->credentials ? REASON_NO_METHOD : REASON_NEEDS_PASSWORD);
	else
		fail(s, EPROTO, REASON_METHOD);
}

/* RFC 1929 §2 */
static void take_auth(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte)
{
	if (!at && byte != 1)
		fail(s, EPROTO, REASON_GARBAGE);
	else if (at && byte)
		fail(s, EACCES, REASON_AUTH);
	else if (at)
		send_request(s, rq, rq->pipeline);
}

static void take_code(struct socks *s, const struct socks_request *rq, uint8_t code)
{
	int error = socks_code_errno(rq->protocol, code);

	s->code = code;
	s->replied = true;
	if (error)
		fail(s, error, REASON_CODE);
}

static void take_type(struct socks *s, uint8_t type)
{
	switch (type) {
	case TYPE_NONE:
	case TYPE_V4:
		s->need = 4 + 4 + 2;
		break;
	case TYPE_NAME:
		break;
	case TYPE_V6:
		s->need = 4 + 16 + 2;
		break;
	default:
		fail(s, EPROTO, REASON_TYPE);
	}
}

/* Takes byte `at` of address and port; a process that shares `s` may have spoiled it. */
static void take_bound(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte,
		       struct socks_answer *answer)
{
	bool is_name = s->head[3] == TYPE_NAME, is_port = at + 2 >= s->need;
	size_t i = at - (is_name ? 5 : 4);

	if (is_name && !is_port && !byte && resolves(rq))
		fail(s, EPROTO, REASON_ANSWER);
	if (!answer)
		return;
	if (is_port)
		answer->addr.port = (uint16_t)(answer->addr.port << 8 | byte);
	else if (is_name && i < sizeof(answer->name) - 1)
		answer->name[i] = (char)byte;
	else if (!is_name && i < sizeof(answer->addr.ip))
		answer->addr.ip[i] = byte;
}

/* The address was gathered in network order at the start of `ip`; gives it its final form. */
static void finish_answer(const struct socks *s, struct socks_answer *answer)
{
	answer->type = s->head[3];
	if (answer->type == TYPE_V4)
		answer->addr = addr_v4(answer->addr.ip, answer->addr.port);
	else if (answer->type == TYPE_NAME)
		answer->len = s->head[4];
	answer->name[sizeof(answer->name) - 1] = '\0';
	/* nobody asked CONNECT for a name: one that is no string is not worth a tunnel */
	if (answer->type == TYPE_NONE || strlen(answer->name) != answer->len)
		memset(answer, 0, sizeof(*answer));
}

static void finish(struct socks *s, const struct socks_request *rq, struct socks_answer *answer)
{
	uint8_t type = s->head[3];

	if (resolves(rq) && (type == TYPE_NONE || (type == TYPE_NAME && !s->head[4]))) {
		fail(s, EPROTO, REASON_ANSWER);
		return;
	}
	s->phase = PHASE_DONE;
	if (answer)
		finish_answer(s, answer);
}

/*
 * RFC 1928 §6; RSV is not looked at: some servers leave anything there. But 5 0 5 0 is the answer to the
 * greeting, said twice, and no reply of type 0.
 */
static void take_reply5(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte,
			struct socks_answer *answer)
{
	if (at == 0 && byte != 5)
		fail_version(s, rq, byte);
	else if (at == 1)
		take_code(s, rq, byte);
	else if (at == 3 && byte == TYPE_NONE && s->head[2] == 5)
		fail(s, EPROTO, REASON_GARBAGE);
	else if (at == 3)
		take_type(s, byte);
	else if (at == 4 && s->head[3] == TYPE_NAME)
		s->need = (uint16_t)(SOCKS5_REPLY_LEAST + byte);
	else if (at >= 4)
		take_bound(s, rq, at, byte, answer);
	if (s->phase == PHASE_REPLY && s->got >= s->need)
		finish(s, rq, answer);
}

static void finish4(struct socks *s, struct socks_answer *answer)
{
	s->phase = PHASE_DONE;
	if (!answer)
		return;
	answer->type = TYPE_V4;
	answer->addr = addr_v4(s->head + 4, (uint16_t)(s->head[2] << 8 | s->head[3]));
}

static void take_reply4(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte,
			struct socks_answer *answer)
{
	if (at == 0 && byte != 0)
		fail_version(s, rq, byte);
	else if (at == 1)
		take_code(s, rq, byte);
	else if (at == SOCKS4_REPLY - 1)
		finish4(s, answer);
}

static void take(struct socks *s, const struct socks_request *rq, uint8_t byte,
		 struct socks_answer *answer)
{
	size_t at = s->got++;

	if (at < sizeof(s->head))
		s->head[at] = byte;
	if (s->phase == PHASE_METHOD) {
		take_method(s, rq, at, byte);
	} else if (s->phase == PHASE_AUTH_REPLY) {
		take_auth(s, rq, at, byte);
	} else {
		if (!at && answer)
			memset(answer, 0, sizeof(*answer));
		(rq->protocol == SOCKS_V4A ? take_reply4 : take_reply5)(s, rq, at, byte, answer);
	}
}

/* Byte by byte: then no split can matter, and nothing behind a certain failure is looked at. */
void socks_input(struct socks *s, const struct socks_request *rq, const uint8_t *data, size_t n,
		 struct socks_answer *answer)
{
	size_t want = socks_want(s);

	for (size_t i = 0; i < n && i < want && socks_next(s) == SOCKS_RECEIVE; i++)
		take(s, rq, data[i], answer);
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
		fail(s, ECONNREFUSED, REASON_EOF_MIDDLE);
	else if (s->phase <= PHASE_METHOD)
		fail(s, ECONNREFUSED, REASON_EOF_GREETING);
	else
		fail(s, ECONNREFUSED, REASON_EOF_REPLY);
}

void socks_fail(struct socks *s, int error)
{
	if (is_over(s))
		return;
	if (error == ETIMEDOUT && s->phase <= PHASE_METHOD)
		fail(s, error, REASON_TIMEOUT_GREETING);
	else if (error == ETIMEDOUT && s->got)
		fail(s, error, REASON_TIMEOUT_MIDDLE);
	else if (error == ETIMEDOUT)
		fail(s, error, REASON_TIMEOUT_REPLY);
	else if (error == ECONNREFUSED)
		fail(s, error, REASON_NO_LISTENER);
	else
		fail(s, error > 0 ? error : EIO, REASON_BROKEN);
}
