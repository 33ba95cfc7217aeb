/* SPDX-License-Identifier: MIT */
/* main.c - sockshim: runs a command whose connections go through a SOCKS proxy. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "inherit.h"
#include "guard.h"
#include "run.h"
#include "sys.h"

/* Large, and written to only where they are used. */
static LARGE(1) struct settings settings;
static LARGE(1) struct conf conf;
static int command_kind; /* enum program_kind */
static struct auditor auditor;
static struct command cmd;

/*
 * A caller may have closed descriptors 0 to 2. Until the command runs, which finds them closed
 * again, they must not become our own files: messages would be written into those.
 */
static void occupy_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", O_RDWR | O_CLOEXEC); /* takes the lowest that is free */
}

static void configure(const struct request *rq)
{
	if (config_rest(&conf, environ, rq->file) < 0)
		die(EXIT_USAGE, "%s", conf.error);
	if (rq->user)
		proxies_user(&conf, rq->user);
}

static const char *library(char path[static PATH_MAX])
{
	const char *why = library_find(path);

	if (why)
		die(EXIT_CANNOT, "%s: the library %s", path, why);
	return path;
}

static int find(const char *name, char path[static PATH_MAX])
{
	int kind = command_find(name, path);

	if (kind == -ENOENT || kind == -ENOTDIR)
		die(EXIT_NOT_FOUND, "%s: not found", name);
	if (kind < 0)
		die(EXIT_CANNOT, "%s: %s", name, strerror(-kind));
	return kind;
}

/* Static as it is, sockshim may be the command: it starts a session of its own. */
static bool is_self(const char *path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat("/proc/self/exe", &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void __attribute__((noreturn)) give_up(int status)
{
	session_end(cmd.session, cmd.session_name);
	exit(status);
}

/* One line: what it is, why that matters, what to do. */
static void admit(const char *path, enum program_kind kind)
{
	const char *why = command_escapes(kind);

	if (!why || is_self(path))
		return;
	if (settings.unwrappable == UNWRAPPABLE_REFUSE) {
		int status = EXIT_CANNOT;

		warn("%s %s: the library cannot see its calls, they would bypass the proxy; "
		     "-o Unwrappable=allow runs it all the same",
		     path, why);
		if (cmd.auditor)
			status = auditor_refused(&auditor, cmd.session, path, (int)kind);
		give_up(status < 0 ? EXIT_CANNOT : status);
	}
	auditor_allowed(cmd.session, path, (int)kind);
	if (settings.log >= LOG_WARN)
		warn("%s %s: it bypasses the proxy (Unwrappable allow)", path, why);
}

/*
 * A supervisor above this process judges already, through the gate of its own session: that is
 * joined.
 */
static bool join_outer(struct session *s)
{
	const char *name = getenv(SESSION_ENV);
	int error;
	struct session *outer = name ? session_open(name, &error) : NULL;

	if (!outer)
		return false;
	s->gate = outer->gate;
	s->unprivileged = outer->unprivileged;
	session_close(outer);
	return s->gate != 0;
}

static void no_guard(const char *path, const char *why)
{
	if (settings.guard == GUARD_REQUIRE) {
		warn("Guard require: %s", why);
		if (cmd.auditor)
			auditor_end(&auditor, cmd.session, EXIT_USAGE << 8, false, false);
		give_up(EXIT_USAGE);
	}
	if (settings.log >= LOG_WARN)
		warn("no guard: %s; programs that the library cannot load in are refused", why);
	admit(path, (enum program_kind)command_kind);
}

static void unguarded(const struct command *c, int error)
{
	if (error != EBUSY || !join_outer(c->session))
		no_guard(c->path, guard_error(error));
}

/* A setuid program runs, with the caller's own rights: nobody can be given more behind a filter. */
static bool is_guarded(const char *path)
{
	const char *why;

	if (settings.guard == GUARD_OFF) {
		admit(path, (enum program_kind)command_kind);
		return false;
	}
	why = guard_lacks();
	if (!why) {
		if ((command_kind == PROGRAM_SETUID || command_kind == PROGRAM_SETCAP) &&
		    geteuid() && settings.log >= LOG_WARN)
			warn("%s %s: it runs without its privilege", path,
			     program_words((enum program_kind)command_kind));
		return true;
	}
	no_guard(path, why);
	return false;
}

static struct session *make_session(const char *library_path, bool audited,
				    char name[static SESSION_NAME])
{
	int error;
	struct session *s = session_create(&settings, audited, name, &error);

	if (!s)
		die(EXIT_CANNOT, "no memory to share with the command: %s", strerror(-error));
	session_set_library(s, library_path);
	return s;
}

/* A session without a file is found through /proc; where neither is, a supervisor does without. */
static void check_place(const char *session)
{
	int fd = strncmp(session, "/proc/", 6) ? 0 : sys_open("/proc/self/fd", O_RDONLY, 0);

	if (fd < 0)
		die(EXIT_CANNOT, "no memory to share with the command: /dev/shm cannot be used, "
				 "and /proc is not there");
	if (fd)
		sys_close(fd);
}

static void say_inherited(const char *words)
{
	if (settings.log >= LOG_WARN)
		warn("%s", words);
}

static void start_audit(const struct request *rq)
{
	int status = auditor_start(&auditor, &rq->audit, cmd.session_name, rq->command);

	if (status)
		give_up(status);
	cmd.auditor = &auditor;
}

/* musl's loader stops at a library of another libc's: the guard alone has those programs. */
static bool is_loadable(void)
{
	return !cmd.guarded || command_kind != PROGRAM_FOREIGN;
}

static void __attribute__((noreturn)) run(const struct request *rq)
{
	static char session[SESSION_NAME];
	char path[PATH_MAX];
	const char *library_path;

	cmd.argv = rq->command;
	cmd.session_name = session;
	cmd.unguarded = unguarded;
	command_kind = find(cmd.argv[0], path);
	cmd.path = memory_keep(path);
	library_path = memory_keep(library(path));
	cmd.session = make_session(library_path, rq->audit.wanted, session);
	if (rq->audit.wanted)
		start_audit(rq);
	cmd.guarded = is_guarded(cmd.path);
	if (!cmd.guarded)
		check_place(session);
	if (command_kind == PROGRAM_UNKNOWN)
		cmd.script = command_script(cmd.path, cmd.argv);
	inherit_scan(cmd.session, say_inherited);
	cmd.env = environment_make(environ, library_path, is_loadable(), session, &cmd.own_pid);
	child_run(&cmd);
}

int main(int argc, char **argv)
{
	struct request rq = {0};

	(void)argc;
	occupy_standard();
	conf_init_zeroed(&conf, &settings);
	if (torsocks_is(argv[0]))
		torsocks_read(&rq, &conf, argv);
	else
		options_read(&rq, &conf, argv);
	if (rq.import)
		return import_show(rq.import);
	if (rq.off)
		return env_print(&rq, &conf);
	configure(&rq);
	if (rq.print)
		return show_settings(&conf);
	proxies_resolve(&settings);
	if (rq.check)
		return check_all(&conf, &rq);
	if (rq.env)
		return env_print(&rq, &conf);
	if (rq.shell)
		rq.command = shell_command(rq.command);
	run(&rq);
}
