/* SPDX-License-Identifier: MIT */
/* session.c - the shared mapping of a session: made, found, checked. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>

#include "bytes.h"
#include "sys.h"

#define PAGE 4096u

/* Changes with every layout: a program must not read what another version wrote. */
static const uint8_t session_magic[16] = "sockshim ses 1\n";

static size_t pages(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static size_t head_size(void)
{
	return pages(sizeof(struct session));
}

static size_t whole_size(void)
{
	return head_size() + pages(names_size()) + pages(streams_size());
}

/* Copies what is used, so that unused pages stay untouched. */
static void copy_settings(struct settings *to, const struct settings *from)
{
	memcpy(to, from, offsetof(struct settings, proxies));
	memcpy(to->proxies, from->proxies, from->proxy_count * sizeof(to->proxies[0]));
	memcpy(to->rules, from->rules, from->rule_count * sizeof(to->rules[0]));
	memcpy(to->patterns, from->patterns, from->pattern_count * sizeof(to->patterns[0]));
	memcpy(to->text, from->text, from->text_used);
}

static struct session *map(int fd, int flags, int *error)
{
	long at = SYS6(SYS_mmap, 0, whole_size(), PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at < 0 && at > -4096) {
		*error = (int)at;
		return NULL;
	}
	*error = 0;
	return (struct session *)at;
}

static void fill(struct session *s, const struct settings *settings)
{
	memcpy(s->magic, session_magic, sizeof(s->magic));
	SYS3(SYS_getrandom, s->id, sizeof(s->id), 0);
	s->size = whole_size();
	s->owner = sys_getpid();
	copy_settings(&s->settings, settings);
}

void session_id(const struct session *s, char out[static 17])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(s->id); i++) {
		out[2 * i] = digit[s->id[i] >> 4];
		out[2 * i + 1] = digit[s->id[i] & 15];
	}
	out[16] = 0;
}

static int memory_file(void)
{
	int low = (int)SYS2(SYS_memfd_create, "sockshim", MFD_CLOEXEC), fd;

	if (low < 0 || low > 2)
		return low;
	fd = (int)SYS3(SYS_fcntl, low, F_DUPFD_CLOEXEC, 3);
	sys_close(low);
	return fd;
}

static void print_name(const struct session *s, int fd, char name[static SESSION_NAME])
{
	struct bytes_out o = bytes_out_init(name, SESSION_NAME);
	char id[17];

	session_id(s, id);
	bytes_put_text(&o, "/proc/");
	bytes_put_number(&o, (uint64_t)s->owner);
	bytes_put_text(&o, "/fd/");
	bytes_put_number(&o, (uint64_t)fd);
	bytes_put_text(&o, "#");
	bytes_put_text(&o, id);
	bytes_put_end(&o);
}

struct session *session_create(const struct settings *settings, char name[static SESSION_NAME],
			       int *error)
{
	struct session *s = NULL;
	int fd = memory_file();

	if (fd < 0) {
		*error = fd;
		return NULL;
	}
	*error = (int)SYS2(SYS_ftruncate, fd, whole_size());
	if (!*error)
		s = map(fd, MAP_SHARED, error);
	if (!s) {
		sys_close(fd);
		return NULL;
	}
	fill(s, settings);
	print_name(s, fd, name);
	return s;
}

struct session *session_anonymous(const struct settings *settings, int *error)
{
	struct session *s = map(-1, MAP_SHARED | MAP_ANONYMOUS, error);

	if (s)
		fill(s, settings);
	return s;
}

/* A pid may have been given to another process since: only the very session of that id will do. */
static int check(const struct session *s, const char *id)
{
	char own[17];

	if (memcmp(s->magic, session_magic, sizeof(s->magic)) != 0 || s->size != whole_size())
		return -EPROTO;
	session_id(s, own);
	return strcmp(own, id) == 0 ? 0 : -EPROTO;
}

static struct session *map_checked(int fd, const char *id, int *error)
{
	struct session *s;
	long end = SYS3(SYS_lseek, fd, 0, SEEK_END);

	*error = -EPROTO;
	if (end < 0 || (size_t)end != whole_size())
		return NULL;
	s = map(fd, MAP_SHARED, error);
	if (!s)
		return NULL;
	*error = check(s, id);
	if (!*error)
		*error = session_seal(s);
	if (*error) {
		session_close(s);
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
	SYS2(SYS_munmap, s, whole_size());
}

struct names *session_names(const struct session *s)
{
	return (struct names *)((uintptr_t)s + head_size());
}

struct streams *session_streams(const struct session *s)
{
	return (struct streams *)((uintptr_t)s + head_size() + pages(names_size()));
}
