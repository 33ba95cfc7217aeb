/* SPDX-License-Identifier: MIT */
/* test_audit.c - policy files, and what follows from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "decide.h"

static struct audit_policy p;

static int parse(const char *text)
{
	audit_policy_init(&p);
	audit_policy_feed(&p, text, strlen(text));
	return audit_policy_end(&p);
}

static void wrong(const char *text, const char *error)
{
	assert_int_not_equal(parse(text), 0);
	if (strcmp(p.error, error) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", text, p.error, error);
}

static void test_errors(void **state)
{
	(void)state;
	wrong("Expec a\n", "line 1: Expec: unknown key");
	wrong("\n# no\nExpect\n", "line 3: Expect: which target?");
	wrong("Expect a:99999\n", "line 1: Expect: not HOST, HOST:PORT or HOST:PORT-PORT: a");
	wrong("Expect a:9-8\n", "line 1: Expect: not HOST, HOST:PORT or HOST:PORT-PORT: a");
	wrong("Expect :80\n", "line 1: Expect: not HOST, HOST:PORT or HOST:PORT-PORT:");
	wrong("Expect 10.0.0.1/8\n", "line 1: Expect: not a network: 10.0.0.1/8");
	wrong("Tolerate\n", "line 1: Tolerate: which check? (sockshim-audit(5) lists them)");
	wrong("FailOn ud\n", "line 1: FailOn: unknown check ud");
	wrong("FailOn udp a b c\n", "line 1: FailOn: too many words");
	wrong("FailOn \"udp\n", "line 1: FailOn: unterminated double quote");
	wrong("MaxShare 101\n", "line 1: MaxShare: a bad number: 101");
	wrong("MaxShare 0\n", "line 1: MaxShare: a bad number: 0");
	wrong("MaxShare\n", "line 1: MaxShare: takes one number");
	wrong("MaxShare 1 2\n", "line 1: MaxShare: takes one number");
	wrong("MinCycle 1.\n", "line 1: MinCycle: a bad number: 1.");
	wrong("MinCycle 1.2345\n", "line 1: MinCycle: a bad number: 1.2345");
	wrong("MinCycle x\n", "line 1: MinCycle: a bad number: x");
	wrong("MaxAsymmetry 1000000\n", "line 1: MaxAsymmetry: a bad number: 1000000");
	wrong("Expect a", "line 1: the last line has no newline: the file was cut short");
	wrong("Expect \033[1m/\n", "line 1: Expect: not a network: ?[1m/");
}

static void test_rules(void **state)
{
	(void)state;
	assert_int_equal(parse("Tolerate udp 192.0.2.1:* dig\nFailOn unix\nTOLERATE UDP *:123\n"
			       "Tolerate guard\r\n"),
			 0);
	assert_int_equal(audit_outcome(&p, CHECK_UDP, "192.0.2.1:53", "/usr/bin/dig"),
			 OUTCOME_TOLERATE);
	assert_int_equal(audit_outcome(&p, CHECK_UDP, "192.0.2.1:53", "/usr/bin/host"),
			 OUTCOME_FAIL);
	assert_int_equal(audit_outcome(&p, CHECK_UDP, "192.0.2.9:123", "/usr/bin/host"),
			 OUTCOME_TOLERATE);
	assert_int_equal(audit_outcome(&p, CHECK_UNIX, "/run/nscd/socket", "x"), OUTCOME_FAIL);
	assert_int_equal(audit_outcome(&p, CHECK_GUARD, "", ""), OUTCOME_TOLERATE);
	audit_policy_init(&p);
	assert_int_equal(audit_outcome(&p, CHECK_UNIX, "/run/nscd/socket", "x"), OUTCOME_TOLERATE);
	assert_int_equal(audit_outcome(&p, CHECK_GUARD, "", ""), OUTCOME_FAIL);
}

static bool expected(const char *host, uint16_t port)
{
	struct addr a;
	bool is = addr_parse(&a, host, strlen(host));

	return audit_expected(&p, host, is ? &a : NULL, port);
}

static void test_expect(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_true(expected("anything", 1));
	assert_int_equal(parse("Expect *.example.com:443 example.com\nExpect 192.0.2.0/24:80-90\n"
			       "Expect [2001:db8::]/32 [2001:db8::7]:22\n"),
			 -22);
	assert_int_equal(parse("Expect *.example.com:443 example.com\nExpect 192.0.2.0/24:80-90\n"
			       "Expect 2001:db8::/32 [2001:db9::7]:22\n"),
			 0);
	assert_true(expected("www.example.com", 443));
	assert_true(expected("WWW.Example.com", 443));
	assert_false(expected("www.example.com", 80));
	assert_true(expected("example.com", 80));
	assert_false(expected("example.org", 443));
	assert_true(expected("192.0.2.77", 85));
	assert_false(expected("192.0.2.77", 91));
	assert_true(expected("2001:db8::1", 1));
	assert_true(expected("2001:db9::7", 22));
	assert_false(expected("2001:db9::7", 23));
}

static void test_checks(void **state)
{
	(void)state;
	assert_int_equal(audit_check_of(CALL_SEND, REASON_UDP, false, false, 4711), CHECK_UDP);
	assert_int_equal(audit_check_of(CALL_SEND, REASON_UDP, false, false, 53), CHECK_DNS);
	assert_int_equal(audit_check_of(CALL_CONNECT, REASON_UDP, false, true, 443), CHECK_PROBE);
	assert_int_equal(audit_check_of(CALL_SEND, REASON_UDP, false, true, 443), CHECK_UDP);
	assert_int_equal(audit_check_of(CALL_CONNECT, REASON_LOCALHOST, false, false, 53),
			 CHECK_DNS);
	assert_int_equal(audit_check_of(CALL_CONNECT, REASON_LOCALHOST, false, false, 80),
			 CHECK_LOOPBACK);
	assert_int_equal(audit_check_of(CALL_BIND, REASON_INBOUND, true, false, 80),
			 CHECK_NARROWED);
	assert_int_equal(audit_check_of(CALL_BIND, REASON_INBOUND, false, false, 80), CHECK_LISTEN);
	assert_int_equal(audit_check_of(0, AUDIT_REASON_IO_URING, false, false, 0), CHECK_IO_URING);
	assert_int_equal(audit_check_of(0, 250, false, false, 0), CHECK_BROKEN);
	for (int r = 1; r < REASON_COUNT; r++) /* every reason but BROKEN itself has a check */
		assert_true(audit_check_of(CALL_CONNECT, (uint8_t)r, false, false, 1) !=
				    CHECK_BROKEN ||
			    r == REASON_BROKEN);
}

