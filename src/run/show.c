/* SPDX-License-Identifier: MIT */
/* show.c - -G: the effective settings as a configuration file, with where each comes from. */
#include <stdio.h>
#include <stdlib.h>

#include "run.h"
#include "sys.h"

/* Column of the comments, unless the value is longer. */
#define ORIGIN_COLUMN 48

static void show_setting(const struct conf *c, enum setting_id id)
{
	char value[CONF_LINE_MAX];
	int width;

	conf_print(c->out, id, false, value, sizeof(value));
	width = ORIGIN_COLUMN - printf("%s %s", setting_table[id].key, value);
	printf("%*s# %s", width > 1 ? width : 1, "", c->origin[id].source);
	if (c->origin[id].line)
		printf(":%u", c->origin[id].line);
	putchar('\n');
}

int show_settings(const struct conf *c)
{
	static LARGE(2) char text[65536];

	for (int id = 0; id < SETTING_COUNT; id++)
		show_setting(c, (enum setting_id)id);
	for (unsigned int i = 0; i < c->out->rule_count; i++) {
		conf_print_rule(c->out, i, false, text, sizeof(text));
		fputs(text, stdout);
	}
	return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
