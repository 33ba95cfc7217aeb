/* SPDX-License-Identifier: MIT */
/* tor.c - `sockshimctl tor`: a client of Tor's control port; its table of subcommands. */
#include "tor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "options.h"

static bool take_method(void *into, const char *value);

static const struct option_row rows[] = {
	{"control", "ADDR:PORT", "the control port; or a port, unix:PATH or /PATH", OPTION_TEXT,
	 offsetof(struct tor_settings, control), 0, NULL, 'C'},
	{"auth", "METHOD", "null, password, safecookie or cookie; else the best on offer",
	 OPTION_CALL, offsetof(struct tor_settings, method), 0, take_method, 0},
	{"password-file", "FILE", "file whose first line is the password", OPTION_TEXT,
	 offsetof(struct tor_settings, password_file), 0, NULL, 0},
	{"cookie", "FILE", "the cookie file, if it is not where Tor says", OPTION_TEXT,
	 offsetof(struct tor_settings, cookie), 0, NULL, 0},
	{0},
};

static bool take_method(void *into, const char *value)
{
	static const char *const methods[] = {"null", "password", "safecookie", "cookie"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i], value))
			return ((struct tor_settings *)into)->method = value, true;
	return false;
}

/* ---- commands and their output ---- */

struct output {
	bool failed;
	size_t lines;
};

/* Prints each line of a reply; an error in words. */
static void print_line(void *arg, enum torctl_item item, unsigned code, const char *text,
		       size_t len)
{
	struct output *o = arg;

	if (code >= 400) {
		o->failed = true;
		fprintf(stderr, "sockshimctl: tor: %u %s (%s)\n", code, text, torctl_words(code));
		return;
	}
	if (item == TORCTL_DATA_END || (item == TORCTL_END && !strcmp(text, "OK")))
		return;
	fwrite(text, 1, len, stdout);
	putchar('\n');
	o->lines++;
}

