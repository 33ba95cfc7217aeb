/* SPDX-License-Identifier: MIT */
/* test_proc.c - paths below /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proc.h"

static void paths(void **state)
{
	char path[PROC_PATH];

	(void)state;
	proc_path(path, 1, "/stat");
	assert_string_equal(path, "/proc/1/stat");
	proc_path(path, PROC_SELF, "/maps");
	assert_string_equal(path, "/proc/self/maps");
	proc_number(path, PROC_SELF, "/fd/", 0);
	assert_string_equal(path, "/proc/self/fd/0");
	proc_number(path, INT32_MAX, "/fdinfo/", INT32_MAX);
	assert_string_equal(path, "/proc/2147483647/fdinfo/2147483647");
}

/* A caller that our PID namespace has no number for must not be taken for ourselves. */
static void nobody_is_not_self(void **state)
{
	char path[PROC_PATH];

	(void)state;
	proc_path(path, 0, "/status");
	assert_string_equal(path, "/proc/0/status");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(nobody_is_not_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
