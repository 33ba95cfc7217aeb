/* SPDX-License-Identifier: MIT */
/* attempts.c - a ring of what was stopped, with one writer. */
#include "attempts.h"

#include <errno.h>
#include <string.h>

#include "seqlock.h"

#define WORDS (sizeof(struct attempt) / sizeof(uint64_t))

struct slot {
	uint64_t number; /* of the attempt that stands here, from 1; 0: being written, or free */
	uint64_t words[WORDS];
};

struct attempts {
	uint64_t count;
	struct slot slots[ATTEMPTS_KEPT];
};

_Static_assert(sizeof(struct attempt) % sizeof(uint64_t) == 0, "copied by words");

size_t attempts_size(void)
{
	return sizeof(struct attempts);
}

uint64_t attempts_count(const struct attempts *t)
{
	return SHARED_LOAD(&t->count);
}

void attempts_add(struct attempts *t, const struct attempt *a)
{
	uint64_t number = SHARED_LOAD(&t->count) + 1, words[WORDS];
	struct slot *s = &t->slots[(number - 1) % ATTEMPTS_KEPT];

	memcpy(words, a, sizeof(words));
	SHARED_STORE(&s->number, 0);
	words_store(s->words, words, WORDS);
	SHARED_STORE(&s->number, number);
	SHARED_STORE(&t->count, number);
}

int attempts_get(const struct attempts *t, uint64_t n, struct attempt *out)
{
	const struct slot *s = &t->slots[n % ATTEMPTS_KEPT];
	uint64_t words[WORDS];

	if (SHARED_LOAD(&s->number) != n + 1)
		return -ENOENT;
	words_load(words, s->words, WORDS);
	if (SHARED_LOAD(&s->number) != n + 1)
		return -ENOENT;
	memcpy(out, words, sizeof(*out));
	out->exe[sizeof(out->exe) - 1] = 0;
	out->target[sizeof(out->target) - 1] = 0;
	out->from[sizeof(out->from) - 1] = 0;
	return 0;
}
