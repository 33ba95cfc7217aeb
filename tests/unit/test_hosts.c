/* SPDX-License-Identifier: MIT */
/* /etc/hosts text: what glibc reads, and what it ignores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hosts.h"

static const char sample[] = "127.0.0.1\tlocalhost\n"
			     "# a comment with localhost\n"
			     "   \n"
			     "::1     localhost ip6-localhost ip6-loopback # and localhost6\n"
			     "192.0.2.1 Web.Example www # old-www\n"
			     "192.0.2.1 again.example\r\n"
			     "not.an.address web.example\n"
			     "192.0.2 web.example\n"
			     "192.0.2.300 web.example\n"
			     "192.0.2.9\n"
			     "\t2001:db8::1\f web2.example\vwww\n"
			     "#192.0.2.2 web.example\n"
			     "192.0.2.3#web.example\n"
			     "fe80::1%2 scoped\n"
			     "::ffff:192.0.2.4 mapped\n"
			     "192.0.2.5 dotted. other\n"
			     "192.0.2.6 last www";

/* "address address … canonical" of what was found. */
static const char *find_in(const char *text, const char *name, int family)
{
	static char out[4096];
	char addr[ADDR_TEXT];
	struct hosts h = {0};
	size_t len = 0;

	hosts_find(&h, text, strlen(text), name, strlen(name), family);
	for (size_t i = 0; i < h.count; i++) {
		addr_print(&h.addrs[i], addr);
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%s ", addr);
	}
	snprintf(out + len, sizeof(out) - len, "%s", h.canonical);
	return out;
}

static void names(void **state)
{
	static const struct {
		const char *name, *found;
	} table[] = {
		{"localhost", "127.0.0.1 ::1 localhost"},
		{"LOCALHOST.", "127.0.0.1 ::1 localhost"},
		{"ip6-loopback", "::1 localhost"},
		{"localhost6", ""},
		{"web.example", "192.0.2.1 Web.Example"},
		{"www", "192.0.2.1 2001:db8::1 192.0.2.6 Web.Example"},
		{"old-www", ""},
		{"again.example", "192.0.2.1 again.example"},
		{"scoped", ""},
		{"mapped", "192.0.2.4 mapped"},
		{"other", "192.0.2.5 dotted."},
		{"dotted", ""},
		{"last", "192.0.2.6 last"},
		{"127.0.0.1", ""},
		{"localhos", ""},
		{"", ""},
		{".", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *name = table[i].name;

		assert_string_equal(find_in(sample, name, AF_UNSPEC), table[i].found);
		assert_int_equal(hosts_have(sample, strlen(sample), name, strlen(name)),
				 table[i].found[0] != 0);
	}
}

static void families(void **state)
{
	(void)state;
	assert_string_equal(find_in(sample, "localhost", AF_INET), "127.0.0.1 127.0.0.1 localhost");
	assert_string_equal(find_in(sample, "localhost", AF_INET6), "::1 localhost");
	assert_string_equal(find_in(sample, "mapped", AF_INET), "192.0.2.4 mapped");
	assert_string_equal(find_in(sample, "mapped", AF_INET6), "192.0.2.4 mapped");
	assert_string_equal(find_in(sample, "www", AF_INET), "192.0.2.1 192.0.2.6 Web.Example");
	assert_string_equal(find_in(sample, "www", AF_INET6), "2001:db8::1 web2.example");
}

static void bounds(void **state)
{
	char text[8192], long_name[300];
	struct hosts h = {0};
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "192.0.2.%d many\n", i);
	hosts_find(&h, text, len, "many", 4, AF_UNSPEC);
	assert_int_equal(h.count, HOSTS_ADDRS);
	memset(long_name, 'a', sizeof(long_name));
	snprintf(text, sizeof(text), "192.0.2.1 %.*s x\n192.0.2.2 x\n", 299, long_name);
	assert_string_equal(find_in(text, "x", AF_UNSPEC), "192.0.2.1 192.0.2.2 x");
	assert_string_equal(find_in("", "x", AF_UNSPEC), "");
	hosts_find(&h, NULL, 0, "x", 1, AF_UNSPEC);
}

/* Any cut into pieces of whole lines gives the same. */
static void pieces(void **state)
{
	size_t len = strlen(sample);

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		size_t first = hosts_whole(sample, cut);
		struct hosts h = {0};

		assert_true(!first || sample[first - 1] == '\n');
		hosts_find(&h, sample, first, "www", 3, AF_UNSPEC);
		hosts_find(&h, sample + first, len - first, "www", 3, AF_UNSPEC);
		assert_int_equal(h.count, 3);
		assert_string_equal(h.canonical, "Web.Example");
	}
}

static void reverse(void **state)
{
	static const char *const table[][2] = {
		{"127.0.0.1", "localhost"},
		{"::1", "localhost"},
		{"192.0.2.1", "Web.Example"},
		{"2001:db8::1", "web2.example"},
		{"192.0.2.4", "mapped"},
		{"192.0.2.3", ""},
		{"192.0.2.9", ""},
		{"192.0.2.2", ""},
		{"192.0.2.6", "last"},
	};
	struct hosts h;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_true(addr_parse(&a, table[i][0], strlen(table[i][0])));
		a.port = 80;
		hosts_clear(&h);
		assert_int_equal(hosts_reverse(&h, sample, strlen(sample), &a), !!table[i][1][0]);
		assert_string_equal(h.canonical, table[i][1]);
		assert_int_equal(h.count, !!table[i][1][0]);
	}
}

static void aliases(void **state)
{
	struct hosts h = {0};
	struct addr a;

	(void)state;
	/* of each line, and no name twice */
	hosts_find(&h, sample, strlen(sample), "www", 3, AF_UNSPEC);
	assert_string_equal(h.canonical, "Web.Example");
	assert_int_equal(h.aliases_len, 4 + 13 + 5);
	assert_memory_equal(h.aliases, "www\0web2.example\0last", 22);
	hosts_clear(&h);
	addr_parse(&a, "192.0.2.5", 9);
	assert_true(hosts_reverse(&h, sample, strlen(sample), &a));
	assert_int_equal(h.aliases_len, 6);
	assert_string_equal(h.aliases, "other");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),  cmocka_unit_test(families), cmocka_unit_test(bounds),
		cmocka_unit_test(pieces), cmocka_unit_test(reverse),  cmocka_unit_test(aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
