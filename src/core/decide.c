/* SPDX-License-Identifier: MIT */
/*
 * decide.c - policy: what becomes of one network call.
 *
 * Whatever is not understood is refused. The order for an address: the proxy's own, a stale virtual
 * address, the rules, loopback, multicast; what is left goes through the proxy if it is TCP, and is
 * refused if it is not.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "doors.h"
#include "kernel.h"
#include "rules.h"

static enum verdict answer(struct decision *d, enum verdict v)
{
	d->verdict = (uint8_t)v;
	return v;
}

static enum verdict refuse_with(struct decision *d, enum reason r, int error)
{
	d->reason = (uint8_t)r;
	d->error = error;
	return answer(d, VERDICT_REFUSE);
}

static enum verdict refuse(struct decision *d, enum reason r)
{
	return refuse_with(d, r, reason_error(r));
}

static enum verdict narrow(struct decision *d)
{
	d->reason = REASON_INBOUND;
	return answer(d, VERDICT_NARROW);
}

static bool is_inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* Families that reach nothing but this machine's own kernel and processes. */
static bool is_local_family(int family)
{
	switch (family) {
	case AF_UNIX:
	case FAMILY_KEY:
	case FAMILY_NETLINK:
	case FAMILY_ALG:
		return true;
	default:
		return false;
	}
}

/* What an inet socket of this type and protocol is called when it is refused; NONE: it is TCP. */
static enum reason transport(int type, int protocol)
{
	switch (type) {
	case SOCK_STREAM:
	case 0: /* unknown */
		if (protocol == PROTO_MPTCP)
			return REASON_MPTCP;
		return !protocol || protocol == IPPROTO_TCP ? REASON_NONE : REASON_PROTOCOL;
	case SOCK_DGRAM:
		if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
			return REASON_ICMP;
		return !protocol || protocol == IPPROTO_UDP ? REASON_UDP : REASON_PROTOCOL;
	case SOCK_RAW:
	case TYPE_PACKET:
		return REASON_RAW;
	default:
		return REASON_PROTOCOL;
	}
}

static enum verdict decide_socket(const struct settings *s, const struct call *c,
				  struct decision *d)
{
	enum reason r = transport(c->type, c->protocol);

	if (c->domain == AF_UNSPEC || is_local_family(c->domain))
		return answer(d, VERDICT_PASS);
	if (c->domain == FAMILY_PACKET || (is_inet(c->domain) && c->type == TYPE_PACKET))
		return refuse_with(d, REASON_RAW, EPERM);
	if (!is_inet(c->domain))
		return refuse(d, REASON_FAMILY);
	if (!s)
		return refuse(d, REASON_BROKEN);
	if (c->type < 0 || c->type >= TYPE_COUNT)
		return refuse_with(d, REASON_PROTOCOL, EINVAL);
	if (c->type != SOCK_STREAM && c->type != SOCK_DGRAM && c->type != SOCK_RAW)
		return refuse_with(d, REASON_PROTOCOL, ESOCKTNOSUPPORT);
	if (r == REASON_MPTCP || r == REASON_PROTOCOL)
		return refuse(d, r);
	return answer(d, VERDICT_PASS);
}

/* The very address of a configured proxy; programs that speak SOCKS themselves use it. */
static bool is_proxy(const struct settings *s, const struct addr *to)
{
	unsigned int i;

	for (i = 0; i < s->proxy_count; i++)
		if (!s->proxies[i].path[0] && !addr_is_any(&s->proxies[i].at) &&
		    addr_equal(&s->proxies[i].at, to))
			return true;
	return false;
}

/* Direct: virtual addresses have no place on any network. */
static enum verdict direct(const struct call *c, struct decision *d, enum reason transported)
{
	if (c->is_virtual)
		return refuse(d, transported == REASON_NONE ? REASON_DIRECT : transported);
	return answer(d, VERDICT_PASS);
}

#define PORT_DNS 53

/*
 * A question to a DNS server that no rule has a route for: an answer of ours, or no way. Datagrams
 * are refused as all others are (also those to a stub on loopback, but for Localhost direct).
 * False: it is none.
 */
