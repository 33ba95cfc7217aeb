/* SPDX-License-Identifier: MIT */
/* test_addr.c - addresses and networks: text and socket addresses, there and back. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "addr.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct addr parse(const char *text)
{
	struct addr a;

	if (!addr_parse(&a, text, strlen(text)))
		fail_msg("not an address: %s", text);
	return a;
}

static struct net parse_net(const char *text)
{
	struct net n;

	if (!net_parse(&n, text, strlen(text)))
		fail_msg("not a network: %s", text);
	return n;
}

/* What is read on the left is printed as on the right; NULL: it is no address. */
static void reads_and_prints(void **state)
{
	static const char *const cases[][2] = {
		{"0.0.0.0", "0.0.0.0"},
		{"1.2.3.4", "1.2.3.4"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:DB8::00A0", "2001:db8::a0"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"},
		{"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"1::3:4:5:6:7:8", "1:0:3:4:5:6:7:8"},
		{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::ffff:1.2.3.4", "1.2.3.4"},
		{"::ffff:102:304", "1.2.3.4"},
		{"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
		{"::1.2.3.4", "::102:304"},
		{"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
		{"fe80::1%3", "fe80::1%3"},
		{"fe80::1%0", "fe80::1"},
		{"fe80::1%4294967295", "fe80::1%4294967295"},
		{"::ffff:1.2.3.4%3", "1.2.3.4"},
		{"", NULL},
		{"1", NULL},
		{"1.2.3", NULL},
		{"127.1", NULL},
		{"1.2.3.4.", NULL},
		{"1.2.3.4.5", NULL},
		{".1.2.3.4", NULL},
		{"1..3.4", NULL},
		{"1.2.3.256", NULL},
		{"1.2.3.04", NULL},
		{"1.2.3.0x4", NULL},
		{"1.2.3.4 ", NULL},
		{" 1.2.3.4", NULL},
		{"+1.2.3.4", NULL},
		{"1.2.3.4%1", NULL},
		{"1.2.3.4294967297", NULL},
		{"0x7f000001", NULL},
		{"2130706433", NULL},
		{"localhost", NULL},
		{":", NULL},
		{":::", NULL},
		{"::1::", NULL},
		{"1:::2", NULL},
		{":1::", NULL},
		{"1::2:", NULL},
		{"1:2:3:4:5:6:7", NULL},
		{"1:2:3:4:5:6:7:", NULL},
		{"1:2:3:4:5:6:7:8:9", NULL},
		{"1:2:3:4::5:6:7:8", NULL},
		{"12345::", NULL},
		{"g::", NULL},
		{"::1.2.3", NULL},
		{"1.2.3.4::", NULL},
		{"::1.2.3.4:5", NULL},
		{"1:2:3:4:5:6:7:1.2.3.4", NULL},
		{"[::1]", NULL},
		{"::1%", NULL},
		{"::1%eth0", NULL},
		{"::1%01", NULL},
		{"::1%4294967296", NULL},
		{"::1%1%2", NULL},
		{"::1/128", NULL},
	};
	char text[ADDR_TEXT];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool ok = addr_parse(&a, cases[i][0], strlen(cases[i][0]));

		if (ok != !!cases[i][1])
			fail_msg("%s is %staken", cases[i][0], ok ? "" : "not ");
		if (!ok)
			continue;
		assert_int_equal(addr_print(&a, text), strlen(cases[i][1]));
		assert_string_equal(text, cases[i][1]);
		assert_int_equal(a.port, 0);
	}
}

/* The text need not end with a NUL, and a NUL is no part of an address. */
static void reads_by_length(void **state)
{
	struct addr a;

	(void)state;
	assert_true(addr_parse(&a, "1.2.3.45", 7));
	assert_true(addr_equal(&a, (struct addr[]){parse("1.2.3.4")}));
	assert_false(addr_parse(&a, "1.2.3.4\0", 8));
	assert_false(addr_parse(&a, "1.2\0.3.4", 8));
	assert_false(addr_parse(&a, "::1\0", 4));
	assert_false(addr_parse(&a, NULL, 0));
}

static void ports(void **state)
{
	static const char *const good[] = {
		"1.2.3.4:0",	   "1.2.3.4:65535",
		"[::]:0",	   "[2001:db8::1]:80",
		"[fe80::1%7]:443", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
	};
	static const char *const bad[] = {
		"",
		"1.2.3.4",
		"1.2.3.4:",
		":80",
		"[]:80",
		"[::1]",
		"[::1]:",
		"::1:80",
		"::1]:80",
		"[::1:80",
		"[::1]80",
		"[1.2.3.4]:80",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1.2.3.4:1 ",
		"1.2.3.4:080",
		"[::1]:99999999999",
		"example.com:80",
		"[::1]:http",
		"[[::1]]:80",
		"1.2.3.4:80:80",
		"[",
		"]:1",
		"1:2:3:4:5:6:7:8",
	};
	char text[ADDR_TEXT];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(addr_parse_port(&a, good[i], strlen(good[i])));
		assert_int_equal(addr_print_port(&a, text), strlen(good[i]));
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (addr_parse_port(&a, bad[i], strlen(bad[i])))
			fail_msg("%s is taken", bad[i]);
	}
	assert_true(addr_parse_port(&a, "[::ffff:1.2.3.4]:80", 19));
	addr_print_port(&a, text);
	assert_string_equal(text, "1.2.3.4:80");
}

static void from_sockaddr_checks_length(void **state)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_scope_id = 9};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct addr a;

	(void)state;
	for (size_t len = 0; len <= sizeof(sin); len++)
		assert_int_equal(addr_from_sockaddr(&a, &sin, len), len < 16 ? -EINVAL : 0);
	for (size_t len = 0; len <= sizeof(sin6); len++) {
		sin6.sin6_addr.s6_addr[15] = 1;
		assert_int_equal(addr_from_sockaddr(&a, &sin6, len), len < 24 ? -EINVAL : 0);
		if (len >= 24)
			assert_int_equal(a.scope, len < 28 ? 0 : 9);
	}
	assert_int_equal(addr_from_sockaddr(&a, NULL, 0), -EINVAL);
	sin.sin_family = AF_UNIX;
	assert_int_equal(addr_from_sockaddr(&a, &sin, 2), -EAFNOSUPPORT);
	sin.sin_family = AF_UNSPEC;
	assert_int_equal(addr_from_sockaddr(&a, &sin, sizeof(sin)), -EAFNOSUPPORT);
}

