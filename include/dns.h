/* SPDX-License-Identifier: MIT */
/*
 * dns.h - DNS messages (RFC 1035 §4): reads a question, builds its answer. Pure.
 *
 * A message carries one question. Its name is followed through compression pointers that lead
 * backwards only, so that every message ends. EDNS (RFC 6891) is understood as far as the size of a
 * datagram goes.
 */
#ifndef SOCKSHIM_DNS_H
#define SOCKSHIM_DNS_H

#include "addr.h"

#define DNS_PORT 53
#define DNS_NAME 254	 /* a name as text (253 bytes), its NUL included */
#define DNS_WIRE 255	 /* a name as it is sent */
#define DNS_MESSAGE 1232 /* no answer of ours is longer; what we say of ourselves by EDNS */
#define DNS_DATAGRAM 512 /* longest answer to a question without EDNS */
/* Every answer with an error, or with nothing in it, fits: header, question, OPT. */
#define DNS_LEAST (12 + DNS_WIRE + 4 + 11)

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_AAAA = 28,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* an EDNS version other than 0 */
};

struct dns_question {
	uint16_t id;
	uint16_t flags; /* as sent: opcode, RD, CD */
	uint16_t type, class;
	uint16_t udp_size;	/* of EDNS; 0: no EDNS */
	uint8_t rcode;		/* enum dns_rcode: what is wrong with the message */
	uint16_t wire_len;	/* 0: no question could be read */
	uint8_t wire[DNS_WIRE]; /* the name, letters as sent, without compression */
	uint8_t name_len;
	char name[DNS_NAME]; /* as text without a trailing dot; "" if its bytes are no text's */
};

/*
 * Reads a message. True if it deserves an answer: it has a header and is itself no answer. Then
 * q->rcode is what is wrong with it (DNS_FORMERR, DNS_NOTIMP, DNS_BADVERS), or DNS_NOERROR.
 */
bool dns_parse(struct dns_question *q, const void *message, size_t len);

/*
 * Makes the question for a name of text, with RD set. False for one that cannot be sent: over 253
 * bytes, an empty label, a label over 63 bytes. One trailing dot is dropped; "" is the root.
 */
bool dns_question(struct dns_question *q, uint16_t id, const char *name, size_t len, uint16_t type,
		  uint16_t class);

/* Writes a question as a message; returns its length, 0 if it does not fit. */
size_t dns_ask(const struct dns_question *q, void *out, size_t size);

/* Is it a PTR question for a whole address (in-addr.arpa, ip6.arpa)? Which one? */
bool dns_reverse(const struct dns_question *q, struct addr *a);

/*
 * The answers. Each returns its length. One that would be longer than `size` is cut after the
 * question, with TC set, as over UDP (dns_room()); 0 if not even that fits.
 *
 * dns_answer() has the addresses of q->type's family, in order; with none of them, or with an error
 * in `rcode`, it is empty: NODATA without an SOA, so that nobody keeps it (RFC 2308 §5).
 */
size_t dns_answer(const struct dns_question *q, enum dns_rcode rcode, const struct addr *addrs,
		  size_t count, uint32_t ttl, void *out, size_t size);
/* `name` of a PTR question; DNS_SERVFAIL if it cannot be sent. */
size_t dns_answer_name(const struct dns_question *q, const char *name, uint32_t ttl, void *out,
		       size_t size);

/* How long an answer over UDP may be: DNS_DATAGRAM..DNS_MESSAGE. */
size_t dns_room(const struct dns_question *q);

#endif
