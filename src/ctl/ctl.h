/* SPDX-License-Identifier: MIT */
/* ctl.h - the subcommands of sockshimctl; each lives in the file of its name. */
#ifndef SOCKSHIM_CTL_H
#define SOCKSHIM_CTL_H

/* Gets its own name as argv[0]; returns the exit status of the program. */
typedef int ctl_command(int argc, char **argv);

ctl_command proxy_main, resolve_main, names_main, check_main, tor_main, streams_main;

/* Prints "sockshimctl: " and the text as one line on stderr and exits with `status`. */
void ctl_die(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
