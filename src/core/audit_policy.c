/* SPDX-License-Identifier: MIT */
/* audit_policy.c - the policy file of an audit: a push parser, as that of sockshim.conf. */
#include <errno.h>
#include <string.h>

#include "audit.h"
#include "conf_parts.h"

void audit_policy_init(struct audit_policy *p)
{
	memset(p, 0, sizeof(*p));
	p->text_used = 1; /* offset 0 is "": any */
}

static int fail(struct audit_policy *p, const char *key, const char *what, const char *about)
{
	struct bytes_out o = bytes_out_init(p->error, sizeof(p->error));
	const char *const parts[] = {key, *key ? ": " : "", what, *about ? " " : "", about};

	if (*p->error)
		return -EINVAL;
	bytes_put_text(&o, "line ");
	bytes_put_number(&o, p->line);
	bytes_put_text(&o, ": ");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *c = parts[i]; *c && !o.overflow; c++)
			bytes_put_u8(&o, *c < ' ' || *c > '~' ? '?' : (uint8_t)*c);
	bytes_put_end(&o);
	return -EINVAL;
}

/* "" is stored as the text at offset 0. NULL, or what is wrong. */
static const char *store(struct audit_policy *p, const char *text, uint16_t *offset)
{
	size_t size = strlen(text) + 1;

	*offset = 0;
	if (size == 1)
		return NULL;
	if (size > sizeof(p->text) - p->text_used)
		return "the file has too much text";
	memcpy(p->text + p->text_used, text, size);
	*offset = p->text_used;
	p->text_used += (uint16_t)size;
	return NULL;
}

static int find_check(const char *word)
{
	for (int i = 0; i < CHECK_COUNT; i++)
		if (conf_same(word, check_table[i].word))
			return i;
	return -1;
}

static int take_rule(struct audit_policy *p, const char *key, enum outcome outcome, char *words[3])
{
	struct audit_rule *r = &p->rules[p->rule_count];
	int check = words[0] ? find_check(words[0]) : -1;
	const char *wrong;

	if (!words[0])
		return fail(p, key, "which check? (sockshim-audit(5) lists them)", "");
	if (check < 0)
		return fail(p, key, "unknown check", words[0]);
	if (p->rule_count == AUDIT_RULES)
		return fail(p, key, "too many rules", "");
	r->check = (uint8_t)check;
	r->outcome = (uint8_t)outcome;
	wrong = store(p, words[1] ? words[1] : "", &r->target);
	if (!wrong)
		wrong = store(p, words[2] ? words[2] : "", &r->program);
	if (wrong)
		return fail(p, key, wrong, "");
	p->rule_count++;
	return 0;
}

/* Cuts ":PORT" or ":PORT-PORT" off; an address of IPv6 with a port stands in brackets. */
static bool cut_ports(char **word, uint16_t *lo, uint16_t *hi)
{
	char *text = *word, *end = strrchr(text, ']'), *colon, *dash;
	uint32_t a = 0, b = 65535;

	if (*text == '[' && end) {
		*word = text + 1;
		colon = end[1] ? end + 1 : NULL;
		*end = 0;
		if (colon && *colon != ':')
			return false;
	} else {
		colon = strchr(text, ':');
		if (colon && strchr(colon + 1, ':'))
			colon = NULL; /* a bare address of IPv6 */
	}
	if (colon) {
		*colon++ = 0;
		dash = strchr(colon, '-');
		if (!conf_number(colon, dash ? (size_t)(dash - colon) : strlen(colon), 65535, &a))
			return false;
		b = a;
		if (dash && !conf_number(dash + 1, strlen(dash + 1), 65535, &b))
			return false;
	}
	*lo = (uint16_t)a;
	*hi = (uint16_t)b;
	return a <= b;
}

static int take_expect(struct audit_policy *p, const char *key, char *word)
{
	struct audit_expect *e = &p->expect[p->expect_count];
	const char *wrong;

	if (p->expect_count == AUDIT_EXPECTED)
		return fail(p, key, "too many targets", "");
	memset(e, 0, sizeof(*e));
	if (!cut_ports(&word, &e->lo, &e->hi) || !*word)
		return fail(p, key, "not HOST, HOST:PORT or HOST:PORT-PORT:", word);
	e->is_net = net_parse(&e->net, word, strlen(word));
	if (!e->is_net && strchr(word, '/'))
		return fail(p, key, "not a network:", word);
	wrong = e->is_net ? NULL : store(p, word, &e->glob);
	if (wrong)
		return fail(p, key, wrong, "");
	p->expect_count++;
	return 0;
}

