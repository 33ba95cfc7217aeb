/* SPDX-License-Identifier: MIT */
/* symbol.h - which function of an ELF file a place in it belongs to. Pure. */
#ifndef SOCKSHIM_SYMBOL_H
#define SOCKSHIM_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks for the function at `offset` of a file whose whole contents are `data`: in .symtab, and
 * where that is missing in .dynsym. `name` gets its name, cut at `size`; *into how far in it the
 * place is. False: none is known (stripped, another word size or byte order, not ELF).
 */
bool symbol_find(const uint8_t *data, size_t len, uint64_t offset, char *name, size_t size,
		 uint64_t *into);

#endif
