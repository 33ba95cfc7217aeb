/* SPDX-License-Identifier: MIT */
/* test_log.c - log lines: where they go, and what they must not do to the program. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

static struct settings s;
static int saved, ends[2];
static char path[] = "/tmp/test_log.XXXXXX";

/* A pipe becomes stderr. */
static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.log = LOG_WARN;
	saved = dup(2);
	if (pipe(ends) || dup2(ends[1], 2) != 2)
		return -1;
	close(ends[1]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(saved, 2);
	close(saved);
	close(ends[0]);
	return 0;
}

static void log_to(const char *file)
{
	s.log_file = 1;
	strcpy(s.text + 1, file);
	log_start(&s);
}

/* What has been written to the pipe by now. */
static const char *heard(void)
{
	static char text[8192];
	struct pollfd p = {.fd = ends[0], .events = POLLIN};
	ssize_t n = 0;

	if (poll(&p, 1, 0) == 1)
		n = read(ends[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void test_levels(void **state)
{
	(void)state;
	log_start(NULL);
	assert_true(log_wants(LOG_WARN));
	assert_false(log_wants(LOG_INFO));
	log_start(&s);
	assert_true(log_wants(LOG_ERROR));
	assert_false(log_wants(LOG_SILENT));
	log_texts(LOG_INFO, "no", NULL);
	log_texts(LOG_WARN, "proxy ", "1.2.3.4", " is down", NULL);
	assert_string_equal(heard(), "sockshim: proxy 1.2.3.4 is down\n");
	s.log = LOG_SILENT;
	log_start(&s);
	log_texts(LOG_ERROR, "no", NULL);
	assert_string_equal(heard(), "");
}

static void test_escapes(void **state)
{
	(void)state;
	log_start(&s);
	log_texts(LOG_ERROR, "a\nb\x1b[2J\xc3\xa4\x7f", NULL);
	assert_string_equal(heard(), "sockshim: a\\x0ab\\x1b[2J\\xc3\\xa4\\x7f\n");
}

static void test_long_line(void **state)
{
	char text[3000];

	(void)state;
	log_start(&s);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_texts(LOG_ERROR, text, NULL);
	assert_int_equal(strlen(heard()), LOG_LINE);
	memset(text, 1, sizeof(text) - 1);
	log_texts(LOG_ERROR, text, NULL);
	assert_in_range(strlen(heard()), LOG_LINE - 4, LOG_LINE);
}

/* The program has closed stderr, and the number is another file's now. */
static void test_foreign_file(void **state)
{
	char text[16] = "";
	int fd = mkstemp(path);

	(void)state;
	log_start(&s);
	assert_int_equal(dup2(fd, 2), 2);
	log_texts(LOG_ERROR, "x", NULL);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 0);
	close(2);
	log_texts(LOG_ERROR, "x", NULL);
	log_start(&s);
	assert_int_equal(dup2(fd, 2), 2);
	log_texts(LOG_ERROR, "x", NULL);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 0);
	close(fd);
	unlink(path);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int sig)
{
	(void)sig;
	pipes++;
}

static void catch_pipe(void (*handler)(int))
{
	struct sigaction a = {.sa_handler = handler};

	pipes = 0;
	sigaction(SIGPIPE, &a, NULL);
}

/* Nobody reads the log any more: the program hears nothing of it. */
static void test_broken_pipe(void **state)
{
	sigset_t set, now;

	(void)state;
	log_start(&s);
	close(ends[0]);
	catch_pipe(on_pipe);
	errno = 77;
	log_texts(LOG_ERROR, "x", NULL);
	assert_int_equal(errno, 77);
	assert_int_equal(pipes, 0);
	sigpending(&set);
	assert_false(sigismember(&set, SIGPIPE));
	sigprocmask(SIG_BLOCK, NULL, &now);
	assert_false(sigismember(&now, SIGPIPE));
	catch_pipe(SIG_IGN);
	log_texts(LOG_ERROR, "x", NULL);
	catch_pipe(SIG_DFL);
	log_texts(LOG_ERROR, "x", NULL);

	/* one that the program is holding back stays */
	catch_pipe(on_pipe);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGPIPE);
	log_texts(LOG_ERROR, "x", NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	assert_int_equal(pipes, 1);
	catch_pipe(SIG_DFL);
}

static void test_full_pipe(void **state)
{
	int i;

	(void)state;
	log_start(&s);
	assert_int_equal(fcntl(2, F_SETFL, O_NONBLOCK), 0);
	for (i = 0; i < 10000; i++)
		log_texts(LOG_ERROR, "a line that nobody reads", NULL);
}

static void test_file(void **state)
{
	struct stat st;
	char text[64] = "";
	int fd, next;

	(void)state;
	strcpy(strrchr(path, '.'), ".XXXXXX");
	close(mkstemp(path));
	unlink(path);
	umask(0);
	next = dup(0);
	close(next);
	log_to(path);
	log_texts(LOG_ERROR, "one", NULL);
	log_texts(LOG_ERROR, "two", NULL);
	assert_int_equal(dup(0), next); /* no descriptor is kept */
	close(next);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 28);
	assert_string_equal(text, "sockshim: one\nsockshim: two\n");
	assert_string_equal(heard(), "");
	close(fd);
	unlink(path);
}

static void test_fifo(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(5);
	log_to(path);
	log_texts(LOG_ERROR, "nobody", NULL);
	alarm(0);
	unlink(path);
	assert_string_equal(heard(), "sockshim: nobody\n");
}

static void test_file_that_cannot_be_opened(void **state)
{
	(void)state;
	log_to("/nowhere/at/all");
	log_texts(LOG_ERROR, "x", NULL);
	assert_string_equal(heard(), "sockshim: x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_that_cannot_be_opened, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
