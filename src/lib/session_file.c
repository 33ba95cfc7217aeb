/* SPDX-License-Identifier: MIT */
/* session_file.c - the file that a session is mapped from: made, swept up, removed. */
#include "session_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "bytes.h"
#include "proc.h"
#include "sys.h"

#ifndef F_SETLEASE /* shown with _GNU_SOURCE only */
#define F_SETLEASE 1024
#endif

#define MODE_NEW 0600
#define MODE_MARKED 0700
#define SWEEP_SECONDS 10

static const char shm[] = "/dev/shm", prefix[] = "sockshim-";

/* Files of one user share a prefix, so that nobody looks at another's. */
static void put_prefix(struct bytes_out *o)
{
	bytes_put_text(o, prefix);
	bytes_put_number(o, (uint64_t)SYS0(SYS_getuid));
	bytes_put_text(o, "-");
}

/* Is there room for a whole session, and as much again? */
static bool shm_has_room(size_t size)
{
	struct statfs fs;

	return SYS2(SYS_statfs, shm, &fs) == 0 &&
	       (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize > size + size / 4;
}

/* Makes a descriptor of 3 or above: 0 to 2 may be closed, and are the program's. */
static int above_stdio(int low)
{
	int fd;

	if (low < 0 || low > 2)
		return low;
	fd = (int)SYS3(SYS_fcntl, low, F_DUPFD_CLOEXEC, 3);
	sys_close(low);
	return fd;
}

int session_file_shm(const char *id, int32_t owner, size_t size, char name[static SESSION_NAME])
{
	struct bytes_out o = bytes_out_init(name, SESSION_NAME);

	if (!shm_has_room(size))
		return -ENOSPC;
	bytes_put_text(&o, shm);
	bytes_put_text(&o, "/");
	put_prefix(&o);
	bytes_put_number(&o, (uint64_t)owner);
	bytes_put_text(&o, "-");
	bytes_put_text(&o, id);
	bytes_put_end(&o);
	return above_stdio(sys_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, MODE_NEW));
}

int session_file_memory(char name[static SESSION_NAME])
{
	int fd = above_stdio((int)SYS2(SYS_memfd_create, "sockshim", MFD_CLOEXEC));

	proc_number(name, sys_getpid(), "/fd/", fd);
	return fd;
}

/* Has nobody else opened or mapped it? Then a lease can be had. */
static bool is_alone(int fd)
{
	return SYS3(SYS_fcntl, fd, F_SETLEASE, F_WRLCK) == 0 &&
	       SYS3(SYS_fcntl, fd, F_SETLEASE, F_UNLCK) == 0;
}

static int open_file(const char *path)
{
	return sys_open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
}

/* A shell may have several: the last that it made is the one it uses. */
static bool is_orphan(const char *name, const char *own, size_t own_len, int32_t owner)
{
	long pid = 0;

	if (strncmp(name, own, own_len) != 0)
		return false;
	for (name += own_len; *name >= '0' && *name <= '9' && pid < 1 << 22; name++)
		pid = pid * 10 + (*name - '0');
	return *name == '-' && pid > 0 && (pid == owner || SYS2(SYS_kill, pid, 0) == -ESRCH);
}

struct directory_entry { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

/*
 * That nobody has an orphan mapped does not say that nobody will: a process between execve(2) and
 * its constructors has not come to it yet. So the first visit only marks it (by its mode), and a
 * later one removes it if it has stayed alone, SWEEP_SECONDS after the mark.
 */
static bool is_abandoned(int fd)
{
	struct timespec now;
	struct stat st;

	if (!is_alone(fd) || SYS2(SYS_fstat, fd, &st) < 0)
		return false;
	if ((st.st_mode & 0777) != MODE_MARKED) {
		SYS2(SYS_fchmod, fd, MODE_MARKED);
		SYS4(SYS_utimensat, fd, 0, 0, 0); /* now */
		return false;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - st.st_mtime >= SWEEP_SECONDS;
}

static void sweep_one(const char *name)
{
	char path[SESSION_NAME];
	struct bytes_out o = bytes_out_init(path, sizeof(path));
	int fd;

	bytes_put_text(&o, shm);
	bytes_put_text(&o, "/");
	bytes_put_text(&o, name);
	bytes_put_end(&o);
	fd = o.overflow ? -ENAMETOOLONG : open_file(path);
	if (fd < 0)
		return;
	if (is_abandoned(fd))
		SYS3(SYS_unlinkat, AT_FDCWD, path, 0);
	sys_close(fd);
}

/* One look at up to 8 KiB of names: what is not seen now will be another time. */
void session_file_sweep(int32_t owner)
{
	char own[64];
	struct bytes_out o = bytes_out_init(own, sizeof(own));
	_Alignas(struct directory_entry) char names[8192];
	int fd = sys_open(shm, O_RDONLY | O_DIRECTORY, 0);
	long have, at = 0;

	if (fd < 0)
		return;
	put_prefix(&o);
	have = SYS3(SYS_getdents64, fd, names, sizeof(names));
	sys_close(fd);
	while (at < have) {
		const struct directory_entry *e = (const void *)(names + at);

		if (is_orphan(e->name, own, (size_t)(o.at - (uint8_t *)own), owner))
			sweep_one(e->name);
		at += e->len;
	}
}

void session_file_remove(const char *name)
{
	char path[SESSION_NAME];
	size_t len = strcspn(name, "#");
	int fd;

	if (len >= sizeof(path) || strncmp(name, shm, sizeof(shm) - 1) != 0)
		return;
	memcpy(path, name, len);
	path[len] = 0;
	fd = open_file(path);
	if (fd < 0)
		return;
	if (is_alone(fd))
		SYS3(SYS_unlinkat, AT_FDCWD, path, 0);
	sys_close(fd);
}
