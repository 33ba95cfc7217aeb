/* SPDX-License-Identifier: MIT */
/*
 * filter.h - the guard's seccomp filter: which system calls the kernel may do unasked. Pure.
 *
 * What does not touch the network is allowed by its number alone, so that the kernel's bitmap of
 * constant actions keeps it free. Registers judge what they can; a call whose address lies in
 * memory is left to the supervisor, unless it comes from the gate.
 */
#ifndef SOCKSHIM_FILTER_H
#define SOCKSHIM_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX 192

/*
 * Builds the filter for this machine; `gate` is the address of the gate's page. Returns its length
 * in instructions, 0 if it does not fit (never, a test says). `audited`: what it refuses by itself
 * is left to the supervisor too, which then knows of it.
 */
size_t filter_build(struct sock_filter out[static FILTER_MAX], uint64_t gate, bool audited);

/*
 * listen(GUARD_NOBODY, GUARD_QUESTION) is how a process asks whether a supervisor of ours judges
 * its calls: that returns GUARD_ANSWER, which no kernel and no other filter does.
 */
#define GUARD_NOBODY (-1)
#define GUARD_QUESTION 0x736f636b
#define GUARD_ANSWER 0x7368696d

/* What the kernel would make of the call: a SECCOMP_RET_ value. */
struct seccomp_data;
uint32_t filter_run(const struct sock_filter *code, size_t len, const struct seccomp_data *data);

/* Is it a call of another machine's, or of x32? */
bool filter_is_foreign(const struct seccomp_data *data);

#endif
