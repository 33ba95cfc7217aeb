/* SPDX-License-Identifier: MIT */
/* test_config.c - sources of the configuration: files, environment, password file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

static struct settings s;
static struct conf c;
static char dir[] = "/tmp/test_config.XXXXXX";
static char path[256];

static const char *file(const char *name, const char *text)
{
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static int environment(const char *const *env)
{
	return config_environment(&c, (char *const *)env);
}

static int rest(const char *const *env, const char *name)
{
	return config_rest(&c, (char *const *)env, name);
}

static int start(void **state)
{
	char text[256];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(text, sizeof(text), "%s/.config", dir);
	mkdir(text, 0700);
	strcat(text, "/sockshim");
	return mkdir(text, 0700);
}

static int stop(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int fresh(void **state)
{
	(void)state;
	conf_init(&c, &s);
	return 0;
}

static void test_file(void **state)
{
	char big[20000], want[512];

	(void)state;
	assert_int_equal(config_file(&c, file("a", "Log debug\n")), 0);
	assert_int_equal(s.log, LOG_DEBUG);
	assert_string_equal(c.origin[SETTING_ID_log].source, path);
	fresh(NULL);
	memset(big, '\n', sizeof(big));
	strcpy(big + sizeof(big) - 10, "Log info\n");
	assert_int_equal(config_file(&c, file("a", big)), 0);
	assert_int_equal(s.log, LOG_INFO);
	assert_int_equal(c.origin[SETTING_ID_log].line, sizeof(big) - 9);
	fresh(NULL);
	assert_int_equal(config_file(&c, file("a", "\nLog loud\n")), -EINVAL);
	snprintf(want, sizeof(want), "%s:2: Log: is none of silent|error|warn|info|debug", path);
	assert_string_equal(c.error, want);
	fresh(NULL);
	assert_int_equal(config_file(&c, file("a", "Log debug")), -EINVAL);
	assert_non_null(strstr(c.error, ":1: the last line has no newline"));
}

static void test_no_file(void **state)
{
	(void)state;
	assert_int_equal(config_file(&c, "/nowhere/at/all"), -ENOENT);
	assert_string_equal(c.error, "/nowhere/at/all: no such file");
	fresh(NULL);
	assert_int_equal(config_file(&c, dir), -EISDIR);
	assert_non_null(strstr(c.error, ": is a directory"));
	fresh(NULL);
	assert_int_equal(config_file(&c, file("a", "")), 0);
	strcat(path, "/b");
	assert_int_equal(config_file(&c, path), -ENOTDIR);
}

static void test_environment(void **state)
{
	const char *good[] = {"PATH=/bin",
			      "SOCKSHIM_LOG=debug",
			      "SOCKSHIM_ConnectTimeout=1.5",
			      "SOCKSHIM_SESSION=/dev/shm/x",
			      "SOCKSHIM_LOGFILE=/a b",
			      "SOCKSHIM_PROXY",
			      NULL};
	const char *unknown[] = {"SOCKSHIM_COLOUR=x", NULL};
	const char *wrong[] = {"SOCKSHIM_LOG=", NULL};
	const char *match[] = {"SOCKSHIM_MATCH=all", NULL};
	char long_key[200] = "SOCKSHIM_";
	const char *too_long[] = {long_key, NULL};

	(void)state;
	assert_int_equal(environment(good), 0);
	assert_int_equal(s.log, LOG_DEBUG);
	assert_int_equal(s.connect_timeout, 1500);
	assert_string_equal(s.text + s.log_file, "/a b");
	assert_string_equal(c.origin[SETTING_ID_log].source, "environment");
	assert_int_equal(environment(unknown), -EINVAL);
	assert_string_equal(c.error, "environment: COLOUR: unknown key");
	assert_int_equal(environment(wrong), -EINVAL);
	assert_int_equal(environment(match), -EINVAL);
	memset(long_key + 9, 'x', 150);
	strcat(long_key, "=1");
	assert_int_equal(environment(too_long), -EINVAL);
	assert_int_equal(environment(NULL), 0);
}

/* Command line, environment, user's file; the file given by flag replaces the user's. */
static void test_order(void **state)
{
	char home[300];
	const char *env[] = {home, "SOCKSHIM_LOG=info", "SOCKSHIM_INBOUND=none", NULL};

	(void)state;
	snprintf(home, sizeof(home), "HOME=%s", dir);
	file(".config/sockshim/sockshim.conf", "Inbound any\nLocalhost direct\nLog debug\n");
	assert_int_equal(conf_option(&c, "command line", "Log=error"), 0);
	assert_int_equal(rest(env, NULL), 0);
	assert_int_equal(s.log, LOG_ERROR);
	assert_int_equal(s.inbound, INBOUND_NONE);
	assert_int_equal(s.localhost, LOCALHOST_DIRECT);
	fresh(NULL);
	assert_int_equal(rest(env, file("b", "Log debug\n")), 0);
	assert_int_equal(s.log, LOG_INFO);
	assert_int_equal(s.localhost, LOCALHOST_REFUSE);
	fresh(NULL);
	assert_int_equal(rest(env, "/nowhere"), -ENOENT);
	assert_string_equal(c.error, "/nowhere: no such file");
	file(".config/sockshim/sockshim.conf", "Colour x\n");
	fresh(NULL);
	assert_int_equal(rest(env, NULL), -EINVAL);
	assert_non_null(strstr(c.error, "sockshim.conf:1: Colour: unknown key"));
	file(".config/sockshim/sockshim.conf", "");
}

