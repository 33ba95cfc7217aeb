/* SPDX-License-Identifier: MIT */
/*
 * program.h - can the library be loaded into a program? ELF, mode and capabilities, before it runs.
 */
#ifndef SOCKSHIM_PROGRAM_H
#define SOCKSHIM_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum program_kind {
	PROGRAM_WRAPPABLE, /* dynamic, of our word size and machine */
	PROGRAM_STATIC,	   /* no PT_INTERP */
	PROGRAM_GO,	   /* dynamic, but its system calls are its own */
	PROGRAM_FOREIGN,   /* another word size, machine or libc's loader (musl) */
	PROGRAM_SETUID,	   /* setuid or setgid: ld.so ignores LD_PRELOAD */
	PROGRAM_SETCAP,	   /* security.capability: the same */
	PROGRAM_SCRIPT,	   /* "#!": the interpreter decides */
	PROGRAM_HIDDEN,	   /* executable but not readable: cannot be judged */
	PROGRAM_UNKNOWN,   /* not ELF, not "#!": the kernel or the shell decides */
};

/*
 * Pure (core/elf.c): judges the first `len` bytes (4096 are enough for every usual program) of a
 * file; `interp` gets PT_INTERP's or the "#!" line's path, "" if none. `len` < the file's headers:
 * UNKNOWN.
 */
enum program_kind elf_judge(const uint8_t *data, size_t len, char interp[static 256]);

/*
 * Looks at the file (lib/program.c; system calls of sys.h only, no allocation): open, fstat, pread,
 * fgetxattr. Follows "#!" at most 4 deep. Setuid and setcap count only where they change
 * something (not nosuid mounts, not when the caller already is that user). A file that cannot
 * be read (mode 0111) is PROGRAM_HIDDEN. Returns the kind, or -errno if it cannot be found.
 */
int program_judge(int dirfd, const char *path);

/* "is static", "is setuid", …: for the one line that refuses it; static. */
const char *program_words(enum program_kind k);

#endif
