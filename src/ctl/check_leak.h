/* SPDX-License-Identifier: MIT */
/* check_leak.h - the self-test of `sockshimctl check`: does anything get past the proxy? */
#ifndef SOCKSHIM_CTL_CHECK_LEAK_H
#define SOCKSHIM_CTL_CHECK_LEAK_H

#include <stdbool.h>

/* `sockshimctl check CHECK_TRY` is the program that tries; sockshim runs it. */
#define CHECK_TRY "--try-to-leak"

/*
 * Runs the program that tries under sockshim, in a network namespace of its own where every address
 * is the loopback interface's, and watches that. Prints what it saw; false if something got past
 * the proxy. Where namespaces are forbidden it says so, and that is no failure.
 */
bool check_leak(void);

/* check_try.c: the program that tries. Returns its exit status. */
int check_try(void);

/*
 * Way i of those that it tries goes to address CHECK_FIRST + i, of 192.0.2.0/24; its name for the
 * verdict.
 */
#define CHECK_WAYS 11
#define CHECK_FIRST 0xc000020au
const char *check_way(int way);

#endif
