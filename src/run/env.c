/* SPDX-License-Identifier: MIT */
/*
 * env.c - --env: lines for a shell that runs already, to put itself into a session, and out of it.
 *
 * The shell evaluates them (eval "$(sockshim --env)"). It may have got them through a subshell: the
 * session is to live as long as the process that the shell calls $$, so the lines rename its file
 * if that is not this program's parent. A shell that was told to go into a session and did not
 * would go on past the proxy: what it evaluates then is `false`, for `set -e` or `||` to see.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "sys.h"

static bool done;

static void say_failed(void)
{
	if (!done)
		puts("false");
}

static bool is_fish(const char *word)
{
	char comm[32] = "", path[64];

	if (!word) {
		snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
		return sys_slurp(path, comm, sizeof(comm) - 1) > 0 && !strcmp(comm, "fish\n");
	}
	if (strcmp(word, "sh") != 0 && strcmp(word, "bash") != 0 && strcmp(word, "zsh") != 0 &&
	    strcmp(word, "fish") != 0)
		die(EXIT_USAGE, "--shell-syntax: sh, bash, zsh or fish, not %s", word);
	return !strcmp(word, "fish");
}

/* In single quotes, in which fish alone has escapes. */
static void print_quoted(const char *text, bool fish)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", stdout);
		if (*text == '\\' && fish)
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void print_set(const char *name, const char *value, bool fish)
{
	printf(fish ? "set -gx %s " : "%s=", name);
	print_quoted(value, fish);
	printf(fish ? ";\n" : "; export %s;\n", name);
}

static void print_unset(const char *name, bool fish)
{
	if (getenv(name))
		printf(fish ? "set -e %s;\n" : "unset %s;\n", name);
}

/* `name` is "/dev/shm/sockshim-UID-PID-ID#ID": letters, digits, - and / alone. */
static void print_move(const char *name, bool fish)
{
	const char *pid_name = fish ? "$fish_pid" : "$$";
	const char *hash = strchr(name, '#'), *tail, *pid;
	int head;

	for (tail = hash; *tail != '-'; tail--)
		;
	for (pid = tail - 1; *pid != '-'; pid--)
		;
	head = (int)(pid + 1 - name);
	printf("test %s = %d || %s\n"
	       "command mv '%.*s' \"%.*s%s%.*s\" &&\n",
	       pid_name, getppid(), fish ? "begin;" : "{", (int)(hash - name), name, head, name,
	       pid_name, (int)(hash - tail), tail);
	printf(fish ? "set -gx %s \"%.*s%s%s\"; end;\n" : "%s=\"%.*s%s%s\"; };\n", SESSION_ENV,
	       head, name, pid_name, tail);
}

/* Has the process above this one the library in it? Then nobody takes it out again. */
static bool parent_is_wrapped(void)
{
	char path[64], line[8192];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", getppid());
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "/libsockshim.so");
	if (f)
		fclose(f);
	return found;
}

static bool is_on(const char *library)
{
	const char *name = getenv(SESSION_ENV), *preload = getenv("LD_PRELOAD");
	int error;
	struct session *s = name ? session_open(name, &error) : NULL;

	if (!s)
		return false;
	session_close(s);
	return preload && strstr(preload, library);
}

/* Settings from the command line ask for a session of their own. */
static bool asks_for_another(const struct request *rq, const struct conf *c)
{
	for (int id = 0; id < SETTING_COUNT; id++)
		if (!strcmp(c->origin[id].source, OPTIONS_ORIGIN))
			return true;
	return rq->file || rq->user;
}

static void turn_on(const struct settings *settings, const char *library, bool fish)
{
	char name[SESSION_NAME];
	struct session *s;
	int error;

	if (settings->guard == GUARD_REQUIRE)
		die(EXIT_USAGE, "Guard require: a shell that runs already cannot be given the "
				"guard; sockshim --shell has it");
	s = session_create_for(settings, getppid(), name, &error);
	if (!s)
		die(EXIT_CANNOT, "no room for a session in /dev/shm: %s", strerror(-error));
	session_set_library(s, library);
	session_close(s);
	print_set(SESSION_ENV, name, fish);
	print_move(name, fish);
	print_set("LD_PRELOAD", environment_preload(library), fish);
	if (settings->guard == GUARD_AUTO && settings->log >= LOG_WARN)
		warn("no guard in a shell that runs already: static and setuid programs that it "
		     "starts go past the proxy; sockshim --shell has it");
}

static void turn_off(const char *library, bool fish)
{
	const char *rest = environment_without(library);

	if (parent_is_wrapped())
		die(EXIT_USAGE, "this shell was started under sockshim itself: leave it with exit");
	if (*rest)
		print_set("LD_PRELOAD", rest, fish);
	else
		print_unset("LD_PRELOAD", fish);
	print_unset(SESSION_ENV, fish);
}

void env_begin(void)
{
	atexit(say_failed);
}

int env_print(const struct request *rq, const struct conf *c)
{
	const bool fish = is_fish(rq->syntax);
	char path[PATH_MAX];
	const char *why = library_find(path);

	if (why && !rq->off)
		die(EXIT_CANNOT, "%s: the library %s", path, why);
	if (rq->off)
		turn_off(path, fish);
	else if (!is_on(path) || asks_for_another(rq, c))
		turn_on(c->out, path, fish);
	done = true;
	return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
