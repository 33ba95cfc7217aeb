/* SPDX-License-Identifier: MIT */
/* asked.h - sockets with which the program asks DNS servers, answered here (`Dns answer`). */
#ifndef SOCKSHIM_ASKED_H
#define SOCKSHIM_ASKED_H

#include "shim.h"

/* connect(2) to a server, of a stream or datagram socket. 0 or -errno, -EINPROGRESS too. */
int asked_connect(int fd, const struct call *c);

/* A datagram for a server. The bytes sent (not counting what is ours), or -errno. */
ssize_t asked_send(int fd, const struct call *c, const struct msghdr *msg, int flags);

INNER atomic_bool asked_any; /* has this process such a socket, or had one? */
bool asked_find(int fd);

/* Is this such a socket? One load while there is none. */
static inline bool asked_is(int fd)
{
	return atomic_load_explicit(&asked_any, memory_order_relaxed) && asked_find(fd);
}

/* What recvmsg(2) gives, the answer in place of the question; -errno. */
ssize_t asked_receive(int fd, struct msghdr *msg, int flags);

/* The same for recv(2) and its like, as libc has it. */
ssize_t asked_recv(int fd, void *data, size_t len, int flags, struct sockaddr *from,
		   socklen_t *from_len);

/* The server that the socket was connected to. */
bool asked_peer(int fd, struct addr *server);

#endif
