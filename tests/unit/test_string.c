/* SPDX-License-Identifier: MIT */
/* The library's own string functions against libc's, on every pair of short strings. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <strings.h>

/* libc's under other names, before ours take the usual ones. */
#define PAIR(ret, name, ...) static ret (*const libc_##name)(__VA_ARGS__) = name;
PAIR(size_t, strcspn, const char *, const char *)
PAIR(size_t, strspn, const char *, const char *)
PAIR(char *, strpbrk, const char *, const char *)
PAIR(void *, memchr, const void *, int, size_t)
PAIR(size_t, strnlen, const char *, size_t)
PAIR(char *, strchr, const char *, int)
PAIR(char *, strrchr, const char *, int)
PAIR(int, strncmp, const char *, const char *, size_t)
PAIR(int, strcmp, const char *, const char *)
PAIR(int, strncasecmp, const char *, const char *, size_t)
PAIR(char *, strstr, const char *, const char *)
PAIR(char *, strcpy, char *, const char *)
PAIR(char *, strcat, char *, const char *)
#define strcspn own_strcspn
#define strspn own_strspn
#define strpbrk own_strpbrk
#define memchr own_memchr
#define strnlen own_strnlen
#define strchr own_strchr
#define strrchr own_strrchr
#define strncmp own_strncmp
#define strcmp own_strcmp
#define strncasecmp own_strncasecmp
#define strstr own_strstr
#define stpcpy own_stpcpy
#define strcpy own_strcpy
#define strcat own_strcat
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "../../src/shim/string.c"
#pragma GCC diagnostic pop

#define LETTERS 6
#define LENGTH 3
static char all[512][LENGTH + 1];
static size_t count;

static void make(const char *begin, size_t len)
{
	static const char letters[LETTERS] = {'a', 'A', 'b', '@', (char)0xe1, (char)0xc1};

	memcpy(all[count++], begin, len);
	for (size_t i = 0; len < LENGTH && i < LETTERS; i++) {
		char next[LENGTH];

		memcpy(next, begin, len);
		next[len] = letters[i];
		make(next, len + 1);
	}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void compare(const char *a, const char *b)
{
	char own[16], libc[16];

	assert_int_equal(strcspn(a, b), libc_strcspn(a, b));
	assert_int_equal(strspn(a, b), libc_strspn(a, b));
	assert_ptr_equal(strpbrk(a, b), libc_strpbrk(a, b));
	assert_ptr_equal(strstr(a, b), libc_strstr(a, b));
	assert_int_equal(sign(strcmp(a, b)), sign(libc_strcmp(a, b)));
	for (size_t n = 0; n <= LENGTH + 1; n++) {
		assert_int_equal(sign(strncmp(a, b, n)), sign(libc_strncmp(a, b, n)));
		assert_int_equal(sign(strncasecmp(a, b, n)), sign(libc_strncasecmp(a, b, n)));
	}
	assert_ptr_equal(stpcpy(own, a), own + strlen(a));
	strcat(own, b);
	libc_strcat(libc_strcpy(libc, a), b);
	assert_string_equal(own, libc);
	assert_string_equal(strcpy(own, b), b);
}

static void test_two(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			compare(all[i], all[j]);
}

static void test_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (int c = -128; c < 256; c++) {
			assert_ptr_equal(strchr(all[i], c), libc_strchr(all[i], c));
			assert_ptr_equal(strrchr(all[i], c), libc_strrchr(all[i], c));
			for (size_t n = 0; n <= LENGTH + 1; n++)
				assert_ptr_equal(memchr(all[i], c, n), libc_memchr(all[i], c, n));
		}
		for (size_t n = 0; n <= LENGTH + 1; n++)
			assert_int_equal(strnlen(all[i], n), libc_strnlen(all[i], n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_two), cmocka_unit_test(test_one)};

	make("", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
