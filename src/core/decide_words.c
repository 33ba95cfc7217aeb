/* SPDX-License-Identifier: MIT */
/* decide_words.c - reasons and calls in words for a log line, and the errno of each reason. */
#include "decide.h"

#include <errno.h>

static const struct {
	int error;
	const char *words, *hint;
} reasons[REASON_COUNT] = {
	[REASON_NONE] = {0, "", ""},
	[REASON_LOCALHOST] = {ECONNREFUSED, "loopback is closed",
			      "set Localhost direct to allow it"},
	[REASON_UDP] = {ENETUNREACH, "datagrams cannot pass a SOCKS proxy",
			"use TCP, or a Match block with Direct"},
	[REASON_ICMP] = {ENETUNREACH, "ping cannot pass a SOCKS proxy",
			 "test with a TCP connection"},
	[REASON_RAW] = {ENETUNREACH, "raw packets cannot pass a SOCKS proxy",
			"run it outside of sockshim"},
	[REASON_MULTICAST] = {ENETUNREACH, "multicast and broadcast cannot pass a SOCKS proxy",
			      "run it outside of sockshim"},
	[REASON_FAMILY] = {EAFNOSUPPORT, "an address family that no SOCKS proxy speaks",
			   "run it outside of sockshim"},
	[REASON_PROTOCOL] = {EPROTONOSUPPORT, "a protocol that no SOCKS proxy speaks", "use TCP"},
	[REASON_MPTCP] = {EPROTONOSUPPORT, "multipath TCP cannot pass a SOCKS proxy",
			  "most programs fall back to TCP by themselves"},
	[REASON_RULE] = {EHOSTUNREACH, "a Match block says Refuse", "see the Match blocks"},
	[REASON_INBOUND] = {EACCES, "listening is confined to loopback",
			    "set Inbound any to allow it, or bind to 127.0.0.1"},
	[REASON_STALE] = {EHOSTUNREACH, "a virtual address that stands for no name (any more)",
			  "let the program look the name up again"},
	[REASON_DIRECT] = {EHOSTUNREACH, "Direct, but the name was answered with a virtual address",
			   "match it by host alone: port is not known when a name is looked up"},
	[REASON_NAME] = {EHOSTUNREACH, "not a host name that can be asked for", ""},
	[REASON_UNIX] = {ENOENT, "what listens there reaches the network past the proxy",
			 "see UnixSockets"},
	[REASON_INHERITED] = {EACCES, "a connection past the proxy that the program did not make",
			      "set Inherited allow"},
	[REASON_DNS] = {ECONNREFUSED, "questions to DNS servers are closed",
			"set Dns answer to have them answered here, or a Match block for port 53"},
	[REASON_DEVICE] = {EPERM, "a device or route of its own leads past the proxy",
			   "let the kernel choose the route"},
	[REASON_BROKEN] = {ENETDOWN, "sockshim has no settings, so everything is refused",
			   "start the program with sockshim"},
};

int reason_error(enum reason r)
{
	return reasons[r].error;
}

const char *reason_words(enum reason r)
{
	return (unsigned int)r < REASON_COUNT ? reasons[r].words : "";
}

const char *reason_hint(enum reason r)
{
	return (unsigned int)r < REASON_COUNT ? reasons[r].hint : "";
}

void decide_target(struct bytes_out *o, const struct call *c)
{
	char text[ADDR_TEXT];

	if (c->name && c->domain == AF_UNIX) {
		bytes_put_text(o, *c->name ? "" : "@");
		bytes_put(o, c->name + !*c->name, c->name_len - !*c->name);
	} else if (c->name) {
		bytes_put(o, c->name, c->name_len);
		if (c->kind != CALL_LOOKUP) {
			bytes_put_text(o, ":");
			bytes_put_number(o, c->to.port);
		}
	} else if (c->has_to) {
		addr_print_port(&c->to, text);
		bytes_put_text(o, text);
	} else if (c->kind == CALL_OPTION) {
		bytes_put_text(o, "level ");
		bytes_put_number(o, (uint64_t)(unsigned int)c->level);
		bytes_put_text(o, " option ");
		bytes_put_number(o, (uint64_t)(unsigned int)c->option);
	} else {
		bytes_put_text(o, "address family ");
		bytes_put_number(o, (uint64_t)(unsigned int)c->domain);
	}
}

const char *reason_name(enum reason r)
{
	static const char *const names[REASON_COUNT] = {
		[REASON_NONE] = "none",	      [REASON_LOCALHOST] = "localhost",
		[REASON_UDP] = "udp",	      [REASON_ICMP] = "icmp",
		[REASON_RAW] = "raw",	      [REASON_MULTICAST] = "multicast",
		[REASON_FAMILY] = "family",   [REASON_PROTOCOL] = "protocol",
		[REASON_MPTCP] = "mptcp",     [REASON_RULE] = "rule",
		[REASON_INBOUND] = "inbound", [REASON_STALE] = "stale",
		[REASON_DIRECT] = "direct",   [REASON_NAME] = "name",
		[REASON_UNIX] = "unix",	      [REASON_INHERITED] = "inherited",
		[REASON_DNS] = "dns",	      [REASON_DEVICE] = "device",
		[REASON_BROKEN] = "broken"};

	return r < REASON_COUNT && names[r] ? names[r] : "other";
}

const char *call_kind_name(enum call_kind k)
{
	static const char *const names[] = {
		[CALL_SOCKET] = "socket", [CALL_CONNECT] = "connect", [CALL_SEND] = "send",
		[CALL_BIND] = "bind",	  [CALL_LISTEN] = "listen",   [CALL_OPTION] = "option",
		[CALL_LOOKUP] = "lookup", [CALL_INHERIT] = "inherit", [CALL_ACCEPT] = "accept"};

	return k < sizeof(names) / sizeof(names[0]) ? names[k] : "other";
}

void decide_words(struct bytes_out *o, const struct call *c, const struct decision *d)
{
	static const char *const verb[] = {"socket of ", "connect to ", "send to ",
					   "bind to ",	 "listen on ",	"option of ",
					   "lookup of ", "socket to ",	"accept from "};
	const char *hint = reason_hint((enum reason)d->reason);

	bytes_put_text(o, d->verdict == VERDICT_NARROW ? "on loopback only: " : "refused: ");
	bytes_put_text(o, verb[c->kind]);
	decide_target(o, c);
	bytes_put_text(o, ": ");
	bytes_put_text(o, reason_words((enum reason)d->reason));
	if (hint && *hint) {
		bytes_put_text(o, "; ");
		bytes_put_text(o, hint);
	}
}