static bool decide_question(const struct settings *s, const struct addr *to, enum reason r,
			    struct decision *d)
{
	if (to->port != PORT_DNS || (r != REASON_NONE && r != REASON_UDP) || addr_is_multicast(to))
		return false;
	if (s->dns != DNS_SETTING_ANSWER && (r != REASON_NONE || addr_is_loopback(to)))
		return false;
	refuse(d, REASON_DNS); /* also the error of who cannot answer */
	if (s->dns == DNS_SETTING_ANSWER)
		answer(d, VERDICT_ANSWER);
	return true;
}

/* A destination that no rule has a route for. `r`: what the transport is refused as. */
static enum verdict decide_unruled(const struct settings *s, const struct addr *to, enum reason r,
				   struct decision *d)
{
	if (addr_is_loopback(to))
		return s->localhost == LOCALHOST_DIRECT ? answer(d, VERDICT_PASS)
							: refuse(d, REASON_LOCALHOST);
	if (addr_is_multicast(to) && (r == REASON_NONE || r == REASON_UDP))
		return refuse(d, REASON_MULTICAST);
	return r == REASON_NONE ? answer(d, VERDICT_PROXY) : refuse(d, r);
}

static enum verdict decide_destination(const struct settings *s, const struct call *c,
				       struct decision *d)
{
	enum reason r = transport(c->type, c->protocol);
	struct addr to = rules_destination(&c->to);

	if (c->kind == CALL_SEND && r == REASON_NONE)
		r = REASON_UDP;
	if (r == REASON_NONE && c->type == SOCK_STREAM && !c->is_virtual && is_proxy(s, &c->to))
		return answer(d, VERDICT_PASS);
	if (c->is_virtual && !c->name)
		return refuse(d, REASON_STALE);
	if (r == REASON_PROTOCOL || r == REASON_MPTCP)
		return refuse(d, r);
	switch (rules_apply(s, c, d)) {
	case ROUTE_DIRECT:
		return direct(c, d, r);
	case ROUTE_REFUSE:
		return refuse(d, REASON_RULE);
	case ROUTE_PROXY:
		if (r == REASON_NONE)
			return answer(d, VERDICT_PROXY);
		break;
	case ROUTE_NONE:
		break;
	}
	if (decide_question(s, &to, r, d))
		return (enum verdict)d->verdict;
	if (c->is_virtual)
		return r == REASON_NONE ? answer(d, VERDICT_PROXY) : refuse(d, r);
	return decide_unruled(s, &to, r, d);
}

/* An address that is not in `to`: AF_UNSPEC disconnects, the rest is EAFNOSUPPORT in the kernel. */
static enum verdict decide_foreign(const struct call *c, struct decision *d)
{
	bool connect = c->kind == CALL_CONNECT;

	if (is_local_family(c->family) && (connect || c->domain == AF_UNSPEC))
		return answer(d, VERDICT_PASS);
	return is_inet(c->family) ? refuse_with(d, REASON_FAMILY, EINVAL)
				  : refuse(d, REASON_FAMILY);
}

/* A socket that may reach a network without being an inet one (packet, vsock, …). */
static bool is_foreign_socket(const struct call *c)
{
	return c->domain != AF_UNSPEC && !is_inet(c->domain) && !is_local_family(c->domain);
}

static bool is_closed(const struct settings *s, const struct call *c)
{
	return c->domain == AF_UNIX && c->name && s &&
	       doors_closed(s->text + s->unix_sockets, c->name, c->name_len);
}

static enum verdict decide_to(const struct settings *s, const struct call *c, struct decision *d)
{
	if (is_closed(s, c))
		return refuse(d, REASON_UNIX);
	if (is_local_family(c->domain))
		return answer(d, VERDICT_PASS);
	if (is_foreign_socket(c))
		return refuse(d, REASON_FAMILY);
	if (c->kind == CALL_CONNECT && c->family == AF_UNSPEC)
		return answer(d, VERDICT_PASS);
	/* A stream socket that is not connecting ignores the address, or says EPIPE. */
	if (c->kind == CALL_SEND && is_inet(c->domain) && c->type == SOCK_STREAM &&
	    (!c->protocol || c->protocol == IPPROTO_TCP))
		return s ? answer(d, VERDICT_PASS) : refuse(d, REASON_BROKEN);
	if (!c->has_to)
		return decide_foreign(c, d);
	return s ? decide_destination(s, c, d) : refuse(d, REASON_BROKEN);
}

