/* SPDX-License-Identifier: MIT */
/* ends.h - the addresses of a socket's two ends: getsockname(2), getpeername(2). */
#ifndef SOCKSHIM_ENDS_H
#define SOCKSHIM_ENDS_H

#include "addr.h"

/* 0; -EAFNOSUPPORT: it is no socket of IP; or -errno. */
int ends_own(int fd, struct addr *own);
int ends_peer(int fd, struct addr *peer);

/* Has it a peer, of whatever family? */
bool ends_connected(int fd);

#endif
