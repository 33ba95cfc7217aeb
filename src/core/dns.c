/* SPDX-License-Identifier: MIT */
/* dns.c - DNS messages: one question, and its answer. */
#include "dns.h"

#include <string.h>

#include "bytes.h"

#define HEADER 12u
#define QR 0x8000u
#define OPCODE 0x7800u
#define TC 0x0200u
#define RD 0x0100u
#define RA 0x0080u
#define CD 0x0010u
#define TYPE_OPT 41
#define CLASS_IN 1
#define LABEL 63u
#define POINTER 0xc0u
/* A name in an answer that stands in the question already. */
#define TO_QUESTION (POINTER << 8 | HEADER)

struct header {
	uint16_t id, flags, questions, answers, authorities, additionals;
};

static struct header get_header(struct bytes_in *in)
{
	struct header h;

	h.id = bytes_get_u16(in);
	h.flags = bytes_get_u16(in);
	h.questions = bytes_get_u16(in);
	h.answers = bytes_get_u16(in);
	h.authorities = bytes_get_u16(in);
	h.additionals = bytes_get_u16(in);
	return h;
}

/*
 * Copies the name at in->at, in->at moves behind it. A pointer leads before the place where its
 * part of the name began, so each is smaller than the last. False if there is no name.
 */
static bool get_name(struct bytes_in *in, const uint8_t *message, struct bytes_out *wire)
{
	struct bytes_in at = *in;
	const uint8_t *part = at.at, *label;
	bool jumped = false;
	size_t target;
	uint8_t n;

	while ((n = bytes_get_u8(&at)) && !at.underflow) {
		if ((n & POINTER) == POINTER) {
			target = (size_t)(n & LABEL) << 8 | bytes_get_u8(&at);
			if (!jumped)
				*in = at;
			jumped = true;
			if (at.underflow || target < HEADER || target >= (size_t)(part - message))
				return false;
			part = at.at = message + target;
			continue;
		}
		label = bytes_get(&at, n);
		if (n > LABEL || !label)
			return false;
		bytes_put_u8(wire, n);
		bytes_put(wire, label, n);
	}
	bytes_put_u8(wire, 0);
	if (!jumped)
		*in = at;
	return !at.underflow && !wire->overflow;
}

/* The text of a name, if it has no byte that would be taken for something else in a text. */
static void set_text(struct dns_question *q)
{
	const uint8_t *at = q->wire;
	size_t len = 0;

	for (uint8_t n; (n = *at++); at += n) {
		if (len)
			q->name[len++] = '.';
		for (uint8_t i = 0; i < n; i++) {
			if (at[i] <= ' ' || at[i] == '.' || at[i] == '\\' || at[i] == 0x7f) {
				q->name[0] = 0;
				return;
			}
			q->name[len++] = (char)at[i];
		}
	}
	q->name[len] = 0;
	q->name_len = (uint8_t)len;
}

static bool get_question(struct dns_question *q, struct bytes_in *in, const uint8_t *message)
{
	struct bytes_out wire = bytes_out_init(q->wire, sizeof(q->wire));
	bool found = get_name(in, message, &wire);

	q->type = bytes_get_u16(in);
	q->class = bytes_get_u16(in);
	if (!found || in->underflow)
		return false;
	q->wire_len = (uint16_t)(wire.at - wire.start);
	set_text(q);
	return true;
}

/* Skips a record; what an OPT says goes to *q. False for a second OPT, or a cut record. */
static bool get_record(struct dns_question *q, struct bytes_in *in, const uint8_t *message)
{
	uint8_t name[DNS_WIRE];
	struct bytes_out wire = bytes_out_init(name, sizeof(name));
	bool found = get_name(in, message, &wire);
	uint16_t type = bytes_get_u16(in), class = bytes_get_u16(in);
	uint32_t ttl = bytes_get_u32(in);

	bytes_get(in, bytes_get_u16(in));
	if (!found || in->underflow)
		return false;
	if (type != TYPE_OPT)
		return true;
	if (q->udp_size || wire.at - wire.start != 1)
		return false;
	q->udp_size = class < DNS_DATAGRAM ? DNS_DATAGRAM : class;
	if (ttl >> 16 & 0xff)
		q->rcode = DNS_BADVERS;
	return true;
}

