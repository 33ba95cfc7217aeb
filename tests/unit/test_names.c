/* SPDX-License-Identifier: MIT */
/*
 * The names table: contract, reuse, collisions, damaged memory, and processes killed while they
 * write.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "names.h"
#include "stress.h"

static struct names *table(void)
{
	void *at = mmap(NULL, names_size(), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void drop(struct names *t)
{
	munmap(t, names_size());
}

static int add(struct names *t, const char *name)
{
	return names_add(t, name, strlen(name), 1, NULL, NULL);
}

static void assert_name(const struct names *t, int index, const char *name)
{
	char out[NAME_MAX_LEN + 1];

	assert_int_equal(names_get(t, (uint32_t)index, out), (int)strlen(name));
	assert_string_equal(out, name);
}

static void valid(void **state)
{
	static const char *const good[] = {"a",
					   "a.b",
					   "_x._tcp.example.com",
					   "1.2.3.4.example",
					   "-a-",
					   "b\374cher.example",
					   "xn--bcher-kva"};
	static const char *const bad[] = {"",	 ".",	  "a..b", ".a",	 "a.",
					  "a b", "a\tb",  "a/b",  "a:1", "a\x7f",
					  "a\n", "[::1]", "a@b",  "a%b", "*"};
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(names_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(names_valid(bad[i], strlen(bad[i])));
	assert_false(names_valid("a\0b", 3));
	memset(text, 'a', sizeof(text));
	assert_true(names_valid(text, 63));
	assert_false(names_valid(text, 64));
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	assert_true(names_valid(text, 253));
	assert_false(names_valid(text, 254));
	assert_false(names_valid(text, 255));
}

static void add_and_find(void **state)
{
	struct names *t = table();
	char out[NAME_MAX_LEN + 1];

	(void)state;
	assert_int_equal(names_count(t), 0);
	assert_int_equal(names_find(t, "a.example", 9), -ENOENT);
	assert_int_equal(names_get(t, 0, out), -ENOENT);
	assert_int_equal(add(t, "a.example"), 0);
	assert_int_equal(add(t, "B.Example."), 1);
	assert_int_equal(add(t, "A.EXAMPLE."), 0);
	assert_int_equal(names_find(t, "b.eXample", 9), 1);
	assert_int_equal(names_find(t, "b.example.", 10), 1);
	assert_int_equal(names_find(t, "b.exampl", 8), -ENOENT);
	assert_name(t, 0, "a.example");
	assert_name(t, 1, "b.example");
	assert_int_equal(names_count(t), 2);
	assert_int_equal(add(t, ""), -EINVAL);
	assert_int_equal(add(t, "."), -EINVAL);
	assert_int_equal(add(t, "a.."), -EINVAL);
	assert_int_equal(names_find(t, "a b", 3), -ENOENT);
	assert_int_equal(names_get(t, 2, out), -ENOENT);
	assert_int_equal(names_get(t, NAMES_SLOTS, out), -ENOENT);
	assert_int_equal(names_get(t, UINT32_MAX, out), -ENOENT);
	drop(t);
}

/* Each length up to the longest one, in all alignments of words. */
static void lengths(void **state)
{
	struct names *t = table();
	char text[254];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i % 60 == 59 ? '.' : 'a' + i % 26);
	for (size_t len = 1; len <= 253; len++) {
		char c = text[len - 1];
		int i;

		text[len - 1] = 'z';
		text[len] = '\0';
		i = add(t, text);
		assert_true(i >= 0);
		assert_name(t, i, text);
		assert_int_equal(names_find(t, text, len), i);
		text[len] = (char)(len % 60 == 59 ? '.' : 'a' + len % 26);
		text[len - 1] = c;
	}
	assert_int_equal(names_count(t), 253);
	drop(t);
}

static int number(struct names *t, unsigned int i, uint32_t now, bool (*in_use)(void *, uint32_t),
		  void *arg)
{
	char name[64];
	int len = snprintf(name, sizeof(name), "host-%u.example.com", i);

	return names_add(t, name, (size_t)len, now, in_use, arg);
}

static bool first_hundred(void *asked, uint32_t index)
{
	(*(unsigned int *)asked)++;
	return index < 100;
}

static bool everything(void *asked, uint32_t index)
{
	(void)index;
	(*(unsigned int *)asked)++;
	return true;
}

