/* SPDX-License-Identifier: MIT */
/* options.c - the command line: one table, from which it is read and --help is printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "sockshim/version.h"

#define ORIGIN OPTIONS_ORIGIN
#define USAGE "usage: sockshim [option ...] [--] command [argument ...]"
#define HELP_COLUMN 27

enum action {
#define OPTION(action, name, letter, argument, shown, help) action,
#include "options.def"
#undef OPTION
};

enum argument { NONE, NEEDED, MAYBE };

struct option {
	const char *name;
	char letter;
	enum argument argument;
	enum action action;
	const char *shown; /* argument in --help, with what joins it to the name */
	const char *help;
};

static const struct option table[] = {
#define OPTION(action, name, letter, argument, shown, help)                                        \
	{name, letter, argument, action, shown, help},
#include "options.def"
#undef OPTION
};
#define ROWS (sizeof(table) / sizeof(table[0]))

struct reader {
	struct request *rq;
	struct conf *conf;
	char **next; /* argument that is read next */
	int loudness;
};

static void usage(const char *what, const char *word)
{
	warn("%s%s", what, word);
	fputs(USAGE "\n", stderr);
	exit(EXIT_USAGE);
}

static void help(void)
{
	char names[64];

	puts(USAGE "\n"
		   "Runs a command so that its connections go through a SOCKS proxy.\n");
	for (size_t i = 0; i < ROWS; i++) {
		const struct option *o = &table[i];
		char letter[] = {'-', o->letter, ',', ' ', 0};

		snprintf(names, sizeof(names), "%.*s%s%s%s", *o->name ? 4 : 2,
			 o->letter ? letter : "    ", *o->name ? "--" : "", o->name, o->shown);
		printf("  %-*s %s\n", HELP_COLUMN - 3, names, o->help);
	}
	puts("\nSettings come from the command line, from SOCKSHIM_KEY in the environment, from\n"
	     "~/.config/sockshim/sockshim.conf and /etc/sockshim/sockshim.conf: the first that\n"
	     "sets one stands. See sockshim(1) and sockshim.conf(5).");
	exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

void options_version(void)
{
	puts("sockshim " SOCKSHIM_VERSION);
	exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void set(struct conf *c, const char *key, const char *value)
{
	if (conf_set(c, ORIGIN, key, value) < 0)
		die(EXIT_USAGE, "%s", c->error);
}

static void act(struct reader *r, const struct option *o, const char *value)
{
	switch (o->action) {
	case SET_PROXY:
		set(r->conf, "Proxy", value);
		break;
	case SET_USER:
		r->rq->user = value;
		break;
	case SET_ISOLATE:
		set(r->conf, "Isolate", value ? value : "session");
		break;
	case SET_FILE:
		r->rq->file = value;
		break;
	case SET_ANY:
		if (conf_option(r->conf, ORIGIN, value) < 0)
			die(EXIT_USAGE, "%s", r->conf->error);
		break;
	case SET_TAG:
		set(r->conf, "Tag", value);
		break;
	case PRINT:
		r->rq->print = true;
		break;
	case QUIETER:
		r->loudness = -1;
		break;
	case LOUDER:
		r->loudness = r->loudness < 0 ? 1 : r->loudness + 1;
		break;
	case CHECK:
		r->rq->check = true;
		break;
	case AUDIT:
		r->rq->audit.wanted = true;
		r->rq->audit.format = value;
		break;
	case AUDIT_FILE:
		r->rq->audit.wanted = true;
		r->rq->audit.file = value;
		break;
	case AUDIT_POLICY:
		r->rq->audit.wanted = true;
		r->rq->audit.policy = value;
		break;
	case AUDIT_TOR:
		r->rq->audit.wanted = true;
		r->rq->audit.control = value;
		break;
	case AUDIT_EXIT:
		r->rq->audit.wanted = true;
		r->rq->audit.exit = value;
		if (!value || !*value || value[strspn(value, "0123456789")] || strlen(value) > 3 ||
		    strtol(value, NULL, 10) > 255)
			usage("not an exit status of 0 to 255: ", value);
		break;
	case IMPORT:
		r->rq->import = value;
		break;
	case ENV:
		r->rq->env = true;
		env_begin();
		break;
	case OFF:
		r->rq->off = true;
		break;
	case SYNTAX:
		r->rq->syntax = value;
		break;
	case SHELL:
		r->rq->shell = true;
		break;
	case VERSION:
		options_version();
		break;
	case HELP:
		help();
		break;
	}
}

/*
 * The argument of an option that needs one is the next word, unless `value` came with the option.
 */
static void take(struct reader *r, const struct option *o, const char *value)
{
	if (o->argument == NEEDED && !value) {
		value = *r->next;
		if (!value)
			usage("an argument is missing after --", o->name);
		r->next++;
	}
	act(r, o, value);
}

static void read_long(struct reader *r, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;

	for (size_t i = 0; i < ROWS; i++) {
		const struct option *o = &table[i];

		if (!len || strlen(o->name) != len || memcmp(o->name, word, len) != 0)
			continue;
		if (o->argument == NONE && value)
			usage("takes no argument: --", o->name);
		take(r, o, value);
		return;
	}
	usage("unknown option --", word);
}

/* Letters may be joined; the rest of the word after one that takes an argument is its argument. */
static void read_letters(struct reader *r, const char *word)
{
	const struct option *o;

	for (; *word; word++) {
		for (o = table; o < table + ROWS && o->letter != *word; o++)
			;
		if (o == table + ROWS)
			usage("unknown option -", word);
		if (o->argument == NONE) {
			take(r, o, NULL);
			continue;
		}
		take(r, o, word[1] ? word + 1 : NULL);
		return;
	}
}

static void set_log(struct reader *r)
{
	if (r->loudness)
		set(r->conf, "Log",
		    r->loudness < 0 ? "error" : (r->loudness == 1 ? "info" : "debug"));
}

void options_read(struct request *rq, struct conf *c, char **argv)
{
	struct reader r = {.rq = rq, .conf = c, .next = argv[0] ? argv + 1 : argv};

	while (*r.next && (*r.next)[0] == '-' && (*r.next)[1]) {
		const char *word = *r.next++;

		if (word[1] != '-')
			read_letters(&r, word + 1);
		else if (word[2])
			read_long(&r, word + 2);
		else
			break;
	}
	set_log(&r);
	rq->command = r.next;
	if ((rq->off || rq->syntax) && !rq->env)
		usage("only with --env: ", rq->off ? "--off" : "--shell-syntax");
	if (rq->env && *r.next)
		usage("no command belongs to --env: ", *r.next);
	if (!*r.next && !rq->print && !rq->check && !rq->import && !rq->env && !rq->shell)
		usage("no command", "");
}