/* A number of at most six digits; with `thousandths` a fraction of three digits may follow. */
static bool read_limit(const char *text, bool thousandths, uint32_t *out)
{
	size_t len = strlen(text), whole = strcspn(text, ".");
	uint32_t n, unit = 100;

	if (!conf_number(text, whole, 999999, &n))
		return false;
	if (!thousandths) {
		*out = n;
		return whole == len;
	}
	n *= 1000;
	if (whole < len && (len - whole - 1 > 3 || len - whole < 2))
		return false;
	for (size_t i = whole + 1; i < len; i++, unit /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n += (uint32_t)(text[i] - '0') * unit;
	}
	*out = n;
	return true;
}

static int take_limit(struct audit_policy *p, const char *key, char *words[3])
{
	bool cycle = conf_same(key, "MinCycle"), share = conf_same(key, "MaxShare");
	uint32_t *to = cycle ? &p->min_cycle : share ? &p->max_share : &p->max_asymmetry;
	char *percent = words[0] ? strchr(words[0], '%') : NULL;

	if (share && percent && !percent[1])
		*percent = 0;
	if (!words[0] || words[1])
		return fail(p, key, "takes one number", "");
	if (!read_limit(words[0], cycle, to) || !*to || (share && *to > 100))
		return fail(p, key, "a bad number:", words[0]);
	return 0;
}

static bool is_limit(const char *key)
{
	return conf_same(key, "MinCycle") || conf_same(key, "MaxShare") ||
	       conf_same(key, "MaxAsymmetry");
}

static int take_words(struct audit_policy *p, const char *key, char *at)
{
	char *words[3] = {NULL, NULL, NULL}, *word;
	bool expect = conf_same(key, "Expect");
	const char *wrong;
	size_t count = 0;
	int error = 0;

	while (!(wrong = conf_word(&at, &word)) && word && !error) {
		if (expect)
			error = take_expect(p, key, word);
		else if (count < 3)
			words[count] = word;
		count++;
	}
	if (error)
		return error;
	if (wrong)
		return fail(p, key, wrong, "");
	if (expect)
		return count ? 0 : fail(p, key, "which target?", "");
	if (count > 3)
		return fail(p, key, "too many words", "");
	if (conf_same(key, "Tolerate"))
		return take_rule(p, key, OUTCOME_TOLERATE, words);
	if (conf_same(key, "FailOn"))
		return take_rule(p, key, OUTCOME_FAIL, words);
	return is_limit(key) ? take_limit(p, key, words) : fail(p, key, "unknown key", "");
}

static int take_line(struct audit_policy *p)
{
	char *key = p->partial, *at;

	p->partial[p->held] = 0;
	p->held = 0;
	p->line++;
	while (conf_is_blank(*key))
		key++;
	if (!*key || *key == '#')
		return 0;
	for (at = key; *at && !conf_is_blank(*at); at++)
		;
	if (*at)
		*at++ = 0;
	return take_words(p, key, at);
}

int audit_policy_feed(struct audit_policy *p, const char *data, size_t len)
{
	int error = p->error[0] ? -EINVAL : 0;

	for (size_t i = 0; i < len && !error; i++) {
		if (data[i] == '\n') {
			if (p->held && p->partial[p->held - 1] == '\r')
				p->held--;
			error = take_line(p);
		} else if (data[i] && p->held < AUDIT_LINE - 1) {
			p->partial[p->held++] = data[i];
		} else {
			p->line++;
			error = fail(p, "", data[i] ? "the line is too long" : "a NUL byte", "");
		}
	}
	return error;
}

int audit_policy_end(struct audit_policy *p)
{
	if (p->error[0])
		return -EINVAL;
	if (!p->held)
		return 0;
	p->line++;
	return fail(p, "", "the last line has no newline: the file was cut short", "");
}
