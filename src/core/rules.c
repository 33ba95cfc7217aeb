/* SPDX-License-Identifier: MIT */
/* rules.c - which Match blocks apply to a call, and what they say. */
#include "rules.h"

#include <string.h>

#include "conf.h"

struct addr rules_destination(const struct addr *to)
{
	struct addr a = *to;

	if (!addr_is_any(to))
		return a;
	if (addr_is_v4(to))
		a.ip[12] = 127;
	a.ip[15] = 1;
	return a;
}

/* What is asked of the rules. Something that is not known matches no condition on it. */
struct question {
	const struct addr *to; /* NULL: not known, or a virtual address with a name */
	const char *name;
	size_t name_len;
	const char *exe;
	const struct ids *ids;
	bool port_known;
	uint16_t port;
	char text[ADDR_TEXT]; /* of `to`, once a pattern wanted it */
	size_t text_len;
};

static bool host_matches(const struct settings *s, const struct pattern *p, struct question *q)
{
	const char *glob = s->text + p->text;

	if (p->kind == PATTERN_NET)
		return q->to && net_contains(&p->net, q->to);
	if (q->name)
		return conf_glob(glob, q->name, q->name_len);
	if (!q->to)
		return false;
	if (!q->text_len)
		q->text_len = addr_print(q->to, q->text);
	return conf_glob(glob, q->text, q->text_len);
}

static bool exe_matches(const char *glob, const char *exe)
{
	const char *base = strrchr(exe, '/');

	if (base && !strchr(glob, '/'))
		exe = base + 1;
	return conf_glob(glob, exe, strlen(exe));
}

static bool group_matches(uint32_t id, const struct ids *ids)
{
	for (unsigned int i = 0; i < ids->group_count; i++)
		if (ids->groups[i] == id)
			return true;
	return false;
}

static bool pattern_matches(const struct settings *s, const struct pattern *p, struct question *q)
{
	switch (p->kind) {
	case PATTERN_PORT:
		return p->lo <= q->port && q->port <= p->hi;
	case PATTERN_EXE:
		return exe_matches(s->text + p->text, q->exe);
	case PATTERN_USER:
		return p->id == q->ids->user;
	case PATTERN_GROUP:
		return group_matches(p->id, q->ids);
	default:
		return host_matches(s, p, q);
	}
}

static bool is_known(uint8_t kind, const struct question *q)
{
	switch (kind) {
	case PATTERN_PORT:
		return q->port_known;
	case PATTERN_EXE:
		return !!q->exe;
	case PATTERN_USER:
	case PATTERN_GROUP:
		return !!q->ids;
	default:
		return q->name || q->to;
	}
}

/* A host glob and a network belong to one list. */
static uint8_t list_of(uint8_t kind)
{
	return kind == PATTERN_NET ? PATTERN_HOST : kind;
}

/* Of one list: no negated pattern may match, and another must, if there is one. */
static bool list_matches(const struct settings *s, const struct rule *r, uint8_t list,
			 struct question *q)
{
	const struct pattern *p = s->patterns + r->first, *end = p + r->count;
	bool wanted = false, found = false;

	for (; p < end; p++) {
		if (list_of(p->kind) != list)
			continue;
		if (!is_known(list, q))
			return false;
		if (pattern_matches(s, p, q)) {
			if (p->negated)
				return false;
			found = true;
		}
		wanted |= !p->negated;
	}
	return found || !wanted;
}

static bool process_matches(const struct settings *s, const struct rule *r, struct question *q)
{
	return list_matches(s, r, PATTERN_EXE, q) && list_matches(s, r, PATTERN_USER, q) &&
	       list_matches(s, r, PATTERN_GROUP, q);
}

static bool rule_matches(const struct settings *s, const struct rule *r, struct question *q)
{
	return list_matches(s, r, PATTERN_HOST, q) && list_matches(s, r, PATTERN_PORT, q) &&
	       process_matches(s, r, q);
}

/* Does the block speak of whole programs, and of nothing else? */
static bool is_of_programs(const struct settings *s, const struct rule *r)
{
	const struct pattern *p = s->patterns + r->first, *end = p + r->count;

	for (; p < end; p++)
		if (list_of(p->kind) == PATTERN_HOST || p->kind == PATTERN_PORT)
			return false;
	return r->count;
}

/* What might be refused or proxied by a block before, for some destinations, is not exempt. */
bool rules_exempt(const struct settings *s, const struct call *c)
{
	struct question q = {.exe = c->exe, .ids = c->ids};

	for (unsigned int i = 0; i < s->rule_count; i++) {
		const struct rule *r = &s->rules[i];

		if (r->route != ROUTE_NONE && process_matches(s, r, &q))
			return r->route == ROUTE_DIRECT && is_of_programs(s, r);
	}
	return false;
}

/* A name is matched by its text; the address it was given is none of the rules' business. */
static void ask(struct question *q, const struct call *c, struct addr *to)
{
	*q = (struct question){.exe = c->exe, .ids = c->ids, .name = c->name};
	q->name_len = c->name_len;
	if (c->name && c->name_len && c->name[c->name_len - 1] == '.')
		q->name_len--;
	if (c->has_to)
		*to = rules_destination(&c->to);
	if (c->name ? addr_parse(to, c->name, q->name_len) : c->has_to && !c->is_virtual)
		q->to = to;
	q->port_known = c->has_to && c->kind != CALL_LOOKUP;
	q->port = c->has_to ? c->to.port : 0;
}

static void set_if(uint8_t *value, int8_t of_rule, bool *done)
{
	if (of_rule < 0 || *done)
		return;
	*value = (uint8_t)of_rule;
	*done = true;
}

enum route rules_apply(const struct settings *s, const struct call *c, struct decision *d)
{
	bool isolate = false, half_close = false, pipeline = false, optimistic = false;
	uint8_t route = ROUTE_NONE, hold = s->half_close, pipe = s->pipeline;
	uint8_t early = s->optimistic;
	struct question q;
	struct addr to;
	unsigned int i;

	ask(&q, c, &to);
	d->proxy = s->proxy;
	d->isolate = s->isolate;
	for (i = 0; i < s->rule_count; i++) {
		if (!rule_matches(s, &s->rules[i], &q))
			continue;
		set_if(&d->isolate, s->rules[i].isolate, &isolate);
		set_if(&hold, s->rules[i].half_close, &half_close);
		set_if(&pipe, s->rules[i].pipeline, &pipeline);
		set_if(&early, s->rules[i].optimistic, &optimistic);
		if (route == ROUTE_NONE && s->rules[i].route != ROUTE_NONE) {
			route = s->rules[i].route;
			if (route == ROUTE_PROXY)
				d->proxy = s->rules[i].proxy;
		}
	}
	d->pipeline = settings_pipelines(pipe, &s->proxies[d->proxy]);
	d->optimistic = early;
	d->hold = hold == HALF_CLOSE_HOLD || (hold == HALF_CLOSE_AUTO && s->proxies[d->proxy].tor);
	return (enum route)route;
}
