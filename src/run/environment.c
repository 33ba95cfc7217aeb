/* SPDX-License-Identifier: MIT */
/*
 * environment.c - the environment of the command: LD_PRELOAD and the session's name, nothing else.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static bool is_variable(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(entry, name, len) && entry[len] == '=';
}

/* "NAME=value" in memory of its own, with room for `more` bytes behind it. */
static char *assign(const char *name, const char *value, size_t more)
{
	size_t n = strlen(name), v = strlen(value);
	char *entry = memory_take(n + 1 + v + more + 1);

	memcpy(entry, name, n);
	entry[n] = '=';
	memcpy(entry + n + 1, value, v + 1);
	return entry;
}

/* Ours comes first, then what was there; a sockshim inside another must not name it twice. */
static char *preload(const char *library, const char *old)
{
	char *entry = assign("LD_PRELOAD", library, strlen(old) + 1);
	char *end = entry + strlen(entry);
	size_t own = strlen(library), len;

	for (; *old; old += len + (old[len] != 0)) {
		len = strcspn(old, " :");
		if (!len || (len == own && !memcmp(old, library, own)))
			continue;
		*end++ = ':';
		memcpy(end, old, len);
		end += len;
	}
	*end = 0;
	return entry;
}

/* The value alone; this process's own comes behind. */
const char *environment_preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");

	return preload(library, old ? old : "") + sizeof("LD_PRELOAD");
}

static const char *without(const char *list, const char *first)
{
	const char *rest = list + strlen(first);

	return rest + (*rest == ':');
}

const char *environment_without(const char *library)
{
	return without(environment_preload(library), library);
}

/* Is this "LISTEN_PID=" and our number? */
static bool names_us(const char *entry)
{
	return is_variable(entry, "LISTEN_PID") &&
	       strtol(entry + sizeof("LISTEN_PID"), NULL, 10) == getpid();
}

static bool hands_to_us(char **env)
{
	while (*env && !names_us(*env))
		env++;
	return *env;
}

char **environment_make(char **env, const char *library, bool loadable, const char *session,
			char **own)
{
	bool ours = hands_to_us(env);
	size_t count = 0, n = 0;
	const char *old = NULL, *rest;
	char **out;

	*own = NULL;
	while (env[count])
		count++;
	out = memory_take((count + 3) * sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		if (is_variable(env[i], "LD_PRELOAD"))
			old = old ? old : env[i] + sizeof("LD_PRELOAD");
		else if (ours && is_variable(env[i], "LISTEN_PIDFDID"))
			continue; /* the same, by the inode of a pidfd */
		else if (ours && names_us(env[i]))
			out[n++] = assign("LISTEN_PID", "", ENVIRONMENT_NUMBER);
		else if (!is_variable(env[i], SESSION_ENV))
			out[n++] = env[i];
	}
	out[n] = preload(library, old ? old : "");
	rest = without(out[n] + sizeof("LD_PRELOAD"), library);
	if (!loadable)
		out[n] = assign("LD_PRELOAD", rest, 0);
	n += loadable || *rest;
	out[n++] = assign(SESSION_ENV, session, 0);
	out[n] = NULL;
	for (size_t i = 0; ours && i < n; i++)
		if (is_variable(out[i], "LISTEN_PID"))
			*own = out[i] + sizeof("LISTEN_PID");
	return out;
}
