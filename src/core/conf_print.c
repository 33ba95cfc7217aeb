/* SPDX-License-Identifier: MIT */
/* conf_print.c - settings and rules back to text that the parser reads. */
#include <string.h>

#include "conf_parts.h"

/* Room for any proxy URL: each byte of user, password and path takes three. */
#define URL_MAX (3 * (255 + 255 + 256) + 32)

static size_t finish(struct bytes_out *o)
{
	bytes_put_end(o);
	return (size_t)(o->at - o->start);
}

/* Would the parser read `text` as another word, or as none? */
static bool needs_quotes(const char *text)
{
	return !*text || strchr("\"#=", *text) || strpbrk(text, " \t");
}

static void put_quoted(struct bytes_out *o, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			bytes_put_u8(o, '\\');
		bytes_put_u8(o, (uint8_t)*text);
	}
}

static void put_word(struct bytes_out *o, const char *text)
{
	if (!needs_quotes(text)) {
		bytes_put_text(o, text);
		return;
	}
	bytes_put_u8(o, '"');
	put_quoted(o, text);
	bytes_put_u8(o, '"');
}

/* The `place`th of "a|b|c". */
static void put_choice(struct bytes_out *o, const char *choices, unsigned int place)
{
	for (; place && choices; place--) {
		choices = strchr(choices, '|');
		choices = choices ? choices + 1 : NULL;
	}
	if (choices)
		bytes_put(o, choices, strcspn(choices, "|"));
}

static void put_seconds(struct bytes_out *o, uint32_t ms)
{
	uint32_t unit, rest;

	bytes_put_number(o, ms / 1000);
	rest = ms % 1000;
	if (!rest)
		return;
	bytes_put_u8(o, '.');
	for (unit = 100; rest; unit /= 10) {
		bytes_put_u8(o, (uint8_t)('0' + rest / unit));
		rest %= unit;
	}
}

static void put_net(struct bytes_out *o, const struct net *n)
{
	char text[ADDR_TEXT];

	bytes_put(o, text, net_print(n, text));
}

static void put_proxy(struct bytes_out *o, const struct settings *s, unsigned int i, bool secrets)
{
	char url[URL_MAX];

	if (i < s->proxy_count)
		bytes_put(o, url, conf_print_proxy(&s->proxies[i], secrets, url, sizeof(url)));
}

size_t conf_print(const struct settings *s, enum setting_id id, bool secrets, char *out,
		  size_t size)
{
	const struct setting_info *info = &setting_table[id];
	const void *field = (const char *)s + info->offset;
	struct bytes_out o = bytes_out_init(out, size);

	switch (info->type) {
	case TYPE_CHOICE:
		put_choice(&o, info->choices, *(const uint8_t *)field);
		break;
	case TYPE_SECONDS:
		put_seconds(&o, *(const uint32_t *)field);
		break;
	case TYPE_NET:
		put_net(&o, field);
		break;
	case TYPE_PROXY:
		put_proxy(&o, s, *(const uint8_t *)field, secrets);
		break;
	case TYPE_TEXT:
		put_word(&o, s->text + *(const uint16_t *)field);
		break;
	}
	return finish(&o);
}

static void put_pattern(struct bytes_out *o, const struct settings *s, const struct pattern *p,
			bool quoted)
{
	if (p->negated)
		bytes_put_u8(o, '!');
	if (p->kind == PATTERN_NET) {
		put_net(o, &p->net);
	} else if (p->kind == PATTERN_PORT) {
		bytes_put_number(o, p->lo);
		if (p->lo == p->hi)
			return;
		bytes_put_u8(o, '-');
		bytes_put_number(o, p->hi);
	} else if (quoted) {
		put_quoted(o, s->text + p->text);
	} else {
		bytes_put_text(o, s->text + p->text);
	}
}

static const char *kind_word(uint8_t kind)
{
	static const char *const words[] = {"host", "host", "port", "exe", "user", "group"};

	return words[kind];
}

/* Globs and networks share the list behind `host`. */
static bool same_list(const struct pattern *a, const struct pattern *b)
{
	bool host_a = a->kind == PATTERN_HOST || a->kind == PATTERN_NET;
	bool host_b = b->kind == PATTERN_HOST || b->kind == PATTERN_NET;

	return a->kind == b->kind || (host_a && host_b);
}

static bool list_needs_quotes(const struct settings *s, const struct pattern *p, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (p[i].kind != PATTERN_NET && p[i].kind != PATTERN_PORT &&
		    needs_quotes(s->text + p[i].text))
			return true;
	return false;
}

static void put_list(struct bytes_out *o, const struct settings *s, const struct pattern *p,
		     size_t count)
{
	const char *quote = list_needs_quotes(s, p, count) ? "\"" : "";
	size_t i;

	bytes_put_text(o, kind_word(p->kind));
	bytes_put_u8(o, ' ');
	bytes_put_text(o, quote);
	for (i = 0; i < count; i++) {
		if (i)
			bytes_put_u8(o, ',');
		put_pattern(o, s, &p[i], *quote);
	}
	bytes_put_text(o, quote);
}

/* The patterns of one kind stand together. */
static void put_conditions(struct bytes_out *o, const struct settings *s, const struct rule *r)
{
	const struct pattern *p = s->patterns + r->first, *end = p + r->count;
	size_t count;

	for (; p < end; p += count) {
		for (count = 1; p + count < end && same_list(p, p + count); count++)
			;
		bytes_put_u8(o, ' ');
		put_list(o, s, p, count);
	}
}

static void put_route(struct bytes_out *o, const struct settings *s, const struct rule *r,
		      bool secrets)
{
	if (r->route == ROUTE_PROXY) {
		bytes_put_text(o, "\tProxy ");
		put_proxy(o, s, r->proxy, secrets);
		bytes_put_u8(o, '\n');
	} else if (r->route == ROUTE_DIRECT) {
		bytes_put_text(o, "\tDirect\n");
	} else if (r->route == ROUTE_REFUSE) {
		bytes_put_text(o, "\tRefuse\n");
	}
}

size_t conf_print_rule(const struct settings *s, unsigned int rule, bool secrets, char *out,
		       size_t size)
{
	struct bytes_out o = bytes_out_init(out, size);
	struct rule r = s->rules[rule];
	const int8_t *slot;
	unsigned int id;

	bytes_put_text(&o, r.count ? "Match" : "Match all");
	put_conditions(&o, s, &r);
	bytes_put_u8(&o, '\n');
	put_route(&o, s, &r, secrets);
	for (id = 0; id < SETTING_COUNT; id++) {
		slot = conf_rule_slot(&r, (enum setting_id)id);
		if (!slot || *slot < 0)
			continue;
		bytes_put_u8(&o, '\t');
		bytes_put_text(&o, setting_table[id].key);
		bytes_put_u8(&o, ' ');
		put_choice(&o, setting_table[id].choices, (uint8_t)*slot);
		bytes_put_u8(&o, '\n');
	}
	return finish(&o);
}