/* A full table gives the oldest entries anew, never one in use, and stays right. */
static void reuse(void **state)
{
	struct names *t = table();
	unsigned int asked = 0, more = 20000;
	char out[NAME_MAX_LEN + 1];

	(void)state;
	for (unsigned int i = 0; i < NAMES_SLOTS; i++)
		assert_int_equal(number(t, i, 1 + i / 1000, NULL, NULL), i);
	assert_int_equal(names_count(t), NAMES_SLOTS);
	for (unsigned int i = 0; i < NAMES_SLOTS; i++)
		assert_int_equal(number(t, i, 1 + i / 1000, NULL, NULL), i);
	for (unsigned int i = 0; i < more; i++) {
		int index = number(t, NAMES_SLOTS + i, 1000, first_hundred, &asked);

		assert_in_range(index, 100, NAMES_SLOTS - 1);
		snprintf(out, sizeof(out), "host-%u.example.com", NAMES_SLOTS + i);
		assert_name(t, index, out);
		assert_int_equal(names_find(t, out, strlen(out)), index);
	}
	assert_in_range(asked, more, 2 * more);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(number(t, i, 1000, first_hundred, &asked), i);
	assert_int_equal(names_count(t), NAMES_SLOTS);
	asked = 0;
	assert_int_equal(number(t, 1u << 30, 1000, everything, &asked), -ENOSPC);
	assert_int_equal(asked, NAMES_SLOTS);
	drop(t);
}

static bool odd(void *asked, uint32_t index)
{
	(*(unsigned int *)asked)++;
	return index % 2;
}

/* Of a small network no address is given that it does not have: the oldest ones come again. */
static void bounded(void **state)
{
	const struct net nets[] = {{.bits = 96 + 24}, {.bits = 64}, {.bits = 96 + 27}};
	struct names *t = table();
	unsigned int asked = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		names_bound(t, &nets[i]);
	for (unsigned int i = 0; i < 32; i++)
		assert_int_equal(number(t, i, 1 + i, NULL, NULL), i);
	for (unsigned int i = 32; i < 200; i++)
		assert_int_equal(number(t, i, 100, odd, &asked) % 2, 0);
	assert_int_equal(names_count(t), 32);
	for (unsigned int i = 1; i < 32; i += 2)
		assert_int_equal(number(t, i, 200, NULL, NULL), i);
	asked = 0;
	assert_int_equal(number(t, 1u << 30, 200, everything, &asked), -ENOSPC);
	assert_int_equal(asked, 32);
	drop(t);
}

/* Many times around: every name that was just added is found, whatever the buckets look like. */
static void churn(void **state)
{
	struct names *t = table();
	unsigned int lost = 0, rounds = 400000;

	(void)state;
	for (unsigned int i = 0; i < rounds; i++) {
		int index = number(t, i, i / 100, NULL, NULL);

		assert_true(index >= 0);
		if (i >= 1000 && i % 16 == 0 && number(t, i - 1000, i / 100, NULL, NULL) < 0)
			lost++;
		assert_int_equal(number(t, i, i / 100, NULL, NULL), index);
	}
	assert_int_equal(lost, 0);
	drop(t);
}

static struct net net_of(const char *text)
{
	struct net n;

	assert_true(net_parse(&n, text, strlen(text)));
	return n;
}

static void addresses(void **state)
{
	static const struct {
		const char *net, *addr;
		uint32_t index;
	} table[] = {
		{"198.18.0.0/15", "198.18.0.0", 0},
		{"198.18.0.0/15", "198.18.0.7", 7},
		{"198.18.0.0/15", "198.19.255.255", NAMES_SLOTS - 1},
		{"10.0.0.0/8", "10.1.255.255", NAMES_SLOTS - 1},
		{"192.0.2.0/24", "192.0.2.255", 255},
		{"192.0.2.1", "192.0.2.1", 0},
		{"fd73:6f63:6b73:7368::/64", "fd73:6f63:6b73:7368::1:fffe", NAMES_SLOTS - 2},
		{"fd00::/8", "fd00::100", 256},
		{"2001:db8::1", "2001:db8::1", 0},
	};
	static const char *const no[][2] = {
		{"198.18.0.0/15", "198.20.0.0"}, {"198.18.0.0/15", "198.17.255.255"},
		{"10.0.0.0/8", "10.2.0.0"},	 {"192.0.2.0/24", "192.0.3.0"},
		{"fd00::/64", "fd00::2:0"},	 {"fd00::/64", "fd00::1:0:0:5"},
		{"fd00::/64", "198.18.0.1"},	 {"fd00::/64", "fd00:0:0:1::"},
		{"198.18.0.0/15", "fd00::"},
	};
	struct addr a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct net n = net_of(table[i].net);

		assert_true(addr_parse(&a, table[i].addr, strlen(table[i].addr)));
		assert_true(names_addr(&n, 0, table[i].index, &b));
		assert_true(addr_equal(&a, &b));
		a.port = 80;
		assert_int_equal(names_index(&n, 0, &a), table[i].index);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		struct net n = net_of(no[i][0]);

		assert_true(addr_parse(&a, no[i][1], strlen(no[i][1])));
		assert_int_equal(names_index(&n, 0, &a), -ENOENT);
	}
}

