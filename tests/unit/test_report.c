/* SPDX-License-Identifier: MIT */
/* test_report.c - reports as lines, where they go, and answers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "json.h"
#include "report.h"
#include "socks.h"

static char line[REPORT_LINE];

static void line_is(const struct report *r, const char *want)
{
	size_t len = report_print(r, line);

	assert_true(len < sizeof(line));
	line[len] = 0;
	assert_string_equal(line, want);
}

static struct report connect_report(void)
{
	static const uint8_t here[4] = {127, 0, 0, 1}, there[4] = {198, 18, 0, 7};

	return (struct report){
		.event = REPORT_CONNECT,
		.protocol = SOCKS_V5,
		.command = SOCKS_CONNECT,
		.hop = 1,
		.seq = 2,
		.time = 5,
		.by = {.pid = 10, .tid = 11, .ppid = 9, .started = 77, .exe = "/usr/bin/curl"},
		.source = addr_v4(here, 4711),
		.to = addr_v4(there, 443),
		.cookie = 99,
		.proxy = "tor://127.0.0.1:9050",
		.host = "example.com",
		.host_len = 11,
		.how = "name",
		.user = "job7",
		.user_len = 4,
		.tag = "scan \"1\"",
		.session = "0123456789abcdef",
	};
}

static void prints_each_event(void **state)
{
	struct report r = connect_report(),
		      start = {.event = REPORT_START, .seq = 1, .by = {.pid = 3, .tid = 3}};
	struct report attempt = {.event = REPORT_ATTEMPT,
				 .seq = 3,
				 .supervisor = true,
				 .call = "send",
				 .reason = "udp",
				 .target = "192.0.2.1:53",
				 .from = "dig+0x10",
				 .error = EACCES};
	struct report lost = {.event = REPORT_LOST, .seq = 9, .count = 4};

	(void)state;
	line_is(&start, "{\"v\":1,\"seq\":1,\"t\":0,\"event\":\"start\",\"pid\":3,\"tid\":3,\"by\":"
			"\"library\"}\n");
	line_is(&r,
		"{\"v\":1,\"seq\":2,\"t\":5,\"event\":\"connect\",\"pid\":10,\"tid\":11,\"ppid\":9,"
		"\"started\":77,"
		"\"session\":\"0123456789abcdef\",\"by\":\"library\",\"source\":\"127.0.0.1:4711\","
		"\"source_port\":4711,\"cookie\":99,\"proxy\":\"tor://127.0.0.1:9050\",\"hop\":1,"
		"\"protocol\":\"socks5\",\"command\":\"connect\",\"host\":\"example.com\",\"port\":"
		"443,"
		"\"address\":\"198.18.0.7\",\"how\":\"name\",\"socks_user\":\"job7\","
		"\"tag\":\"scan \\\"1\\\"\",\"exe\":\"/usr/bin/curl\"}\n");
	r.event = REPORT_REPLY;
	r.replied = true;
	r.code = 5;
	r.error = ECONNREFUSED;
	r.ms = 12;
	r.tag = NULL;
	report_print(&r, line);
	assert_non_null(strstr(line, ",\"code\":5,\"errno\":\"ECONNREFUSED\",\"ms\":12,\"exe\":"));
	line_is(&attempt, "{\"v\":1,\"seq\":3,\"t\":0,\"event\":\"attempt\",\"pid\":0,\"tid\":0,"
			  "\"by\":\"supervisor\","
			  "\"call\":\"send\",\"reason\":\"udp\",\"target\":\"192.0.2.1:53\","
			  "\"from\":\"dig+0x10\","
			  "\"errno\":\"EACCES\"}\n");
	line_is(&lost, "{\"v\":1,\"seq\":9,\"t\":0,\"event\":\"lost\",\"pid\":0,\"tid\":0,\"by\":"
		       "\"library\",\"count\":4}\n");
}

/* What is too long for a line is left out, and the rest is JSON. */
static void worst_case_fits(void **state)
{
	struct report r = connect_report();
	char bytes[256], long_exe[1024];
	struct json_value all, v;
	bool cut;
	size_t len;

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	memset(long_exe, 0xfe, sizeof(long_exe) - 1);
	long_exe[sizeof(long_exe) - 1] = 0;
	r.host = r.user = bytes;
	r.host_len = r.user_len = 255;
	r.by.exe = long_exe;
	len = report_print(&r, line);
	assert_true(json_read(line, len, &all));
	assert_int_equal(line[len - 1], '\n');
	assert_true(json_find(&all, "host", &v));
	assert_int_equal(v.len, 255 * 6 + 2);
	assert_true(json_find(&all, "cut", &v) && json_bool_of(&v, &cut) && cut);
	assert_false(json_find(&all, "exe", &v));
	assert_true(json_find(&all, "tag", &v));
}

