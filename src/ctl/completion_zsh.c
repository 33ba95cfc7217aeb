/* SPDX-License-Identifier: MIT */
/* completion_zsh.c - completion for zsh: one function a place, each a call of _arguments. */
#include <stdio.h>
#include <string.h>

#include "completion.h"

/* What is special within '…:…' of _arguments and within its brackets. */
#define SPECIAL ":[]\\"

static const char setting[] = "_sockshim_setting()\n"
			      "{\n"
			      "	local key\n"
			      "\n"
			      "	if compset -P 1 '*='; then\n"
			      "		key=${${IPREFIX%=}##*=}\n"
			      "		[[ -z $_sockshim_choices[$key] ]] || compadd -- "
			      "${=_sockshim_choices[$key]}\n"
			      "	else\n"
			      "		compadd -q -S = -- ${(k)_sockshim_choices}\n"
			      "	fi\n"
			      "}\n";

/*
 * The name of the function of a place: sockshimctl tor via: _sockshim_at_sockshimctl_tor_via. Not
 * _sockshim: that is the file itself, which zsh runs for both commands.
 */
static void function(const char *path)
{
	fputs("_sockshim_at_", stdout);
	for (; *path; path++)
		putchar(*path == ' ' ? '_' : *path);
}

/* Text between single quotes, of which the tables have none but apostrophes. */
static void quoted(const char *text)
{
	for (; *text && *text != '\n'; text++) {
		char one[] = {*text, 0};

		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			completion_escaped(one, SPECIAL);
	}
}

static void action(const struct completion_option *o)
{
	if (o->kind == COMPLETE_NOTHING)
		return;
	fputs(o->joined ? "::" : ":", stdout);
	quoted(o->kind == COMPLETE_CHOICES ? o->name : o->argument);
	switch (o->kind) {
	case COMPLETE_NOTHING:
	case COMPLETE_ANY:
		fputs(": ", stdout);
		break;
	case COMPLETE_FILE:
		fputs(":_files", stdout);
		break;
	case COMPLETE_SETTING:
		fputs(":_sockshim_setting", stdout);
		break;
	case COMPLETE_CHOICES:
		fputs(":(", stdout);
		completion_choices(o->choices, " ");
		putchar(')');
		break;
	}
}

static void option(const struct completion_option *o)
{
	if (o->letter) {
		printf("\t\t'*-%c%s[", o->letter,
		       o->kind == COMPLETE_NOTHING ? "" : (o->joined ? "-" : "+"));
		quoted(o->help);
		putchar(']');
		action(o);
		puts("' \\");
	}
	if (!*o->name)
		return;
	printf("\t\t'*--%s%s[", o->name,
	       o->kind == COMPLETE_NOTHING ? "" : (o->joined ? "=-" : "="));
	quoted(o->help);
	putchar(']');
	action(o);
	puts("' \\");
}

static void subcommands(const struct completion_place *places, const struct completion_place *p)
{
	size_t len = strlen(p->path);

	fputs("\t\t'1:command:((", stdout);
	for (size_t i = 0; i < p->word_count; i++) {
		printf("%s%s\\:\"", i ? " " : "", p->words[i].name);
		quoted(p->words[i].help);
		putchar('"');
	}
	puts("))' \\\n\t\t'*::argument:->rest'\n\tcase $state:$line[1] in");
	for (const struct completion_place *q = places; q->path; q++) {
		if (strncmp(q->path, p->path, len) != 0 || q->path[len] != ' ' ||
		    strchr(q->path + len + 1, ' '))
			continue;
		printf("\trest:%s) ", q->path + len + 1);
		function(q->path);
		puts(" ;;");
	}
	puts("\tesac");
}

static void place(const struct completion_place *places, const struct completion_place *p)
{
	function(p->path);
	puts("()\n{\n\tlocal curcontext=$curcontext state line\n\n\t_arguments -C -s -S \\");
	for (size_t i = 0; i < p->option_count; i++)
		option(&p->options[i]);
	if (p->word_count)
		subcommands(places, p);
	else if (p->runs)
		puts("\t\t'(-)1:command: _command_names -e' '*::arguments: _normal'");
	else
		puts("\t\t'*: :()'");
	puts("}\n");
}

void completion_zsh(const struct completion_place *places)
{
	puts("#compdef sockshim sockshimctl\n"
	     "# Completion of sockshim and sockshimctl for zsh, by `sockshimctl completion "
	     "zsh`.\n\n"
	     "typeset -gA _sockshim_choices=(");
	for (const struct completion_setting *s = completion_settings; s->key; s++) {
		printf("\t%s '", s->key);
		completion_choices(s->choices, " ");
		puts("'");
	}
	printf(")\n\n%s\n", setting);
	for (const struct completion_place *p = places; p->path; p++)
		place(places, p);
	puts("_sockshim_at_$service \"$@\"");
}
