/* SPDX-License-Identifier: MIT */
/* via_circuit.c - a circuit for each job, built anew when that fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "via.h"

#define BUILD_MS 30000
#define BUILD_TRIES 3

/* The reply to EXTENDCIRCUIT: "EXTENDED 7". */
struct extension {
	struct via *v;
	struct job *j;
};

static void retry(struct via *v, struct job *j, const char *why)
{
	j->circuit[0] = 0;
	if (j->attempts < BUILD_TRIES && !v->stop)
		via_circuit_begin(v, j);
	else
		via_job_fail(v, j, "circuit: %s", why);
}

static void take_extended(void *arg, enum torctl_item item, unsigned code, const char *text,
			  size_t len)
{
	struct extension *x = arg;

	(void)len;
	if (item != TORCTL_END)
		return;
	if (x->j->state == JOB_BUILDS) {
		if (code != 250)
			retry(x->v, x->j, text);
		else
			sscanf(text, "EXTENDED %23s", x->j->circuit);
	}
	free(x);
}

void via_circuit_begin(struct via *v, struct job *j)
{
	struct extension *x = malloc(sizeof(*x));

	if (!x)
		ctl_die(1, "out of memory");
	*x = (struct extension){v, j};
	j->state = JOB_BUILDS;
	via_job_limit(j, BUILD_MS);
	if (!relays_path(&v->relays, v->guards, j->exit, v->o.hops, j->attempts++, j->path)) {
		free(x);
		via_job_fail(v, j, "too few relays for a path");
		return;
	}
	tor_sendf(&v->tor, take_extended, x, "EXTENDCIRCUIT 0 %s", j->path);
}

static struct job *job_of_circuit(struct via *v, const char *id)
{
	for (size_t i = 0; i < v->next; i++)
		if (v->jobs[i].state != JOB_DONE && !strcmp(v->jobs[i].circuit, id))
			return &v->jobs[i];
	return NULL;
}

/* CIRC id state … ; circuits that are not ours (CONFLUX legs, Tor's own) are nobody's job. */
void via_circuit_event(struct via *v, const char *text, size_t len)
{
	char id[VIA_ID], state[24], why[64] = "closed";
	struct job *j;

	if (sscanf(text, "CIRC %23s %23s", id, state) != 2 || !(j = job_of_circuit(v, id)))
		return;
	if (!strcmp(state, "BUILT") && j->state == JOB_BUILDS) {
		via_job_run(v, j);
	} else if (!strcmp(state, "FAILED") || !strcmp(state, "CLOSED")) {
		torctl_find(text, len, "REASON", why, sizeof(why));
		torctl_find(text, len, "REMOTE_REASON", why, sizeof(why));
		if (j->state == JOB_BUILDS)
			retry(v, j, why);
		else
			j->circuit[0] = 0; /* the command will see its streams end */
	}
}

void via_circuit_late(struct via *v, struct job *j)
{
	if (j->circuit[0])
		tor_sendf(&v->tor, NULL, NULL, "CLOSECIRCUIT %s", j->circuit);
	retry(v, j, "TIMEOUT");
}
