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

static LARGE(2) char text[FILE_MAX], out[ROOM], local[ROOM], paths[ROOM];

int import_file(const char *path, bool needed, enum import_format format, struct import *i)
{
	long len = sys_slurp(path, text, sizeof(text));
	int left;

	if (len == -ENOENT && !needed)
		len = 0;
	if (len < 0)
		die(EXIT_USAGE, "%s: %s", path, strerror((int)-len));
	if (!format)
		format = import_guess(path, text, (size_t)len);
	if (!format)
		die(EXIT_USAGE,
		    "%s: its name and first key are not torsocks', proxychains' or tsocks'", path);
	memset(i, 0, sizeof(*i));
	i->out = bytes_out_init(out, sizeof(out));
	i->local = bytes_out_init(local, sizeof(local));
	i->paths = bytes_out_init(paths, sizeof(paths));
	left = import_text(i, format, text, (size_t)len);
	if (left < 0)
		die(EXIT_USAGE, "%s: too long", path);
	return left;
}

int import_show(const char *path)
{
	static LARGE(2) struct import i;
	int left = import_file(path, true, IMPORT_UNKNOWN, &i);

	printf("%s%s%s", out, local, paths);
	if (fflush(stdout) || ferror(stdout))
		return EXIT_FAILURE;
	if (left)
		warn("%s: %d line%s without a counterpart, printed as comments", path, left,
		     left == 1 ? "" : "s");
	return EXIT_SUCCESS;
}
