/* SPDX-License-Identifier: MIT */
/*
 * tell_close.c - the controller hears of sockets that are no more. Nobody is told when a socket is
 * closed; so now and then those of the streams table are compared with the kernel's list.
 */
#include <stdlib.h>

#include "conf.h"
#include "diag.h"
#include "reporter.h"
#include "supervisor.h"
#include "sys.h"

static struct {
	struct stream_entry at[STREAMS_SLOTS]; /* by cookie */
	bool live[STREAMS_SLOTS];
	size_t count;
} * seen;

static int add(void *arg, const struct stream_entry *e)
{
	(void)arg;
	if (seen->count == STREAMS_SLOTS)
		return 1;
	seen->live[seen->count] = false;
	seen->at[seen->count++] = *e;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct stream_entry *)a)->cookie,
		 y = ((const struct stream_entry *)b)->cookie;

	return x < y ? -1 : x > y;
}

static void mark(void *arg, uint64_t cookie)
{
	const struct stream_entry key = {.cookie = cookie}, *e;

	(void)arg;
	e = bsearch(&key, seen->at, seen->count, sizeof(key), compare);
	if (e)
		seen->live[e - seen->at] = true;
}

static void tell(const struct stream_entry *e)
{
	const struct session *s = supervisor.session;
	char name[NAME_MAX_LEN + 1];
	struct report r = {
		.event = REPORT_CLOSE,
		.command = SOCKS_CONNECT,
		.by = {.pid = e->pid, .tid = e->pid},
		.to = e->to,
		.cookie = e->cookie,
		.ms = (sys_now() - e->started) / 1000000u,
	};
	int len = e->name < 0 ? 0 : names_get(session_names(s), (uint32_t)e->name, name);

	if (len > 0) {
		r.host = name;
		r.host_len = (size_t)len;
	}
	reporter_tell(s, &r);
}

void tell_closed(void)
{
	struct streams *t = session_streams(supervisor.session);

	if (!seen)
		seen = sys_pages(sizeof(*seen));
	if (!seen)
		return;
	seen->count = 0;
	streams_each(t, add, NULL);
	if (!seen->count)
		return;
	qsort(seen->at, seen->count, sizeof(seen->at[0]), compare);
	if (diag_dump(mark, NULL) < 0)
		return;
	for (size_t i = 0; i < seen->count; i++) {
		if (seen->live[i] || diag_elsewhere(seen->at[i].pid))
			continue;
		tell(&seen->at[i]);
		streams_drop(t, seen->at[i].cookie);
	}
}
