/* SPDX-License-Identifier: MIT */
/* test_torctl.c - Tor's control protocol: replies whole and in pieces, words, quoting, commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "torctl.h"

/* Writes what the parser says, an item a line, feeding `piece` bytes at a time. */
static void read_all(const char *data, size_t len, size_t piece, char out[static 4096])
{
	static const char *const kinds[] = {"", "mid", "begin", "data", "dot", "end", "broken"};
	char buffer[64];
	struct torctl t;
	enum torctl_item item;
	char *to = out;

	*to = 0;
	torctl_init(&t, buffer, sizeof(buffer));
	for (size_t at = 0; at < len;) {
		size_t n = len - at < piece ? len - at : piece;

		for (size_t used = 0; used < n;) {
			used += torctl_feed(&t, data + at + used, n - used, &item);
			if (item == TORCTL_BROKEN) {
				sprintf(to, "broken\n");
				return;
			}
			if (item != TORCTL_NONE)
				to += sprintf(to, "%s %u %s\n", kinds[item], t.code, t.text);
		}
		at += n;
	}
}

static void reads(const char *data, const char *want)
{
	for (size_t piece = 1; piece <= strlen(data); piece++) {
		char got[4096];

		read_all(data, strlen(data), piece, got);
		assert_string_equal(got, want);
	}
}

static void test_replies(void **state)
{
	(void)state;
	reads("250 OK\r\n", "end 250 OK\n");
	reads("250-version=0.4.9\r\n250 OK\r\n", "mid 250 version=0.4.9\nend 250 OK\n");
	reads("552 Unrecognized key \"x\"\n", "end 552 Unrecognized key \"x\"\n");
	reads("250 \r\n", "end 250 \n");
}

static void test_data(void **state)
{
	(void)state;
	reads("250+config-text=\r\nA b\r\n..\r\n...x\r\n\r\n250 OK\r\n.\r\n250 OK\r\n",
	      "begin 250 config-text=\ndata 250 A b\ndata 250 .\ndata 250 ..x\ndata 250 \n"
	      "data 250 250 OK\ndot 250 \nend 250 OK\n");
}

static void test_events_between(void **state)
{
	(void)state;
	reads("250-a=1\r\n650 STREAM 1 NEW 0 x:80\r\n250 OK\r\n650+NS\r\nr x\r\n.\r\n650 OK\r\n",
	      "mid 250 a=1\nend 650 STREAM 1 NEW 0 x:80\nend 250 OK\nbegin 650 NS\ndata 650 r x\n"
	      "dot 650 \nend 650 OK\n");
}

static void test_broken(void **state)
{
	char got[4096];

	(void)state;
	reads("HTTP/1.0 200\r\n250 OK\r\n", "broken\n");
	reads("25\r\n", "broken\n");
	reads("250_x\r\n", "broken\n");
	reads("050 x\r\n", "broken\n");
	reads("\r\n", "broken\n");
	reads("250 0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
	      "broken\n");
	read_all("250 a\0b\r\n", 9, 9, got);
	assert_string_equal(got, "end 250 a\n");
}

static void word(const char **at, size_t *len, const char *key, const char *value)
{
	struct torctl_word w;
	char text[64];

	assert_true(torctl_word(at, len, &w));
	assert_int_equal(w.key_len, strlen(key));
	assert_memory_equal(w.key, key, w.key_len);
	assert_int_equal(torctl_value(&w, text, sizeof(text)), strlen(value));
	assert_string_equal(text, value);
}

