/* SPDX-License-Identifier: MIT */
/* place.c - which file an address of code is from: /proc/PID/maps. */
#include "place.h"

#include <fcntl.h>
#include <string.h>

#include "bytes.h"
#include "proc.h"
#include "sys.h"

static uint64_t read_hex(const char **p)
{
	uint64_t n = 0;

	for (;; (*p)++) {
		char c = **p;

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			return n;
	}
}

/*
 * A line of maps(5) is "from-to perms offset dev inode path"; NULL if `at` is not in it, or what
 * follows.
 */
static const char *line_of(const char *line, uint64_t at, uint64_t *from)
{
	uint64_t to;

	*from = read_hex(&line);
	to = *line == '-' ? (line++, read_hex(&line)) : 0;
	return at < *from || at >= to ? NULL : line;
}

struct search {
	uint64_t at;
	char *path;
	size_t size;
	uint64_t *offset;
	char file[PLACE_FILE];
};

static bool take_line(struct search *s, const char *line)
{
	struct bytes_out o = bytes_out_init(s->path, s->size);
	const char *name;
	uint64_t from;

	line = line_of(line, s->at, &from);
	if (!line || strlen(line) < 7)
		return false;
	line += 6; /* " r-xp " */
	*s->offset = read_hex(&line);
	name = strchr(line, '/');
	*s->offset = name ? s->at - from + *s->offset : s->at;
	bytes_put_text(&o, name ? name : "");
	bytes_put_end(&o);
	return true;
}

/* "dev inode " of a line. */
static size_t file_of(const char *line, const char **file)
{
	const char *end;

	for (int fields = 0; fields < 3; fields++) {
		line = strchr(line, ' ');
		if (!line++)
			return 0;
	}
	*file = line;
	end = strchr(line, ' ');
	end = end ? strchr(end + 1, ' ') : NULL;
	return end && end - line < PLACE_FILE ? (size_t)(end - line) + 1 : 0;
}

static bool take_file(struct search *s, const char *line)
{
	const char *file;
	size_t len = file_of(line, &file);
	uint64_t from;

	if (!len || !line_of(line, s->at, &from))
		return false;
	memcpy(s->file, file, len - 1);
	s->file[len - 1] = 0;
	return true;
}

static bool has_file(struct search *s, const char *line)
{
	const char *file;
	size_t len = file_of(line, &file);

	return len && strlen(s->file) == len - 1 && !memcmp(s->file, file, len - 1);
}

static int open_maps(int32_t tid)
{
	char path[PROC_PATH];

	proc_path(path, tid ? tid : PROC_SELF, "/maps");
	return sys_open(path, O_RDONLY, 0);
}

/* Until a line is taken. */
static bool read_maps(int32_t tid, bool (*take)(struct search *s, const char *line),
		      struct search *s)
{
	const size_t room = 8192; /* the longest path, and what stands before it */
	char *text = sys_pages(room), *line, *end;
	size_t have = 0;
	bool found = false;
	int fd = text ? open_maps(tid) : -1;
	long n;

	while (fd >= 0 && !found && (n = sys_read(fd, text + have, room - 1 - have)) > 0) {
		have += (size_t)n;
		text[have] = 0;
		for (line = text; !found && (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			found = take(s, line);
		}
		have -= (size_t)(line - text);
		memmove(text, line, have);
	}
	if (fd >= 0)
		sys_close(fd);
	if (text)
		SYS2(SYS_munmap, text, room);
	return found;
}

bool place_find(int32_t tid, uint64_t at, char *path, size_t size, uint64_t *offset)
{
	struct search s = {.at = at, .path = path, .size = size, .offset = offset};

	return read_maps(tid, take_line, &s);
}

bool place_shared(int32_t pid, const void *at)
{
	struct search s = {.at = (uint64_t)(uintptr_t)at};

	return pid > 0 && read_maps(0, take_file, &s) && read_maps(pid, has_file, &s);
}

static void put_hex(struct bytes_out *o, uint64_t n)
{
	int shift = 60;

	while (shift > 0 && !(n >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		bytes_put_u8(o, (uint8_t) "0123456789abcdef"[n >> shift & 15]);
}

void place_words(const char *module, uint64_t offset, char *out, size_t size)
{
	struct bytes_out o = bytes_out_init(out, size);
	const char *slash = strrchr(module, '/');

	if (offset) {
		bytes_put_text(&o, slash ? slash + 1 : *module ? module : "memory");
		bytes_put_text(&o, "+0x");
		put_hex(&o, offset);
	}
	bytes_put_end(&o);
}
