/* SPDX-License-Identifier: MIT */
/* The order of addresses: each rule of RFC 3484 §6 that applies here, alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "order.h"

/* "to<from" (or "to" where there is no route) for each address, in the order wanted at the end. */
static void sorts(const char *const *want, size_t count)
{
	struct order list[8] = {0};
	char text[ADDR_TEXT];

	for (size_t i = 0; i < count; i++) {
		struct order *o = &list[count - 1 - i]; /* the other way round */
		size_t len = strcspn(want[i], "<");

		assert_true(addr_parse(&o->to, want[i], len));
		o->usable = want[i][len] == '<';
		if (o->usable)
			assert_true(
				addr_parse(&o->from, want[i] + len + 1, strlen(want[i] + len + 1)));
	}
	order_sort(list, count);
	for (size_t i = 0; i < count; i++) {
		addr_print(&list[i].to, text);
		if (strncmp(text, want[i], strcspn(want[i], "<")) != 0)
			fail_msg("place %zu: %s, not %s", i, text, want[i]);
	}
}

#define SORTS(...)                                                                                 \
	do {                                                                                       \
		static const char *const want[] = {__VA_ARGS__};                                   \
		sorts(want, sizeof(want) / sizeof(*want));                                         \
	} while (0)

static void rules(void **state)
{
	(void)state;
	/* a route */
	SORTS("192.0.2.1<192.0.2.2", "2001:db8::1");
	SORTS("2001:db8::1<2001:db8::2", "192.0.2.1");
	/* the scope of the source */
	SORTS("192.0.2.1<192.0.2.2", "2001:db8::1<fe80::2");
	SORTS("192.0.2.1<192.0.2.2", "127.0.0.1<192.0.2.2");
	/* its label */
	SORTS("2002::1<2002::2", "2001:db8::1<2002::2");
	/* precedence */
	SORTS("::1<::1", "127.0.0.1<127.0.0.1");
	SORTS("2001:db8::1<2001:db8::2", "2002::1<2002::2", "192.0.2.1<192.0.2.2");
	/* the smaller scope */
	SORTS("fe80::1<fe80::2", "fec0::1<fec0::2", "2001:db8::1<2001:db8::2");
	SORTS("127.0.0.5<127.0.0.1", "192.0.2.1<192.0.2.2");
	/* the longest prefix, of IPv6 only */
	SORTS("2001:db8::1<2001:db8::2", "2001:db9::1<2001:db8::2", "2a00::1<2001:db8::2");
}

static void stable(void **state)
{
	struct order list[3] = {0};

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t to[4] = {192, 0, 2, (uint8_t)(9 - i)}, from[4] = {192, 0, 2, 2};

		list[i] = (struct order){addr_v4(to, 0), addr_v4(from, 0), i != 1};
	}
	order_sort(list, 3);
	assert_int_equal(list[0].to.ip[15], 9);
	assert_int_equal(list[1].to.ip[15], 7);
	assert_int_equal(list[2].to.ip[15], 8);
	order_sort(list, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rules), cmocka_unit_test(stable)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
