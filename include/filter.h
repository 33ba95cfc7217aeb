/* SPDX-License-Identifier: MIT */
/*
 * filter.h - the guard's seccomp filter: which system calls the kernel may do unasked. Pure.
 *
 * What does not touch the network is allowed by its number alone, so that the kernel's bitmap of
 * constant actions keeps it free. Registers judge what they can; a call whose address lies in memory
 * is left to the supervisor, unless it comes from the gate.
 */
#ifndef SOCKSHIM_FILTER_H
#define SOCKSHIM_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX 192

/*
 * Builds the filter for this machine; `gate` is the address of the gate's page. Returns its length
 * in instructions, 0 if it does not fit (never, a test says).
 */
size_t filter_build(struct sock_filter out[static FILTER_MAX], uint64_t gate);

#endif
