/* SPDX-License-Identifier: MIT */
/* bytes.c - bounded reading and writing of byte strings. */
#include "bytes.h"

#include <string.h>

struct bytes_out bytes_out_init(void *to, size_t size)
{
	uint8_t *start = to;

	return (struct bytes_out){.at = start, .end = size ? start + size : start, .start = start};
}

void bytes_put(struct bytes_out *o, const void *data, size_t len)
{
	size_t room = (size_t)(o->end - o->at);

	if (len > room) {
		o->overflow = true;
		len = room;
	}
	/* memcpy(NULL, …, 0) and NULL + 0 are undefined */
	if (!len)
		return;
	memcpy(o->at, data, len);
	o->at += len;
}

void bytes_put_u8(struct bytes_out *o, uint8_t v)
{
	bytes_put(o, &v, 1);
}

void bytes_put_u16(struct bytes_out *o, uint16_t v)
{
	bytes_put_u8(o, (uint8_t)(v >> 8));
	bytes_put_u8(o, (uint8_t)v);
}

void bytes_put_u32(struct bytes_out *o, uint32_t v)
{
	bytes_put_u16(o, (uint16_t)(v >> 16));
	bytes_put_u16(o, (uint16_t)v);
}

void bytes_put_text(struct bytes_out *o, const char *text)
{
	bytes_put(o, text, strlen(text));
}

void bytes_put_number(struct bytes_out *o, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	bytes_put(o, digits + at, sizeof(digits) - at);
}

void bytes_put_end(struct bytes_out *o)
{
	if (o->at == o->end) {
		o->overflow = true;
		if (o->at == o->start)
			return;
		o->at--;
	}
	*o->at = '\0';
}

struct bytes_in bytes_in_init(const void *from, size_t size)
{
	const uint8_t *at = from;

	return (struct bytes_in){.at = at, .end = size ? at + size : at};
}

size_t bytes_left(const struct bytes_in *i)
{
	return (size_t)(i->end - i->at);
}

const uint8_t *bytes_get(struct bytes_in *i, size_t len)
{
	const uint8_t *at = i->at;

	if (len > bytes_left(i)) {
		/* what follows a short read would be read at the wrong place */
		i->at = i->end;
		i->underflow = true;
		return NULL;
	}
	if (len)
		i->at += len;
	return at;
}

uint8_t bytes_get_u8(struct bytes_in *i)
{
	const uint8_t *b = bytes_get(i, 1);

	return b ? b[0] : 0;
}

uint16_t bytes_get_u16(struct bytes_in *i)
{
	const uint8_t *b = bytes_get(i, 2);

	return b ? (uint16_t)(b[0] << 8 | b[1]) : 0;
}

uint32_t bytes_get_u32(struct bytes_in *i)
{
	const uint8_t *b = bytes_get(i, 4);

	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

uint64_t bytes_hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}
