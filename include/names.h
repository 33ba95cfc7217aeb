/* SPDX-License-Identifier: MIT */
/*
 * names.h - the table of virtual addresses: host name to number and back, in memory given by the
 * caller, shared by processes, without locks.
 *
 * Entry i stands for the i-th address of each virtual network. An entry is written once and then
 * only read; when the table is full the oldest entry that `in_use` does not claim is written anew.
 * Any process may be killed at any instruction: the worst that remains is an entry nobody can use.
 * Readers trust nothing: every index and length found in the memory is bounded before use.
 */
#ifndef SOCKSHIM_NAMES_H
#define SOCKSHIM_NAMES_H

#include "addr.h"

#define NAMES_SLOTS 131072u /* addresses in a /15 */
#define NAME_MAX_LEN 255

struct names; /* names_size() bytes of zeroed memory, aligned to 64 */

size_t names_size(void);

/*
 * Is `name` (without trailing dot) one that may be asked for: 1..253 bytes, labels of 1..63 bytes
 * of letters, digits, '-' and '_'; or bytes >= 0x80? Spaces, control bytes, NUL, empty labels: no.
 */
bool names_valid(const char *name, size_t len);

/*
 * Finds `name` (letters compare without case, a trailing dot is dropped) or adds it.
 * `now`: seconds, any monotonic clock; `in_use(index)` (may be NULL) keeps an entry from reuse.
 * Returns its index, -EINVAL for an invalid name, -ENOSPC when the table is full of names in use.
 */
int names_add(struct names *t, const char *name, size_t len, uint32_t now,
	      bool (*in_use)(void *arg, uint32_t index), void *arg);

/* No more addresses are given out than `net` has. To be called before the first name. */
void names_bound(struct names *t, const struct net *net);

/* Finds without adding; -ENOENT. */
int names_find(struct names *t, const char *name, size_t len);

/*
 * Copies the name of entry `index` (lower case, NUL-terminated, length returned); -ENOENT if there
 * is none.
 */
int names_get(const struct names *t, uint32_t index, char out[static NAME_MAX_LEN + 1]);

/* How many entries have been given out so far (at most NAMES_SLOTS). */
uint32_t names_count(const struct names *t);

/*
 * The virtual address of entry `index` in `net` (port 0); false if the network is too small.
 * `turn`: the place of entry 0 in the network; the others follow, and go on at its beginning.
 */
bool names_addr(const struct net *net, uint32_t turn, uint32_t index, struct addr *out);

/* The index that a virtual address stands for, or -ENOENT if it is not in `net`. */
int names_index(const struct net *net, uint32_t turn, const struct addr *a);

#endif
