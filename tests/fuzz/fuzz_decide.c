/* SPDX-License-Identifier: MIT */
/*
 * fuzz_decide.c - decide() against an oracle that shares no code with it: a call passes exactly
 * when policy's plain words allow it. Rules, addresses and names come from small pools, so that
 * they meet.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* FNM_CASEFOLD */
#endif
#include <arpa/inet.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT(x) (sizeof(x) / sizeof(*(x)))

static const char *const addresses[] = {
	"1.2.3.4",     "10.0.0.1",
	"10.66.0.1",   "127.0.0.1",
	"127.9.9.9",   "0.0.0.0",
	"224.0.0.1",   "255.255.255.255",
	"198.18.0.7",  "::1",
	"::",	       "ff02::1",
	"2001:db8::1", "fd73:6f63:6b73:7368::7",
	"fe80::1",     "128.0.0.1",
	"126.0.0.1",   "198.20.0.0",
};
static const char *const names[] = {"example.com", "a.lan", "B.LAN.", "x.onion", "10.0.0.1"};
static const char *const programs[] = {"/usr/bin/git", "/opt/git/curl", "ssh"};
static const char *const hosts[] = {
	"*",	       "*.lan",	  "?.onion",	   "1.2.*",	  "10.0.0.0/8", "10.66.0.0/16",
	"127.0.0.0/8", "::1/128", "2001:db8::/32", "224.0.0.0/4", "0.0.0.0/0",	"*.*",
};
static const char *const exes[] = {"git", "/usr/bin/*", "*/git/*"};
static const uint16_t ports[] = {0, 22, 25, 53, 80, 1080, 9050, 65535};
static const char *const proxies[] = {"tor://127.0.0.1:9050", "socks5://1.2.3.4:1080",
				      "socks4a://[2001:db8::1]:80", "socks5://name:80"};
static const char *const routes[] = {"", "Proxy socks5://10.66.0.1:22", "Direct", "Refuse"};

/* The oracle's own notes of the rules. */
static struct {
	int host[3], port, exe, route; /* -1: no such condition; host + 100: negated */
} rules[8];
static size_t rule_count;
static bool localhost_direct, has_settings, dns_answer;
static int inbound, proxy_index;

static const uint8_t *in, *in_end;
static struct settings settings;
static struct conf conf;

static unsigned int pick(unsigned int n)
{
	return in < in_end ? *in++ % n : 0;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_decide: %s\n", what);
	abort();
}

static char *put_rule(char *at, size_t r)
{
	int i, n = 0;

	at += sprintf(at, "Match");
	for (i = 0; i < 3; i++) {
		unsigned int h = pick(2 * COUNT(hosts));

		rules[r].host[i] = pick(3) ? -1 : (int)(h % COUNT(hosts) + h / COUNT(hosts) * 100);
		if (rules[r].host[i] < 0)
			continue;
		at += sprintf(at, "%s%s%s", n++ ? "," : " host ",
			      rules[r].host[i] >= 100 ? "!" : "", hosts[rules[r].host[i] % 100]);
	}
	rules[r].port = pick(3) ? -1 : (int)pick(COUNT(ports));
	if (rules[r].port >= 0)
		at += sprintf(at, " port %u", ports[rules[r].port]), n++;
	rules[r].exe = pick(3) ? -1 : (int)pick(COUNT(exes));
	if (rules[r].exe >= 0)
		at += sprintf(at, " exe %s", exes[rules[r].exe]), n++;
	rules[r].route = (int)pick(COUNT(routes));
	return at + sprintf(at, "%s\n%s\n", n ? "" : " all", routes[rules[r].route]);
}

static void make_settings(void)
{
	static const char *const words[] = {"loopback", "none", "any"};
	char text[4096], *at = text;
	size_t i;

	has_settings = pick(16) != 1;
	localhost_direct = pick(2);
	dns_answer = pick(2);
	inbound = (int)pick(3);
	proxy_index = (int)pick(COUNT(proxies));
	at += sprintf(at, "Localhost %s\nDns %s\nInbound %s\nProxy %s\n",
		      localhost_direct ? "direct" : "refuse", dns_answer ? "answer" : "refuse",
		      words[inbound], proxies[proxy_index]);
	rule_count = pick(COUNT(rules));
	for (i = 0; i < rule_count; i++)
		at = put_rule(at, i);
	conf_init(&conf, &settings);
	conf_source(&conf, "fuzz");
	if (conf_feed(&conf, text, strlen(text)) || conf_finish(&conf))
		fprintf(stderr, "%s\n%s\n", text, conf.error), abort();
}

