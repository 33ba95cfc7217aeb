/* SPDX-License-Identifier: MIT */
/*
 * events.c - a ring with many writers and one reader, in shared memory.
 *
 * A writer claims a number, fills in the slot of that number and publishes it. A full ring claims
 * nothing: the event is counted as lost. A writer that is killed in between leaves its slot
 * unpublished; the reader steps over it after a while. Should that writer only have been stopped,
 * it may write into a slot that is another's by then: the reader checks all that it takes.
 */
#include "events.h"

#include <string.h>

#include "seqlock.h"

struct slot {
	uint64_t number; /* of the event that stands here, from 1 */
	uint64_t words[sizeof(struct event) / sizeof(uint64_t)];
};

struct events {
	uint64_t claimed; /* how many numbers were given out */
	uint64_t pad[7];
	uint64_t taken; /* the reader's */
	uint64_t lost;
	uint64_t pad2[6];
	struct slot slots[EVENTS_KEPT];
};

_Static_assert(sizeof(struct event) % sizeof(uint64_t) == 0, "copied by words");

size_t events_size(void)
{
	return sizeof(struct events);
}

uint64_t events_lost(const struct events *t)
{
	return SHARED_LOAD_RELAXED(&t->lost);
}

static void lose(struct events *t)
{
	__atomic_add_fetch(&t->lost, 1, __ATOMIC_RELAXED);
}

/* A number of one's own, from 1; 0: there is no room. */
static uint64_t claim(struct events *t)
{
	uint64_t n = SHARED_LOAD(&t->claimed);

	do
		if (n - SHARED_LOAD(&t->taken) >= EVENTS_KEPT)
			return 0;
	while (!__atomic_compare_exchange_n(&t->claimed, &n, n + 1, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE));
	return n + 1;
}

/*
 * Puts a text of at most `most` bytes with its NUL; of a path the end says more than its beginning.
 */
static size_t put(char *to, const char *text, size_t most)
{
	size_t len = text ? strlen(text) : 0;

	if (len > most - 1) {
		text += len - (most - 1);
		len = most - 1;
	}
	if (len)
		memcpy(to, text, len);
	to[len] = 0;
	return len + 1;
}

void events_add(struct events *t, const struct event *e, const char *exe, const char *target,
		const char *module)
{
	union {
		struct event e;
		uint64_t words[sizeof(struct event) / sizeof(uint64_t)];
	} u;
	uint64_t number = claim(t);
	struct slot *s = &t->slots[(number - 1) % EVENTS_KEPT];
	size_t used;

	if (!number) {
		lose(t);
		return;
	}
	memcpy(&u.e, e, offsetof(struct event, text));
	used = put(u.e.text, exe, EVENT_TEXT / 3);
	used += put(u.e.text + used, target, EVENT_TEXT / 3);
	used += put(u.e.text + used, module, EVENT_TEXT / 3);
	used = (offsetof(struct event, text) + used + 7) / 8;
	SHARED_STORE(&s->number, 0);
	words_store(s->words, u.words, used);
	SHARED_STORE(&s->number, number);
}

static bool read_slot(const struct slot *s, uint64_t number, struct event *out)
{
	uint64_t words[sizeof(struct event) / sizeof(uint64_t)];

	if (SHARED_LOAD(&s->number) != number)
		return false;
	words_load(words, s->words, sizeof(words) / sizeof(words[0]));
	if (SHARED_LOAD(&s->number) != number)
		return false;
	memcpy(out, words, sizeof(*out));
	out->text[EVENT_TEXT - 1] = 0;
	return true;
}

bool events_take(struct events *t, struct event *out, bool skip)
{
	uint64_t number = SHARED_LOAD(&t->taken) + 1;

	while (number <= SHARED_LOAD(&t->claimed)) {
		bool good = read_slot(&t->slots[(number - 1) % EVENTS_KEPT], number, out);

		if (!good && !skip)
			return false;
		if (!good)
			lose(t);
		SHARED_STORE(&t->taken, number);
		if (good)
			return true;
		number++;
	}
	return false;
}

const char *event_text(const struct event *e, unsigned int which)
{
	const char *at = e->text, *end = e->text + EVENT_TEXT - 1;

	while (which-- && at < end)
		at += strnlen(at, (size_t)(end - at)) + 1;
	return at < end ? at : end;
}
