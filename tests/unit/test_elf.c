/* SPDX-License-Identifier: MIT */
/* test_elf.c - programs judged by their first bytes: made ones, and cut ones. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "program.h"

#ifdef __aarch64__
#define OWN EM_AARCH64
#define OTHER EM_X86_64
#else
#define OWN EM_X86_64
#define OTHER EM_AARCH64
#endif

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	char interp[256];
};

static char interp[256];

/* A dynamic program with `loader`; NULL: a static one. */
static struct image make(const char *loader)
{
	struct image im = {
		.eh = {.e_ident = ELFMAG,
		       .e_type = ET_DYN,
		       .e_machine = OWN,
		       .e_phoff = offsetof(struct image, ph),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 3},
		.ph = {{.p_type = PT_PHDR}, {.p_type = PT_LOAD}, {.p_type = PT_LOAD}},
	};

	im.eh.e_ident[EI_CLASS] = ELFCLASS64;
	im.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	if (loader) {
		im.ph[1].p_type = PT_INTERP;
		im.ph[1].p_offset = offsetof(struct image, interp);
		im.ph[1].p_filesz = strlen(loader) + 1;
		strcpy(im.interp, loader);
	}
	return im;
}

static enum program_kind judge(const struct image *im)
{
	return elf_judge((const uint8_t *)im, sizeof(*im), interp);
}

static enum program_kind judge_text(const char *text)
{
	return elf_judge((const uint8_t *)text, strlen(text), interp);
}

/* A dynamic program whose last header is a note: GNU's build id, and then one of `name`. */
static enum program_kind judge_note(const char *name, uint32_t type, uint32_t size)
{
	static const uint32_t gnu[] = {4, 4, 3, 0x00554e47, 0x12345678};
	struct image im = make("/lib64/ld-linux-x86-64.so.2");
	uint32_t own[5] = {4, size, type};

	memcpy(&own[3], name, 4);
	memcpy(im.interp + 64, gnu, sizeof(gnu));
	memcpy(im.interp + 64 + sizeof(gnu), own, sizeof(own));
	im.ph[2].p_type = PT_NOTE;
	im.ph[2].p_offset = offsetof(struct image, interp) + 64;
	im.ph[2].p_filesz = sizeof(gnu) + sizeof(own);
	return judge(&im);
}

static void go_by_its_note(void **state)
{
	(void)state;
	assert_int_equal(judge_note("Go\0", 4, 4), PROGRAM_GO);
	assert_int_equal(judge_note("Go\0", 3, 4), PROGRAM_WRAPPABLE);
	assert_int_equal(judge_note("GNU", 4, 4), PROGRAM_WRAPPABLE);
	assert_int_equal(judge_note("Go\0", 4, ~0u), PROGRAM_GO); /* its name is whole */
	assert_int_equal(judge_note("GNU", 4, ~0u), PROGRAM_WRAPPABLE);
}

