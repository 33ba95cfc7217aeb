/* SPDX-License-Identifier: MIT */
/* import_keys.c - the keys of torsocks.conf, proxychains.conf and tsocks.conf. */
#include <string.h>

#include "import_parts.h"

/* A switch: 0 or 1 (or 2) choose a value of ours. */
struct flag {
	const char *key;
	enum setting_id id;
	const char *values[3];
};

static const struct flag torsocks_flags[] = {
	{"AllowInbound", SETTING_ID_inbound, {"loopback", "any"}},
	{"AllowOutboundLocalhost", SETTING_ID_localhost, {"refuse", "direct", "direct"}},
	{"IsolatePID", SETTING_ID_isolate, {"none", "process"}},
};

static bool take_flag(struct import *i, char *words[], unsigned int n, const char *line)
{
	for (size_t k = 0; k < sizeof(torsocks_flags) / sizeof(torsocks_flags[0]); k++) {
		const struct flag *f = &torsocks_flags[k];
		uint32_t value;

		if (!conf_same(words[0], f->key))
			continue;
		if (n != 2 || !conf_number(words[1], strlen(words[1]), 2, &value) ||
		    !f->values[value]) {
			import_wrong(i, line, "not a value that torsocks has for it");
			return true;
		}
		import_set(i, f->id, f->values[value], line);
		return true;
	}
	return false;
}

/* A part of the proxy that is put together at the end. */
static bool take_part(struct import *i, struct import_server *s, const char *key, const char *value,
		      const char *line)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} parts[] = {
		{"TorAddress", s->host, sizeof(s->host)},
		{"TorPort", s->port, sizeof(s->port)},
		{"SOCKS5Username", s->user, sizeof(s->user)},
		{"SOCKS5Password", s->password, sizeof(s->password)},
		{"server", s->host, sizeof(s->host)},
		{"server_port", s->port, sizeof(s->port)},
		{"server_type", s->type, sizeof(s->type)},
		{"default_user", s->user, sizeof(s->user)},
		{"default_pass", s->password, sizeof(s->password)},
	};
	const size_t first = i->format == IMPORT_TSOCKS ? 4 : 0;
	const size_t end = i->format == IMPORT_TSOCKS ? 9 : 4;

	for (size_t k = first; k < end; k++) {
		if (!conf_same(key, parts[k].key))
			continue;
		if (!import_copy(parts[k].to, parts[k].size, value))
			import_wrong(i, line, "too long");
		return true;
	}
	return false;
}

/* torsocks' own default lies in loopback. */
static void take_range(struct import *i, const char *range, const char *line)
{
	if (!strncmp(range, "127.", 4))
		import_comment(i, line, "virtual addresses do not lie in loopback here");
	else
		import_set(i, SETTING_ID_virtual4, range, line);
}

void import_torsocks(struct import *i, char *words[], unsigned int n, const char *line)
{
	if (take_flag(i, words, n, line))
		return;
	if (conf_same(words[0], "OnionAddrRange") && n == 2) {
		take_range(i, words[1], line);
		return;
	}
	if (conf_same(words[0], "EnableIPv6")) {
		import_comment(i, line, "addresses of both families go through the proxy, always");
		return;
	}
	if (n < 2 || (n > 2 && words[2][0] != '#') ||
	    !take_part(i, &i->server, words[0], words[1], line))
		import_wrong(i, line, "not a line of torsocks.conf");
}

