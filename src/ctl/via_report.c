/* SPDX-License-Identifier: MIT */
/*
 * via_report.c - which job a source address belongs to, by the programs' own reports.
 *
 * An address stands here from its report until Tor's stream of that address is there, or the
 * program gives it up: an old one must not claim a stranger's stream that comes from the same port
 * later. The socket has an abstract name: nothing is left behind, and no user or root directory
 * bars the way to it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ctl.h"
#include "reports.h"
#include "via.h"

struct source {
	struct source *next;
	struct addr at;
	struct job *job;
};

static struct via *via;
static struct source *sources;

static struct source **find(const struct addr *at)
{
	struct source **s = &sources;

	while (*s && !addr_equal(&(*s)->at, at))
		s = &(*s)->next;
	return s;
}

static void forget(struct source **s)
{
	struct source *gone = *s;

	*s = gone->next;
	free(gone);
}

static bool text(const struct json_value *report, const char *key, char *out, size_t size)
{
	struct json_value v;

	return json_find(report, key, &v) && json_text_of(&v, out, size) >= 0;
}

static void take(int fd, const struct json_value *report, const char *line, size_t len)
{
	char event[32], tag[64], source[ADDR_TEXT];
	struct source **s, *one;
	struct addr at;
	struct job *j;

	(void)fd;
	(void)line;
	(void)len;
	if (!text(report, "event", event, sizeof(event)) ||
	    !text(report, "source", source, sizeof(source)) ||
	    !text(report, "tag", tag, sizeof(tag)) || !addr_parse_port(&at, source, strlen(source)))
		return;
	j = via_job_named(via, tag);
	s = find(&at);
	if (*s && (!strcmp(event, "connect") || (*s)->job == j))
		forget(s);
	if (!j || strcmp(event, "connect") != 0)
		return;
	one = malloc(sizeof(*one));
	if (!one)
		ctl_die(1, "out of memory");
	*one = (struct source){.next = sources, .at = at, .job = j};
	sources = one;
}

struct job *via_report_take(const struct addr *at)
{
	struct source **s;
	struct job *j;

	reports_read(); /* a stream's report was there before Tor heard of the stream */
	s = find(at);
	if (!*s)
		return NULL;
	j = (*s)->job;
	forget(s);
	return j;
}

static void ready(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	reports_read();
}

void via_report_listen(struct via *v, uint64_t number)
{
	static struct watch w = {.ready = ready};
	struct sockaddr_un here = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(here.sun_path + 1, sizeof(here.sun_path) - 1, "sockshim-via-%016llx",
			 (unsigned long long)number);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);

	via = v;
	snprintf(v->report, sizeof(v->report), "Report=unix:@%s", here.sun_path + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, len) < 0 || listen(fd, SOMAXCONN) < 0)
		ctl_die(1, "no socket for reports: %s", strerror(errno));
	w.fd = reports_start(fd, take);
	if (w.fd < 0 || loop_watch(&w, EPOLLIN) < 0)
		ctl_die(1, "no socket for reports: %s", strerror(errno));
}
