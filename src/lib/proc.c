/* SPDX-License-Identifier: MIT */
/* proc.c - paths below /proc. */
#include "proc.h"

#include "bytes.h"

static struct bytes_out begin(char path[static PROC_PATH], int32_t task, const char *rest)
{
	struct bytes_out o = bytes_out_init(path, PROC_PATH);

	bytes_put_text(&o, "/proc/");
	if (task == PROC_SELF)
		bytes_put_text(&o, "self");
	else
		bytes_put_number(&o, (uint32_t)task);
	bytes_put_text(&o, rest);
	return o;
}

void proc_path(char path[static PROC_PATH], int32_t task, const char *rest)
{
	struct bytes_out o = begin(path, task, rest);

	bytes_put_end(&o);
}

void proc_number(char path[static PROC_PATH], int32_t task, const char *rest, int number)
{
	struct bytes_out o = begin(path, task, rest);

	bytes_put_number(&o, (uint32_t)number);
	bytes_put_end(&o);
}
