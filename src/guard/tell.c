/* SPDX-License-Identifier: MIT */
/*
 * tell.c - the controller (Report) hears of what goes through the supervisor; its answers are an
 * event of the loop, as all else.
 */
#include <stddef.h>
#include <sys/epoll.h>

#include "reporter.h"
#include "supervisor.h"
#include "sys.h"

static void who(const struct stream *st, struct report_process *p)
{
	static char exe[256];
	const struct pending *of;

	*p = (struct report_process){.pid = sys_getpid(), .tid = sys_getpid()};
	if (!st)
		return;
	of = (const struct pending *)((uintptr_t)st - offsetof(struct pending, stream));
	tell_process(of->caller.tid, p, exe, sizeof(exe));
}

void tell_process(int32_t tid, struct report_process *p, char *exe, size_t size)
{
	p->tid = tid;
	p->pid = caller_pid(tid);
	p->started = reporter_started(p->pid, &p->ppid);
	caller_exe(tid, exe, size);
	p->exe = exe;
}

bool tell_wanted(void)
{
	return supervisor.session->settings.report != 0;
}

void tell_begin(void)
{
	static const struct reporter_host host = {.who = who, .supervisor = true};

	if (tell_wanted())
		reporter_use(&host);
}

int tell_inherited(void)
{
	const struct settings *s = &supervisor.session->settings;
	struct report_target t;

	return !report_target(s->text + s->report, &t) && t.kind == REPORT_FD ? t.fd : -1;
}

/* One that was closed has left the epoll by itself; its number may be the next one's. */
void tell_watch(void)
{
	supervisor_watch(EPOLL_CTL_ADD, reporter_fd(), EPOLLIN, SOURCE_REPORT, 0);
}

static void go_on(struct pending *p)
{
	if (p->kind == PENDING_PROXY && p->stream.state == STREAM_REPORT)
		judge_event(p);
}

void tell_event(void)
{
	reporter_listen(supervisor.session);
	pending_each(go_on);
}

void tell_attempt(const struct request *rq, const struct attempt *a)
{
	char exe[256];
	struct report r = {
		.event = REPORT_ATTEMPT,
		.call = call_kind_name((enum call_kind)a->call),
		.reason = reason_name((enum reason)a->reason),
		.error = a->error,
		.target = a->target,
		.from = a->from,
	};

	if (!tell_wanted())
		return;
	tell_process(rq->caller.tid, &r.by, exe, sizeof(exe));
	reporter_tell(supervisor.session, &r);
}
