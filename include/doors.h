/* SPDX-License-Identifier: MIT */
/* doors.h - Unix sockets behind which somebody else asks the network: which paths are refused. Pure. */
#ifndef SOCKSHIM_DOORS_H
#define SOCKSHIM_DOORS_H

#include <stdbool.h>
#include <stddef.h>

#define DOORS_PATTERN 127 /* longest element of the list, bytes */

/*
 * Is the socket of this path closed? `list`: UnixSockets' value, globs with commas between, asked in
 * their order: the first that matches decides, and one that begins with `!` lets the socket pass. What
 * none matches passes. `path` is sun_path as given (a name that begins with NUL is matched as "@…");
 * "//" and "/./" in it are taken for "/".
 */
bool doors_closed(const char *list, const char *path, size_t len);

/* NULL, or what is wrong with a list (static). */
const char *doors_check(const char *list);

#endif
