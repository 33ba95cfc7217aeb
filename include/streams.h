/* SPDX-License-Identifier: MIT */
/*
 * streams.h - the table of live streams, keyed by socket cookie, in memory shared by a session.
 * Lock-free; every field read from it is checked. One entry is 64 bytes.
 */
#ifndef SOCKSHIM_STREAMS_H
#define SOCKSHIM_STREAMS_H

#include "addr.h"

#define STREAMS_SLOTS 32768u
#define STREAMS_TIERS 4u /* parts of it, filled one after the other */

struct streams; /* streams_size() bytes of zeroed memory, aligned to 64 */

/* What is known of a stream. */
struct stream_entry {
	uint64_t cookie;  /* SO_COOKIE; never 0 */
	uint64_t started; /* CLOCK_MONOTONIC, ns */
	struct addr to;	  /* the address that the program used */
	int32_t name;	  /* index into the names table, or -1 */
	int32_t pid;
	uint32_t sent, received; /* bytes of the handshake, which are not the program's */
	uint8_t domain; /* AF_* of the program's socket, if a replacement stands in its place */
	bool no_delay;	/* then: what it set TCP_NODELAY to */
	bool untold;	/* then: its next connect(2) gets the 0 that ends a non-blocking one */
};

size_t streams_size(void);

/*
 * Lists a stream whose connect(2) has begun. 0, or -ENOSPC: all places for this cookie are held by
 * live ones (it goes unlisted). A cookie that is listed already gets the new entry.
 */
int streams_add(struct streams *t, const struct stream_entry *e);

/* Copies the entry of a cookie; -ENOENT. */
int streams_find(const struct streams *t, uint64_t cookie, struct stream_entry *out);

/* For tests: the first places of the two buckets of a tier that this cookie may stand in. */
void streams_buckets(uint64_t cookie, uint32_t tier, uint32_t first[static 2]);

/* Takes an entry out (socket disconnected or closed); nothing if it is not there. */
void streams_drop(struct streams *t, uint64_t cookie);

/* Calls `each` for every entry until it returns non-zero, and returns that, else 0. */
int streams_each(const struct streams *t, int (*each)(void *arg, const struct stream_entry *e),
		 void *arg);

/* Does any entry refer to name `index`? (for names_add()) */
bool streams_uses_name(void *streams, uint32_t index);

#endif
