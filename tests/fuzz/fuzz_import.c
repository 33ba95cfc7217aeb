/* SPDX-License-Identifier: MIT */
/*
 * fuzz_import.c - other tools' configuration files. Whatever comes in, what goes out is read
 * without an error by our own parser, and there are as many comments as lines were left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 1000000

static struct settings settings;
static struct conf conf;
static char text[3][ROOM];

static const char *const words[] = {
	"TorAddress ",
	"TorPort ",
	"OnionAddrRange ",
	"SOCKS5Username ",
	"SOCKS5Password ",
	"AllowInbound ",
	"AllowOutboundLocalhost ",
	"IsolatePID ",
	"EnableIPv6 ",
	"[ProxyList]\n",
	"socks5 ",
	"socks4 ",
	"http ",
	"localnet ",
	"dnat ",
	"remote_dns_subnet ",
	"tcp_read_time_out ",
	"chain_len = ",
	"quiet_mode",
	"proxy_dns",
	"path {\n",
	"}\n",
	"reaches = ",
	"server = ",
	"server_port = ",
	"server_type = ",
	"default_user = ",
	"default_pass = ",
	"local = ",
	"fallback = ",
	"10.0.0.0",
	"/255.0.0.0",
	"/8",
	":80",
	"-90",
	"[2001:db8::1]",
	"::1",
	"127.0.0.1",
	"192.0.2.1",
	"1080",
	"9050",
	"u",
	"\n",
	"\n\n",
	"\t",
	" ",
	"#",
	"=",
	"0",
	"1",
	"2",
	"5",
	"\r\n",
};

static char *expand(const uint8_t *data, size_t size, size_t *len)
{
	char *out = malloc(size * 32 + 1), *at = out;

	for (; out && size--; data++) {
		const char *word = words[*data % (sizeof(words) / sizeof(*words))];

		if (*data < 128) {
			*at++ = (char)*data;
			continue;
		}
		memcpy(at, word, strlen(word));
		at += strlen(word);
	}
	*len = (size_t)(at - out);
	return out;
}

static int comments(const char *at)
{
	int n = 0;

	for (; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		n += !strncmp(at, "# line ", 7);
	return n;
}

static void check(enum import_format format, const char *from, size_t len)
{
	static struct import i;
	int left;

	memset(&i, 0, sizeof(i));
	i.out = bytes_out_init(text[0], ROOM);
	i.local = bytes_out_init(text[1], ROOM);
	i.paths = bytes_out_init(text[2], ROOM);
	left = import_text(&i, format, from, len);
	if (left < 0)
		return;
	if (comments(text[0]) != left || comments(text[1]) || comments(text[2])) {
		fprintf(stderr, "fuzz_import: %d left out, but\n%s", left, text[0]);
		abort();
	}
	conf_init(&conf, &settings);
	conf_source(&conf, "out");
	for (int k = 0; k < 3; k++) {
		if (!conf_feed(&conf, text[k], strlen(text[k])))
			continue;
		fprintf(stderr, "fuzz_import: %s\n%s", conf.error, text[k]);
		abort();
	}
	if (conf_end(&conf))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	char *from;

	if (!size)
		return 0;
	from = expand(data + 1, size - 1, &len);
	if (!from)
		return 0;
	check(1 + data[0] % 3, from, len);
	import_guess("x", from, len);
	free(from);
	return 0;
}
