/* SPDX-License-Identifier: MIT */
/* reply.h - the answer to a DNS question, for who would have asked a server. */
#ifndef SOCKSHIM_REPLY_H
#define SOCKSHIM_REPLY_H

#include "dns.h"
#include "shim.h"

/*
 * Answers A, AAAA and PTR as getaddrinfo and getnameinfo do; for every other type there is nothing
 * (NODATA). Writes at most `size` bytes and returns the length (0: not even an empty answer fits),
 * or -1 if a rule says Direct: then a server may be asked.
 */
int reply(const struct dns_question *q, void *out, size_t size);

#endif
