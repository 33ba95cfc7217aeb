/* SPDX-License-Identifier: MIT */
/* test_conf.c - configuration text, proxy URLs, globs, printing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf.h"
#include "socks.h"

static struct settings s;
static struct conf c;

static int feed_len(const char *text, size_t len)
{
	int ret;

	conf_init(&c, &s);
	conf_source(&c, "file");
	ret = conf_feed(&c, text, len);
	return ret ? ret : conf_end(&c);
}

static int feed(const char *text)
{
	return feed_len(text, strlen(text));
}

static void good(const char *text)
{
	if (feed(text) || conf_finish(&c))
		fail_msg("%s: %s", text, c.error);
}

/* The whole text must give exactly this error. */
static void bad(const char *text, const char *error)
{
	int ret = feed(text);

	if (!(ret ? ret : conf_finish(&c)))
		fail_msg("taken: %s", text);
	assert_string_equal(c.error, error);
}

static void test_defaults(void **state)
{
	char text[CONF_LINE_MAX];
	int id;

	(void)state;
	good("");
	for (id = 0; id < SETTING_COUNT; id++) {
		size_t n = conf_print(&s, id, true, text, sizeof(text));

		assert_int_equal(n, strlen(text));
		assert_string_equal(text,
				    setting_table[id].def[0] ? setting_table[id].def : "\"\"");
		assert_string_equal(c.origin[id].source, "default");
	}
	assert_int_equal(s.proxy_count, 1);
	assert_true(s.proxies[0].tor);
	assert_int_equal(s.connect_timeout, 30000);
	assert_int_equal(s.log, LOG_WARN);
	assert_int_equal(s.text[0], '\0');
}

static void test_lines(void **state)
{
	(void)state;
	good("# comment\n\n \t# another\r\n\tlog = DEBUG # behind\r\nLocalhost=direct\n"
	     "LogFile \"/a b#\\\"\\\\\\n\" # c\nInbound   none\t\n");
	assert_int_equal(s.log, LOG_DEBUG);
	assert_int_equal(s.localhost, LOCALHOST_DIRECT);
	assert_int_equal(s.inbound, INBOUND_NONE);
	assert_string_equal(s.text + s.log_file, "/a b#\"\\\\n");
	assert_int_equal(c.origin[SETTING_ID_log].line, 4);
	assert_string_equal(c.origin[SETTING_ID_log].source, "file");
	good("LogFile /a#b\n");
	assert_string_equal(s.text + s.log_file, "/a#b");
	good("LogFile =/a\n");
	assert_string_equal(s.text + s.log_file, "/a");
	good("LogFile = /a=b\n");
	assert_string_equal(s.text + s.log_file, "/a=b");
}

static void test_first_stands(void **state)
{
	static const char text[] = "Log debug\nLocalhost refuse\nInbound any\n";

	(void)state;
	conf_init(&c, &s);
	assert_int_equal(conf_option(&c, "command line", "Log=error"), 0);
	assert_int_equal(conf_set(&c, "environment", "LOG", "info"), 0);
	assert_int_equal(conf_set(&c, "environment", "Localhost", "direct"), 0);
	conf_source(&c, "file");
	assert_int_equal(conf_feed(&c, text, sizeof(text) - 1), 0);
	assert_int_equal(conf_end(&c), 0);
	assert_int_equal(conf_finish(&c), 0);
	assert_int_equal(s.log, LOG_ERROR);
	assert_int_equal(s.localhost, LOCALHOST_DIRECT);
	assert_int_equal(s.inbound, INBOUND_ANY);
	assert_string_equal(c.origin[SETTING_ID_log].source, "command line");
	assert_int_equal(c.origin[SETTING_ID_log].line, 0);
	assert_int_equal(c.origin[SETTING_ID_inbound].line, 3);
}

/* A value that does not count must be right all the same. */
static void test_later_values_are_checked(void **state)
{
	(void)state;
	bad("Log debug\nLog loud\n", "file:2: Log: is none of silent|error|warn|info|debug");
}

