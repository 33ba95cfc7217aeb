/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - `sockshimctl resolve`: names to addresses and back, by the proxy (socks-extensions).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "conf.h"
#include "ctl.h"
#include "names.h"
#include "options.h"

#define AT_ONCE 32 /* questions that are under way together */

struct resolve_settings {
	const char *proxy, *file;
	bool reverse;
	int timeout; /* s */
};

static const struct option_row rows[] = {
	{"reverse", NULL, "arguments are addresses: print their names (RESOLVE_PTR)", OPTION_FLAG,
	 offsetof(struct resolve_settings, reverse), 0, NULL, 'x'},
	{"proxy", "URL", "the proxy; else that of session or configuration", OPTION_TEXT,
	 offsetof(struct resolve_settings, proxy), 0, NULL, 'p'},
	{"config", "FILE", "configuration file to read, not the usual ones", OPTION_TEXT,
	 offsetof(struct resolve_settings, file), 0, NULL, 'c'},
	{"timeout", "SECONDS", "how long to wait for each answer (60)", OPTION_NUMBER,
	 offsetof(struct resolve_settings, timeout), 86400, NULL, 't'},
	{0},
};

const struct option_table resolve_options = {
	"sockshimctl resolve",
	"[option ...] name ...",
	"Asks the proxy for the addresses of names, or with -x for the names of addresses.",
	rows,
};

struct question {
	const char *text;
	int fd; /* -1: not yet, or not any more */
	bool over;
	int64_t end;
	int wait; /* POLLIN or POLLOUT */
	struct socks socks;
	struct socks_request rq;
	struct socks_answer answer;
	const char *error; /* words, once over */
};

static const char *set_question(struct question *q, const struct proxy *p, bool reverse)
{
	q->rq = client_request(p, reverse ? SOCKS_RESOLVE_PTR : SOCKS_RESOLVE);
	if (reverse) {
		if (!addr_parse(&q->rq.to, q->text, strlen(q->text)))
			return "is no address";
		return p->protocol == SOCKS_V5 ? NULL : "SOCKS4a cannot ask for names";
	}
	if (!names_valid(q->text, strlen(q->text)) &&
	    !addr_parse(&q->rq.to, q->text, strlen(q->text)))
		return "is no host name";
	q->rq.name = q->text;
	q->rq.name_len = (uint8_t)strlen(q->text);
	return NULL;
}

static void end(struct question *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	q->over = true;
	if (!q->error && socks_next(&q->socks) != SOCKS_DONE)
		q->error = socks_words(&q->socks, q->rq.protocol);
}

static void step(struct question *q)
{
	q->wait = client_step(q->fd, &q->socks, &q->rq, &q->answer);
	if (!q->wait)
		end(q);
}

static void begin(struct question *q, const struct proxy *p, const struct resolve_settings *o)
{
	q->error = set_question(q, p, o->reverse);
	q->end = client_now() + (int64_t)o->timeout * 1000;
	if (q->error) {
		end(q);
		return;
	}
	socks_begin(&q->socks, &q->rq);
	q->fd = client_connect(p);
	if (q->fd < 0) {
		socks_fail(&q->socks, -q->fd);
		end(q);
		return;
	}
	step(q);
}

/* A proxy that gave no answer is named: it need not be the one that was meant. */
static void print_error(const struct question *q, const struct proxy *p)
{
	bool is_proxys = q->socks.error && !q->socks.replied;
	char url[1024];

	conf_print_proxy(p, false, url, sizeof(url));
	fprintf(stderr, "sockshimctl: %s%s%s: %s\n", q->text, is_proxys ? " through " : "",
		is_proxys ? url : "", q->error);
}

static bool print(const struct question *q, const struct proxy *p, bool many)
{
	char text[ADDR_TEXT];

	if (q->error) {
		print_error(q, p);
		return false;
	}
	if (many)
		printf("%s ", q->text);
	addr_print(&q->answer.addr, text);
	puts(q->answer.type == 3 ? q->answer.name : text);
	fflush(stdout);
	return true;
}

/* Waits until one of the questions under way can go on, and lets it. */
static void wait_for_any(struct question *q, int first, int begun)
{
	struct pollfd p[AT_ONCE];
	int index[AT_ONCE], n = 0;
	int64_t now = client_now(), left = 3600000;

	for (int i = first; i < begun; i++) {
		if (q[i].over)
			continue;
		left = q[i].end - now < left ? q[i].end - now : left;
		p[n] = (struct pollfd){.fd = q[i].fd, .events = (short)q[i].wait};
		index[n++] = i;
	}
	poll(p, (nfds_t)n, left < 0 ? 0 : (int)left);
	now = client_now();
	for (int i = 0; i < n; i++) {
		struct question *one = &q[index[i]];

		if (p[i].revents) {
			step(one);
		} else if (now >= one->end) {
			socks_fail(&one->socks, ETIMEDOUT);
			end(one);
		}
	}
}

/* Asks a window of questions together; answers come out in the order of the arguments. */
static int ask_all(struct question *q, int count, const struct proxy *p,
		   const struct resolve_settings *o)
{
	int begun = 0, failed = 0;

	for (int first = 0; first < count;) {
		for (; begun < count && begun < first + AT_ONCE; begun++)
			begin(&q[begun], p, o);
		if (q[first].over)
			failed += !print(&q[first++], p, count > 1);
		else
			wait_for_any(q, first, begun);
	}
	return failed;
}

int resolve_main(int argc, char **argv)
{
	struct resolve_settings o = {.timeout = 60};
	int first = options_read(&resolve_options, &o, argc, argv), count = argc - first, failed;
	const struct settings *s;
	struct question *q;

	if (!count)
		ctl_die(2, "resolve needs a %s", o.reverse ? "address" : "name");
	s = client_settings(o.proxy, o.file);
	q = calloc((size_t)count, sizeof(*q));
	if (!q)
		ctl_die(1, "out of memory");
	for (int i = 0; i < count; i++)
		q[i] = (struct question){.text = argv[first + i], .fd = -1};
	failed = ask_all(q, count, &s->proxies[s->proxy], &o);
	free(q);
	return failed || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
