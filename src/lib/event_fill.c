/* SPDX-License-Identifier: MIT */
/*
 * event_fill.c - what an audit is told of streams and calls, by the library and by the supervisor.
 */
#include <netinet/in.h>

#include "decide.h"
#include "events.h"
#include "session.h"
#include "stream.h"
#include "sys.h"

static void set_space(struct event *e, bool tcp, int fd)
{
	e->tcp = tcp;
	e->space = tcp ? sys_namespace(fd) : 0;
}

void event_fill_stream(struct event *e, const struct session *s, const struct stream *st, int fd,
		       char target[static EVENT_TARGET])
{
	e->cookie = st->cookie;
	e->to = st->to;
	e->name = st->name;
	e->proxy = st->proxy;
	e->call = st->command == SOCKS_CONNECT ? CALL_CONNECT : CALL_LOOKUP;
	set_space(e, !s->settings.proxies[st->proxy % SETTINGS_PROXIES].path[0], fd);
	if (st->name < 0 || names_get(session_names(s), (uint32_t)st->name, target) < 0)
		addr_print(&st->to, target);
}

void event_fill_direct(struct event *e, const struct call *c, int fd,
		       char target[static EVENT_TARGET])
{
	e->to = c->to;
	e->call = c->kind;
	set_space(e, c->protocol == IPPROTO_TCP, fd);
	addr_print(&c->to, target);
}

void event_fill_attempt(struct event *e, const struct call *c, const struct decision *d,
			char target[static EVENT_TARGET])
{
	struct bytes_out o = bytes_out_init(target, EVENT_TARGET);

	e->to = c->to;
	e->call = c->kind;
	e->reason = d->reason;
	e->verdict = d->verdict;
	e->error = (int16_t)d->error;
	e->is_virtual = c->is_virtual;
	if (d->reason < REASON_COUNT)
		decide_target(&o, c);
	bytes_put_end(&o);
}
