/* SPDX-License-Identifier: MIT */
/* island.h - a process that makes sockets in a network namespace that nothing leads out of. */
#ifndef SOCKSHIM_ISLAND_H
#define SOCKSHIM_ISLAND_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Starts it, and waits for nothing. The channel to it, or -errno. The first that comes along that
 * is the responder. When it is gone it is to be waited for with __WCLONE.
 */
int island_start(int32_t *pid);

/* Asks for a UDP socket of AF_INET or AF_INET6. */
bool island_ask(int channel, int family);

/*
 * What came: a descriptor; -EAGAIN: nothing yet; -EPIPE, -ECONNRESET: the process is gone; else why
 * it could not.
 */
int island_take(int channel);

#endif