static void test_options(void **state)
{
	(void)state;
	conf_init(&c, &s);
	assert_int_equal(conf_option(&c, "-o", "LogFile=/a b #c"), 0);
	assert_string_equal(s.text + s.log_file, "/a b #c");
	assert_int_equal(conf_option(&c, "-o", "  log"), -EINVAL);
	conf_init(&c, &s);
	assert_int_equal(conf_option(&c, "-o", "LogFile \"/a b\" "), 0);
	assert_string_equal(s.text + s.log_file, "/a b");
	assert_int_equal(conf_option(&c, "-o", "PasswordFile="), 0);
	assert_int_equal(conf_option(&c, "-o", "PasswordFile=/x"), 0);
	assert_string_equal(s.text + s.password_file, "");
	assert_int_equal(conf_option(&c, "-o", "LogFile=\"/a\" b"), -EINVAL);
	assert_string_equal(c.error, "-o: LogFile: text behind the closing quote");
	assert_int_equal(conf_option(&c, "-o", "Log"), -EINVAL);
	assert_string_equal(c.error, "-o: Log: the value is missing");
	assert_int_equal(conf_option(&c, "-o", "Match=all"), -EINVAL);
	assert_string_equal(c.error, "-o: Match: belongs in a configuration file");
	assert_int_equal(conf_option(&c, "-o", "Refuse"), -EINVAL);
	assert_string_equal(c.error, "-o: Refuse: belongs in a Match block");
	assert_int_equal(conf_option(&c, "-o", ""), -EINVAL);
	assert_int_equal(conf_option(&c, "-o", "LogFile=/a\nb"), -EINVAL);
	assert_string_equal(c.error, "-o: LogFile: a control character in the text");
}

