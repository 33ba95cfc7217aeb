/* SPDX-License-Identifier: MIT */
/* proc.h - paths below /proc. */
#ifndef SOCKSHIM_PROC_H
#define SOCKSHIM_PROC_H

#include <stdint.h>

#define PROC_PATH 48 /* "/proc/2147483647/fdinfo/2147483647", and some room */

#define PROC_SELF (-1)

/*
 * "/proc/TASK" and `rest`. 0 is no task: the kernel says so of who is outside of our PID namespace.
 */
void proc_path(char path[static PROC_PATH], int32_t task, const char *rest);

/* The same with a number behind it: 7, "/fd/", 3 is "/proc/7/fd/3". */
void proc_number(char path[static PROC_PATH], int32_t task, const char *rest, int number);

#endif
