/* SPDX-License-Identifier: MIT */
/* twin.h - another socket for a program that asks name servers from one that is not connected. */
#ifndef SOCKSHIM_TWIN_H
#define SOCKSHIM_TWIN_H

#include "supervisor.h"

/*
 * The caller is about to send a question to a name server. 0: its socket is a twin by now, and so
 * is rq->caller.fd. HELD, GONE. -errno: there is none, and nothing has changed. `may_wait`: HELD is
 * no trouble.
 */
long twin_take(struct request *rq, bool may_wait);

/* What it is sent to: not an address that is one device's only. */
bool twin_reaches(const struct addr *to);

bool twin_is(int fd);

/* In words for a log line, why there are none here; or NULL. */
const char *twin_lacks(void);

void twin_event(uint64_t own);

/* A call has waited for a twin for too long: it gets none from this process. */
void twin_late(void);

void twin_each(void (*each)(int fd));

/* Nobody needs the process any more. */
void twin_end(void);

/* It is the child of another process than this one. */
void twin_disown(void);

#endif
