/* SPDX-License-Identifier: MIT */
/*
 * completion.h - every command line of sockshim and sockshimctl, read from the tables that the
 * programs themselves read: what the completions of the shells are printed from.
 *
 * A place is where options are read: "sockshim", "sockshimctl", "sockshimctl tor via".
 */
#ifndef SOCKSHIM_CTL_COMPLETION_H
#define SOCKSHIM_CTL_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#define COMPLETION_OPTIONS 40
#define COMPLETION_WORDS 40

enum completion_kind {
	COMPLETE_NOTHING, /* there is no argument */
	COMPLETE_ANY,	  /* an argument that nobody can guess */
	COMPLETE_FILE,
	COMPLETE_SETTING, /* Key=value */
	COMPLETE_CHOICES, /* one of `choices` */
};

struct completion_option {
	const char *name; /* without dashes, "" if there is only the letter */
	char letter;	  /* or 0 */
	bool joined;	  /* the argument is optional, and joined: --name=value */
	enum completion_kind kind;
	const char *argument; /* its name in --help */
	const char *choices;  /* a|b|c */
	const char *help;     /* may have newlines */
};

struct completion_word {
	const char *name, *help;
};

struct completion_place {
	const char *path;
	struct completion_option options[COMPLETION_OPTIONS];
	size_t option_count;
	struct completion_word words[COMPLETION_WORDS]; /* subcommands */
	size_t word_count;
	bool runs; /* a command with arguments of its own follows */
};

struct completion_setting {
	const char *key, *choices; /* a|b|c or "" */
};

/* Ended by a row without a path, or without a key. */
extern const struct completion_setting completion_settings[];

/* Prints the completion for one shell. */
typedef void completion_print(const struct completion_place *places);
completion_print completion_bash, completion_zsh, completion_fish;

/* Prints "a|b|c" with `between` in place of the bars. */
void completion_choices(const char *choices, const char *between);

/* Prints the first line of a text, with a backslash before each byte of `special`. */
void completion_escaped(const char *text, const char *special);

#endif
