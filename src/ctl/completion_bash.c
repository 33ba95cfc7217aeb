/* SPDX-License-Identifier: MIT */
/*
 * completion_bash.c - completion for bash: four tables as case statements, and one reader of them.
 */
#include <stdio.h>

#include "completion.h"

/*
 * readline cuts words at = and : as well; the pieces of an option's argument lie between blanks.
 * i: the word that is looked at; first, last: pieces of an argument.
 */
static const char reader[] =
	"_sockshim_fill()\n"
	"{\n"
	"	mapfile -t COMPREPLY < <(compgen \"$@\")\n"
	"}\n"
	"\n"
	"# The argument of an option: kind, then its pieces up to the cursor.\n"
	"_sockshim_value()\n"
	"{\n"
	"	local kind=$1 cur=${!#}\n"
	"\n"
	"	[[ $cur != [=:]* ]] || cur=\n"
	"	case $kind in\n"
	"	file) compopt -o filenames; _sockshim_fill -f -- \"$cur\" ;;\n"
	"	setting)\n"
	"		if (($# > 2)); then\n"
	"			_sockshim_fill -W \"$(_sockshim_choices \"$2\")\" -- \"$cur\"\n"
	"		else\n"
	"			compopt -o nospace\n"
	"			_sockshim_fill -S = -W \"$(_sockshim_choices)\" -- \"$cur\"\n"
	"		fi ;;\n"
	"	words*) _sockshim_fill -W \"${kind#words}\" -- \"$cur\" ;;\n"
	"	esac\n"
	"}\n"
	"\n"
	"_sockshim()\n"
	"{\n"
	"	local place=${COMP_WORDS[0]##*/} cur=${COMP_WORDS[COMP_CWORD]} i=1 word kind first "
	"last\n"
	"\n"
	"	COMPREPLY=()\n"
	"	while ((i < COMP_CWORD)) || [[ $cur == -* ]]; do\n"
	"		word=${COMP_WORDS[i]}\n"
	"		if [[ $word == -- ]] && ((i < COMP_CWORD)); then\n"
	"			((i++))\n"
	"			break\n"
	"		elif [[ $word != -?* ]] && ((i < COMP_CWORD)); then\n"
	"			[[ \" $(_sockshim_words \"$place\") \" == *\" $word \"* ]] || "
	"break\n"
	"			place+=\" $word\"\n"
	"			((i++))\n"
	"			continue\n"
	"		elif ((i == COMP_CWORD)); then\n"
	"			_sockshim_fill -W \"$(_sockshim_options \"$place\")\" -- \"$cur\"\n"
	"			return\n"
	"		fi\n"
	"		kind=$(_sockshim_argument \"$place $word\")\n"
	"		first=$((i + 1))\n"
	"		if [[ ${COMP_WORDS[first]-} == = ]]; then\n"
	"			((first++))\n"
	"		elif [[ -z $kind || $kind == joined* ]]; then\n"
	"			((i++))\n"
	"			continue\n"
	"		fi\n"
	"		last=$first\n"
	"		while [[ ${COMP_WORDS[last + 1]-} =~ ^[=:]+$ ]]; do\n"
	"			((last += 2))\n"
	"		done\n"
	"		if ((COMP_CWORD <= last)); then\n"
	"			((first <= COMP_CWORD)) || first=$COMP_CWORD\n"
	"			_sockshim_value \"${kind#joined }\" \\\n"
	"				\"${COMP_WORDS[@]:first:COMP_CWORD - first + 1}\"\n"
	"			return\n"
	"		fi\n"
	"		((i = last + 1))\n"
	"	done\n"
	"	if _sockshim_runs \"$place\"; then\n"
	"		if declare -F _command_offset >/dev/null; then\n"
	"			_command_offset \"$i\"\n"
	"		elif ((i == COMP_CWORD)); then\n"
	"			_sockshim_fill -c -- \"$cur\"\n"
	"		else\n"
	"			compopt -o filenames\n"
	"			_sockshim_fill -f -- \"$cur\"\n"
	"		fi\n"
	"	elif ((i == COMP_CWORD)); then\n"
	"		_sockshim_fill -W \"$(_sockshim_words \"$place\")\" -- \"$cur\"\n"
	"	fi\n"
	"}\n"
	"\n"
	"complete -F _sockshim sockshim sockshimctl\n";