static void sockaddr_and_back(void **state)
{
	static const char *const texts[] = {"1.2.3.4:80", "[2001:db8::1]:443", "[fe80::1%3]:1"};
	struct sockaddr_storage ss;
	struct addr a, b;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_true(addr_parse_port(&a, texts[i], strlen(texts[i])));
		assert_int_equal(addr_to_sockaddr(&a, AF_INET6, &ss), sizeof(struct sockaddr_in6));
		assert_int_equal(addr_from_sockaddr(&b, &ss, sizeof(struct sockaddr_in6)), 0);
		assert_true(addr_equal(&a, &b));
		assert_int_equal(addr_to_sockaddr(&a, AF_INET, &ss), i ? -EAFNOSUPPORT : 16);
	}
	assert_int_equal(addr_to_sockaddr(&a, AF_UNIX, &ss), -EAFNOSUPPORT);
	a = addr_v4((const uint8_t[]){1, 2, 3, 4}, 0x1234);
	assert_int_equal(addr_to_sockaddr(&a, AF_INET, &ss), 16);
	assert_memory_equal(&((struct sockaddr_in *)&ss)->sin_addr, "\1\2\3\4", 4);
	assert_int_equal(((struct sockaddr_in *)&ss)->sin_port, htons(0x1234));
	assert_int_equal(addr_from_sockaddr(&b, &ss, 16), 0);
	assert_true(addr_equal(&a, &b));
}

/* One address has one form: a scope on a v4-mapped address goes. */
static void mapped_is_v4(void **state)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_scope_id = 9};
	static const uint8_t ip[16] = {[10] = 0xff, 0xff, 1, 2, 3, 4};
	struct addr a, v4 = addr_v4(ip + 12, 5), v6 = addr_v6(ip, 5);

	(void)state;
	assert_true(addr_equal(&v4, &v6));
	assert_true(addr_is_v4(&v6));
	memcpy(&sin6.sin6_addr, ip, 16);
	sin6.sin6_port = htons(5);
	assert_int_equal(addr_from_sockaddr(&a, &sin6, sizeof(sin6)), 0);
	assert_true(addr_equal(&a, &v4));
}

