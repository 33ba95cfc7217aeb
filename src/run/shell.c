/* SPDX-License-Identifier: MIT */
/*
 * shell.c - --shell: the user's shell as the command, with a mark in its prompt.
 *
 * The prompt is set by the user's own start-up files, so the mark has to come after them: fish has
 * an option for that; bash and zsh are given a file of ours in place of theirs, which reads theirs.
 * It lies in a folder that it removes itself. A shell that does not ask at a terminal is not
 * marked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "sys.h"

#define MARK "(sockshim) "
#define TEXT (4 * PATH_MAX + 1024)

/* For sh(1): everything in single quotes. */
static void quote(char *out, size_t size, const char *text)
{
	char *at = out, *end = out + size - 6;

	*at++ = '\'';
	for (; *text && at < end; text++) {
		if (*text == '\'') {
			memcpy(at, "'\\'", 3);
			at += 3;
		}
		*at++ = *text;
	}
	*at++ = '\'';
	*at = 0;
}

/* Makes DIR/FILE with this text. False: the shell runs without a mark. */
static bool write_file(const char *dir, const char *file, const char *text)
{
	char path[PATH_MAX];
	size_t len = strlen(text);
	int fd;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	good = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool make_dir(char dir[static PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");

	return snprintf(dir, PATH_MAX, "%s/sockshim-shell-XXXXXX",
			tmp && *tmp == '/' ? tmp : "/tmp") < PATH_MAX - 16 &&
	       mkdtemp(dir);
}

static char **mark_bash(char **argv)
{
	static LARGE(2) char dir[PATH_MAX], rc[PATH_MAX + 8], text[TEXT], quoted[PATH_MAX + 8];

	if (!make_dir(dir))
		return argv;
	quote(quoted, sizeof(quoted), dir);
	snprintf(text, sizeof(text),
		 "rm -rf %s\n"
		 "[ ! -r ~/.bashrc ] || . ~/.bashrc\n"
		 "PS1=\"" MARK "$PS1\"\n",
		 quoted);
	snprintf(rc, sizeof(rc), "%s/rc", dir);
	if (write_file(dir, "rc", text)) {
		argv[1] = (char *)"--rcfile";
		argv[2] = rc;
	}
	return argv;
}

/* zsh looks for each of its files anew in $ZDOTDIR: after the first it is the user's again. */
static char **mark_zsh(char **argv)
{
	static LARGE(2) char dir[PATH_MAX], text[TEXT], quoted[PATH_MAX + 8], own[PATH_MAX + 8];
	const char *old = getenv("ZDOTDIR");

	if (!make_dir(dir))
		return argv;
	quote(quoted, sizeof(quoted), dir);
	quote(own, sizeof(own), old ? old : "");
	snprintf(text, sizeof(text),
		 "rm -rf %s\n"
		 "%s%s\n"
		 "[ ! -r \"${ZDOTDIR:-$HOME}/.zshenv\" ] || . \"${ZDOTDIR:-$HOME}/.zshenv\"\n"
		 "_sockshim_mark() {\n"
		 "PS1=\"" MARK "$PS1\"\n"
		 "precmd_functions=(${precmd_functions:#_sockshim_mark})\n"
		 "unfunction _sockshim_mark\n"
		 "}\n"
		 "typeset -ga precmd_functions\n"
		 "precmd_functions+=(_sockshim_mark)\n",
		 quoted, old ? "export ZDOTDIR=" : "unset ZDOTDIR", old ? own : "");
	if (write_file(dir, ".zshenv", text))
		setenv("ZDOTDIR", dir, 1);
	return argv;
}

static char **mark_fish(char **argv)
{
	argv[1] = (char *)"-C";
	argv[2] = (char *)"functions -c fish_prompt _sockshim_prompt; function fish_prompt; "
			  "echo -n '" MARK "'; _sockshim_prompt; end";
	return argv;
}

static char **mark_other(char **argv)
{
	const char *prompt = getenv("PS1");
	char text[1024];

	if (!prompt)
		prompt = geteuid() ? "$ " : "# ";
	if (!strstr(prompt, MARK) &&
	    (size_t)snprintf(text, sizeof(text), MARK "%s", prompt) < sizeof(text))
		setenv("PS1", text, 1);
	return argv;
}

char **shell_command(char **arguments)
{
	const char *path = getenv("SHELL"), *slash, *name;
	size_t count = 0;
	char **argv;

	path = path && *path ? path : "/bin/sh";
	slash = strrchr(path, '/');
	name = slash ? slash + 1 : path;
	while (arguments[count])
		count++;
	argv = memory_take((count + 4) * sizeof(*argv));
	argv[0] = (char *)path;
	memcpy(argv + 1, arguments, count * sizeof(*argv));
	if (count || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return argv;
	if (!strcmp(name, "bash"))
		return mark_bash(argv);
	if (!strcmp(name, "zsh"))
		return mark_zsh(argv);
	return !strcmp(name, "fish") ? mark_fish(argv) : mark_other(argv);
}
