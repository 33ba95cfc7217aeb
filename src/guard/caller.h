/* SPDX-License-Identifier: MIT */
/* caller.h - the process behind a notification: its socket, its memory, what it is called. */
#ifndef SOCKSHIM_CALLER_H
#define SOCKSHIM_CALLER_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decide.h"

/* The socket that a call is about, as a copy of the caller's descriptor. */
struct caller {
	int32_t tid;
	int fd; /* ours */
	int domain, type, protocol;
	bool blocking;
};

/*
 * Copies descriptor `fd` of the caller. 0, or -errno for the caller: -EBADF, -ENOTSOCK; -EACCES if
 * it may not be looked at (Yama, not dumpable). Only for a socket of an inet family are type,
 * protocol and blocking filled in.
 */
int caller_open(struct caller *c, uint32_t tid, int fd);
void caller_close(struct caller *c);

/* A copy of any descriptor of it; the errors are the same. */
int caller_copy(int32_t tid, int fd);

/* Copies the caller's memory. 0, -EFAULT, or -EACCES. */
int caller_read(int32_t tid, uint64_t at, void *to, size_t len);
int caller_write(int32_t tid, uint64_t at, const void *from, size_t len);

/*
 * The hexadecimal, decimal or octal number behind `key` in a text of /proc's; 0 if it is not there.
 */
uint64_t caller_number(const char *text, const char *key, unsigned int base);

/* Path of its program ("" if unknown). */
void caller_exe(int32_t tid, char *out, size_t size);

/* Its effective user and groups. False: it is gone. */
bool caller_ids(int32_t tid, struct ids *ids);

/* The process that thread `tid` belongs to. */
int32_t caller_pid(int32_t tid);

/* May it bind to a port below 1024? (The supervisor may be able to do more than the caller.) */
bool caller_may_bind_low(int32_t tid);

#endif
