/* SPDX-License-Identifier: MIT */
/*
 * torsocks.c - started under the name torsocks: its options, variables and configuration file.
 *
 * Its options set its variables, as in its own script; those come before the file. Nothing of
 * sockshim.conf is read then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "sys.h"

#define NAME "torsocks"
#define FILE_ENV "TORSOCKS_CONF_FILE"
#define DEFAULT_FILE "/etc/tor/torsocks.conf"

/* Variables that are parts of the proxy; the others are settings of ours. */
#define HOST "TORSOCKS_TOR_ADDRESS"
#define PORT "TORSOCKS_TOR_PORT"
#define USER "TORSOCKS_USERNAME"
#define PASSWORD "TORSOCKS_PASSWORD"
#define ISOLATE "TORSOCKS_ISOLATE_PID"
#define LEVEL "TORSOCKS_LOG_LEVEL"

static const struct {
	const char *letter, *name, *shown, *variable, *value; /* NULL: the next word */
	const char *help;
} options[] = {
	{"-u", "--user", " NAME", USER, NULL, "user name for the proxy"},
	{"-p", "--pass", " WORD", PASSWORD, NULL, "password for the proxy"},
	{"-a", "--address", " HOST", HOST, NULL, "where Tor is"},
	{"-P", "--port", " PORT", PORT, NULL, "the port of its SocksPort"},
	{"-i", "--isolate", "", ISOLATE, "1", "circuits of its own for each process"},
	{"-6", "--ipv6", "", "TORSOCKS_ENABLE_IPV6", "1", "nothing: both families go through Tor"},
	{"-d", "--debug", "", LEVEL, "5", "log all there is, and each stream's source port"},
	{"-q", "--quiet", "", LEVEL, "1", "log nothing"},
};
#define ROWS (sizeof(options) / sizeof(options[0]))

static const struct {
	const char *variable, *key, *values[6]; /* of 0, 1, … */
} switches[] = {
	{"TORSOCKS_ALLOW_INBOUND", "Inbound", {"loopback", "any"}},
	{ISOLATE, "Isolate", {"none", "process"}},
	{LEVEL, "Log", {NULL, "silent", "error", "warn", "info", "debug"}},
};

bool torsocks_is(const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;

	return name && !strcmp(slash ? slash + 1 : name, NAME);
}

static void __attribute__((noreturn)) usage(int status)
{
	puts("usage: torsocks [option ...] command [argument ...]\n"
	     "sockshim with torsocks' options, variables and torsocks.conf\n");
	for (size_t i = 0; i < ROWS; i++) {
		char names[64];

		snprintf(names, sizeof(names), "%s, %s%s", options[i].letter, options[i].name,
			 options[i].shown);
		printf("  %-22s %s\n", names, options[i].help);
	}
	puts("      --shell            a shell that goes through Tor\n"
	     "      --version, --help\n"
	     "  show                   print LD_PRELOAD\n"
	     "  on, off                when sourced (. torsocks on): for this shell");
	exit(fflush(stdout) ? EXIT_FAILURE : status);
}

static void __attribute__((noreturn)) show(void)
{
	const char *preload = getenv("LD_PRELOAD");

	printf("LD_PRELOAD=\"%s\"\n", preload ? preload : "");
	exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* An option that sets a variable; NULL: it is none. Else the last word that it took. */
static char **take_variable(char **word)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *value = options[i].value;

		if (strcmp(*word, options[i].letter) != 0 && strcmp(*word, options[i].name) != 0)
			continue;
		if (!value && (!word[1] || !*word[1]))
			die(EXIT_FAILURE, "an argument is missing after %s", *word);
		setenv(options[i].variable, value ? value : *++word, 1);
		return word;
	}
	return NULL;
}

