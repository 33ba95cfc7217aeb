/* SPDX-License-Identifier: MIT */
/* conf.c - configuration lines to settings: lines, keys and blocks. */
#include <errno.h>
#include <string.h>

#include "conf_parts.h"
#include "socks.h"

const struct setting_info setting_table[SETTING_COUNT] = {
#define SETTING(field, key, type, choices, def, match, help)                                       \
	[SETTING_ID_##field] = {                                                                   \
		key, choices, def, help, TYPE_##type, match, offsetof(struct settings, field)},
#include "settings.def"
#undef SETTING
};

/* Messages may end on a terminal: bytes of the file that are not plain text become '?'. */
static void put_plain(struct bytes_out *o, const char *text)
{
	for (; *text; text++)
		bytes_put_u8(o, *text < ' ' || *text > '~' ? '?' : (uint8_t)*text);
}

int conf_fail(struct conf *c, const char *key, const char *what, const char *more)
{
	struct bytes_out o = bytes_out_init(c->error, sizeof(c->error));

	put_plain(&o, c->source);
	if (c->line) {
		bytes_put_text(&o, ":");
		bytes_put_number(&o, c->line);
	}
	bytes_put_text(&o, ": ");
	if (*key) {
		put_plain(&o, key);
		bytes_put_text(&o, ": ");
	}
	bytes_put_text(&o, what);
	if (*more)
		bytes_put_text(&o, " ");
	put_plain(&o, more);
	bytes_put_end(&o);
	return -EINVAL;
}

void conf_init(struct conf *c, struct settings *out)
{
	memset(c, 0, sizeof(*c));
	memset(out, 0, sizeof(*out));
	conf_init_zeroed(c, out);
}

void conf_init_zeroed(struct conf *c, struct settings *out)
{
	out->text_used = 1;
	c->out = out;
	c->rule = -1;
}

/* A source's name is cut at its front: the end of a path says more. */
static void copy_source(char to[static 128], const char *name)
{
	size_t len = strlen(name);

	if (len > 127) {
		memcpy(to, "...", 3);
		memcpy(to + 3, name + len - 124, 125);
		return;
	}
	memcpy(to, len ? name : "?", (len ? len : 1) + 1);
}

void conf_source(struct conf *c, const char *name)
{
	copy_source(c->source, name);
	c->line = 0;
	c->rule = -1;
	c->held = 0;
}

/* Do at most two insertions, deletions or replacements make `b` of `a`? (Levenshtein, one row.) */
static bool nearly(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), i, j;
	uint8_t row[33], left, up;

	if (n > 32 || m > 32)
		return false;
	for (j = 0; j <= m; j++)
		row[j] = (uint8_t)j;
	for (i = 1; i <= n; i++) {
		left = row[0];
		row[0] = (uint8_t)i;
		for (j = 1; j <= m; j++) {
			up = row[j];
			left += conf_lower(a[i - 1]) != conf_lower(b[j - 1]);
			row[j] = left < up ? left : up + 1;
			if (row[j - 1] < row[j])
				row[j] = row[j - 1] + 1;
			left = up;
		}
	}
	return row[m] <= 2;
}

static int unknown_key(struct conf *c, const char *key)
{
	unsigned int id;

	for (id = 0; id < SETTING_COUNT; id++)
		if (nearly(key, setting_table[id].key))
			return conf_fail(c, key, "unknown key; the nearest is",
					 setting_table[id].key);
	return conf_fail(c, key, "unknown key", "");
}

static int find_key(const char *key)
{
	unsigned int id;

	for (id = 0; id < SETTING_COUNT; id++)
		if (conf_same(key, setting_table[id].key))
			return (int)id;
	return -1;
}

/* The route of the open block; there can be but one. */
static int set_route(struct conf *c, const char *key, enum route route, uint8_t proxy)
{
	struct rule *r;

	if (c->rule < 0)
		return conf_fail(c, key, "belongs in a Match block", "");
	r = &c->out->rules[c->rule];
	if (r->route != ROUTE_NONE)
		return conf_fail(c, key, "the block has a Proxy, Direct or Refuse already", "");
	r->route = (uint8_t)route;
	r->proxy = proxy;
	return 0;
}

static int set_in_rule(struct conf *c, enum setting_id id, const union conf_value *v)
{
	int8_t *slot = conf_rule_slot(&c->out->rules[c->rule], id);
	const char *key = setting_table[id].key, *wrong;
	uint8_t proxy;

	if (!setting_table[id].match)
		return conf_fail(c, key, "cannot stand in a Match block", "");
	if (slot) {
		if (*slot < 0)
			*slot = (int8_t)v->choice;
		return 0;
	}
	wrong = conf_add_proxy(c->out, &v->proxy, &proxy);
	return wrong ? conf_fail(c, key, wrong, "") : set_route(c, key, ROUTE_PROXY, proxy);
}

static int set_global(struct conf *c, enum setting_id id, const union conf_value *v)
{
	const char *wrong;

	if (c->origin[id].source[0])
		return 0;
	wrong = conf_store_value(c->out, id, v);
	if (wrong)
		return conf_fail(c, setting_table[id].key, wrong, "");
	memcpy(c->origin[id].source, c->source, sizeof(c->source));
	c->origin[id].line = c->line;
	return 0;
}

int conf_default(struct conf *c, enum setting_id id)
{
	const struct setting_info *info = &setting_table[id];
	union conf_value v;
	const char *wrong;

	conf_source(c, "default");
	wrong = conf_read_value(id, info->def, &v);
	return wrong ? conf_fail(c, info->key, wrong, info->choices) : set_global(c, id, &v);
}

