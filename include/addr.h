/* SPDX-License-Identifier: MIT */
/* addr.h - one type for IPv4, IPv6 and v4-mapped addresses; networks. Pure. */
#ifndef SOCKSHIM_ADDR_H
#define SOCKSHIM_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Longest text of addr_print() and addr_print_port(), its NUL included. */
#define ADDR_TEXT 72

struct addr {
	uint8_t ip[16]; /* network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2) */
	uint32_t scope; /* sin6_scope_id; 0 for IPv4 */
	uint16_t port;	/* host order */
};

/* A network: `bits` leading bits (0..128, v4 prefixes counted from 96) of `base` matter. */
struct net {
	struct addr base;
	uint8_t bits;
};

/*
 * Takes an AF_INET or AF_INET6 socket address of `len` bytes.
 * Returns 0, -EINVAL if `len` is shorter than the kernel accepts for the family (16; 24 for
 * AF_INET6, RFC 2133), -EAFNOSUPPORT for any other family.
 */
int addr_from_sockaddr(struct addr *a, const void *sa, size_t len);

/*
 * Writes `a` as a socket address of `family`: an IPv4 address in AF_INET6 is v4-mapped.
 * Returns its length in bytes, or -EAFNOSUPPORT for an IPv6 address in AF_INET and other families.
 */
int addr_to_sockaddr(const struct addr *a, int family, struct sockaddr_storage *out);

/* Makes an address of 4 (v4) or 16 (v6) bytes in network order. */
struct addr addr_v4(const uint8_t ip[static 4], uint16_t port);
struct addr addr_v6(const uint8_t ip[static 16], uint16_t port);

/* ::1 for AF_INET6, else 127.0.0.1. */
struct addr addr_loopback(int family, uint16_t port);

/*
 * Reads a numeric address of `len` characters: dotted quad, or IPv6 with an optional numeric %scope
 * (no brackets). Never a host name, never the short forms of inet_aton(3). False if it is none;
 * the port becomes 0.
 */
bool addr_parse(struct addr *a, const char *text, size_t len);

/* Reads "1.2.3.4:80" or "[2001:db8::1]:80"; the port 0..65535 is required. */
bool addr_parse_port(struct addr *a, const char *text, size_t len);

/* Prints "1.2.3.4" or "2001:db8::1" (RFC 5952, %scope if not 0); returns the length. */
size_t addr_print(const struct addr *a, char out[static ADDR_TEXT]);

/* Prints "1.2.3.4:80" or "[2001:db8::1]:80"; returns the length. */
size_t addr_print_port(const struct addr *a, char out[static ADDR_TEXT]);

bool addr_is_v4(const struct addr *a);	       /* IPv4 or v4-mapped */
int addr_family(const struct addr *a);	       /* AF_INET then, else AF_INET6 */
bool addr_is_any(const struct addr *a);	       /* 0.0.0.0 or :: */
bool addr_is_loopback(const struct addr *a);   /* 127.0.0.0/8 or ::1 */
bool addr_is_link_local(const struct addr *a); /* fe80::/10 */
bool addr_is_multicast(const struct addr *a);  /* 224.0.0.0/4, 255.255.255.255, ff00::/8 */
bool addr_same_ip(const struct addr *a, const struct addr *b);
bool addr_equal(const struct addr *a, const struct addr *b); /* ip, scope and port */

/* Reads "10.0.0.0/8", "fd00::/8" or a single address. Host bits beyond the prefix are an error. */
bool net_parse(struct net *n, const char *text, size_t len);

/*
 * True if `a` lies in `n`. IPv4 is no part of an IPv6 network: ::/0 has no IPv4 address in it. A
 * scope, where the network has one, must be the same.
 */
bool net_contains(const struct net *n, const struct addr *a);

/* Prints what net_parse() reads; returns the length. */
size_t net_print(const struct net *n, char out[static ADDR_TEXT]);

#endif
