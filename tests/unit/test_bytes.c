/* SPDX-License-Identifier: MIT */
/* test_bytes.c - bounded reading and writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bytes.h"

static void puts_in_network_order(void **state)
{
	static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 'h', 'i'};
	uint8_t b[16];
	struct bytes_out o = bytes_out_init(b, sizeof(b));

	(void)state;
	bytes_put_u8(&o, 1);
	bytes_put_u16(&o, 0x0203);
	bytes_put_u32(&o, 0x04050607);
	bytes_put_text(&o, "hi");
	bytes_put(&o, NULL, 0);
	assert_false(o.overflow);
	assert_ptr_equal(o.start, b);
	assert_int_equal(o.at - o.start, sizeof(want));
	assert_memory_equal(b, want, sizeof(want));
}

static void puts_numbers(void **state)
{
	char b[64];
	struct bytes_out o = bytes_out_init(b, sizeof(b));

	(void)state;
	bytes_put_number(&o, 0);
	bytes_put_text(&o, " ");
	bytes_put_number(&o, 10);
	bytes_put_text(&o, " ");
	bytes_put_number(&o, UINT64_MAX);
	bytes_put_end(&o);
	assert_string_equal(b, "0 10 18446744073709551615");
	assert_int_equal(o.at - o.start, strlen(b));
}

/* What does not fit is dropped, at every size, and not a byte beyond is touched. */
static void never_overflows(void **state)
{
	static const char all[] = "abcdefgh";

	(void)state;
	for (size_t size = 0; size <= sizeof(all); size++) {
		char b[16];
		struct bytes_out o = bytes_out_init(b, size);
		size_t fits = size < 8 ? size : 8;

		memset(b, '#', sizeof(b));
		bytes_put_text(&o, "abc");
		bytes_put_u16(&o, 'd' << 8 | 'e');
		bytes_put(&o, "fgh", 3);
		assert_int_equal(o.overflow, size < 8);
		assert_int_equal(o.at - o.start, fits);
		assert_memory_equal(b, all, fits);
		for (size_t i = size; i < sizeof(b); i++)
			assert_int_equal(b[i], '#');
	}
}

static void end_cuts_when_full(void **state)
{
	char b[] = "####", c[] = "##";
	struct bytes_out o = bytes_out_init(b, 3), none = bytes_out_init(c + 1, 0);

	(void)state;
	bytes_put_text(&o, "abc");
	assert_false(o.overflow);
	bytes_put_end(&o);
	assert_true(o.overflow);
	assert_memory_equal(b, "ab\0#", 4);
	assert_int_equal(o.at - o.start, 2);
	bytes_put_end(&none);
	assert_true(none.overflow);
	assert_string_equal(c, "##");
}

static void end_lets_append(void **state)
{
	char b[8];
	struct bytes_out o = bytes_out_init(b, sizeof(b));

	(void)state;
	bytes_put_end(&o);
	assert_string_equal(b, "");
	bytes_put_text(&o, "ab");
	bytes_put_end(&o);
	bytes_put_text(&o, "cd");
	bytes_put_end(&o);
	assert_string_equal(b, "abcd");
	assert_false(o.overflow);
}

static void gets_in_network_order(void **state)
{
	static const uint8_t b[] = {1, 2, 3, 4, 5, 6, 0xff, 'h', 'i'};
	struct bytes_in i = bytes_in_init(b, sizeof(b));

	(void)state;
	assert_int_equal(bytes_get_u8(&i), 1);
	assert_int_equal(bytes_get_u16(&i), 0x0203);
	assert_int_equal(bytes_get_u32(&i), 0x040506ff);
	assert_int_equal(bytes_left(&i), 2);
	assert_ptr_equal(bytes_get(&i, 0), b + 7);
	assert_ptr_equal(bytes_get(&i, 2), b + 7);
	assert_int_equal(bytes_left(&i), 0);
	assert_false(i.underflow);
}

static void missing_reads_as_zero(void **state)
{
	static const uint8_t b[] = {0xff, 0xff, 0xff};
	struct bytes_in i = bytes_in_init(b, sizeof(b));

	(void)state;
	assert_int_equal(bytes_get_u32(&i), 0);
	assert_true(i.underflow);
	assert_int_equal(bytes_left(&i), 0);
	assert_int_equal(bytes_get_u8(&i), 0);
	assert_int_equal(bytes_get_u16(&i), 0);
	assert_true(i.underflow);
	i = bytes_in_init(b, 1);
	assert_int_equal(bytes_get_u16(&i), 0);
	assert_true(i.underflow);
	i = bytes_in_init(b, sizeof(b));
	assert_null(bytes_get(&i, SIZE_MAX));
	assert_true(i.underflow);
	i = bytes_in_init(NULL, 0);
	assert_int_equal(bytes_get_u8(&i), 0);
	assert_true(i.underflow);
}

/* The vectors of FNV's authors. */
static void hashes(void **state)
{
	(void)state;
	assert_true(bytes_hash(BYTES_HASH, NULL, 0) == 0xcbf29ce484222325u);
	assert_true(bytes_hash(BYTES_HASH, "a", 1) == 0xaf63dc4c8601ec8cu);
	assert_true(bytes_hash(BYTES_HASH, "foobar", 6) == 0x85944171f73967e8u);
	assert_true(bytes_hash(bytes_hash(BYTES_HASH, "foo", 3), "bar", 3) == 0x85944171f73967e8u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_in_network_order), cmocka_unit_test(puts_numbers),
		cmocka_unit_test(never_overflows),	 cmocka_unit_test(end_cuts_when_full),
		cmocka_unit_test(end_lets_append),	 cmocka_unit_test(gets_in_network_order),
		cmocka_unit_test(missing_reads_as_zero), cmocka_unit_test(hashes),
	};

	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
