/* SPDX-License-Identifier: MIT */
/* session.c - the shared mapping of a session: made, found, checked. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "bytes.h"
#include "decide.h"
#include "events.h"
#include "progress.h"
#include "proc.h"
#include "report.h"
#include "sys.h"

#ifndef F_SETLEASE /* shown with _GNU_SOURCE only */
#define F_SETLEASE 1024
#endif

#define PAGE 4096u
#define MODE_NEW 0600
#define MODE_MARKED 0700
#define SWEEP_SECONDS 10

/* Changes with every layout: a program must not read what another version wrote. */
static const uint8_t session_magic[16] = "sockshim ses 5\n";

static size_t pages(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static size_t head_size(void)
{
	return pages(sizeof(struct session));
}

static size_t whole_size(bool audited)
{
	return head_size() + pages(names_size()) + pages(streams_size()) + pages(attempts_size()) +
	       pages(sizeof(struct lookups)) + pages(progresses_size()) +
	       (audited ? pages(events_size()) : 0);
}

/* Copies what is used, so that unused pages stay untouched. */
static void copy_settings(struct settings *to, const struct settings *from)
{
	memcpy(to, from, offsetof(struct settings, text) + from->text_used);
	memcpy(to->proxies, from->proxies, from->proxy_count * sizeof(to->proxies[0]));
	memcpy(to->rules, from->rules, from->rule_count * sizeof(to->rules[0]));
	memcpy(to->patterns, from->patterns, from->pattern_count * sizeof(to->patterns[0]));
}

static struct session *map(int fd, size_t size, int flags, int *error)
{
	long at = SYS6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at < 0 && at > -4096) {
		*error = (int)at;
		return NULL;
	}
	*error = 0;
	return (struct session *)at;
}

/* The number may be another file's later. */
static void note_report(struct session *s)
{
	struct report_target t;
	struct stat st;

	if (report_target(s->settings.text + s->settings.report, &t) || t.kind != REPORT_FD ||
	    SYS2(SYS_fstat, t.fd, &st) < 0)
		return;
	s->report_dev = st.st_dev;
	s->report_ino = st.st_ino;
}

static void fill(struct session *s, const struct settings *settings, bool audited)
{
	memcpy(s->magic, session_magic, sizeof(s->magic));
	s->size = whole_size(audited);
	s->audited = audited;
	s->owner = sys_getpid();
	if (settings)
		copy_settings(&s->settings, settings);
	note_report(s);
}

/* A path longer than PATH_MAX cannot be opened anyway: it is cut. */
void session_set_library(struct session *s, const char *path)
{
	struct bytes_out o =
		bytes_out_init(s->settings.text + s->settings.text_used, SETTINGS_PATH);

	bytes_put_text(&o, path);
	bytes_put_end(&o);
	s->library = s->settings.text_used;
}

const char *session_library(const struct session *s)
{
	return s->settings.text + s->library % sizeof(s->settings.text);
}

static void print_id(const uint8_t id[static 8], char out[static 17])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < 8; i++) {
		out[2 * i] = digit[id[i] >> 4];
		out[2 * i + 1] = digit[id[i] & 15];
	}
	out[16] = 0;
}

void session_id(const struct session *s, char out[static 17])
{
	print_id(s->id, out);
}

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

/* The file's name, up to and without the '#'. */
static int shm_file(const char *id, int32_t owner, size_t size, char name[static SESSION_NAME])
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

static int memory_file(char name[static SESSION_NAME])
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
 * That nobody has an orphan mapped does not say that nobody will: a process between execve(2) and its
 * constructors has not come to it yet. So the first visit only marks it (by its mode), and a later
 * one removes it if it has stayed alone, SWEEP_SECONDS after the mark.
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
static void sweep(int32_t owner)
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

/* ulimit -f is for the command's files, and reaching it would be a signal (SIGXFSZ). */
static int resize(int fd, size_t size)
{
	struct rlimit old, most;
	int ret;

	SYS4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &old);
	if (old.rlim_cur >= size)
		return (int)SYS2(SYS_ftruncate, fd, size);
	most = (struct rlimit){old.rlim_max, old.rlim_max};
	if (most.rlim_max < size)
		return -EFBIG;
	SYS4(SYS_prlimit64, 0, RLIMIT_FSIZE, &most, 0);
	ret = (int)SYS2(SYS_ftruncate, fd, size);
	SYS4(SYS_prlimit64, 0, RLIMIT_FSIZE, &old, 0);
	return ret;
}

static struct session *map_new(int fd, size_t size, bool file, int *error)
{
	struct session *s = NULL;

	*error = fd < 0 ? fd : resize(fd, size);
	if (!*error)
		s = map(fd, size, MAP_SHARED, error);
	if (fd >= 0 && (file || !s))
		sys_close(fd);
	return s;
}

static void note_launcher(struct session *s)
{
	struct stat st;

	if (SYS4(SYS_newfstatat, AT_FDCWD, "/proc/self/exe", &st, 0) < 0)
		return;
	s->launcher_dev = st.st_dev;
	s->launcher_ino = st.st_ino;
}

