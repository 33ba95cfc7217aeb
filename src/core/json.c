/* SPDX-License-Identifier: MIT */
/* json.c - writes JSON into a buffer. */
#include "json.h"

#include <string.h>

#include "utf8.h"

static const char digits[] = "0123456789abcdef";

static size_t escape(unsigned int c, uint8_t out[static JSON_PIECE])
{
	out[0] = '\\';
	out[1] = 'u';
	for (int i = 0; i < 4; i++)
		out[2 + i] = (uint8_t)digits[c >> (12 - 4 * i) & 15];
	return 6;
}

size_t json_piece(const void *text, size_t len, size_t *taken, uint8_t out[static JSON_PIECE])
{
	const uint8_t *p = text;
	uint32_t c;
	size_t n = utf8_get(p, len, &c);

	*taken = n ? n : 1;
	if (!n)
		return escape(0xdc00u + *p, out);
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (uint8_t)c;
		return 2;
	}
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return escape(c, out);
	memcpy(out, p, n);
	return n;
}

/* A value is behind another, unless it is the first. */
static void put_key(struct bytes_out *o, const char *key)
{
	uint8_t last = o->at > o->start ? o->at[-1] : '{';

	if (last != '{' && last != '[' && last != '\n')
		bytes_put_u8(o, ',');
	if (!key)
		return;
	bytes_put_u8(o, '"');
	bytes_put_text(o, key);
	bytes_put_text(o, "\":");
}

void json_open(struct bytes_out *o, const char *key)
{
	put_key(o, key);
	bytes_put_u8(o, '{');
}

void json_close(struct bytes_out *o)
{
	bytes_put_u8(o, '}');
}

void json_list(struct bytes_out *o, const char *key)
{
	put_key(o, key);
	bytes_put_u8(o, '[');
}

void json_list_end(struct bytes_out *o)
{
	bytes_put_u8(o, ']');
}

/* How much stands as it is: all of most texts. */
static size_t plain(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\')
		n++;
	return n;
}

void json_bytes(struct bytes_out *o, const char *key, const void *text, size_t len)
{
	const uint8_t *p = text;
	uint8_t piece[JSON_PIECE];
	size_t taken;

	put_key(o, key);
	bytes_put_u8(o, '"');
	for (; len; len -= taken, p += taken) {
		taken = plain(p, len);
		if (taken)
			bytes_put(o, p, taken);
		else
			bytes_put(o, piece, json_piece(p, len, &taken, piece));
	}
	bytes_put_u8(o, '"');
}

void json_text(struct bytes_out *o, const char *key, const char *text)
{
	json_bytes(o, key, text, strlen(text));
}

void json_number(struct bytes_out *o, const char *key, uint64_t v)
{
	put_key(o, key);
	bytes_put_number(o, v);
}

void json_bool(struct bytes_out *o, const char *key, bool v)
{
	put_key(o, key);
	bytes_put_text(o, v ? "true" : "false");
}
