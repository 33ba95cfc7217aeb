// SPDX-License-Identifier: MIT
/* doors.c - which Unix sockets are refused: nscd, resolved, avahi look names up for whoever asks. */
#include "doors.h"

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

bool doors_closed(const char *list, const char *path, size_t len)
{
	char text[PATH], pattern[DOORS_PATTERN + 1];
	size_t n, text_len = plain(text, path, len);
	bool passes;

	for (; *list; list += list[n] ? n + 1 : n) {
		n = strcspn(list, ",");
		if (n > DOORS_PATTERN)
			return true;
		passes = *list == '!';
		memcpy(pattern, list + passes, n - passes);
		pattern[n - passes] = '\0';
		if (conf_glob(pattern, text, text_len))
			return !passes;
	}
	return false;
}

const char *doors_check(const char *list)
{
	size_t n;

	for (; *list; list += list[n] ? n + 1 : n) {
		n = strcspn(list, ",");
		if (n > DOORS_PATTERN)
			return "a pattern over 127 bytes:";
		if (!strchr("/@*?", list[*list == '!']) || n == (*list == '!'))
			return "a pattern begins with / (a path), @ (an abstract name) or *, after "
			       "! if "
			       "it lets pass:";
		if (list[n] && !list[n + 1])
			return "nothing behind the last comma:";
	}
	return NULL;
}
