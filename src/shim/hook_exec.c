/* SPDX-License-Identifier: MIT */
/*
 * hook_exec.c - programs started by this one stay in the session, whatever environment they are
 * given, and those that the library cannot be loaded into are not started (Unwrappable refuse).
 *
 * Everything here may run after vfork: memory comes from the stack.
 */
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "audited.h"
#include "pend.h"
#include "proc.h"
#include "program.h"
#include "sys.h"

extern char **environ;

#define STACK_MAX 32768 /* bytes of an environment on the stack */

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

void exec_start(const struct session *s)
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

/* Room that kept() needs: pointers first, then LD_PRELOAD's new text. */
static size_t room(char *const *env)
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

/* Builds in `space` (of room() bytes) an environment like `env` that keeps the session. */
static char **keep(char *const *env, char *space)
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

/* Is `env` to be handed on as it is? Also before our constructor has run. */
static bool stays(char *const *env)
{
	if (!needed_len)
		exec_start(here());
	return !needed_len || !can_read(env) || is_kept(env);
}

/*
 * Environments of thousands of variables do not fit on the stack of every thread. This memory stays:
 * after vfork nobody comes back to free it, and they are rare.
 */
static char *mapped(size_t size)
{
	long at =
		SYS6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at < 0 && at > -4096 ? NULL : (char *)at;
}

/* An environment with the session in it: the given one, or one on the caller's stack. */
#define KEEP(env)                                                                                  \
	(stays(env) ? (char **)(env)                                                               \
		    : keep(env, room(env) > STACK_MAX ? mapped(room(env)) : alloca(room(env))))

/* sockshim itself is static: inside a session it starts another one. */
static bool is_launcher(const struct session *s, int dirfd, const char *path)
{
	struct stat st;

	return s && s->launcher_ino && SYS4(SYS_newfstatat, dirfd, path, &st, 0) == 0 &&
	       st.st_dev == s->launcher_dev && st.st_ino == s->launcher_ino;
}

/* One line for each program: what becomes of it, and why. */
static void say_start(const char *path, const char *what, const char *why, const char *more)
{
	struct call c = {.name = path, .name_len = strlen(path)};
	struct log_line l;
	struct bytes_out *o;

	if (!log_wants(LOG_WARN) || said_before(&c, REASON_COUNT))
		return;
	o = say(&l, LOG_WARN);
	bytes_put_text(o, what);
	bytes_put_text(o, path);
	bytes_put_text(o, ": it ");
	bytes_put_text(o, why);
	bytes_put_text(o, more);
	log_end(&l);
}

/* Would this program run with more rights than its caller's, were it not for the guard? */
static const char *is_privileged(int dirfd, const char *path)
{
	const unsigned int group = S_ISGID | S_IXGRP;
	struct stat st;
	char caps[32];

	if (SYS4(SYS_newfstatat, dirfd, path, &st, 0) < 0)
		return NULL;
	if (((st.st_mode & S_ISUID) && st.st_uid != (uid_t)SYS0(SYS_geteuid)) ||
	    ((st.st_mode & group) == group && st.st_gid != (gid_t)SYS0(SYS_getegid)))
		return program_words(PROGRAM_SETUID);
	if (dirfd == AT_FDCWD &&
	    SYS4(SYS_getxattr, path, "security.capability", caps, sizeof(caps)) > 0)
		return program_words(PROGRAM_SETCAP);
	return NULL;
}

/* The guard takes over where the library cannot follow. */
static int check_guarded(const struct session *s, int dirfd, const char *path)
{
	const char *why = s->unprivileged ? is_privileged(dirfd, path) : NULL;

	if (why)
		say_start(path, "without its privilege: ", why,
			  ", and under the guard nobody gets more rights");
	return 0;
}

/* A program that reads past the library must find no reply that is owed. */
static void settle_for(int dirfd, const char *path)
{
	int kind = program_judge(dirfd, path);

	if (kind >= 0 && kind != PROGRAM_WRAPPABLE && kind != PROGRAM_SCRIPT)
		held_settle_all();
}

/* 0, or -EACCES (and one line) for a program that the library cannot follow into. */
static int check(int dirfd, const char *path)
{
	const struct session *s = here();
	bool allowed = s && s->settings.unwrappable == UNWRAPPABLE_ALLOW;
	int kind;

	fds_forget_tcp(); /* a vfork child's are not its parent's */
	if (pend_any())
		settle_for(dirfd, path);
	if (allowed && (s->gate || !s->audited))
		return 0;
	if (s && s->gate)
		return check_guarded(s, dirfd, path);
	if (!s && here_left_to_guard())
		return 0;
	kind = program_judge(dirfd, path);
	if (kind < 0 || kind == PROGRAM_WRAPPABLE || kind == PROGRAM_SCRIPT ||
	    kind == PROGRAM_UNKNOWN || (kind == PROGRAM_STATIC && is_launcher(s, dirfd, path)))
		return 0;
	audit_uncovered(path, kind, allowed);
	if (allowed)
		return 0;
	say_start(path, "refused: start of ", program_words((enum program_kind)kind),
		  ", so its connections cannot be seen; set Unwrappable allow to run it "
		  "unprotected");
	return -EACCES;
}

