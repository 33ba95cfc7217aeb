/* SPDX-License-Identifier: MIT */
/*
 * doors.h - Unix sockets behind which somebody else asks the network: which paths are refused.
 * Pure.
 */
#ifndef SOCKSHIM_DOORS_H
#define SOCKSHIM_DOORS_H

#include <stdbool.h>
#include <stddef.h>

#define DOORS_PATTERN 127 /* longest element of the list, bytes */

/*
 * Is the socket of this path closed? `list`: UnixSockets' value, globs with commas between, asked
 * in their order: the first that matches decides, and one that begins with `!` lets the socket
 * pass. What none matches passes. `path` is sun_path as given (a name that begins with NUL is
 * matched as "@…"); "//" and "/./" in it are taken for "/".
 */
bool doors_closed(const char *list, const char *path, size_t len);

/*
 * The list's elements "dbus:NAME" close names on D-Bus, whose daemon's socket serves many. In a
 * message to it, or the part of one that lies together, each string that is such a name is changed
 * in its last letter, so that the daemon knows nobody of that name. Returns how many were; `name`:
 * the last element that was found.
 */
#define DOORS_BUS "dbus:"
size_t doors_bus(const char *list, void *message, size_t len, char name[static DOORS_PATTERN + 1]);

/*
 * Is this the system's bus, and names on it are closed? Who cannot look into what is sent there
 * closes it whole, unless an element of the list lets it pass.
 */
bool doors_hides(const char *list, const char *path, size_t len);

/* NULL, or what is wrong with a list (static). */
const char *doors_check(const char *list);

#endif
