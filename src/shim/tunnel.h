/* SPDX-License-Identifier: MIT */
/* tunnel.h - what is said of streams, and what waits for them share. */
#ifndef SOCKSHIM_TUNNEL_H
#define SOCKSHIM_TUNNEL_H

#include "shim.h"
#include "stream.h"

/* Lists an open stream in the session's table, for this thread. `untold`: see streams.h. */
void tunnel_list(const struct session *s, const struct stream *st, uint32_t thread, bool untold);

/* One log line, if the level is wanted. */
void tunnel_say_failed(const struct session *s, const struct stream *st, int error);
void tunnel_say_open(const struct session *s, const struct stream *st, int fd);

/*
 * Would a plain connect(2) have returned EINTR? It restarts after handlers installed with
 * SA_RESTART; poll(2) never does. Which signal came is not known: if any handler interrupts, say
 * so.
 */
bool tunnel_interrupts(void);

/*
 * For poll(2): while a controller's answer is waited for, its descriptor as a second one. Returns
 * how many there are.
 */
nfds_t tunnel_waits(int need, struct pollfd *second);

/* Drives a stream that is in nobody's table to its end. 0, or -errno. */
int tunnel_drive(struct stream *st, const struct session *s, int fd, struct socks_answer *answer);

#endif
