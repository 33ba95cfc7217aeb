/* SPDX-License-Identifier: MIT */
/* kept.c - the environment of a program that this one starts: the session stays in it. */
#include "kept.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim.h"
#include "sys.h"

extern char **environ;

static const char preload[] = "LD_PRELOAD=";
static const char prefix[] = "SOCKSHIM_";

/*
 * What must be in a child's environment, copied at start-up: the program may clear or overwrite its
 * own. Strings one after another, each NUL-terminated; the first is LD_PRELOAD's value.
 */
static LARGE(1) char needed[4096];
static size_t needed_len;

static void remember(const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > sizeof(needed) - needed_len)
		return;
	memcpy(needed + needed_len, text, len);
	needed_len += len;
}

void kept_start(const struct session *s)
{
	const char *library;

	if (s && s->settings.everywhere)
		return; /* ld.so sees to it */
	library = s && s->library ? session_library(s) : getenv("LD_PRELOAD");
	if (!library || needed_len)
		return;
	remember(library);
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, prefix, sizeof(prefix) - 1) == 0)
			remember(*e);
}

/* The entry of `env` for the variable that `text` ("NAME=…") sets, or NULL. */
static char *const *find(char *const *env, const char *text)
{
	size_t len = strcspn(text, "=") + 1;

	for (; env && *env; env++)
		if (strncmp(*env, text, len) == 0)
			return env;
	return NULL;
}

/* Is `library` one of the paths in a list separated by colons or spaces? */
static bool in_list(const char *list, const char *library)
{
	size_t len = strlen(library);

	for (const char *p = list; (p = strstr(p, library)); p++)
		if ((p == list || strchr(": ", p[-1])) && (!p[len] || strchr(": ", p[len])))
			return true;
	return false;
}

/* Of two LD_PRELOADs ld.so takes the last, others the first: there must be but one. */
static bool is_kept(char *const *env)
{
	char *const *e = find(env, preload);

	if (!e || find(e + 1, preload) || !in_list(*e + sizeof(preload) - 1, needed))
		return false;
	for (const char *p = needed + strlen(needed) + 1; p < needed + needed_len;
	     p += strlen(p) + 1) {
		e = find(env, p);
		if (!e || strcmp(*e, p) != 0)
			return false;
	}
	return true;
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Pointers first, then LD_PRELOAD's new text. */
size_t kept_room(char *const *env)
{
	char *const *old = find(env, preload);
	size_t variables = 2;

	for (size_t i = 0; i < needed_len; i++)
		variables += !needed[i];
	return (count(env) + variables) * sizeof(char *) + sizeof(preload) + strlen(needed) + 1 +
	       (old ? strlen(*old) : 0);
}

static char *preload_text(char *out, char *const *old)
{
	const char *others = old ? *old + sizeof(preload) - 1 : "";

	strcpy(out, preload);
	if (!in_list(others, needed)) {
		strcat(out, needed);
		if (*others)
			strcat(out, ":");
	}
	return strcat(out, others);
}

char **kept_make(char *const *env, char *space)
{
	size_t n = count(env), used = 0;
	char **out = (char **)(void *)space;

	if (!space)
		return (char **)sizeof(*out); /* EFAULT: without the session nothing is started */
	for (size_t i = 0; i < n; i++)
		if (strncmp(env[i], preload, sizeof(preload) - 1) != 0 &&
		    strncmp(env[i], prefix, sizeof(prefix) - 1) != 0)
			out[used++] = env[i];
	for (char *p = needed + strlen(needed) + 1; p < needed + needed_len; p += strlen(p) + 1)
		out[used++] = p;
	out[used] = NULL;
	out[used + 1] = NULL;
	out[used] = preload_text((char *)&out[used + 2], find(env, preload));
	return out;
}

/* A pointer that cannot be followed is for the kernel to find. */
static bool can_read(char *const *env)
{
	for (; env; env++) {
		if (!readable(env, sizeof(*env)))
			return false;
		if (!*env)
			break;
		if (!readable(*env, 1))
			return false;
	}
	return true;
}

/* Also before our constructor has run. */
bool kept_stays(char *const *env)
{
	if (!needed_len)
		kept_start(here());
	return !needed_len || !can_read(env) || is_kept(env);
}

char *kept_map(size_t size)
{
	long at =
		SYS6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at < 0 && at > -4096 ? NULL : (char *)at;
}
