/* SPDX-License-Identifier: MIT */
/*
 * reporter_stream.c - a stream's reports: when they are sent, and what waits for them.
 *
 * With ReportMode optional a report is tried once, and an answer is waited for only while the
 * controller gives any. With required it is tried until ReportTimeout, in steps of a millisecond:
 * nothing wakes who waits for room in a listener's queue; and in longer ones for a controller that
 * is not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"
#include "ends.h"
#include "proc.h"
#include "reporter_link.h"
#include "sys.h"

#define STEP_NS 1000000u
#define RETURN_NS 20000000u
#define URL 512

uint64_t reporter_started(int32_t pid, int32_t *ppid)
{
	char path[PROC_PATH], text[1024], *p;
	uint64_t fields[20] = {0};
	long len;

	*ppid = 0;
	proc_path(path, pid, "/stat");
	len = sys_slurp(path, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = 0;
	p = strrchr(text, ')'); /* the name before it may hold anything */
	if (!p || strlen(p) < 4)
		return 0;
	p += 3; /* ") S" */
	for (size_t i = 0; i < 19 && *p == ' '; i++) {
		for (p++; *p >= '0' && *p <= '9'; p++)
			fields[i] = fields[i] * 10 + (uint64_t)(*p - '0');
		while (*p && *p != ' ') /* a sign, and what follows */
			p++;
	}
	*ppid = (int32_t)fields[0];
	return fields[18];
}

static const char *how(const struct stream *st)
{
	if (st->command != SOCKS_CONNECT)
		return "lookup";
	return st->name >= 0 ? "name" : "literal";
}

static void describe(struct report *r, const struct stream *st, const struct session *s,
		     const struct socks_request *rq, char url[static URL])
{
	memset(r, 0, sizeof(*r));
	conf_print_proxy(&s->settings.proxies[st->proxy % SETTINGS_PROXIES], false, url, URL);
	reporter_who(st, &r->by);
	r->source = st->report.source;
	r->cookie = st->cookie;
	r->protocol = rq->protocol;
	r->command = rq->command;
	r->hop = 1;
	r->to = st->to;
	r->proxy = url;
	r->host = rq->name;
	r->host_len = rq->name_len;
	r->how = how(st);
	if (rq->credentials) {
		r->user = rq->user;
		r->user_len = rq->user_len;
	}
}

static bool is_required(const struct session *s)
{
	return s->settings.report_mode == REPORT_REQUIRED;
}

/* The words for the log are in st->report. */
static int not_told(struct stream *st, const struct session *s, int error)
{
	st->report.seq = 0;
	st->report.error = (int16_t)-error;
	if (!is_required(s))
		return 0;
	st->report.told = TOLD_NOT;
	return -ECONNREFUSED;
}

static int wait_a_moment(struct stream *st, uint64_t ns)
{
	uint64_t next = sys_now() + ns;

	st->deadline = next < st->report.until ? next : st->report.until;
	return POLLPRI;
}

static bool in_time(const struct stream *st)
{
	return sys_now() < st->report.until;
}

static int obey(struct stream *st, const struct report_answer *a)
{
	if (a->error) {
		st->report.told = TOLD_DENIES;
		return -a->error;
	}
	st->report.user_len = a->user_len;
	memcpy(st->report.user, a->user, a->user_len);
	return 0;
}

static bool wants_answer(const struct session *s)
{
	return s->settings.report_ack && (is_required(s) || !reporter_is_silent());
}

/* 1: sent, an answer will come. */
static int send_connect(struct stream *st, const struct session *s, int fd,
			const struct socks_request *rq)
{
	struct report_answer answer;
	struct report r;
	char url[URL];
	int err;

	ends_own(fd, &st->report.source); /* kept: the reply tells the same */
	describe(&r, st, s, rq, url);
	r.event = REPORT_CONNECT;
	r.ack = wants_answer(s);
	err = reporter_send(s, &r, r.ack ? st->report.until : 0, &answer);
	st->report.seq = err < 0 ? 0 : r.seq;
	st->report.pid = r.supervisor ? sys_getpid() : r.by.pid;
	if (err == 1)
		return obey(st, &answer);
	if (!err)
		return r.ack;
	if (is_required(s) && in_time(st) && reporter_may_return(s, err))
		return wait_a_moment(st, err == -EAGAIN ? STEP_NS : RETURN_NS);
	reporter_lose();
	return not_told(st, s, err);
}

static int take_answer(struct stream *st, const struct session *s)
{
	struct report_answer answer;
	int got = reporter_answer(s, st->report.pid, st->report.seq, &answer);

	if (got > 0)
		return obey(st, &answer);
	if (got < 0 && is_required(s) && in_time(st)) {
		st->report.seq = 0; /* the connection broke: once more */
		return wait_a_moment(st, STEP_NS);
	}
	if (got == 0 && in_time(st))
		return wait_a_moment(st, STEP_NS);
	if (!is_required(s)) {
		reporter_no_answer();
		return 0;
	}
	return not_told(st, s, got < 0 ? got : -ETIMEDOUT);
}

int reporter_connect(struct stream *st, const struct session *s, int fd,
		     const struct socks_request *rq)
{
	int sent = 1;

	if (!st->report.until)
		st->report.until = sys_now() + (uint64_t)s->settings.report_timeout * 1000000u;
	if (!st->report.seq)
		sent = send_connect(st, s, fd, rq);
	return sent == 1 ? take_answer(st, s) : sent;
}

void reporter_reply(struct stream *st, const struct session *s, const struct socks_request *rq,
		    int error)
{
	struct report r;
	char url[URL];

	describe(&r, st, s, rq, url);
	r.event = REPORT_REPLY;
	r.replied = st->socks.replied;
	r.code = st->socks.code;
	r.error = error;
	r.ms = (sys_now() - st->started) / 1000000u;
	if (reporter_send(s, &r, 0, NULL) < 0)
		reporter_lose();
	st->report.seq = 0;
}

void reporter_tell(const struct session *s, struct report *r)
{
	if (!r->by.pid)
		reporter_who(NULL, &r->by);
	if (reporter_send(s, r, 0, NULL) < 0)
		reporter_lose();
}
