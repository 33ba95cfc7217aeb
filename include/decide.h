/* SPDX-License-Identifier: MIT */
/*
 * decide.h - policy: what becomes of one network call. Pure: library and supervisor ask the same
 * function, and tests/unit/decide.vectors proves both.
 */
#ifndef SOCKSHIM_DECIDE_H
#define SOCKSHIM_DECIDE_H

#include "bytes.h"
#include "settings.h"

enum call_kind {
	CALL_SOCKET,  /* socket(), socketpair(): domain, type, protocol */
	CALL_CONNECT, /* connect(), and sends with MSG_FASTOPEN on a stream socket */
	CALL_SEND,    /* a send with a destination address */
	CALL_BIND,
	CALL_LISTEN, /* `to` is the socket's own address */
	CALL_OPTION, /* setsockopt() by which the kernel sends, or sends elsewhere: level, option */
	CALL_LOOKUP, /* a question for `name`, or for the name of `to` */
	CALL_INHERIT, /* a connected socket that the program did not make; `to`: its peer */
	CALL_ACCEPT,  /* a connection that came in; `to`: its peer */
};

struct call {
	uint8_t kind;	   /* enum call_kind */
	int domain;	   /* AF_* of the socket where known, else of the address; AF_UNSPEC */
	int type;	   /* SOCK_*, without SOCK_CLOEXEC and SOCK_NONBLOCK; 0 unknown */
	int protocol;	   /* IPPROTO_* of SO_PROTOCOL; for CALL_SOCKET as given by the program */
	int family;	   /* sa_family of `to` as given */
	int level, option; /* CALL_OPTION */
	bool has_to;	   /* `to` is filled in (AF_INET and AF_INET6 only) */
	bool is_virtual;   /* `to` lies in a virtual network */
	struct addr to;
	/* what the virtual address stands for, the name asked for, sun_path of AF_UNIX; or NULL */
	const char *name;
	size_t name_len;
	const char *exe;       /* path of the program, or NULL */
	const struct ids *ids; /* whose it is, or NULL; needed if settings.asks_ids */
};

/*
 * call.c: fills in family, and of an inet address `to`; `domain` must be there, AF_UNSPEC if it is
 * not known. AF_UNSPEC counts as AF_INET but in connect(2). 0, or -EINVAL: it is too short.
 */
int call_to(struct call *c, const struct sockaddr_storage *sa, size_t len);

/*
 * What the kernel says of an address of `family` on a socket of `domain`: 0, -EINVAL,
 * -EAFNOSUPPORT.
 */
int call_family(int domain, int type, int family, size_t len);

/* Effective user and groups, the supplementary ones among them. */
#define IDS_GROUPS 64
struct ids {
	uint32_t user;
	unsigned int group_count;
	uint32_t groups[IDS_GROUPS];
};

enum verdict {
	VERDICT_PASS,	/* the kernel may do it as it stands */
	VERDICT_PROXY,	/* through decision.proxy */
	VERDICT_ANSWER, /* a lookup or a question: answered here, with a virtual address */
	VERDICT_NARROW, /* bind, listen: on loopback instead of on every address (inbound.h) */
	VERDICT_REFUSE, /* decision.error */
};

/* Why; the words are in decide.c's one table, with the errno and with what the user can do. */
enum reason {
	REASON_NONE,
	REASON_LOCALHOST, /* loopback, Localhost refuse */
	REASON_UDP,	  /* datagrams cannot go through SOCKS CONNECT */
	REASON_ICMP,
	REASON_RAW,
	REASON_MULTICAST,
	REASON_FAMILY,	 /* a family that reaches a network and no proxy speaks */
	REASON_PROTOCOL, /* SCTP, DCCP, UDP-Lite, … */
	REASON_MPTCP,
	REASON_RULE, /* a Match block says Refuse */
	REASON_INBOUND,
	REASON_STALE,	  /* a virtual address without a name */
	REASON_DIRECT,	  /* Direct for a name that has a virtual address already */
	REASON_NAME,	  /* a name that must not be asked for */
	REASON_UNIX,	  /* a Unix socket that UnixSockets closes */
	REASON_INHERITED, /* a connection that somebody else made */
	REASON_DNS,	  /* a question to a DNS server, over TCP */
	REASON_DEVICE,	  /* a device or a source route: past the proxy, or past loopback */
	REASON_BROKEN,	  /* no session, or no settings: everything is refused */
	REASON_COUNT
};

struct decision {
	uint8_t verdict; /* enum verdict */
	uint8_t reason;	 /* enum reason, with REFUSE and NARROW */
	int error;	 /* errno, with REFUSE, and with ANSWER of what is no lookup */
	uint8_t proxy;	 /* index into settings.proxies */
	uint8_t isolate; /* enum isolate */
	bool hold;	 /* half-close is held back */
	bool pipeline, optimistic;
};

/*
 * Fills in *d and returns its verdict.
 *
 * Never VERDICT_PASS for a TCP connect to anything but loopback (with Localhost direct), a rule's
 * Direct, or the very address and port of a configured proxy; never for a datagram but to loopback
 * (with Localhost direct) or a rule's Direct; never for a family off the list of local ones
 * (AF_UNSPEC as disconnect, AF_UNIX, AF_NETLINK, AF_ALG, AF_KEY), nor for a Unix socket that
 * UnixSockets closes. Where the library is loaded everywhere, a program that a block exempts (user,
 * group and exe alone, Direct) is passed altogether.
 */
enum verdict decide(const struct settings *s, const struct call *c, struct decision *d);

int reason_error(enum reason r); /* the errno that the program gets */

/* "datagrams cannot pass a SOCKS proxy" and "set Localhost direct to allow loopback"; static. */
const char *reason_words(enum reason r);
const char *reason_hint(enum reason r);

/* "udp", "connect": for programs to read; static. */
const char *reason_name(enum reason r);
const char *call_kind_name(enum call_kind k);

/* Puts "refused: connect to example.com:80: a Match block says Refuse; …", or the target alone. */
void decide_words(struct bytes_out *o, const struct call *c, const struct decision *d);
void decide_target(struct bytes_out *o, const struct call *c);

#endif
