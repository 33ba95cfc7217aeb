/* SPDX-License-Identifier: MIT */
/*
 * reporter_link.h - what the rooms of the reporter share: reporter_link.c (a way to the
 * controller), reporter.c (the process's one), reporter_answer.c (what comes back),
 * reporter_stream.c (when).
 */
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

/* ---- reporter_link.c ---- */

bool link_is_connection(const struct report_target *t);

/* Is it this process's, and its descriptor still what it was? */
bool link_is_ours(const struct link *l, const struct report_target *t, int32_t pid);

/* 0, or -errno; -EAGAIN with `connecting`: the listener's queue is full. Closes what there was. */
int link_open(struct link *l, const struct report_target *t, int32_t pid);

/* Of one that is connecting: over loopback the kernel has the answer at once, else -EAGAIN. */
int link_connected(struct link *l);

/* Also a copy that fork(2) has left us; never a number that is somebody else's by now. */
void link_drop(struct link *l);

/*
 * A line that was cut in the middle ends its connection (-EPIPE): the controller sees no end of it.
 */
int link_send(const struct session *s, const struct link *l, const struct report_target *t,
	      const char *line, size_t len);

/* ---- reporter_answer.c; under the lock ---- */

#define REPORTER_ANSWER 1024 /* bytes of an answer's line at most */

/* A place for the answer to a report. */
void answers_expect(uint32_t seq);

/* 1: here it is; 0: not yet; -1: nobody expects it any more. */
int answers_get(uint32_t seq, struct report_answer *out);

/* Where to read to; then how many bytes came. */
char *answers_room(size_t *size);
void answers_take(size_t n);

/* The beginning of a line whose connection is gone. */
void answers_forget(void);

/* ---- reporter.c ---- */

/*
 * Sends it, with r->seq; the head's fields and nothing of the process are filled in. 0; -EAGAIN:
 * the controller has no room now; another -errno. With `until` an answer is wanted: 1 and *answer
 * if it had to be waited for here, else reporter_answer() has it later.
 */
int reporter_send(const struct session *s, struct report *r, uint64_t until,
		  struct report_answer *answer);

/* 1: here it is; 0: not yet; -errno: it will never come. */
int reporter_answer(const struct session *s, int32_t pid, uint32_t seq, struct report_answer *out);

/*
 * A controller that let an answer be waited for in vain is not waited for until it gives another.
 */
void reporter_no_answer(void);
bool reporter_is_silent(void);

/* May it go a moment later? There was no room, or a controller that is just being started anew. */
bool reporter_may_return(const struct session *s, int err);

/* One report could not be sent. */
void reporter_lose(void);

void reporter_who(const struct stream *st, struct report_process *p);

#endif
