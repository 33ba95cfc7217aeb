/* SPDX-License-Identifier: MIT */
/* conf_match.c - Match lines: rules and their patterns; globs. */
#include <string.h>

#include "conf_parts.h"

/*
 * On a mismatch the last '*' takes one more byte: no recursion, at most strlen(pattern) * len
 * steps.
 */
bool conf_glob(const char *pattern, const char *text, size_t len)
{
	const char *end = text + len, *star = NULL, *resume = text;

	while (text < end) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern &&
			   (*pattern == '?' || conf_lower(*pattern) == conf_lower(*text))) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

int8_t *conf_rule_slot(struct rule *r, enum setting_id id)
{
	switch (id) {
	case SETTING_ID_isolate:
		return &r->isolate;
	case SETTING_ID_half_close:
		return &r->half_close;
	case SETTING_ID_pipeline:
		return &r->pipeline;
	case SETTING_ID_optimistic:
		return &r->optimistic;
	default:
		return NULL;
	}
}

/* An address, a network, or a glob for names (and for the text of addresses). */
static const char *read_host(struct settings *s, struct pattern *p, char *text)
{
	size_t len = strlen(text);

	p->kind = PATTERN_NET;
	if (net_parse(&p->net, text, len))
		return NULL;
	if (strchr(text, '/'))
		return "is not a network (address/prefix, no bits set behind the prefix):";
	if (text[strspn(text, "0123456789.")] == '\0' ||
	    (strchr(text, ':') && !strpbrk(text, "*?")))
		return "is not an address:";
	if (*text == '.' || strstr(text, ".."))
		return "matches no name (write *.onion for all names below onion):";
	if (len > 1 && text[len - 1] == '.')
		text[len - 1] = '\0';
	p->kind = PATTERN_HOST;
	return conf_add_text(s, text, &p->text);
}

static const char *read_ports(struct pattern *p, const char *text)
{
	size_t len = strlen(text), first = strcspn(text, "-");
	const char *second = text[first] ? text + first + 1 : text;
	uint32_t lo, hi;

	p->kind = PATTERN_PORT;
	if (!conf_number(text, first, 65535, &lo) ||
	    !conf_number(second, len - (size_t)(second - text), 65535, &hi) || lo > hi)
		return "is not a port or a range of ports:";
	p->lo = (uint16_t)lo;
	p->hi = (uint16_t)hi;
	return NULL;
}

static const char *read_pattern(struct settings *s, enum pattern_kind kind, char *text)
{
	struct pattern *p = &s->patterns[s->pattern_count];
	const char *wrong;

	if (s->pattern_count == SETTINGS_PATTERNS)
		return "too many patterns (1024 at most), at";
	memset(p, 0, sizeof(*p));
	p->negated = *text == '!';
	text += p->negated;
	if (!*text)
		return "an empty pattern";
	if (kind == PATTERN_HOST) {
		wrong = read_host(s, p, text);
	} else if (kind == PATTERN_PORT) {
		wrong = read_ports(p, text);
	} else if (kind == PATTERN_USER || kind == PATTERN_GROUP) {
		p->kind = (uint8_t)kind;
		if (!conf_number(text, strlen(text), UNKNOWN_ID - 1, &p->id))
			p->id = UNKNOWN_ID;
		s->asks_ids = true;
		wrong = conf_add_text(s, text, &p->text);
	} else {
		p->kind = PATTERN_EXE;
		wrong = conf_add_text(s, text, &p->text);
	}
	if (!wrong)
		s->pattern_count++;
	return wrong;
}

static bool has_control(const char *text)
{
	while (*text && !conf_is_control(*text))
		text++;
	return *text;
}

/* a,!b,c */
static const char *read_list(struct settings *s, enum pattern_kind kind, char *list,
			     const char **about)
{
	const char *wrong = NULL;
	char *end;

	if (has_control(list))
		return "a control character in a pattern";
	for (; !wrong && list; list = end) {
		end = strchr(list, ',');
		if (end)
			*end++ = '\0';
		*about = list;
		wrong = read_pattern(s, kind, list);
	}
	return wrong;
}

static int find_kind(const char *word)
{
	if (conf_same(word, "host"))
		return PATTERN_HOST;
	if (conf_same(word, "port"))
		return PATTERN_PORT;
	if (conf_same(word, "user"))
		return PATTERN_USER;
	if (conf_same(word, "group"))
		return PATTERN_GROUP;
	return conf_same(word, "exe") ? PATTERN_EXE : -1;
}

/* One condition: a kind and its list. `seen` has a bit for each kind that was there. */
static const char *read_condition(struct settings *s, char *word, char **words, unsigned int *seen,
				  const char **about)
{
	int kind = find_kind(word);
	const char *wrong;
	char *list;

	*about = word;
	if (kind < 0)
		return "all, host, port, exe, user or group is expected, not";
	if (*seen & 1u << kind)
		return "one list for each kind: again there is";
	*seen |= 1u << kind;
	wrong = conf_word(words, &list);
	if (wrong)
		*about = "";
	else if (!list)
		wrong = "the list is missing behind";
	return wrong ? wrong : read_list(s, (enum pattern_kind)kind, list, about);
}

static const char *read_conditions(struct settings *s, char *words, const char **about)
{
	unsigned int seen = 0;
	const char *wrong;
	bool all = false;
	char *word;

	for (;;) {
		wrong = conf_word(&words, &word);
		if (wrong || !word)
			break;
		if (all || (!seen && conf_same(word, "all"))) {
			*about = word;
			if (all)
				return "nothing may stand beside all, but there is";
			all = true;
			continue;
		}
		wrong = read_condition(s, word, &words, &seen, about);
		if (wrong)
			return wrong;
	}
	if (!wrong && !all && !seen)
		wrong = "all, host, port, exe, user or group is expected";
	return wrong;
}

const char *conf_read_match(struct settings *s, char *words, const char **about)
{
	struct rule *r = &s->rules[s->rule_count];
	const char *wrong;

	if (s->rule_count == SETTINGS_RULES)
		return "too many Match blocks (128 at most)";
	memset(r, 0, sizeof(*r));
	r->first = s->pattern_count;
	r->isolate = r->half_close = r->pipeline = r->optimistic = -1;
	wrong = read_conditions(s, words, about);
	r->count = (uint16_t)(s->pattern_count - r->first);
	if (!wrong) {
		*about = "";
		s->rule_count++;
	}
	return wrong;
}
