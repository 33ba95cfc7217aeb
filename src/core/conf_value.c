/* SPDX-License-Identifier: MIT */
/* conf_value.c - words, and the values of settings by type. */
#include <string.h>

#include "conf_parts.h"

char conf_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

bool conf_same(const char *a, const char *b)
{
	while (*a && conf_lower(*a) == conf_lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

bool conf_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool conf_is_control(char c)
{
	return (uint8_t)c < 0x20 || c == 0x7f;
}

bool conf_number(const char *text, size_t len, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
		if (v > max)
			return false;
	}
	*out = (uint32_t)v;
	return len > 0;
}

/* `at` is behind the opening quote; the word is moved over it. */
static const char *quoted_word(char **at, char **word)
{
	char *from = *at, *to = *at;

	*word = to;
	while (*from != '"') {
		if (!*from)
			return "unterminated double quote";
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from++;
	}
	from++;
	if (*from && !conf_is_blank(*from))
		return "text behind the closing quote";
	*to = '\0';
	*at = from;
	return NULL;
}

const char *conf_word(char **at, char **word)
{
	while (conf_is_blank(**at))
		(*at)++;
	*word = NULL;
	if (!**at || **at == '#')
		return NULL;
	if (**at == '"') {
		(*at)++;
		return quoted_word(at, word);
	}
	*word = *at;
	while (**at && !conf_is_blank(**at))
		(*at)++;
	if (**at)
		*(*at)++ = '\0';
	return NULL;
}

static bool same_part(const char *part, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && conf_lower(part[i]) == conf_lower(text[i]); i++)
		;
	return i == len;
}

/* Finds `text` in "a|b|c", and its place there. */
static const char *read_choice(const char *choices, const char *text, uint8_t *place)
{
	size_t len = strlen(text);

	for (*place = 0; choices; (*place)++) {
		if (strcspn(choices, "|") == len && same_part(choices, text, len))
			return NULL;
		choices = strchr(choices, '|');
		if (choices)
			choices++;
	}
	return "is none of";
}

/* "30", "2.5", "0.001": stored in ms. */
static const char *read_seconds(const char *text, uint32_t *ms)
{
	static const uint32_t scale[] = {1000, 100, 10, 1};
	const char *dot = strchr(text, '.');
	size_t whole = dot ? (size_t)(dot - text) : strlen(text);
	size_t digits = dot ? strlen(dot + 1) : 0;
	uint32_t seconds, fraction = 0;

	if (!conf_number(text, whole, 4000000, &seconds) || digits > 3 ||
	    (dot && !conf_number(dot + 1, digits, 999, &fraction)))
		return "is not a number of seconds (0 to 4000000, up to three decimals)";
	*ms = seconds * 1000 + fraction * scale[digits];
	return NULL;
}

static bool overlap(const struct net *a, const struct net *b)
{
	return net_contains(a, &b->base) || net_contains(b, &a->base);
}

/* Addresses that mean something else already. */
static bool is_reserved(const struct net *n)
{
	static const char *const list[] = {
		"127.0.0.0/8", "0.0.0.0/32", "224.0.0.0/4", "255.255.255.255/32",
		"::/128",      "::1/128",    "ff00::/8"};
	struct net taken;
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (net_parse(&taken, list[i], strlen(list[i])) && overlap(n, &taken))
			return true;
	return false;
}

static const char *read_network(const char *text, bool v4, struct net *n)
{
	if (!net_parse(n, text, strlen(text)))
		return "is not a network (address/prefix, no bits set behind the prefix)";
	if ((addr_is_v4(&n->base) && n->bits >= 96) != v4)
		return v4 ? "is not an IPv4 network" : "is not an IPv6 network";
	if (is_reserved(n))
		return "contains loopback, multicast or the unspecified address";
	return NULL;
}

static const char *read_text(const char *text)
{
	for (; *text; text++)
		if (conf_is_control(*text) && *text != '\t')
			return "a control character in the text";
	return NULL;
}

const char *conf_read_value(enum setting_id id, const char *text, union conf_value *v)
{
	switch (setting_table[id].type) {
	case TYPE_CHOICE:
		return read_choice(setting_table[id].choices, text, &v->choice);
	case TYPE_SECONDS:
		return read_seconds(text, &v->ms);
	case TYPE_NET:
		return read_network(text, id == SETTING_ID_virtual4, &v->net);
	case TYPE_PROXY:
		return conf_parse_proxy(&v->proxy, text);
	case TYPE_TEXT:
		v->text = text;
		return read_text(text);
	}
	return "is of no known type";
}

const char *conf_add_text(struct settings *s, const char *text, uint16_t *offset)
{
	size_t len = strlen(text) + 1;

	*offset = 0;
	if (len == 1)
		return NULL;
	if (len > SETTINGS_TEXT - (size_t)s->text_used)
		return "no room is left for the text";
	memcpy(s->text + s->text_used, text, len);
	*offset = s->text_used;
	s->text_used = (uint16_t)(s->text_used + len);
	return NULL;
}

static bool same_proxy(const struct proxy *a, const struct proxy *b)
{
	return a->protocol == b->protocol && a->tor == b->tor && a->credentials == b->credentials &&
	       a->user_len == b->user_len && a->password_len == b->password_len &&
	       !memcmp(a->user, b->user, a->user_len) &&
	       !memcmp(a->password, b->password, a->password_len) && addr_equal(&a->at, &b->at) &&
	       !strcmp(a->host, b->host) && !strcmp(a->path, b->path);
}

const char *conf_add_proxy(struct settings *s, const struct proxy *p, uint8_t *index)
{
	unsigned int i;

	for (i = 0; i < s->proxy_count; i++)
		if (same_proxy(&s->proxies[i], p))
			break;
	*index = (uint8_t)i;
	if (i < s->proxy_count)
		return NULL;
	if (i == SETTINGS_PROXIES)
		return "too many different proxies (16 at most)";
	s->proxies[s->proxy_count++] = *p;
	return NULL;
}

const char *conf_store_value(struct settings *s, enum setting_id id, const union conf_value *v)
{
	void *field = (char *)s + setting_table[id].offset;

	switch (setting_table[id].type) {
	case TYPE_CHOICE:
		*(uint8_t *)field = v->choice;
		return NULL;
	case TYPE_SECONDS:
		*(uint32_t *)field = v->ms;
		return NULL;
	case TYPE_NET:
		*(struct net *)field = v->net;
		return NULL;
	case TYPE_PROXY:
		return conf_add_proxy(s, &v->proxy, field);
	case TYPE_TEXT:
		return conf_add_text(s, v->text, field);
	}
	return "is of no known type";
}
