/* SPDX-License-Identifier: MIT */
/* json_read.c - reads JSON in place: nothing is copied but a string's bytes, nothing is kept. */
#include <string.h>

#include "json.h"
#include "utf8.h"

struct reader {
	const char *at, *end;
};

static void blanks(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

static bool take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool is_digit(const struct reader *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool digits(struct reader *r)
{
	if (!is_digit(r))
		return false;
	while (is_digit(r))
		r->at++;
	return true;
}

static bool number(struct reader *r)
{
	take(r, '-');
	if (!take(r, '0') && !digits(r))
		return false;
	if (take(r, '.') && !digits(r))
		return false;
	if (!take(r, 'e') && !take(r, 'E'))
		return true;
	if (!take(r, '+'))
		take(r, '-');
	return digits(r);
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(struct reader *r)
{
	int32_t v = 0;

	if (r->end - r->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = *r->at++, low = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (low - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* Behind a backslash: the character, or -1. */
static int32_t escaped(struct reader *r)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (r->at == r->end || !*r->at)
		return -1;
	if (*r->at == 'u') {
		r->at++;
		return hex4(r);
	}
	at = strchr(letters, *r->at++);
	return at ? meant[at - letters] : -1;
}

/* The second half of a pair of surrogates, if it follows; else `c` as it is. */
static int32_t paired(struct reader *r, int32_t c)
{
	struct reader ahead = *r;
	int32_t low;

	if (c < 0xd800 || c >= 0xdc00 || !take(&ahead, '\\') || !take(&ahead, 'u'))
		return c;
	low = hex4(&ahead);
	if (low < 0xdc00 || low >= 0xe000)
		return c;
	*r = ahead;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/*
 * The next character of a string as bytes: their number; 0 at the closing quote, which is taken; -1
 * if it is broken. A lone surrogate stands for a byte, or for nothing that there is.
 */
static int next_bytes(struct reader *r, char out[static 4])
{
	uint32_t c;
	size_t n;
	int32_t e;

	if (r->at == r->end || (uint8_t)*r->at < 0x20)
		return -1;
	if (take(r, '"'))
		return 0;
	if (!take(r, '\\')) {
		n = utf8_get((const uint8_t *)r->at, (size_t)(r->end - r->at), &c);
		memcpy(out, r->at, n);
		r->at += n;
		return n ? (int)n : -1;
	}
	e = escaped(r);
	if (e < 0)
		return -1;
	e = paired(r, e);
	if (e >= 0xd800 && e < 0xe000) {
		out[0] = (char)e;
		return e >= 0xdc80 && e <= 0xdcff ? 1 : -1;
	}
	return (int)utf8_put((uint32_t)e, out);
}

static bool string(struct reader *r)
{
	char piece[4];
	int n;

	if (!take(r, '"'))
		return false;
	while ((n = next_bytes(r, piece)) > 0)
		;
	return n == 0;
}

static bool word(struct reader *r, const char *w)
{
	size_t len = strlen(w);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, w, len) != 0)
		return false;
	r->at += len;
	return true;
}

static bool value(struct reader *r, int depth, struct json_value *v);

static bool member(struct reader *r, int depth, struct json_value *key, struct json_value *v)
{
	blanks(r);
	key->at = r->at;
	if (!string(r))
		return false;
	key->kind = JSON_TEXT;
	key->len = (size_t)(r->at - key->at);
	blanks(r);
	return take(r, ':') && value(r, depth, v);
}

/* The inside of a list or an object, and its closing bracket. */
static bool inside(struct reader *r, int depth, bool object)
{
	const char end = object ? '}' : ']';
	struct json_value key, v;

	blanks(r);
	if (take(r, end))
		return true;
	do {
		if (!(object ? member(r, depth, &key, &v) : value(r, depth, &v)))
			return false;
	} while (take(r, ','));
	return take(r, end);
}

static bool value_at(struct reader *r, int depth, enum json_kind *kind)
{
	char c = r->at < r->end ? *r->at : 0;

	switch (c) {
	case '{':
	case '[':
		*kind = c == '{' ? JSON_OBJECT : JSON_LIST;
		r->at++;
		return depth < JSON_DEPTH && inside(r, depth + 1, c == '{');
	case '"':
		*kind = JSON_TEXT;
		return string(r);
	case 't':
	case 'f':
		*kind = JSON_BOOL;
		return word(r, c == 't' ? "true" : "false");
	case 'n':
		*kind = JSON_NULL;
		return word(r, "null");
	default:
		*kind = JSON_NUMBER;
		return number(r);
	}
}

static bool value(struct reader *r, int depth, struct json_value *v)
{
	blanks(r);
	v->at = r->at;
	if (!value_at(r, depth, &v->kind))
		return false;
	v->len = (size_t)(r->at - v->at);
	blanks(r);
	return true;
}

bool json_read(const char *text, size_t len, struct json_value *out)
{
	struct reader r = {.at = text, .end = len ? text + len : text};

	return value(&r, 0, out) && r.at == r.end;
}

/* Compares a string with a key: escapes may be in it. */
static bool is_key(const struct json_value *text, const char *key)
{
	struct reader r = {.at = text->at + 1, .end = text->at + text->len};
	size_t left = strlen(key);
	char piece[4];
	int n;

	while ((n = next_bytes(&r, piece)) > 0) {
		if ((size_t)n > left || memcmp(piece, key, (size_t)n) != 0)
			return false;
		key += n;
		left -= (size_t)n;
	}
	return n == 0 && !left;
}

bool json_find(const struct json_value *object, const char *key, struct json_value *out)
{
	struct reader r = {.at = object->at + 1, .end = object->at + object->len};
	struct json_value name;

	if (object->kind != JSON_OBJECT)
		return false;
	do {
		if (!member(&r, 1, &name, out))
			return false;
		if (is_key(&name, key))
			return true;
	} while (take(&r, ','));
	return false;
}

long json_text_of(const struct json_value *v, char *out, size_t size)
{
	struct reader r = {.at = v->at + 1, .end = v->at + v->len};
	struct bytes_out o = bytes_out_init(out, size);
	char piece[4];
	int n;

	if (v->kind != JSON_TEXT)
		return -1;
	while ((n = next_bytes(&r, piece)) > 0)
		bytes_put(&o, piece, (size_t)n);
	bytes_put_end(&o);
	return n < 0 || o.overflow ? -1 : (long)(o.at - o.start);
}

bool json_number_of(const struct json_value *v, uint64_t *out)
{
	uint64_t n = 0;

	if (v->kind != JSON_NUMBER)
		return false;
	for (size_t i = 0; i < v->len; i++) {
		unsigned int digit = (unsigned int)(v->at[i] - '0');

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

bool json_bool_of(const struct json_value *v, bool *out)
{
	*out = v->kind == JSON_BOOL && *v->at == 't';
	return v->kind == JSON_BOOL;
}
