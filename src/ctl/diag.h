/* SPDX-License-Identifier: MIT */
/* diag.h - the kernel's TCP sockets of this network namespace, with their byte counts (sock_diag(7)). */
#ifndef SOCKSHIM_CTL_DIAG_H
#define SOCKSHIM_CTL_DIAG_H

#include <stdint.h>

struct diag {
	uint64_t cookie;	/* SO_COOKIE */
	uint16_t local_port;	/* host order */
	uint64_t read, written; /* payload, retransmissions and SYN and FIN not counted */
};

/*
 * Calls `each` for every open TCP socket whose peer has this port (host order; 0: any). 0 or -errno.
 */
int diag_each(uint16_t peer_port, void (*each)(void *arg, const struct diag *d), void *arg);

#endif
