/* SPDX-License-Identifier: MIT */
/* torctl.c - Tor's control protocol as bytes. */
#include "torctl.h"

#include <string.h>

#define CODE 4 /* three digits and what tells the kind of line */

void torctl_init(struct torctl *t, char *buffer, size_t size)
{
	*t = (struct torctl){.text = buffer, .buffer = buffer, .size = size};
}

/* ---- replies ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum torctl_item take_data(struct torctl *t)
{
	t->text = t->buffer;
	t->len = t->have;
	if (t->len && *t->text == '.') {
		t->text++;
		t->len--;
		if (!t->len) {
			t->in_data = false;
			return TORCTL_DATA_END;
		}
	}
	return TORCTL_DATA;
}

static enum torctl_item take_reply(struct torctl *t)
{
	const char *b = t->buffer;
	enum torctl_item item;

	if (t->have < CODE || !is_digit(b[0]) || b[0] == '0' || !is_digit(b[1]) || !is_digit(b[2]))
		return TORCTL_BROKEN;
	item = b[3] == '-'   ? TORCTL_MID
	       : b[3] == '+' ? TORCTL_BEGIN
	       : b[3] == ' ' ? TORCTL_END
			     : TORCTL_BROKEN;
	t->code = (unsigned)((b[0] - '0') * 100 + (b[1] - '0') * 10 + (b[2] - '0'));
	t->text = t->buffer + CODE;
	t->len = t->have - CODE;
	t->in_data = item == TORCTL_BEGIN;
	return item;
}

/* The buffer holds a line; its LF (and a CR before it) is dropped. */
static enum torctl_item take_line(struct torctl *t)
{
	enum torctl_item item;

	if (t->have && t->buffer[t->have - 1] == '\r')
		t->have--;
	t->buffer[t->have] = 0;
	item = t->in_data ? take_data(t) : take_reply(t);
	t->broken = item == TORCTL_BROKEN;
	t->taken = true;
	return item;
}

size_t torctl_feed(struct torctl *t, const char *data, size_t len, enum torctl_item *item)
{
	const char *end = len ? memchr(data, '\n', len) : NULL;
	size_t n = end ? (size_t)(end - data) : len;

	*item = t->broken ? TORCTL_BROKEN : TORCTL_NONE;
	if (t->broken || !len)
		return len;
	if (t->taken)
		t->have = 0;
	t->taken = false;
	if (n >= t->size - t->have) { /* the NUL needs room */
		t->broken = true;
		*item = TORCTL_BROKEN;
		return len;
	}
	memcpy(t->buffer + t->have, data, n);
	t->have += n;
	if (!end)
		return len;
	*item = take_line(t);
	return n + 1;
}

