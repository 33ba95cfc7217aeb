/* SPDX-License-Identifier: MIT */
/* DNS messages: what is read, what is answered, and what must not be followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dns.h"

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define ASK HEAD("\x01\x00", "\1", "\0", "\0", "\0")
#define ASK_EDNS HEAD("\x01\x00", "\1", "\0", "\0", "\1")
#define NAME "\7example\3com\0"
#define IN_A "\0\1\0\1"
/* EDNS: size 4096, version 0, a cookie */
#define OPT                                                                                        \
	"\0\0\x29\x10\0\0\0\0\0\0\x0c\0\x0a\0\x08"                                                 \
	"cookiecc"

#define PARSE(q, text) dns_parse(q, text, sizeof(text) - 1)

static void question(void **state)
{
	struct dns_question q;

	(void)state;
	assert_true(PARSE(&q, ASK NAME IN_A));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, DNS_A);
	assert_int_equal(q.class, 1);
	assert_int_equal(q.udp_size, 0);
	assert_int_equal(q.wire_len, 13);
	assert_string_equal(q.name, "example.com");
	assert_int_equal(q.name_len, 11);
	assert_int_equal(dns_room(&q), DNS_DATAGRAM);
	assert_true(PARSE(&q, ASK "\0" IN_A));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_string_equal(q.name, "");
}

static void edns(void **state)
{
	struct dns_question q;

	(void)state;
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A OPT));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_int_equal(q.udp_size, 4096);
	assert_int_equal(dns_room(&q), DNS_MESSAGE);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\0\0\x29\x00\x10\0\0\0\0\0\0"));
	assert_int_equal(dns_room(&q), DNS_DATAGRAM);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\0\0\x29\x04\0\0\0\0\0\0\0"));
	assert_int_equal(dns_room(&q), 1024);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\0\0\x29\x10\0\0\1\0\0\0\0"));
	assert_int_equal(q.rcode, DNS_BADVERS);
	/* two, cut, or with a name */
	assert_true(PARSE(&q, HEAD("\1\0", "\1", "\0", "\0", "\2") NAME IN_A OPT OPT));
	assert_int_equal(q.rcode, DNS_FORMERR);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\0\0\x29\x10\0\0\0\0\0\0"));
	assert_int_equal(q.rcode, DNS_FORMERR);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\1a\0\0\x29\x10\0\0\0\0\0\0\0"));
	assert_int_equal(q.rcode, DNS_FORMERR);
}

static void no_answer_is_due(void **state)
{
	struct dns_question q;

	(void)state;
	assert_false(dns_parse(&q, NULL, 0));
	assert_false(dns_parse(&q, ASK, 11));
	assert_false(PARSE(&q, HEAD("\x81\x80", "\1", "\0", "\0", "\0") NAME IN_A));
}

static void bad_messages(void **state)
{
	static const struct {
		const char *what, *text;
		size_t len;
		int rcode;
	} table[] = {
#define BAD(what, text, rcode) {what, text, sizeof(text) - 1, rcode}
		BAD("header alone", ASK, DNS_FORMERR),
		BAD("no question", HEAD("\1\0", "\0", "\0", "\0", "\0"), DNS_FORMERR),
		BAD("two questions", HEAD("\1\0", "\2", "\0", "\0", "\0") NAME IN_A NAME IN_A,
		    DNS_FORMERR),
		BAD("name cut", ASK "\7exam", DNS_FORMERR),
		BAD("name without an end", ASK "\7example\3com", DNS_FORMERR),
		BAD("no class", ASK NAME "\0\1", DNS_FORMERR),
		BAD("pointer to itself", ASK "\xc0\x0c" IN_A, DNS_FORMERR),
		BAD("pointer behind itself", ASK "\1a\xc0\x0c" IN_A, DNS_FORMERR),
		BAD("pointer into the header", ASK "\1a\xc0\x02" IN_A, DNS_FORMERR),
		BAD("pointer forwards", ASK "\1a\xc0\x20" IN_A, DNS_FORMERR),
		BAD("pointer cut", ASK "\1a\xc0", DNS_FORMERR),
		BAD("label type 64", ASK "\x40" IN_A, DNS_FORMERR),
		BAD("label type 128", ASK "\x80" IN_A, DNS_FORMERR),
		BAD("answers announced", HEAD("\1\0", "\1", "\1", "\0", "\0") NAME IN_A,
		    DNS_FORMERR),
		BAD("status", HEAD("\x10\0", "\1", "\0", "\0", "\0") NAME IN_A, DNS_NOTIMP),
		BAD("update", HEAD("\x28\0", "\1", "\0", "\0", "\0") NAME IN_A, DNS_NOTIMP),
#undef BAD
	};
	struct dns_question q;
	uint8_t out[DNS_LEAST];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(dns_parse(&q, table[i].text, table[i].len));
		if (q.rcode != table[i].rcode)
			fail_msg("%s: rcode %d", table[i].what, q.rcode);
		len = dns_answer(&q, q.rcode, NULL, 0, 0, out, sizeof(out));
		assert_true(len >= 12);
		assert_int_equal(out[0] << 8 | out[1], 0x1234);
		assert_true(out[2] & 0x80);
		assert_int_equal(out[3] & 0xf, table[i].rcode);
	}
}