static int finish(struct tor *t, const struct output *o)
{
	if (!tor_wait(t))
		ctl_die(1, "control port: %s", t->error);
	return fflush(stdout) || o->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static char command[1 << 20];

static int send_command(struct tor *t, struct bytes_out *o)
{
	struct output out = {0};

	torctl_put_line_end(o);
	if (o->overflow)
		ctl_die(2,
			"an argument is empty, has a blank or a control character in it, or is too "
			"long");
	tor_send(t, command, (size_t)(o->at - o->start), print_line, &out);
	return finish(t, &out);
}

static struct bytes_out begin(const char *verb)
{
	struct bytes_out o = bytes_out_init(command, sizeof(command));

	for (; *verb && *verb != ' '; verb++)
		bytes_put_u8(&o, (uint8_t)(*verb >= 'a' && *verb <= 'z' ? *verb - 32 : *verb));
	return o;
}

/* VERB word word …: the order of the arguments is kept. */
static int run_words(struct tor *t, char **argv)
{
	struct bytes_out o = begin(argv[0]);

	for (int i = 1; argv[i]; i++)
		torctl_put_word(&o, argv[i]);
	return send_command(t, &o);
}

/* VERB KEY="value" KEY …: values may hold anything. */
static int run_pairs(struct tor *t, char **argv)
{
	struct bytes_out o = begin(argv[0]);

	for (int i = 1; argv[i]; i++) {
		char *equals = strchr(argv[i], '=');

		if (equals)
			*equals = 0;
		if (equals)
			torctl_put_pair(&o, argv[i], equals + 1);
		else
			torctl_put_word(&o, argv[i]);
	}
	return send_command(t, &o);
}

/* postdescriptor [purpose=P] [cache=yes] FILE: "-" is the standard input. */
static int run_postdescriptor(struct tor *t, char **argv)
{
	static char text[1 << 19];
	struct bytes_out o = begin("+POSTDESCRIPTOR");
	const char *file = argv[1];
	FILE *from;
	size_t n;

	for (int i = 1; argv[i]; i++) {
		file = argv[i];
		if (argv[i + 1])
			torctl_put_word(&o, file);
	}
	if (!file) /* the table asks for one argument at least */
		return EXIT_FAILURE;
	from = strcmp(file, "-") ? fopen(file, "re") : stdin;
	if (!from)
		ctl_die(1, "%s: %s", file, strerror(errno));
	n = fread(text, 1, sizeof(text), from);
	if (ferror(from) || n == sizeof(text))
		ctl_die(1, "%s: %s", file, ferror(from) ? strerror(errno) : "is too long");
	torctl_put_line_end(&o);
	torctl_put_data(&o, text, n);
	o.at -= 2; /* send_command() ends it */
	return send_command(t, &o);
}

/* ---- events ---- */

static void print_event(void *arg, enum torctl_item item, unsigned code, const char *text,
			size_t len)
{
	(void)arg;
	(void)code;
	if (item == TORCTL_DATA_END)
		puts(".");
	else if (item != TORCTL_END || strcmp(text, "OK") != 0)
		fwrite(text, 1, len, stdout), putchar('\n');
	if (item == TORCTL_END)
		fflush(stdout);
}

/* events [TYPE …]: all that this Tor knows if none is named. Ends with the connection. */
static int run_events(struct tor *t, char **argv)
{
	struct bytes_out o = begin("SETEVENTS");
	struct tor_answer names = {0};
	char *save = NULL;

	if (!argv[1]) {
		names = tor_ask(t, "GETINFO events/names");
		if (names.code != 250)
			ctl_die(1, "tor: %u %s", names.code, names.text);
		strtok_r(names.text, "=", &save);
		for (char *w; (w = strtok_r(NULL, " ", &save));)
			torctl_put_word(&o, w);
		free(names.text);
	}
	for (int i = 1; argv[i]; i++)
		torctl_put_word(&o, argv[i]);
	t->event = print_event;
	if (send_command(t, &o))
		return EXIT_FAILURE;
	while (!t->error && !ferror(stdout)) {
		struct pollfd p = {.fd = t->fd, .events = tor_events(t)};

		poll(&p, 1, -1);
		tor_step(t);
	}
	ctl_die(1, "control port: %s", t->error ? t->error : "nobody reads the events");
}

/* ---- resolve ---- */

struct lookup {
	const char *name;
	char address[512]; /* "" until it is there */
	char error[64];
};

/* 650 ADDRMAP name address "expiry" [error=yes] … (control-spec §4.1.7) */
static void take_addrmap(void *arg, enum torctl_item item, unsigned code, const char *text,
			 size_t len)
{
	struct lookup *l = arg;
	struct torctl_word w;
	char word[512];

	(void)item;
	(void)code;
	if (!torctl_word(&text, &len, &w) || torctl_value(&w, word, sizeof(word)) != 7 ||
	    strcmp(word, "ADDRMAP") != 0)
		return;
	if (!torctl_word(&text, &len, &w))
		return;
	torctl_value(&w, word, sizeof(word));
	if (!strncmp(word, "REVERSE[", 8) && word[strlen(word) - 1] == ']')
		word[strlen(word) - 1] = 0, memmove(word, word + 8, strlen(word + 8) + 1);
	if (strcasecmp(word, l->name) != 0 || !torctl_word(&text, &len, &w))
		return;
	torctl_value(&w, l->address, sizeof(l->address));
	torctl_find(text, len, "error", l->error, sizeof(l->error));
}

/* resolve [mode=reverse] NAME …: by RESOLVE and the event that it leads to. */
static int run_resolve(struct tor *t, char **argv)
{
	bool reverse = !strcmp(argv[1], "mode=reverse");
	int failed = 0;

	argv += reverse ? 2 : 1;
	tor_ask(t, "SETEVENTS ADDRMAP");
	for (; *argv; argv++) {
		struct lookup l = {.name = *argv};
		struct bytes_out o = begin("RESOLVE");

		t->event = take_addrmap;
		t->event_arg = &l;
		if (reverse)
			torctl_put_word(&o, "mode=reverse");
		torctl_put_word(&o, *argv);
		if (send_command(t, &o)) {
			failed++;
			continue;
		}
		while (!l.address[0] && !t->error) {
			struct pollfd p = {.fd = t->fd, .events = tor_events(t)};

			if (poll(&p, 1, 60000) == 0)
				snprintf(l.address, sizeof(l.address), "<error>");
			tor_step(t);
		}
		if (t->error)
			ctl_die(1, "control port: %s", t->error);
		if (!strcmp(l.address, "<error>")) {
			failed++;
			fprintf(stderr, "sockshimctl: tor: %s: cannot be resolved\n", *argv);
		} else {
			printf("%s %s\n", *argv, l.address);
		}
	}
	return fflush(stdout) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- circuits and streams ---- */

/* Splits `key=\nline\nline` or `key=line` into lines and prints each by `print`, under `head`. */
static int list(struct tor *t, const char *key, const char *head,
		void (*print)(const char *line, size_t len))
{
	struct tor_answer a = tor_ask(t, "GETINFO %s", key);
	const char *p, *end;

	if (a.code != 250)
		ctl_die(1, "tor: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	puts(head);
	p = strchr(a.text, '=');
	for (p = p ? p + 1 : a.text; *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, "\n");
		if (end > p)
			print(p, (size_t)(end - p));
	}
	free(a.text);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* "7", "BUILT", then the path if it is there. */
static void print_circuit(const char *line, size_t len)
{
	char id[32] = "", state[32] = "", path[4096] = "-", purpose[64] = "-", flags[256] = "-";
	const char *at = line;
	size_t left = len;
	struct torctl_word w;

	if (torctl_word(&at, &left, &w))
		torctl_value(&w, id, sizeof(id));
	if (torctl_word(&at, &left, &w))
		torctl_value(&w, state, sizeof(state));
	if (left && *at == '$' && torctl_word(&at, &left, &w))
		torctl_value(&w, path, sizeof(path));
	torctl_find(line, len, "PURPOSE", purpose, sizeof(purpose));
	torctl_find(line, len, "BUILD_FLAGS", flags, sizeof(flags));
	printf("%-5s %-9s %-24s %-30s %s\n", id, state, purpose, flags, path);
}

static int run_circuits(struct tor *t, char **argv)
{
	(void)argv;
	return list(t, "circuit-status",
		    "ID    STATE     PURPOSE                  FLAGS                          PATH",
		    print_circuit);
}

static void print_stream(const char *line, size_t len)
{
	char word[4][512] = {"", "", "", ""};
	struct torctl_word w;

	for (int i = 0; i < 4 && torctl_word(&line, &len, &w); i++)
		torctl_value(&w, word[i], sizeof(word[i]));
	printf("%-5s %-12s %-8s %s\n", word[0], word[1], word[2], word[3]);
}

static int run_streams(struct tor *t, char **argv)
{
	(void)argv;
	return list(t, "stream-status", "ID    STATE        CIRCUIT  TARGET", print_stream);
}

/* ---- the table ---- */

static const struct {
	const char *name; /* Tor's own word for it, where there is one */
	int least, most;  /* arguments */
	int (*run)(struct tor *t, char **argv);
	const char *arguments, *help;
} commands[] = {
	{"getinfo", 1, 256, run_words, "KEY ...", "what Tor knows: version, ns/all, ..."},
	{"getconf", 1, 256, run_words, "KEY ...", "values of the configuration"},
	{"setconf", 1, 256, run_pairs, "KEY[=VALUE] ...",
	 "set; a key given twice gets both, in order"},
	{"resetconf", 1, 256, run_pairs, "KEY[=VALUE] ...",
	 "set, and those without a value to the default"},
	{"saveconf", 0, 1, run_words, "[FORCE]", "write the configuration to torrc"},
	{"signal", 1, 1, run_words, "NAME", "RELOAD, NEWNYM, DUMP, SHUTDOWN, ..."},
	{"events", 0, 256, run_events, "[TYPE ...]",
	 "print events as they come; all types if none is named"},
	{"mapaddress", 1, 256, run_pairs, "OLD=NEW ...", "ask for NEW when a client asks for OLD"},
	{"resolve", 1, 256, run_resolve, "[mode=reverse] NAME ...", "look names or addresses up"},
	{"circuits", 0, 0, run_circuits, "", "the circuits"},
	{"streams", 0, 0, run_streams, "", "the streams"},
	{"extendcircuit", 1, 4, run_words, "ID [PATH] [purpose=P]",
	 "extend one, or with ID 0 build one"},
	{"closecircuit", 1, 2, run_words, "ID [IfUnused]", "close a circuit"},
	{"attachstream", 2, 3, run_words, "ID CIRCUIT [HOP=N]",
	 "attach a stream; circuit 0: Tor decides"},
	{"redirectstream", 2, 3, run_words, "ID ADDRESS [PORT]", "send a new stream elsewhere"},
	{"closestream", 2, 2, run_words, "ID REASON", "close a stream; the reason is a number"},
	{"postdescriptor", 1, 3, run_postdescriptor, "[purpose=P] [cache=C] FILE",
	 "give Tor a descriptor"},
	{"protocolinfo", 0, 1, run_words, "[VERSION]", "how to authenticate, and the version"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *tor_command(size_t i, const char **help)
{
	if (i < COMMANDS)
		*help = commands[i].help;
	else if (i == COMMANDS)
		*help = "run a command once through each exit";
	return i < COMMANDS ? commands[i].name : i == COMMANDS ? "via" : NULL;
}

static int help_commands(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %s %s\n\t%s\n", commands[i].name, commands[i].arguments,
		       commands[i].help);
	puts("  via --exit FINGERPRINT[,...] | --each-exit [option ...] -- command ...\n"
	     "\trun the command once through each exit");
	return 0;
}

const struct option_table tor_options = {
	"sockshimctl tor",
	"[option ...] command [argument ...]",
	"A client of Tor's control port. `sockshimctl tor help` lists the commands.",
	rows,
};

static int run_one(const struct tor_settings *s, size_t which, int argc, char **argv)
{
	struct tor t;
	int status;

	if (argc - 1 < commands[which].least || argc - 1 > commands[which].most)
		ctl_die(2, "usage: sockshimctl tor %s %s", commands[which].name,
			commands[which].arguments);
	tor_connect(&t, s);
	tor_authenticate(&t, s);
	status = commands[which].run(&t, argv);
	tor_close(&t);
	return status;
}

int tor_main(int argc, char **argv)
{
	struct tor_settings s = {0};
	int first = options_read(&tor_options, &s, argc, argv);
	const char *name = argv[first];

	if (!name)
		ctl_die(2, "tor: which command? (sockshimctl tor help lists them)");
	if (!strcmp(name, "help"))
		return help_commands();
	if (!strcmp(name, "via"))
		return tor_via(&s, argc - first, argv + first);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return run_one(&s, i, argc - first, argv + first);
	ctl_die(2, "tor: %s: no such command (sockshimctl tor help lists them)", name);
}