/* control-spec §4, "Replies" */
const char *torctl_words(unsigned code)
{
	static const struct {
		unsigned code;
		const char *words;
	} table[] = {
		{250, "done"},
		{251, "the operation was unnecessary"},
		{451, "resource exhausted"},
		{500, "syntax error in the protocol"},
		{510, "unrecognized command"},
		{511, "unimplemented command"},
		{512, "syntax error in an argument"},
		{513, "unrecognized argument"},
		{514, "authentication required"},
		{515, "bad authentication"},
		{550, "unspecified Tor error"},
		{551, "internal error"},
		{552, "unrecognized entity"},
		{553, "invalid configuration value"},
		{554, "invalid descriptor"},
		{555, "unmanaged entity"},
		{650, "asynchronous event"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return table[i].words;
	return "a code that control-spec does not know";
}

/* ---- words of a line ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_key_char(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || strchr("_-./", c);
}

/* Bytes between the quote at `p` and the one that closes it, or the end of the line. */
static size_t quoted_length(const char *p, size_t len)
{
	size_t i = 1;

	for (; i < len && p[i] != '"'; i++)
		if (p[i] == '\\' && i + 1 < len)
			i++;
	return i - 1;
}

static void step(const char **at, size_t *len, size_t n)
{
	*at += n;
	*len -= n;
}

bool torctl_word(const char **at, size_t *len, struct torctl_word *w)
{
	size_t n = 0;

	while (*len && **at == ' ')
		step(at, len, 1);
	if (!*len)
		return false;
	while (n < *len && (*at)[n] && is_key_char((*at)[n]))
		n++;
	*w = (struct torctl_word){.key = *at};
	if (n && n < *len && (*at)[n] == '=') {
		w->key_len = n;
		step(at, len, n + 1);
	}
	w->value = *at;
	w->quoted = *len && **at == '"';
	if (w->quoted)
		w->value_len = 1 + quoted_length(*at, *len);
	while (w->value_len < *len && (*at)[w->value_len] != ' ')
		w->value_len++;
	step(at, len, w->value_len);
	while (*len && **at == ' ')
		step(at, len, 1);
	return true;
}

bool torctl_key(const struct torctl_word *w, const char *key)
{
	for (size_t i = 0; i < w->key_len; i++)
		if (!key[i] || lower(w->key[i]) != lower(key[i]))
			return false;
	return w->key_len && !key[w->key_len];
}

static int digit_value(char c)
{
	c = lower(c);
	if (is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Reads up to `most` digits of a base; 0 of them leaves *out alone. */
static size_t number(const char *p, size_t len, int base, size_t most, uint8_t *out)
{
	size_t n = 0;
	unsigned int v = 0;

	for (; n < len && n < most && digit_value(p[n]) < base; n++)
		v = v * (unsigned int)base + (unsigned int)digit_value(p[n]);
	if (n)
		*out = (uint8_t)v;
	return n;
}

/* Decodes what follows a backslash; returns the bytes taken. */
static size_t escape(const char *p, size_t len, uint8_t *out)
{
	size_t n = number(p, len, 8, 3, out);

	if (n)
		return n;
	if (*p == 'x' && (n = number(p + 1, len - 1, 16, 2, out)))
		return n + 1;
	*out = (uint8_t)(*p == 'n' ? '\n' : *p == 'r' ? '\r' : *p == 't' ? '\t' : *p);
	return 1;
}

size_t torctl_value(const struct torctl_word *w, char *out, size_t size)
{
	const char *p = w->value;
	size_t len = w->value_len;
	struct bytes_out o = bytes_out_init(out, size);

	if (w->quoted) {
		len = quoted_length(p, len);
		p++;
	}
	while (len) {
		uint8_t c = (uint8_t)*p;
		size_t n = 1;

		if (w->quoted && *p == '\\' && len > 1)
			n += escape(p + 1, len - 1, &c);
		bytes_put_u8(&o, c);
		step(&p, &len, n);
	}
	bytes_put_end(&o);
	return (size_t)(o.at - o.start);
}

bool torctl_find(const char *text, size_t len, const char *key, char *out, size_t size)
{
	struct torctl_word w;

	while (torctl_word(&text, &len, &w)) {
		if (!torctl_key(&w, key))
			continue;
		torctl_value(&w, out, size);
		return true;
	}
	return false;
}

/* ---- commands ---- */

/*
 * A word that Tor reads as one: no blank, no control byte, no quote that it would look for the end
 * of.
 */
static bool is_plain(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((uint8_t)*text <= ' ' || *text == 0x7f || *text == '"' || *text == '\\')
			return false;
	return true;
}

void torctl_put_word(struct bytes_out *o, const char *word)
{
	if (!is_plain(word))
		o->overflow = true;
	else if (bytes_put_u8(o, ' '), 1)
		bytes_put_text(o, word);
}

static void put_byte_quoted(struct bytes_out *o, uint8_t c)
{
	const char *special = "\nn\rr\tt\"\"\\\\";

	for (; *special; special += 2) {
		if ((uint8_t)*special != c)
			continue;
		bytes_put_u8(o, '\\');
		bytes_put_u8(o, (uint8_t)special[1]);
		return;
	}
	if (c >= ' ' && c != 0x7f) {
		bytes_put_u8(o, c);
		return;
	}
	bytes_put_u8(o, '\\');
	bytes_put_u8(o, (uint8_t)('0' + (c >> 6)));
	bytes_put_u8(o, (uint8_t)('0' + (c >> 3 & 7)));
	bytes_put_u8(o, (uint8_t)('0' + (c & 7)));
}

static void put_string(struct bytes_out *o, const uint8_t *text, size_t len)
{
	bytes_put_u8(o, '"');
	for (size_t i = 0; i < len; i++)
		put_byte_quoted(o, text[i]);
	bytes_put_u8(o, '"');
}

void torctl_put_quoted(struct bytes_out *o, const void *text, size_t len)
{
	bytes_put_u8(o, ' ');
	put_string(o, text, len);
}

void torctl_put_pair(struct bytes_out *o, const char *key, const char *value)
{
	torctl_put_word(o, key);
	bytes_put_u8(o, '=');
	if (is_plain(value))
		bytes_put_text(o, value);
	else
		put_string(o, (const uint8_t *)value, strlen(value));
}

void torctl_put_line_end(struct bytes_out *o)
{
	bytes_put_text(o, "\r\n");
}

void torctl_put_data(struct bytes_out *o, const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		if (*text == '.')
			bytes_put_u8(o, '.');
		bytes_put(o, text, n && text[n - 1] == '\r' ? n - 1 : n);
		torctl_put_line_end(o);
		step(&text, &len, end ? n + 1 : n);
	}
	bytes_put_text(o, ".\r\n");
}
