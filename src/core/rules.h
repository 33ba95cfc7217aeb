/* SPDX-License-Identifier: MIT */
/* rules.h - the Match blocks, asked by decide(). Pure. */
#ifndef SOCKSHIM_RULES_H
#define SOCKSHIM_RULES_H

#include "decide.h"

/* The kernel takes 0.0.0.0 and :: as a destination for its own loopback address. */
struct addr rules_destination(const struct addr *to);

/*
 * Fills in proxy, isolate, hold, pipeline and optimistic of *d: for each the first rule that
 * matches and sets it stands, else the global setting. Returns the route of the first rule that
 * matches and has one.
 */
enum route rules_apply(const struct settings *s, const struct call *c, struct decision *d);

/*
 * Is the program left alone altogether: does the first block that may concern it say Direct of it?
 */
bool rules_exempt(const struct settings *s, const struct call *c);

#endif
