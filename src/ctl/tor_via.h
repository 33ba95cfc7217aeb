/* SPDX-License-Identifier: MIT */
/* tor_via.h - the parts of `sockshimctl tor via`. */
#ifndef SOCKSHIM_CTL_TOR_VIA_H
#define SOCKSHIM_CTL_TOR_VIA_H

#include <sys/types.h>

#include "tor.h"

#define VIA_FINGERPRINT 41
#define VIA_OUTPUT 65536 /* bytes that are kept of what a command prints */

/* tor_relays.c: the relays of the consensus. */
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
 * Writes a path of `hops` (1 to 3) relays that ends at `exit`, "$A,$B,$C": Tor's own entry guard if one
 * is up, or else one of flag Guard; the middle at random, by bandwidth. `attempt` 0, 1, … moves on to
 * other guards. False: there are not enough relays.
 */
bool relays_path(const struct relays *r, const char *guards, const struct relay *exit, int hops,
		 int attempt, char out[static 3 * (VIA_FINGERPRINT + 2)]);

/*
 * tor_watch.c: a process that sets __LeaveStreamsUnattached, and resets it when this one is gone, in
 * whatever way. Returns the descriptor whose closing lets it end.
 */
int watch_start(const struct tor_settings *s, pid_t *pid);

/* ENDS: the command is gone, Tor has not told the end of all its streams. */
enum job_state { JOB_WAITS, JOB_BUILDS, JOB_RUNS, JOB_ENDS, JOB_DONE };

struct output {
	int fd; /* -1: closed */
	size_t len;
	char text[VIA_OUTPUT + 1];
};

struct job {
	const struct relay *exit;
	enum job_state state;
	char circuit[24]; /* its id, "" before */
	char path[3 * (VIA_FINGERPRINT + 2)];
	char user[48]; /* SOCKS user name of its streams alone */
	int attempts;
	pid_t pid;
	int64_t began, ended, limit; /* CLOCK_MONOTONIC, ms */
	int streams, attached, opened, strayed, closed;
	int status;	     /* as waitpid(2) has it; -1: never ran or was ended by us */
	char failure[128];   /* words, or "" */
	struct output *text; /* [0] stdout, [1] stderr; while and after it runs */
};

/* tor_result.c: results, each when its job is done; head and tail of the whole. */
enum via_format { VIA_TEXT, VIA_JSON, VIA_JUNIT };
bool result_good(const struct job *j);
void result_print(enum via_format f, const struct job *j);
void result_report(enum via_format f, const struct job *jobs, size_t count);

#endif