static bool private(const char *text)
{
	struct addr a;

	assert_true(addr_parse(&a, text, strlen(text)));
	return audit_is_private(&a);
}

static void test_private(void **state)
{
	(void)state;
	assert_true(private("10.255.0.1"));
	assert_true(private("172.31.0.1"));
	assert_false(private("172.32.0.1"));
	assert_true(private("192.168.1.1"));
	assert_true(private("169.254.1.1"));
	assert_true(private("100.127.1.1"));
	assert_false(private("100.128.1.1"));
	assert_true(private("fd00::1"));
	assert_true(private("fe80::1"));
	assert_false(private("2001:db8::1"));
	assert_false(private("203.0.113.1"));
}

static struct {
	enum check check;
	const char *host;
	uint64_t number;
} seen[16];
static size_t seen_count;

static void see(void *arg, enum check check, const struct audit_traffic *first, uint64_t number)
{
	(void)arg;
	assert_true(seen_count < 16);
	seen[seen_count].check = check;
	seen[seen_count].host = first->host;
	seen[seen_count++].number = number;
}

#define S 1000000000ull

static void test_limits(void **state)
{
	const struct audit_traffic t[] = {
		{"a", 80, 1 * S, 2 * S, 10, 700, true},
		{"a", 443, 1 * S, 9 * S, 0, 100, true},
		{"b", 80, 1 * S, 2 * S, 90, 90, true},
		{"b", 80, 2 * S, 3 * S, 10, 0, true},
		{"b", 80, 3 * S, 0, 0, 0, false},
		{"b", 80, 4 * S, 5 * S, 0, 0, true}, /* nobody knows when the one before ended */
		{"c", 80, 5 * S, 6 * S, 100000, 100, true},
	};

	(void)state;
	seen_count = 0;
	assert_int_equal(parse(""), 0);
	audit_limits(&p, t, 7, see, NULL);
	assert_int_equal(seen_count, 0);
	assert_int_equal(parse("MaxShare 80%\nMinCycle 1.5\nMaxAsymmetry 999\n"), 0);
	audit_limits(&p, t, 7, see, NULL);
	assert_int_equal(seen_count, 3);
	assert_int_equal(seen[0].check, CHECK_SHARE);
	assert_string_equal(seen[0].host, "c");
	assert_int_equal(seen[0].number, 99);
	assert_int_equal(seen[1].check, CHECK_CYCLE);
	assert_string_equal(seen[1].host, "b");
	assert_int_equal(seen[1].number, 2);
	assert_int_equal(seen[2].check, CHECK_ASYMMETRY);
	assert_int_equal(seen[2].number, 1000);
	seen_count = 0;
	assert_int_equal(parse("MaxShare 100\nMinCycle 1\nMaxAsymmetry 1000\n"), 0);
	audit_limits(&p, t, 7, see, NULL);
	assert_int_equal(seen_count, 0);
	audit_limits(&p, t, 0, see, NULL);
	assert_int_equal(seen_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_rules),
		cmocka_unit_test(test_expect),	cmocka_unit_test(test_checks),
		cmocka_unit_test(test_private), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
