/* SPDX-License-Identifier: MIT */
/* import.c - --import: another tool's configuration file, printed as one of ours. */
#include "import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "sys.h"

#define FILE_MAX (256 * 1024)
#define ROOM (1024 * 1024)

static struct {
	char text[FILE_MAX], out[ROOM], local[ROOM], paths[ROOM];
} * room;

int import_file(const char *path, bool needed, enum import_format format, struct import *i)
{
	long len;
	int left;

	if (!room)
		room = sys_pages(sizeof(*room));
	if (!room)
		die(EXIT_CANNOT, "%s: %s", path, strerror(ENOMEM));
	len = sys_slurp(path, room->text, sizeof(room->text));
	if (len == -ENOENT && !needed)
		len = 0;
	if (len < 0)
		die(EXIT_USAGE, "%s: %s", path, strerror((int)-len));
	if (!format)
		format = import_guess(path, room->text, (size_t)len);
	if (!format)
		die(EXIT_USAGE,
		    "%s: its name and first key are not torsocks', proxychains' or tsocks'", path);
	memset(i, 0, sizeof(*i));
	i->out = bytes_out_init(room->out, sizeof(room->out));
	i->local = bytes_out_init(room->local, sizeof(room->local));
	i->paths = bytes_out_init(room->paths, sizeof(room->paths));
	left = import_text(i, format, room->text, (size_t)len);
	if (left < 0)
		die(EXIT_USAGE, "%s: too long", path);
	return left;
}

int import_show(const char *path)
{
	static LARGE(2) struct import i;
	int left = import_file(path, true, IMPORT_UNKNOWN, &i);

	printf("%s%s%s", room->out, room->local, room->paths);
	if (fflush(stdout) || ferror(stdout))
		return EXIT_FAILURE;
	if (left)
		warn("%s: %d line%s without a counterpart, printed as comments", path, left,
		     left == 1 ? "" : "s");
	return EXIT_SUCCESS;
}