/* Can a socket bound to loopback still reach every proxy? */
static bool proxies_on_loopback(const struct settings *s)
{
	unsigned int i;

	for (i = 0; i < s->proxy_count; i++)
		if (!s->proxies[i].path[0] && !addr_is_loopback(&s->proxies[i].at))
			return false;
	return true;
}

static bool has_direct(const struct settings *s)
{
	unsigned int i;

	for (i = 0; i < s->rule_count; i++)
		if (s->rules[i].route == ROUTE_DIRECT)
			return true;
	return false;
}

/*
 * A bound socket cannot be bound again, so what will listen is best narrowed here: its address says
 * then where it is. But it may as well be a client that picks its source address, and from loopback
 * it would reach no proxy (nor, with port 0, a rule's Direct destination) elsewhere: then it
 * passes, and listen() confines it.
 */
static enum verdict bind_stream(const struct settings *s, const struct call *c, struct decision *d)
{
	if (s->inbound == INBOUND_LOOPBACK && addr_is_any(&c->to) && proxies_on_loopback(s) &&
	    (c->to.port || !has_direct(s)))
		return narrow(d);
	return answer(d, VERDICT_PASS);
}

/* A bound datagram socket is open to all without listen(). */
static enum verdict bind_datagram(const struct call *c, struct decision *d)
{
	if (!c->to.port || addr_is_loopback(&c->to))
		return answer(d, VERDICT_PASS);
	return addr_is_any(&c->to) ? narrow(d) : refuse(d, REASON_INBOUND);
}

static enum verdict decide_bind(const struct settings *s, const struct call *c, struct decision *d)
{
	enum reason r = transport(c->type, c->protocol);

	if (is_local_family(c->domain) || (c->domain == AF_UNSPEC && is_local_family(c->family)))
		return answer(d, VERDICT_PASS);
	if (is_foreign_socket(c) || (c->domain == AF_UNSPEC && !is_inet(c->family)))
		return refuse(d, REASON_FAMILY);
	if (!s)
		return refuse(d, REASON_BROKEN);
	if (r == REASON_PROTOCOL || r == REASON_MPTCP)
		return refuse(d, r);
	if (s->inbound == INBOUND_ANY || r == REASON_RAW || r == REASON_ICMP)
		return answer(d, VERDICT_PASS);
	if (!c->has_to)
		return refuse(d, REASON_FAMILY);
	return r == REASON_UDP ? bind_datagram(c, d) : bind_stream(s, c, d);
}

static enum verdict decide_listen(const struct settings *s, const struct call *c,
				  struct decision *d)
{
	enum reason r = transport(c->type, c->protocol);

	if (is_local_family(c->domain))
		return answer(d, VERDICT_PASS);
	if (!is_inet(c->domain))
		return refuse(d, REASON_FAMILY);
	if (!s)
		return refuse(d, REASON_BROKEN);
	if (r == REASON_PROTOCOL || r == REASON_MPTCP)
		return refuse(d, r);
	if (r != REASON_NONE || s->inbound == INBOUND_ANY)
		return answer(d, VERDICT_PASS); /* not a stream: the kernel says EOPNOTSUPP */
	if (s->inbound == INBOUND_NONE || !c->has_to)
		return refuse(d, REASON_INBOUND);
	if (addr_is_loopback(&c->to))
		return answer(d, VERDICT_PASS);
	return addr_is_any(&c->to) ? narrow(d) : refuse(d, REASON_INBOUND);
}

/*
 * A source route sends packets to its first hop, whatever the destination; with a device of its own
 * even 127.0.0.1 goes out on the cable.
 */
static bool leads_away(int level, int option)
{
	switch (level) {
	case SOL_SOCKET:
		return option == OPTION_BINDTODEVICE || option == OPTION_BINDTOIFINDEX;
	case IPPROTO_IP:
		return option == IP_OPTIONS || option == OPTION_UNICAST_IF;
	case IPPROTO_IPV6:
		return option == OPTION_UNICAST_IF || option == OPTION_UNICAST_IF6 ||
		       option == OPTION_2292PKTINFO || option == OPTION_2292RTHDR ||
		       option == OPTION_2292PKTOPTIONS || option == OPTION_RTHDR;
	default:
		return false;
	}
}

