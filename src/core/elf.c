/* SPDX-License-Identifier: MIT */
/*
 * elf.c - what the first bytes of a program say about it: its loader, its machine, its "#!" line.
 */
#include <elf.h>
#include <string.h>

#include "program.h"

#if defined __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined __aarch64__
#define OWN_MACHINE EM_AARCH64
#endif
#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

/*
 * The loaders of the libc that the library is linked with; others cannot load it. Not asked of this
 * file's own compiler: the launcher may be linked with another libc than the library.
 */
#ifdef LIBRARY_FOR_MUSL
static const char *const loaders[] = {"ld-musl"};
#else
static const char *const loaders[] = {"ld-linux", "ld-lsb", "ld.so", "ld-2."};
#endif

static int loader_is_ours(const char *interp)
{
	const char *name = interp;

	for (const char *c = interp; *c; c++)
		if (*c == '/')
			name = c + 1;
	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
		if (!strncmp(name, loaders[i], strlen(loaders[i])))
			return 1;
	return 0;
}

static int inside(uint64_t at, uint64_t size, size_t len)
{
	return at <= len && size <= len - at;
}

/*
 * binfmt_elf takes PT_INTERP only if its last byte is the NUL; a longer path than ours is unusual.
 */
static enum program_kind judge_interp(const uint8_t *data, size_t len, const Elf64_Phdr *ph,
				      char interp[static 256])
{
	if (ph->p_filesz < 2 || ph->p_filesz > 256 || !inside(ph->p_offset, ph->p_filesz, len))
		return PROGRAM_UNKNOWN;
	if (data[ph->p_offset + ph->p_filesz - 1])
		return PROGRAM_UNKNOWN;
	memcpy(interp, data + ph->p_offset, ph->p_filesz);
	return loader_is_ours(interp) ? PROGRAM_WRAPPABLE : PROGRAM_FOREIGN;
}

/* Go marks what it links by a note with the build's identity (cmd/internal/buildid). */
static int is_go(const uint8_t *data, size_t len, const Elf64_Phdr *ph)
{
	uint64_t at = ph->p_offset, end;
	Elf64_Nhdr n;

	if (!inside(at, ph->p_filesz, len))
		return 0;
	for (end = at + ph->p_filesz; end - at >= sizeof(n) + 4;) {
		memcpy(&n, data + at, sizeof(n));
		at += sizeof(n);
		if (n.n_type == 4 && n.n_namesz == 4 && !memcmp(data + at, "Go", 3))
			return 1;
		at += ((uint64_t)n.n_namesz + 3) / 4 * 4 + ((uint64_t)n.n_descsz + 3) / 4 * 4;
		if (at > end)
			return 0;
	}
	return 0;
}

static enum program_kind judge_own(const uint8_t *data, size_t len, char interp[static 256])
{
	enum program_kind kind = PROGRAM_STATIC;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	int go = 0;

	if (len < sizeof(eh))
		return PROGRAM_UNKNOWN;
	memcpy(&eh, data, sizeof(eh));
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return PROGRAM_UNKNOWN;
	if (eh.e_machine != OWN_MACHINE)
		return PROGRAM_FOREIGN;
	if (eh.e_phentsize != sizeof(ph) || !eh.e_phnum ||
	    !inside(eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(ph), len))
		return PROGRAM_UNKNOWN;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, data + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_INTERP && kind == PROGRAM_STATIC)
			kind = judge_interp(data, len, &ph, interp);
		go |= ph.p_type == PT_NOTE && is_go(data, len, &ph);
	}
	return go && kind == PROGRAM_WRAPPABLE ? PROGRAM_GO : kind;
}

static enum program_kind judge_elf(const uint8_t *data, size_t len, char interp[static 256])
{
	if (len < EI_NIDENT)
		return PROGRAM_UNKNOWN;
	if (data[EI_CLASS] != OWN_CLASS || data[EI_DATA] != OWN_DATA)
		return PROGRAM_FOREIGN;
	return judge_own(data, len, interp);
}

static int is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/*
 * fs/binfmt_script.c: blanks, then the path up to a blank, a newline or a NUL, all of it in the
 * first 256 bytes. What ends before one of them has been cut, by the caller or by the kernel.
 */
static enum program_kind judge_script(const uint8_t *data, size_t len, char interp[static 256])
{
	size_t from = 2, to;

	if (len > 256)
		len = 256;
	while (from < len && is_blank(data[from]))
		from++;
	to = from;
	while (to < len && !is_blank(data[to]) && data[to] != '\n' && data[to])
		to++;
	if (to == len || to == from)
		return PROGRAM_UNKNOWN;
	memcpy(interp, data + from, to - from);
	interp[to - from] = 0;
	return PROGRAM_SCRIPT;
}

enum program_kind elf_judge(const uint8_t *data, size_t len, char interp[static 256])
{
	interp[0] = 0;
	if (len >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG))
		return judge_elf(data, len, interp);
	if (len >= 2 && data[0] == '#' && data[1] == '!')
		return judge_script(data, len, interp);
	return PROGRAM_UNKNOWN;
}
