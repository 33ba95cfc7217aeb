/* SPDX-License-Identifier: MIT */
/*
 * audit.c - what the supervisor tells the auditor, and the calls that only an audit makes it see:
 * those that the filter refuses by itself otherwise. What the filter would have said is found by
 * running it.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "audit.h"
#include "events.h"
#include "filter.h"
#include "kernel.h"
#include "place.h"
#include "supervisor.h"
#include "sys.h"

static struct events *events(void)
{
	return session_events(supervisor.session);
}

static struct event begin(enum event_kind kind, int32_t tid)
{
	return (struct event){.kind = (uint8_t)kind,
			      .by = EVENT_BY_GUARD,
			      .time = sys_now(),
			      .pid = caller_pid(tid),
			      .name = -1,
			      .nr = -1};
}

static void add(struct event *e, int32_t tid, const char *target, const char *module)
{
	char exe[256];

	caller_exe(tid, exe, sizeof(exe));
	events_add(events(), e, exe, target, module);
}

void audit_attempt(const struct request *rq, const struct call *c, const struct decision *d)
{
	char target[EVENT_TARGET], module[256] = "";
	struct event e;

	if (!events())
		return;
	e = begin(EVENT_ATTEMPT, rq->caller.tid);
	e.nr = (int16_t)rq->data->nr;
	event_fill_attempt(&e, c, d, target);
	place_find(rq->caller.tid, rq->data->instruction_pointer, module, sizeof(module),
		   &e.offset);
	add(&e, rq->caller.tid, target, module);
}

void audit_begin(const struct pending *p)
{
	char target[EVENT_TARGET];
	struct event e;

	if (!events())
		return;
	e = begin(EVENT_BEGIN, p->caller.tid);
	event_fill_stream(&e, supervisor.session, &p->stream, p->caller.fd, target);
	add(&e, p->caller.tid, target, NULL);
}

void audit_end(const struct pending *p, int error)
{
	struct event e;

	if (!events())
		return;
	e = begin(EVENT_END, p->caller.tid);
	e.cookie = p->cookie;
	e.error = (int16_t)error;
	e.sent = p->stream.sent;
	e.received = p->stream.received;
	events_add(events(), &e, NULL, NULL, NULL);
}

void audit_direct(const struct request *rq, const struct call *c, uint64_t cookie)
{
	char target[EVENT_TARGET];
	struct event e;

	if (!events())
		return;
	e = begin(EVENT_DIRECT, rq->caller.tid);
	e.cookie = cookie;
	event_fill_direct(&e, c, rq->caller.fd, target);
	add(&e, rq->caller.tid, target, NULL);
}

void audit_unseen(int32_t tid)
{
	struct event e;

	if (!events())
		return;
	e = begin(EVENT_UNSEEN, tid);
	add(&e, tid, NULL, NULL);
}

/* The errno that the plain filter has for this call; 0: it would have asked the supervisor. */
static int refused_by_filter(const struct seccomp_data *data)
{
	static LARGE(2) struct sock_filter code[FILTER_MAX];
	static size_t len;
	uint32_t answer;

	if (!len)
		len = filter_build(code, supervisor.session->gate, false);
	answer = filter_run(code, len, data);
	return (answer & SECCOMP_RET_ACTION) == SECCOMP_RET_ERRNO ? (int)(answer & SECCOMP_RET_DATA)
								  : 0;
}

/* What a call that only has registers asked for, as decide() has it. */
static struct call describe(const struct seccomp_data *data)
{
	struct call c = {.kind = CALL_SOCKET};

	if (data->nr == SYS_socket) {
		c.domain = (int)data->args[0];
		c.type = (int)data->args[1] & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
		c.protocol = (int)data->args[2];
	} else if (data->nr == SYS_setsockopt) {
		c.kind = CALL_OPTION;
		c.level = (int)data->args[1];
		c.option = (int)data->args[2];
	}
	return c;
}

bool audit_filtered(const struct seccomp_notif *n)
{
	int error = events() ? refused_by_filter(&n->data) : 0;
	struct request rq = {.id = n->id, .data = &n->data, .caller = {.tid = (int32_t)n->pid}};
	struct decision d;
	struct call c;

	if (!error)
		return false;
	c = describe(&n->data);
	decide(&supervisor.session->settings, &c, &d);
	if (filter_is_foreign(&n->data) || d.verdict == VERDICT_PASS) {
		c.domain = 0;
		d.reason = filter_is_foreign(&n->data)	   ? AUDIT_REASON_ABI
			   : n->data.nr == SYS_pidfd_getfd ? REASON_INHERITED
			   : n->data.nr == SYS_request_key ? REASON_DNS
							   : AUDIT_REASON_IO_URING;
	}
	d.verdict = VERDICT_REFUSE;
	d.error = error;
	audit_attempt(&rq, &c, &d);
	supervisor_answer(n->id, -error);
	return true;
}
