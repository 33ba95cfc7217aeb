/* SPDX-License-Identifier: MIT */
/* test_json.c - JSON written and read back; what is no JSON is not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

static char buffer[512];

static void written_is(const struct bytes_out *o, const char *want)
{
	assert_false(o->overflow);
	assert_int_equal(o->at - o->start, strlen(want));
	assert_memory_equal(buffer, want, strlen(want));
}

static void writes_objects_and_lists(void **state)
{
	struct bytes_out o = bytes_out_init(buffer, sizeof(buffer));

	(void)state;
	json_open(&o, NULL);
	json_number(&o, "a", UINT64_MAX);
	json_bool(&o, "b", true);
	json_list(&o, "c");
	json_text(&o, NULL, "x");
	json_open(&o, NULL);
	json_close(&o);
	json_number(&o, NULL, 0);
	json_list_end(&o);
	json_open(&o, "d");
	json_bool(&o, "e", false);
	json_close(&o);
	json_close(&o);
	written_is(
		&o,
		"{\"a\":18446744073709551615,\"b\":true,\"c\":[\"x\",{},0],\"d\":{\"e\":false}}");
}

static void escapes(void **state)
{
	static const char text[] =
		"q\" b\\ \n\x7f \xc2\x9b \xc3\xa4 \xf0\x9f\x98\x80 \xff \xed\xa0\x80";
	struct bytes_out o = bytes_out_init(buffer, sizeof(buffer));

	(void)state;
	json_bytes(&o, NULL, text, sizeof(text));
	written_is(&o, "\"q\\\" b\\\\ \\u000a\\u007f \\u009b \xc3\xa4 \xf0\x9f\x98\x80 \\udcff "
		       "\\udced\\udca0\\udc80\\u0000\"");
}

static void every_byte_comes_back(void **state)
{
	struct json_value v;
	char back[16];

	(void)state;
	for (unsigned int i = 0; i < 0x10000; i++) {
		const char text[4] = {(char)(i >> 8), (char)i, 'x', (char)(i >> 4)};
		struct bytes_out o = bytes_out_init(buffer, sizeof(buffer));

		json_bytes(&o, NULL, text, sizeof(text));
		assert_true(json_read(buffer, (size_t)(o.at - o.start), &v));
		assert_int_equal(json_text_of(&v, back, sizeof(back)), sizeof(text));
		assert_memory_equal(back, text, sizeof(text));
	}
}

static void finds_members(void **state)
{
	static const char text[] =
		" { \"a\" : {\"x\":[1,{\"seq\":2}]} , \"s\\u0065q\":7, \"seq\":8,"
		"\"user\":\"j\\u00f6b\\ud83d\\ude00\\udcff\", \"go\":true } ";
	struct json_value all, v;
	char name[16];
	uint64_t n;
	bool go;

	(void)state;
	assert_true(json_read(text, strlen(text), &all));
	assert_true(json_find(&all, "seq", &v));
	assert_true(json_number_of(&v, &n));
	assert_int_equal(n, 7);
	assert_true(json_find(&all, "user", &v));
	assert_int_equal(json_text_of(&v, name, sizeof(name)), 9);
	assert_string_equal(name, "j\xc3\xb6"
				  "b\xf0\x9f\x98\x80\xff");
	assert_int_equal(json_text_of(&v, name, 9), -1);
	assert_false(json_number_of(&v, &n));
	assert_true(json_find(&all, "go", &v));
	assert_true(json_bool_of(&v, &go));
	assert_true(go);
	assert_true(json_find(&all, "a", &v));
	assert_int_equal(v.kind, JSON_OBJECT);
	assert_true(json_find(&v, "x", &v));
	assert_int_equal(v.kind, JSON_LIST);
	assert_false(json_find(&v, "x", &v));
	assert_false(json_find(&all, "se", &v));
	assert_false(json_find(&all, "seqq", &v));
}

static void reads_nothing_else(void **state)
{
	static const char *const bad[] = {"",
					  " ",
					  "{",
					  "}",
					  "[",
					  "[1,]",
					  "{\"a\"}",
					  "{\"a\":}",
					  "{\"a\":1,}",
					  "{a:1}",
					  "[1 2]",
					  "01",
					  "1.",
					  ".5",
					  "1e",
					  "-",
					  "+1",
					  "tru",
					  "nul",
					  "truee",
					  "\"",
					  "\"\\\"",
					  "\"\\x\"",
					  "\"\\u12\"",
					  "\"\\ud800\"",
					  "\"\\udc00\"",
					  "\"\n\"",
					  "\"\xff\"",
					  "{} {}",
					  "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"};
	static const char *const good[] = {"0",
					   "-1.5e+3",
					   "null",
					   "[]",
					   "{}",
					   "\"\"",
					   " [ ] ",
					   "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
					   "\"\\/\\b\\f\\n\\r\\t\""};
	struct json_value v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_read(bad[i], strlen(bad[i]), &v))
			fail_msg("read: %s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!json_read(good[i], strlen(good[i]), &v))
			fail_msg("not read: %s", good[i]);
}

static void numbers_fit(void **state)
{
	static const char *const none[] = {"-1",    "1.0", "1e3", "18446744073709551616",
					   "\"1\"", "true"};
	struct json_value v;
	uint64_t n;

	(void)state;
	assert_true(json_read("18446744073709551615", 20, &v));
	assert_true(json_number_of(&v, &n));
	assert_true(n == UINT64_MAX);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_true(json_read(none[i], strlen(none[i]), &v));
		assert_false(json_number_of(&v, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_objects_and_lists), cmocka_unit_test(escapes),
		cmocka_unit_test(every_byte_comes_back),    cmocka_unit_test(finds_members),
		cmocka_unit_test(reads_nothing_else),	    cmocka_unit_test(numbers_fit),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
