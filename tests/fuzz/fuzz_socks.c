/* SPDX-License-Identifier: MIT */
/*
 * fuzz_socks.c - properties of the SOCKS machines: a plain model reads the whole conversation at
 * once, and every way of splitting it must end as the model says, with the same answer, having
 * asked for just the bytes that a reply certainly has; messages sent in pieces are what a server
 * would expect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socks.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct bytes {
	const uint8_t *at;
	size_t left;
};

static const uint8_t *take(struct bytes *b, size_t *len)
{
	const uint8_t *at = b->at;

	*len = *len < b->left ? *len : b->left;
	b->at += *len;
	b->left -= *len;
	return at;
}

static uint8_t take_u8(struct bytes *b)
{
	size_t len = 1;
	const uint8_t *at = take(b, &len);

	return len ? *at : 0;
}

/*
 * Its length, one byte and where that stands are the input's: long texts cost the fuzzer nothing.
 */
static const uint8_t *take_text(struct bytes *b, uint8_t text[static 255], uint8_t *len)
{
	uint8_t at;

	memset(text, 'x', 255);
	*len = take_u8(b);
	at = take_u8(b);
	text[at % 255] = take_u8(b);
	return text;
}

/* The request is made of the input's head; what is left are the proxy's bytes. */
static struct socks_request make_request(struct bytes *b, uint8_t flags)
{
	static const uint8_t commands[] = {SOCKS_CONNECT, SOCKS_RESOLVE, SOCKS_RESOLVE_PTR, 2};
	static uint8_t name[255], user[255], password[255];
	struct socks_request rq = {
		.protocol = flags & 1 ? SOCKS_V5 : SOCKS_V4A,
		.command = commands[flags >> 1 & 3],
		.pipeline = flags & 8,
		.credentials = flags & 16,
	};
	uint8_t ip[16] = {0};
	size_t len = 16;

	if (flags & 32)
		rq.name = (const char *)take_text(b, name, &rq.name_len);
	if (rq.credentials) {
		rq.user = take_text(b, user, &rq.user_len);
		rq.password = take_text(b, password, &rq.password_len);
	}
	memcpy(ip, b->at, b->left < 16 ? b->left : 16);
	if (!rq.name)
		take(b, &len);
	rq.to = flags & 64 ? addr_v6(ip, 0x1234) : addr_v4(ip, 0x1234);
	return rq;
}

/* The proxy's bytes; a polite one gets somewhere without the fuzzer's guessing. */
static struct bytes make_input(struct bytes *b, const struct socks_request *rq, bool polite,
			       bool more, uint8_t *copy)
{
	const char *head = rq->credentials ? "\5\2\1" : "\5";
	size_t len = 0;

	if (rq->protocol == SOCKS_V4A)
		head = "\0\x5a";
	if (polite)
		len = rq->protocol == SOCKS_V5 && rq->credentials && more ? 4 : 2;
	memcpy(copy, head, len);
	memcpy(copy + len, b->at, b->left);
	return (struct bytes){copy, len + b->left};
}

static bool has_control(const struct socks_request *rq)
{
	for (size_t i = 0; i < rq->name_len; i++) {
		if ((unsigned char)rq->name[i] <= ' ' || rq->name[i] == 127)
			return true;
	}
	return false;
}

static bool is_valid(const struct socks_request *rq)
{
	bool v5 = rq->protocol == SOCKS_V5;
	const uint8_t *ip = rq->to.ip;

	if (rq->command == 2 || (rq->command == SOCKS_RESOLVE && !rq->name) ||
	    (rq->command == SOCKS_RESOLVE_PTR && (rq->name || !v5)))
		return false;
	if (rq->name && (!rq->name_len || has_control(rq)))
		return false;
	if (rq->credentials && (!rq->user_len || (v5 && !rq->password_len)))
		return false;
	if (rq->credentials && !v5 && memchr(rq->user, 0, rq->user_len))
		return false;
	if (v5 || rq->name)
		return true;
	return addr_is_v4(&rq->to) && (ip[12] || ip[13] || ip[14] || !ip[15]);
}

