/* SPDX-License-Identifier: MIT */
/*
 * events.h - what happens in a session that is audited, in memory that its processes share: all of
 * them write, without locks and without waiting; the auditor takes the events out as they come.
 */
#ifndef SOCKSHIM_EVENTS_H
#define SOCKSHIM_EVENTS_H

#include "addr.h"

#define EVENTS_KEPT 4096u
#define EVENT_TEXT 912

enum event_kind {
	EVENT_BEGIN = 1, /* a stream's connect to the proxy begins: cookie, to, name, proxy, tcp */
	EVENT_END,	 /* it is open (error 0) or has failed: cookie, error, sent, received */
	EVENT_DIRECT,	 /* a connect that policy let pass: cookie, to, tcp */
	EVENT_ATTEMPT,	 /* what was stopped: call, nr, reason, target, place */
	EVENT_UNCOVERED, /* a program that is not: target is its path, reason a program_kind */
	EVENT_UNSEEN,	 /* a process that the guard could not look into: its calls failed */
};

enum event_by { EVENT_BY_LIBRARY, EVENT_BY_GUARD, EVENT_BY_LAUNCHER };

struct event {
	uint64_t time; /* CLOCK_MONOTONIC, ns */
	uint64_t cookie;
	uint64_t space;	 /* sys_namespace() of the socket, if it is one of TCP */
	uint64_t offset; /* where from: in the file `module` */
	struct addr to;
	int32_t pid, name;	 /* index into the names table, or -1 */
	uint32_t sent, received; /* bytes of the handshake */
	int16_t error;		 /* errno */
	int16_t nr;		 /* of the system call, or -1 */
	uint8_t kind, by, call, reason, verdict, proxy;
	bool is_virtual, started; /* the program was started all the same (EVENT_UNCOVERED) */
	bool tcp;		  /* its socket is one of TCP: the kernel lists it */
	/* three texts one after another, each with its NUL: program's path, target, module */
	char text[EVENT_TEXT];
};

/*
 * event_fill.c: what an event says, whoever saw it, of a stream that begins on socket `fd`; of a
 * call that was let pass; of one that was stopped. And its target in words.
 */
#define EVENT_TARGET 320
struct call;
struct decision;
struct session;
struct stream;
void event_fill_stream(struct event *e, const struct session *s, const struct stream *st, int fd,
		       char target[static EVENT_TARGET]);
void event_fill_direct(struct event *e, const struct call *c, int fd,
		       char target[static EVENT_TARGET]);
void event_fill_attempt(struct event *e, const struct call *c, const struct decision *d,
			char target[static EVENT_TARGET]);

struct events; /* events_size() bytes of zeroed memory, aligned to 64 */

size_t events_size(void);

/*
 * Adds one; e->text is not read. What does not fit is cut; when there is no room it is lost,
 * counted.
 */
void events_add(struct events *t, const struct event *e, const char *exe, const char *target,
		const char *module);

/*
 * For the one reader: takes the oldest one out. False: there is none that is ready. `skip`: one
 * that has been unready since the reader last looked counts as lost (its writer was killed).
 */
bool events_take(struct events *t, struct event *out, bool skip);

/* The texts of an event that was taken: 0 program, 1 target, 2 module. */
const char *event_text(const struct event *e, unsigned int which);

/* How many were lost. */
uint64_t events_lost(const struct events *t);

#endif