static void kinds(void **state)
{
	enum { V4 = 1, ANY = 2, LOOP = 4, MULTI = 8 };
	static const struct {
		const char *text;
		int is;
	} cases[] = {
		{"0.0.0.0", V4 | ANY},
		{"0.0.0.1", V4},
		{"127.0.0.1", V4 | LOOP},
		{"127.255.255.255", V4 | LOOP},
		{"126.255.255.255", V4},
		{"128.0.0.0", V4},
		{"223.255.255.255", V4},
		{"224.0.0.0", V4 | MULTI},
		{"239.255.255.255", V4 | MULTI},
		{"240.0.0.0", V4},
		{"255.255.255.254", V4},
		{"255.255.255.255", V4 | MULTI},
		{"::", ANY},
		{"::1", LOOP},
		{"::2", 0},
		{"::ffff:127.0.0.1", V4 | LOOP},
		{"::127.0.0.1", 0},
		{"::ffff:0.0.0.0", V4 | ANY},
		{"ff02::1", MULTI},
		{"fe80::1", 0},
		{"feff::", 0},
		{"2001:db8::1", 0},
		{"1::1", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr a = parse(cases[i].text);
		int is = (addr_is_v4(&a) ? V4 : 0) | (addr_is_any(&a) ? ANY : 0) |
			 (addr_is_loopback(&a) ? LOOP : 0) | (addr_is_multicast(&a) ? MULTI : 0);

		if (is != cases[i].is)
			fail_msg("%s: %d, not %d", cases[i].text, is, cases[i].is);
	}
}

static void equality(void **state)
{
	struct addr a = parse("fe80::1%1"), b = parse("fe80::1%2"), c = parse("fe80::2%1");

	(void)state;
	assert_true(addr_same_ip(&a, &b));
	assert_false(addr_equal(&a, &b));
	assert_false(addr_same_ip(&a, &c));
	b.scope = 1;
	assert_true(addr_equal(&a, &b));
	b.port = 1;
	assert_false(addr_equal(&a, &b));
}

static void networks(void **state)
{
	static const char *const cases[][2] = {
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"198.18.0.0/15", "198.18.0.0/15"},
		{"1.2.3.4", "1.2.3.4"},
		{"1.2.3.4/32", "1.2.3.4"},
		{"1.2.3.5/31", NULL},
		{"::/0", "::/0"},
		{"fd00::/8", "fd00::/8"},
		{"fe80::/10", "fe80::/10"},
		{"fe80::%3/10", "fe80::%3/10"},
		{"::1", "::1"},
		{"::1/128", "::1"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"::ffff:0.0.0.0/96", "0.0.0.0/0"},
		{"::ffff:0.0.0.0/95", NULL},
		{"10.0.0.0/33", NULL},
		{"10.0.0.1/8", NULL},
		{"10.128.0.0/8", NULL},
		{"fd00:1::/8", NULL},
		{"::/129", NULL},
		{"10.0.0.0/", NULL},
		{"10.0.0.0/-1", NULL},
		{"10.0.0.0/08", NULL},
		{"10.0.0.0/8/8", NULL},
		{"10.0.0.0/255.0.0.0", NULL},
		{"10/8", NULL},
		{"/8", NULL},
		{"", NULL},
		{"*.onion", NULL},
	};
	char text[ADDR_TEXT];
	struct net n;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *want = cases[i][1];

		if (want)
			assert_true(net_parse(&n, cases[i][0], strlen(cases[i][0])));
		else if (net_parse(&n, cases[i][0], strlen(cases[i][0])))
			fail_msg("%s is taken", cases[i][0]);
		if (!want)
			continue;
		assert_int_equal(net_print(&n, text), strlen(want));
		assert_string_equal(text, want);
	}
}

static void network_contains(void **state)
{
	static const struct {
		const char *net, *addr;
		bool in;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "9.255.255.255", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.0/8", "::10.1.2.3", false},
		{"198.18.0.0/15", "198.19.255.255", true},
		{"198.18.0.0/15", "198.20.0.0", false},
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.4", "1.2.3.5", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::", false},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "1.2.3.4", false},
		{"::/8", "1.2.3.4", false},
		{"fd00::/8", "fdff::1", true},
		{"fd00::/8", "fc00::1", false},
		{"fe80::/10", "febf::1%2", true},
		{"fe80::%3/10", "fe80::1%3", true},
		{"fe80::%3/10", "fe80::1%2", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct net n = parse_net(cases[i].net);
		struct addr a = parse(cases[i].addr);

		if (net_contains(&n, &a) != cases[i].in)
			fail_msg("%s in %s", cases[i].addr, cases[i].net);
	}
}

/* Each prefix length, at its first and last address and one beyond. */
static void every_prefix(void **state)
{
	(void)state;
	for (unsigned int bits = 1; bits <= 128; bits++) {
		struct net n = {.base = parse("2001:db8::"), .bits = (uint8_t)bits};
		struct addr a = n.base;
		unsigned int at = (bits - 1) / 8, bit = 0x80u >> (bits - 1) % 8;

		assert_true(net_contains(&n, &a));
		a.ip[at] ^= (uint8_t)bit;
		assert_false(net_contains(&n, &a));
		a.ip[at] ^= (uint8_t)bit;
		if (bits < 128) {
			a.ip[bits / 8] ^= (uint8_t)(0x80u >> bits % 8);
			assert_true(net_contains(&n, &a));
		}
	}
}

static void loopback(void **state)
{
	struct addr v4 = addr_loopback(AF_INET, 80), v6 = addr_loopback(AF_INET6, 443);
	struct addr expected4 = parse("127.0.0.1"), expected6 = parse("::1");

	(void)state;
	expected4.port = 80;
	expected6.port = 443;
	assert_true(addr_equal(&v4, &expected4));
	assert_true(addr_equal(&v6, &expected6));
	assert_int_equal(addr_family(&v4), AF_INET);
	assert_int_equal(addr_family(&v6), AF_INET6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_prints),
		cmocka_unit_test(reads_by_length),
		cmocka_unit_test(ports),
		cmocka_unit_test(from_sockaddr_checks_length),
		cmocka_unit_test(sockaddr_and_back),
		cmocka_unit_test(mapped_is_v4),
		cmocka_unit_test(kinds),
		cmocka_unit_test(loopback),
		cmocka_unit_test(equality),
		cmocka_unit_test(networks),
		cmocka_unit_test(network_contains),
		cmocka_unit_test(every_prefix),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