/* What must come of the proxy's bytes. `error` -1: they end too soon. */
struct outcome {
	int error;
	size_t used; /* when there is no error: the handshake's length */
	struct socks_answer answer;
};

/* The least length of the reply that begins with these bytes. */
static size_t least(const struct socks_request *rq, const uint8_t *reply, size_t have)
{
	if (rq->protocol == SOCKS_V4A)
		return 8;
	if (have < 4 || (reply[3] == 3 && have < 5))
		return 7;
	if (reply[3] == 3)
		return 7u + reply[4];
	return reply[3] == 4 ? 22 : 10;
}

static int model_greeting(const struct socks_request *rq, const uint8_t *d, size_t n, size_t *used)
{
	*used = 2;
	if (n > 0 && d[0] != 5)
		return EPROTO;
	if (n < 2)
		return -1;
	if (d[1] == 0xff)
		return EACCES;
	if (d[1] == 0)
		return 0;
	if (d[1] != 2 || !rq->credentials)
		return EPROTO;
	*used = 4;
	if (n > 2 && d[2] != 1 && d[2] != 5)
		return EPROTO;
	if (n < 4)
		return -1;
	return d[3] ? EACCES : 0;
}

static void model_answer4(const uint8_t *d, struct socks_answer *a)
{
	a->type = 1;
	a->addr = addr_v4(d + 4, (uint16_t)(d[2] << 8 | d[3]));
}

static bool model_answer5(const struct socks_request *rq, const uint8_t *d, size_t len,
			  struct socks_answer *a)
{
	uint16_t port = (uint16_t)(d[len - 2] << 8 | d[len - 1]);
	bool asked = rq->command != SOCKS_CONNECT;

	if (d[3] == 1 && asked && !memcmp(d + 4, "\0\0\0", 4))
		return false;
	if (d[3] == 1)
		a->addr = addr_v4(d + 4, port);
	else if (d[3] == 4)
		a->addr = addr_v6(d + 4, port);
	else if (d[3] == 0)
		return !asked;
	else if (memchr(d + 5, 0, d[4]))
		return !asked;
	else if (asked && !d[4])
		return false;
	a->type = d[3];
	if (d[3] == 3) {
		a->addr.port = port;
		a->len = d[4];
		memcpy(a->name, d + 5, d[4]);
	}
	return true;
}

/* An answer has no port, or the request's; the first byte that is another one is enough to tell. */
static bool other_port(const uint8_t *d, size_t n, size_t len)
{
	return (n > len - 2 && d[len - 2] && d[len - 2] != 0x12) ||
	       (n > len - 1 && d[len - 1] && d[len - 1] != 0x34);
}

static int model_reply(const struct socks_request *rq, const uint8_t *d, size_t n, size_t *used,
		       struct socks_answer *a)
{
	bool v5 = rq->protocol == SOCKS_V5;

	*used = least(rq, d, n);
	if (n > 0 && d[0] != (v5 ? 5 : 0))
		return EPROTO;
	if (n > 1 && d[1] != (v5 ? 0 : 0x5a))
		return socks_code_errno(rq->protocol, d[1]);
	if (v5 && n > 3 && (d[3] == 2 || d[3] > 4 || (d[3] == 0 && d[2] == 5)))
		return EPROTO;
	/* a NUL in a name that was asked for is certain before the end */
	if (v5 && n > 5 && d[3] == 3 && rq->command != SOCKS_CONNECT &&
	    memchr(d + 5, 0, n - 5 < d[4] ? n - 5 : d[4]))
		return EPROTO;
	if (v5 && n > 4 && rq->command != SOCKS_CONNECT && other_port(d, n, *used))
		return EPROTO;
	if (n < *used)
		return -1;
	if (!v5)
		model_answer4(d, a);
	else if (!model_answer5(rq, d, *used, a))
		return EPROTO;
	return 0;
}

static struct outcome model(const struct socks_request *rq, const uint8_t *d, size_t n)
{
	struct outcome o = {0};
	size_t reply;