/* --- the oracle --- */

/* An address as 16 bytes, IPv4 mapped. */
static bool bytes_of(const char *text, uint8_t out[16])
{
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	return inet_pton(AF_INET, text, out + 12) == 1 || inet_pton(AF_INET6, text, out) == 1;
}

static bool inside(const char *net, const char *address)
{
	char base[64];
	uint8_t n[16], a[16];
	int i, bits;

	snprintf(base, sizeof(base), "%.*s", (int)strcspn(net, "/"), net);
	bits = atoi(strchr(net, '/') + 1) + (strchr(net, ':') ? 0 : 96);
	if (!bytes_of(base, n) || !bytes_of(address, a))
		return false;
	for (i = 0; i < bits; i++)
		if ((n[i / 8] ^ a[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_any(const char *a)
{
	return !strcmp(a, "0.0.0.0") || !strcmp(a, "::");
}

static bool is_loopback(const char *a)
{
	return starts(a, "127.") || !strcmp(a, "::1") || is_any(a);
}

static bool is_virtual(const char *a)
{
	return starts(a, "198.18.") || starts(a, "fd73:");
}

static bool host_hits(int pattern, const char *address, const char *name)
{
	const char *p = hosts[pattern % 100];
	char text[300];
	uint8_t raw[16];

	if (name) {
		snprintf(text, sizeof(text), "%s", name);
		if (*text && text[strlen(text) - 1] == '.')
			text[strlen(text) - 1] = '\0';
		if (strchr(p, '/'))
			return bytes_of(text, raw) && inside(p, text);
		return !fnmatch(p, text, FNM_CASEFOLD);
	}
	if (!address)
		return false;
	if (is_any(address))
		address = strchr(address, ':') ? "::1" : "127.0.0.1";
	return strchr(p, '/') ? inside(p, address) : !fnmatch(p, address, FNM_CASEFOLD);
}

static bool rule_hits(size_t r, const char *address, const char *name, int port, const char *exe)
{
	bool wanted = false, hit = false;
	const char *base;
	int i;

	for (i = 0; i < 3; i++) {
		if (rules[r].host[i] < 0)
			continue;
		if (!address && !name)
			return false;
		wanted |= rules[r].host[i] < 100;
		if (!host_hits(rules[r].host[i], address, name))
			continue;
		if (rules[r].host[i] >= 100)
			return false;
		hit = true;
	}
	if (wanted && !hit)
		return false;
	if (rules[r].port >= 0 && port != ports[rules[r].port])
		return false;
	if (rules[r].exe < 0)
		return true;
	base = exe && strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe;
	return exe && !fnmatch(exes[rules[r].exe], strchr(exes[rules[r].exe], '/') ? exe : base, 0);
}

static int route_of(const char *address, const char *name, int port, const char *exe)
{
	size_t r;

	if (address && is_virtual(address))
		address = NULL;
	for (r = 0; r < rule_count; r++)
		if (rules[r].route && rule_hits(r, address, name, port, exe))
			return rules[r].route;
	return 0;
}

static bool is_proxy(const char *address, int port)
{
	static const struct {
		const char *ip;
		int port;
	} list[] = {{"127.0.0.1", 9050}, {"1.2.3.4", 1080}, {"2001:db8::1", 80}};
	size_t r;

	if (proxy_index < 3 && !strcmp(list[proxy_index].ip, address) &&
	    list[proxy_index].port == port)
		return true;
	for (r = 0; r < rule_count; r++)
		if (rules[r].route == 1 && !strcmp(address, "10.66.0.1") && port == 22)
			return true;
	return false;
}

static bool local(int family)
{
	return family == AF_UNIX || family == AF_NETLINK || family == AF_KEY || family == AF_ALG;
}

static bool inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* SOCKS can carry it, or the kernel's own datagrams and raw packets; nothing else ever leaves. */
static bool known_protocol(int type, int protocol)
{
	if (type == SOCK_STREAM || !type)
		return !protocol || protocol == IPPROTO_TCP;
	if (type == SOCK_DGRAM)
		return !protocol || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
		       protocol == IPPROTO_ICMPV6;
	return type == SOCK_RAW || type == 10;
}

static bool may_be_udp(const struct call *c)
{
	if (c->type == SOCK_DGRAM)
		return !c->protocol || c->protocol == IPPROTO_UDP;
	return c->kind == CALL_SEND && (c->type == SOCK_STREAM || !c->type);
}

static bool may_reach(const struct call *c, const char *address)
{
	bool stream = (c->type == SOCK_STREAM || !c->type) && c->kind == CALL_CONNECT;
	int route;

	if (!has_settings || !known_protocol(c->type, c->protocol) || c->is_virtual)
		return false;
	if (stream && c->type && is_proxy(address, c->to.port))
		return true;
	route = route_of(address, c->name, c->to.port, c->exe);
	if (route == 2)
		return true;
	if (route == 3 || (route == 1 && stream))
		return false;
	if (dns_answer && c->to.port == 53 && (stream || may_be_udp(c)))
		return false;
	return localhost_direct && is_loopback(address);
}

static bool may_pass(const struct call *c, const char *address)
{
	bool tcp = c->type == SOCK_STREAM && (!c->protocol || c->protocol == IPPROTO_TCP);

	switch (c->kind) {
	case CALL_SOCKET:
		if (!inet(c->domain))
			return !c->domain || local(c->domain);
		return has_settings && c->type && c->type <= SOCK_RAW &&
		       known_protocol(c->type, c->protocol);
	case CALL_CONNECT:
	case CALL_SEND:
		if (local(c->domain))
			return true;
		if (c->domain && !inet(c->domain))
			return false;
		if (c->kind == CALL_CONNECT && c->family == AF_UNSPEC)
			return true;
		if (c->kind == CALL_SEND && tcp && inet(c->domain))
			return has_settings;
		if (!c->has_to)
			return local(c->family) && (c->kind == CALL_CONNECT || !c->domain);
		return may_reach(c, address);
	case CALL_LISTEN:
		if (!inet(c->domain))
			return local(c->domain);
		if (!has_settings || !known_protocol(c->type, c->protocol))
			return false;
		return inbound == 2 || (c->type && c->type != SOCK_STREAM) ||
		       (inbound == 0 && c->has_to && is_loopback(address) && !is_any(address));
	case CALL_LOOKUP:
		return has_settings && !c->is_virtual &&
		       route_of(c->has_to ? address : NULL, c->name, -1, c->exe) == 2;
	case CALL_ACCEPT:
		if (!inet(c->domain))
			return local(c->domain);
		return has_settings && (inbound == 2 || (inbound == 0 && c->has_to &&
							 is_loopback(address) && !is_any(address)));
	case CALL_INHERIT:
		if (!inet(c->domain))
			return local(c->domain);
		if (!has_settings || !c->has_to || c->is_virtual ||
		    !known_protocol(c->type, c->protocol) || c->type == SOCK_RAW || c->type == 10 ||
		    c->protocol == IPPROTO_ICMP || c->protocol == IPPROTO_ICMPV6)
			return false;
		if (is_loopback(address) && !is_any(address) &&
		    (c->type != SOCK_DGRAM || localhost_direct))
			return true;
		if (c->type != SOCK_DGRAM && is_proxy(address, c->to.port))
			return true;
		return route_of(address, c->name, c->to.port, c->exe) == 2;
	default:
		return false; /* not asked */
	}
}

static int choose(const int *list, size_t n)
{
	int v;

	if (pick(8) != 7)
		return list[pick((unsigned int)n)];
	v = (int)pick(256) << 8;
	return (int16_t)(v | (int)pick(256));
}

static const char *make_call(struct call *c)
{
	static const int domains[] = {AF_INET,	 AF_INET6, AF_UNSPEC, AF_UNIX, AF_NETLINK,
				      AF_PACKET, AF_VSOCK, AF_ALG,    AF_KEY};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, 0, SOCK_SEQPACKET, 6, 10};
	static const int protocols[] = {0, 6, 17, 1, 58, 262, 132, 136};
	const char *address = addresses[pick(COUNT(addresses))];
	uint16_t port;

	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)pick(CALL_ACCEPT + 2);
	c->domain = choose(domains, COUNT(domains));
	c->type = choose(types, COUNT(types));
	c->protocol = choose(protocols, COUNT(protocols));
	port = ports[pick(COUNT(ports))];
	c->has_to = pick(4);
	c->family = choose(domains, COUNT(domains));
	if (c->has_to) {
		c->family = strchr(address, ':') ? AF_INET6 : AF_INET;
		must(addr_parse(&c->to, address, strlen(address)), "an address of the pool");
		c->to.port = port;
		c->is_virtual = is_virtual(address);
	}
	c->name = (c->is_virtual || c->kind == CALL_LOOKUP) && pick(4) ? names[pick(COUNT(names))]
								       : NULL;
	c->name_len = c->name ? strlen(c->name) : 0;
	c->exe = pick(2) ? programs[pick(COUNT(programs))] : NULL;
	c->level = (int)pick(60);
	c->option = (int)pick(60);
	return address;
}

static void check(const struct call *c, const struct decision *d, const char *address)
{
	bool tcp = (c->type == SOCK_STREAM || !c->type) &&
		   (!c->protocol || c->protocol == IPPROTO_TCP);
	bool pass = d->verdict == VERDICT_PASS;

	if (c->kind != CALL_BIND && c->kind != CALL_OPTION)
		must(pass == may_pass(c, address), "passed what must be refused, or the reverse");
	must((d->verdict == VERDICT_REFUSE ||
	      (d->verdict == VERDICT_ANSWER && c->kind != CALL_LOOKUP)) == !!d->error,
	     "a refusal has an errno, others none");
	must(d->verdict != VERDICT_REFUSE || (d->reason && d->reason < REASON_COUNT), "reason");
	must(d->verdict != VERDICT_PROXY ||
		     (c->kind == CALL_CONNECT && c->has_to && tcp && has_settings &&
		      (c->domain == AF_UNSPEC || inet(c->domain))),
	     "proxied what SOCKS cannot carry");
	must(d->verdict != VERDICT_PROXY || !c->is_virtual || c->name, "a stale address");
	must(d->verdict != VERDICT_ANSWER || c->kind == CALL_LOOKUP ||
		     (dns_answer && c->has_to && c->to.port == 53 &&
		      (c->kind == CALL_CONNECT || c->kind == CALL_SEND)),
	     "answered no question");
	must(c->kind != CALL_CONNECT || d->verdict != VERDICT_PROXY || c->to.port != 53 ||
		     rule_count > 0,
	     "a question to a server through the proxy");
	must(d->verdict != VERDICT_NARROW ||
		     (has_settings && inbound != 2 && inet(c->domain ? c->domain : c->family) &&
		      (c->kind == CALL_BIND || c->kind == CALL_LISTEN) && is_any(address)),
	     "narrowed what is not on every address");
	must(!has_settings || d->proxy < settings.proxy_count, "no such proxy");
	if (c->kind == CALL_BIND && pass && c->type == SOCK_DGRAM && c->protocol == IPPROTO_UDP &&
	    (!c->domain || inet(c->domain)) && c->has_to && inbound != 2)
		must(!c->to.port || (is_loopback(address) && !is_any(address)), "UDP is open");
	must(c->kind <= CALL_ACCEPT || d->verdict == VERDICT_REFUSE, "an unknown call");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decision d;
	const char *address;
	struct call c;
	int i;

	in = data;
	in_end = data + size;
	make_settings();
	for (i = 0; i < 16 && in < in_end; i++) {
		address = make_call(&c);
		must(decide(has_settings ? &settings : NULL, &c, &d) == (enum verdict)d.verdict,
		     "two verdicts");
		check(&c, &d, address);
	}
	return 0;
}
