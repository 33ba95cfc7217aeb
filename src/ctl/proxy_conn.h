/* SPDX-License-Identifier: MIT */
/*
 * proxy_conn.h - one client's connection, from greeting to the end of the tunnel.
 *
 *	GREETING ─► METHOD_DELAY ─► PASSWORD ─► REQUEST ─► WAIT ─► HELD ─► LOOKUP ─► DIAL ─► RELAY
 *	└───────────── proxy_handshake.c ────────────┘            └── proxy_request.c ──┘
 *
 * What the client sends goes into the pipe `up`, what it gets into `down`, replies included; so
 * pipelined input, early data and slow readers need no code of their own. A refusal ends in
 * LINGER: closing at once with unread input would reset the connection and destroy the reply.
 *
 * conn_settle() comes last in every event: it writes what can be written, passes on the ends, and
 * tells the loop what to wait for. Nothing is freed before conn_reap().
 */
#ifndef SOCKSHIM_CTL_PROXY_CONN_H
#define SOCKSHIM_CTL_PROXY_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "loop.h"
#include "proxy.h"
#include "proxy_names.h"
#include "proxy_pipe.h"
#include "proxy_socks.h"

enum phase {
	PHASE_GREETING,
	PHASE_METHOD_DELAY,
	PHASE_PASSWORD,
	PHASE_REQUEST,
	PHASE_WAIT,
	PHASE_HELD,
	PHASE_LOOKUP,
	PHASE_DIAL,
	PHASE_RELAY,
	PHASE_LINGER,
	PHASE_HANG,
	PHASE_CLOSED,
};

struct conn {
	enum phase phase;
	struct watch client, target;
	struct watch *failed; /* the side that broke down while relaying */
	struct pipe up, down;
	struct timer timer; /* of the phase */
	struct request rq;
	uint8_t method;
	bool faulty; /* faults concern this connection */
	bool reset;  /* ends with RST */
	struct addr from;
	bool from_unix;
	struct lookup *lookup;
	struct addr to[LOOKUP_ADDRESSES];
	int count, tried;
	struct conn *next, **back; /* list of the living */
};

/* ---- proxy_conn.c ---- */

static inline bool conn_has_fault(const struct conn *c, enum fault f)
{
	return c->faulty && proxy_settings.fault == f;
}

/* Closes both sides at once, with RST or not. */
void conn_close(struct conn *c, bool reset);

/* What has been put into `down` still goes out; then the connection ends. */
void conn_finish(struct conn *c);

/* The client waits in vain; what it sends is thrown away. */
void conn_hang(struct conn *c);

/* Sends bytes to the client. */
void conn_put(struct conn *c, const void *data, size_t len);

/* The request is there, and its delay is over: carried out, with --hold together with others. */
void conn_carry_out(struct conn *c);

/* The target's socket, if there is one, is closed. */
void conn_drop_target(struct conn *c);

/* See above; the connection may be closed after it. */
void conn_settle(struct conn *c);

/* ---- proxy_handshake.c ---- */

/* Takes all messages that have come. */
void handshake_advance(struct conn *c);

/* The delay before the answer to the greeting is over. */
void handshake_method(struct conn *c);

/* Is the client's user one of --user, or is there none of them? SOCKS4 has no passwords. */
bool handshake_user_known(const struct conn *c, bool with_password);

/* ---- proxy_request.c ---- */

/* The request is there, and nothing holds it back. */
void request_carry_out(struct conn *c);

/* Connects to c->to[], one address after the other; goes on after a lack of descriptors. */
void request_dial(struct conn *c);

/* The outcome of c->to[c->tried]: an errno or 0. */
void request_dialled(struct conn *c, int error);

/* Logs "what user=- source=127.0.0.1:40000 -> result"; `what` NULL: the request. */
void request_log(const struct conn *c, const char *what, const char *result);

#endif