/* type host port [user [password]] */
static void take_listed(struct import *i, char *words[], unsigned int n, const char *line)
{
	struct import_server s = {0};
	const char *wrong = NULL;
	char url[2048];

	if (!strcmp(words[0], "socks4"))
		s.type[0] = '4';
	else if (strcmp(words[0], "socks5") != 0)
		wrong = "no counterpart: SOCKS5 and SOCKS4a proxies alone";
	if (!wrong && (n < 3 || !import_copy(s.host, sizeof(s.host), words[1]) ||
		       !import_copy(s.port, sizeof(s.port), words[2]) || !*s.port))
		wrong = "host and port are missing";
	if (!wrong && i->has_proxy)
		wrong = "no counterpart: a connection goes through one proxy, the first";
	if (!wrong && n > 3 && words[3][0] != '#' &&
	    (!import_copy(s.user, sizeof(s.user), words[3]) ||
	     (n > 4 && !import_copy(s.password, sizeof(s.password), words[4]))))
		wrong = "user or password is too long";
	if (!wrong)
		wrong = import_url(i, &s, url);
	if (wrong) {
		import_comment(i, line, wrong);
		return;
	}
	import_set(i, SETTING_ID_proxy, url, line);
}

static void take_subnet(struct import *i, const char *number, const char *line)
{
	char net[32];
	struct bytes_out o = bytes_out_init(net, sizeof(net));

	bytes_put_text(&o, number);
	bytes_put_text(&o, ".0.0.0/8");
	bytes_put_end(&o);
	import_set(i, SETTING_ID_virtual4, o.overflow ? "" : net, line);
}

/* Words that stand alone; NULL: as it is here in any case. */
static const struct {
	const char *key, *why;
} proxychains_words[] = {
	{"strict_chain", "no counterpart: a connection goes through one proxy"},
	{"dynamic_chain", "no counterpart: a connection goes through one proxy"},
	{"random_chain", "no counterpart: a connection goes through one proxy"},
	{"round_robin_chain", "no counterpart: a connection goes through one proxy"},
	{"chain_len", "no counterpart: a connection goes through one proxy"},
	{"proxy_dns_old", "names go to the proxy in any case (Resolve virtual)"},
	{"proxy_dns_daemon",
	 "names go to the proxy in any case (Resolve virtual), without a daemon"},
	{"dnat", "no counterpart: destinations are not changed"},
};

static bool take_alone(struct import *i, const char *key, const char *line)
{
	for (size_t k = 0; k < sizeof(proxychains_words) / sizeof(proxychains_words[0]); k++) {
		if (strcmp(key, proxychains_words[k].key) != 0)
			continue;
		import_comment(i, line, proxychains_words[k].why);
		return true;
	}
	return false;
}

static bool take_option(struct import *i, const char *key, const char *value, const char *line)
{
	if (!strcmp(key, "tcp_read_time_out"))
		import_milliseconds(i, SETTING_ID_handshake_timeout, value, line);
	else if (!strcmp(key, "tcp_connect_time_out"))
		import_milliseconds(i, SETTING_ID_connect_timeout, value, line);
	else if (!strcmp(key, "remote_dns_subnet"))
		take_subnet(i, value, line);
	else if (!strcmp(key, "localnet"))
		import_direct(i, value, line);
	else
		return false;
	return true;
}

/* `key = value`, which proxychains takes for chain_len. */
static void cut_equals(char *word)
{
	word[strcspn(word, "=")] = '\0';
}

void import_proxychains(struct import *i, char *words[], unsigned int n, const char *line)
{
	if (words[0][0] == '[') {
		i->list = conf_same(words[0], "[ProxyList]");
		if (!i->list)
			import_wrong(i, line, "not a section of proxychains.conf");
		return;
	}
	if (i->list) {
		take_listed(i, words, n, line);
		return;
	}
	cut_equals(words[0]);
	if (!strcmp(words[0], "quiet_mode"))
		import_set(i, SETTING_ID_log, "error", line);
	else if (!strcmp(words[0], "proxy_dns"))
		import_set(i, SETTING_ID_resolve, "virtual", line);
	else if (!take_alone(i, words[0], line) &&
		 (n < 2 || !take_option(i, words[0], words[1], line)))
		import_wrong(i, line, "not a line of proxychains.conf");
}

