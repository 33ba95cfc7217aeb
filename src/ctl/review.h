/* SPDX-License-Identifier: MIT */
/*
 * review.h - the parts of an audit: what was gathered of a session while its command ran, and what
 * is said of it at the end. One audit in a process, in one thread.
 */
#ifndef SOCKSHIM_CTL_REVIEW_H
#define SOCKSHIM_CTL_REVIEW_H

#include <stdio.h>

#include "audit.h"
#include "auditor.h"
#include "session.h"

/* A list that grows. */
struct list {
	void *at;
	size_t count, room;
};
/* A new zeroed element of `size` bytes; it moves with the next one. */
void *list_add(struct list *l, size_t size);
#define LIST_EACH(type, e, l) for (type *e = (l)->at, *e##_end = e + (l)->count; e < e##_end; e++)

enum stream_fate { FATE_BEGUN, FATE_OPEN, FATE_FAILED, FATE_DIRECT, FATE_NONE };

struct stream_row {
	uint64_t cookie, begun, opened, ended; /* ns; 0: unknown */
	struct addr to;			       /* what the program asked for */
	const char *host, *program;	       /* a name, or `to` as text; a path */
	uint64_t sent, received;	       /* the program's bytes, if `counted` */
	uint32_t handshake_sent, handshake_received;
	uint64_t space; /* its network namespace, as sys_namespace() has it */
	size_t older;	/* 1 + the stream before it with this cookie; 0: none */
	int32_t pid;
	int error;	     /* errno, of FATE_FAILED */
	uint16_t local_port; /* 0: unknown */
	uint8_t fate, by;    /* enum stream_fate, enum event_by */
	bool lookup, counted, strayed, in_tor;
	bool tcp, in_kernel; /* its socket is one of TCP; the kernel has shown it */
};

struct attempt_row {
	enum check check;
	uint64_t count, offset, into;
	const char *program, *target, *module; /* module: a path, or "" */
	char symbol[128];		       /* "": none */
	int32_t pid;			       /* of the first */
	int16_t nr, error;
	uint8_t call, by;
};

/* A socket of the session's that leads to somebody, in the kernel's list and in no event so far. */
struct socket_row {
	uint64_t cookie;
	struct addr local, peer;
	const char *program;
	int32_t pid;
	uint8_t protocol;
};

/* What could not be judged. */
struct cover_row {
	enum check check;
	const char *program, *words;
	uint64_t count;
};

/* A stream that Tor told of. */
struct tor_row {
	char id[24], target[300], source[80];
	bool known;
};

struct finding {
	enum check check;
	enum outcome outcome;
	const char *program, *target, *words; /* "" where there is none */
	const struct attempt_row *attempt;    /* or NULL */
	uint64_t count;
};

struct review {
	struct session *session;
	struct audit_policy policy;
	const char *policy_file; /* or NULL */
	char **command;
	pid_t launcher;
	uint64_t begun, ended;
	struct auditor_end end;
	struct list streams, attempts, sockets, covers, tors, findings;
	uint64_t samples, closings_lost;
	bool kernel, tor; /* these views are there */
	enum auditor_verdict verdict;
};
extern struct review review;

/*
 * review_events.c: takes the session's events, how many. `skip`: what is not ready now never will
 * be.
 */
size_t events_gather(bool skip);
struct stream_row *stream_of(uint64_t cookie); /* the newest, or NULL */
void cover(enum check check, const char *program, const char *words);
const char *keep_text(const char *text); /* one copy of each text, for ever */

/* review_kernel.c: the second view. */
void kernel_start(void);
int kernel_fd(void);	 /* where sockets that end are told of, or -1 */
void kernel_heard(void); /* sockets that ended */
void kernel_ended_before(
	struct stream_row *r); /* its fate is known: had its socket ended already? */
void kernel_sample(bool last); /* those that are open; the last time with their bytes */
bool kernel_complete(void);    /* has it shown all streams that it could, and their bytes? */

/* Has one been missed that ended? */
bool kernel_lost(void);

/* A stream that is open, and the kernel has not shown its socket. */
bool kernel_missed(const struct stream_row *r);

/* Why that proves nothing: a static text; NULL: it does. */
const char *kernel_excuse(const struct stream_row *r);
void kernel_outlived(void); /* processes that still run are not covered */

/* review_tor.c: the third. */
struct tor_settings;
void tor_view_start(const char *control);
void tor_view_step(void);
int tor_view_fd(void); /* or -1 */
void tor_view_compare(void);

/* review_judge.c: findings and the verdict, from all that was gathered. */
void judge_all(void);
const char *call_words(const struct attempt_row *a);
const char *
way_words(const struct attempt_row *a); /* "library call", "system call", "static program" */
void review_place(const struct attempt_row *a, char *out,
		  size_t size); /* "libc.so.6+0x1234 (send+0x1d)" */
const char *fate_words(const struct stream_row *r);
const char *program_name(const char *path);			       /* its last part */
void target_words(const struct stream_row *r, char *out, size_t size); /* "host:port" */

/* What it looks like; each prints the whole of it. */
void print_text(FILE *to), print_json(FILE *to), print_junit(FILE *to), print_sarif(FILE *to),
	print_tap(FILE *to);

/* For the formats: has the check a finding that fails? How many cases, also tolerated ones? */
bool check_fails(enum check check);
bool check_applies(enum check check); /* false: the policy does not ask for it */

#endif