bool dns_parse(struct dns_question *q, const void *message, size_t len)
{
	struct bytes_in in = bytes_in_init(message, len);
	struct header h = get_header(&in);
	uint32_t records = (uint32_t)h.answers + h.authorities + h.additionals;

	memset(q, 0, sizeof(*q));
	if (in.underflow || h.flags & QR)
		return false;
	q->id = h.id;
	q->flags = h.flags & (OPCODE | RD | CD);
	if (h.flags & OPCODE)
		q->rcode = DNS_NOTIMP;
	else if (h.questions != 1 || !get_question(q, &in, message))
		q->rcode = DNS_FORMERR;
	while (!q->rcode && records--)
		if (!get_record(q, &in, message))
			q->rcode = DNS_FORMERR;
	if (q->rcode == DNS_FORMERR)
		q->udp_size = 0; /* RFC 6891 §7: such an answer has no OPT */
	return true;
}

/* Writes text as labels. False if an answer or a question cannot carry it. */
static bool put_name(struct bytes_out *o, const char *name, size_t len)
{
	const char *end, *dot;

	if (len && name[len - 1] == '.')
		len--;
	if (len > DNS_NAME - 1)
		return false;
	for (end = name + len; name < end; name = dot + 1) {
		dot = memchr(name, '.', (size_t)(end - name));
		dot = dot ? dot : end;
		if (dot == name || (size_t)(dot - name) > LABEL || dot + 1 == end)
			return false;
		bytes_put_u8(o, (uint8_t)(dot - name));
		bytes_put(o, name, (size_t)(dot - name));
	}
	bytes_put_u8(o, 0);
	return !o->overflow;
}

bool dns_question(struct dns_question *q, uint16_t id, const char *name, size_t len, uint16_t type,
		  uint16_t class)
{
	struct bytes_out wire;

	memset(q, 0, sizeof(*q));
	wire = bytes_out_init(q->wire, sizeof(q->wire));
	if (!put_name(&wire, name, len))
		return false;
	q->id = id;
	q->flags = RD;
	q->type = type;
	q->class = class;
	q->wire_len = (uint16_t)(wire.at - wire.start);
	set_text(q);
	return true;
}

static void put_counts(struct bytes_out *o, uint16_t questions, uint16_t answers, uint16_t records)
{
	bytes_put_u16(o, questions);
	bytes_put_u16(o, answers);
	bytes_put_u16(o, 0);
	bytes_put_u16(o, records);
}

static void put_question(struct bytes_out *o, const struct dns_question *q)
{
	if (!q->wire_len)
		return;
	bytes_put(o, q->wire, q->wire_len);
	bytes_put_u16(o, q->type);
	bytes_put_u16(o, q->class);
}

static void put_opt(struct bytes_out *o, const struct dns_question *q, unsigned int rcode)
{
	if (!q->udp_size)
		return;
	bytes_put_u8(o, 0);
	bytes_put_u16(o, TYPE_OPT);
	bytes_put_u16(o, DNS_MESSAGE);
	bytes_put_u32(o, (uint32_t)rcode >> 4 << 24);
	bytes_put_u16(o, 0);
}

static size_t length(const struct bytes_out *o)
{
	return o->overflow ? 0 : (size_t)(o->at - o->start);
}

size_t dns_ask(const struct dns_question *q, void *out, size_t size)
{
	struct bytes_out o = bytes_out_init(out, size);

	bytes_put_u16(&o, q->id);
	bytes_put_u16(&o, q->flags);
	put_counts(&o, 1, 0, q->udp_size > 0);
	put_question(&o, q);
	put_opt(&o, q, 0);
	return length(&o);
}

/* The beginning of an answer, up to and with its question. */
static struct bytes_out begin(const struct dns_question *q, unsigned int rcode, uint16_t flags,
			      size_t answers, void *out, size_t size)
{
	struct bytes_out o = bytes_out_init(out, size);

	bytes_put_u16(&o, q->id);
	bytes_put_u16(&o, (uint16_t)(QR | q->flags | RA | flags | (rcode & 0xf)));
	put_counts(&o, q->wire_len > 0, (uint16_t)answers, q->udp_size > 0);
	put_question(&o, q);
	return o;
}

static size_t empty(const struct dns_question *q, unsigned int rcode, uint16_t flags, void *out,
		    size_t size)
{
	struct bytes_out o = begin(q, rcode, flags, 0, out, size);

	put_opt(&o, q, rcode);
	return length(&o);
}

static size_t end(struct bytes_out *o, const struct dns_question *q, void *out, size_t size)
{
	size_t len;

	put_opt(o, q, DNS_NOERROR);
	len = length(o);
	return len ? len : empty(q, DNS_NOERROR, TC, out, size);
}

