/* SPDX-License-Identifier: MIT */
/* conf_parts.h - what the files of the configuration parser share with each other. */
#ifndef SOCKSHIM_CONF_PARTS_H
#define SOCKSHIM_CONF_PARTS_H

#include "bytes.h"
#include "conf.h"

/* One value, read but not yet stored. */
union conf_value {
	uint8_t choice;
	uint32_t ms;
	struct net net;
	struct proxy proxy;
	const char *text;
};

/* Reads a value of a setting's type. NULL, or what is wrong (static). */
const char *conf_read_value(enum setting_id id, const char *text, union conf_value *v);

/* Puts it into `s`. NULL, or what there is no room for (static). */
const char *conf_store_value(struct settings *s, enum setting_id id, const union conf_value *v);

/* Adds a text or a proxy to the settings' tables; an equal proxy is listed once. */
const char *conf_add_text(struct settings *s, const char *text, uint16_t *offset);
const char *conf_add_proxy(struct settings *s, const struct proxy *p, uint8_t *index);

/*
 * The next word of a line, taken apart in place: *word is NUL-terminated, its quotes and escapes
 * are gone, *at moves behind it. NULL, or what is wrong; at the end (or a comment) *word is NULL.
 */
const char *conf_word(char **at, char **word);

/* Reads the words behind `Match` as a new rule. NULL, or what is wrong; *about says in what. */
const char *conf_read_match(struct settings *s, char *words, const char **about);

/* The place of a Match setting in a rule; NULL if it has none (Proxy is a route). */
int8_t *conf_rule_slot(struct rule *r, enum setting_id id);

/* ASCII, whatever the locale. */
char conf_lower(char c);
bool conf_same(const char *a, const char *b);
bool conf_is_blank(char c);
bool conf_is_control(char c);

/* Reads up to `max` as a decimal number of digits only. */
bool conf_number(const char *text, size_t len, uint32_t max, uint32_t *out);

/*
 * Gives a setting that nobody has made its default. Every process does it: the key is not looked
 * up.
 */
int conf_default(struct conf *c, enum setting_id id);

/* Formats the error and returns -EINVAL; `key` and `more` may be "". */
int conf_fail(struct conf *c, const char *key, const char *what, const char *more);

#endif
