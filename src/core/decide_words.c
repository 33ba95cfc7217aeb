/* SPDX-License-Identifier: MIT */
/* decide_words.c - a call and what was decided of it, in words for a log line. */
#include "decide.h"

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
