/* SPDX-License-Identifier: MIT */
/* names.c - `sockshimctl names`: the virtual addresses of a session, and what they stand for. */
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"
#include "json_print.h"
#include "options.h"
#include "sessions.h"

struct names_settings {
	const char *session;
	bool all, json;
};

static const struct option_row rows[] = {
	{"session", "ID", "the session of this id, or of the launcher with this pid", OPTION_TEXT,
	 offsetof(struct names_settings, session), 0, NULL, 's'},
	{"all", NULL, "all sessions of the user, also when run inside one", OPTION_FLAG,
	 offsetof(struct names_settings, all), 0, NULL, 'a'},
	{"json", NULL, "one JSON object a line", OPTION_FLAG, offsetof(struct names_settings, json),
	 0, NULL, 'j'},
	{0},
};

const struct option_table names_options = {
	"sockshimctl names",
	"[option ...]",
	"Prints the virtual addresses that a session gave out, and their names.",
	rows,
};

/* An address of the network, or "-" where the network is too small. */
static void print_addr(const struct session *s, const struct net *net, uint32_t index,
		       char out[static ADDR_TEXT])
{
	struct addr a;

	if (names_addr(net, session_turn(s), index, &a))
		addr_print(&a, out);
	else
		snprintf(out, ADDR_TEXT, "-");
}

static void print_name(const struct session *s, uint32_t index, const char *name, bool json)
{
	char v4[ADDR_TEXT], v6[ADDR_TEXT], id[17];

	print_addr(s, &s->settings.virtual4, index, v4);
	print_addr(s, &s->settings.virtual6, index, v6);
	if (!json) {
		printf("%-15s  %-26s  %s\n", v4, v6, name);
		return;
	}
	session_id(s, id);
	printf("{\"session\":\"%s\",\"pid\":%d,\"address4\":\"%s\",\"address6\":\"%s\",\"name\":",
	       id, s->owner, v4, v6);
	json_put_text(stdout, name);
	puts("}");
}

static void print_session(void *arg, struct session *s)
{
	const struct names_settings *o = arg;
	const struct names *t = session_names(s);
	uint32_t count = names_count(t);
	char name[NAME_MAX_LEN + 1];

	for (uint32_t i = 0; i < count; i++)
		if (names_get(t, i, name) >= 0)
			print_name(s, i, name, o->json);
}

int names_main(int argc, char **argv)
{
	struct names_settings o = {0};

	if (options_read(&names_options, &o, argc, argv) != argc)
		ctl_die(2, "names takes no argument");
	if (!sessions_each(o.session, o.all, print_session, &o))
		ctl_die(1, o.session ? "no such session" : "there is no session");
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
