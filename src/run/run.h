/* SPDX-License-Identifier: MIT */
/*
 * run.h - the parts of the launcher. Its functions end the program themselves when they cannot go
 * on.
 */
#ifndef SOCKSHIM_RUN_H
#define SOCKSHIM_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "conf.h"
#include "import.h"
#include "program.h"
#include "session.h"

/* Exit statuses, as shells and env(1) use them. */
enum { EXIT_USAGE = 2, EXIT_CANNOT = 126, EXIT_NOT_FOUND = 127 };
/* Of an audit: attempts were found; something could not be judged. */
enum { EXIT_ATTEMPTS = 3, EXIT_UNJUDGED = 4 };

/* What the command line asks for, settings aside: those are in the conf already. */
struct request {
	const char *file;   /* -c */
	const char *user;   /* -u */
	const char *import; /* --import */
	bool print, check;  /* -G, --check */
	bool env, off, shell;
	const char *syntax; /* --shell-syntax */
	struct audit_request {
		bool wanted;
		const char *format, *file, *policy, *control, *exit; /* NULL: the default */
	} audit;
	char **command; /* NULL-terminated; its first is NULL if there is none */
};

/* options.c: reads the command line; answers --help and --version. */
#define OPTIONS_ORIGIN "command line"
void options_read(struct request *rq, struct conf *c, char **argv);
void options_version(void) __attribute__((noreturn));

/* torsocks.c: was it started under this name? Then its options, variables and file are read. */
bool torsocks_is(const char *name);
void torsocks_read(struct request *rq, struct conf *c, char **argv);

/*
 * env.c: from now on a failure makes the shell evaluate `false`; --env and --off, the exit status.
 */
void env_begin(void);
int env_print(const struct request *rq, const struct conf *c);

/* shell.c: the user's shell with these arguments, its prompt marked if it asks at a terminal. */
char **shell_command(char **arguments);

/* message.c: one line "sockshim: …" on stderr, control bytes made visible; then exit, or not. */
void die(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* memory.c: zeroed memory, and a copy of a text, that are never given back. */
void *memory_take(size_t size);
char *memory_keep(const char *text);

/* proxies.c: gives -u's user name to the proxies, and addresses to those written as host names. */
void proxies_user(struct conf *c, const char *user);
void proxies_resolve(struct settings *s);

/* library.c: why the library cannot be used, in words, or NULL; `path` gets where it is. */
const char *library_find(char path[static PATH_MAX]);

/*
 * library.c: the directory of this program without the last slash, and its length; "", 0: not
 * known.
 */
size_t own_directory(char dir[static PATH_MAX]);

/*
 * command.c: finds a command as execvp(3) does. Returns its kind (enum program_kind) and its path,
 * or -errno: -ENOENT, or why the one that is there cannot be run.
 */
int command_find(const char *name, char path[static PATH_MAX]);

/* What makes a program of this kind run past the proxy, for one line; NULL if nothing does. */
const char *command_escapes(enum program_kind kind);

/*
 * environment.c: `env` with SOCKSHIM_SESSION set and, where the library is loadable, LD_PRELOAD. If
 * it hands sockets to this process (sd_listen_fds(3): LISTEN_PID), `own` becomes where the
 * command's number must be put, else NULL.
 */
char **environment_make(char **env, const char *library, bool loadable, const char *session,
			char **own);
#define ENVIRONMENT_NUMBER 12 /* room there */

/* LD_PRELOAD's value with the library before what is there, and without it. */
const char *environment_preload(const char *library);
const char *environment_without(const char *library);

/*
 * command.c: what execvp(3) runs when the kernel does not know the file: /bin/sh, path, arguments.
 */
char **command_script(const char *path, char **argv);

/* auditor.c: an auditor beside the command. */
struct auditor {
	pid_t pid;
	int fd;
	int attempts; /* exit status if there were any; 0: the command's */
};
/* 0, or the exit status of who cannot go on (said). */
int auditor_start(struct auditor *a, const struct audit_request *rq, const char *session,
		  char **command);

/*
 * The exit status that its verdict asks for; -1: the command's own. `status` as wait(2) gives it.
 */
int auditor_end(const struct auditor *a, const struct session *s, int status, bool ran,
		bool guarded);

/* The command is not started, or started although nothing covers it. */
int auditor_refused(const struct auditor *a, const struct session *s, const char *path, int kind);
void auditor_allowed(const struct session *s, const char *path, int kind);

/*
 * rights.c: takes CAP_NET_ADMIN from this process and from all that it executes. Only system calls,
 * since it runs on the launcher's memory. 0 or -errno.
 */
int rights_drop(void);

/* child.c: runs the command and ends as it ends, with its exit status or by its signal. */
struct command {
	const char *path;
	char **argv, **env;
	char *own_pid; /* in env: NULL, or where the command's process id is wanted */
	char **script; /* run instead if execve(2) says ENOEXEC; or NULL */
	struct session *session;
	const char *session_name;
	const struct auditor *auditor; /* or NULL */
	bool guarded;
	/* The guard cannot be put on, for this reason: ends the program, or allows to go on. */
	void (*unguarded)(const struct command *cmd, int error);
};
void child_run(const struct command *cmd) __attribute__((noreturn));

/* show.c and check.c: -G and --check; return the exit status. */
int show_settings(const struct conf *c);
int check_all(const struct conf *c, const struct request *rq);

/* import.c: --import; returns the exit status. */
int import_show(const char *path);

/* Translates a file (IMPORT_UNKNOWN: of whatever format); returns how many lines were left out. */
int import_file(const char *path, bool needed, enum import_format format, struct import *i);

#endif
