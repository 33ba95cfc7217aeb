/* SPDX-License-Identifier: MIT */
/* test_symbol.c - symbols of this very program and of libc, against what the linker says. */
#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "place.h"
#include "symbol.h"

static const uint8_t *map(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	const uint8_t *at;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*len = (size_t)st.st_size;
	at = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(at != MAP_FAILED);
	close(fd);
	return at;
}

__attribute__((noinline)) static int a_function_of_ours(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 1;
}

static void find(const void *at, char name[static 64], uint64_t *into)
{
	char path[4096];
	uint64_t offset;
	size_t len;
	const uint8_t *data;

	assert_true(place_find(0, (uint64_t)(uintptr_t)at, path, sizeof(path), &offset));
	data = map(path, &len);
	assert_true(symbol_find(data, len, offset, name, 64, into));
	munmap((void *)(uintptr_t)data, len);
}

static void test_own(void **state)
{
	uintptr_t at = (uintptr_t)a_function_of_ours;
	uint64_t into;
	char name[64];

	(void)state;
	find((const void *)(at + 3), name, &into);
	assert_string_equal(name, "a_function_of_ours");
	assert_int_equal(into, 3);
	assert_int_equal(a_function_of_ours(2), 7);
}

/* libc has no .symtab: .dynsym names what it exports. */
static void test_libc(void **state)
{
	const void *at = dlsym(RTLD_NEXT, "connect");
	uint64_t into;
	char name[64];

	(void)state;
	assert_non_null(at);
	find(at, name, &into);
	assert_true(!strcmp(name, "connect") || !strcmp(name, "__connect"));
	assert_int_equal(into, 0);
}

static void test_nothing(void **state)
{
	char name[8] = "before";
	size_t len;
	const uint8_t *data = map("/proc/self/exe", &len);
	uint64_t into;

	(void)state;
	assert_false(symbol_find(data, len, len, name, sizeof(name), &into));
	assert_false(symbol_find(data, len, UINT64_MAX, name, sizeof(name), &into));
	assert_false(symbol_find((const uint8_t *)"#!/bin/sh\n", 10, 5, name, sizeof(name), &into));
	for (size_t n = 0; n < 70; n++)
		assert_false(symbol_find(data, n, 5, name, sizeof(name), &into));
}

static void test_place(void **state)
{
	char path[256] = "";
	uint64_t offset = 0;
	const char *anywhere = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(place_find(0, (uint64_t)(uintptr_t)anywhere + 5, path, sizeof(path), &offset));
	assert_string_equal(path, "");
	assert_int_equal(offset, (uint64_t)(uintptr_t)anywhere + 5);
	assert_false(place_find(0, 1, path, sizeof(path), &offset));
	assert_false(place_find(INT32_MAX, 1, path, sizeof(path), &offset));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