/* Words that end the options. False: the command begins. */
static bool take_word(struct request *rq, char **word)
{
	if (!strcmp(*word, "-h") || !strcmp(*word, "--help"))
		usage(EXIT_SUCCESS);
	if (!word[1] && (!strcmp(*word, "show") || !strcmp(*word, "sh")))
		show();
	if (!strcmp(*word, "on") || !strcmp(*word, "off"))
		die(EXIT_FAILURE, "only the shell itself can: . torsocks %s", *word);
	if (!strcmp(*word, "--shell"))
		rq->shell = true;
	else if (!strcmp(*word, "--env")) /* from the script that is sourced */
		rq->env = true;
	else if (!strcmp(*word, "--off"))
		rq->off = true;
	else
		return false;
	return true;
}

static void read_options(struct request *rq, char **word)
{
	char **last;

	for (; *word; word++) {
		last = take_variable(word);
		if (last)
			word = last;
		else if (!strcmp(*word, "--version"))
			options_version();
		else if (!take_word(rq, word))
			break;
	}
	word += *word && !strcmp(*word, "--");
	rq->command = word;
	if (rq->env)
		env_begin();
	else if (!*word && !rq->shell)
		usage(EXIT_FAILURE);
}

static void set(struct conf *c, const char *variable, const char *key, const char *value)
{
	if (conf_set(c, variable, key, value) < 0)
		die(EXIT_USAGE, "%s", c->error);
}

static void read_switches(struct conf *c)
{
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		const char *text = getenv(switches[i].variable), *value = NULL;

		if (!text || !*text)
			continue;
		if (text[0] >= '0' && text[0] <= '5' && !text[1])
			value = switches[i].values[text[0] - '0'];
		if (!value)
			die(EXIT_USAGE, "%s: not a value that torsocks has for it: %s",
			    switches[i].variable, text);
		set(c, switches[i].variable, switches[i].key, value);
	}
	if (getenv("TORSOCKS_LOG_FILE_PATH"))
		set(c, "TORSOCKS_LOG_FILE_PATH", "LogFile", getenv("TORSOCKS_LOG_FILE_PATH"));
}

/* What is set takes the place of what the file says. */
static void override(char *part, size_t size, const char *variable)
{
	const char *value = getenv(variable);

	if (!value || !*value)
		return;
	if (strlen(value) >= size)
		die(EXIT_USAGE, "%s: too long", variable);
	memcpy(part, value, strlen(value) + 1);
}

static void set_proxy(struct conf *c, struct import *i)
{
	struct import_server *s = &i->server;
	const char *wrong;
	char url[2048];

	override(s->host, sizeof(s->host), HOST);
	override(s->port, sizeof(s->port), PORT);
	override(s->user, sizeof(s->user), USER);
	override(s->password, sizeof(s->password), PASSWORD);
	if ((getenv(USER) || getenv(PASSWORD)) && getenv(ISOLATE))
		die(EXIT_USAGE, "-i and -u, -p exclude each other");
	wrong = import_url(i, s, url);
	if (wrong)
		die(EXIT_USAGE, "%s:%s: %s", s->host, s->port, wrong);
	set(c, NAME, "Proxy", url);
}

static void read_file(struct conf *c)
{
	static LARGE(2) struct import i;
	const char *named = getenv(FILE_ENV), *path = named && *named ? named : DEFAULT_FILE;
	const char *text;

	import_file(path, path == named, IMPORT_TORSOCKS, &i);
	text = (const char *)i.out.start;
	if (i.error[0])
		die(EXIT_USAGE, "%s:%s", path, i.error);
	set_proxy(c, &i);
	conf_source(c, path);
	if (conf_feed(c, text, strlen(text)) < 0 || conf_end(c) < 0)
		die(EXIT_USAGE, "%s", c->error);
}

void torsocks_read(struct request *rq, struct conf *c, char **argv)
{
	read_options(rq, argv + 1);
	read_switches(c);
	read_file(c);
	rq->file = "/dev/null"; /* no sockshim.conf */
}
