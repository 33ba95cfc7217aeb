/* SPDX-License-Identifier: MIT */
/*
 * doors.c - which Unix sockets and names on D-Bus are closed: those of who looks names up for
 * others.
 */
#include "doors.h"

#include <stdint.h>
#include <string.h>

#include "conf.h"

#define PATH 108 /* sun_path */

/* The path as a pattern has it; returns its length. */
static size_t plain(char out[static PATH], const char *path, size_t len)
{
	size_t used = 0, i;

	for (i = 0; i < len && i < PATH && (path[i] || !i); i++) {
		if (used && out[used - 1] == '/' && path[i] == '/')
			continue;
		if (used && out[used - 1] == '/' && path[i] == '.' && i + 1 < len &&
		    path[i + 1] == '/') {
			i++;
			continue;
		}
		out[used++] = path[i] ? path[i] : '@';
	}
	return used;
}

/* What the first element that matches says, or `otherwise`. */
static bool closes(const char *list, const char *text, size_t len, bool otherwise)
{
	char pattern[DOORS_PATTERN + 1];
	bool passes;
	size_t n;

	for (; *list; list += list[n] ? n + 1 : n) {
		n = strcspn(list, ",");
		if (n > DOORS_PATTERN)
			return true;
		passes = *list == '!';
		memcpy(pattern, list + passes, n - passes);
		pattern[n - passes] = '\0';
		if (conf_glob(pattern, text, len))
			return !passes;
	}
	return otherwise;
}

bool doors_closed(const char *list, const char *path, size_t len)
{
	char text[PATH];

	return closes(list, text, plain(text, path, len), false);
}

bool doors_hides(const char *list, const char *path, size_t len)
{
	char text[PATH];
	size_t n = plain(text, path, len);

	return conf_glob("*system_bus_socket", text, n) && strstr(list, DOORS_BUS) &&
	       closes(list, text, n, true);
}

/*
 * The length of the string of D-Bus at `at`: 32 bits of either order, its bytes, NUL. 0: it is
 * none.
 */
static size_t string_len(const uint8_t *at, size_t room)
{
	size_t high = (size_t)at[-4] << 24 | (size_t)at[-3] << 16 | (size_t)at[-2] << 8 | at[-1];
	size_t low = (size_t)at[-1] << 24 | (size_t)at[-2] << 16 | (size_t)at[-3] << 8 | at[-4];
	size_t len = high < low ? high : low;

	return len < room && !at[len] ? len : 0;
}

/* The last byte in the message of the name, or of what names begin with if a * follows; or NULL. */
static uint8_t *find_name(uint8_t *message, size_t message_len, const char *name, size_t len)
{
	const bool begins = name[len - 1] == '*';
	size_t found;

	len -= begins;
	for (size_t i = 4; i + len < message_len; i++) {
		if (memcmp(message + i, name, len) != 0)
			continue;
		found = string_len(message + i, message_len - i);
		if (begins ? found > len : found && found == len)
			return message + i + len - 1;
	}
	return NULL;
}

/* The length of the name in an element of `n` bytes, behind BUS_WORD; 0: it is no name on D-Bus. */
#define BUS_WORD (sizeof(DOORS_BUS) - 1)
static size_t bus_name(const char *element, size_t n)
{
	return n > BUS_WORD && !strncmp(element, DOORS_BUS, BUS_WORD) ? n - BUS_WORD : 0;
}

size_t doors_bus(const char *list, void *message, size_t len, char name[static DOORS_PATTERN + 1])
{
	size_t n, name_len, found = 0;
	uint8_t *last;

	for (; *list; list += list[n] ? n + 1 : n) {
		n = strcspn(list, ",");
		name_len = bus_name(list, n);
		if (!name_len || n > DOORS_PATTERN)
			continue;
		while ((last = find_name(message, len, list + BUS_WORD, name_len))) {
			*last = *last == '_' ? '-' : '_';
			memcpy(name, list, n);
			name[n] = '\0';
			found++;
		}
	}
	return found;
}

const char *doors_check(const char *list)
{
	size_t n;

	for (; *list; list += list[n] ? n + 1 : n) {
		n = strcspn(list, ",");
		if (n > DOORS_PATTERN)
			return "a pattern over 127 bytes:";
		if (!bus_name(list, n) &&
		    (!strchr("/@*?", list[*list == '!']) || n == (*list == '!')))
			return "a pattern begins with / (a path), @ (an abstract name) or *, "
			       "after ! if it lets pass:";
		if (list[n] && !list[n + 1])
			return "nothing behind the last comma:";
	}
	return NULL;
}