/* Joining a group makes the kernel send IGMP or MLD; SCTP connects by option. */
static enum verdict decide_option(const struct call *c, struct decision *d)
{
	bool ip = c->level == IPPROTO_IP, ip6 = c->level == IPPROTO_IPV6;

	if (c->level == IPPROTO_SCTP)
		return refuse(d, REASON_PROTOCOL);
	if ((ip && (c->option == IP_ADD_MEMBERSHIP || c->option == IP_ADD_SOURCE_MEMBERSHIP)) ||
	    (ip6 && (c->option == IPV6_JOIN_GROUP || c->option == IPV6_JOIN_ANYCAST)) ||
	    ((ip || ip6) &&
	     (c->option == MCAST_JOIN_GROUP || c->option == MCAST_JOIN_SOURCE_GROUP)))
		return refuse_with(d, REASON_MULTICAST, ENODEV);
	return leads_away(c->level, c->option) ? refuse(d, REASON_DEVICE) : answer(d, VERDICT_PASS);
}

/* Loopback's other end is on this machine; a datagram there may be a question to a resolver. */
static enum verdict decide_inherit(const struct settings *s, const struct call *c,
				   struct decision *d)
{
	enum reason r = transport(c->type, c->protocol);

	if (is_local_family(c->domain))
		return answer(d, VERDICT_PASS);
	if (!is_inet(c->domain))
		return refuse(d, REASON_FAMILY);
	if (!s)
		return refuse(d, REASON_BROKEN);
	if (s->inherited == INHERITED_ALLOW)
		return answer(d, VERDICT_PASS);
	if (!c->has_to || c->is_virtual || (r != REASON_NONE && r != REASON_UDP))
		return refuse(d, REASON_INHERITED);
	if (addr_is_loopback(&c->to) && (r == REASON_NONE || s->localhost == LOCALHOST_DIRECT))
		return answer(d, VERDICT_PASS);
	if (r == REASON_NONE && is_proxy(s, &c->to))
		return answer(d, VERDICT_PASS);
	return rules_apply(s, c, d) == ROUTE_DIRECT ? answer(d, VERDICT_PASS)
						    : refuse(d, REASON_INHERITED);
}

static enum verdict decide_accept(const struct settings *s, const struct call *c,
				  struct decision *d)
{
	if (is_local_family(c->domain))
		return answer(d, VERDICT_PASS);
	if (!is_inet(c->domain))
		return refuse(d, REASON_FAMILY);
	if (!s)
		return refuse(d, REASON_BROKEN);
	if (s->inbound == INBOUND_ANY ||
	    (s->inbound == INBOUND_LOOPBACK && c->has_to && addr_is_loopback(&c->to)))
		return answer(d, VERDICT_PASS);
	return refuse(d, REASON_INBOUND);
}

static enum verdict decide_lookup(const struct settings *s, const struct call *c,
				  struct decision *d)
{
	enum route route;

	if (!s)
		return refuse(d, REASON_BROKEN);
	if (c->is_virtual && !c->name)
		return refuse(d, REASON_STALE);
	route = rules_apply(s, c, d);
	if (route == ROUTE_REFUSE)
		return refuse(d, REASON_RULE);
	return answer(d, route == ROUTE_DIRECT && !c->is_virtual ? VERDICT_PASS : VERDICT_ANSWER);
}

enum verdict decide(const struct settings *s, const struct call *c, struct decision *d)
{
	memset(d, 0, sizeof(*d));
	if (s && s->everywhere && rules_exempt(s, c))
		return answer(d, VERDICT_PASS);
	switch (c->kind) {
	case CALL_SOCKET:
		return decide_socket(s, c, d);
	case CALL_CONNECT:
	case CALL_SEND:
		return decide_to(s, c, d);
	case CALL_BIND:
		return decide_bind(s, c, d);
	case CALL_LISTEN:
		return decide_listen(s, c, d);
	case CALL_OPTION:
		return decide_option(c, d);
	case CALL_LOOKUP:
		return decide_lookup(s, c, d);
	case CALL_INHERIT:
		return decide_inherit(s, c, d);
	case CALL_ACCEPT:
		return decide_accept(s, c, d);
	default:
		return refuse(d, REASON_BROKEN);
	}
}
