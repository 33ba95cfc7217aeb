/* SPDX-License-Identifier: MIT */
/*
 * completion_fish.c - completion for fish: a line for each option and word, by the place it is at.
 */
#include <stdio.h>

#include "completion.h"

static const char reader[] =
	"# Whose options or words come next: sockshim, sockshimctl tor, …; or `command`.\n"
	"function __sockshim_place\n"
	"    set -l tokens (commandline -opc)\n"
	"    set -l place (string replace -r '.*/' '' -- $tokens[1])\n"
	"    set -e tokens[1]\n"
	"    while set -q tokens[1]\n"
	"        if test \"$tokens[1]\" = --\n"
	"            echo command\n"
	"            return\n"
	"        else if string match -q -- '-?*' $tokens[1]\n"
	"            if contains -- \"$place $tokens[1]\" $__sockshim_with_argument\n"
	"                set -e tokens[1]\n"
	"            end\n"
	"        else if contains -- \"$place $tokens[1]\" $__sockshim_places\n"
	"            set place \"$place $tokens[1]\"\n"
	"        else\n"
	"            echo command\n"
	"            return\n"
	"        end\n"
	"        set -e tokens[1]\n"
	"    end\n"
	"    echo $place\n"
	"end\n"
	"\n"
	"# What follows the options of a place that runs a command.\n"
	"function __sockshim_command\n"
	"    set -l skip $argv[1]\n"
	"    __fish_complete_subcommand --fcs-skip=$skip $argv[2..]\n"
	"end\n";

static void at(const char *path)
{
	printf("complete -c %s -n 'test (__sockshim_place) = \"%s\"'",
	       path[8] == 'c' ? "sockshimctl" : "sockshim", path);
}

static void described(const char *help)
{
	fputs(" -d '", stdout);
	completion_escaped(help, "'\\");
	puts("'");
}

static void option(const char *path, const struct completion_option *o)
{
	at(path);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (*o->name)
		printf(" -l %s", o->name);
	switch (o->kind) {
	case COMPLETE_NOTHING:
		fputs(" -f", stdout);
		break;
	case COMPLETE_ANY:
		fputs(o->joined ? " -f" : " -x", stdout);
		break;
	case COMPLETE_FILE:
		fputs(o->joined ? "" : " -r -F", stdout);
		break;
	case COMPLETE_SETTING:
		fputs(" -x -a \"$__sockshim_settings\"", stdout);
		break;
	case COMPLETE_CHOICES:
		fputs(o->joined ? " -f -a '" : " -x -a '", stdout);
		completion_choices(o->choices, " ");
		putchar('\'');
		break;
	}
	described(o->help);
}

static void settings(void)
{
	puts("set -g __sockshim_settings \\");
	for (const struct completion_setting *s = completion_settings; s->key; s++) {
		printf("    %s=", s->key);
		if (*s->choices) {
			putchar('{');
			completion_choices(s->choices, ",");
			putchar('}');
		}
		puts(s[1].key ? " \\" : "\n");
	}
}

static void lists(const struct completion_place *places)
{
	fputs("set -g __sockshim_places", stdout);
	for (const struct completion_place *p = places; p->path; p++)
		printf(" \\\n    '%s'", p->path);
	fputs("\n\nset -g __sockshim_with_argument", stdout);
	for (const struct completion_place *p = places; p->path; p++) {
		for (size_t i = 0; i < p->option_count; i++) {
			const struct completion_option *o = &p->options[i];

			if (o->kind == COMPLETE_NOTHING || o->joined)
				continue;
			if (o->letter)
				printf(" \\\n    '%s -%c'", p->path, o->letter);
			if (*o->name)
				printf(" \\\n    '%s --%s'", p->path, o->name);
		}
	}
	puts("\n");
}

/* Within the command as well: fish's own helper finds it behind our words and options. */
static void command(const struct completion_place *p)
{
	int words = 1;

	for (const char *c = p->path; *c; c++)
		words += *c == ' ';
	printf("complete -c %s -n 'contains -- (__sockshim_place) \"%s\" command",
	       p->path[8] == 'c' ? "sockshimctl" : "sockshim", p->path);
	if (words > 1)
		printf("; and string match -q -- \"%s *\" (commandline -opc | string join \" \")",
		       p->path);
	printf("' -x -a '(__sockshim_command %d", words);
	for (size_t i = 0; i < p->option_count; i++) {
		const struct completion_option *o = &p->options[i];

		if (o->kind == COMPLETE_NOTHING || o->joined)
			continue;
		if (o->letter)
			printf(" -%c", o->letter);
		if (*o->name)
			printf(" --%s", o->name);
	}
	puts(")'");
}

void completion_fish(const struct completion_place *places)
{
	puts("# Completion of sockshim and sockshimctl for fish, by `sockshimctl completion "
	     "fish`.\n");
	settings();
	lists(places);
	puts(reader);
	puts("complete -c sockshimctl -f");
	for (const struct completion_place *p = places; p->path; p++) {
		for (size_t i = 0; i < p->option_count; i++)
			option(p->path, &p->options[i]);
		for (size_t i = 0; i < p->word_count; i++) {
			at(p->path);
			printf(" -f -a %s", p->words[i].name);
			described(p->words[i].help);
		}
		if (p->runs)
			command(p);
	}
}
