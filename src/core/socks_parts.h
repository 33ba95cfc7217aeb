/* SPDX-License-Identifier: MIT */
/* socks_parts.h - what the parts of the SOCKS client share: its phases, and why it failed. */
#ifndef SOCKSHIM_SOCKS_PARTS_H
#define SOCKSHIM_SOCKS_PARTS_H

#include "socks.h"

#define SOCKS4_GRANTED 0x5a

enum method { METHOD_NONE = 0x00, METHOD_PASSWORD = 0x02, METHOD_REFUSED = 0xff };

/* Address types of RFC 1928 §5, and 0 as Tor's answers to a failed RESOLVE have it. */
enum type { TYPE_NONE = 0, TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

enum phase {
	PHASE_NONE, /* zeroed memory: not begun */
	PHASE_GREETING,
	PHASE_METHOD,
	PHASE_AUTH,
	PHASE_AUTH_REPLY,
	PHASE_REQUEST,
	PHASE_REPLY,
	PHASE_DONE,
	PHASE_FAILED,
};

enum socks_reason {
	REASON_NONE,
	REASON_CODE, /* the reply code says it */
	REASON_BAD_PROTOCOL,
	REASON_BAD_COMMAND,
	REASON_BAD_NAME,
	REASON_BAD_CREDENTIALS,
	REASON_V6_OVER_V4A,
	REASON_V4_LIKE_V4A,
	REASON_EOF_GREETING,
	REASON_EOF_AUTH,
	REASON_EOF_REPLY,
	REASON_EOF_MIDDLE,
	REASON_TIMEOUT_GREETING,
	REASON_TIMEOUT_REPLY,
	REASON_TIMEOUT_MIDDLE,
	REASON_NO_LISTENER,
	REASON_BROKEN,
	REASON_HTTP,
	REASON_SOCKS4,
	REASON_SOCKS5,
	REASON_GARBAGE,
	REASON_METHOD,
	REASON_NEEDS_PASSWORD,
	REASON_NO_METHOD,
	REASON_AUTH,
	REASON_TYPE,
	REASON_ANSWER,
	REASON_NO_RESOLVE,
	REASON_COUNT,
};

void socks_end(struct socks *s, int error, enum socks_reason reason);

/* socks_reply.c: waits for the reply of that phase; takes its next byte. */
void socks_expect(struct socks *s, enum phase phase, const struct socks_request *rq);
void socks_take(struct socks *s, const struct socks_request *rq, uint8_t byte,
		struct socks_answer *answer);

#endif
