/* SPDX-License-Identifier: MIT */
/* completion.c - `sockshimctl completion`: the tables, as the shells' completions want them. */
#include "completion.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl.h"
#include "options.h"

const struct completion_setting completion_settings[] = {
#define SETTING(field, key, type, choices, value, match, help) {key, choices},
#include "settings.def"
#undef SETTING
	{0},
};

enum launcher_argument { NONE, NEEDED, MAYBE };

static const struct launcher_option {
	const char *name;
	char letter;
	enum launcher_argument argument;
	const char *shown, *help;
} launcher[] = {
#define OPTION(action, name, letter, argument, shown, help) {name, letter, argument, shown, help},
#include "options.def"
#undef OPTION
};

#define PLACES 24

static struct completion_place places[PLACES + 1];
static size_t place_count;

void completion_choices(const char *choices, const char *between)
{
	for (; *choices; choices++) {
		if (*choices == '|')
			fputs(between, stdout);
		else
			putchar(*choices);
	}
}

void completion_escaped(const char *text, const char *special)
{
	for (; *text && *text != '\n'; text++) {
		if (strchr(special, *text))
			putchar('\\');
		putchar(*text);
	}
}

static struct completion_place *add_place(const char *path)
{
	if (place_count == PLACES)
		ctl_die(1, "completion: more than %d places", PLACES);
	places[place_count].path = path;
	return &places[place_count++];
}

static void add_option(struct completion_place *p, struct completion_option o)
{
	if (p->option_count == COMPLETION_OPTIONS)
		ctl_die(1, "completion: more than %d options", COMPLETION_OPTIONS);
	p->options[p->option_count++] = o;
}

static void add_word(struct completion_place *p, const char *name, const char *help)
{
	if (p->word_count == COMPLETION_WORDS)
		ctl_die(1, "completion: more than %d words", COMPLETION_WORDS);
	p->words[p->word_count++] = (struct completion_word){name, help};
}

/* An option that has the name of a setting takes the setting's choices. */
static const char *choices_of(const char *name)
{
	for (const struct completion_setting *s = completion_settings; s->key; s++)
		if (*s->choices && !strcasecmp(s->key, name))
			return s->choices;
	return NULL;
}

static void judge(struct completion_option *o)
{
	if (!o->argument)
		return;
	o->kind = COMPLETE_ANY;
	o->choices = strchr(o->argument, '|') ? o->argument : choices_of(o->name);
	if (!strcmp(o->argument, "FILE"))
		o->kind = COMPLETE_FILE;
	else if (!strcmp(o->argument, "KEY=VALUE"))
		o->kind = COMPLETE_SETTING;
	else if (o->choices)
		o->kind = COMPLETE_CHOICES;
}

/* " URL" and "[=WHAT]" without what joins them to the name. */
static const char *bare(const char *shown)
{
	const char *from = shown + strspn(shown, " [=");

	return strndup(from, strcspn(from, "]"));
}

static void add_launcher(void)
{
	struct completion_place *p = add_place("sockshim");

	p->runs = true;
	for (size_t i = 0; i < sizeof(launcher) / sizeof(launcher[0]); i++) {
		const struct launcher_option *l = &launcher[i];
		struct completion_option o = {
			.name = l->name,
			.letter = l->letter,
			.joined = l->argument == MAYBE,
			.argument = l->argument == NONE ? NULL : bare(l->shown),
			.help = l->help,
		};

		judge(&o);
		add_option(p, o);
	}
}

static struct completion_place *add_table(const struct option_table *t)
{
	struct completion_place *p = add_place(t->program);

	for (const struct option_row *row = t->rows; row->name; row++) {
		struct completion_option o = {
			.name = row->name,
			.letter = row->letter,
			.argument = row->kind == OPTION_FLAG ? NULL : row->arg,
			.help = row->help,
		};

		judge(&o);
		add_option(p, o);
	}
	add_option(p, (struct completion_option){.name = "help", .letter = 'h', .help = "help"});
	return p;
}

static void add_ctl(void)
{
	struct completion_place *top = add_place("sockshimctl"), *p;
	const char *name, *help;

	add_option(top, (struct completion_option){.name = "help", .letter = 'h', .help = "help"});
	add_option(top, (struct completion_option){
				.name = "version", .letter = 'V', .help = "print the version"});
	for (const struct ctl_row *c = ctl_commands; c->name; c++) {
		add_word(top, c->name, c->help);
		if (!c->options)
			continue;
		p = add_table(c->options);
		if (c->options != &tor_options)
			continue;
		for (size_t i = 0; (name = tor_command(i, &help)); i++)
			add_word(p, name, help);
	}
	add_table(&via_options)->runs = true;
	p = add_place("sockshimctl completion");
	for (const char *const *s = (const char *const[]){"bash", "zsh", "fish", NULL}; *s; s++)
		add_word(p, *s, "for this shell");
}

int completion_main(int argc, char **argv)
{
	static const struct {
		const char *shell;
		completion_print *print;
	} shells[] = {
		{"bash", completion_bash},
		{"zsh", completion_zsh},
		{"fish", completion_fish},
	};

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("usage: sockshimctl completion bash | zsh | fish\n"
		     "What the shell needs to complete command lines; for bash: "
		     "eval \"$(sockshimctl completion bash)\"");
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; argc == 2 && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(argv[1], shells[i].shell) != 0)
			continue;
		add_launcher();
		add_ctl();
		shells[i].print(places);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	ctl_die(2, "usage: sockshimctl completion bash | zsh | fish");
}
