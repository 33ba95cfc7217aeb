/* SPDX-License-Identifier: MIT */
/*
 * session.c - the shared mapping of a session: made, found, checked; its file is in session_file.c.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bytes.h"
#include "decide.h"
#include "events.h"
#include "progress.h"
#include "report.h"
#include "session_file.h"
#include "sys.h"

#define PAGE 4096u

/* Changes with every layout: a program must not read what another version wrote. */
static const uint8_t session_magic[16] = "sockshim ses 8\n";

static size_t pages(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static size_t head_size(void)
{
	return pages(sizeof(struct session));
}

static size_t lookups_size(void)
{
	return sizeof(struct lookups) + sizeof(struct listeners);
}

static size_t whole_size(bool audited)
{
	return head_size() + pages(names_size()) + pages(streams_size()) + pages(attempts_size()) +
	       pages(lookups_size()) + pages(progresses_size()) +
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
	if (settings) {
		copy_settings(&s->settings, settings);
		names_bound(session_names(s), &s->settings.virtual4);
		names_bound(session_names(s), &s->settings.virtual6);
	}
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

	session_file_sweep(owner);
	SYS3(SYS_getrandom, id, sizeof(id), 0);
	print_id(id, text);
	s = map_new(session_file_shm(text, owner ? owner : sys_getpid(), size, name), size, true,
		    error);
	if (!s && !owner)
		s = map_new(session_file_memory(name), size, false, error);
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
	*error = session_seal(s); /* before pages of it are there: they need not change then */
	if (!*error)
		*error = check(s, (size_t)end, id);
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
	session_close(s);
	session_file_remove(name);
}

struct names *session_names(const struct session *s)
{
	return (struct names *)((uintptr_t)s + head_size());
}

int session_index(const struct session *s, const struct addr *a)
{
	return names_index(addr_is_v4(a) ? &s->settings.virtual4 : &s->settings.virtual6,
			   session_turn(s), a);
}

int32_t session_call_name(const struct session *s, struct call *c,
			  char text[static NAME_MAX_LEN + 1])
{
	int index = session_index(s, &c->to), len;

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

/*
 * What each process touches is in three places: the settings' first pages, the first pages of
 * names, and where the end of progresses and the beginning of streams meet. Each place more is a
 * page fault or two, and a page of the page table.
 */
struct progresses *session_progresses(const struct session *s)
{
	return (struct progresses *)((uintptr_t)session_names(s) + pages(names_size()));
}

struct streams *session_streams(const struct session *s)
{
	return (struct streams *)((uintptr_t)session_progresses(s) + pages(progresses_size()));
}

struct attempts *session_attempts(const struct session *s)
{
	return (struct attempts *)((uintptr_t)session_streams(s) + pages(streams_size()));
}

struct lookups *session_lookups(const struct session *s)
{
	return (struct lookups *)((uintptr_t)session_attempts(s) + pages(attempts_size()));
}

struct listeners *session_listeners(const struct session *s)
{
	return (struct listeners *)(session_lookups(s) + 1);
}

struct events *session_events(const struct session *s)
{
	if (!s->audited)
		return NULL;
	return (struct events *)((uintptr_t)session_lookups(s) + pages(lookups_size()));
}
