/* SPDX-License-Identifier: MIT */
/*
 * order.h - the order in which a host's addresses should be tried: RFC 3484 §6, as glibc has it.
 * Pure.
 */
#ifndef SOCKSHIM_ORDER_H
#define SOCKSHIM_ORDER_H

#include "addr.h"

/* An address, and the one that packets to it would come from. */
struct order {
	struct addr to, from;
	bool usable; /* there is such an address: `from` is filled in */
};

/*
 * Sorts `count` addresses; those that no rule tells apart stay as they are. With the default labels
 * and precedences, so without gai.conf(5).
 */
void order_sort(struct order *list, size_t count);

#endif
