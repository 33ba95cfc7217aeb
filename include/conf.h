/* SPDX-License-Identifier: MIT */
/*
 * conf.h - configuration text to settings: a push parser that opens no file. Pure.
 *
 * Lines are `Key value`, ssh_config-like: keys compare without case, `Key=value` and `Key = value`
 * are accepted too, `#` starts a comment where a word could start (so not inside a word or double
 * quotes), CR before LF is dropped, a value may stand in double quotes (\" and \\ inside). `Match`
 * starts a block that lasts to the next `Match` or the end of the source. Of several values for one
 * setting the first stands, so sources are fed in order of precedence; rules are asked in the order
 * in which they were read, and the first that matches and says something stands.
 */
#ifndef SOCKSHIM_CONF_H
#define SOCKSHIM_CONF_H

#include "settings.h"

#define CONF_LINE_MAX 4096
#define CONF_ERROR 512

enum setting_id {
#define SETTING(field, key, type, choices, def, match, help) SETTING_ID_##field,
#include "settings.def"
#undef SETTING
	SETTING_COUNT
};

enum setting_type { TYPE_CHOICE, TYPE_SECONDS, TYPE_NET, TYPE_PROXY, TYPE_TEXT };

/* The table made from settings.def, in its order. */
struct setting_info {
	const char *key, *choices, *def, *help;
	enum setting_type type;
	bool match;
	size_t offset; /* in struct settings */
};
extern const struct setting_info setting_table[SETTING_COUNT];

struct conf {
	struct settings *out;
	char source[128];
	unsigned int line;
	int rule; /* index of the open Match block, or -1 */
	struct {
		char source[128];  /* "" while unset; "default" after conf_finish() */
		unsigned int line; /* 0: not from a file */
	} origin[SETTING_COUNT];
	char error[CONF_ERROR]; /* "file:line: key: what is wrong", no newline */
	size_t held;
	char partial[CONF_LINE_MAX];
};

/* `out` is cleared; `c` need not be. Both are large: neither belongs on a small stack. */
void conf_init(struct conf *c, struct settings *out);

/* The same for memory that is all zero already, which so stays untouched where it is not used. */
void conf_init_zeroed(struct conf *c, struct settings *out);

/* Starts a source; its name is used in messages. Line numbers start at 1. */
void conf_source(struct conf *c, const char *name);

/* Feeds bytes of the source. 0, or -EINVAL with c->error set (the first error; feed no more). */
int conf_feed(struct conf *c, const char *data, size_t len);

/* Ends the source. -EINVAL for a last line without its newline: the file was cut short. */
int conf_end(struct conf *c);

/* One setting from the command line or the environment (`Key=value`, `Key value`). */
int conf_option(struct conf *c, const char *origin, const char *text);
int conf_set(struct conf *c, const char *origin, const char *key, const char *value);

/*
 * The first line of PasswordFile's contents becomes the password of every SOCKS5 proxy that has a
 * user and no password in its URL.
 */
int conf_password(struct conf *c, const char *data, size_t len);

/* Fills in the defaults and checks what needs more than one setting. 0, or -EINVAL. */
int conf_finish(struct conf *c);

/* Prints a setting's effective value as conf reads it (passwords as "***" unless `secrets`). */
size_t conf_print(const struct settings *s, enum setting_id id, bool secrets, char *out,
		  size_t size);

/* Prints a rule as configuration lines (Match … and its indented body). */
size_t conf_print_rule(const struct settings *s, unsigned int rule, bool secrets, char *out,
		       size_t size);

/* Reads and prints one proxy URL. conf_parse_proxy() returns NULL or what is wrong (static). */
const char *conf_parse_proxy(struct proxy *p, const char *url);
size_t conf_print_proxy(const struct proxy *p, bool secrets, char *out, size_t size);

/* A glob of `*` and `?`; letters without case. */
bool conf_glob(const char *pattern, const char *text, size_t len);

#endif