static void test_errors(void **state)
{
	static const char *const list[][2] = {
		{"Prxy x\n", "file:1: Prxy: unknown key; the nearest is Proxy"},
		{"\nColour x\n", "file:2: Colour: unknown key"},
		{"ConnectTime 3\n", "file:1: ConnectTime: unknown key"},
		{"Log\x1b[2J x\n", "file:1: Log?[2J: unknown key"},
		{"Log\n", "file:1: Log: the value is missing"},
		{"Log # debug\n", "file:1: Log: the value is missing"},
		{"Log debug info\n",
		 "file:1: Log: more than one word: put the value in double quotes"},
		{"Log \"debug\n", "file:1: Log: unterminated double quote"},
		{"Log \"debug\\\"\n", "file:1: Log: unterminated double quote"},
		{"Log \"debug\"x\n", "file:1: Log: text behind the closing quote"},
		{"Log deb\n", "file:1: Log: is none of silent|error|warn|info|debug"},
		{"Log error|warn\n", "file:1: Log: is none of silent|error|warn|info|debug"},
		{"Log \"\"\n", "file:1: Log: is none of silent|error|warn|info|debug"},
		{"Log debug\nLog info",
		 "file:2: the last line has no newline: the file was cut short"},
		{"#", "file:1: the last line has no newline: the file was cut short"},
		{"ConnectTimeout 1s\n", "file:1: ConnectTimeout: is not a number of seconds "
					"(0 to 4000000, up to three decimals)"},
		{"ConnectTimeout -1\n", "file:1: ConnectTimeout: is not a number of seconds "
					"(0 to 4000000, up to three decimals)"},
		{"ConnectTimeout 4000001\n", "file:1: ConnectTimeout: is not a number of seconds "
					     "(0 to 4000000, up to three decimals)"},
		{"ConnectTimeout 1.\n", "file:1: ConnectTimeout: is not a number of seconds "
					"(0 to 4000000, up to three decimals)"},
		{"ConnectTimeout 1.0001\n", "file:1: ConnectTimeout: is not a number of seconds "
					    "(0 to 4000000, up to three decimals)"},
		{"LogFile log.txt\n", "file:1: LogFile: must be an absolute path"},
		{"PasswordFile ~/x\n", "file:1: PasswordFile: must be an absolute path"},
		{"Proxy tor://a\nDirect\n", "file:2: Direct: belongs in a Match block"},
		{"Resolve remote\nProxy socks4a://h\n",
		 "file:1: Resolve: remote needs Tor's extensions (a tor:// proxy), not this proxy: "
		 "h"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		bad(list[i][0], list[i][1]);
	assert_int_equal(feed_len("Log debug\0\n", 11), -EINVAL);
	assert_string_equal(c.error, "file:1: a NUL byte in the line");
	assert_int_equal(conf_feed(&c, "Log info\n", 9), -EINVAL);
	assert_int_equal(conf_end(&c), -EINVAL);
}

static void test_line_length(void **state)
{
	char text[CONF_LINE_MAX + 2];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "Log debug", 9);
	text[CONF_LINE_MAX - 1] = '\n';
	assert_int_equal(feed_len(text, CONF_LINE_MAX), 0);
	assert_int_equal(s.log, LOG_DEBUG);
	text[CONF_LINE_MAX - 1] = ' ';
	text[CONF_LINE_MAX] = '\n';
	assert_int_equal(feed_len(text, CONF_LINE_MAX + 1), -EINVAL);
	assert_string_equal(c.error, "file:1: the line is too long");
	text[0] = '#';
	assert_int_equal(feed_len(text, CONF_LINE_MAX + 1), -EINVAL);
}

static void test_seconds(void **state)
{
	static const struct {
		const char *text, *printed;
		uint32_t ms;
	} list[] = {{"0", "0", 0},
		    {"2.5", "2.5", 2500},
		    {"0.05", "0.05", 50},
		    {"1.001", "1.001", 1001},
		    {"007.100", "7.1", 7100},
		    {"4000000", "4000000", 4000000000}};
	char line[64], text[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(*list); i++) {
		snprintf(line, sizeof(line), "ConnectTimeout %s\n", list[i].text);
		good(line);
		assert_int_equal(s.connect_timeout, list[i].ms);
		conf_print(&s, SETTING_ID_connect_timeout, true, text, sizeof(text));
		assert_string_equal(text, list[i].printed);
	}
}

static void test_networks(void **state)
{
	static const char *const wrong[] = {
		"127.0.0.0/8", "0.0.0.0/0", "10.0.0.1/8", "224.0.0.0/8", "10.0.0.0/33",
		"10.0.0.0/",   "fd00::/64", "x",	  "127.0.0.1",	 "255.255.255.0/24"};
	static const char *const wrong6[] = {
		"::/64", "::1",	      "ff00::/16", "10.0.0.0/8", "::ffff:10.0.0.0/104",
		"::/0",	 "fd00::1/64"};
	size_t i;

	(void)state;
	good("VirtualAddrNetworkIPv4 10.9.8.7\nVirtualAddrNetworkIPv6 fd00::/120\n");
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		conf_init(&c, &s);
		assert_int_equal(conf_set(&c, "x", "VirtualAddrNetworkIPv4", wrong[i]), -EINVAL);
	}
	for (i = 0; i < sizeof(wrong6) / sizeof(*wrong6); i++) {
		conf_init(&c, &s);
		assert_int_equal(conf_set(&c, "x", "VirtualAddrNetworkIPv6", wrong6[i]), -EINVAL);
	}
	bad("VirtualAddrNetworkIPv4 10.0.0.0/8\nProxy socks5://10.1.1.1\n",
	    "file:1: VirtualAddrNetworkIPv4: contains a proxy's address: 10.1.1.1");
}

static void test_match(void **state)
{
	struct rule *r = s.rules;
	struct pattern *p = s.patterns;

	(void)state;
	good("Match host *.ONION.,10.0.0.0/8,!::1 port 22,!80-90 exe /usr/bin/git\n"
	     "  Proxy socks5://h\n  Isolate session\n  Isolate none\n"
	     "Match all\n Refuse\n Pipeline yes\n Optimistic no\nMatch exe \"a b,!c\"\n Direct\n");
	assert_int_equal(s.rule_count, 3);
	assert_int_equal(r[0].count, 6);
	assert_int_equal(r[0].route, ROUTE_PROXY);
	assert_string_equal(s.proxies[r[0].proxy].host, "h");
	assert_int_equal(r[0].isolate, ISOLATE_SESSION);
	assert_int_equal(r[0].half_close, -1);
	assert_int_equal(p[0].kind, PATTERN_HOST);
	assert_string_equal(s.text + p[0].text, "*.ONION");
	assert_int_equal(p[1].kind, PATTERN_NET);
	assert_int_equal(p[2].kind, PATTERN_NET);
	assert_true(p[2].negated);
	assert_int_equal(p[3].lo, 22);
	assert_int_equal(p[3].hi, 22);
	assert_true(p[4].negated && p[4].lo == 80 && p[4].hi == 90);
	assert_int_equal(r[1].count, 0);
	assert_int_equal(r[1].route, ROUTE_REFUSE);
	assert_int_equal(r[0].optimistic, -1);
	assert_int_equal(r[1].pipeline, PIPELINE_YES);
	assert_int_equal(r[1].optimistic, 0);
	assert_int_equal(r[2].route, ROUTE_DIRECT);
	assert_string_equal(s.text + p[6].text, "a b");
	assert_string_equal(s.text + p[7].text, "c");
}