static bool fits(const struct dns_question *q, const struct addr *a)
{
	return q->class == CLASS_IN &&
	       ((q->type == DNS_A && addr_is_v4(a)) || (q->type == DNS_AAAA && !addr_is_v4(a)));
}

static void put_record(struct bytes_out *o, uint16_t type, uint32_t ttl, const void *data,
		       size_t len)
{
	bytes_put_u16(o, TO_QUESTION);
	bytes_put_u16(o, type);
	bytes_put_u16(o, CLASS_IN);
	bytes_put_u32(o, ttl);
	bytes_put_u16(o, (uint16_t)len);
	bytes_put(o, data, len);
}

size_t dns_answer(const struct dns_question *q, enum dns_rcode rcode, const struct addr *addrs,
		  size_t count, uint32_t ttl, void *out, size_t size)
{
	size_t wanted = 0, len = q->type == DNS_A ? 4 : 16;
	struct bytes_out o;

	for (size_t i = 0; i < count; i++)
		wanted += fits(q, &addrs[i]);
	if (rcode || !wanted || !q->wire_len)
		return empty(q, rcode, 0, out, size);
	o = begin(q, rcode, 0, wanted, out, size);
	for (size_t i = 0; i < count; i++)
		if (fits(q, &addrs[i]))
			put_record(&o, q->type, ttl, addrs[i].ip + 16 - len, len);
	return end(&o, q, out, size);
}

size_t dns_answer_name(const struct dns_question *q, const char *name, uint32_t ttl, void *out,
		       size_t size)
{
	uint8_t wire[DNS_WIRE];
	struct bytes_out data = bytes_out_init(wire, sizeof(wire)), o;

	if (!*name || !put_name(&data, name, strnlen(name, sizeof(wire) + 1)) || !q->wire_len)
		return empty(q, DNS_SERVFAIL, 0, out, size);
	o = begin(q, DNS_NOERROR, 0, 1, out, size);
	put_record(&o, DNS_PTR, ttl, wire, (size_t)(data.at - data.start));
	return end(&o, q, out, size);
}

size_t dns_room(const struct dns_question *q)
{
	if (q->udp_size <= DNS_DATAGRAM)
		return DNS_DATAGRAM;
	return q->udp_size < DNS_MESSAGE ? q->udp_size : DNS_MESSAGE;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Drops `suffix` from a name's end; false if it is not there. */
static bool drop(const struct dns_question *q, const char *suffix, size_t *len)
{
	size_t n = strlen(suffix);

	if (q->name_len < n)
		return false;
	*len = q->name_len - n;
	for (size_t i = 0; i < n; i++)
		if (lower(q->name[*len + i]) != suffix[i])
			return false;
	return true;
}

/* Four decimal labels, the last byte first. */
static bool reverse4(const char *text, size_t len, struct addr *a)
{
	uint8_t ip[4];
	const char *at = text, *end = text + len;

	for (int i = 3; i >= 0; i--) {
		unsigned int value = 0, digits = 0;

		for (; at < end && *at >= '0' && *at <= '9' && digits < 3; at++, digits++)
			value = value * 10 + (unsigned int)(*at - '0');
		if (!digits || value > 255 || (digits > 1 && at[-(int)digits] == '0'))
			return false;
		ip[i] = (uint8_t)value;
		if (i && (at == end || *at++ != '.'))
			return false;
	}
	*a = addr_v4(ip, 0);
	return at == end;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

/* 32 nibbles, the last one first. */
static bool reverse6(const char *text, size_t len, struct addr *a)
{
	uint8_t ip[16] = {0};

	if (len != 63)
		return false;
	for (size_t i = 0; i < 32; i++) {
		int n = nibble(text[2 * i]);

		if (n < 0 || (i < 31 && text[2 * i + 1] != '.'))
			return false;
		ip[15 - i / 2] |= (uint8_t)(i % 2 ? n << 4 : n);
	}
	*a = addr_v6(ip, 0);
	return true;
}

bool dns_reverse(const struct dns_question *q, struct addr *a)
{
	size_t len;

	if (q->type != DNS_PTR || q->class != CLASS_IN)
		return false;
	if (drop(q, ".in-addr.arpa", &len))
		return reverse4(q->name, len, a);
	return drop(q, ".ip6.arpa", &len) && reverse6(q->name, len, a);
}
