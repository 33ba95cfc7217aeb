/* SPDX-License-Identifier: MIT */
/*
 * audited.h - what the library tells the auditor; all of it nothing but a test where nobody audits.
 */
#ifndef SOCKSHIM_SHIM_AUDITED_H
#define SOCKSHIM_SHIM_AUDITED_H

#include "shim.h"
#include "stream.h"

/* A stream's connect to the proxy is about to be made; it has ended (error: errno, 0 open). */
void audit_begin(const struct session *s, const struct stream *st, int fd);
void audit_end(const struct session *s, const struct stream *st, int error);

/* A connect that policy lets pass. */
void audit_direct(int fd, const struct call *c);

/* What was refused, with the place in the program that called. */
void audit_refused(const struct call *c, const struct decision *d);

/* A program that is not covered; started all the same, or not. */
void audit_uncovered(const char *path, int kind, bool started);

#endif
