/* SPDX-License-Identifier: MIT */
/*
 * hosts.h - /etc/hosts as hosts(5) and glibc's nss_files read it: `address canonical alias… #
 * comment`.
 *
 * The text is handed over in pieces of whole lines; no file is opened. Names compare without case,
 * and one trailing dot of the name asked for is dropped. Lines that glibc ignores are ignored.
 * Pure.
 */
#ifndef SOCKSHIM_HOSTS_H
#define SOCKSHIM_HOSTS_H

#include "addr.h"

#define HOSTS_ADDRS 32
#define HOSTS_NAME 256
#define HOSTS_ALIASES 1024

struct hosts {
	size_t count;
	size_t aliases_len;
	char canonical[HOSTS_NAME]; /* of the first line that fits; "" while there is none */
	struct addr addrs[HOSTS_ADDRS];
	char aliases[HOSTS_ALIASES]; /* each NUL-terminated, one after another; what fits */
};

/* All that must be zero in a struct hosts that nothing has been found for. */
static inline void hosts_clear(struct hosts *h)
{
	h->count = h->aliases_len = 0;
	h->canonical[0] = 0;
}

/*
 * How many bytes of `data` are whole lines, for a file that is read piece by piece: give these to
 * the functions below and keep the rest. 0 if there is no newline.
 */
size_t hosts_whole(const char *data, size_t len);

/*
 * Adds the addresses of `name` that `data` has, in the order of its lines, up to HOSTS_ADDRS, and
 * what else its lines call it as aliases; hosts_clear() *h before the first piece. `family`:
 * AF_UNSPEC, AF_INET (then ::1 counts as 127.0.0.1, as in glibc) or AF_INET6 (then dotted quads do
 * not count).
 */
void hosts_find(struct hosts *h, const char *data, size_t len, const char *name, size_t name_len,
		int family);

/* Has `data` an address, of whatever family, of the name? */
bool hosts_have(const char *data, size_t len, const char *name, size_t name_len);

/* Finds the first line with the address (ports do not count): its names, and that one address. */
bool hosts_reverse(struct hosts *h, const char *data, size_t len, const struct addr *a);

#endif
