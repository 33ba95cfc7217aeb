/* SPDX-License-Identifier: MIT */
/*
 * audited.c - what the library tells the auditor.
 *
 * Where a call came from is found by the frame pointers, with which this library is compiled: the
 * first return address outside of it is the caller's. No unwinder is needed, and none could be
 * used: it takes locks and memory.
 *
 * An event and its texts are kilobytes, which only who is audited needs of his stack: TOLD.
 */
#include "audited.h"

#include "events.h"
#include "place.h"
#include "reporter.h"
#include "sys.h"

#define TOLD static __attribute__((noinline))

/* The linker's: where the library begins, and where its code ends. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _etext[] __attribute__((visibility("hidden")));

static uintptr_t find_caller(void)
{
	const uintptr_t *frame = __builtin_frame_address(0), *next;

	for (int depth = 0; depth < 32; depth++) {
		if (frame[1] < (uintptr_t)__ehdr_start || frame[1] >= (uintptr_t)_etext)
			return frame[1];
		next = (const uintptr_t *)frame[0];
		if (next <= frame || ((uintptr_t)next & 7))
			break;
		frame = next;
	}
	return 0;
}

static struct event begin(enum event_kind kind)
{
	return (struct event){.kind = (uint8_t)kind,
			      .by = EVENT_BY_LIBRARY,
			      .time = sys_now(),
			      .name = -1,
			      .nr = -1};
}

TOLD void tell_begin(const struct session *s, struct events *t, const struct stream *st, int fd)
{
	char target[EVENT_TARGET];
	struct event e = begin(EVENT_BEGIN);

	e.pid = sys_getpid();
	event_fill_stream(&e, s, st, fd, target);
	events_add(t, &e, here_exe(), target, NULL);
}

void audit_begin(const struct session *s, const struct stream *st, int fd)
{
	struct events *t = session_events(s);

	if (t)
		tell_begin(s, t, st, fd);
}

TOLD void tell_end(struct events *t, const struct stream *st, int error)
{
	struct event e = begin(EVENT_END); /* its stream has told whose it is */

	e.cookie = st->cookie;
	e.error = (int16_t)error;
	e.sent = st->sent;
	e.received = st->received;
	events_add(t, &e, NULL, NULL, NULL);
}

void audit_end(const struct session *s, const struct stream *st, int error)
{
	struct events *t = session_events(s);

	if (t)
		tell_end(t, st, error);
}

TOLD void tell_direct(struct events *t, int fd, const struct call *c)
{
	char target[EVENT_TARGET];
	struct event e = begin(EVENT_DIRECT);

	e.pid = sys_getpid();
	e.cookie = sys_cookie(fd);
	event_fill_direct(&e, c, fd, target);
	events_add(t, &e, here_exe(), target, NULL);
}

void audit_direct(int fd, const struct call *c)
{
	const struct session *s = here();
	struct events *t = s ? session_events(s) : NULL;

	if (t && c->has_to)
		tell_direct(t, fd, c);
}

static void report_attempt(const struct session *s, const struct call *c, const struct decision *d,
			   const char *target, const char *module, uint64_t offset)
{
	char from[288];
	struct report r = {.event = REPORT_ATTEMPT,
			   .call = call_kind_name((enum call_kind)c->kind),
			   .reason = reason_name((enum reason)d->reason),
			   .error = d->error,
			   .target = target,
			   .from = from};

	place_words(module, offset, from, sizeof(from));
	reporter_tell(s, &r);
}

TOLD void tell_refused(const struct session *s, const struct call *c, const struct decision *d)
{
	struct events *t = session_events(s);
	char target[EVENT_TARGET], module[256] = "";
	struct event e = begin(EVENT_ATTEMPT);

	e.pid = sys_getpid();
	event_fill_attempt(&e, c, d, target);
	place_find(0, find_caller(), module, sizeof(module), &e.offset);
	if (t)
		events_add(t, &e, here_exe(), target, module);
	if (s->settings.report && d->verdict == VERDICT_REFUSE && d->reason != REASON_UNIX)
		report_attempt(s, c, d, target, module, e.offset);
}

void audit_refused(const struct call *c, const struct decision *d)
{
	const struct session *s = here();

	if (s && (session_events(s) || s->settings.report))
		tell_refused(s, c, d);
}

TOLD void tell_uncovered(struct events *t, const char *path, int kind, bool started)
{
	struct event e = begin(EVENT_UNCOVERED);

	e.pid = sys_getpid();
	e.reason = (uint8_t)kind;
	e.started = started;
	events_add(t, &e, here_exe(), path, NULL);
}

void audit_uncovered(const char *path, int kind, bool started)
{
	const struct session *s = here();
	struct events *t = s ? session_events(s) : NULL;

	if (t)
		tell_uncovered(t, path, kind, started);
}
