/* SPDX-License-Identifier: MIT */
/* gate.h - calls that policy lets pass: by libc, or through the guard's gate where there is one. */
#ifndef SOCKSHIM_GATE_H
#define SOCKSHIM_GATE_H

#include "shim.h"

/* Where a guarded session has its gate. */
void gate_start(const struct session *s);
/*
 * Moves the gate to its place, if that was not done: before the first call that needs it, and
 * before the program may be forbidden to. If it fails the supervisor is asked.
 */
void gate_open(void);
bool gate_is_there(void);

/* libc's convention: -1 and errno. */
int pass_connect(int fd, const struct sockaddr *to, socklen_t len);
int pass_bind(int fd, const struct sockaddr *at, socklen_t len);
int pass_listen(int fd, int backlog);
int pass_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
ssize_t pass_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len);
ssize_t pass_sendmsg(int fd, const struct msghdr *msg, int flags);
int pass_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags);

#endif
