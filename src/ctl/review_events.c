/* SPDX-License-Identifier: MIT */
/* review_events.c - the first view: what library, guard and launcher tell. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "ctl.h"
#include "decide.h"
#include "events.h"
#include "program.h"
#include "review.h"

void *list_add(struct list *l, size_t size)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->at = reallocarray(l->at, l->room, size);
		if (!l->at)
			ctl_die(1, "out of memory");
	}
	return memset((char *)l->at + l->count++ * size, 0, size);
}

/* ---- a hash from 64 bits to a number ---- */

struct index {
	struct {
		uint64_t key;
		size_t value; /* 0: free */
	} * at;
	size_t room, count;
};

static size_t *index_put(struct index *x, uint64_t key);

static void index_grow(struct index *x)
{
	struct index old = *x;

	x->room = old.room ? 2 * old.room : 1024;
	x->count = 0;
	x->at = calloc(x->room, sizeof(*x->at));
	if (!x->at)
		ctl_die(1, "out of memory");
	for (size_t i = 0; i < old.room; i++)
		if (old.at[i].value)
			*index_put(x, old.at[i].key) = old.at[i].value;
	free(old.at);
}

/* Where the key is, or would be. */
static size_t index_place(const struct index *x, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15u) >> 20 & (x->room - 1);

	while (x->at[i].value && x->at[i].key != key)
		i = (i + 1) & (x->room - 1);
	return i;
}

/*
 * The key's value; 0: it has none. Most sockets of a machine are nobody's here: they take no room.
 */
static size_t index_get(const struct index *x, uint64_t key)
{
	return x->room ? x->at[index_place(x, key)].value : 0;
}

/* The place of a key's value: 0 if it is new, for the caller to fill in. */
static size_t *index_put(struct index *x, uint64_t key)
{
	size_t i;

	if (2 * x->count >= x->room)
		index_grow(x);
	i = index_place(x, key);
	if (!x->at[i].value) {
		x->at[i].key = key;
		x->count++;
	}
	return &x->at[i].value;
}

static uint64_t mix_text(uint64_t h, const char *text)
{
	return bytes_hash(h, text, strlen(text) + 1);
}

const char *keep_text(const char *text)
{
	static struct index index;
	static struct list texts;
	uint64_t key = mix_text(BYTES_HASH, text);
	size_t *at;
	char **kept;

	/* texts of one hash stand at the keys behind it */
	for (; *(at = index_put(&index, key)); key++)
		if (!strcmp(((char **)texts.at)[*at - 1], text))
			return ((char **)texts.at)[*at - 1];
	kept = list_add(&texts, sizeof(*kept));
	*kept = strdup(text);
	if (!*kept)
		ctl_die(1, "out of memory");
	*at = texts.count;
	return *kept;
}

/* ---- streams ---- */

static struct index cookies;

static struct stream_row *row_at(size_t number)
{
	return number ? (struct stream_row *)review.streams.at + (number - 1) : NULL;
}

struct stream_row *stream_of(uint64_t cookie)
{
	struct stream_row *r = cookie ? row_at(index_get(&cookies, cookie)) : NULL;

	while (r && r->fate == FATE_NONE)
		r = row_at(r->older);
	return r;
}

static void take_begin(const struct event *e)
{
	struct stream_row *r = list_add(&review.streams, sizeof(*r));
	size_t *at = index_put(&cookies, e->cookie);

	r->cookie = e->cookie;
	r->begun = e->time;
	r->to = e->to;
	r->pid = e->pid;
	r->by = e->by;
	r->lookup = e->call == CALL_LOOKUP;
	r->host = keep_text(event_text(e, 1));
	r->program = keep_text(event_text(e, 0));
	r->fate = e->kind == EVENT_DIRECT ? FATE_DIRECT : FATE_BEGUN;
	r->tcp = e->tcp;
	r->space = e->space;
	r->older = *at;
	*at = review.streams.count;
	kernel_ended_before(r);
}

/* A connect of a socket that is connected, or is none: nothing has begun. */
static bool is_callers(int error)
{
	return error == EISCONN || error == EALREADY || error == EBADF || error == ENOTSOCK;
}

static void take_end(const struct event *e)
{
	struct stream_row *r = stream_of(e->cookie);

	if (!r || r->fate != FATE_BEGUN)
		return;
	r->handshake_sent = e->sent;
	r->handshake_received = e->received;
	r->error = e->error;
	if (!e->error)
		r->opened = e->time;
	else
		r->ended = e->time;
	r->fate = !e->error ? FATE_OPEN : is_callers(e->error) ? FATE_NONE : FATE_FAILED;
	kernel_ended_before(r);
}

/* ---- attempts ---- */

static void take_attempt(const struct event *e)
{
	static struct index index;
	const enum check check = audit_check_of(e->call, e->reason, e->verdict == VERDICT_NARROW,
						e->is_virtual, e->to.port);
	const uint8_t what[] = {(uint8_t)check, e->call, e->by, e->reason};
	uint64_t key = bytes_hash(BYTES_HASH, what, sizeof(what));
	struct attempt_row *a;
	size_t *at;

	for (unsigned int i = 0; i < 3; i++)
		key = mix_text(key, event_text(e, i));
	key = bytes_hash(key, &e->offset, sizeof(e->offset));
	at = index_put(&index, key);
	if (*at) {
		((struct attempt_row *)review.attempts.at)[*at - 1].count++;
		return;
	}
	a = list_add(&review.attempts, sizeof(*a));
	*at = review.attempts.count;
	a->check = check;
	a->count = 1;
	a->program = keep_text(event_text(e, 0));
	a->target = keep_text(event_text(e, 1));
	a->module = keep_text(event_text(e, 2));
	a->offset = e->offset;
	a->pid = e->pid;
	a->nr = e->nr;
	a->error = e->error;
	a->call = e->call;
	a->by = e->by;
}

/* ---- what is not covered ---- */

void cover(enum check check, const char *program, const char *words)
{
	struct cover_row *c;

	program = keep_text(program);
	words = keep_text(words);
	LIST_EACH(struct cover_row, old, &review.covers)
	{
		if (old->check == check && old->program == program && old->words == words) {
			old->count++;
			return;
		}
	}
	c = list_add(&review.covers, sizeof(*c));
	*c = (struct cover_row){.check = check, .program = program, .words = words, .count = 1};
}

static void take_uncovered(const struct event *e)
{
	char words[160];

	snprintf(words, sizeof(words), "it %s: the library cannot load in it, and it was %s",
		 program_words((enum program_kind)e->reason),
		 e->started ? "started without a guard" : "not started");
	cover(CHECK_PROGRAM, event_text(e, 1), words);
}

static void take(const struct event *e)
{
	switch ((enum event_kind)e->kind) {
	case EVENT_BEGIN:
	case EVENT_DIRECT:
		take_begin(e);
		break;
	case EVENT_END:
		take_end(e);
		break;
	case EVENT_ATTEMPT:
		take_attempt(e);
		break;
	case EVENT_UNCOVERED:
		take_uncovered(e);
		break;
	case EVENT_UNSEEN:
		cover(CHECK_UNSEEN, event_text(e, 0),
		      "it may not be looked into: its calls failed");
		break;
	}
}

size_t events_gather(bool skip)
{
	struct events *t = session_events(review.session);
	struct event e;
	size_t n = 0;

	for (; events_take(t, &e, skip); n++)
		take(&e);
	return n;
}
