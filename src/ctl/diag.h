/* SPDX-License-Identifier: MIT */
/* diag.h - the kernel's sockets of this network namespace: sock_diag(7). */
#ifndef SOCKSHIM_CTL_DIAG_H
#define SOCKSHIM_CTL_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct diag {
	uint64_t cookie;
	struct addr local, peer;
	uint16_t local_port;
	uint8_t state;		/* include/net/tcp_states.h: 10 listens */
	uint8_t protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
	uint32_t inode;		/* 0: closed by all processes */
	uint64_t read, written; /* bytes of data, without what was sent again */
};

/*
 * Calls `each` for every TCP socket that is connected or was (not those that listen or only wait);
 * `peer_port`: to this port alone, 0: all. 0 or -errno.
 */
int diag_each(uint16_t peer_port, void (*each)(void *arg, const struct diag *d), void *arg);

/*
 * Every socket of TCP, also those that listen, and the connected ones of UDP. `info`: with bytes.
 */
int diag_sockets(bool info, void (*each)(void *arg, const struct diag *d), void *arg);

/* A descriptor that tells of every TCP socket that ends, with its bytes; or -errno. */
int diag_closings(void);

/*
 * Takes what it has to tell, without waiting. False: the kernel had more than there was room for.
 */
bool diag_heard(int fd, void (*each)(void *arg, const struct diag *d), void *arg);

#endif
