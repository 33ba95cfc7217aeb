/* SPDX-License-Identifier: MIT */
/* test_session.c - a session is made, found by its name, checked, sealed, and removed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "events.h"
#include "session.h"

static struct settings settings;

static struct session *make(char name[static SESSION_NAME])
{
	int error;
	struct session *s;

	settings.text_used = 1;
	settings.connect_timeout = 4711;
	s = session_create(&settings, false, name, &error);
	assert_non_null(s);
	return s;
}

static void path_of(const char *name, char path[static SESSION_NAME])
{
	snprintf(path, SESSION_NAME, "%.*s", (int)strcspn(name, "#"), name);
}

static void found_by_name(void **state)
{
	char name[SESSION_NAME], path[SESSION_NAME], text[NAME_MAX_LEN + 1];
	struct session *s = make(name), *t;
	int error, index;

	(void)state;
	t = session_open(name, &error);
	assert_non_null(t);
	assert_int_equal(t->settings.connect_timeout, 4711);
	index = names_add(session_names(s), "example.com", 11, 1, NULL, NULL);
	assert_true(index >= 0);
	assert_int_equal(names_get(session_names(t), (uint32_t)index, text), 11);
	assert_string_equal(text, "example.com");
	session_close(t);
	path_of(name, path);
	session_end(s, name);
	assert_int_equal(access(path, F_OK), -1);
}

static void audited_ones_keep_events(void **state)
{
	const struct event e = {.kind = EVENT_END, .cookie = 12345};
	char name[SESSION_NAME], plain[SESSION_NAME];
	struct session *s, *t, *p = make(plain);
	struct event got;
	int error;

	(void)state;
	assert_null(session_events(p));
	s = session_create(&settings, true, name, &error);
	assert_non_null(s);
	t = session_open(name, &error);
	assert_non_null(t);
	assert_true(t->size > p->size);
	events_add(session_events(t), &e, "a", "b", "c");
	assert_true(events_take(session_events(s), &got, false));
	assert_int_equal(got.cookie, 12345);
	session_close(t);
	session_end(s, name);
	session_end(p, plain);
}

static void only_the_very_session(void **state)
{
	static const char *const wrong[] = {"", "#", "/dev/null#0123456789abcdef", "/dev/shm",
					    "/nonexistent#0123456789abcdef"};
	char name[SESSION_NAME], other[SESSION_NAME];
	struct session *s = make(name);
	int error;

	(void)state;
	strcpy(other, name);
	other[strlen(other) - 1] ^= 1;
	assert_null(session_open(other, &error));
	assert_int_equal(error, -EPROTO);
	other[strcspn(other, "#")] = '\0';
	assert_null(session_open(other, &error));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		error = 0;
		assert_null(session_open(wrong[i], &error));
		assert_true(error < 0);
	}
	session_end(s, name);
}

/* A file cut short must not be mapped: its missing pages would be SIGBUS. */
static void a_short_file_is_none(void **state)
{
	char name[SESSION_NAME], path[SESSION_NAME];
	struct session *s = make(name);
	int error;

	(void)state;
	path_of(name, path);
	assert_int_equal(truncate(path, 4096), 0);
	assert_null(session_open(name, &error));
	assert_int_equal(error, -EPROTO);
	session_end(s, name);
}

static void settings_are_sealed(void **state)
{
	char name[SESSION_NAME];
	struct session *s = make(name), *t;
	int error, status;
	pid_t pid;

	(void)state;
	t = session_open(name, &error);
	assert_non_null(t);
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		t->settings.connect_timeout = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	session_close(t);
	session_end(s, name);
}

static bool is_swept(const char *path)
{
	char mine[SESSION_NAME];

	session_end(make(mine), mine);
	return access(path, F_OK) < 0;
}

/* A daemon may outlive its launcher; later sessions remove what nobody uses any more. */
static void orphans_are_removed_when_unused(void **state)
{
	const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char name[SESSION_NAME], path[SESSION_NAME];
	struct session *daemon_view;
	int ends[2], error;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		make(name);
		_exit(write(ends[1], name, sizeof(name)) != sizeof(name));
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(read(ends[0], name, sizeof(name)), sizeof(name));
	path_of(name, path);
	daemon_view = session_open(name, &error);
	assert_non_null(daemon_view);
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	assert_false(is_swept(path));
	session_close(daemon_view);
	assert_false(is_swept(path)); /* marked: a process on its way may still come */
	assert_false(is_swept(path));
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	assert_true(is_swept(path));
}

static void the_end_waits_for_others(void **state)
{
	char name[SESSION_NAME], path[SESSION_NAME];
	struct session *s = make(name), *t;
	int error;

	(void)state;
	path_of(name, path);
	t = session_open(name, &error);
	assert_non_null(t);
	session_end(s, name);
	assert_int_equal(access(path, F_OK), 0);
	session_end(t, name);
	assert_int_equal(access(path, F_OK), -1);
}

static void shared_with_forks_without_a_file(void **state)
{
	int error, status;
	struct session *s;
	pid_t pid;

	(void)state;
	settings.text_used = 1;
	s = session_anonymous(&settings, &error);
	assert_non_null(s);
	pid = fork();
	if (pid == 0)
		_exit(names_add(session_names(s), "child.example", 13, 1, NULL, NULL) != 0);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(names_find(session_names(s), "child.example", 13), 0);
	session_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_by_name),
		cmocka_unit_test(audited_ones_keep_events),
		cmocka_unit_test(only_the_very_session),
		cmocka_unit_test(a_short_file_is_none),
		cmocka_unit_test(settings_are_sealed),
		cmocka_unit_test(orphans_are_removed_when_unused),
		cmocka_unit_test(the_end_waits_for_others),
		cmocka_unit_test(shared_with_forks_without_a_file),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
