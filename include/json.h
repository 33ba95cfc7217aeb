/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON (RFC 8259) on one line, over given memory. Pure.
 *
 * Strings are any bytes. What is UTF-8 stands as it is; control characters are escaped; a byte that
 * is no UTF-8 becomes the lone surrogate U+DC00 + byte ("\udcff"), as Python's surrogateescape has
 * it, and json_text_of() gives the byte back. So any name survives, and a terminal is never
 * steered.
 */
#ifndef SOCKSHIM_JSON_H
#define SOCKSHIM_JSON_H

#include "bytes.h"

#define JSON_PIECE 6  /* bytes of one character, escaped */
#define JSON_DEPTH 16 /* what is nested deeper is not read */

/*
 * Writing. `key` is NULL outside of an object; commas are put by themselves. A full buffer leaves
 * o->overflow, and what stands there is not JSON.
 */
void json_open(struct bytes_out *o, const char *key);
void json_close(struct bytes_out *o);
void json_list(struct bytes_out *o, const char *key);
void json_list_end(struct bytes_out *o);
void json_text(struct bytes_out *o, const char *key, const char *text);
void json_bytes(struct bytes_out *o, const char *key, const void *text, size_t len);
void json_number(struct bytes_out *o, const char *key, uint64_t v);
void json_bool(struct bytes_out *o, const char *key, bool v);

/* The first character of `text` as it stands in a string; *taken: how many bytes of text it was. */
size_t json_piece(const void *text, size_t len, size_t *taken, uint8_t out[static JSON_PIECE]);

enum json_kind { JSON_TEXT, JSON_NUMBER, JSON_BOOL, JSON_NULL, JSON_OBJECT, JSON_LIST };

struct json_value {
	enum json_kind kind;
	const char *at; /* as it is written, with its quotes or brackets */
	size_t len;
};

/* Is all of it one value (blanks around it allowed), and what kind? */
bool json_read(const char *text, size_t len, struct json_value *out);

/* The member of an object that json_read() found good; the first of that name. */
bool json_find(const struct json_value *object, const char *key, struct json_value *out);

/* The bytes of a string, and a NUL behind them. Their number; -1: no string, or it is too long. */
long json_text_of(const struct json_value *v, char *out, size_t size);

/* A number without sign, fraction or exponent that fits; `true` or `false`. False if it is none. */
bool json_number_of(const struct json_value *v, uint64_t *out);
bool json_bool_of(const struct json_value *v, bool *out);

#endif
