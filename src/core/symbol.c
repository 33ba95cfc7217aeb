/* SPDX-License-Identifier: MIT */
/* symbol.c - which function of an ELF file a place in it belongs to. */
#include "symbol.h"

#include <elf.h>
#include <string.h>

#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct file {
	const uint8_t *data;
	size_t len;
	Elf64_Ehdr head;
};

static bool copy(const struct file *f, uint64_t at, void *to, size_t size)
{
	if (at > f->len || size > f->len - at)
		return false;
	memcpy(to, f->data + at, size);
	return true;
}

/* The i-th entry of a table; the arithmetic of a hostile file must not wrap. */
static bool entry(const struct file *f, uint64_t table, uint64_t i, void *to, size_t size)
{
	return table <= f->len && i <= f->len / size && copy(f, table + i * size, to, size);
}

static bool read_head(struct file *f)
{
	return copy(f, 0, &f->head, sizeof(f->head)) && !memcmp(f->head.e_ident, ELFMAG, SELFMAG) &&
	       f->head.e_ident[EI_CLASS] == OWN_CLASS && f->head.e_ident[EI_DATA] == OWN_DATA &&
	       f->head.e_phentsize == sizeof(Elf64_Phdr) &&
	       f->head.e_shentsize == sizeof(Elf64_Shdr);
}

/* Symbols have addresses, not offsets: those of the segment that the place is in. */
static bool to_address(const struct file *f, uint64_t offset, uint64_t *address)
{
	Elf64_Phdr p;

	for (size_t i = 0; i < f->head.e_phnum; i++) {
		if (!entry(f, f->head.e_phoff, i, &p, sizeof(p)))
			return false;
		if (p.p_type == PT_LOAD && offset >= p.p_offset &&
		    offset - p.p_offset < p.p_filesz) {
			*address = offset - p.p_offset + p.p_vaddr;
			return true;
		}
	}
	return false;
}

static bool find_table(const struct file *f, uint32_t type, Elf64_Shdr *table, Elf64_Shdr *names)
{
	for (size_t i = 0; i < f->head.e_shnum; i++) {
		if (!entry(f, f->head.e_shoff, i, table, sizeof(*table)))
			return false;
		if (table->sh_type == type && table->sh_entsize == sizeof(Elf64_Sym))
			return entry(f, f->head.e_shoff, table->sh_link, names, sizeof(*names));
	}
	return false;
}

static bool is_function(const Elf64_Sym *s)
{
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && s->st_shndx != SHN_UNDEF &&
	       s->st_name;
}

/* Of several that hold the address the one that begins last; a local one is no worse a name. */
static bool search(const struct file *f, const Elf64_Shdr *table, uint64_t address, Elf64_Sym *best)
{
	uint64_t count = table->sh_size / sizeof(Elf64_Sym);
	bool found = false;
	Elf64_Sym s;

	memset(best, 0, sizeof(*best));
	for (uint64_t i = 1; i < count && entry(f, table->sh_offset, i, &s, sizeof(s)); i++) {
		if (!is_function(&s) || address < s.st_value ||
		    (s.st_size && address - s.st_value >= s.st_size))
			continue;
		if (found && (s.st_value < best->st_value ||
			      (s.st_value == best->st_value && s.st_size <= best->st_size)))
			continue;
		*best = s;
		found = true;
	}
	return found;
}

static bool put_name(const struct file *f, const Elf64_Shdr *names, uint32_t at, char *name,
		     size_t size)
{
	size_t n = 0;

	if (names->sh_offset > f->len || at >= f->len - names->sh_offset || at >= names->sh_size)
		return false;
	for (uint64_t p = names->sh_offset + at; p < f->len && f->data[p] && n + 1 < size; p++)
		name[n++] = (char)f->data[p];
	name[n] = 0;
	return n > 0;
}

bool symbol_find(const uint8_t *data, size_t len, uint64_t offset, char *name, size_t size,
		 uint64_t *into)
{
	static const uint32_t tables[] = {SHT_SYMTAB, SHT_DYNSYM};
	struct file f = {.data = data, .len = len};
	Elf64_Shdr table, names;
	uint64_t address;
	Elf64_Sym s;

	if (!size || !read_head(&f) || !to_address(&f, offset, &address))
		return false;
	for (size_t i = 0; i < 2; i++) {
		if (!find_table(&f, tables[i], &table, &names) ||
		    !search(&f, &table, address, &s) ||
		    !put_name(&f, &names, s.st_name, name, size))
			continue;
		*into = address - s.st_value;
		return true;
	}
	return false;
}
