/* SPDX-License-Identifier: MIT */
/* test_attempts.c - the ring of attempts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attempts.h"

static struct attempts *ring;

static int set_up(void **state)
{
	(void)state;
	ring = calloc(1, attempts_size());
	return !ring;
}

static int tear_down(void **state)
{
	(void)state;
	free(ring);
	return 0;
}

static void add(int32_t pid)
{
	struct attempt a = {.pid = pid, .exe = "/bin/x", .from = "x+0x10"};

	snprintf(a.target, sizeof(a.target), "192.0.2.1:%d", pid);
	attempts_add(ring, &a);
}

static void test_keeps_the_last(void **state)
{
	struct attempt a;

	(void)state;
	assert_int_equal(attempts_count(ring), 0);
	assert_int_equal(attempts_get(ring, 0, &a), -ENOENT);
	for (int i = 0; i < ATTEMPTS_KEPT + 3; i++)
		add(i);
	assert_int_equal(attempts_count(ring), ATTEMPTS_KEPT + 3);
	assert_int_equal(attempts_get(ring, 2, &a), -ENOENT);
	assert_int_equal(attempts_get(ring, ATTEMPTS_KEPT + 3, &a), -ENOENT);
	for (int i = 3; i < ATTEMPTS_KEPT + 3; i++) {
		assert_int_equal(attempts_get(ring, (uint64_t)i, &a), 0);
		assert_int_equal(a.pid, i);
		assert_string_equal(a.exe, "/bin/x");
		assert_string_equal(a.from, "x+0x10");
	}
}

/* Any process of the session can write there: texts end all the same. */
static void test_texts_end(void **state)
{
	struct attempt a;

	(void)state;
	memset(&a, 'x', sizeof(a));
	attempts_add(ring, &a);
	assert_int_equal(attempts_get(ring, 0, &a), 0);
	assert_int_equal(strlen(a.exe), sizeof(a.exe) - 1);
	assert_int_equal(strlen(a.target), sizeof(a.target) - 1);
	assert_int_equal(strlen(a.from), sizeof(a.from) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keeps_the_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_texts_end, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("attempts", tests, NULL, NULL);
}
