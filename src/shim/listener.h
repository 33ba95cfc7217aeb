/* SPDX-License-Identifier: MIT */
/*
 * listener.h - who listens on a Unix socket: a program that is wrapped as this one is may do what
 * it likes for us; one that is not has a network of its own.
 */
#ifndef SOCKSHIM_LISTENER_H
#define SOCKSHIM_LISTENER_H

#include "shim.h"

/* A Unix socket has been bound to `at`. */
void listener_note(const struct sockaddr *at, socklen_t len);

/* Of a socket that is connected to `to`. */
bool listener_is_wrapped(int fd, const struct sockaddr *to, socklen_t len);

/*
 * Before a connect of `fd`: 0 if who listens at `to` is wrapped, -EXDEV if it is not, or -errno of
 * what was tried to find out.
 */
int listener_ask(int fd, const struct sockaddr *to, socklen_t len);

#endif
