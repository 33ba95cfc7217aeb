/* SPDX-License-Identifier: MIT */
/* socks_reply.c - what a SOCKS proxy says, byte by byte. */
#include <errno.h>
#include <string.h>

#include "socks_parts.h"

#define SOCKS4_REPLY 8	     /* every SOCKS4 reply */
#define SOCKS5_REPLY_LEAST 7 /* a reply whose name is empty */
#define METHOD_REPLY 2
#define AUTH_REPLY 2

static bool resolves(const struct socks_request *rq)
{
	return rq->command != SOCKS_CONNECT;
}

void socks_expect(struct socks *s, enum phase phase, const struct socks_request *rq)
{
	s->phase = (uint8_t)phase;
	s->sent = s->got = 0;
	/* To a request that is sent already a reply comes, or nothing more. */
	s->ahead = phase != PHASE_REPLY && socks_requested(s, rq) ? SOCKS5_REPLY_LEAST : 0;
	if (phase != PHASE_REPLY)
		s->need = phase == PHASE_METHOD ? METHOD_REPLY : AUTH_REPLY;
	else
		s->need = rq->protocol == SOCKS_V4A ? SOCKS4_REPLY : SOCKS5_REPLY_LEAST;
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
	socks_end(s, EPROTO, reason);
}

static void send_next(struct socks *s, enum phase phase)
{
	s->phase = (uint8_t)phase;
	s->sent = s->got = s->need = s->ahead = 0;
}

static void send_request(struct socks *s, const struct socks_request *rq, bool is_sent)
{
	if (is_sent)
		socks_expect(s, PHASE_REPLY, rq);
	else
		send_next(s, PHASE_REQUEST);
}

static void take_code(struct socks *s, const struct socks_request *rq, uint8_t code)
{
	int error = socks_code_errno(rq->protocol, code);

	s->code = code;
	s->replied = true;
	if (error)
		socks_end(s, error,
			  resolves(rq) && code == SOCKS5_NO_COMMAND ? REASON_NO_RESOLVE
								    : REASON_CODE);
}

/*
 * Tor refuses at once what SafeSocks or a SocksPort's flags forbid; if the request came early, that
 * reply takes the place of the one to greeting or password. It would have been a failure anyway.
 */
static bool take_early_code(struct socks *s, const struct socks_request *rq, uint8_t code)
{
	if (!rq->tor || !rq->pipeline || !socks_code_errno(SOCKS_V5, code) ||
	    code == METHOD_REFUSED)
		return false;
	take_code(s, rq, code);
	return true;
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
		socks_end(s, EACCES, rq->credentials ? REASON_NO_METHOD : REASON_NEEDS_PASSWORD);
	else if (rq->credentials || !take_early_code(s, rq, byte))
		socks_end(s, EPROTO, REASON_METHOD);
}

/*
 * RFC 1929 §2. Its version is 1; servers that send SOCKS' own are let have their way, as curl does.
 */
static void take_auth(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte)
{
	if (!at && byte != 1 && byte != 5)
		socks_end(s, EPROTO, REASON_GARBAGE);
	else if (at && byte && (s->head[0] != 5 || !take_early_code(s, rq, byte)))
		socks_end(s, EACCES, REASON_AUTH);
	else if (at && !byte)
		send_request(s, rq, rq->pipeline);
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
		socks_end(s, EPROTO, REASON_TYPE);
	}
}

/*
 * A name has no port: Tor sends 0, others that of the request. Any other belongs to a socket, of a
 * server that looks at no command and has connected to somewhere: its address is not the name's.
 */
static void check_port(struct socks *s, const struct socks_request *rq, bool low, uint8_t byte)
{
	if (byte && byte != (uint8_t)(low ? rq->to.port : rq->to.port >> 8))
		socks_end(s, EPROTO, REASON_NO_RESOLVE);
}

/* Takes byte `at` of address and port; a process that shares `s` may have spoiled it. */
static void take_bound(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte,
		       struct socks_answer *answer)
{
	bool is_name = s->head[3] == TYPE_NAME, is_port = at + 2 >= s->need;
	size_t i = at - (is_name ? 5 : 4);

	if (is_name && !is_port && !byte && resolves(rq))
		socks_end(s, EPROTO, REASON_ANSWER);
	if (is_port && resolves(rq))
		check_port(s, rq, at + 1 == s->need, byte);
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
	static const uint8_t nowhere[4];
	uint8_t type = s->head[3];

	if (resolves(rq) && (type == TYPE_NONE || (type == TYPE_NAME && !s->head[4]) ||
			     (type == TYPE_V4 && !memcmp(s->head + 4, nowhere, 4)))) {
		socks_end(s, EPROTO, REASON_ANSWER);
		return;
	}
	s->phase = PHASE_DONE;
	if (answer)
		finish_answer(s, answer);
}

/*
 * RFC 1928 §6; RSV is not looked at: some servers leave anything there. But 5 0 5 0 is the answer
 * to the greeting, said twice, and no reply of type 0.
 */
static void take_reply5(struct socks *s, const struct socks_request *rq, size_t at, uint8_t byte,
			struct socks_answer *answer)
{
	if (at == 0 && byte != 5)
		fail_version(s, rq, byte);
	else if (at == 1)
		take_code(s, rq, byte);
	else if (at == 3 && byte == TYPE_NONE && s->head[2] == 5)
		socks_end(s, EPROTO, REASON_GARBAGE);
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

void socks_take(struct socks *s, const struct socks_request *rq, uint8_t byte,
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