/* A HOME that is not absolute would be the working directory's. */
static void test_never_the_working_directory(void **state)
{
	const char *env[] = {"HOME=.", NULL}, *empty[] = {"HOME=", NULL};
	char old[4096];

	(void)state;
	file(".config/sockshim/sockshim.conf", "Colour x\n");
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(rest(env, NULL), 0);
	fresh(NULL);
	assert_int_equal(rest(empty, NULL), 0);
	fresh(NULL);
	assert_int_equal(rest(NULL, NULL), 0);
	assert_int_equal(chdir(old), 0);
	file(".config/sockshim/sockshim.conf", "");
}

static void test_password_file(void **state)
{
	char text[300];

	(void)state;
	file("pass", "secret\n");
	snprintf(text, sizeof(text), "PasswordFile=%s", path);
	assert_int_equal(conf_option(&c, "-o", text), 0);
	assert_int_equal(conf_option(&c, "-p", "Proxy=socks5://u@1.2.3.4"), 0);
	assert_int_equal(rest(NULL, NULL), 0);
	assert_int_equal(s.proxies[0].password_len, 6);
	assert_memory_equal(s.proxies[0].password, "secret", 6);
	fresh(NULL);
	assert_int_equal(conf_option(&c, "-o", "PasswordFile=/nowhere"), 0);
	assert_int_equal(rest(NULL, NULL), -ENOENT);
	assert_string_equal(c.error, "/nowhere: no such file");
	fresh(NULL);
	assert_int_equal(conf_option(&c, "-o", "PasswordFile=pass"), 0);
	assert_int_equal(rest(NULL, NULL), -EINVAL);
	assert_string_equal(c.error, "-o: PasswordFile: must be an absolute path");
}

static void test_localhost(void **state)
{
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(rest(NULL, file("c", "Proxy socks5://LocalHost:77\n"
					      "Match all\nProxy tor://other\n")),
			 0);
	addr_print_port(&s.proxies[0].at, text);
	assert_string_equal(text, "127.0.0.1:77");
	assert_true(addr_is_any(&s.proxies[1].at));
	assert_int_equal(s.proxies[1].at.port, 9050);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_file, fresh),
		cmocka_unit_test_setup(test_no_file, fresh),
		cmocka_unit_test_setup(test_environment, fresh),
		cmocka_unit_test_setup(test_order, fresh),
		cmocka_unit_test_setup(test_never_the_working_directory, fresh),
		cmocka_unit_test_setup(test_password_file, fresh),
		cmocka_unit_test_setup(test_localhost, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
