/* SPDX-License-Identifier: MIT */
/* hostent.h - struct hostent packed into a caller's buffer. Pure. */
#ifndef SOCKSHIM_HOSTENT_H
#define SOCKSHIM_HOSTENT_H

#include <netdb.h>

#include "addr.h"

/* Large enough for HOSTS_ADDRS addresses and a name of 255 bytes. */
#define HOSTENT_BUFFER 1280

/*
 * Fills in `h` with the addresses of `family` (AF_INET, AF_INET6) among `addrs`, everything it points
 * to lying in `buffer`; h_aliases is an empty list. 0, or -ERANGE if the buffer is too small.
 */
int hostent_pack(struct hostent *h, char *buffer, size_t size, const char *name, int family,
		 const struct addr *addrs, size_t count);

#endif
