/* SPDX-License-Identifier: MIT */
/*
 * fuzz_audit.c - policy files of an audit. Any split of the input gives the same result; an error
 * has a line and is plain text; what was read can be asked about anything.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "audit.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void found(void *arg, enum check check, const struct audit_traffic *first, uint64_t number)
{
	(void)arg;
	CHECK(check == CHECK_SHARE || check == CHECK_CYCLE || check == CHECK_ASYMMETRY);
	CHECK(first->host && number);
}

static void ask(const struct audit_policy *p)
{
	static const struct audit_traffic t[] = {
		{"a", 80, 1, 2, 100000, 1, true},
		{"a", 80, 3, 4, 0, 0, true},
		{"b.example", 80, 3, 4, 70000, 0, true},
	};
	struct addr a;

	CHECK(addr_parse(&a, "192.0.2.1", 9));
	for (int c = 0; c < CHECK_COUNT; c++)
		CHECK(audit_outcome(p, (enum check)c, "192.0.2.1:53", "/usr/bin/dig") <=
		      OUTCOME_FAIL);
	audit_expected(p, "host.example", NULL, 443);
	CHECK(audit_expected(p, "192.0.2.1", &a, 443) || p->expect_count);
	audit_limits(p, t, 3, found, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct audit_policy whole, split;
	const char *text = (const char *)data;
	size_t cut = size ? data[0] % size : 0;

	audit_policy_init(&whole);
	audit_policy_feed(&whole, text, size);
	audit_policy_end(&whole);
	audit_policy_init(&split);
	audit_policy_feed(&split, text, cut);
	for (size_t i = cut; i < size; i++)
		audit_policy_feed(&split, text + i, 1);
	audit_policy_end(&split);
	CHECK(!strcmp(whole.error, split.error));
	CHECK(whole.rule_count == split.rule_count && whole.expect_count == split.expect_count);
	CHECK(whole.text_used == split.text_used &&
	      !memcmp(whole.text, split.text, whole.text_used));
	CHECK(!*whole.error || !strncmp(whole.error, "line ", 5));
	for (const char *c = whole.error; *c; c++)
		CHECK(*c >= ' ' && *c <= '~');
	ask(&whole);
	return 0;
}
