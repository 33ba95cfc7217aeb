/* SPDX-License-Identifier: MIT */
/* netns.h - a network namespace of one's own, in which every address is this machine's. */
#ifndef SOCKSHIM_NETNS_H
#define SOCKSHIM_NETNS_H

#include <stdbool.h>

/*
 * Brings loopback up in the caller's namespace, which is a new one, and gives it all addresses, as
 * `ip route add local default dev lo` does. 0 or -errno. *six: IPv6's too; a kernel may have none.
 */
int netns_own_all(bool *six);

#endif
