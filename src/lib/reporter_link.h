/* SPDX-License-Identifier: MIT */
/* reporter_link.h - what reporter.c (the connection) gives to reporter_stream.c (who uses it when). */
#ifndef SOCKSHIM_REPORTER_LINK_H
#define SOCKSHIM_REPORTER_LINK_H

#include "reporter.h"

/* A way to the controller; of a process, or of one report. */
struct link {
	uint64_t cookie;
	int32_t pid; /* whose it is; 0: nobody's */
	int fd;	     /* -1 */
	uint32_t seq;
	bool begun, kept, connecting;
};

/*
 * Sends it, with r->seq; the head's fields and nothing of the process are filled in. 0; -EAGAIN: the
 * controller has no room now; another -errno. With `until` an answer is wanted: 1 and *answer if it had to
 * be waited for here, else reporter_answer() has it later.
 */
int reporter_send(const struct session *s, struct report *r, uint64_t until,
		  struct report_answer *answer);

/* 1: here it is; 0: not yet; -errno: it will never come. */
int reporter_answer(const struct session *s, int32_t pid, uint32_t seq, struct report_answer *out);

/* A controller that let an answer be waited for in vain is not waited for until it gives another. */
void reporter_no_answer(void);
bool reporter_is_silent(void);

/* One report could not be sent. */
void reporter_lose(void);

void reporter_who(const struct stream *st, struct report_process *p);

#endif
