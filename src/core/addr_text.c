/* SPDX-License-Identifier: MIT */
/* addr_text.c - addresses and networks as text: read and printed. */
#include "addr.h"

#include <string.h>

#include "bytes.h"

/* Where the four bytes of an IPv4 address are in a struct addr. */
#define V4_AT 12

/* Reads a whole decimal number up to `max`, without sign, spaces or leading zeros. */
static bool parse_number(const char *text, size_t len, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (len < 1 || len > 10 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*out = (uint32_t)v;
	return v <= max;
}

/* The length of `text` up to the first `c`, or all of it. */
static size_t span(const char *text, size_t len, char c)
{
	const char *at = len ? memchr(text, c, len) : NULL;

	return at ? (size_t)(at - text) : len;
}

static bool parse_quad(uint8_t ip[static 4], const char *text, size_t len)
{
	for (int i = 0; i < 4; i++) {
		size_t n = i < 3 ? span(text, len, '.') : len;
		uint32_t v;

		if (!parse_number(text, n, 255, &v))
			return false;
		ip[i] = (uint8_t)v;
		if (i == 3)
			break;
		if (n == len)
			return false;
		text += n + 1;
		len -= n + 1;
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads one group of 1..4 hexadecimal digits. */
static bool parse_group(struct bytes_out *o, const char *text, size_t len)
{
	unsigned int v = 0;

	if (len < 1 || len > 4)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return false;
		v = v << 4 | (unsigned int)digit;
	}
	bytes_put_u16(o, (uint16_t)v);
	return true;
}

/* Reads groups between single colons; the last may be a dotted quad if `quad`. None is fine. */
static bool parse_groups(struct bytes_out *o, const char *text, size_t len, bool quad)
{
	uint8_t ip[4];

	while (len) {
		size_t n = span(text, len, ':');

		if (quad && n == len && parse_quad(ip, text, len)) {
			bytes_put(o, ip, sizeof(ip));
			return !o->overflow;
		}
		if (!parse_group(o, text, n) || o->overflow)
			return false;
		if (n == len)
			return true;
		text += n + 1;
		len -= n + 1;
		if (!len)
			return false;
	}
	return true;
}

static size_t find_double_colon(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] == ':' && text[i + 1] == ':')
			return i;
	}
	return len;
}

/* RFC 4291 §2.2; like inet_pton(3), `::` stands for at least one group. */
static bool parse_v6(uint8_t ip[static 16], const char *text, size_t len)
{
	uint8_t tail[16];
	struct bytes_out head = bytes_out_init(ip, 16), rest = bytes_out_init(tail, 16);
	size_t gap = find_double_colon(text, len), before, after;

	if (gap == len)
		return parse_groups(&head, text, len, true) && head.at == head.end;
	if (!parse_groups(&head, text, gap, false) ||
	    !parse_groups(&rest, text + gap + 2, len - gap - 2, true))
		return false;
	before = (size_t)(head.at - ip);
	after = (size_t)(rest.at - tail);
	if (before + after > 14)
		return false;
	memset(ip + before, 0, 16 - before - after);
	memcpy(ip + 16 - after, tail, after);
	return true;
}

bool addr_parse(struct addr *a, const char *text, size_t len)
{
	uint8_t ip[16];
	uint32_t scope = 0;
	size_t n;

	if (parse_quad(ip, text, len)) {
		*a = addr_v4(ip, 0);
		return true;
	}
	if (span(text, len, ':') == len)
		return false; /* as most texts: they are names */
	n = span(text, len, '%');
	if (n < len && !parse_number(text + n + 1, len - n - 1, UINT32_MAX, &scope))
		return false;
	if (!parse_v6(ip, text, n))
		return false;
	*a = addr_v6(ip, 0);
	a->scope = addr_is_v4(a) ? 0 : scope; /* as addr_from_sockaddr() */
	return true;
}

/* Reads an IPv6 address in brackets, or a dotted quad without. */
static bool parse_host(struct addr *a, const char *text, size_t len)
{
	bool bracket = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (bracket) {
		text++;
		len -= 2;
	}
	return (span(text, len, ':') < len) == bracket && addr_parse(a, text, len);
}

