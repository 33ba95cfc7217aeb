/* SPDX-License-Identifier: MIT */
/*
 * streams_tor.c - which circuit of Tor's a stream is on.
 *
 * Tor tells a stream's source address once, when it is new: streams that begin while we watch are
 * known by their source port. Of those that are older there is only the target.
 */
#include "streams_tor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "addr.h"
#include "ctl.h"
#include "names.h"
#include "tor.h"

/* A stream whose beginning we have seen. */
struct seen {
	struct seen *next;
	char id[24];
	uint16_t port;
};

static struct tor tor;
static struct seen *all;
static char *streams, *circuits;

static struct seen **find(const char *id)
{
	struct seen **s = &all;

	while (*s && strcmp((*s)->id, id) != 0)
		s = &(*s)->next;
	return s;
}

static void begin(const char *id, const char *text, size_t len)
{
	struct seen *s;
	char source[ADDR_TEXT];
	struct addr at;

	if (!torctl_find(text, len, "SOURCE_ADDR", source, sizeof(source)) ||
	    !addr_parse_port(&at, source, strlen(source)))
		return;
	s = malloc(sizeof(*s));
	if (!s)
		ctl_die(1, "out of memory");
	*s = (struct seen){.next = all, .port = at.port};
	snprintf(s->id, sizeof(s->id), "%s", id);
	all = s;
}

static void end(const char *id)
{
	struct seen **s = find(id), *gone = *s;

	if (!gone)
		return;
	*s = gone->next;
	free(gone);
}

static void take_event(void *arg, enum torctl_item item, unsigned code, const char *text,
		       size_t len)
{
	char id[24], state[24];

	(void)arg;
	(void)code;
	if (item != TORCTL_END || sscanf(text, "STREAM %23s %23s", id, state) != 2)
		return;
	if (!strncmp(state, "NEW", 3))
		begin(id, text, len);
	else if (!strcmp(state, "CLOSED") || !strcmp(state, "FAILED"))
		end(id);
}

void streams_tor_open(const char *control)
{
	const struct tor_settings s = {.control = control};
	struct tor_answer a;

	tor_connect(&tor, &s);
	tor_authenticate(&tor, &s);
	tor.event = take_event;
	a = tor_ask(&tor, "SETEVENTS STREAM");
	if (a.code != 250)
		ctl_die(1, "tor: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	free(a.text);
}

/* Lines, each behind a newline; a single one stands behind the '='. */
static void ask(const char *what, char **list)
{
	struct tor_answer a = tor_ask(&tor, "GETINFO %s", what);

	if (a.code != 250)
		ctl_die(1, "tor: %u %s", a.code, a.text);
	*strchrnul(a.text, '=') = '\n';
	free(*list);
	*list = a.text;
}

void streams_tor_ask(void)
{
	ask("stream-status", &streams);
	ask("circuit-status", &circuits);
}

/* "7 BUILT $FINGERPRINT~nick,…": the first relay. */
static void find_relay(struct tor_place *p)
{
	char start[48];
	const char *line;

	snprintf(start, sizeof(start), "\n%s BUILT $", p->circuit);
	line = strstr(circuits, start);
	if (line && strlen(line) > strlen(start) + 40)
		memcpy(p->relay, line + strlen(start), 40);
}

/*
 * A target that several of Tor's streams have cannot be told apart: it counts if they share a
 * circuit.
 */
void streams_tor_find(struct tor_place *p)
{
	char target[NAME_MAX_LEN + 16], circuit[24] = "";
	bool several = false;

	snprintf(target, sizeof(target), strchr(p->host, ':') ? "[%s]:%u" : "%s:%u", p->host,
		 p->port);
	for (const char *line = strchrnul(streams, '\n'); *line; line = strchrnul(line + 1, '\n')) {
		char id[24], on[24], to[NAME_MAX_LEN + 16];
		const struct seen *s;

		if (sscanf(line, " %23s %*s %23s %270s", id, on, to) != 3 ||
		    strcasecmp(to, target) != 0)
			continue;
		s = *find(id);
		if (s && s->port != p->local_port)
			continue;
		several |= circuit[0] && strcmp(circuit, on) != 0;
		memcpy(circuit, on, sizeof(circuit));
		if (s) {
			several = false;
			break;
		}
	}
	if (several || !circuit[0])
		return;
	memcpy(p->circuit, circuit, sizeof(p->circuit));
	find_relay(p);
}