	if (rq->protocol == SOCKS_V5)
		o.error = model_greeting(rq, d, n, &o.used);
	if (o.error)
		return o;
	o.error = model_reply(rq, d + o.used, n - o.used, &reply, &o.answer);
	o.used += reply;
	return o;
}

/* A server's reading of the request. */
static void check_request(const struct socks_request *rq, const uint8_t *d, size_t n)
{
	bool v5 = rq->protocol == SOCKS_V5;
	size_t user = rq->credentials ? rq->user_len : 0;

	CHECK(n >= 8 && d[0] == rq->protocol && d[1] == rq->command);
	if (!v5) {
		CHECK(d[2] == 0x12 && d[3] == 0x34 && strnlen((const char *)d + 8, n - 8) == user);
		CHECK(!memcmp(d + 4, rq->name ? (const uint8_t *)"\0\0\0\1" : rq->to.ip + 12, 4));
		CHECK(n == 9 + user + (rq->name ? rq->name_len + 1u : 0) && d[n - 1] == 0);
		CHECK(!rq->name || !memcmp(d + 9 + user, rq->name, rq->name_len));
		return;
	}
	CHECK(d[2] == 0 && d[n - 2] == 0x12 && d[n - 1] == 0x34);
	if (rq->name)
		CHECK(d[3] == 3 && d[4] == rq->name_len && n == 7u + d[4] &&
		      !memcmp(d + 5, rq->name, d[4]));
	else if (addr_is_v4(&rq->to))
		CHECK(d[3] == 1 && n == 10 && !memcmp(d + 4, rq->to.ip + 12, 4));
	else
		CHECK(d[3] == 4 && n == 22 && !memcmp(d + 4, rq->to.ip, 16));
}

/* What the client has sent in all, taken apart; `done`: the conversation went to its end. */
static void check_sent(const struct socks_request *rq, const uint8_t *d, size_t n, uint8_t method,
		       bool done)
{
	size_t skip = rq->credentials ? 4 : 3;

	if (!done)
		return;
	if (rq->protocol == SOCKS_V5) {
		CHECK(n > skip && d[0] == 5 && d[1] == skip - 2 && d[2] == 0);
		CHECK(skip == 3 || d[3] == 2);
		if (method == 2) {
			CHECK(d[4] == 1 && d[5] == rq->user_len);
			CHECK(!memcmp(d + 6, rq->user, rq->user_len));
			CHECK(d[6 + rq->user_len] == rq->password_len);
			CHECK(!memcmp(d + 7 + rq->user_len, rq->password, rq->password_len));
			skip += 3u + rq->user_len + rq->password_len;
		}
		d += skip;
		n -= skip;
	}
	check_request(rq, d, n);
}

struct run {
	struct socks s;
	struct socks_answer answer;
	size_t used, reply; /* bytes taken, and where the current reply began */
	uint8_t sent[2 * SOCKS_MESSAGE_MAX];
	size_t sent_len;
};

/* 1..most, from a generator that draws the same for the same input. */
static size_t draw(uint32_t *seed, size_t most)
{
	*seed = *seed * 1664525u + 1013904223u;
	return 1 + (*seed >> 16) % most;
}

static void send_piece(struct run *r, const struct socks_request *rq, uint32_t *seed, size_t most)
{
	uint8_t *out = malloc(SOCKS_MESSAGE_MAX);
	size_t len = socks_output(&r->s, rq, out), n = draw(seed, 20 * most);

	CHECK(len > 0 && len <= SOCKS_MESSAGE_MAX && socks_want(&r->s) == 0);
	n = n < len ? n : len;
	CHECK(r->sent_len + n <= sizeof(r->sent));
	memcpy(r->sent + r->sent_len, out, n);
	r->sent_len += n;
	free(out);
	socks_sent(&r->s, rq, n);
	if (n == len) {
		CHECK(socks_next(&r->s) == SOCKS_RECEIVE);
		r->reply = r->used;
	} else {
		CHECK(socks_next(&r->s) == SOCKS_SEND);
	}
}

