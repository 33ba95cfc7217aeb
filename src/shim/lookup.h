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
 * Finds the addresses of a name that is not numeric, without network I/O (but with `Resolve
 * remote`): /etc/hosts, localhost, the own host name, else a virtual address. `family`: AF_UNSPEC,
 * AF_INET, AF_INET6. 0 with *found filled in (all of the family that was asked for, in the order of
 * the file), an EAI_ code, or LOOKUP_DIRECT.
 */
int lookup_name(const char *name, int family, struct hosts *found);

/* Puts several addresses into the order in which they should be tried (RFC 3484). */
void lookup_sort(struct hosts *found);

/* Are the addresses those of a name on the Internet, which are there whatever this machine has? */
bool lookup_is_remote(const struct hosts *found);

/*
 * The names of an address: virtual, in /etc/hosts, or by RESOLVE_PTR. 0 with *found filled in, an
 * EAI_ code, LOOKUP_DIRECT.
 */
int lookup_address(const struct addr *a, struct hosts *found);

/*
 * A name with other characters than ASCII's as the DNS has it, for AI_IDN; `out` is written to for
 * such a name only. 0 or EAI_IDN_ENCODE, EAI_MEMORY.
 */
int idn_encode(const char *name, char out[static HOSTS_NAME]);

/* The other way, for AI_CANONIDN; a name that cannot be decoded stays. */
void idn_decode(char name[static HOSTS_NAME]);

/* libc asks name servers itself: the guard is told that this thread may, until the end. */
int direct_begin(void);
void direct_end(int place);
#define ASK_LIBC_DIRECTLY(call)                                                                    \
	({                                                                                         \
		int place_ = direct_begin();                                                       \
		__typeof__(call) result_ = (call);                                                 \
		direct_end(place_);                                                                \
		result_;                                                                           \
	})

#endif
