/* SPDX-License-Identifier: MIT */
/* review_judge.c - from what was gathered to findings, and from those to the verdict. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl.h"
#include "decide.h"
#include "events.h"
#include "place.h"
#include "program.h"
#include "review.h"
#include "symbol.h"

/* ---- words ---- */

const char *program_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void target_words(const struct stream_row *r, char *out, size_t size)
{
	if (r->lookup)
		snprintf(out, size, "%s", r->host);
	else
		snprintf(out, size, strchr(r->host, ':') ? "[%s]:%u" : "%s:%u", r->host,
			 r->to.port);
}

const char *fate_words(const struct stream_row *r)
{
	switch ((enum stream_fate)r->fate) {
	case FATE_OPEN:
		return "open";
	case FATE_FAILED:
		return strerror(r->error);
	case FATE_DIRECT:
		return "direct";
	default:
		return "unfinished";
	}
}

const char *call_words(const struct attempt_row *a)
{
	static const struct {
		int nr;
		const char *word;
	} numbers[] = {
		{SYS_socket, "socket"},	  {SYS_connect, "connect"},	  {SYS_sendto, "sendto"},
		{SYS_sendmsg, "sendmsg"}, {SYS_sendmmsg, "sendmmsg"},	  {SYS_bind, "bind"},
		{SYS_listen, "listen"},	  {SYS_setsockopt, "setsockopt"}, {425, "io_uring_setup"},
		{426, "io_uring_enter"},  {427, "io_uring_register"},
	};
	static const char *const kinds[] = {"socket",	  "connect", "send",	"bind",	 "listen",
					    "setsockopt", "lookup",  "inherit", "accept"};

	if (a->check == CHECK_ABI)
		return "system call";
	for (size_t i = 0; a->nr >= 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].nr == a->nr)
			return numbers[i].word;
	return a->call < sizeof(kinds) / sizeof(kinds[0]) ? kinds[a->call] : "call";
}

const char *way_words(const struct attempt_row *a)
{
	const char *module = program_name(a->module);

	if (a->by == EVENT_BY_LIBRARY)
		return "library call";
	if (a->by == EVENT_BY_LAUNCHER)
		return "at the start";
	if (program_judge(AT_FDCWD, a->program) == PROGRAM_STATIC)
		return "static program";
	return !strncmp(module, "libc.so", 7) || !strncmp(module, "libc-", 5)
		       ? "libc, past the library"
		       : "system call";
}

void review_place(const struct attempt_row *a, char *out, size_t size)
{
	place_words(a->module, a->offset, out, size);
	if (a->offset && *a->symbol)
		snprintf(out + strlen(out), size - strlen(out), " (%s+0x%llx)", a->symbol,
			 (unsigned long long)a->into);
}

/* The instruction behind the call is where it returns to: the call itself is before it. */
static void find_symbol(struct attempt_row *a)
{
	int fd = *a->module ? open(a->module, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	struct stat st;
	void *at;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at != MAP_FAILED) {
			if (symbol_find(at, (size_t)st.st_size, a->offset - 1, a->symbol,
					sizeof(a->symbol), &a->into))
				a->into++;
			munmap(at, (size_t)st.st_size);
		}
	}
	close(fd);
}

/* ---- findings ---- */

static void add(enum check check, const char *target, const char *program, const char *words,
		uint64_t count, const struct attempt_row *attempt)
{
	enum outcome outcome = audit_outcome(&review.policy, check, target, program);
	struct finding *f;

	/* What went through the proxy and is no failure is in the list of streams already. */
	if (outcome == OUTCOME_TOLERATE && check_table[check].group == GROUP_STREAM)
		return;
	LIST_EACH(struct finding, old, &review.findings)
	{
		if (!attempt && old->check == check && old->program == program &&
		    !strcmp(old->target, target) && !strcmp(old->words, words)) {
			old->count += count;
			return;
		}
	}
	f = list_add(&review.findings, sizeof(*f));
	*f = (struct finding){.check = check,
			      .outcome = outcome,
			      .program = keep_text(program),
			      .target = keep_text(target),
			      .words = keep_text(words),
			      .count = count,
			      .attempt = attempt};
}

static void judge_stream(const struct stream_row *r)
{
	char target[320], words[200];
	bool numeric;
	struct addr a;

	if (r->fate == FATE_NONE)
		return;
	target_words(r, target, sizeof(target));
	numeric = addr_parse(&a, r->host, strlen(r->host));
	if (!audit_expected(&review.policy, r->host, numeric ? &a : NULL, r->to.port))
		add(CHECK_UNEXPECTED, target, r->program, "no Expect line names it", 1, NULL);
	if (numeric && audit_is_private(&a))
		add(CHECK_PRIVATE, target, r->program, "it is in a private network", 1, NULL);
	if (r->fate == FATE_DIRECT)
		add(CHECK_DIRECT, target, r->program, "the settings let it past the proxy", 1,
		    NULL);
	else if (r->by == EVENT_BY_GUARD)
		add(CHECK_BYPASS, target, r->program, "past the library; the guard carried it", 1,
		    NULL);
	if (r->fate == FATE_FAILED) {
		snprintf(words, sizeof(words), "it did not open: %s", strerror(r->error));
		add(CHECK_FAILED, target, r->program, words, 1, NULL);
	}
	if (kernel_missed(r) && !kernel_excuse(r))
		add(CHECK_UNMATCHED, target, r->program, "the kernel has not shown its socket", 1,
		    NULL);
	if (r->strayed)
		add(CHECK_KERNEL, target, r->program,
		    "in the kernel its socket leads elsewhere than to a proxy", 1, NULL);
}