static void small_nets(void **state)
{
	struct net small = net_of("192.0.2.0/24"), one = net_of("::1"), big = net_of("fd00::/8");
	struct addr a;

	(void)state;
	assert_false(names_addr(&small, 0, 256, &a));
	assert_false(names_addr(&one, 0, 1, &a));
	assert_false(names_addr(&big, 0, NAMES_SLOTS, &a));
	assert_false(names_addr(&big, 0, UINT32_MAX, &a));
}

/* From anywhere, and around the end of the network. */
static void turned(void **state)
{
	const struct net nets[] = {net_of("198.18.0.0/15"), net_of("192.0.2.0/24"), net_of("::1"),
				   net_of("fd00::/64")};
	const uint32_t rooms[] = {NAMES_SLOTS, 256, 1, NAMES_SLOTS};
	const uint32_t turns[] = {0, 1, 255, NAMES_SLOTS - 1, 0x12345678, UINT32_MAX};
	struct addr a, b;

	(void)state;
	for (size_t i = 0; i < 4 * 6; i++) {
		const struct net *n = &nets[i % 4];
		uint32_t turn = turns[i / 4], room = rooms[i % 4];

		assert_true(names_addr(n, turn, 0, &a));
		assert_true(names_addr(n, 0, turn % room, &b));
		assert_true(addr_equal(&a, &b));
		assert_true(names_addr(n, turn, room - 1, &a));
		assert_true(names_addr(n, 0, (turn + room - 1) % room, &b));
		assert_true(addr_equal(&a, &b));
		assert_int_equal(names_index(n, turn, &a), room - 1);
		assert_false(names_addr(n, turn, room, &a));
	}
}

/* Readers of memory full of rubbish stay in bounds (sanitizers watch) and come back. */
static void rubbish(void **state)
{
	struct names *t = table();
	uint32_t *words = (uint32_t *)t;
	char out[NAME_MAX_LEN + 1];
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < names_size() / sizeof(*words); i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		words[i] = (uint32_t)x;
	}
	for (unsigned int i = 0; i < 20000; i++) {
		int index = number(t, i, i, NULL, NULL);

		assert_in_range(index, 0, NAMES_SLOTS - 1);
		assert_in_range(names_get(t, (uint32_t)index, out), 1, NAME_MAX_LEN);
		names_get(t, i, out);
		assert_true(memchr(out, 0, sizeof(out)));
	}
	assert_in_range(names_count(t), 0, NAMES_SLOTS);
	drop(t);
}

/* What holds at any time for one that only reads: a name found is the name asked for. */
static void check_all(const struct names *t, unsigned int names)
{
	char name[64], out[NAME_MAX_LEN + 1];

	for (unsigned int i = 0; i < names; i++) {
		size_t len = (size_t)snprintf(name, sizeof(name), "host-%u.example.com", i);
		int index = names_find((struct names *)t, name, len);

		if (index == -ENOENT)
			continue;
		if (names_get(t, (uint32_t)index, out) != (int)len || strcmp(out, name) != 0)
			fail_msg("entry %d of %s is '%s'", index, name, out);
	}
}

#define OVERLAP 5000u

static void *write_names(void *arg)
{
	struct writer *w = arg;
	char name[64], out[NAME_MAX_LEN + 1];

	for (unsigned int i = 0; i < w->rounds; i++) {
		unsigned int n = (unsigned int)rand_r(&w->seed) % OVERLAP;
		int len = snprintf(name, sizeof(name), "host-%u.example.com", n);
		int index = names_add(w->table, name, (size_t)len, i, NULL, NULL);

		if (index < 0 || names_get(w->table, (uint32_t)index, out) != len ||
		    strcmp(out, name))
			return w;
	}
	return NULL;
}

static void threads(void **state)
{
	struct names *t = table();

	(void)state;
	stress_threads(t, write_names, 20000);
	check_all(t, OVERLAP);
	assert_in_range(names_count(t), OVERLAP, OVERLAP + 1000);
	drop(t);
}

static void check_some(void *t)
{
	check_all(t, 200);
}

/* Killed in the table's last part, so that both counting and reuse are hit. */
static void killed(void **state)
{
	struct names *t = table();

	(void)state;
	for (unsigned int i = 0; i < NAMES_SLOTS - 3000; i++)
		number(t, OVERLAP + i, 0, NULL, NULL);
	stress_killed(t, write_names, check_some);
	check_all(t, OVERLAP);
	for (unsigned int i = 0; i < OVERLAP; i++)
		assert_true(number(t, i, 99, NULL, NULL) >= 0);
	check_all(t, OVERLAP);
	drop(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid),     cmocka_unit_test(add_and_find),
		cmocka_unit_test(lengths),   cmocka_unit_test(reuse),
		cmocka_unit_test(bounded),   cmocka_unit_test(churn),
		cmocka_unit_test(addresses), cmocka_unit_test(small_nets),
		cmocka_unit_test(turned),    cmocka_unit_test(rubbish),
		cmocka_unit_test(threads),   cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