/* The same for a name that is searched in PATH, as execvp(3) does. */
static int check_search(const char *file)
{
	const char *path = getenv("PATH"), *next;
	char candidate[4096];
	size_t len;

	if (strchr(file, '/') || !*file)
		return *file ? check(AT_FDCWD, file) : 0;
	for (path = path ? path : "/bin:/usr/bin"; path; path = *next ? next + 1 : NULL) {
		next = strchr(path, ':');
		next = next ? next : path + strlen(path);
		len = (size_t)(next - path);
		if (len + strlen(file) + 2 > sizeof(candidate))
			continue;
		memcpy(candidate, path, len);
		if (len)
			candidate[len++] = '/';
		strcpy(candidate + len, file);
		if (SYS3(SYS_faccessat, AT_FDCWD, candidate, 1 /* X_OK */) == 0)
			return check(AT_FDCWD, candidate);
	}
	return 0;
}

WRAP int execve(const char *path, char *const argv[], char *const envp[])
{
	if (check(AT_FDCWD, path) < 0)
		return (int)libc_result(-EACCES);
	return real.execve(path, argv, KEEP(envp));
}

WRAP int execv(const char *path, char *const argv[])
{
	if (check(AT_FDCWD, path) < 0)
		return (int)libc_result(-EACCES);
	return real.execve(path, argv, KEEP(environ));
}

WRAP int execvpe(const char *file, char *const argv[], char *const envp[])
{
	if (check_search(file) < 0)
		return (int)libc_result(-EACCES);
	return real.execvpe(file, argv, KEEP(envp));
}

WRAP int execvp(const char *file, char *const argv[])
{
	if (check_search(file) < 0)
		return (int)libc_result(-EACCES);
	return real.execvpe(file, argv, KEEP(environ));
}

/* The arguments of execl and relatives as an array on the stack; `ap` stands behind the NULL. */
#define ARGUMENTS(argv, first, ap)                                                                 \
	do {                                                                                       \
		size_t n_ = 1;                                                                     \
		va_start(ap, first);                                                               \
		while (va_arg(ap, char *))                                                         \
			n_++;                                                                      \
		va_end(ap);                                                                        \
		(argv) = alloca((n_ + 1) * sizeof(char *));                                        \
		(argv)[0] = (char *)(uintptr_t)(first);                                            \
		va_start(ap, first);                                                               \
		for (size_t i_ = 1; i_ <= n_; i_++)                                                \
			(argv)[i_] = va_arg(ap, char *);                                           \
	} while (0)

WRAP int execl(const char *path, const char *arg, ...)
{
	char **argv;
	va_list ap;

	ARGUMENTS(argv, arg, ap);
	va_end(ap);
	if (check(AT_FDCWD, path) < 0)
		return (int)libc_result(-EACCES);
	return real.execve(path, argv, KEEP(environ));
}

WRAP int execlp(const char *file, const char *arg, ...)
{
	char **argv;
	va_list ap;

	ARGUMENTS(argv, arg, ap);
	va_end(ap);
	if (check_search(file) < 0)
		return (int)libc_result(-EACCES);
	return real.execvpe(file, argv, KEEP(environ));
}

WRAP int execle(const char *path, const char *arg, ...)
{
	char **argv, **envp;
	va_list ap;

	ARGUMENTS(argv, arg, ap);
	envp = va_arg(ap, char **);
	va_end(ap);
	if (check(AT_FDCWD, path) < 0)
		return (int)libc_result(-EACCES);
	return real.execve(path, argv, KEEP(envp));
}

WRAP int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	char by_fd[PROC_PATH];

	if (!readable(path, 1) || *path) {
		if (check(dirfd, path) < 0)
			return (int)libc_result(-EACCES);
		return real.execveat(dirfd, path, argv, KEEP(envp), flags);
	}
	proc_number(by_fd, PROC_SELF, "/fd/", dirfd);
	if (dirfd >= 0 && check(AT_FDCWD, by_fd) < 0)
		return (int)libc_result(-EACCES);
	return real.execveat(dirfd, path, argv, KEEP(envp), flags);
}

WRAP int fexecve(int fd, char *const argv[], char *const envp[])
{
	char by_fd[PROC_PATH];

	proc_number(by_fd, PROC_SELF, "/fd/", fd);
	if (fd >= 0 && check(AT_FDCWD, by_fd) < 0)
		return (int)libc_result(-EACCES);
	return real.fexecve(fd, argv, KEEP(envp));
}

WRAP int posix_spawn(pid_t *restrict pid, const char *restrict path,
		     const posix_spawn_file_actions_t *restrict actions,
		     const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		     char *const envp[restrict])
{
	if (check(AT_FDCWD, path) < 0)
		return EACCES;
	return real.posix_spawn(pid, path, actions, attr, argv, KEEP(envp));
}

WRAP int posix_spawnp(pid_t *restrict pid, const char *restrict file,
		      const posix_spawn_file_actions_t *restrict actions,
		      const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		      char *const envp[restrict])
{
	if (check_search(file) < 0)
		return EACCES;
	return real.posix_spawnp(pid, file, actions, attr, argv, KEEP(envp));
}

/*
 * system(3) and popen(3) start the shell from inside libc, with environ as it is. A program that has
 * cleared it gets it back afterwards.
 */
WRAP int system(const char *command)
{
	char **was = environ;
	int status;

	environ = KEEP(was);
	status = real.system(command);
	environ = was;
	return status;
}

WRAP FILE *popen(const char *command, const char *mode)
{
	char **was = environ;
	FILE *f;

	environ = KEEP(was);
	f = real.popen(command, mode);
	environ = was;
	return f;
}

/* $(…) in the words is the shell's. */
WRAP int wordexp(const char *restrict words, wordexp_t *restrict result, int flags)
{
	char **was = environ;
	int error;

	environ = KEEP(was);
	error = real.wordexp(words, result, flags);
	environ = was;
	return error;
}
