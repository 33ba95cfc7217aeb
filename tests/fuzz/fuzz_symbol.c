/* SPDX-License-Identifier: MIT */
/*
 * fuzz_symbol.c - ELF files with symbols. The first two bytes are where to look; never a byte
 * beyond the input (a buffer of the exact size); a name is text and not empty.
 */
#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "symbol.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

/* Without these few bytes hardly an input would be an ELF file. */
static void make_elf(uint8_t *data, size_t len)
{
	const Elf64_Half phentsize = sizeof(Elf64_Phdr), shentsize = sizeof(Elf64_Shdr);

	if (len < sizeof(Elf64_Ehdr))
		return;
	memcpy(data, ELFMAG, SELFMAG);
	data[EI_CLASS] = ELFCLASS64;
	data[EI_DATA] = ELFDATA2LSB;
	memcpy(data + offsetof(Elf64_Ehdr, e_phentsize), &phentsize, sizeof(phentsize));
	memcpy(data + offsetof(Elf64_Ehdr, e_shentsize), &shentsize, sizeof(shentsize));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[16];
	uint64_t into = 0, offset;
	uint8_t *copy;

	if (size < 2)
		return 0;
	offset = (uint64_t)data[0] << 8 | data[1];
	size -= 2;
	copy = malloc(size ? size : 1);
	CHECK(copy);
	memcpy(copy, data + 2, size);
	make_elf(copy, size);
	memset(name, 'x', sizeof(name));
	if (symbol_find(copy, size, offset, name, sizeof(name), &into)) {
		CHECK(memchr(name, 0, sizeof(name)));
		CHECK(*name);
	} else {
		symbol_find(copy, size, UINT64_MAX - offset, name, 1, &into);
	}
	free(copy);
	return 0;
}
