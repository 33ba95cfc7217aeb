/* SPDX-License-Identifier: MIT */
/* place.h - which file an address of code is from. */
#ifndef SOCKSHIM_PLACE_H
#define SOCKSHIM_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds where `at` lies in the memory of process or thread `tid` (0: our own): `path` gets the mapped
 * file ("" for memory without one), `*offset` the offset in that file, or the address itself.
 * False if it is nowhere, or the process may not be looked into.
 */
bool place_find(int32_t tid, uint64_t at, char *path, size_t size, uint64_t *offset);

#endif