/* The end of path { }: its Match lines, each with its proxy. */
static void end_path(struct import *i, const char *line)
{
	const char *wrong, *at = i->reaches, *next;
	char url[2048];

	i->path = false;
	if (!i->of_path.type[0])
		i->of_path.type[0] = '4';
	wrong = i->of_path.host[0] ? import_url(i, &i->of_path, url) : "the path has no server";
	if (wrong || !i->reach_count) {
		import_comment(i, line, wrong ? wrong : "the path reaches no network");
		i->rules -= (unsigned int)i->reach_count;
		return;
	}
	for (; *at; at = next + 1) {
		next = strchr(at, '\n');
		bytes_put(&i->paths, at, (size_t)(next - at) + 1);
		bytes_put_text(&i->paths, "\tProxy ");
		bytes_put_text(&i->paths, url);
		bytes_put_text(&i->paths, "\n");
	}
}

static void take_reaches(struct import *i, const char *value, const char *line)
{
	size_t used = strlen(i->reaches);
	struct bytes_out o = bytes_out_init(i->reaches + used, sizeof(i->reaches) - used);
	const char *wrong = import_network(i, &o, value);

	bytes_put_end(&o);
	if (!wrong && !o.overflow) {
		i->rules++;
		i->reach_count++;
		return;
	}
	i->reaches[used] = '\0';
	import_comment(i, line, wrong ? wrong : "too many networks in one path");
}

static void take_pair(struct import *i, const char *key, const char *value, const char *line)
{
	if (conf_same(key, "reaches") && i->path)
		take_reaches(i, value, line);
	else if (conf_same(key, "local") && !i->path)
		import_direct(i, value, line);
	else if (conf_same(key, "fallback"))
		import_comment(i, line, "no counterpart: nothing goes past a proxy that fails");
	else if (!*value || !take_part(i, i->path ? &i->of_path : &i->server, key, value, line))
		import_wrong(i, line, "not a line of tsocks.conf");
}

/* `key = value`, with or without blanks; # begins a comment. */
void import_tsocks(struct import *i, const char *line)
{
	char copy[CONF_LINE_MAX], *key = copy, *value, *end;

	import_copy(copy, sizeof(copy), line);
	copy[strcspn(copy, "#")] = '\0';
	while (conf_is_blank(*key))
		key++;
	end = key + strcspn(key, " \t={}");
	if (*key == '}' && i->path) {
		end_path(i, line);
		return;
	}
	value = end + strspn(end, " \t");
	if (*value == '{' && !value[1 + strspn(value + 1, " \t")] && end - key == 4 &&
	    !memcmp(key, "path", 4) && !i->path) {
		memset(&i->of_path, 0, sizeof(i->of_path));
		i->reaches[0] = '\0';
		i->reach_count = 0;
		i->path = true;
		return;
	}
	if (*value != '=') {
		if (*key)
			import_wrong(i, line, "not a line of tsocks.conf");
		return;
	}
	*end = '\0';
	value++;
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && conf_is_blank(end[-1]); end--)
		end[-1] = '\0';
	take_pair(i, key, value, line);
}

/* The proxy of torsocks, and tsocks' default one: of several lines. */
static void finish_server(struct import *i)
{
	struct import_server *s = &i->server;
	const char *wrong;
	char url[2048];

	if (i->format == IMPORT_TORSOCKS) {
		memcpy(s->type, "tor", 4);
		if (!s->host[0])
			import_copy(s->host, sizeof(s->host), "127.0.0.1");
	} else if (!s->type[0]) {
		s->type[0] = '4';
	}
	wrong = import_url(i, s, url);
	if (wrong)
		import_wrong(i, s->host, wrong);
	else
		import_set(i, SETTING_ID_proxy, url, s->host);
}

void import_finish(struct import *i)
{
	if (i->path)
		import_wrong(i, "path {", "it has no end");
	if (i->format == IMPORT_TORSOCKS || (i->format == IMPORT_TSOCKS && i->server.host[0]))
		finish_server(i);
	if (!i->has_proxy)
		bytes_put_text(
			&i->out,
			"# No proxy could be taken over. Write one: Proxy URL. The default is "
			"tor://127.0.0.1:9050.\n");
}
