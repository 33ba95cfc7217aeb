/* SPDX-License-Identifier: MIT */
/* test_import.c - torsocks.conf, proxychains.conf and tsocks.conf in our words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "import.h"

static struct import i;
static char text[3][65536], all[3 * 65536];
static struct settings s;
static struct conf c;

static int translate(enum import_format f, const char *from)
{
	int left;

	memset(&i, 0, sizeof(i));
	i.out = bytes_out_init(text[0], sizeof(text[0]));
	i.local = bytes_out_init(text[1], sizeof(text[1]));
	i.paths = bytes_out_init(text[2], sizeof(text[2]));
	left = import_text(&i, f, from, strlen(from));
	snprintf(all, sizeof(all), "%s%s%s", text[0], text[1], text[2]);
	conf_init(&c, &s);
	conf_source(&c, "out");
	if (conf_feed(&c, all, strlen(all)) || conf_end(&c) || conf_finish(&c))
		fail_msg("%s\n%s", c.error, all);
	return left;
}

/* The whole translation, byte for byte, and how many lines became comments. */
static void gives(enum import_format f, const char *from, int left, const char *to)
{
	int n = translate(f, from);

	assert_string_equal(all, to);
	assert_int_equal(n, left);
}

static void test_torsocks(void **state)
{
	(void)state;
	gives(IMPORT_TORSOCKS, "", 0, "Proxy tor://127.0.0.1:9050\n");
	gives(IMPORT_TORSOCKS,
	      "TorAddress 192.0.2.9\nTorPort 9150\nOnionAddrRange 10.64.0.0/10\n"
	      "SOCKS5Username us:er\nSOCKS5Password p@ss\nAllowInbound 1\n"
	      "AllowOutboundLocalhost 2\nIsolatePID 1\nEnableIPv6 1\n",
	      1,
	      "VirtualAddrNetworkIPv4 10.64.0.0/10\nInbound any\nLocalhost direct\n"
	      "Isolate process\n# line 9: EnableIPv6 1: addresses of both families go through the "
	      "proxy, always\nProxy tor://us%3Aer:p%40ss@192.0.2.9:9150\n");
}

/*
 * Each has gone wrong in torsocks: the last byte, long comments, a bad address that became
 * 127.0.0.1.
 */
static void test_torsocks_reading(void **state)
{
	static char from[9000];

	(void)state;
	gives(IMPORT_TORSOCKS, "TorPort 9152", 0, "Proxy tor://127.0.0.1:9152\n");
	gives(IMPORT_TORSOCKS, "\t torport\t9152 # ours\r\n\r\n", 0,
	      "Proxy tor://127.0.0.1:9152\n");
	memset(from, 'x', sizeof(from) - 1);
	memcpy(from, "# ", 2);
	memcpy(from + 3000, "\nTorPort 9153\n#", 15);
	translate(IMPORT_TORSOCKS, from);
	assert_non_null(strstr(all, "Proxy tor://127.0.0.1:9153\n"));
	gives(IMPORT_TORSOCKS, "TorAddress ::1\n", 0, "Proxy tor://[::1]:9050\n");
	assert_int_equal(translate(IMPORT_TORSOCKS, "TorAddress 1.2.3\n"), 1);
	assert_non_null(strstr(all, "No proxy could be taken over"));
	assert_int_equal(translate(IMPORT_TORSOCKS, "TorPort 0\n"), 1);
	assert_int_equal(translate(IMPORT_TORSOCKS, "TorPort 70000\n"), 1);
	assert_int_equal(translate(IMPORT_TORSOCKS, "AllowInbound 2\nIsolatePID yes\nTorPort\n"),
			 3);
	assert_int_equal(translate(IMPORT_TORSOCKS, "OnionAddrRange 127.42.42.0/24\nToorPort 1\n"),
			 2);
	gives(IMPORT_TORSOCKS, "AllowInbound 1\nAllowInbound 0\n", 1,
	      "Inbound any\n# line 2: AllowInbound 0: given twice: the first stands\n"
	      "Proxy tor://127.0.0.1:9050\n");
}