static void test_match_errors(void **state)
{
	static const char *const list[][2] = {
		{"Match\n", "file:1: Match: all, host, port, exe, user or group is expected"},
		{"Match # all\n", "file:1: Match: all, host, port, exe, user or group is expected"},
		{"Match all host a\n",
		 "file:1: Match: nothing may stand beside all, but there is host"},
		{"Match host a all\n",
		 "file:1: Match: all, host, port, exe, user or group is expected, not all"},
		{"Match owner a\n",
		 "file:1: Match: all, host, port, exe, user or group is expected, not owner"},
		{"Match host\n", "file:1: Match: the list is missing behind host"},
		{"Match host a,\n", "file:1: Match: an empty pattern"},
		{"Match host !\n", "file:1: Match: an empty pattern !"},
		{"Match host a host b\n",
		 "file:1: Match: one list for each kind: again there is host"},
		{"Match host 10.0.0\n", "file:1: Match: is not an address: 10.0.0"},
		{"Match host [::1]\n", "file:1: Match: is not an address: [::1]"},
		{"Match host a,.onion\n", "file:1: Match: matches no name (write *.onion for all "
					  "names below onion): .onion"},
		{"Match host b..\n",
		 "file:1: Match: matches no name (write *.onion for all names below onion): b.."},
		{"Match host a..b\n",
		 "file:1: Match: matches no name (write *.onion for all names below onion): a..b"},
		{"Match host 10.0.0.1/8\n",
		 "file:1: Match: is not a network "
		 "(address/prefix, no bits set behind the prefix): 10.0.0.1/8"},
		{"Match port 70000\n", "file:1: Match: is not a port or a range of ports: 70000"},
		{"Match port 9-8\n", "file:1: Match: is not a port or a range of ports: 9-8"},
		{"Match port 9-\n", "file:1: Match: is not a port or a range of ports: 9-"},
		{"Match port http\n", "file:1: Match: is not a port or a range of ports: http"},
		{"Match exe a\x01\n", "file:1: Match: a control character in a pattern exe"},
		{"Match exe \"a\n", "file:1: Match: unterminated double quote"},
		{"Match all\nLog debug\n", "file:2: Log: cannot stand in a Match block"},
		{"Match all\nDirect\nRefuse\n",
		 "file:3: Refuse: the block has a Proxy, Direct or Refuse already"},
		{"Match all\nDirect\nProxy tor://h\n",
		 "file:3: Proxy: the block has a Proxy, Direct or Refuse already"},
		{"Match all\nDirect yes\n", "file:2: Direct: takes no value"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		bad(list[i][0], list[i][1]);
}

/* A block ends with its source. */
static void test_blocks_and_sources(void **state)
{
	(void)state;
	assert_int_equal(feed("Match all\n"), 0);
	conf_source(&c, "second");
	assert_int_equal(conf_feed(&c, "Direct\n", 7), -EINVAL);
	assert_string_equal(c.error, "second:1: Direct: belongs in a Match block");
}

static void test_limits(void **state)
{
	char line[512];
	int i;

	(void)state;
	conf_init(&c, &s);
	conf_source(&c, "file");
	for (i = 0; i < SETTINGS_RULES; i++)
		assert_int_equal(conf_feed(&c, "Match all\n", 10), 0);
	assert_int_equal(conf_feed(&c, "Match all\n", 10), -EINVAL);
	assert_string_equal(c.error, "file:129: Match: too many Match blocks (128 at most)");

	conf_init(&c, &s);
	conf_source(&c, "file");
	for (i = 0; i <= SETTINGS_PROXIES && !c.error[0]; i++) {
		snprintf(line, sizeof(line), "Match all\nProxy tor://h%d\n", i);
		conf_feed(&c, line, strlen(line));
		conf_feed(&c, line, c.error[0] ? 0 : strlen(line)); /* the same one counts once */
	}
	assert_int_equal(i, SETTINGS_PROXIES + 1);
	assert_non_null(strstr(c.error, "too many different proxies"));

	conf_init(&c, &s);
	conf_source(&c, "file");
	memset(line, '1', sizeof(line));
	memcpy(line, "Match port 1", 12);
	for (i = 12; i < 511; i += 2)
		memcpy(line + i, ",1", 2);
	line[510] = '\n';
	for (i = 0; i < 4; i++)
		assert_int_equal(conf_feed(&c, line, 511), 0);
	conf_feed(&c, line, 511);
	assert_non_null(strstr(c.error, "too many patterns"));

	conf_init(&c, &s);
	conf_source(&c, "file");
	memset(line, 'x', sizeof(line));
	memcpy(line, "Match exe ", 10);
	line[511] = '\n';
	for (i = 0; i < SETTINGS_RULES && !c.error[0]; i++)
		conf_feed(&c, line, sizeof(line));
	assert_non_null(strstr(c.error, "no room is left for the text"));
	assert_true(s.text_used <= SETTINGS_TEXT);
}

static void url_is(const char *url, const char *printed)
{
	struct proxy p, again;
	const char *wrong = conf_parse_proxy(&p, url);
	char text[2048];

	if (wrong)
		fail_msg("%s: %s", url, wrong);
	conf_print_proxy(&p, true, text, sizeof(text));
	assert_string_equal(text, printed);
	assert_null(conf_parse_proxy(&again, text));
	assert_memory_equal(&p, &again, sizeof(p));
}

static void test_urls(void **state)
{
	struct proxy p;

	(void)state;
	url_is("tor://127.0.0.1", "tor://127.0.0.1:9050");
	url_is("TOR://LocalHost/", "tor://LocalHost:9050");
	url_is("socks5h://proxy.example:99", "socks5://proxy.example:99");
	url_is("socks5://[::1]", "socks5://[::1]:1080");
	url_is("socks5://[fe80::1%253]:5", "socks5://[fe80::1%253]:5");
	url_is("socks5://[fe80::1%25eth0]:5", "socks5://[fe80::1%25eth0]:5");
	url_is("socks4a://me@h", "socks4a://me@h:1080");
	url_is("tor://u@h", "tor://u@h:9050");
	url_is("socks5://a@b:c:d@h", "socks5://a%40b:c%3Ad@h:1080");
	url_is("socks5://%00%ff:%2f@h", "socks5://%00%FF:%2F@h:1080");
	url_is("tor://%3CtorS0X%3E0:key@h", "tor://%3CtorS0X%3E0:key@h:9050");
	url_is("tor://unix:/run/tor/so%20cks", "tor://unix:/run/tor/so%20cks");
	url_is("socks5://u:p@unix:/a@b", "socks5://u:p@unix:/a%40b");
	assert_null(conf_parse_proxy(&p, "socks5://%00:p@1.2.3.4:5"));
	assert_int_equal(p.protocol, SOCKS_V5);
	assert_false(p.tor);
	assert_true(p.credentials);
	assert_int_equal(p.user_len, 1);
	assert_int_equal(p.user[0], 0);
	assert_int_equal(p.at.port, 5);
	assert_true(addr_is_v4(&p.at));
	assert_null(conf_parse_proxy(&p, "socks5://name:5"));
	assert_true(addr_is_any(&p.at));
	assert_int_equal(p.at.port, 5);
}

/* What people type who know other tools, and what they are told to type here. */
static void test_foreign_urls(void **state)
{
	static const struct {
		const char *url, *told;
	} list[] = {
		{"", "is empty"},
		{"127.0.0.1:1080", "in front"},
		{"localhost", "in front"},
		{"socks4://h:1", "socks4a://"},
		{"SOCKS4://h:1", "socks4a://"},
		{"socks://h:1", "socks5://"},
		{"http://h:8080", "HTTP"},
		{"https://h", "HTTP"},
		{"httpx://h", "is not a proxy URL"},
		{"soc://h", "is not a proxy URL"},
		{"://h", "is not a proxy URL"},
		{"socks5://::1:1080", "[::1]:1080"},
		{"socks5://u:p/q@h:1", "%2F"},
		{"socks5h://localhost/run/sock", "unix:"},
	};
	struct proxy p;
	const char *wrong;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(*list); i++) {
		wrong = conf_parse_proxy(&p, list[i].url);
		if (!wrong || !strstr(wrong, list[i].told))
			fail_msg("%s: %s", list[i].url, wrong ? wrong : "is taken");
	}
}

static void test_bad_urls(void **state)
{
	static const char *const list[] = {
		"",
		"h",
		"h:1080",
		"socks5:h",
		"socks5:/h",
		"socks4://h",
		"http://h",
		"socks://h",
		"xsocks5://h",
		"socks5x://h",
		"socks5://",
		"socks5:///",
		"socks5://:99",
		"socks5://h:0",
		"socks5://h:65536",
		"socks5://h:",
		"socks5://h:1x",
		"socks5://h:+1",
		"socks5://h/x",
		"socks5://h?x",
		"socks5://h x",
		"socks5://::1",
		"socks5://[::1",
		"socks5://[::1]x",
		"socks5://[1.2.3.4]",
		"socks5://[h]",
		"socks5://[fe80::1]",
		"socks5://[fe80::1%25]",
		"socks5://[2001:db8::1%25eth0]",
		"socks5://[h%25eth0]",
		"socks5://[]",
		"socks5://127.1",
		"socks5://0x7f.1",
		"socks5://2130706433",
		"socks5://1.2.3.256",
		"socks5://a..b",
		"socks5://.a",
		"socks5://a%00b",
		"socks5://%2x",
		"socks5://%",
		"socks5://0.0.0.0",
		"socks5://[::]",
		"socks5://224.0.0.1",
		"socks5://@h",
		"socks5://:p@h",
		"socks5://u:@h",
		"socks5://%zz:p@h",
		"socks4a://u:p@h",
		"socks4a://%00@h",
		"tor://%3CtorS0X%3E1:k@h",
		"tor://<torS0X>:k@h",
		"tor://<torS0X>00:k@h",
		"tor://unix:/",
		"tor://unix:/a%00b",
		"tor://unix:a",
	};
	char long_url[1200] = "socks5://u:", *at = long_url + strlen(long_url);
	struct proxy p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (!conf_parse_proxy(&p, list[i]))
			fail_msg("%s was taken", list[i]);
	memset(at, 'p', 255);
	memcpy(at + 255, "@h", 3);
	assert_null(conf_parse_proxy(&p, long_url));
	memcpy(at + 255, "p@h", 4);
	assert_non_null(conf_parse_proxy(&p, long_url));
	memset(long_url + 9, 'h', 64);
	long_url[9 + 64] = '\0';
	assert_non_null(conf_parse_proxy(&p, long_url));
	long_url[9 + 63] = '\0';
	assert_null(conf_parse_proxy(&p, long_url));
}

static void test_credentials(void **state)
{
	char text[256];

	(void)state;
	bad("Proxy socks5://u@h\n",
	    "file:1: Proxy: a user without a password, and no PasswordFile: socks5://u@h:1080");
	good("Proxy tor://unix:/x\n");
	assert_string_equal(s.proxies[s.proxy].path, "/x");
	bad("UnixSockets /a,relative\n",
	    "file:1: UnixSockets: a pattern begins with / (a path), @ (an abstract name) or *, "
	    "after ! if it lets pass: /a,relative");
	bad("UnixSockets /a,\n", "file:1: UnixSockets: nothing behind the last comma: /a,");
	bad("UnixSockets !\n", "file:1: UnixSockets: a pattern begins with / (a path), @ (an "
			       "abstract name) or *, after ! if it lets pass: !");
	good("UnixSockets !/a,@b,*\n");
	good("Proxy tor://u@h\n");
	conf_print(&s, SETTING_ID_proxy, true, text, sizeof(text));
	assert_string_equal(text, "tor://u:0@h:9050");
	conf_print(&s, SETTING_ID_proxy, false, text, sizeof(text));
	assert_string_equal(text, "tor://u:***@h:9050");
	conf_print(&s, SETTING_ID_proxy, false, text, 5);
	assert_string_equal(text, "tor:");
}

static void test_password(void **state)
{
	static char data[300];

	(void)state;
	assert_int_equal(feed("Proxy socks5://u@h\nPasswordFile /p\nMatch all\n"
			      "Proxy socks5://v:own@h\n"),
			 0);
	assert_int_equal(conf_password(&c, "se cret\r\nmore", 13), 0);
	assert_int_equal(conf_finish(&c), 0);
	assert_int_equal(s.proxies[0].password_len, 7);
	assert_memory_equal(s.proxies[0].password, "se cret", 7);
	assert_memory_equal(s.proxies[1].password, "own", 3);
	assert_int_equal(feed("PasswordFile /p\n"), 0);
	assert_int_equal(conf_password(&c, "\nx", 2), -EINVAL);
	assert_string_equal(c.error, "file:1: PasswordFile: the first line is not a password of "
				     "1 to 255 bytes");
	memset(data, 'p', sizeof(data));
	assert_int_equal(conf_password(&c, data, 255), 0);
	assert_int_equal(conf_password(&c, data, 256), -EINVAL);
	assert_int_equal(conf_password(&c, "", 0), -EINVAL);
}

static void test_print_rule(void **state)
{
	static const char text[] = "Match host *.onion,10.0.0.0/8,!::1 port 22,!80-90 exe git\n"
				   "\tProxy tor://h:9050\n\tIsolate session\n\tHalfClose hold\n"
				   "\tPipeline no\n\tOptimistic yes\n";
	char out[512];

	(void)state;
	good(text);
	conf_print_rule(&s, 0, true, out, sizeof(out));
	assert_string_equal(out, text);
	good("Match exe \"a \\\"b\\\\,#c\"\nMatch all\nDirect\n");
	conf_print_rule(&s, 0, true, out, sizeof(out));
	assert_string_equal(out, "Match exe \"a \\\"b\\\\,#c\"\n");
	conf_print_rule(&s, 1, true, out, sizeof(out));
	assert_string_equal(out, "Match all\n\tDirect\n");
}

static bool glob(const char *pattern, const char *text)
{
	return conf_glob(pattern, text, strlen(text));
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(glob("*.onion", "a.ONION"));
	assert_false(glob("*.onion", "onion"));
	assert_false(glob("*.onion", "a.onion.b"));
	assert_true(glob("", ""));
	assert_false(glob("", "a"));
	assert_true(glob("*", ""));
	assert_true(glob("**a**", "bab"));
	assert_true(glob("a?c", "abc"));
	assert_false(glob("a?c", "ac"));
	assert_true(glob("*ab*ac", "xabxabxac"));
	assert_false(glob("*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_true(conf_glob("a", "ab", 1));
}

/* Every setting is documented in the default configuration, with its default, commented out. */
static void test_default_file(void **state)
{
	char line[CONF_LINE_MAX], want[CONF_LINE_MAX];
	unsigned int id, found = 0;
	FILE *f = fopen("conf/sockshim.conf", "r");

	(void)state;
	assert_non_null(f); /* tests run at the top of the tree */
	while (fgets(line, sizeof(line), f)) {
		assert_true(line[0] == '#' || line[0] == '\n');
		for (id = 0; id < SETTING_COUNT; id++) {
			const char *def = setting_table[id].def;

			snprintf(want, sizeof(want), "#%s %s\n", setting_table[id].key,
				 *def ? def : "\"\"");
			found += !strcmp(line, want);
		}
	}
	fclose(f);
	assert_int_equal(found, SETTING_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_first_stands),
		cmocka_unit_test(test_later_values_are_checked),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_line_length),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_errors),
		cmocka_unit_test(test_blocks_and_sources),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_foreign_urls),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_print_rule),
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_default_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
