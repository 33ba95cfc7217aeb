/* SPDX-License-Identifier: MIT */
/*
 * socks.h - SOCKS4a and SOCKS5 clients as state machines over bytes. Pure: no I/O, no allocation.
 *
 * Sources: "SOCKS 4A" (Ying-Da Lee), RFC 1928, RFC 1929, Tor's socks-extensions.
 *
 * A machine holds no pointer and no copy of the request: it is small, and may live in memory that
 * processes share. The caller keeps the request and passes the same one to each call.
 *
 *	socks_begin(&s, &rq);
 *	for (;;) switch (socks_next(&s)) {
 *	case SOCKS_SEND:    n = send(fd, buf, socks_output(&s, &rq, buf)); socks_sent(&s, &rq, n);
 *	case SOCKS_RECEIVE: n = recv(fd, buf, socks_want(&s)); socks_input(&s, &rq, buf, n, &a);
 *	case SOCKS_DONE:    the tunnel is up, or the answer is there
 *	case SOCKS_FAILED:  s.error is the errno, socks_words(&s) says why
 *	}
 */
#ifndef SOCKSHIM_SOCKS_H
#define SOCKSHIM_SOCKS_H

#include "addr.h"

/* No message that a client sends is longer: greeting 4, auth 3+255+255, request 4+1+255+2. */
#define SOCKS_MESSAGE_MAX 780
/* No single socks_want() is larger. */
#define SOCKS_WANT_MAX 257

enum socks_protocol { SOCKS_V4A = 4, SOCKS_V5 = 5 };

enum socks_command {
	SOCKS_CONNECT = 0x01,
	SOCKS_RESOLVE = 0xf0,	  /* Tor: name to address */
	SOCKS_RESOLVE_PTR = 0xf1, /* Tor: address to name; SOCKS5 only */
};

struct socks_request {
	uint8_t protocol; /* enum socks_protocol */
	uint8_t command;  /* enum socks_command */
	bool tor;	  /* the proxy speaks Tor's extensions */
	bool pipeline;	  /* messages in as few segments as is safe (see socks_output()) */
	bool credentials; /* offer user and password */
	struct addr to;	  /* destination; of it only the port counts when there is a name */
	const char *name; /* host name, not NUL-terminated; NULL: connect to the address */
	uint8_t name_len; /* 1..255 */
	/* Any bytes; with `credentials`, SOCKS4a sends `user` (no NUL) and needs no password. */
	const uint8_t *user, *password;
	uint8_t user_len, password_len;
};

enum socks_step { SOCKS_SEND, SOCKS_RECEIVE, SOCKS_DONE, SOCKS_FAILED };

/*
 * Opaque to callers but for the fields with a comment. Zeroed memory is a machine that has not
 * begun: it wants nothing, and it may fail (the proxy cannot be reached).
 */
struct socks {
	uint8_t phase;
	uint8_t code;	/* the reply code (REP, or SOCKS4's CD) once `replied` */
	bool replied;	/* the proxy has sent a reply code */
	uint8_t method; /* authentication method chosen by the proxy */
	uint16_t sent;	/* bytes of the current message that are on their way */
	uint16_t got;	/* bytes of the current reply that have come */
	uint16_t need;	/* bytes of the current reply in all, as far as known */
	int16_t error;	/* errno when failed, else 0 */
	uint8_t head[8];
	uint8_t reason; /* enum socks_reason */
	uint8_t ahead;	/* bytes of the next reply that may be read with this one */
};

/* What RESOLVE and RESOLVE_PTR give, and CONNECT's bound address. */
struct socks_answer {
	uint8_t type;	  /* 1 IPv4, 4 IPv6, 3 name, 0 none */
	uint8_t len;	  /* bytes in `name` for type 3 */
	struct addr addr; /* its port too, for every type */
	char name[256];	  /* NUL-terminated */
};

/*
 * Starts a machine. A request that must never be sent (name empty, over 255 bytes or with a space,
 * NUL or other control character; user or password of length 0; user with a NUL in SOCKS4a; RESOLVE
 * without a name; RESOLVE_PTR with a name or over SOCKS4a; 0.0.0.1 to 0.0.0.255 over SOCKS4a, which
 * means "a name follows"; an IPv6 literal over SOCKS4a) leaves it in SOCKS_FAILED with EINVAL
 * (EAFNOSUPPORT for the IPv6 literal).
 */
void socks_begin(struct socks *s, const struct socks_request *rq);

enum socks_step socks_next(const struct socks *s);

/*
 * Writes what must be sent next (the rest of the current message) and returns its length in bytes.
 * One message at a time: greeting, user/password (RFC 1929), request. With `pipeline`:
 * greeting and request together when no credentials are offered; with credentials the greeting
 * alone (Tor loses its method reply otherwise), then user/password and request together.
 */
size_t socks_output(const struct socks *s, const struct socks_request *rq,
		    uint8_t out[static SOCKS_MESSAGE_MAX]);

/* `n` bytes of that message have been handed to the kernel. */
void socks_sent(struct socks *s, const struct socks_request *rq, size_t n);

/*
 * How many bytes may be read now: never one more than certainly belongs to the proxy's replies,
 * whatever address type follows (the next byte is the program's). 0 when not in SOCKS_RECEIVE.
 */
size_t socks_want(const struct socks *s);

/*
 * Takes `n` (1..socks_want()) bytes that were read. `answer` is gathered in place: pass the same
 * one, or NULL, to every call of a handshake; it means something in SOCKS_DONE only. After RESOLVE
 * and RESOLVE_PTR it is never of type 0, nor a name that is empty or has a NUL in it (EPROTO
 * instead). Splitting the input differently never changes the result.
 */
void socks_input(struct socks *s, const struct socks_request *rq, const uint8_t *data, size_t n,
		 struct socks_answer *answer);

/*
 * Is the whole request on its way, so that the program's data may follow it? The reply may still be
 * to come, and those of greeting and authentication with `pipeline`.
 */
bool socks_requested(const struct socks *s, const struct socks_request *rq);

/* The proxy closed the connection: a refusal (ssh -D does so), ECONNREFUSED. Too late when over. */
void socks_eof(struct socks *s);

/*
 * The deadline has passed (ETIMEDOUT), or the connection broke with `error`; a reset is an end of
 * file. Too late when over.
 */
void socks_fail(struct socks *s, int error);

#define SOCKS5_NO_COMMAND 7 /* the reply code: the command is not known (RFC 1928 §6) */

/*
 * The errno that a reply code means (RFC 1928 §6, Tor's F0..F7, SOCKS4's 5b..5d); 0 for granted,
 * ECONNREFUSED for codes that nobody has defined.
 */
int socks_code_errno(uint8_t protocol, uint8_t code);

/* Words for a failure, such as "the proxy says: network unreachable", without the code; static. */
const char *socks_words(const struct socks *s, uint8_t protocol);

#endif