static void test_proxychains(void **state)
{
	(void)state;
	gives(IMPORT_PROXYCHAINS,
	      "quiet_mode\nproxy_dns\nremote_dns_subnet 10\ntcp_read_time_out 15000\n"
	      "tcp_connect_time_out 8001\nlocalnet 192.168.1.0:80/255.255.255.0\n"
	      "localnet 10.1.2.3/255.0.0.0\nlocalnet [2001:db8::]:80/32\n[ProxyList]\n"
	      "# mine\nsocks5\t192.0.2.67\t1080\tlamer\tse#cret\n",
	      0,
	      "Log error\nResolve virtual\nVirtualAddrNetworkIPv4 10.0.0.0/8\n"
	      "HandshakeTimeout 15.000\nConnectTimeout 8.001\n"
	      "Proxy socks5://lamer:se%23cret@192.0.2.67:1080\n"
	      "Match host 192.168.1.0/24 port 80\n\tDirect\nMatch host 10.0.0.0/8\n\tDirect\n"
	      "Match host 2001:db8::/32 port 80\n\tDirect\n");
	gives(IMPORT_PROXYCHAINS,
	      "strict_chain\n[ProxyList]\nsocks4 127.0.0.1 9050\n"
	      "http 192.0.2.1 8080\nsocks5 192.0.2.2 1080\n",
	      3,
	      "# line 1: strict_chain: no counterpart: a connection goes through one proxy\n"
	      "Proxy socks4a://127.0.0.1:9050\n"
	      "# line 4: http 192.0.2.1 8080: no counterpart: SOCKS5 and SOCKS4a proxies alone\n"
	      "# line 5: socks5 192.0.2.2 1080: no counterpart: a connection goes through one "
	      "proxy, the first\n");
	translate(IMPORT_PROXYCHAINS, "[ProxyList]\nsocks5 127.0.0.1 1080 # ours\n");
	assert_non_null(strstr(all, "Proxy socks5://127.0.0.1:1080\n"));
	assert_int_equal(translate(IMPORT_PROXYCHAINS,
				   "chain_len = 2\nrandom_chain\nround_robin_chain\ndynamic_chain\n"
				   "proxy_dns_old\nproxy_dns_daemon 127.0.0.1:1053\n"
				   "dnat 192.0.2.1 192.0.2.2\nlocalnet nonsense\nwhat\n[Other]\n"
				   "tcp_read_time_out x\nlocalnet 1.2.3.4/255.0.255.0\n"),
			 12);
}

static void test_tsocks(void **state)
{
	(void)state;
	gives(IMPORT_TSOCKS,
	      "path {\n reaches = 150.0.0.0/255.255.0.0\nreaches=150.1.0.0:80-90/255.255.0.0 # "
	      "web\n"
	      "server = 10.1.7.25\nserver_type = 5\ndefault_user = delius\n default_pass = "
	      "hello\n}\n"
	      "local = 192.168.0.0/255.255.255.0\nserver = 192.168.0.1\nserver_port=1081\n"
	      "fallback = yes\n",
	      1,
	      "# line 12: fallback = yes: no counterpart: nothing goes past a proxy that fails\n"
	      "Proxy socks4a://192.168.0.1:1081\n"
	      "Match host 192.168.0.0/24\n\tDirect\n"
	      "Match host 150.0.0.0/16\n\tProxy socks5://delius:hello@10.1.7.25:1080\n"
	      "Match host 150.1.0.0/16 port 80-90\n"
	      "\tProxy socks5://delius:hello@10.1.7.25:1080\n");
	assert_int_equal(translate(IMPORT_TSOCKS, "path {\nreaches = 10.0.0.0/8\n}\n"), 1);
	assert_int_equal(translate(IMPORT_TSOCKS, "path {\nserver = 192.0.2.1\n}\n"), 1);
	assert_int_equal(translate(IMPORT_TSOCKS, "path { server = 192.0.2.1\n"), 1);
	assert_int_equal(translate(IMPORT_TSOCKS, "path {\n"), 1);
	assert_int_equal(translate(IMPORT_TSOCKS, "pach {\n"), 1);
	assert_int_equal(
		translate(IMPORT_TSOCKS, "}\nreaches = 10.0.0.0/8\nserver_type\n= 5\nserver =\n"),
		5);
}

static void test_limits(void **state)
{
	static char from[200 * 32];
	size_t n = 0;

	(void)state;
	for (int k = 0; k < 200; k++)
		n += (size_t)snprintf(from + n, sizeof(from) - n, "localnet 10.%d.0.0/16\n", k);
	assert_int_equal(translate(IMPORT_PROXYCHAINS, from), 200 - SETTINGS_RULES);
	memset(from, 'x', 6000);
	from[6000] = 0;
	assert_int_equal(translate(IMPORT_TSOCKS, from), 1);
	from[CONF_LINE_MAX - 10] = 0;
	assert_int_equal(translate(IMPORT_TSOCKS, from), 1);
	memset(&i, 0, sizeof(i));
	i.out = bytes_out_init(text[0], 20);
	i.local = bytes_out_init(text[1], 20);
	i.paths = bytes_out_init(text[2], 20);
	assert_int_equal(import_text(&i, IMPORT_TORSOCKS, "", 0), -1);
}

static enum import_format guess(const char *name, const char *from)
{
	return import_guess(name, from, strlen(from));
}

static void test_guess(void **state)
{
	(void)state;
	assert_int_equal(guess("/etc/tor/torsocks.conf", ""), IMPORT_TORSOCKS);
	assert_int_equal(guess("/etc/proxychains4.conf", ""), IMPORT_PROXYCHAINS);
	assert_int_equal(guess("tsocks.conf", ""), IMPORT_TSOCKS);
	assert_int_equal(guess("/torsocks.conf/x", "# a\n [ProxyList]"), IMPORT_PROXYCHAINS);
	assert_int_equal(guess("x", "#\nTorPort 1\n"), IMPORT_TORSOCKS);
	assert_int_equal(guess("x", "local = 10.0.0.0/8\n"), IMPORT_TSOCKS);
	assert_int_equal(guess("x", "Proxy tor://h\n"), IMPORT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torsocks),    cmocka_unit_test(test_torsocks_reading),
		cmocka_unit_test(test_proxychains), cmocka_unit_test(test_tsocks),
		cmocka_unit_test(test_limits),	    cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
