/* SPDX-License-Identifier: MIT */
/* proxy_names.h - names to addresses and back: --map first, then the system's resolver. */
#ifndef SOCKSHIM_CTL_PROXY_NAMES_H
#define SOCKSHIM_CTL_PROXY_NAMES_H

#include <stdbool.h>

#include "addr.h"

#define LOOKUP_ADDRESSES 8

/*
 * Adds "NAME=ADDR" or "NAME=ADDR:PORT"; NAME may be "*.suffix", "*" or an address.
 * False if it is no such text.
 */
bool names_map(const char *text);

/*
 * Looks `name` up in the map. `to` is the wished destination and becomes the mapped one: the port
 * changes only where the map names one. False if the map does not know it.
 */
bool names_mapped(const char *name, struct addr *to);

/* The name that the map has for this address (no pattern, no address); NULL if none. */
const char *names_mapped_ptr(const struct addr *a);

/* A question to the system's resolver. The caller fills the first part. */
struct lookup {
	bool reverse;	  /* from address to name */
	char name[256];	  /* the question, or the answer of a reverse lookup */
	struct addr addr; /* the question of a reverse lookup */
	void (*done)(struct lookup *l);
	void *owner; /* NULL once nobody waits: `done` is not called then */

	int error; /* 0, or an EAI_ code */
	int count;
	struct addr found[LOOKUP_ADDRESSES];
	struct lookup *next;
};

/* Sets up (after loop_start()); 0 or -errno. */
int names_start(void);

/*
 * Hands the question to a helper thread, which must not be waited for; `done` is called from the
 * loop, and the lookup, which came from malloc(), is freed after it. False if too many wait.
 */
bool names_ask(struct lookup *l);

#endif
