/* SPDX-License-Identifier: MIT */
/* options.c - command-line options from a table; the same table prints --help. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* Column at which --help starts the explanations. */
#define HELP_COLUMN 26

bool options_number(const char *text, int max, int *out)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;
	long n;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	n = strtol(text, &end, hex ? 16 : 10);
	if (errno || *end || n > max || (hex && end == text + 2))
		return false;
	*out = (int)n;
	return true;
}

static void print_row(const struct option_row *row)
{
	int column = printf("  ");

	if (row->letter)
		column += printf("-%c, ", row->letter);
	column += printf("--%s%s%s", row->name, row->arg ? " " : "", row->arg ? row->arg : "");
	if (column >= HELP_COLUMN)
		column = (putchar('\n'), 0);
	for (const char *p = row->help; *p; p++) {
		if (column < HELP_COLUMN)
			printf("%*s", HELP_COLUMN - column, "");
		column = *p == '\n' ? 0 : HELP_COLUMN;
		putchar(*p);
	}
	putchar('\n');
}

static void print_help(const struct option_table *t)
{
	printf("usage: %s %s\n%s\n\n", t->program, t->usage, t->summary);
	for (const struct option_row *row = t->rows; row->name; row++)
		print_row(row);
	puts("  -h, --help              this text");
	exit(0);
}

/* The row of "--name", "--name=value" or "-x"; NULL if there is none. */
static const struct option_row *find(const struct option_table *t, const char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct option_row *row = t->rows; row->name; row++) {
		if (row->letter && word[1] == row->letter && !word[2])
			return row;
		if (word[1] == '-' && strlen(row->name) == len - 2 &&
		    !memcmp(row->name, word + 2, len - 2))
			return row;
	}
	return NULL;
}

static bool store(const struct option_row *row, void *into, const char *value)
{
	char *field = (char *)into + row->at;

	if (row->kind == OPTION_FLAG || !value) {
		*(bool *)(void *)field = true;
		return true;
	}
	switch (row->kind) {
	case OPTION_NUMBER:
		return options_number(value, row->max, (int *)(void *)field);
	case OPTION_TEXT:
		*(const char **)(void *)field = value;
		return true;
	case OPTION_CALL:
		return row->take(into, value);
	default:
		return false;
	}
}

/*
 * The argument of the option argv[*i]; NULL for a flag. Steps over it if it is a word of its own.
 */
static const char *argument(const struct option_row *row, char **argv, int *i)
{
	const char *equals = argv[*i][1] == '-' ? strchr(argv[*i], '=') : NULL;

	if (row->kind == OPTION_FLAG) {
		if (equals)
			ctl_die(2, "--%s takes no argument", row->name);
		return NULL;
	}
	if (equals)
		return equals + 1;
	if (!argv[*i + 1])
		ctl_die(2, "--%s needs an argument: %s", row->name, row->arg);
	return argv[++*i];
}

int options_read(const struct option_table *t, void *into, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *word = argv[i], *value;
		const struct option_row *row;

		if (!strcmp(word, "--"))
			return i + 1;
		if (!strcmp(word, "--help") || !strcmp(word, "-h"))
			print_help(t);
		row = find(t, word);
		if (!row)
			ctl_die(2, "%s: unknown option (%s --help lists them)", word, t->program);
		value = argument(row, argv, &i);
		if (!store(row, into, value))
			ctl_die(2, "--%s: bad value: %s", row->name, value);
	}
	return i;
}
