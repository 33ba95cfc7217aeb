/* SPDX-License-Identifier: MIT */
/*
 * bus.h - names on D-Bus that UnixSockets closes. Clients of libdbus, GLib and systemd send each
 * message by one sendmsg(2). A process that never connects to a bus pays one load.
 */
#ifndef SOCKSHIM_BUS_H
#define SOCKSHIM_BUS_H

#include "shim.h"

/* Parts of a message, at most: libraries use three. */
#define BUS_PARTS 8
/* Bytes of each part that are looked at: a name is in a header, or a first argument. */
#define BUS_LOOK 2048

struct bus_copy {
	struct msghdr msg;
	struct iovec parts[2 * BUS_PARTS];
	uint8_t bytes[2][BUS_LOOK];
};

extern atomic_bool bus_known; /* has this process connected to a bus that is not wrapped? */

/* Takes note of a connection to a Unix socket. */
void bus_connected(int fd, const struct sockaddr *to, socklen_t len, const struct call *c);

/* What to send instead, made in `copy`; or `msg` as it is. */
const struct msghdr *bus_message(const struct msghdr *msg, struct bus_copy *copy);

#endif