static void reads_targets(void **state)
{
	static const char *const bad[] = {"x",
					  "unix:",
					  "unix:run/x",
					  "unix:@",
					  "tcp:192.0.2.1:80",
					  "tcp:127.0.0.1",
					  "tcp:127.0.0.1:0",
					  "tcp:example.com:80",
					  "fd:",
					  "fd:-1",
					  "fd:x",
					  "file:x",
					  "tcp:localhost:",
					  "UNIX:/x"};
	struct report_target t;
	char text[200] = "unix:/";

	(void)state;
	assert_null(report_target("", &t));
	assert_int_equal(t.kind, REPORT_NOWHERE);
	assert_null(report_target("unix:/run/x", &t));
	assert_int_equal(t.kind, REPORT_UNIX);
	assert_string_equal(t.path, "/run/x");
	assert_null(report_target("unix:@x", &t));
	assert_null(report_target("tcp:[::1]:4711", &t));
	assert_int_equal(t.at.port, 4711);
	assert_null(report_target("tcp:localhost:4711", &t));
	assert_true(addr_is_loopback(&t.at));
	assert_null(report_target("fd:9", &t));
	assert_int_equal(t.fd, 9);
	assert_null(report_target("file:/var/log/x", &t));
	assert_int_equal(t.kind, REPORT_FILE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!report_target(bad[i], &t))
			fail_msg("taken: %s", bad[i]);
	memset(text + 6, 'a', 107);
	assert_non_null(report_target(text, &t));
	text[112] = 0;
	assert_null(report_target(text, &t));
}

static bool answer(const char *text, struct report_answer *a)
{
	return report_read_answer(text, strlen(text), a);
}

static void reads_answers(void **state)
{
	static const char *const bad[] = {
		"",
		"go",
		"{}",
		"{\"seq\":7}",
		"{\"seq\":0,\"go\":true}",
		"{\"seq\":-1,\"go\":true}",
		"{\"seq\":4294967296,\"go\":true}",
		"{\"seq\":\"7\",\"go\":true}",
		"{\"seq\":7,\"go\":1}",
		"{\"seq\":7,\"user\":\"\"}",
		"{\"seq\":7,\"user\":\"a\\u0000\"}",
		"{\"seq\":7,\"user\":7}",
		"{\"seq\":7,\"deny\":13}",
		"{\"seq\":7,\"go\":true",
		("{\"seq\":7,\"user\":"
		 "\"1234567890123456789012345678901234567890123456789012345678901234\"}")};
	struct report_answer a;

	(void)state;
	assert_true(answer("{\"seq\":7,\"go\":true}\r", &a));
	assert_int_equal(a.seq, 7);
	assert_int_equal(a.error, 0);
	assert_int_equal(a.user_len, 0);
	assert_true(answer("{\"go\":false,\"seq\":4294967295}", &a));
	assert_int_equal(a.seq, UINT32_MAX);
	assert_int_equal(a.error, ECONNREFUSED);
	assert_true(answer("{\"seq\":7,\"deny\":\"EACCES\"}", &a));
	assert_int_equal(a.error, EACCES);
	assert_true(answer("{\"seq\":7,\"deny\":\"EWHATEVER\"}", &a));
	assert_int_equal(a.error, ECONNREFUSED);
	assert_true(answer("{\"seq\":7,\"user\":\"job7\",\"more\":[]}", &a));
	assert_int_equal(a.user_len, 4);
	assert_memory_equal(a.user, "job7", 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (answer(bad[i], &a))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_each_event),
		cmocka_unit_test(worst_case_fits),
		cmocka_unit_test(reads_targets),
		cmocka_unit_test(reads_answers),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
