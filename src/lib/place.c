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

/* A line of maps(5): "from-to perms offset dev inode   path". True if `at` lies in it. */
static bool take_line(const char *line, uint64_t at, char *path, size_t size, uint64_t *offset)
{
	uint64_t from = read_hex(&line), to = *line == '-' ? (line++, read_hex(&line)) : 0;
	struct bytes_out o = bytes_out_init(path, size);
	const char *name;

	if (at < from || at >= to || strlen(line) < 7)
		return false;
	line += 6; /* " r-xp " */
	*offset = read_hex(&line);
	name = strchr(line, '/');
	*offset = name ? at - from + *offset : at;
	bytes_put_text(&o, name ? name : "");
	bytes_put_end(&o);
	return true;
}

static int open_maps(int32_t tid)
{
	char path[PROC_PATH];

	proc_path(path, tid ? tid : PROC_SELF, "/maps");
	return sys_open(path, O_RDONLY, 0);
}

bool place_find(int32_t tid, uint64_t at, char *path, size_t size, uint64_t *offset)
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
			found = take_line(line, at, path, size, offset);
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