static void test_words(void **state)
{
	const char *line = "STREAM  7 NEW 0 $AB=nick [::1]:80 SOURCE_ADDR=[::1]:4711 "
			   "SOCKS_USERNAME=\"a \\\"b\\\\ \\n\\101\\x2e\\q\" EMPTY= Q=\"\" ";
	size_t len = strlen(line);
	struct torctl_word w;

	(void)state;
	word(&line, &len, "", "STREAM");
	word(&line, &len, "", "7");
	word(&line, &len, "", "NEW");
	word(&line, &len, "", "0");
	word(&line, &len, "", "$AB=nick");
	word(&line, &len, "", "[::1]:80");
	word(&line, &len, "SOURCE_ADDR", "[::1]:4711");
	word(&line, &len, "SOCKS_USERNAME", "a \"b\\ \nA.q");
	word(&line, &len, "EMPTY", "");
	word(&line, &len, "Q", "");
	assert_false(torctl_word(&line, &len, &w));
}

static void test_find(void **state)
{
	static const char line[] = "METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"/a b/c\"";
	char text[8];

	(void)state;
	assert_true(torctl_find(line, strlen(line), "CookieFile", text, sizeof(text)));
	assert_string_equal(text, "/a b/c");
	assert_true(torctl_find(line, strlen(line), "METHODS", text, sizeof(text)));
	assert_string_equal(text, "COOKIE,"); /* cut */
	assert_false(torctl_find(line, strlen(line), "COOKIE", text, sizeof(text)));
}

static void test_open_quote(void **state)
{
	const char *ends[] = {"\"", "\"abc", "\"abc\\", "K=\"abc\\\""};
	const char *values[] = {"", "abc", "abc\\", "abc\""};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct torctl_word w;
		size_t len = strlen(ends[i]);
		const char *at = ends[i];
		char text[16];

		assert_true(torctl_word(&at, &len, &w));
		torctl_value(&w, text, sizeof(text));
		assert_string_equal(text, values[i]);
		assert_int_equal(len, 0);
	}
}

static void test_commands(void **state)
{
	char text[256];
	struct bytes_out o = bytes_out_init(text, sizeof(text));

	(void)state;
	bytes_put_text(&o, "SETCONF");
	torctl_put_pair(&o, "Nickname", "x");
	torctl_put_pair(&o, "ContactInfo", "a \"b\"\r\n\1");
	torctl_put_pair(&o, "Log", "");
	torctl_put_line_end(&o);
	bytes_put_end(&o);
	assert_false(o.overflow);
	assert_string_equal(
		text, "SETCONF Nickname=x ContactInfo=\"a \\\"b\\\"\\r\\n\\001\" Log=\"\"\r\n");
	torctl_put_word(&o, "two words");
	assert_true(o.overflow);
}

static void test_words_refused(void **state)
{
	static const char *const bad[] = {"", " ", "a b", "a\r\nSIGNAL HALT", "\"x\"", "\x7f"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		struct bytes_out o = bytes_out_init(text, sizeof(text));

		torctl_put_word(&o, bad[i]);
		assert_true(o.overflow);
	}
}

static void test_data_out(void **state)
{
	static const char in[] = "a\n.\n..b\r\n\nlast";
	char text[128];
	struct bytes_out o = bytes_out_init(text, sizeof(text));

	(void)state;
	torctl_put_data(&o, in, strlen(in));
	bytes_put_end(&o);
	assert_string_equal(text, "a\r\n..\r\n...b\r\n\r\nlast\r\n.\r\n");
}

static void test_code_words(void **state)
{
	(void)state;
	assert_string_equal(torctl_words(552), "unrecognized entity");
	assert_string_equal(torctl_words(515), "bad authentication");
	assert_string_equal(torctl_words(514), "authentication required");
	assert_non_null(strstr(torctl_words(999), "does not know"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),	       cmocka_unit_test(test_data),
		cmocka_unit_test(test_events_between), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_words),	       cmocka_unit_test(test_find),
		cmocka_unit_test(test_open_quote),     cmocka_unit_test(test_commands),
		cmocka_unit_test(test_words_refused),  cmocka_unit_test(test_data_out),
		cmocka_unit_test(test_code_words),
	};

	return cmocka_run_group_tests_name("torctl", tests, NULL, NULL);
}