/* A pointer in a record may lead to the question's name. */
static void compression(void **state)
{
	struct dns_question q;

	(void)state;
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\3www\xc0\x14\0\1\0\1\0\0\0\0\0\4abcd"));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_true(PARSE(&q, ASK_EDNS NAME IN_A "\xc0\x1d\0\1\0\1\0\0\0\0\0\4abcd"));
	assert_int_equal(q.rcode, DNS_FORMERR);
}

static void odd_names(void **state)
{
	struct dns_question q;

	(void)state;
	assert_true(PARSE(&q, ASK "\3a.b\3com\0" IN_A));
	assert_int_equal(q.rcode, DNS_NOERROR);
	assert_string_equal(q.name, "");
	assert_int_equal(q.wire_len, 9);
	assert_true(PARSE(&q, ASK "\3a\0b\0" IN_A));
	assert_string_equal(q.name, "");
	assert_true(PARSE(&q, ASK "\3a b\0" IN_A));
	assert_string_equal(q.name, "");
	assert_true(PARSE(&q, ASK "\4_ldp\4\xc3\xa4-Z\0" IN_A));
	assert_string_equal(q.name, "_ldp.\xc3\xa4-Z");
}

/* The longest name: 255 bytes as sent, 253 as text; one more is none. */
static void limits(void **state)
{
	char text[260];
	struct dns_question q, again;
	uint8_t out[512];
	size_t len;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	assert_true(dns_question(&q, 1, text, 253, DNS_A, 1));
	assert_int_equal(q.wire_len, 255);
	assert_int_equal(q.name_len, 253);
	assert_false(dns_question(&q, 1, text, 254, DNS_A, 1));
	text[253] = '.';
	assert_true(dns_question(&q, 1, text, 254, DNS_A, 1));
	len = dns_ask(&q, out, sizeof(out));
	assert_int_equal(len, 12 + 255 + 4);
	assert_true(dns_parse(&again, out, len));
	assert_memory_equal(&again, &q, sizeof(q));
	assert_int_equal(dns_ask(&q, out, len - 1), 0);
	text[63] = 'a'; /* a label of 127 */
	assert_false(dns_question(&q, 1, text, 253, DNS_A, 1));
	assert_true(dns_question(&q, 1, "", 0, DNS_A, 1));
	assert_true(dns_question(&q, 1, "a.b.", 4, DNS_A, 1));
	assert_false(dns_question(&q, 1, "a..b", 4, DNS_A, 1));
	assert_false(dns_question(&q, 1, ".a", 2, DNS_A, 1));
	assert_false(dns_question(&q, 1, "a..", 3, DNS_A, 1));
}