static void settings(void)
{
	puts("# What a setting may be; without a name: the settings.\n"
	     "_sockshim_choices()\n{\n\tcase ${1-} in\n\t'') printf '%s\\n' \\");
	for (const struct completion_setting *s = completion_settings; s->key; s++)
		printf("\t\t%s%s\n", s->key, s[1].key ? " \\" : " ;;");
	for (const struct completion_setting *s = completion_settings; s->key; s++) {
		if (!*s->choices)
			continue;
		printf("\t%s) echo '", s->key);
		completion_choices(s->choices, " ");
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

static void options(const struct completion_place *places)
{
	puts("# The options of a place.\n"
	     "_sockshim_options()\n{\n\tcase $1 in");
	for (const struct completion_place *p = places; p->path; p++) {
		if (!p->option_count)
			continue;
		printf("\t'%s') echo '", p->path);
		for (size_t i = 0; i < p->option_count; i++) {
			const struct completion_option *o = &p->options[i];

			if (o->letter)
				printf("-%c ", o->letter);
			if (*o->name)
				printf("--%s ", o->name);
		}
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

static void argument(const char *path, const struct completion_option *o)
{
	if (o->letter)
		printf("\t'%s -%c'%s", path, o->letter, *o->name ? " |" : ")");
	if (*o->name)
		printf("%s'%s --%s')", o->letter ? " " : "\t", path, o->name);
	printf(" echo '%s", o->joined ? "joined " : "");
	switch (o->kind) {
	case COMPLETE_NOTHING:
	case COMPLETE_ANY:
		fputs("any", stdout);
		break;
	case COMPLETE_FILE:
		fputs("file", stdout);
		break;
	case COMPLETE_SETTING:
		fputs("setting", stdout);
		break;
	case COMPLETE_CHOICES:
		fputs("words ", stdout);
		completion_choices(o->choices, " ");
		break;
	}
	puts("' ;;");
}

static void arguments(const struct completion_place *places)
{
	puts("# What the argument of an option is: nothing, any, file, setting, words; `joined` by "
	     "=.\n"
	     "_sockshim_argument()\n{\n\tcase $1 in");
	for (const struct completion_place *p = places; p->path; p++)
		for (size_t i = 0; i < p->option_count; i++)
			if (p->options[i].kind != COMPLETE_NOTHING)
				argument(p->path, &p->options[i]);
	puts("\tesac\n}\n");
}

static void words(const struct completion_place *places)
{
	puts("# The subcommands of a place.\n"
	     "_sockshim_words()\n{\n\tcase $1 in");
	for (const struct completion_place *p = places; p->path; p++) {
		if (!p->word_count)
			continue;
		printf("\t'%s') echo '", p->path);
		for (size_t i = 0; i < p->word_count; i++)
			printf("%s%s", i ? " " : "", p->words[i].name);
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

static void runs(const struct completion_place *places)
{
	puts("# Does a command follow the options?\n"
	     "_sockshim_runs()\n{\n\tcase $1 in");
	for (const struct completion_place *p = places; p->path; p++)
		if (p->runs)
			printf("\t'%s') ;;\n", p->path);
	puts("\t*) return 1 ;;\n\tesac\n}\n");
}

void completion_bash(const struct completion_place *places)
{
	puts("# Completion of sockshim and sockshimctl for bash, by `sockshimctl completion "
	     "bash`.\n"
	     "# shellcheck shell=bash\n");
	settings();
	options(places);
	arguments(places);
	words(places);
	runs(places);
	fputs(reader, stdout);
}
