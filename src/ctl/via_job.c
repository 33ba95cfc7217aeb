/* SPDX-License-Identifier: MIT */
/* via_job.c - the command, run under sockshim through one circuit. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "client.h"
#include "ctl.h"
#include "via.h"

#define GRACE_MS 1000

/* ---- the end of a job ---- */

static void close_output(struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_forget(w);
	close(w->fd);
	w->fd = -1;
}

static void done(struct via *v, struct job *j)
{
	if (j->state == JOB_DONE)
		return;
	if (j->state != JOB_ENDS)
		j->ended = client_now();
	j->state = JOB_DONE;
	loop_cancel(&j->limit);
	for (int i = 0; j->text && i < 2; i++)
		close_output(&j->reading[i]);
	if (j->circuit[0])
		tor_sendf(&v->tor, NULL, NULL, "CLOSECIRCUIT %s", j->circuit);
	v->active--;
	result_print(v->format, j);
	if (v->format != VIA_JUNIT) {
		free(j->text);
		j->text = NULL;
	}
}

void via_job_fail(struct via *v, struct job *j, const char *format, ...)
{
	va_list args;

	if (!j->failure[0] && j->state < JOB_ENDS) {
		va_start(args, format);
		vsnprintf(j->failure, sizeof(j->failure), format, args);
		va_end(args);
	}
	if (j->state == JOB_ENDS || j->state == JOB_DONE)
		return;
	if (j->state == JOB_RUNS)
		kill(-j->pid, SIGKILL); /* its end is seen by SIGCHLD */
	else
		done(v, j);
}

static void fire(struct timer *t)
{
	struct job *j = t->owner;

	if (j->state == JOB_BUILDS)
		via_circuit_late(j->via, j);
	else if (j->state == JOB_RUNS)
		via_job_fail(j->via, j, "timeout");
	else if (j->state == JOB_ENDS)
		done(j->via, j);
}

void via_job_limit(struct job *j, int64_t ms)
{
	j->limit.fire = fire;
	j->limit.owner = j;
	loop_timer(&j->limit, ms);
}

/* ---- running the command ---- */

/* In the child. Reports are tried, not required: a stream without one has its user name. */
static void __attribute__((noreturn))
execute(const struct via *v, const struct job *j, int out, int err)
{
	const char *const begin[] = {"sockshim",
				     "-p",
				     v->proxy,
				     "-u",
				     j->name,
				     "--tag",
				     j->name,
				     "-o",
				     v->report,
				     "-o",
				     "ReportMode=optional",
				     "-o",
				     "ReportAck=no",
				     "--"};
	const size_t n = sizeof(begin) / sizeof(begin[0]);
	size_t words = 0;
	const char **argv;
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	while (v->command[words])
		words++;
	argv = calloc(n + words + 1, sizeof(*argv));
	if (!argv)
		_exit(126);
	memcpy(argv, begin, sizeof(begin));
	memcpy(argv + n, v->command, words * sizeof(*argv));
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setrlimit(RLIMIT_NOFILE, &v->files);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setenv("TOR_EXIT", j->exit->fingerprint, 1);
	setenv("TOR_EXIT_NICKNAME", j->exit->nickname, 1);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	execvp(beside_sockshim(), (char **)argv);
	dprintf(2, "sockshimctl: %s: %s\n", beside_sockshim(), strerror(errno));
	_exit(127);
}

/* Takes what it has printed; what is too much is thrown away. */
static void read_output(struct watch *w, struct output *o)
{
	char waste[4096];

	while (w->fd >= 0) {
		bool room = o->len < VIA_OUTPUT;
		ssize_t n = read(w->fd, room ? o->text + o->len : waste,
				 room ? VIA_OUTPUT - o->len : sizeof(waste));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			close_output(w);
		else if (room)
			o->len += (size_t)n;
	}
}

static void ready(struct watch *w, uint32_t events)
{
	struct job *j = w->owner;

	(void)events;
	read_output(w, &j->text[w - j->reading]);
}

static void read_from(struct job *j, int i, int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	j->reading[i] = (struct watch){.fd = fd, .ready = ready, .owner = j};
	if (loop_watch(&j->reading[i], EPOLLIN) < 0)
		ctl_die(1, "too many pipes");
}

void via_job_run(struct via *v, struct job *j)
{
	int out[2], err[2];

	j->text = calloc(2, sizeof(*j->text));
	if (!j->text || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		ctl_die(1, "no pipe: %s", strerror(errno));
	j->began = client_now();
	via_job_limit(j, (int64_t)v->o.timeout * 1000);
	j->pid = fork();
	if (j->pid == 0)
		execute(v, j, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	read_from(j, 0, out[0]);
	read_from(j, 1, err[0]);
	if (j->pid < 0) {
		via_job_fail(v, j, "no process: %s", strerror(errno));
		return;
	}
	setpgid(j->pid, j->pid);
	j->state = JOB_RUNS;
}

/* Tor tells of streams in batches, often after the command has what it wanted. */
static void ended(struct via *v, struct job *j)
{
	j->state = JOB_ENDS;
	j->ended = client_now();
	via_job_limit(j, GRACE_MS);
	if (j->closed >= j->streams)
		done(v, j);
}

void via_job_gone(struct via *v, pid_t pid, int status)
{
	for (size_t i = 0; i < v->next; i++) {
		struct job *j = &v->jobs[i];

		if (j->state != JOB_RUNS || j->pid != pid)
			continue;
		j->status = status;
		for (int k = 0; k < 2; k++)
			read_output(&j->reading[k], &j->text[k]);
		ended(v, j);
	}
}

void via_job_closed(struct via *v, struct job *j)
{
	j->closed++;
	if (j->state == JOB_ENDS && j->closed >= j->streams)
		done(v, j);
}

struct job *via_job_named(struct via *v, const char *name)
{
	for (size_t i = 0; i < v->next; i++)
		if (!strcmp(v->jobs[i].name, name))
			return &v->jobs[i];
	return NULL;
}
