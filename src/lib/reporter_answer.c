/* SPDX-License-Identifier: MIT */
/* reporter_answer.c - what the controller answers, until the stream that waits for it asks. */
#include <string.h>

#include "reporter_link.h"
#include "sys.h"

#define ANSWERS 4096 /* reports under way that may wait for one: by seq, so others count */
#define ANSWER_LINE REPORTER_ANSWER

struct answer {
	enum { ANSWER_NONE, ANSWER_AWAITED, ANSWER_HERE } state;
	struct report_answer said;
};

static LARGE(2) struct {
	bool silent; /* an answer was waited for in vain: none is waited for until one comes */
	size_t have;
	char in[ANSWER_LINE];
	struct answer answers[ANSWERS];
} us;

static void take_answer(const char *line, size_t len)
{
	struct report_answer a;
	struct answer *slot;

	if (!report_read_answer(line, len, &a))
		return;
	us.silent = false;
	slot = &us.answers[a.seq % ANSWERS];
	if (slot->state != ANSWER_AWAITED || slot->said.seq != a.seq)
		return;
	slot->said = a;
	slot->state = ANSWER_HERE;
}

/* A line that does not end is no answer: its beginning is thrown away. */
static void take_lines(void)
{
	char *line = us.in, *end;
	size_t left = us.have;

	while ((end = memchr(line, '\n', left))) {
		take_answer(line, (size_t)(end - line));
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	if (left == sizeof(us.in))
		left = 0;
	memmove(us.in, line, left);
	us.have = left;
}

void answers_expect(uint32_t seq)
{
	struct answer *a = &us.answers[seq % ANSWERS];

	a->said.seq = seq;
	a->state = ANSWER_AWAITED;
}

int answers_get(uint32_t seq, struct report_answer *out)
{
	struct answer *slot = &us.answers[seq % ANSWERS];

	if (slot->said.seq != seq)
		return -1;
	if (slot->state != ANSWER_HERE)
		return 0;
	*out = slot->said;
	slot->state = ANSWER_NONE;
	return 1;
}

void answers_forget(void)
{
	us.have = 0;
}

char *answers_room(size_t *size)
{
	*size = sizeof(us.in) - us.have;
	return us.in + us.have;
}

void answers_take(size_t n)
{
	us.have += n;
	take_lines();
}

void reporter_no_answer(void)
{
	us.silent = true;
}

bool reporter_is_silent(void)
{
	return us.silent;
}
