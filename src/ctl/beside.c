/* SPDX-License-Identifier: MIT */
/* beside.c - the launcher that belongs to this sockshimctl. */
#include "beside.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *beside_sockshim(void)
{
	static const char name[] = "sockshim";
	static char path[PATH_MAX + sizeof(name)];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	if (!slash)
		return name;
	strcpy(slash + 1, name);
	return access(path, X_OK) == 0 ? path : name;
}
