/* SPDX-License-Identifier: MIT */
/*
 * test_events.c - the ring of events: order, loss, texts that do not fit, writers that were killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "events.h"

static struct events *ring(void)
{
	void *at = mmap(NULL, events_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void add(struct events *t, uint64_t cookie)
{
	const struct event e = {.kind = EVENT_BEGIN, .cookie = cookie, .pid = getpid()};

	events_add(t, &e, "/bin/program", "host.example", "");
}

static void test_order_and_texts(void **state)
{
	struct events *t = ring();
	struct event e;

	(void)state;
	assert_false(events_take(t, &e, false));
	for (uint64_t round = 0; round < 3; round++) {
		for (uint64_t i = 1; i <= EVENTS_KEPT; i++)
			add(t, i);
		for (uint64_t i = 1; i <= EVENTS_KEPT; i++) {
			assert_true(events_take(t, &e, false));
			assert_int_equal(e.cookie, i);
			assert_string_equal(event_text(&e, 0), "/bin/program");
			assert_string_equal(event_text(&e, 1), "host.example");
			assert_string_equal(event_text(&e, 2), "");
		}
		assert_false(events_take(t, &e, true));
	}
	assert_int_equal(events_lost(t), 0);
}

static void test_full(void **state)
{
	struct events *t = ring();
	struct event e;

	(void)state;
	for (uint64_t i = 1; i <= EVENTS_KEPT + 7; i++)
		add(t, i);
	assert_int_equal(events_lost(t), 7);
	assert_true(events_take(t, &e, false));
	assert_int_equal(e.cookie, 1); /* what is there is never overwritten */
	add(t, 99999);
	assert_int_equal(events_lost(t), 7);
}

static void test_long_texts(void **state)
{
	struct events *t = ring();
	const struct event in = {.kind = EVENT_ATTEMPT};
	char name[5000];
	struct event e;

	(void)state;
	memset(name, 'x', sizeof(name));
	strcpy(name + sizeof(name) - 5, ".end");
	events_add(t, &in, name, name, name);
	assert_true(events_take(t, &e, false));
	for (unsigned int i = 0; i < 3; i++) {
		size_t len = strlen(event_text(&e, i));

		assert_in_range(len, 100, EVENT_TEXT);
		assert_string_equal(event_text(&e, i) + len - 4, ".end");
	}
	assert_string_equal(event_text(&e, 3), "");
	assert_string_equal(event_text(&e, 9), "");
}

/* A writer that dies between claim and publication: claimed comes first in the ring. */
static void test_killed_writer(void **state)
{
	struct events *t = ring();
	uint64_t *claimed = (uint64_t *)(void *)t;
	struct event e;

	(void)state;
	add(t, 1);
	++*claimed;
	add(t, 3);
	assert_true(events_take(t, &e, false));
	assert_int_equal(e.cookie, 1);
	assert_false(events_take(t, &e, false));
	assert_true(events_take(t, &e, true));
	assert_int_equal(e.cookie, 3);
	assert_int_equal(events_lost(t), 1);
}

static void test_many_writers(void **state)
{
	enum { WRITERS = 4, EACH = 20000 };
	struct events *t = ring();
	uint64_t last[WRITERS] = {0}, got = 0;
	pid_t pid[WRITERS];
	struct event e;

	(void)state;
	for (int w = 0; w < WRITERS; w++) {
		pid[w] = fork();
		if (!pid[w]) {
			for (uint64_t i = 1; i <= EACH; i++)
				add(t, (uint64_t)w << 32 | i);
			_exit(0);
		}
	}
	for (int ended = 0; ended < WRITERS;) {
		while (events_take(t, &e, false)) {
			uint64_t w = e.cookie >> 32, i = e.cookie & UINT32_MAX;

			assert_true(w < WRITERS);
			assert_true(i > last[w]); /* of each writer in its order */
			last[w] = i;
			got++;
		}
		ended += waitpid(-1, NULL, WNOHANG) > 0;
	}
	while (events_take(t, &e, false))
		got++;
	assert_int_equal(got + events_lost(t), WRITERS * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_texts), cmocka_unit_test(test_full),
		cmocka_unit_test(test_long_texts),	cmocka_unit_test(test_killed_writer),
		cmocka_unit_test(test_many_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