/* One key with its one value (NULL: there is none). */
static int take_pair(struct conf *c, const char *key, const char *value)
{
	union conf_value v;
	const char *wrong;
	int id = find_key(key);

	if (conf_same(key, "Direct") || conf_same(key, "Refuse")) {
		if (value)
			return conf_fail(c, key, "takes no value", "");
		return set_route(c, key, conf_same(key, "Direct") ? ROUTE_DIRECT : ROUTE_REFUSE, 0);
	}
	if (id < 0)
		return unknown_key(c, key);
	if (!value)
		return conf_fail(c, key, "the value is missing", "");
	wrong = conf_read_value((enum setting_id)id, value, &v);
	if (wrong)
		return conf_fail(c, key, wrong, setting_table[id].choices);
	return c->rule < 0 ? set_global(c, (enum setting_id)id, &v)
			   : set_in_rule(c, (enum setting_id)id, &v);
}

static int take_match(struct conf *c, char *words)
{
	const char *about = "", *wrong = conf_read_match(c->out, words, &about);

	if (wrong)
		return conf_fail(c, "Match", wrong, about);
	c->rule = c->out->rule_count - 1;
	return 0;
}

/* Cuts the key off: NUL-terminated; returns where the value starts, behind blanks and one '='. */
static char *split_key(char *key)
{
	char *at = key;
	bool equals;

	while (*at && !conf_is_blank(*at) && *at != '=')
		at++;
	if (!*at)
		return at;
	equals = *at == '=';
	*at++ = '\0';
	while (conf_is_blank(*at))
		at++;
	if (*at == '=' && !equals)
		at++;
	return at;
}

static int take_line(struct conf *c, char *at)
{
	char *key, *value, *more = NULL;
	const char *wrong;

	while (conf_is_blank(*at))
		at++;
	if (!*at || *at == '#')
		return 0;
	key = at;
	at = split_key(key);
	if (conf_same(key, "Match"))
		return take_match(c, at);
	wrong = conf_word(&at, &value);
	if (!wrong && value)
		wrong = conf_word(&at, &more);
	if (wrong)
		return conf_fail(c, key, wrong, "");
	if (more)
		return conf_fail(c, key, "more than one word: put the value in double quotes", "");
	return take_pair(c, key, value);
}

static int end_of_line(struct conf *c)
{
	size_t len = c->held;

	c->line++;
	c->held = 0;
	if (len && c->partial[len - 1] == '\r')
		len--;
	c->partial[len] = '\0';
	return take_line(c, c->partial);
}

int conf_feed(struct conf *c, const char *data, size_t len)
{
	size_t i;
	int ret = c->error[0] ? -EINVAL : 0;

	for (i = 0; i < len && !ret; i++) {
		if (data[i] == '\n') {
			ret = end_of_line(c);
		} else if (data[i] && c->held < CONF_LINE_MAX - 1) {
			c->partial[c->held++] = data[i];
		} else {
			c->line++;
			ret = conf_fail(c, "",
					data[i] ? "the line is too long" : "a NUL byte in the line",
					"");
		}
	}
	return ret;
}

int conf_end(struct conf *c)
{
	if (c->error[0])
		return -EINVAL;
	c->rule = -1;
	if (!c->held)
		return 0;
	c->held = 0;
	c->line++;
	return conf_fail(c, "", "the last line has no newline: the file was cut short", "");
}

int conf_set(struct conf *c, const char *origin, const char *key, const char *value)
{
	conf_source(c, origin);
	if (conf_same(key, "Match"))
		return conf_fail(c, key, "belongs in a configuration file", "");
	return take_pair(c, key, value);
}

/*
 * The value of an option: all that is left, or one word in double quotes. NULL, or what is wrong.
 */
static const char *option_value(char *at, char **value)
{
	const char *wrong;

	while (conf_is_blank(*at))
		at++;
	*value = at;
	if (*at != '"')
		return NULL;
	wrong = conf_word(&at, value);
	while (conf_is_blank(*at))
		at++;
	return wrong || !*at ? wrong : "text behind the closing quote";
}

int conf_option(struct conf *c, const char *origin, const char *text)
{
	size_t len = strlen(text);
	char *key = c->partial, *at, *value;
	const char *wrong;

	conf_source(c, origin);
	if (len >= CONF_LINE_MAX)
		return conf_fail(c, "", "the option is too long", "");
	memcpy(key, text, len + 1);
	at = split_key(key);
	wrong = option_value(at, &value);
	if (wrong)
		return conf_fail(c, key, wrong, "");
	return conf_set(c, origin, key, at > key + strlen(key) ? value : NULL);
}

int conf_password(struct conf *c, const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);
	const char *key = setting_table[SETTING_ID_password_file].key;
	struct proxy *p = c->out->proxies;
	unsigned int i;

	memcpy(c->source, c->origin[SETTING_ID_password_file].source, sizeof(c->source));
	c->line = c->origin[SETTING_ID_password_file].line;
	if (end)
		len = (size_t)(end - data);
	if (len && data[len - 1] == '\r')
		len--;
	if (!len || len > sizeof(p->password))
		return conf_fail(c, key, "the first line is not a password of 1 to 255 bytes", "");
	for (i = 0; i < c->out->proxy_count; i++, p++) {
		if (p->protocol != SOCKS_V5 || !p->credentials || p->password_len)
			continue;
		memcpy(p->password, data, len);
		p->password_len = (uint8_t)len;
	}
	return 0;
}