bool addr_parse_port(struct addr *a, const char *text, size_t len)
{
	size_t colon = len;
	uint32_t port;
	struct addr host;

	while (colon && text[colon - 1] != ':')
		colon--;
	if (!colon || !parse_number(text + colon, len - colon, UINT16_MAX, &port))
		return false;
	if (!parse_host(&host, text, colon - 1))
		return false;
	*a = host;
	a->port = (uint16_t)port;
	return true;
}

static bool host_bits_clear(const struct addr *a, unsigned int bits)
{
	uint8_t masked[16] = {0};

	memcpy(masked, a->ip, bits / 8);
	if (bits % 8)
		masked[bits / 8] = (uint8_t)(a->ip[bits / 8] & 0xff00 >> bits % 8);
	return !memcmp(masked, a->ip, sizeof(masked));
}

bool net_parse(struct net *n, const char *text, size_t len)
{
	size_t slash = span(text, len, '/');
	unsigned int offset = span(text, slash, ':') < slash ? 0 : 96;
	struct addr base;
	uint32_t bits = 128 - offset;

	if (!addr_parse(&base, text, slash))
		return false;
	if (slash < len && !parse_number(text + slash + 1, len - slash - 1, bits, &bits))
		return false;
	bits += offset;
	if (!host_bits_clear(&base, bits))
		return false;
	*n = (struct net){.base = base, .bits = (uint8_t)bits};
	return true;
}

static void put_quad(struct bytes_out *o, const uint8_t ip[static 4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			bytes_put_text(o, ".");
		bytes_put_number(o, ip[i]);
	}
}

static unsigned int group(const struct addr *a, int i)
{
	return (unsigned int)a->ip[2 * i] << 8 | a->ip[2 * i + 1];
}

static void put_group(struct bytes_out *o, unsigned int v)
{
	int shift = 12;

	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		bytes_put_u8(o, (uint8_t) "0123456789abcdef"[v >> shift & 15]);
}

/* The first of the longest runs of two or more zero groups (RFC 5952 §4.2); -1: there is none. */
static int longest_run(const struct addr *a, int *len)
{
	int best = -1;

	*len = 1;
	for (int i = 0, n = 0; i < 8; i++) {
		n = group(a, i) ? 0 : n + 1;
		if (n > *len) {
			*len = n;
			best = i - n + 1;
		}
	}
	return best;
}

static void put_v6(struct bytes_out *o, const struct addr *a)
{
	int len, run = longest_run(a, &len);

	for (int i = 0; i < 8; i++) {
		if (i == run) {
			bytes_put_text(o, "::");
			i += len - 1;
			continue;
		}
		if (i && (run < 0 || i != run + len))
			bytes_put_text(o, ":");
		put_group(o, group(a, i));
	}
	if (a->scope) {
		bytes_put_text(o, "%");
		bytes_put_number(o, a->scope);
	}
}

static void put_ip(struct bytes_out *o, const struct addr *a)
{
	if (addr_is_v4(a))
		put_quad(o, a->ip + V4_AT);
	else
		put_v6(o, a);
}

static size_t put_done(struct bytes_out *o)
{
	bytes_put_end(o);
	return (size_t)(o->at - o->start);
}

size_t addr_print(const struct addr *a, char out[static ADDR_TEXT])
{
	struct bytes_out o = bytes_out_init(out, ADDR_TEXT);

	put_ip(&o, a);
	return put_done(&o);
}

size_t addr_print_port(const struct addr *a, char out[static ADDR_TEXT])
{
	struct bytes_out o = bytes_out_init(out, ADDR_TEXT);
	bool v4 = addr_is_v4(a);

	bytes_put_text(&o, v4 ? "" : "[");
	put_ip(&o, a);
	bytes_put_text(&o, v4 ? ":" : "]:");
	bytes_put_number(&o, a->port);
	return put_done(&o);
}

size_t net_print(const struct net *n, char out[static ADDR_TEXT])
{
	struct bytes_out o = bytes_out_init(out, ADDR_TEXT);

	put_ip(&o, &n->base);
	if (n->bits < 128) {
		bytes_put_text(&o, "/");
		bytes_put_number(&o, n->bits - (addr_is_v4(&n->base) ? 96u : 0u));
	}
	return put_done(&o);
}
