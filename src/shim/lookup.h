/* SPDX-License-Identifier: MIT */
/* lookup.h - what every name function asks: the addresses of a name, the name of an address. */
#ifndef SOCKSHIM_LOOKUP_H
#define SOCKSHIM_LOOKUP_H

#include "hosts.h"
#include "shim.h"

#ifndef EAI_ADDRFAMILY /* shown with _GNU_SOURCE only */
#define EAI_ADDRFAMILY -9
#endif

/* libc may be asked: a rule says Direct. */
#define LOOKUP_DIRECT 1

/*
 * Finds the addresses of a name that is not numeric, without network I/O (but with `Resolve remote`):
 * /etc/hosts, localhost, the own host name, else a virtual address. `family`: AF_UNSPEC, AF_INET,
 * AF_INET6. 0 with *found filled in (all of the family that was asked for), an EAI_ code, or
 * LOOKUP_DIRECT.
 */
int lookup_name(const char *name, int family, struct hosts *found);

/* The name of an address: virtual, in /etc/hosts, or by RESOLVE_PTR. 0, an EAI_ code, LOOKUP_DIRECT. */
int lookup_address(const struct addr *a, char name[static HOSTS_NAME]);

#endif
