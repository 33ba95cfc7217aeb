/* SPDX-License-Identifier: MIT */
/* main.c - sockshimctl: finds the subcommand and runs it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "sockshim/version.h"

const struct ctl_row ctl_commands[] = {
	{"resolve", resolve_main, "names to addresses and back, as the proxy sees them",
	 &resolve_options},
	{"streams", streams_main, "the open streams of sessions", &streams_options},
	{"listen", listen_main, "a controller that prints the reports of sessions",
	 &listen_options},
	{"names", names_main, "the virtual addresses of a session", &names_options},
	{"check", check_main, "does wrapping work here, what is the proxy, does anything leak",
	 &check_options},
	{"tor", tor_main, "a client of Tor's control port", &tor_options},
	{"proxy", proxy_main, "a SOCKS4, 4a and 5 server, for demonstrations and tests",
	 &proxy_options},
	{"completion", completion_main, "what bash, zsh or fish need to complete command lines",
	 NULL},
	{0},
};

void ctl_die(int status, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "sockshimctl: %s\n", line);
	exit(status);
}

static int help(void)
{
	puts("usage: sockshimctl command [option ...]\n"
	     "       sockshimctl command --help\n"
	     "       sockshimctl --help | --version\n");
	for (const struct ctl_row *c = ctl_commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->help);
	return 0;
}

static int version(void)
{
	puts("sockshimctl " SOCKSHIM_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		ctl_die(2, "which command? (sockshimctl --help lists them)");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return version();
	if (!strcmp(argv[1], "audit")) /* started by sockshim, not by people */
		return audit_main(argc - 1, argv + 1);
	for (const struct ctl_row *c = ctl_commands; c->name; c++)
		if (!strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
	ctl_die(2, "%s: no such command (sockshimctl --help lists them)", argv[1]);
}