/* `owner` 0: this process, and a memfd is better than nothing. */
static struct session *create(const struct settings *settings, bool audited, int32_t owner,
			      char name[static SESSION_NAME], int *error)
{
	const size_t size = whole_size(audited);
	struct session *s;
	uint8_t id[sizeof(s->id)];
	char text[17];

	sweep(owner);
	SYS3(SYS_getrandom, id, sizeof(id), 0);
	print_id(id, text);
	s = map_new(shm_file(text, owner ? owner : sys_getpid(), size, name), size, true, error);
	if (!s && !owner)
		s = map_new(memory_file(name), size, false, error);
	if (!s)
		return NULL;
	fill(s, settings, audited);
	if (owner)
		s->owner = owner;
	memcpy(s->id, id, sizeof(id));
	note_launcher(s);
	strcat(name, "#");
	strcat(name, text);
	return s;
}

struct session *session_create(const struct settings *settings, bool audited,
			       char name[static SESSION_NAME], int *error)
{
	return create(settings, audited, 0, name, error);
}

struct session *session_create_for(const struct settings *settings, int32_t owner,
				   char name[static SESSION_NAME], int *error)
{
	return create(settings, false, owner, name, error);
}

struct session *session_anonymous(const struct settings *settings, int *error)
{
	struct session *s = map(-1, whole_size(false), MAP_SHARED | MAP_ANONYMOUS, error);

	if (!s)
		return NULL;
	fill(s, settings, false);
	SYS3(SYS_getrandom, s->id, sizeof(s->id), 0);
	return s;
}

/* A pid may have been given to another process since: only the very session of that id will do. */
static int check(const struct session *s, size_t size, const char *id)
{
	char own[17];

	if (memcmp(s->magic, session_magic, sizeof(s->magic)) != 0 || s->size != size ||
	    whole_size(s->audited) != size)
		return -EPROTO;
	session_id(s, own);
	return strcmp(own, id) == 0 ? 0 : -EPROTO;
}

static struct session *map_checked(int fd, const char *id, int *error)
{
	struct session *s;
	long end = SYS3(SYS_lseek, fd, 0, SEEK_END);

	*error = -EPROTO;
	if (end < 0 || ((size_t)end != whole_size(false) && (size_t)end != whole_size(true)))
		return NULL;
	s = map(fd, (size_t)end, MAP_SHARED, error);
	if (!s)
		return NULL;
	*error = check(s, (size_t)end, id);
	if (!*error)
		*error = session_seal(s);
	if (*error) {
		SYS2(SYS_munmap, s, end);
		return NULL;
	}
	return s;
}

struct session *session_open(const char *name, int *error)
{
	struct session *s;
	char path[SESSION_NAME];
	size_t len = strcspn(name, "#");
	int fd;

	*error = -EPROTO;
	if (len >= sizeof(path) || name[len] != '#')
		return NULL;
	memcpy(path, name, len);
	path[len] = 0;
	fd = sys_open(path, O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0) {
		*error = fd;
		return NULL;
	}
	s = map_checked(fd, name + len + 1, error);
	sys_close(fd);
	return s;
}

int session_seal(struct session *s)
{
	return (int)SYS3(SYS_mprotect, s, head_size(), PROT_READ);
}

void session_close(struct session *s)
{
	SYS2(SYS_munmap, s, s->size);
}

void session_end(struct session *s, const char *name)
{
	char path[SESSION_NAME];
	size_t len = strcspn(name, "#");
	int fd;

	session_close(s);
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

struct names *session_names(const struct session *s)
{
	return (struct names *)((uintptr_t)s + head_size());
}

int32_t session_call_name(const struct session *s, struct call *c,
			  char text[static NAME_MAX_LEN + 1])
{
	int index = names_index(addr_is_v4(&c->to) ? &s->settings.virtual4 : &s->settings.virtual6,
				&c->to),
	    len;

	if (index < 0)
		return -1;
	c->is_virtual = true;
	len = names_get(session_names(s), (uint32_t)index, text);
	if (len < 0)
		return -1;
	c->name = text;
	c->name_len = (size_t)len;
	return index;
}

struct streams *session_streams(const struct session *s)
{
	return (struct streams *)((uintptr_t)s + head_size() + pages(names_size()));
}

struct attempts *session_attempts(const struct session *s)
{
	return (struct attempts *)((uintptr_t)s + head_size() + pages(names_size()) +
				   pages(streams_size()));
}

struct lookups *session_lookups(const struct session *s)
{
	return (struct lookups *)((uintptr_t)session_attempts(s) + pages(attempts_size()));
}

struct progresses *session_progresses(const struct session *s)
{
	return (struct progresses *)((uintptr_t)session_lookups(s) + pages(sizeof(struct lookups)));
}

struct events *session_events(const struct session *s)
{
	if (!s->audited)
		return NULL;
	return (struct events *)((uintptr_t)session_progresses(s) + pages(progresses_size()));
}
