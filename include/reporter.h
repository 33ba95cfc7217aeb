/* SPDX-License-Identifier: MIT */
/*
 * reporter.h - tells the controller (Report) of streams and attempts, from any process of a
 * session.
 *
 * A process has one connection, made at its first report, on a high descriptor that the program has
 * no use for. The program may close it, or put another file in its place: before each use the
 * socket's cookie is compared, so that no report ends up in a stranger's file. After fork(2) the
 * child makes its own. Where none can be kept (no descriptor to spare, a vfork child, a signal
 * handler that came in between) there is a connection for each report.
 *
 * Nothing here waits, but for what says so; nothing raises SIGPIPE, allocates or sets errno.
 * Without Report nobody comes here.
 */
#ifndef SOCKSHIM_REPORTER_H
#define SOCKSHIM_REPORTER_H

#include "report.h"
#include "session.h"
#include "stream.h"

/* What the program around knows; once, before the first report. */
struct reporter_host {
	/* Fills in the process behind a stream; NULL: behind no stream. */
	void (*who)(const struct stream *st, struct report_process *p);
	/* Is this memory another process's, if we are `pid` (a vfork child)? NULL: never. */
	bool (*borrowed)(int32_t pid);
	bool supervisor;
};
void reporter_use(const struct reporter_host *host);

/*
 * Before the first byte to the proxy: reports the stream, whose request is `rq`. 0: go on; POLLPRI:
 * call again at st->deadline, or when reporter_fd() can be read; -errno: the stream must not go on.
 */
int reporter_connect(struct stream *st, const struct session *s, int fd,
		     const struct socks_request *rq);

/* After the proxy's reply, or a failure (`error`, else 0), of a stream that was reported. */
void reporter_reply(struct stream *st, const struct session *s, const struct socks_request *rq,
		    int error);

/*
 * Any other report. What the fields of head and process are is filled in, but for r->by if it has a
 * pid.
 */
void reporter_tell(const struct session *s, struct report *r);

/* The descriptor that answers come on; -1: there is none. */
int reporter_fd(void);

/* Takes in answers, for streams to find. */
void reporter_listen(const struct session *s);

/* When a process began, in clock ticks since boot, and its parent; 0 if it cannot be known. */
uint64_t reporter_started(int32_t pid, int32_t *ppid);

#endif
