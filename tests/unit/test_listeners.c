/* SPDX-License-Identifier: MIT */
/* Files of a session's sockets: found, and the oldest forgotten when there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "listeners.h"

static void remembered(void **state)
{
	static struct listeners t;

	(void)state;
	assert_false(listeners_has(&t, 1ull << 32 | 7));
	for (uint64_t i = 1; i <= LISTENERS_SLOTS; i++)
		listeners_add(&t, 1ull << 32 | i);
	assert_true(listeners_has(&t, 1ull << 32 | 1));
	assert_false(listeners_has(&t, 2ull << 32 | 1));
	listeners_add(&t, 1ull << 32 | 1); /* is there already */
	assert_true(listeners_has(&t, 1ull << 32 | 1));
	listeners_add(&t, 9);
	assert_false(listeners_has(&t, 1ull << 32 | 1));
	assert_true(listeners_has(&t, 1ull << 32 | 2));
	assert_true(listeners_has(&t, 9));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(remembered)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
