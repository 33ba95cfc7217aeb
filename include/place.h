/* SPDX-License-Identifier: MIT */
/* place.h - which file an address of code is from. */
#ifndef SOCKSHIM_PLACE_H
#define SOCKSHIM_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_FILE 64 /* device and inode, in text */

/*
 * Finds where `at` lies in the memory of process or thread `tid` (0: our own): `path` gets the
 * mapped file ("" for memory without one), `*offset` the offset in that file, or the address
 * itself. False if it is nowhere, or the process may not be looked into.
 */
bool place_find(int32_t tid, uint64_t at, char *path, size_t size, uint64_t *offset);

/* Does process `pid` map the file, or the shared memory, that lies at `at` in our own memory? */
bool place_shared(int32_t pid, const void *at);

/* "libfoo.so+0x10" of what place_find() found; "" for an offset of 0. */
void place_words(const char *module, uint64_t offset, char *out, size_t size);

#endif
