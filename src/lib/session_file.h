/* SPDX-License-Identifier: MIT */
/* session_file.h - the file that a session is mapped from: made, swept up, removed. */
#ifndef SOCKSHIM_SESSION_FILE_H
#define SOCKSHIM_SESSION_FILE_H

#include "session.h"

/*
 * A new file of `owner` for `size` bytes, of which it has none yet: a descriptor of 3 or above, and
 * in `name` the session's up to and without the '#'; or -errno. Of shm or, without a file system,
 * of memory.
 */
int session_file_shm(const char *id, int32_t owner, size_t size, char name[static SESSION_NAME]);
int session_file_memory(char name[static SESSION_NAME]);

/*
 * Removes files of sessions of this user whose owner is gone, or that this owner has made before.
 */
void session_file_sweep(int32_t owner);

/* Removes a session's file, unless it is mapped still. */
void session_file_remove(const char *name);

#endif
