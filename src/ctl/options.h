/* SPDX-License-Identifier: MIT */
/* options.h - command-line options from a table; the same table prints --help. */
#ifndef SOCKSHIM_CTL_OPTIONS_H
#define SOCKSHIM_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPTION_FLAG,   /* bool, no argument */
	OPTION_NUMBER, /* int, 0..max, decimal or 0x hexadecimal */
	OPTION_TEXT,   /* const char *, the argument itself */
	OPTION_CALL,   /* `take` reads the argument */
};

struct option_row {
	const char *name; /* without the dashes */
	const char *arg;  /* what --help calls the argument; NULL: there is none */
	const char *help; /* lines after a newline are indented */
	enum option_kind kind;
	size_t at;				     /* offset of the field in the settings */
	int max;				     /* of a number */
	bool (*take)(void *into, const char *value); /* false: a bad value */
	char letter;				     /* the short form, or 0 */
};

struct option_table {
	const char *program; /* in messages and in the usage line */
	const char *usage;   /* the arguments, as the usage line shows them */
	const char *summary;
	const struct option_row *rows; /* a row without a name ends them */
};

/*
 * Reads all options, "--name value" or "--name=value", into the settings `into`.
 * Prints help and exits 0 for --help; one line and exit status 2 for anything it does not know.
 * Returns the index of the first argument that is no option.
 */
int options_read(const struct option_table *t, void *into, int argc, char **argv);

/* Reads a number 0..max, decimal or 0x hexadecimal, and nothing after it. */
bool options_number(const char *text, int max, int *out);

#endif
