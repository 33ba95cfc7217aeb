/* SPDX-License-Identifier: MIT */
/*
 * junit.h - results as JUnit's XML, in the order: begin, suite, case, what of it, case end, …, end.
 */
#ifndef SOCKSHIM_CTL_JUNIT_H
#define SOCKSHIM_CTL_JUNIT_H

#include <stdio.h>

struct junit_counts {
	size_t tests, failures, errors, skipped;
};

void junit_begin(FILE *to);
void junit_suite(FILE *to, const char *name, const struct junit_counts *n, double seconds);
void junit_case(FILE *to, const char *class, const char *name, double seconds);

/* `what`: "failure", "error" or "skipped", which has no text. */
void junit_result(FILE *to, const char *what, const char *message, const char *text);
void junit_output(FILE *to, const char *text);
void junit_case_end(FILE *to);
void junit_suite_end(FILE *to);
void junit_end(FILE *to);

#endif
