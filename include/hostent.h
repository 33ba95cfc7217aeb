/* SPDX-License-Identifier: MIT */
/* hostent.h - struct hostent packed into a caller's buffer. Pure. */
#ifndef SOCKSHIM_HOSTENT_H
#define SOCKSHIM_HOSTENT_H

#include <netdb.h>

#include "hosts.h"

/* Large enough for whatever a struct hosts holds. */
#define HOSTENT_BUFFER 8192

/*
 * Fills in `h` with the names and the addresses of `family` (AF_INET, AF_INET6) in `found`,
 * everything it points to lying in `buffer`. 0, or -ERANGE if the buffer is too small.
 */
int hostent_pack(struct hostent *h, char *buffer, size_t size, int family,
		 const struct hosts *found);

#endif
