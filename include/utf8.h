/* SPDX-License-Identifier: MIT */
/* utf8.h - UTF-8 (RFC 3629), one character at a time. Pure. */
#ifndef SOCKSHIM_UTF8_H
#define SOCKSHIM_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The character at `p`: its bytes; 0 if what stands there is none. */
static inline size_t utf8_get(const uint8_t *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *p < 0x80   ? 1
		   : *p < 0xc2 ? 0
		   : *p < 0xe0 ? 2
		   : *p < 0xf0 ? 3
		   : *p < 0xf5 ? 4
			       : 0;

	if (!n || n > len)
		return 0;
	*c = n > 1 ? *p & (0x7fu >> n) : *p;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

/* Writes the character `c`, which may be a lone surrogate; returns its bytes. */
static inline size_t utf8_put(uint32_t c, char out[static 4])
{
	static const uint8_t head[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(head[n] | c);
	return n;
}

#endif
