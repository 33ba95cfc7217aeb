/* SPDX-License-Identifier: MIT */
/*
 * fuzz_torctl.c - properties of the control protocol: every split gives the same items; what was
 * read, printed and read again is the same; unquoted(quoted(x)) is x; words lie inside of their
 * line and come to its end; no word of a command breaks out of its line.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "torctl.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

#define LINE 200

/* The items of a conversation, printed as Tor would print them. */
struct text {
	char *at;
	size_t len, size;
	bool broken;
};

static void put(struct text *t, const void *data, size_t len)
{
	CHECK(t->len + len <= t->size);
	memcpy(t->at + t->len, data, len);
	t->len += len;
}

static void print(struct text *to, const struct torctl *t, enum torctl_item item)
{
	static const char ends[] = {[TORCTL_MID] = '-', [TORCTL_BEGIN] = '+', [TORCTL_END] = ' '};
	char code[4] = {(char)('0' + t->code / 100), (char)('0' + t->code / 10 % 10),
			(char)('0' + t->code % 10), 0};

	CHECK(t->len < LINE && t->text[t->len] == 0);
	if (item == TORCTL_DATA) {
		if (t->len && *t->text == '.')
			put(to, ".", 1);
	} else if (item == TORCTL_DATA_END) {
		CHECK(t->len == 0);
		put(to, ".", 1);
	} else {
		CHECK(t->code >= 100 && t->code <= 999);
		code[3] = ends[item];
		put(to, code, 4);
	}
	put(to, t->text, t->len);
	put(to, "\r\n", 2);
}

static struct text read_all(const char *data, size_t len, size_t piece)
{
	struct text to = {.size = len * 4 + 16};
	char *buffer = malloc(LINE);
	enum torctl_item item;
	struct torctl t;

	to.at = malloc(to.size);
	CHECK(to.at && buffer);
	torctl_init(&t, buffer, LINE);
	for (size_t at = 0; at < len && !to.broken;) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);

		memcpy(copy, data + at, n);
		for (size_t used = 0; used < n && !to.broken;) {
			size_t got = torctl_feed(&t, copy + used, n - used, &item);

			CHECK(got >= 1 && got <= n - used);
			used += got;
			if (item == TORCTL_BROKEN)
				to.broken = true;
			else if (item != TORCTL_NONE)
				print(&to, &t, item);
		}
		free(copy);
		at += n;
	}
	free(buffer);
	return to;
}

static void same(const struct text *a, const struct text *b)
{
	CHECK(a->broken == b->broken && a->len == b->len && !memcmp(a->at, b->at, a->len));
}

/*
 * A line of exactly the buffer's size may lose its CR one way and be too long the other: leave
 * those.
 */
static void check_replies(const char *data, size_t len)
{
	static const size_t pieces[] = {1, 2, 3, 7, 64};
	struct text whole = read_all(data, len, len ? len : 1), again;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct text other = read_all(data, len, pieces[i]);

		same(&whole, &other);
		free(other.at);
	}
	again = read_all(whole.at, whole.len, 5);
	/* a CR of the text at its end would be taken for the line's */
	if (!again.broken && !memmem(data, len, "\r\r", 2))
		CHECK(again.len == whole.len && !memcmp(again.at, whole.at, whole.len));
	free(again.at);
	free(whole.at);
}

static void check_words(const char *data, size_t len)
{
	const char *at = data, *end = data + len;
	struct torctl_word w;
	char *out = malloc(len + 1);
	size_t left = len;

	while (torctl_word(&at, &left, &w)) {
		CHECK(w.value >= data && w.value + w.value_len <= end && at + left == end);
		CHECK(w.key >= data && w.key + w.key_len <= end);
		CHECK(torctl_value(&w, out, len + 1) <= w.value_len);
	}
	CHECK(left == 0);
	free(out);
}

static void check_quoting(const char *data, size_t len)
{
	size_t size = 4 * len + 8, n;
	char *quoted = malloc(size), *back = malloc(len + 1);
	struct bytes_out o = bytes_out_init(quoted, size);
	struct torctl_word w;
	const char *at = quoted;

	torctl_put_quoted(&o, data, len);
	CHECK(!o.overflow);
	n = (size_t)(o.at - o.start);
	CHECK(!memchr(quoted, '\n', n) && !memchr(quoted, '\r', n));
	CHECK(torctl_word(&at, &n, &w) && n == 0 && w.quoted && !w.key_len);
	CHECK(torctl_value(&w, back, len + 1) == len && !memcmp(back, data, len));
	free(quoted);
	free(back);
}

static void check_command(const char *data, size_t len)
{
	size_t size = 4 * len + 16, n;
	char *word = malloc(len + 1), *line = malloc(size), *back = malloc(len + 1);
	struct bytes_out o = bytes_out_init(line, size);
	struct torctl_word w;
	const char *at = line;

	memcpy(word, data, len);
	word[len] = 0;
	torctl_put_pair(&o, "Key", word);
	n = (size_t)(o.at - o.start);
	CHECK(!o.overflow && torctl_word(&at, &n, &w) && n == 0 && torctl_key(&w, "key"));
	CHECK(torctl_value(&w, back, len + 1) == strlen(word) && !strcmp(back, word));
	o = bytes_out_init(line, size);
	torctl_put_word(&o, word);
	n = (size_t)(o.at - o.start);
	for (size_t i = 1; i < n; i++)
		CHECK((uint8_t)line[i] > ' ');
	free(word);
	free(line);
	free(back);
}

/* Data that is sent comes back as the lines that were put in. */
static void check_data(const char *data, size_t len)
{
	size_t size = 3 * len + 16, n;
	char *sent = malloc(size);
	struct bytes_out o = bytes_out_init(sent, size);
	const char *dot;

	torctl_put_data(&o, data, len);
	n = (size_t)(o.at - o.start);
	CHECK(!o.overflow && n >= 3 && !memcmp(sent + n - 3, ".\r\n", 3));
	dot = memmem(sent, n, "\r\n.\r\n", 5);
	CHECK(!dot || dot + 5 == sent + n);
	CHECK(n == 3 || memcmp(sent, ".\r\n", 3) != 0);
	free(sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_replies(text, size);
	check_words(text, size);
	check_quoting(text, size);
	check_command(text, size);
	check_data(text, size);
	return 0;
}