/*
 * The bytes that may be read: those of a two-byte reply, else what the final reply has at least;
 * both if the request is on its way before its turn.
 */
static size_t may_read(const struct run *r, const struct socks_request *rq, const uint8_t *d)
{
	bool v5 = rq->protocol == SOCKS_V5;
	size_t final = !v5 ? 0 : r->used >= 2 && d[1] == 2 ? 4 : 2;
	bool early = rq->pipeline && (!rq->credentials || r->used >= 2);

	if (r->used < final)
		return 2 - r->used % 2 + (early ? least(rq, d + final, 0) : 0);
	return final + least(rq, d + final, r->used - final) - r->used;
}

static void receive_piece(struct run *r, const struct socks_request *rq, const struct bytes *in,
			  uint32_t *seed, size_t most, bool with_answer)
{
	size_t want = socks_want(&r->s), n = draw(seed, most);
	uint8_t *piece;

	CHECK(want > 0 && want <= SOCKS_WANT_MAX && want == may_read(r, rq, in->at));
	n = n < want ? n : want;
	n = n < in->left - r->used ? n : in->left - r->used;
	piece = malloc(n);
	memcpy(piece, in->at + r->used, n);
	socks_input(&r->s, rq, piece, n, with_answer ? &r->answer : NULL);
	free(piece);
	r->used += n;
}

static void converse(const struct socks_request *rq, const struct bytes *in, uint32_t seed,
		     size_t most, bool with_answer, struct run *r)
{
	memset(r, 0, sizeof(*r));
	memset(&r->answer, 0xee, sizeof(r->answer));
	socks_begin(&r->s, rq);
	for (;;) {
		switch (socks_next(&r->s)) {
		case SOCKS_SEND:
			send_piece(r, rq, &seed, most);
			break;
		case SOCKS_RECEIVE:
			if (r->used == in->left)
				return;
			receive_piece(r, rq, in, &seed, most, with_answer);
			break;
		default:
			return;
		}
	}
}

static void check_answer(const struct socks_answer *a, const struct socks_answer *b)
{
	CHECK(a->type == b->type && a->len == b->len && !memcmp(a->name, b->name, sizeof(a->name)));
	CHECK(addr_equal(&a->addr, &b->addr));
}

static void check_end(const struct socks_request *rq, struct run *r, const struct outcome *want,
		      bool with_answer)
{
	enum socks_step step = socks_next(&r->s);
	const char *words = socks_words(&r->s, rq->protocol);

	if (want->error < 0) {
		CHECK(step == SOCKS_RECEIVE);
		socks_eof(&r->s);
		CHECK(socks_next(&r->s) == SOCKS_FAILED && r->s.error == ECONNREFUSED);
	} else if (want->error) {
		CHECK(step == SOCKS_FAILED && r->s.error == want->error);
		CHECK(socks_want(&r->s) == 0 && strlen(words) > 10);
	} else {
		CHECK(step == SOCKS_DONE && r->s.error == 0 && r->used == want->used);
		if (with_answer)
			check_answer(&r->answer, &want->answer);
	}
	check_sent(rq, r->sent, r->sent_len, r->s.method, step == SOCKS_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {1, 2, 5, 100000};
	struct bytes b = {data, size}, in;
	uint8_t seed = take_u8(&b), flags = take_u8(&b), *copy = malloc(size + 4);
	struct socks_request rq = make_request(&b, flags);
	struct outcome want;
	struct run r;

	CHECK(copy);
	in = make_input(&b, &rq, flags & 128, seed & 1, copy);
	if (is_valid(&rq)) {
		want = model(&rq, in.at, in.left);
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			converse(&rq, &in, seed, pieces[i], i != 1, &r);
			check_end(&rq, &r, &want, i != 1);
		}
	} else {
		socks_begin(&r.s, &rq);
		CHECK(socks_next(&r.s) == SOCKS_FAILED);
		CHECK(r.s.error == EINVAL || r.s.error == EAFNOSUPPORT);
	}
	free(copy);
	return 0;
}
