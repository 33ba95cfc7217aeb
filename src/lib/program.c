/* SPDX-License-Identifier: MIT */
/*
 * program.c - looks at a program's file before it runs: would ld.so load the library into it?
 *
 * ld.so ignores LD_PRELOAD when the kernel set AT_SECURE, that is when exec changed the effective
 * user or group away from the real one, or gave capabilities (security/commoncap.c,
 * cap_bprm_creds_from_file()). What is asked here follows those rules for a caller whose real and
 * effective ids are the same.
 */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "proc.h"
#include "sys.h"

#define HEAD 4096 /* bytes of a program that are judged */
#define DEPTH 4	  /* of "#!" upon "#!"; the kernel gives up at 5 */
/* <fcntl.h> and <sys/statvfs.h> hide these without _GNU_SOURCE. */
#define EMPTY_PATH 0x1000
#define MOUNT_NOSUID 2

/* An empty path stands for `dirfd` itself. Whether `path` can be read is for the kernel to say. */
static int path_stat(int dirfd, const char *path, struct stat *st)
{
	int error = (int)SYS4(SYS_newfstatat, dirfd, path, st, EMPTY_PATH);

	return !error && !*path && dirfd == AT_FDCWD ? -ENOENT : error;
}

/* The file of a bare descriptor (fexecve) is opened anew: it may be O_PATH or stand at its end. */
static int path_open(int dirfd, const char *path)
{
	char self[PROC_PATH];

	if (!*path) {
		proc_number(self, PROC_SELF, "/fd/", dirfd);
		path = self;
	}
	return (int)SYS4(SYS_openat, dirfd, path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
}

/* Set-id bits mean nothing on a nosuid mount and after no_new_privs. */
static int setid_works(int fd)
{
	struct statfs fs;

	if (SYS5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return 0;
	return SYS2(SYS_fstatfs, fd, &fs) < 0 || !(fs.f_flags & MOUNT_NOSUID);
}

/* `fd` may be negative: then only what the mode says counts. */
static int changes_id(int fd, const struct stat *st)
{
	int uid = (st->st_mode & S_ISUID) && st->st_uid != (uid_t)SYS0(SYS_getuid);
	int gid = (st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) &&
		  st->st_gid != (gid_t)SYS0(SYS_getgid);

	return (uid || gid) && (fd < 0 || setid_works(fd));
}

/*
 * Root has its capabilities anyway; others gain what the file permits, or what it makes effective.
 */
static int gives_capabilities(int fd)
{
	struct vfs_ns_cap_data cap = {0};
	struct statfs fs;
	long n;

	if (SYS0(SYS_getuid) == 0)
		return 0;
	n = SYS4(SYS_fgetxattr, fd, "security.capability", &cap, sizeof(cap));
	if (n < (long)XATTR_CAPS_SZ_1)
		return 0;
	if (SYS2(SYS_fstatfs, fd, &fs) == 0 && (fs.f_flags & MOUNT_NOSUID))
		return 0;
	return (cap.magic_etc & VFS_CAP_FLAGS_EFFECTIVE) || cap.data[0].permitted ||
	       cap.data[1].permitted;
}

static long read_at(int fd, void *to, size_t len, uint64_t at)
{
	return SYS4(SYS_pread64, fd, to, len, at);
}

static const Elf64_Phdr *find_interp(const Elf64_Phdr *ph, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ph[i].p_type == PT_INTERP)
			return &ph[i];
	return NULL;
}

/*
 * patchelf and packers put the program headers or the loader's path at the end of the file: gathers
 * header, program headers and path in `head`, as if they lay one after another.
 * Returns how many bytes there are now; 0 if the file is not so.
 */
static size_t gather(int fd, uint8_t head[static HEAD])
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)(void *)head;
	Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(head + sizeof(*eh)), *interp;
	size_t table = eh->e_phnum * sizeof(*ph), end = sizeof(*eh) + table;

	if (eh->e_phentsize != sizeof(*ph) || end > HEAD - 256)
		return 0;
	if (read_at(fd, ph, table, eh->e_phoff) != (long)table)
		return 0;
	eh->e_phoff = sizeof(*eh);
	interp = (Elf64_Phdr *)(uintptr_t)find_interp(ph, eh->e_phnum);
	if (!interp)
		return end;
	if (interp->p_filesz > 256 ||
	    read_at(fd, head + end, interp->p_filesz, interp->p_offset) != (long)interp->p_filesz)
		return 0;
	interp->p_offset = end;
	return end + interp->p_filesz;
}

static int is_elf(const uint8_t *head, long n)
{
	return n >= (long)sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG);
}

static int judge_content(int fd, char interp[static 256])
{
	_Alignas(8) uint8_t head[HEAD];
	long n = read_at(fd, head, sizeof(head), 0);
	int kind;

	if (n < 0)
		return (int)n;
	if (n < HEAD) /* a "#!" line may end with the file */
		head[n++] = '\n';
	kind = elf_judge(head, (size_t)n, interp);
	if (kind == PROGRAM_UNKNOWN && is_elf(head, n))
		kind = elf_judge(head, gather(fd, head), interp);
	return kind;
}

/* A "#!" file's own set-id bits and capabilities mean nothing: the interpreter's count. */
static int judge_open(int fd, const struct stat *st, char interp[static 256])
{
	int kind = judge_content(fd, interp);

	if (kind < 0 || kind == PROGRAM_SCRIPT)
		return kind;
	if (changes_id(fd, st))
		return PROGRAM_SETUID;
	return gives_capabilities(fd) ? PROGRAM_SETCAP : kind;
}

static int judge_closed(int error, const struct stat *st)
{
	if (error != -EACCES || !(st->st_mode & 0111))
		return error;
	return changes_id(-1, st) ? PROGRAM_SETUID : PROGRAM_HIDDEN;
}

static int judge_file(int dirfd, const char *path, char interp[static 256])
{
	struct stat st;
	int kind, fd, error = path_stat(dirfd, path, &st);

	if (error < 0)
		return error;
	if (!S_ISREG(st.st_mode)) /* nor is it opened: a FIFO would wait */
		return -EACCES;
	fd = path_open(dirfd, path);
	if (fd < 0)
		return judge_closed(fd, &st);
	kind = judge_open(fd, &st, interp);
	sys_close(fd);
	return kind;
}

int program_judge(int dirfd, const char *path)
{
	char interp[2][256];
	int kind = judge_file(dirfd, path, interp[0]);

	for (int i = 0; kind == PROGRAM_SCRIPT && i < DEPTH; i++)
		kind = judge_file(AT_FDCWD, interp[i & 1], interp[~i & 1]);
	return kind;
}

const char *program_words(enum program_kind k)
{
	switch (k) {
	case PROGRAM_WRAPPABLE:
		return "can be wrapped";
	case PROGRAM_STATIC:
		return "is static";
	case PROGRAM_GO:
		return "is in Go and makes system calls of its own";
	case PROGRAM_FOREIGN:
		return "is for another word size, machine or libc";
	case PROGRAM_SETUID:
		return "is setuid or setgid";
	case PROGRAM_SETCAP:
		return "has file capabilities";
	case PROGRAM_SCRIPT:
		return "is a script of scripts";
	case PROGRAM_HIDDEN:
		return "cannot be read";
	case PROGRAM_UNKNOWN:
		break;
	}
	return "is neither ELF nor a script";
}
