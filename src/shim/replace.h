/* SPDX-License-Identifier: MIT */
/*
 * replace.h - another socket in the place of the program's, where its family cannot reach the
 * proxy: the proxy listens on a Unix socket, or on IPv6 only while the program's socket is of IPv4.
 *
 * The new socket connects to the proxy beside the old one and then takes its place, before the
 * handshake, which goes on as on the program's own (pend.h). If that fails, one of the program's
 * family takes the place again. Every descriptor of this process that stands for the old socket
 * gets the new one, with its own close-on-exec flag; options, flags, owner and epoll registrations
 * go over. Copies in other processes stay as they are. What the kernel says of the new one is put
 * into the program's family (hook_option.c, hook_socket.c), by what the tables of streams know.
 */
#ifndef SOCKSHIM_REPLACE_H
#define SOCKSHIM_REPLACE_H

#include "shim.h"

struct stream;

/* May there be a replacement in this session? (then hooks look into the tables) */
bool replace_possible(void);

/* The replacement that stands at `fd`; false if it is none. */
bool replace_find(int fd, struct stream_entry *e);

/* Makes a socket of `family` with the options and flags of `fd`. Returns it, or -errno. */
int replace_make(int fd, int family);

/* What a stream must know of the program's socket `fd`. */
void replace_note(struct stream *st, int fd, int domain);

/*
 * Puts `made` in the place of `fd`, and closes it. `hide`: its registrations bear our mark, for the
 * stream of `made` (regs.c), else they are the program's.
 */
void replace_put(int fd, int made, bool hide);

/*
 * connect(2) to AF_UNSPEC: ends the stream of a replacement; the program gets a socket of its
 * family.
 */
int replace_end(int fd);

/* getsockopt(2) and setsockopt(2) where the kernel does not know the option of a replacement. */
int replace_get_option(const struct stream_entry *e, int level, int option, void *value,
		       socklen_t *len);
int replace_set_option(int fd, const struct stream_entry *e, int level, int option,
		       const void *value, socklen_t len);

#endif