static void dynamic_by_loader(void **state)
{
	static const struct {
		const char *loader;
		enum program_kind kind;
	} cases[] = {
		{"/lib64/ld-linux-x86-64.so.2", PROGRAM_WRAPPABLE},
		{"/lib/ld-linux-aarch64.so.1", PROGRAM_WRAPPABLE},
		{"/nix/store/x/lib/ld-linux-x86-64.so.2", PROGRAM_WRAPPABLE},
		{"/lib64/ld-lsb-x86-64.so.3", PROGRAM_WRAPPABLE},
		{"ld-linux-x86-64.so.2", PROGRAM_WRAPPABLE},
		{"/lib/ld-musl-x86_64.so.1", PROGRAM_FOREIGN},
		{"/system/bin/linker64", PROGRAM_FOREIGN},
		{"/ld-linux-x86-64.so.2/other", PROGRAM_FOREIGN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image im = make(cases[i].loader);

		assert_int_equal(judge(&im), cases[i].kind);
		assert_string_equal(interp, cases[i].loader);
	}
}

static void without_loader_is_static(void **state)
{
	struct image im = make(NULL);

	(void)state;
	assert_int_equal(judge(&im), PROGRAM_STATIC);
	assert_string_equal(interp, "");
	im.eh.e_type = ET_EXEC;
	assert_int_equal(judge(&im), PROGRAM_STATIC);
}

static void other_machines_are_foreign(void **state)
{
	struct image im = make("/lib64/ld-linux-x86-64.so.2");

	(void)state;
	im.eh.e_machine = OTHER;
	assert_int_equal(judge(&im), PROGRAM_FOREIGN);
	im = make("/lib/ld-linux.so.2");
	im.eh.e_ident[EI_CLASS] = ELFCLASS32; /* i386, x32, arm */
	assert_int_equal(judge(&im), PROGRAM_FOREIGN);
	im = make("/lib64/ld64.so.1");
	im.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(judge(&im), PROGRAM_FOREIGN);
}

static void broken_is_unknown(void **state)
{
	struct image im = make("/lib64/ld-linux-x86-64.so.2");

	(void)state;
	im.eh.e_type = ET_REL;
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
	im = make("/lib64/ld-linux-x86-64.so.2");
	im.ph[1].p_filesz--; /* no NUL at its end */
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
	im.ph[1].p_filesz = UINT64_MAX;
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
	im = make("/lib64/ld-linux-x86-64.so.2");
	im.ph[1].p_offset = UINT64_MAX - 4;
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
	im = make(NULL);
	im.eh.e_phoff = UINT64_MAX - 8;
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
	im = make(NULL);
	im.eh.e_phentsize = 32;
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
	im = make(NULL);
	im.eh.e_phnum = 0;
	assert_int_equal(judge(&im), PROGRAM_UNKNOWN);
}

static void cut_is_unknown(void **state)
{
	struct image im = make("/lib64/ld-linux-x86-64.so.2");
	size_t end = offsetof(struct image, interp) + strlen(im.interp) + 1;

	(void)state;
	for (size_t len = 0; len < end; len++)
		assert_int_equal(elf_judge((const uint8_t *)&im, len, interp), PROGRAM_UNKNOWN);
	assert_int_equal(elf_judge((const uint8_t *)&im, end, interp), PROGRAM_WRAPPABLE);
}

static void scripts(void **state)
{
	static const char *const cases[][2] = {
		{"#!/bin/sh\n", "/bin/sh"},
		{"#!/bin/sh -e\n", "/bin/sh"},
		{"#! \t /bin/sh\t-e\n", "/bin/sh"},
		{"#!/usr/bin/env python3\n", "/usr/bin/env"},
		{"#!sh\n", "sh"},
		{"#!/bin/sh ", "/bin/sh"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(judge_text(cases[i][0]), PROGRAM_SCRIPT);
		assert_string_equal(interp, cases[i][1]);
	}
}

static void no_scripts(void **state)
{
	static const char *const cases[] = {"",	       "#",	    "#!",	    "#!\n",
					    "#! \t\n", "#!/bin/sh", " #!/bin/sh\n", "echo hi\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(judge_text(cases[i]), PROGRAM_UNKNOWN);
		assert_string_equal(interp, "");
	}
}

/* The kernel looks at 256 bytes: a path that they cut is none. */
static void long_script_lines(void **state)
{
	char text[300] = "#!/";

	(void)state;
	memset(text + 3, 'x', sizeof(text) - 3);
	text[255] = '\n';
	assert_int_equal(elf_judge((const uint8_t *)text, sizeof(text), interp), PROGRAM_SCRIPT);
	assert_int_equal(strlen(interp), 253);
	text[255] = 'x';
	text[256] = '\n';
	assert_int_equal(elf_judge((const uint8_t *)text, sizeof(text), interp), PROGRAM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dynamic_by_loader),
		cmocka_unit_test(go_by_its_note),
		cmocka_unit_test(without_loader_is_static),
		cmocka_unit_test(other_machines_are_foreign),
		cmocka_unit_test(broken_is_unknown),
		cmocka_unit_test(cut_is_unknown),
		cmocka_unit_test(scripts),
		cmocka_unit_test(no_scripts),
		cmocka_unit_test(long_script_lines),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