static void addresses(void **state)
{
	static const char a[] = "\x12\x34\x81\x80\0\1\0\2\0\0\0\0" NAME IN_A
				"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\7"
				"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\x08";
	static const char none[] = "\x12\x34\x81\x80\0\1\0\0\0\0\0\0" NAME IN_A;
	static const char with_opt[] =
		"\x12\x34\x81\x80\0\1\0\0\0\0\0\1" NAME IN_A "\0\0\x29\x04\xd0\0\0\0\0\0\0";
	static const uint8_t ip4[4] = {198, 18, 0, 7}, other[4] = {198, 18, 0, 8};
	static const uint8_t ip6[16] = {0xfd, [15] = 1};
	struct addr list[] = {addr_v4(ip4, 0), addr_v6(ip6, 0), addr_v4(other, 0)};
	struct dns_question q;
	uint8_t out[DNS_MESSAGE];

	(void)state;
	PARSE(&q, ASK NAME IN_A);
	assert_int_equal(dns_answer(&q, 0, list, 3, 60, out, sizeof(out)), sizeof(a) - 1);
	assert_memory_equal(out, a, sizeof(a) - 1);
	assert_int_equal(dns_answer(&q, 0, list + 1, 1, 60, out, sizeof(out)), sizeof(none) - 1);
	assert_memory_equal(out, none, sizeof(none) - 1);
	/* cut: nothing but the question, TC set */
	assert_int_equal(dns_answer(&q, 0, list, 3, 60, out, sizeof(a) - 2), sizeof(none) - 1);
	assert_int_equal(out[2], 0x83);
	assert_int_equal(dns_answer(&q, 0, list, 3, 60, out, sizeof(none) - 2), 0);
	/* a class that is not the internet's */
	PARSE(&q, ASK NAME "\0\1\0\3");
	assert_int_equal(dns_answer(&q, 0, list, 3, 60, out, sizeof(out)), sizeof(none) - 1);
	/* IPv6, and EDNS */
	PARSE(&q, ASK NAME "\0\x1c\0\1");
	assert_int_equal(dns_answer(&q, 0, list, 3, 60, out, sizeof(out)), sizeof(none) - 1 + 28);
	assert_memory_equal(out + sizeof(none) - 1 + 12, ip6, 16);
	PARSE(&q, ASK_EDNS NAME IN_A OPT);
	assert_int_equal(dns_answer(&q, 0, NULL, 0, 60, out, sizeof(out)), sizeof(with_opt) - 1);
	assert_memory_equal(out, with_opt, sizeof(with_opt) - 1);
	dns_answer(&q, DNS_BADVERS, NULL, 0, 60, out, sizeof(out));
	assert_int_equal(out[3] & 0xf, 0);
	assert_int_equal(out[sizeof(with_opt) - 1 - 6], 1);
	dns_answer(&q, DNS_NXDOMAIN, list, 3, 60, out, sizeof(out));
	assert_int_equal(out[3], 0x83);
	assert_int_equal(out[7], 0);
}

static void reverse(void **state)
{
	static const struct {
		const char *name, *addr;
	} table[] = {
		{"7.0.18.198.in-addr.arpa", "198.18.0.7"},
		{"7.0.18.198.IN-ADDR.ARPA", "198.18.0.7"},
		{"255.255.255.255.in-addr.arpa", "255.255.255.255"},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.D.f.ip6.arpa",
		 "fd00::1"},
		{"0.18.198.in-addr.arpa", NULL},
		{"256.0.18.198.in-addr.arpa", NULL},
		{"07.0.18.198.in-addr.arpa", NULL},
		{"1.7.0.18.198.in-addr.arpa", NULL},
		{"a.0.18.198.in-addr.arpa", NULL},
		{".in-addr.arpa", NULL},
		{"in-addr.arpa", NULL},
		{"1.ip6.arpa", NULL},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.g.f.ip6.arpa", NULL},
		{"b.7.0.18.198.in-addr.arpa", NULL},
		{"example.com", NULL},
	};
	static const char ptr[] = "\xc0\x0c\0\x0c\0\1\0\0\0\0\0\x0d\7example\3com";
	struct dns_question q;
	uint8_t out[DNS_MESSAGE];
	char text[ADDR_TEXT];
	struct addr a;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool ok = dns_question(&q, 0, table[i].name, strlen(table[i].name), DNS_PTR, 1) &&
			  dns_reverse(&q, &a);

		if (ok != !!table[i].addr)
			fail_msg("%s: %d", table[i].name, ok);
		if (!ok)
			continue;
		addr_print(&a, text);
		assert_string_equal(text, table[i].addr);
		len = dns_answer_name(&q, "example.com", 0, out, sizeof(out));
		assert_int_equal(len, 12 + q.wire_len + 4 + 12 + 13);
		assert_memory_equal(out + 12 + q.wire_len + 4, ptr, sizeof(ptr));
		q.type = DNS_A;
		assert_false(dns_reverse(&q, &a));
	}
	dns_question(&q, 0, "a", 1, DNS_PTR, 1);
	assert_int_equal(dns_answer_name(&q, "a..b", 0, out, sizeof(out)), 12 + 3 + 4);
	assert_int_equal(out[3] & 0xf, DNS_SERVFAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(question),	    cmocka_unit_test(edns),
		cmocka_unit_test(no_answer_is_due), cmocka_unit_test(bad_messages),
		cmocka_unit_test(compression),	    cmocka_unit_test(odd_names),
		cmocka_unit_test(limits),	    cmocka_unit_test(addresses),
		cmocka_unit_test(reverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
