/* SPDX-License-Identifier: MIT */
/*
 * exec.c - fragments of the symbols in hook_exec.c; all with an environment that has nothing in it.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <wordexp.h>

#include "fragment.h"

extern char **environ;

#define ARGUMENTS                                                                                  \
	{                                                                                          \
		(char *)"calls", (char *)"session", NULL                                           \
	}
static char *nothing[] = {NULL};

/* `env` is found in PATH, and starts what stands behind it. */
#define SEARCH                                                                                     \
	{                                                                                          \
		(char *)"env", (char *)(uintptr_t)self(), (char *)"session", NULL                  \
	}

FRAGMENT(execve)
{
	static char first[4096];
	char *argv[] = ARGUMENTS, *two[] = {first, (char *)"LD_PRELOAD=", NULL};

	FAILS(execve(BAD, argv, nothing), EFAULT);
	FAILS(execve(self(), BAD, nothing), EFAULT);
	FAILS(execve(self(), argv, BAD), EFAULT);
	FAILS(execve("/nonexistent", argv, nothing), ENOENT);
	FAILS(execve("/", argv, nothing), EACCES);
	/* ld.so would take the last of two */
	snprintf(first, sizeof(first), "LD_PRELOAD=%s", getenv("LD_PRELOAD"));
	execve(self(), argv, two);
	return say_wrong(__FILE__, __LINE__, "execve");
}

FRAGMENT(execv)
{
	char *argv[] = ARGUMENTS;

	FAILS(execv(BAD, argv), EFAULT);
	FAILS(execv("/nonexistent", argv), ENOENT);
	environ = nothing;
	execv(self(), argv);
	return say_wrong(__FILE__, __LINE__, "execv");
}

FRAGMENT(execvp)
{
	char *argv[] = SEARCH;

	FAILS(execvp("no-such-program", argv), ENOENT);
	FAILS(execvp("", argv), ENOENT);
	execvp("env", argv);
	return say_wrong(__FILE__, __LINE__, "execvp");
}

FRAGMENT(execvpe)
{
	enum { COUNT = 20000 };
	static char *many[COUNT + 1];
	char *argv[] = SEARCH;

	FAILS(execvpe("no-such-program", argv, nothing), ENOENT);
	FAILS(execvpe("env", argv, BAD), EFAULT);
	/* more than fits on a small stack */
	for (size_t i = 0; i < COUNT; i++)
		many[i] = (char *)"NAME=value";
	many[COUNT] = NULL;
	execvpe("env", argv, many);
	return say_wrong(__FILE__, __LINE__, "execvpe");
}

FRAGMENT(execl)
{
	FAILS(execl("/nonexistent", "calls", NULL), ENOENT);
	environ = NULL;
	execl(self(), "calls", "session", NULL);
	return say_wrong(__FILE__, __LINE__, "execl");
}

FRAGMENT(execlp)
{
	FAILS(execlp("no-such-program", "calls", NULL), ENOENT);
	execlp("env", "env", "-i", self(), "session", NULL);
	return say_wrong(__FILE__, __LINE__, "execlp");
}

FRAGMENT(execle)
{
	FAILS(execle("/nonexistent", "calls", NULL, nothing), ENOENT);
	execle(self(), "calls", "session", NULL, nothing);
	return say_wrong(__FILE__, __LINE__, "execle");
}

FRAGMENT(fexecve)
{
	char *argv[] = ARGUMENTS;

	FAILS(fexecve(-1, argv, nothing), EINVAL);
	FAILS(fexecve(NO_FD, argv, nothing), EBADF);
	fexecve(open(self(), O_RDONLY | O_CLOEXEC), argv, nothing);
	return say_wrong(__FILE__, __LINE__, "fexecve");
}

FRAGMENT(execveat)
{
	char *argv[] = ARGUMENTS;

	FAILS(execveat(NO_FD, "calls", argv, nothing, 0), EBADF);
	FAILS(execveat(AT_FDCWD, BAD, argv, nothing, 0), EFAULT);
	FAILS(execveat(NO_FD, "", argv, nothing, AT_EMPTY_PATH), EBADF);
	FAILS(execveat(AT_FDCWD, self(), argv, nothing, 1 << 30), EINVAL);
	execveat(open(self(), O_PATH | O_CLOEXEC), "", argv, nothing, AT_EMPTY_PATH);
	return say_wrong(__FILE__, __LINE__, "execveat");
}

static int ends_well(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return 0;
}

FRAGMENT(posix_spawn)
{
	char *argv[] = ARGUMENTS;
	pid_t pid = 0;

	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, nothing) == ENOENT);
	CHECK(posix_spawn(&pid, self(), NULL, NULL, argv, BAD) == EFAULT);
	KEEPS(posix_spawn(&pid, self(), NULL, NULL, argv, nothing) == 0);
	return ends_well(pid);
}

FRAGMENT(posix_spawnp)
{
	char *argv[] = SEARCH;
	pid_t pid = 0;

	CHECK(posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, nothing) == ENOENT);
	CHECK(posix_spawnp(&pid, "env", NULL, NULL, argv, nothing) == 0);
	return ends_well(pid);
}

/* The shell has no environment; what it starts is in the session all the same. */
static char *command(void)
{
	static char text[4200];

	snprintf(text, sizeof(text), "exec %s session", self());
	return text;
}

FRAGMENT(system)
{
	char **was = environ;
	int status;

	CHECK(system(NULL) != 0);
	environ = nothing;
	status = system(command());
	CHECK(environ == nothing);
	environ = was;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return 0;
}

FRAGMENT(popen)
{
	char **was = environ;
	FILE *f;

	FAILS(popen("true", "bad mode") ? 0 : -1, EINVAL);
	environ = NULL;
	f = popen(command(), "r");
	CHECK(environ == NULL);
	environ = was;
	CHECK(f);
	CHECK(pclose(f) == 0);
	return 0;
}

FRAGMENT(wordexp)
{
	char **was = environ, text[4200];
	wordexp_t result;
	int error;

	CHECK(wordexp("a b", &result, WRDE_NOCMD) == 0 && result.we_wordc == 2);
	wordfree(&result);
	snprintf(text, sizeof(text), "$(%s session && echo ok)", self());
	environ = nothing;
	error = wordexp(text, &result, 0);
	environ = was;
	CHECK(error == 0 && result.we_wordc == 1 && !strcmp(result.we_wordv[0], "ok"));
	wordfree(&result);
	return 0;
}
