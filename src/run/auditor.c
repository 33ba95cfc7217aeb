/* SPDX-License-Identifier: MIT */
/*
 * auditor.c - the launcher's part of an audit: it starts the auditor (sockshimctl) before the
 * command, tells it how that ended, and takes the verdict into the exit status. All else is the
 * auditor's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auditor.h"
#include "events.h"
#include "run.h"
#include "sys.h"

#define AUDITOR "sockshimctl"

/* Beside the launcher, as it is in the build directory and where it is installed. */
static bool find(char path[static PATH_MAX])
{
	size_t len = own_directory(path);

	if (len && len + sizeof("/" AUDITOR) <= PATH_MAX) {
		strcpy(path + len, "/" AUDITOR);
		if (access(path, X_OK) == 0)
			return true;
	}
	warn("--audit needs " AUDITOR " beside sockshim: %s: %s", path, strerror(errno));
	return false;
}

/* A session of its own: what the terminal sends to the command's group is not for the auditor. */
static void __attribute__((noreturn)) become(const char *path, char **words, int fd)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	signal(SIGTTOU, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (fd == AUDITOR_FD)
		fcntl(fd, F_SETFD, 0);
	else
		dup2(fd, AUDITOR_FD);
	SYS3(SYS_close_range, AUDITOR_FD + 1, ~0U, 0);
	execv(path, words);
	_exit(EXIT_CANNOT);
}

/* audit --session NAME --format F … -- command …: the strings live as long as the launcher. */
static char **make_words(const struct audit_request *rq, const char *session, char **command)
{
	const char *const options[][2] = {{"--session", session},     {"--format", rq->format},
					  {"--file", rq->file},	      {"--policy", rq->policy},
					  {"--control", rq->control}, {"--exit", rq->exit}};
	size_t count = 0, n = 0;
	const char **out;

	while (command[count])
		count++;
	out = memory_take((count + 2 * sizeof(options) / sizeof(options[0]) + 4) * sizeof(*out));
	out[n++] = AUDITOR;
	out[n++] = "audit";
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!options[i][1])
			continue;
		out[n++] = options[i][0];
		out[n++] = options[i][1];
	}
	out[n++] = "--";
	memcpy(out + n, command, count * sizeof(*out));
	return (char **)out;
}

static bool read_byte(int fd, char *byte)
{
	ssize_t n;

	do
		n = read(fd, byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* It has said on stderr why it cannot. */
static int not_ready(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE ? EXIT_USAGE : EXIT_CANNOT;
}

int auditor_start(struct auditor *a, const struct audit_request *rq, const char *session,
		  char **command)
{
	char path[PATH_MAX], byte;
	int pair[2];

	if (!find(path))
		return EXIT_CANNOT;
	a->attempts = rq->exit ? (int)strtol(rq->exit, NULL, 10) : EXIT_ATTEMPTS;
	a->pid = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -1 : fork();
	if (a->pid < 0) {
		warn("no process for the auditor: %s", strerror(errno));
		return EXIT_CANNOT;
	}
	if (a->pid == 0)
		become(path, make_words(rq, session, command), pair[1]);
	close(pair[1]);
	a->fd = pair[0];
	return read_byte(a->fd, &byte) ? 0 : not_ready(a->pid);
}

int auditor_end(const struct auditor *a, const struct session *s, int status, bool ran,
		bool guarded)
{
	const struct auditor_end end = {
		.status = status,
		.guard = guarded   ? AUDITOR_GUARD_ON
			 : s->gate ? AUDITOR_GUARD_OUTER
				   : AUDITOR_GUARD_OFF,
		.ran = ran,
	};
	char verdict = 0;

	if (send(a->fd, &end, sizeof(end), MSG_NOSIGNAL) != sizeof(end) ||
	    !read_byte(a->fd, &verdict))
		verdict = 0;
	waitpid(a->pid, NULL, 0);
	switch (verdict) {
	case AUDITOR_CLEAN:
		return -1;
	case AUDITOR_FOUND:
		return a->attempts ? a->attempts : -1;
	default:
		if (!verdict)
			warn("the auditor has died: there is no verdict");
		return EXIT_UNJUDGED;
	}
}

int auditor_refused(const struct auditor *a, const struct session *s, const char *path, int kind)
{
	const struct event e = {.kind = EVENT_UNCOVERED,
				.by = EVENT_BY_LAUNCHER,
				.time = sys_now(),
				.pid = getpid(),
				.reason = (uint8_t)kind};

	events_add(session_events(s), &e, path, path, NULL);
	return auditor_end(a, s, EXIT_CANNOT << 8, false, false);
}

void auditor_allowed(const struct session *s, const char *path, int kind)
{
	const struct event e = {.kind = EVENT_UNCOVERED,
				.by = EVENT_BY_LAUNCHER,
				.time = sys_now(),
				.pid = getpid(),
				.reason = (uint8_t)kind,
				.started = true};

	if (session_events(s))
		events_add(session_events(s), &e, path, path, NULL);
}
