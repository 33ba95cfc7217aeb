/* SPDX-License-Identifier: MIT */
/*
 * hook_exec.c - programs started by this one stay in the session, whatever environment they are
 * given, and those that the library cannot be loaded into are not started (Unwrappable refuse).
 *
 * Everything here may run after vfork: memory comes from the stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audited.h"
#include "kept.h"
#include "pend.h"
#include "proc.h"
#include "program.h"
#include "sys.h"

extern char **environ;

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
	return real(execve)(path, argv, KEPT(envp));
}

WRAP int execv(const char *path, char *const argv[])
{
	if (check(AT_FDCWD, path) < 0)
		return (int)libc_result(-EACCES);
	return real(execve)(path, argv, KEPT(environ));
}

WRAP int execvpe(const char *file, char *const argv[], char *const envp[])
{
	if (check_search(file) < 0)
		return (int)libc_result(-EACCES);
	return real(execvpe)(file, argv, KEPT(envp));
}

WRAP int execvp(const char *file, char *const argv[])
{
	if (check_search(file) < 0)
		return (int)libc_result(-EACCES);
	return real(execvpe)(file, argv, KEPT(environ));
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
	return real(execve)(path, argv, KEPT(environ));
}

WRAP int execlp(const char *file, const char *arg, ...)
{
	char **argv;
	va_list ap;

	ARGUMENTS(argv, arg, ap);
	va_end(ap);
	if (check_search(file) < 0)
		return (int)libc_result(-EACCES);
	return real(execvpe)(file, argv, KEPT(environ));
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
	return real(execve)(path, argv, KEPT(envp));
}

WRAP int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	char by_fd[PROC_PATH];

	if (!readable(path, 1) || *path) {
		if (check(dirfd, path) < 0)
			return (int)libc_result(-EACCES);
		return real(execveat)(dirfd, path, argv, KEPT(envp), flags);
	}
	proc_number(by_fd, PROC_SELF, "/fd/", dirfd);
	if (dirfd >= 0 && check(AT_FDCWD, by_fd) < 0)
		return (int)libc_result(-EACCES);
	return real(execveat)(dirfd, path, argv, KEPT(envp), flags);
}

WRAP int fexecve(int fd, char *const argv[], char *const envp[])
{
	char by_fd[PROC_PATH];

	proc_number(by_fd, PROC_SELF, "/fd/", fd);
	if (fd >= 0 && check(AT_FDCWD, by_fd) < 0)
		return (int)libc_result(-EACCES);
	return real(fexecve)(fd, argv, KEPT(envp));
}

WRAP int posix_spawn(pid_t *restrict pid, const char *restrict path,
		     const posix_spawn_file_actions_t *restrict actions,
		     const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		     char *const envp[restrict])
{
	if (check(AT_FDCWD, path) < 0)
		return EACCES;
	return real(posix_spawn)(pid, path, actions, attr, argv, KEPT(envp));
}

WRAP int posix_spawnp(pid_t *restrict pid, const char *restrict file,
		      const posix_spawn_file_actions_t *restrict actions,
		      const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		      char *const envp[restrict])
{
	if (check_search(file) < 0)
		return EACCES;
	return real(posix_spawnp)(pid, file, actions, attr, argv, KEPT(envp));
}

/*
 * system(3) and popen(3) start the shell from inside libc, with environ as it is. A program that
 * has cleared it gets it back afterwards.
 */
WRAP int system(const char *command)
{
	char **was = environ;
	int status;

	environ = KEPT(was);
	status = real(system)(command);
	environ = was;
	return status;
}

WRAP FILE *popen(const char *command, const char *mode)
{
	char **was = environ;
	FILE *f;

	environ = KEPT(was);
	f = real(popen)(command, mode);
	environ = was;
	return f;
}

/* $(…) in the words is the shell's. */
WRAP int wordexp(const char *restrict words, wordexp_t *restrict result, int flags)
{
	char **was = environ;
	int error;

	environ = KEPT(was);
	error = real(wordexp)(words, result, flags);
	environ = was;
	return error;
}
