/* SPDX-License-Identifier: MIT */
/*
 * via.h - the rooms of `sockshimctl tor via`, and what they share.
 *
 *	tor_via.c      options, setting up, the loop
 *	via_relays.c   the consensus, and paths through it
 *	via_circuit.c  a circuit for each job
 *	via_job.c      the command that runs through it
 *	via_report.c   which job a source address belongs to
 *	via_stream.c   Tor's new streams find their job's circuit
 *	via_watch.c    __LeaveStreamsUnattached, set and reset
 *	via_result.c   what is printed
 */
#ifndef SOCKSHIM_CTL_VIA_H
#define SOCKSHIM_CTL_VIA_H

#include <sys/resource.h>
#include <sys/types.h>

#include "addr.h"
#include "loop.h"
#include "tor.h"

#define VIA_FINGERPRINT 41
#define VIA_OUTPUT 65536 /* bytes that are kept of what a command prints */
#define VIA_ID 24	 /* a circuit's or stream's, as Tor says it */

/* ---- via_relays.c ---- */

struct relay {
	char fingerprint[VIA_FINGERPRINT], nickname[20];
	unsigned int bandwidth;
	bool guard, exit, usable; /* usable: Running and Valid, not BadExit */
};
struct relays {
	struct relay *at;
	size_t count;
};
struct relays relays_read(struct tor *t);

/* By fingerprint (with or without '$') or nickname; NULL. */
const struct relay *relays_find(const struct relays *r, const char *name, size_t len);

/*
 * Writes a path of `hops` (1 to 3) relays that ends at `exit`, "$A,$B,$C": Tor's own entry guard if
 * one is up, or else one of flag Guard; the middle at random, by bandwidth. `attempt` 0, 1, … moves
 * on to other guards. False: there are not enough relays.
 */
bool relays_path(const struct relays *r, const char *guards, const struct relay *exit, int hops,
		 int attempt, char out[static 3 * (VIA_FINGERPRINT + 2)]);

/* ---- a job: the command once, on a circuit of its own ---- */

/* ENDS: the command is gone, Tor has not told the end of all its streams. */
enum job_state { JOB_WAITS, JOB_BUILDS, JOB_RUNS, JOB_ENDS, JOB_DONE };

struct output {
	size_t len;
	char text[VIA_OUTPUT + 1];
};

struct job {
	struct via *via;
	const struct relay *exit;
	enum job_state state;
	char circuit[VIA_ID]; /* its id, "" before and when it is gone */
	char path[3 * (VIA_FINGERPRINT + 2)];
	char name[48]; /* its reports' Tag and its streams' SOCKS user name, nobody else's */
	int attempts;
	pid_t pid;
	int64_t began, ended; /* CLOCK_MONOTONIC, ms */
	struct timer limit;
	int streams, reported, attached, opened, strayed, closed;
	int status;		 /* as waitpid(2) has it; -1: never ran or was ended by us */
	char failure[128];	 /* words, or "" */
	struct watch reading[2]; /* pipes: stdout, stderr */
	struct output *text;	 /* the same; while and after it runs */
};

enum via_format { VIA_TEXT, VIA_JSON, VIA_JUNIT };

struct via_settings {
	const char *exits, *proxy;
	bool each, json, junit;
	int jobs, repeat, hops, timeout;
};

/* All of one run. */
struct via {
	struct via_settings o;
	enum via_format format;
	char *const *command;
	struct tor tor;
	struct relays relays;
	char *guards;
	char proxy[128], report[128]; /* the commands': a URL, a setting */
	struct rlimit files;	      /* and how many descriptors they may have */
	struct job *jobs;
	size_t count, next; /* jobs[next] has not begun */
	int active;
	int stop; /* the signal that ends it all, or 0 */
};

/* ---- via_circuit.c ---- */

/* The job's circuit: built, tried again, or the job fails. Once it is there the command runs. */
void via_circuit_begin(struct via *v, struct job *j);

/* Now, or tried again: it took too long. */
void via_circuit_late(struct via *v, struct job *j);

/* An event, "CIRC id state …". */
void via_circuit_event(struct via *v, const char *text, size_t len);

/* ---- via_job.c ---- */

void via_job_run(struct via *v, struct job *j);

/* Ends it: kills what runs. The first words are kept. */
void via_job_fail(struct via *v, struct job *j, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The process is gone, with this status of waitpid(2). */
void via_job_gone(struct via *v, pid_t pid, int status);

/* One of its streams has ended. */
void via_job_closed(struct via *v, struct job *j);

/* It has so long for what it does now. */
void via_job_limit(struct job *j, int64_t ms);

/* By its name; NULL. */
struct job *via_job_named(struct via *v, const char *name);

/* ---- via_report.c ---- */

/* Listens on a socket whose name has `number` in it; v->report is for the commands. */
void via_report_listen(struct via *v, uint64_t number);

/*
 * The job that has reported this source address; NULL. The address is free for another report then.
 */
struct job *via_report_take(const struct addr *source);

/* ---- via_stream.c ---- */

/* An event, "STREAM id state circuit target …". */
void via_stream_event(struct via *v, const char *text, size_t len);

/* ---- via_watch.c ---- */

/*
 * A process that sets __LeaveStreamsUnattached, and resets it when this one is gone, in whatever
 * way. Returns the descriptor whose closing lets it end.
 */
int watch_start(const struct tor_settings *s, pid_t *pid);

/* ---- via_result.c: results, each when its job is done; head and tail of the whole. ---- */

bool result_good(const struct job *j);
void result_print(enum via_format f, const struct job *j);
void result_report(enum via_format f, const struct job *jobs, size_t count);

#endif
