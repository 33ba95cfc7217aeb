/* SPDX-License-Identifier: MIT */
/*
 * via_stream.c - Tor's new streams find their job's circuit.
 *
 * Whose a stream is says the report of its source address, which was sent before Tor heard of it.
 * Where Tor knows no source (its SocksPort is a Unix socket) the stream's SOCKS user name says it.
 * It is asked once, when the stream is new: after that Tor's number for the stream stands for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "via.h"

/* RELAY_END reasons (tor-spec): the proxy's client hears what the exit said. */
static int end_reason(const char *text, size_t len)
{
	static const char *const reasons[] = {
		"MISC",		 "RESOLVEFAILED", "CONNECTREFUSED", "EXITPOLICY",  "DESTROY",
		"DONE",		 "TIMEOUT",	  "NOROUTE",	    "HIBERNATING", "INTERNAL",
		"RESOURCELIMIT", "CONNRESET",	  "TORPROTOCOL",    "NOTDIRECTORY"};
	char why[64] = "";

	if (!torctl_find(text, len, "REMOTE_REASON", why, sizeof(why)))
		torctl_find(text, len, "REASON", why, sizeof(why));
	for (int i = 0; i < 14; i++)
		if (!strcmp(reasons[i], why))
			return i + 1;
	return 1;
}

/* Refused: Tor would let the client wait for two minutes. */
struct attachment {
	struct via *v;
	char stream[VIA_ID];
};

static void take_attached(void *arg, enum torctl_item item, unsigned code, const char *text,
			  size_t len)
{
	struct attachment *a = arg;

	(void)text;
	(void)len;
	if (item != TORCTL_END)
		return;
	if (code != 250)
		tor_sendf(&a->v->tor, NULL, NULL, "CLOSESTREAM %s 1", a->stream);
	free(a);
}

static void attach(struct via *v, struct job *j, const char *stream)
{
	struct attachment *a = malloc(sizeof(*a));

	if (!a)
		ctl_die(1, "out of memory");
	a->v = v;
	snprintf(a->stream, sizeof(a->stream), "%s", stream);
	j->streams++;
	if (j->state != JOB_RUNS || !j->circuit[0]) { /* its circuit, or none */
		tor_sendf(&v->tor, NULL, NULL, "CLOSESTREAM %s 5", stream);
		free(a);
		return;
	}
	j->attached++;
	tor_sendf(&v->tor, take_attached, a, "ATTACHSTREAM %s %s", stream, j->circuit);
}

/* A stream of a job's, from its NEW to its end. */
struct mine {
	struct mine *next;
	char id[VIA_ID];
	struct job *job;
};

static struct mine *all;

static struct mine **find(const char *id)
{
	struct mine **m = &all;

	while (*m && strcmp((*m)->id, id) != 0)
		m = &(*m)->next;
	return m;
}

static struct job *job_of(const char *id)
{
	struct mine *m = *find(id);

	return m ? m->job : NULL;
}

static void forget(const char *id)
{
	struct mine **m = find(id), *gone = *m;

	if (!gone)
		return;
	*m = gone->next;
	free(gone);
}

static struct job *owner(struct via *v, const char *text, size_t len)
{
	char word[ADDR_TEXT + 64];
	struct job *j = NULL;
	struct addr source;

	if (torctl_find(text, len, "SOURCE_ADDR", word, sizeof(word)) &&
	    addr_parse_port(&source, word, strlen(word)))
		j = via_report_take(&source);
	if (j)
		j->reported++;
	else if (torctl_find(text, len, "SOCKS_USERNAME", word, sizeof(word)))
		j = via_job_named(v, word);
	return j;
}

/* Nobody's goes where Tor likes. */
static void take_new(struct via *v, const char *id, const char *text, size_t len)
{
	struct job *j = owner(v, text, len);
	struct mine *m;

	if (!j) {
		tor_sendf(&v->tor, NULL, NULL, "ATTACHSTREAM %s 0", id);
		return;
	}
	m = malloc(sizeof(*m));
	if (!m)
		ctl_die(1, "out of memory");
	*m = (struct mine){.next = all, .job = j};
	snprintf(m->id, sizeof(m->id), "%s", id);
	all = m;
	attach(v, j, id);
}

void via_stream_event(struct via *v, const char *text, size_t len)
{
	char id[VIA_ID], state[24], circuit[VIA_ID], purpose[32] = "";
	struct job *j;

	if (sscanf(text, "STREAM %23s %23s %23s", id, state, circuit) != 3)
		return;
	torctl_find(text, len, "PURPOSE", purpose, sizeof(purpose));
	if (!strncmp(purpose, "DIR_", 4))
		return; /* Tor attaches its own */
	j = job_of(id);
	if (!strncmp(state, "NEW", 3)) {
		take_new(v, id, text, len);
	} else if (!strcmp(state, "DETACHED") && !j) {
		tor_sendf(&v->tor, NULL, NULL, "ATTACHSTREAM %s 0", id);
	} else if (!strcmp(state, "DETACHED")) {
		tor_sendf(&v->tor, NULL, NULL, "CLOSESTREAM %s %d", id, end_reason(text, len));
	} else if (!strcmp(state, "SUCCEEDED") && j) {
		j->opened++;
		j->strayed += strcmp(circuit, j->circuit) != 0;
	} else if ((!strcmp(state, "CLOSED") || !strcmp(state, "FAILED")) && j) {
		forget(id);
		via_job_closed(v, j);
	}
}
