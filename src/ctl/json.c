/* SPDX-License-Identifier: MIT */
/* json.c - strings of JSON. */
#include "json.h"

#include <string.h>

/* Bytes of the UTF-8 character (RFC 3629) at `p`, or 0 if it is none. */
static int utf8_length(const unsigned char *p)
{
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	int n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
	unsigned int c = n > 1 ? *p & (0x7fu >> n) : *p;

	for (int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (!n || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

void json_put_text(FILE *to, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', to);
	while (*p) {
		int n = utf8_length(p);

		if (*p == '"' || *p == '\\')
			fprintf(to, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(to, "\\u%04x", *p);
		else if (!n)
			fprintf(to, "\\udc%02x", *p);
		else
			fwrite(p, 1, (size_t)n, to);
		p += n ? n : 1;
	}
	fputc('"', to);
}
