/* SPDX-License-Identifier: MIT */
/*
 * torctl.h - Tor's control protocol as bytes (control-spec): a push parser for what Tor says, a
 * builder for commands, quoting. Pure: no I/O, no allocation.
 *
 *	torctl_init(&t, buffer, size);
 *	while (len) {
 *		n = torctl_feed(&t, data, len, &item);
 *		data += n, len -= n;
 *		if (item == TORCTL_END) the reply or event t.code is complete; …
 *	}
 *
 * Tor speaks in lines. A line is `code-text` (more follows), `code+text` (data follows, up to a dot
 * that stands alone) or `code text` (the end of this reply). Events are replies of code 650 to
 * nobody; they come between replies and, as the parser has it, anywhere between lines.
 */
#ifndef SOCKSHIM_TORCTL_H
#define SOCKSHIM_TORCTL_H

#include "bytes.h"

enum torctl_item {
	TORCTL_NONE,	 /* the bytes are taken; no line is complete */
	TORCTL_MID,	 /* code, text; more lines of this reply follow */
	TORCTL_BEGIN,	 /* code, text; data lines follow */
	TORCTL_DATA,	 /* text is a line of data, without its stuffed dot */
	TORCTL_DATA_END, /* text is empty */
	TORCTL_END,	 /* code, text; the reply is complete */
	TORCTL_BROKEN,	 /* no control protocol, or a line longer than the buffer; for ever */
};

struct torctl {
	char *text;    /* the line without code and end, with a NUL; until torctl_feed() */
	size_t len;    /* bytes of it; there may be a NUL in it */
	unsigned code; /* 100..999; in data that of the line before */
	/* private */
	char *buffer;
	size_t size, have;
	bool in_data, taken, broken;
};

void torctl_init(struct torctl *t, char *buffer, size_t size);

/*
 * Takes bytes up to the end of a line and says what that line is. Returns how many were taken, at
 * least 1 unless `len` is 0. However the bytes are split, the items are the same.
 */
size_t torctl_feed(struct torctl *t, const char *data, size_t len, enum torctl_item *item);

/* What a code means, "unrecognized entity" for 552 (control-spec §4); static. */
const char *torctl_words(unsigned code);

/*
 * A word of a line: `KEY=value`, `KEY="quoted value"`, or without a key `value` or `"quoted
 * value"`.
 */
struct torctl_word {
	const char *key, *value; /* not NUL-terminated; the value with its quotes */
	size_t key_len, value_len;
	bool quoted;
};

/*
 * Takes the next word of the `*len` bytes at `*at` and steps over it and the blanks behind it.
 * False at the end. A quote that is not closed ends with the line.
 */
bool torctl_word(const char **at, size_t *len, struct torctl_word *w);

/* Is it this key (letters without case)? */
bool torctl_key(const struct torctl_word *w, const char *key);

/*
 * Writes the value as it is meant, without quotes and escapes (\n \r \t \\ \" \' \ooo \xhh, and any
 * other byte for itself), and a NUL. Returns its length; what does not fit in `size` is cut.
 */
size_t torctl_value(const struct torctl_word *w, char *out, size_t size);

/* Finds the word with this key among the `len` bytes and writes its value; false: there is none. */
bool torctl_find(const char *text, size_t len, const char *key, char *out, size_t size);

/*
 * Commands: begin with bytes_out_init() and the verb as text, add words, and end it. A word that
 * must not be sent (empty, with a blank, quote or control byte) sets `overflow`; so does a key like
 * that.
 */
void torctl_put_word(struct bytes_out *o, const char *word);
void torctl_put_pair(struct bytes_out *o, const char *key,
		     const char *value); /* quoted if it must be */
void torctl_put_quoted(struct bytes_out *o, const void *text,
		       size_t len); /* " " and a quoted string */

/* CR LF. */
void torctl_put_line_end(struct bytes_out *o);

/*
 * Data of a command whose verb begins with '+': lines end with CR LF, dots are stuffed, a dot ends
 * it.
 */
void torctl_put_data(struct bytes_out *o, const char *text, size_t len);

#endif
