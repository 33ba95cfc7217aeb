/* SPDX-License-Identifier: MIT */
/* ctl.h - the subcommands of sockshimctl; each lives in the file of its name. */
#ifndef SOCKSHIM_CTL_H
#define SOCKSHIM_CTL_H

#include <stddef.h>

/* Gets its own name as argv[0]; returns the exit status of the program. */
typedef int ctl_command(int argc, char **argv);

ctl_command proxy_main, resolve_main, names_main, check_main, tor_main, streams_main, audit_main,
	completion_main, listen_main;

struct option_table;
extern const struct option_table proxy_options, listen_options, resolve_options, names_options,
	check_options, tor_options, via_options, streams_options;

struct ctl_row {
	const char *name; /* NULL: the end */
	ctl_command *run;
	const char *help;
	const struct option_table *options;
};

/* main.c: the subcommands. */
extern const struct ctl_row ctl_commands[];

/* tor.c: name and help of the i-th command of `sockshimctl tor`; NULL after the last. */
const char *tor_command(size_t i, const char **help);

/* Prints "sockshimctl: " and the text as one line on stderr and exits with `status`. */
void ctl_die(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
