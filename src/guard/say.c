/* SPDX-License-Identifier: MIT */
/* say.c - what the supervisor has to say, and the attempts that it counts. */
#include <string.h>

#include "attempts.h"
#include "conf.h"
#include "dns.h"
#include "log.h"
#include "place.h"
#include "supervisor.h"
#include "sys.h"
#include "twin.h"

/* Program names of the log are as the library's: the last part of the path. */
static struct bytes_out *begin(struct log_line *l, enum log_level level, const char *exe)
{
	struct bytes_out *o = log_begin(l, level);
	const char *slash = strrchr(exe, '/');

	bytes_put_text(o, slash ? slash + 1 : exe);
	bytes_put_text(o, exe[0] ? ": " : ""); /* no /proc */
	return o;
}

/* One line for each program, kind, target and reason; the rest with -v. */
static bool said_before(const struct call *c, uint8_t reason, const char *exe)
{
	enum { SLOTS = 256 };
	static LARGE(2) uint64_t said[SLOTS];
	const uint8_t what[2] = {c->kind, reason};
	uint64_t h = bytes_hash(BYTES_HASH, what, sizeof(what));

	h = bytes_hash(h, exe, strlen(exe));
	h = bytes_hash(h, c->to.ip, sizeof(c->to.ip));
	h = bytes_hash(h, &c->to.port, sizeof(c->to.port)) | 1;
	for (size_t i = 0; i < SLOTS; i++) {
		if (said[i] == h)
			return true;
		if (!said[i]) {
			said[i] = h;
			return false;
		}
	}
	return true;
}

/* A datagram socket's connect sends nothing: programs sort the addresses of a name by it. */
static bool is_probe(const struct call *c)
{
	return c->kind == CALL_CONNECT && c->type == SOCK_DGRAM && c->is_virtual;
}

/* A question to a name server that could have been answered. */
static void put_lack(struct bytes_out *o, const struct call *c)
{
	if (c->kind != CALL_SEND || c->to.port != DNS_PORT || !twin_lacks())
		return;
	bytes_put_text(o, "; it cannot be answered here either: ");
	bytes_put_text(o, twin_lacks());
}

static void put_from(struct bytes_out *o, const struct attempt *a)
{
	bytes_put_text(o, " (process ");
	bytes_put_number(o, (uint64_t)(uint32_t)a->pid);
	if (a->from[0]) {
		bytes_put_text(o, ", at ");
		bytes_put_text(o, a->from);
	}
	bytes_put_text(o, ")");
}

static void record(struct attempt *a, const struct request *rq, const struct call *c)
{
	struct bytes_out target = bytes_out_init(a->target, sizeof(a->target));
	char module[256];
	uint64_t offset;

	a->time = sys_now();
	a->pid = caller_pid(rq->caller.tid);
	a->call = c->kind;
	caller_exe(rq->caller.tid, a->exe, sizeof(a->exe));
	decide_target(&target, c);
	bytes_put_end(&target);
	if (place_find(rq->caller.tid, rq->data->instruction_pointer, module, sizeof(module),
		       &offset))
		place_words(module, offset, a->from, sizeof(a->from));
	attempts_add(session_attempts(supervisor.session), a);
	tell_attempt(rq, a);
}

void say_refused(const struct request *rq, const struct call *c, const struct decision *d)
{
	struct attempt a = {.reason = d->reason, .error = (int16_t)d->error};
	enum log_level level = LOG_WARN;
	struct bytes_out *o;
	struct log_line l;

	audit_attempt(rq, c, d);
	if (is_probe(c) || d->reason == REASON_UNIX) {
		level = LOG_DEBUG; /* libc asks nscd by itself, whoever looks up a user */
		caller_exe(rq->caller.tid, a.exe, sizeof(a.exe));
	} else {
		record(&a, rq, c);
		if (said_before(c, d->reason, a.exe))
			level = LOG_INFO;
	}
	if (!log_wants(level))
		return;
	o = begin(&l, level, a.exe);
	decide_words(o, c, d);
	put_lack(o, c);
	if (log_wants(LOG_INFO))
		put_from(o, &a);
	log_end(&l);
}

void say_denied(const struct request *rq, const char *why)
{
	static bool said;
	char exe[128];
	struct log_line l;
	struct bytes_out *o;

	audit_unseen(rq->caller.tid);
	caller_exe(rq->caller.tid, exe, sizeof(exe));
	o = begin(&l, said ? LOG_INFO : LOG_WARN, exe);
	said = true;
	bytes_put_text(o, "refused: ");
	bytes_put_text(o, why);
	log_end(&l);
}

void say_stream(const struct pending *p, int error)
{
	const struct stream *st = &p->stream;
	bool worth =
		error && st->state != STREAM_OPEN && stream_proxy_fails(st, supervisor.session);
	enum log_level level = worth ? LOG_WARN : LOG_INFO;
	struct bytes_out *o;
	struct log_line l;
	char exe[128];

	if (!log_wants(level))
		return;
	caller_exe(p->caller.tid, exe, sizeof(exe));
	o = begin(&l, level, exe);
	stream_words(o, st, supervisor.session);
	if (error) {
		bytes_put_text(o, ": ");
		stream_error_words(o, st, supervisor.session, error);
	} else {
		bytes_put_text(o, ", ");
		bytes_put_number(o, (sys_now() - st->started) / 1000000);
		bytes_put_text(o, " ms, through the supervisor");
	}
	log_end(&l);
}
