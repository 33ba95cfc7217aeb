/* SPDX-License-Identifier: MIT */
/* inbound.h - VERDICT_NARROW carried out: a socket that only this machine reaches. */
#ifndef SOCKSHIM_INBOUND_H
#define SOCKSHIM_INBOUND_H

#include <sys/socket.h>

#include "decide.h"

/* Loopback in the place of the wildcard address of a bind(2) of `fd`; the length of *at. */
size_t inbound_address(int fd, const struct call *c, struct sockaddr_storage *at);

/*
 * Before listen(2). What has no port yet is bound to loopback. What is bound to every address takes
 * from now on only what comes in by the loopback device; others get a reset, as of a closed port.
 * Where the kernel does not let us (before 5.7 without CAP_NET_RAW), *d becomes a refusal. 0 or
 * -errno.
 */
int inbound_confine(int fd, const struct call *c, struct decision *d);

#endif