static int by_destination(const void *a, const void *b)
{
	const struct audit_traffic *x = a, *y = b;
	int order = strcmp(x->host, y->host);

	if (!order)
		order = x->port < y->port ? -1 : x->port > y->port;
	if (!order)
		order = x->started < y->started ? -1 : x->started > y->started;
	return order;
}

static void limit_exceeded(void *arg, enum check check, const struct audit_traffic *first,
			   uint64_t number)
{
	char words[120], target[320];

	(void)arg;
	snprintf(target, sizeof(target), check == CHECK_SHARE ? "%s" : "%s:%u", first->host,
		 first->port);
	if (check == CHECK_SHARE)
		snprintf(words, sizeof(words), "it takes %llu %% of the bytes",
			 (unsigned long long)number);
	else if (check == CHECK_CYCLE)
		snprintf(words, sizeof(words), "connections follow each other too fast, %llu times",
			 (unsigned long long)number);
	else
		snprintf(words, sizeof(words), "%llu times more bytes in one direction",
			 (unsigned long long)number);
	add(check, target, "", words, 1, NULL);
}

static void judge_traffic(void)
{
	struct list traffic = {0};

	LIST_EACH(struct stream_row, r, &review.streams)
	{
		struct audit_traffic *t;

		if (r->fate == FATE_NONE || r->fate == FATE_FAILED || r->lookup)
			continue;
		t = list_add(&traffic, sizeof(*t));
		*t = (struct audit_traffic){.host = r->host,
					    .port = r->to.port,
					    .started = r->begun,
					    .ended = r->ended,
					    .sent = r->sent,
					    .received = r->received,
					    .counted = r->counted};
	}
	if (!traffic.count)
		return;
	qsort(traffic.at, traffic.count, sizeof(struct audit_traffic), by_destination);
	audit_limits(&review.policy, traffic.at, traffic.count, limit_exceeded, NULL);
	free(traffic.at);
}

static bool is_proxy(const struct addr *a)
{
	const struct settings *s = &review.session->settings;

	for (size_t i = 0; i < s->proxy_count; i++)
		if (!s->proxies[i].path[0] && addr_equal(&s->proxies[i].at, a))
			return true;
	return false;
}

/* What has an event by now is in the list of streams. */
static void judge_socket(const struct socket_row *s)
{
	bool allowed = review.session->settings.inherited == INHERITED_ALLOW;
	char peer[ADDR_TEXT];

	if (stream_of(s->cookie))
		return;
	addr_print_port(&s->peer, peer);
	if (is_proxy(&s->peer))
		add(CHECK_UNMATCHED, peer, s->program, "to the proxy, but no event tells of it", 1,
		    NULL);
	else
		add(allowed ? CHECK_DIRECT : CHECK_KERNEL, peer, s->program,
		    "an open socket leads past the proxy", 1, NULL);
}

static void judge_coverage(void)
{
	char words[80];
	uint64_t lost = events_lost(session_events(review.session));

	if (lost) {
		snprintf(words, sizeof(words), "%llu events were lost", (unsigned long long)lost);
		cover(CHECK_LOST, "", words);
	}
	if (review.end.ran && review.end.guard == AUDITOR_GUARD_OFF)
		cover(CHECK_GUARD, "", "the guard is off or cannot work here");
	if (review.end.ran && review.end.guard == AUDITOR_GUARD_OUTER)
		cover(CHECK_GUARD, "", "the guard is another session's, which does not tell");
	if (!review.kernel)
		cover(CHECK_NO_KERNEL, "", "sock_diag cannot be asked here");
	LIST_EACH(struct stream_row, r, &review.streams)
	{
		const char *excuse = kernel_missed(r) ? kernel_excuse(r) : NULL;

		if (excuse)
			cover(CHECK_NO_KERNEL, review.kernel ? r->program : "", excuse);
	}
}

void judge_all(void)
{
	bool found = false, unjudged = false;

	judge_coverage();
	LIST_EACH(struct attempt_row, a, &review.attempts)
	{
		find_symbol(a);
		add(a->check, a->target, a->program, "", a->count, a);
	}
	LIST_EACH(struct stream_row, r, &review.streams)
	judge_stream(r);
	judge_traffic();
	LIST_EACH(struct socket_row, s, &review.sockets)
	judge_socket(s);
	LIST_EACH(struct cover_row, c, &review.covers)
	add(c->check, "", c->program, c->words, c->count, NULL);
	LIST_EACH(struct finding, f, &review.findings)
	{
		bool coverage = check_table[f->check].group == GROUP_COVERAGE;

		found |= f->outcome == OUTCOME_FAIL && !coverage;
		unjudged |= f->outcome == OUTCOME_FAIL && coverage;
	}
	review.verdict = found ? AUDITOR_FOUND : unjudged ? AUDITOR_UNJUDGED : AUDITOR_CLEAN;
}

bool check_fails(enum check check)
{
	LIST_EACH(struct finding, f, &review.findings)
	if (f->check == check && f->outcome == OUTCOME_FAIL)
		return true;
	return false;
}

bool check_applies(enum check check)
{
	const struct audit_policy *p = &review.policy;

	switch (check) {
	case CHECK_UNEXPECTED:
		return p->expect_count;
	case CHECK_SHARE:
		return p->max_share;
	case CHECK_CYCLE:
		return p->min_cycle;
	case CHECK_ASYMMETRY:
		return p->max_asymmetry;
	case CHECK_TOR:
	case CHECK_NO_TOR:
		return review.tor;
	default:
		return true;
	}
}
