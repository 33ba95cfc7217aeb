/* SPDX-License-Identifier: MIT */
/* json_print.c - strings of JSON, printed. */
#include "json_print.h"

#include <string.h>

#include "json.h"

void json_put_text(FILE *to, const char *text)
{
	uint8_t piece[JSON_PIECE];
	size_t left = strlen(text), taken;

	fputc('"', to);
	for (; left; left -= taken, text += taken)
		fwrite(piece, 1, json_piece(text, left, &taken, piece), to);
	fputc('"', to);
}
