/* SPDX-License-Identifier: MIT */
/* fired.c - whether a registration with epoll has fired: /proc tells (proc(5), fdinfo). */
#include <string.h>

#include "bytes.h"
#include "reg.h"
#include "sys.h"

/* One line of fdinfo: "tfd: 5 events: 19 data: …". The events of `fd`, or -1 if it is not there. */
static int64_t line_events(const char *line, int fd)
{
	int64_t n = 0;

	if (strncmp(line, "tfd:", 4) != 0)
		return -1;
	for (line += 4; *line == ' '; line++)
		;
	for (; *line >= '0' && *line <= '9'; line++)
		n = n * 10 + (*line - '0');
	if (n != fd || strncmp(line, " events:", 8) != 0)
		return -1;
	for (line += 8, n = 0; *line == ' '; line++)
		;
	for (;; line++) {
		if (*line >= '0' && *line <= '9')
			n = n * 16 + (*line - '0');
		else if (*line >= 'a' && *line <= 'f')
			n = n * 16 + (*line - 'a' + 10);
		else
			return n;
	}
}

static int64_t search_info(int info, int fd)
{
	char text[512 + 1]; /* a line has about 90 */
	long have = 0, n;
	int64_t found = -1;

	while (found < 0 &&
	       (n = sys_read(info, text + have, sizeof(text) - 1 - (size_t)have)) > 0) {
		char *line = text, *end;

		text[have += n] = 0;
		for (; found < 0 && (end = strchr(line, '\n')); line = end + 1)
			found = line_events(line, fd);
		have = text + have - line;
		memmove(text, line, (size_t)have);
	}
	return found;
}

/* Has a one-shot registration fired, so that the kernel tells nothing until the program says so? */
bool reg_has_fired(int epoll, int fd)
{
	char path[48];
	struct bytes_out o = bytes_out_init(path, sizeof(path));
	int64_t events;
	int info;

	bytes_put_text(&o, "/proc/self/fdinfo/");
	bytes_put_number(&o, (uint64_t)epoll);
	bytes_put_end(&o);
	info = sys_open(path, 0, 0);
	if (info < 0)
		return false;
	events = search_info(info, fd);
	sys_close(info);
	return events >= 0 && !(events & 0xffff);
}
