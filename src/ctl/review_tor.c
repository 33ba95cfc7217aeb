/* SPDX-License-Identifier: MIT */
/*
 * review_tor.c - the third view: what Tor saw, by the STREAM events of its control port. A stream
 * of the session and one of Tor are the same if the source port is.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "review.h"
#include "tor.h"

static struct tor tor;

static const char *word(const char **at, size_t *len, char *out, size_t size)
{
	struct torctl_word w;

	*out = 0;
	if (torctl_word(at, len, &w))
		torctl_value(&w, out, size);
	return out;
}

/* 650 STREAM ID STATUS CIRCUIT TARGET … SOURCE_ADDR=a:p … PURPOSE=USER (control-spec §4.1.2) */
static void take(void *arg, enum torctl_item item, unsigned int code, const char *text, size_t len)
{
	char type[16], id[24], status[24], circuit[24], target[300], purpose[32] = "";
	struct tor_row *t;

	(void)arg;
	(void)item;
	(void)code;
	if (strcmp(word(&text, &len, type, sizeof(type)), "STREAM") != 0)
		return;
	word(&text, &len, id, sizeof(id));
	word(&text, &len, status, sizeof(status));
	word(&text, &len, circuit, sizeof(circuit));
	word(&text, &len, target, sizeof(target));
	if (strcmp(status, "NEW") != 0 && strcmp(status, "NEWRESOLVE") != 0)
		return;
	torctl_find(text, len, "PURPOSE", purpose, sizeof(purpose));
	if (!strncmp(purpose, "DIR", 3))
		return;
	t = list_add(&review.tors, sizeof(*t));
	snprintf(t->id, sizeof(t->id), "%s", id);
	snprintf(t->target, sizeof(t->target), "%s", target);
	torctl_find(text, len, "SOURCE_ADDR", t->source, sizeof(t->source));
}

void tor_view_start(const char *control)
{
	const struct tor_settings s = {.control = control};
	struct tor_answer a;

	tor_connect(&tor, &s);
	tor_authenticate(&tor, &s);
	tor.event = take;
	a = tor_ask(&tor, "SETEVENTS STREAM");
	if (a.code != 250)
		ctl_die(1, "tor: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	free(a.text);
	review.tor = true;
}

int tor_view_fd(void)
{
	return review.tor && !tor.error ? tor.fd : -1;
}

void tor_view_step(void)
{
	if (review.tor && !tor.error)
		tor_step(&tor);
}

/* What is answered after the last stream has its events behind it. */
static bool settle(void)
{
	tor_sendf(&tor, NULL, NULL, "GETINFO version");
	return !tor.error && tor_wait(&tor);
}

static uint16_t port_of(const char *source)
{
	const char *colon = strrchr(source, ':');

	return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

/* Tor writes the target as it was asked for; a lookup has port 0. */
static bool same_target(const struct tor_row *t, const struct stream_row *r)
{
	size_t len = strlen(r->host);
	const char *host = t->target + (*t->target == '[');

	return !strncasecmp(host, r->host, len) &&
	       (host[len] == ':' || (host[len] == ']' && host[len + 1] == ':')) &&
	       port_of(t->target) == (r->lookup ? 0 : r->to.port);
}

/* A source port may have been used again: the stream of that target comes first. */
static struct tor_row *find(const struct stream_row *r)
{
	struct tor_row *any = NULL;

	LIST_EACH(struct tor_row, t, &review.tors)
	{
		if (t->known || port_of(t->source) != r->local_port)
			continue;
		if (same_target(t, r))
			return t;
		if (!any)
			any = t;
	}
	return any;
}

static void compare(struct stream_row *r)
{
	char words[800], target[320];
	struct tor_row *t;

	target_words(r, target, sizeof(target));
	if (!r->local_port) {
		snprintf(words, sizeof(words), "the source port of %s is not known", target);
		cover(CHECK_NO_TOR, r->program, words);
		return;
	}
	t = find(r);
	if (!t) {
		snprintf(words, sizeof(words), "Tor has not seen %s from port %u", target,
			 r->local_port);
		cover(CHECK_TOR, r->program, words);
		return;
	}
	t->known = r->in_tor = true;
	if (same_target(t, r))
		return;
	snprintf(words, sizeof(words), "Tor was asked for %s, not for %s, from port %u", t->target,
		 target, r->local_port);
	cover(CHECK_TOR, r->program, words);
}

/* A socket of the session's that no event tells of: what did Tor see of it? */
static void compare_unmatched(const struct socket_row *s)
{
	char words[500];

	if (stream_of(s->cookie))
		return;
	LIST_EACH(struct tor_row, t, &review.tors)
	{
		if (t->known || port_of(t->source) != s->local.port)
			continue;
		snprintf(words, sizeof(words), "Tor has seen %s from port %u, the session has not",
			 t->target, s->local.port);
		cover(CHECK_TOR, s->program, words);
		t->known = true;
	}
}

void tor_view_compare(void)
{
	if (!review.tor)
		return;
	if (!settle()) {
		cover(CHECK_NO_TOR, "", tor.error ? tor.error : "no answer");
		return;
	}
	LIST_EACH(struct stream_row, r, &review.streams)
	if (r->fate == FATE_OPEN)
		compare(r);
	LIST_EACH(struct socket_row, s, &review.sockets)
	compare_unmatched(s);
}
