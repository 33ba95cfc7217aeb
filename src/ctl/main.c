/* SPDX-License-Identifier: MIT */
/* main.c - sockshimctl: finds the subcommand and runs it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "sockshim/version.h"

static const struct {
	const char *name;
	ctl_command *run;
	const char *help;
} commands[] = {
	{"resolve", resolve_main, "names to addresses and back, as the proxy sees them"},
	{"streams", streams_main, "the open streams of sessions"},
	{"names", names_main, "the virtual addresses of a session"},
	{"check", check_main, "does wrapping work here, what is the proxy, does anything leak"},
	{"tor", tor_main, "a client of Tor's control port"},
	{"proxy", proxy_main, "a SOCKS4, 4a and 5 server, for demonstrations and tests"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

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
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
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
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return version();
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	ctl_die(2, "%s: no such command (sockshimctl --help lists them)", argv[1]);
}
