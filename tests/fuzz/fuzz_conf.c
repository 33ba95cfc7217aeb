/* SPDX-License-Identifier: MIT */
/*
 * fuzz_conf.c - configuration text. Any split of the input gives the same result; what is printed
 * reads back as the same settings; options and proxy URLs are taken or refused, never worse.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PRINT_MAX 1000000

static struct settings whole, split, again;
static struct conf conf;
static char print_a[PRINT_MAX], print_b[PRINT_MAX], error[CONF_ERROR];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_conf: %s\n", what);
	abort();
}

/* `seed` 0: in one piece. */
static int parse(struct settings *s, const char *text, size_t len, unsigned int seed)
{
	int ret = 0;
	size_t n;

	conf_init(&conf, s);
	conf_source(&conf, "f");
	for (; len && !ret; text += n, len -= n) {
		seed = seed * 1103515245 + 12345 * !!seed;
		n = seed ? 1 + (seed >> 16) % 40 : len;
		if (n > len)
			n = len;
		ret = conf_feed(&conf, text, n);
	}
	if (!ret)
		ret = conf_end(&conf);
	if (!ret)
		ret = conf_finish(&conf);
	must(!ret == !conf.error[0], "an error without words");
	return ret;
}

/* The settings as a configuration file; false if a line is longer than the parser takes. */
static bool print_all(const struct settings *s, char *out)
{
	static char line[PRINT_MAX];
	char *at = out;
	unsigned int i;
	bool fits = true;

	for (i = 0; i < SETTING_COUNT; i++) {
		must(conf_print(s, (enum setting_id)i, true, line, sizeof(line)) == strlen(line),
		     "conf_print() returned another length");
		at += sprintf(at, "%s %s\n", setting_table[i].key, line);
		fits &= strlen(line) < CONF_LINE_MAX - 64;
	}
	for (i = 0; i < s->rule_count; i++) {
		conf_print_rule(s, i, true, line, sizeof(line));
		must(at + strlen(line) < out + PRINT_MAX, "a print of a megabyte");
		at += sprintf(at, "%s", line);
		fits &= strcspn(line, "\n") < CONF_LINE_MAX - 1;
	}
	return fits;
}

static void check_bounds(const struct settings *s)
{
	unsigned int i;

	must(s->text_used <= SETTINGS_TEXT && !s->text[0], "text out of bounds");
	must(!s->text[s->text_used - 1], "text without its end");
	must(s->proxy_count <= SETTINGS_PROXIES && s->proxy < s->proxy_count, "proxies");
	must(s->pattern_count <= SETTINGS_PATTERNS, "patterns");
	must(s->rule_count <= SETTINGS_RULES, "rules");
	for (i = 0; i < s->rule_count; i++) {
		must(s->rules[i].first + s->rules[i].count <= s->pattern_count, "rule's patterns");
		must(s->rules[i].proxy < s->proxy_count, "rule's proxy");
	}
	for (i = 0; i < s->pattern_count; i++)
		must(s->patterns[i].text < s->text_used, "pattern's text");
}

static void check_text(const char *text, size_t len, unsigned int seed)
{
	int ret = parse(&whole, text, len, 0);

	memcpy(error, conf.error, sizeof(error));
	must(ret == parse(&split, text, len, seed | 1), "the split changed the result");
	must(!strcmp(error, conf.error), "the split changed the error");
	if (ret)
		return;
	check_bounds(&whole);
	print_all(&split, print_b);
	if (!print_all(&whole, print_a))
		return;
	must(!strcmp(print_a, print_b), "the split changed the settings");
	if (parse(&again, print_a, strlen(print_a), 0)) {
		fprintf(stderr, "%s\n%s", conf.error, print_a);
		must(false, "the print was not taken");
	}
	print_all(&again, print_b);
	must(!strcmp(print_a, print_b), "the print gave other settings");
}

/* The input as a URL, an option, and the contents of PasswordFile. */
static void check_strings(const char *text)
{
	struct proxy p, q;
	char url[4096];

	if (!conf_parse_proxy(&p, text)) {
		must(conf_print_proxy(&p, true, url, sizeof(url)) < sizeof(url) - 1, "a long URL");
		must(!conf_parse_proxy(&q, url), "a printed URL was not taken");
		must(p.user_len == q.user_len && !memcmp(p.user, q.user, p.user_len) &&
			     p.password_len == q.password_len &&
			     !memcmp(p.password, q.password, p.password_len) &&
			     addr_equal(&p.at, &q.at) && !strcmp(p.host, q.host) &&
			     !strcmp(p.path, q.path) && p.tor == q.tor &&
			     p.protocol == q.protocol && p.credentials == q.credentials,
		     "a printed URL gave another proxy");
	}
	conf_init(&conf, &whole);
	if (!conf_option(&conf, "-o", text))
		must(!conf.error[0], "an error of no account");
	conf_init(&conf, &whole);
	conf_option(&conf, "-p", "Proxy=socks5://u@h");
	conf_password(&conf, text, strlen(text));
}

/*
 * Words of the language: bytes from 128 up stand for one each, so that the fuzzer gets somewhere.
 */
static const char *const words[] = {
	"Match ",
	"host ",
	"port ",
	"exe ",
	"user ",
	"group ",
	"all",
	"\n",
	"\nMatch all\n",
	"Direct\n",
	"Refuse\n",
	"Proxy ",
	"socks5://",
	"socks4a://",
	"tor://",
	"u:p@",
	"user@",
	"h.example",
	"127.0.0.1",
	"[::1]",
	":1080",
	"unix:/",
	"%00",
	"%",
	"<torS0X>",
	"<torS0X>0",
	"localhost",
	"PasswordFile ",
	"Resolve ",
	"remote",
	"VirtualAddrNetworkIPv4 ",
	"10.0.0.0/8",
	"fd00::/64",
	"VirtualAddrNetworkIPv6 ",
	"Isolate ",
	"session",
	"connection",
	"Localhost ",
	"direct",
	"Inbound ",
	"none",
	"any",
	"HalfClose ",
	"hold",
	"pass",
	"Pipeline ",
	"Optimistic ",
	"yes",
	"no",
	"ConnectTimeout ",
	"HandshakeTimeout ",
	"1.5",
	"30",
	"4000000",
	"Unwrappable ",
	"allow",
	"Log ",
	"debug",
	"LogFile ",
	"/a/b",
	"\"",
	"\\",
	"\\\"",
	"#",
	" #",
	"!",
	",",
	"*",
	"?",
	"-",
	"80-90",
	"*.onion",
	"git",
	"\r\n",
	"\t",
	" = ",
	"=",
	"::1",
	"2001:db8::/32",
	"0",
	"65535",
	"\n\n",
};

static char *expand(const uint8_t *data, size_t size, size_t *len)
{
	char *text = malloc(size * 32 + 1), *at = text;
	const char *word;

	for (; text && size--; data++) {
		if (*data < 128) {
			*at++ = (char)*data;
			continue;
		}
		word = words[(*data - 128u) % (sizeof(words) / sizeof(*words))];
		memcpy(at, word, strlen(word));
		at += strlen(word);
	}
	if (text)
		*at = '\0';
	*len = (size_t)(at - text);
	return text;
}

/* The first byte says whether the rest is text as it stands. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	char *text;

	if (!size)
		return 0;
	text = expand(data + 1, size - 1, &len);
	if (!text)
		return 0;
	if (data[0] & 1) {
		len = size - 1;
		memcpy(text, data + 1, len);
		text[len] = '\0';
	}
	check_text(text, len, data[size / 2] * 2654435761u);
	check_strings(text);
	free(text);
	return 0;
}
