/* SPDX-License-Identifier: MIT */
/*
 * fuzz_elf.c - properties of elf_judge(): never a byte beyond its input (a buffer of the exact
 * size); a prefix is judged as the whole is, or not at all; the interpreter is text that lies in
 * the input.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static enum program_kind judge(const uint8_t *data, size_t len, char interp[static 256])
{
	uint8_t *copy = malloc(len ? len : 1);
	enum program_kind kind;

	CHECK(copy);
	if (len)
		memcpy(copy, data, len);
	memset(interp, 'x', 256);
	kind = elf_judge(copy, len, interp);
	free(copy);
	CHECK(memchr(interp, 0, 256));
	return kind;
}

static void check_kind(enum program_kind kind, const char *interp)
{
	switch (kind) {
	case PROGRAM_WRAPPABLE:
	case PROGRAM_SCRIPT:
		CHECK(interp[0]);
		break;
	case PROGRAM_FOREIGN:
		break;
	case PROGRAM_STATIC:
	case PROGRAM_UNKNOWN:
		CHECK(!interp[0]);
		break;
	default:
		abort(); /* the others are not to be seen in a file's bytes */
	}
}

static int contains(const uint8_t *data, size_t size, const char *interp)
{
	return !interp[0] || memmem(data, size, interp, strlen(interp));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char whole[256], part[256];
	enum program_kind kind = judge(data, size, whole), cut;

	check_kind(kind, whole);
	CHECK(contains(data, size, whole));
	for (size_t len = size < 600 ? 0 : size - 600; len < size; len++) {
		cut = judge(data, len, part);
		check_kind(cut, part);
		CHECK(cut == PROGRAM_UNKNOWN || (cut == kind && !strcmp(part, whole)));
	}
	return 0;
}
