/* SPDX-License-Identifier: MIT */
/* proxy_handshake.c - the client's messages up to its request, and their answers. */
#include <string.h>

#include "proxy_conn.h"

static void put_bytes(struct conn *c, uint8_t a, uint8_t b)
{
	const uint8_t both[2] = {a, b};

	conn_put(c, both, sizeof(both));
}

static void send_garbage(struct conn *c)
{
	uint8_t junk[64];
	uint32_t x = 0x9e3779b9;

	for (size_t i = 0; i < sizeof(junk); i++) {
		x = x * 1664525 + 1013904223;
		junk[i] = (uint8_t)(x >> 24) | 0x80; /* never a version */
	}
	conn_put(c, junk, sizeof(junk));
}

/* In place of the first answer. True if that is all the client gets. */
static bool fault_first(struct conn *c)
{
	static const char http[] = "HTTP/1.0 501 This is not an HTTP proxy\r\n"
				   "Content-Type: text/html\r\n\r\n<html>not HTTP</html>\r\n";

	if (!c->faulty)
		return false;
	switch (proxy_settings.fault) {
	case FAULT_GARBAGE:
		send_garbage(c);
		request_log(c, "FAULT", "garbage");
		break;
	case FAULT_HTTP:
		conn_put(c, http, sizeof(http) - 1);
		request_log(c, "FAULT", "http");
		break;
	case FAULT_CLOSE_METHOD:
		request_log(c, "FAULT", "close-method");
		break;
	case FAULT_HANG_METHOD:
		request_log(c, "FAULT", "hang-method");
		conn_hang(c);
		return true;
	default:
		return false;
	}
	conn_finish(c);
	return true;
}

static void bad_message(struct conn *c)
{
	request_log(c, "BAD", "closed");
	conn_finish(c);
}

/* One message from the front of what has come: true if it was there. */
static bool take(struct conn *c, int (*message)(const uint8_t *, size_t, struct request *))
{
	int n = message(c->up.data + c->up.at, pipe_used(&c->up), &c->rq);

	if (n > 0)
		pipe_drop(&c->up, (size_t)n);
	if (n < 0)
		bad_message(c);
	return n > 0;
}

static void got_request(struct conn *c)
{
	if (c->rq.version == 4 && fault_first(c))
		return;
	c->phase = PHASE_WAIT;
	c->up.delay = proxy_settings.delay_data;
	pipe_delay(&c->up);
	if (proxy_settings.delay)
		loop_timer(&c->timer, proxy_settings.delay);
	else
		conn_carry_out(c);
}

static uint8_t choose_method(const struct conn *c)
{
	const bool *offers = c->rq.methods;

	if (conn_has_fault(c, FAULT_NO_METHOD))
		return METHOD_REFUSED;
	if (conn_has_fault(c, FAULT_BAD_METHOD))
		return 0x07;
	if (offers[METHOD_PASSWORD] &&
	    (proxy_settings.users || proxy_settings.prefer_auth || !offers[METHOD_NONE]))
		return METHOD_PASSWORD;
	if (offers[METHOD_NONE] && !proxy_settings.users)
		return METHOD_NONE;
	return METHOD_REFUSED;
}

void handshake_method(struct conn *c)
{
	uint8_t method = choose_method(c);

	if (fault_first(c))
		return;
	c->phase = method == METHOD_PASSWORD ? PHASE_PASSWORD : PHASE_REQUEST;
	put_bytes(c, conn_has_fault(c, FAULT_WRONG_METHOD_VERSION) ? 4 : 5, method);
	if (conn_has_fault(c, FAULT_CLOSE_AFTER_METHOD)) {
		request_log(c, "FAULT", "close-after-method");
		conn_finish(c);
	} else if (method == METHOD_REFUSED) {
		request_log(c, "METHOD", "ff");
		conn_finish(c);
	} else if (conn_has_fault(c, FAULT_BAD_METHOD)) {
		conn_hang(c);
	}
}

static void got_greeting(struct conn *c)
{
	if (conn_has_fault(c, FAULT_DROP_PIPELINED))
		pipe_drop(&c->up, pipe_used(&c->up));
	c->phase = PHASE_METHOD_DELAY;
	if (proxy_settings.delay_method)
		loop_timer(&c->timer, proxy_settings.delay_method);
	else
		handshake_method(c);
}

bool handshake_user_known(const struct conn *c, bool with_password)
{
	const struct request *rq = &c->rq;

	for (const struct proxy_user *u = proxy_settings.users; u; u = u->next)
		if (u->name_len == rq->user_len && !memcmp(u->name, rq->user, u->name_len) &&
		    (!with_password || (u->password_len == rq->password_len &&
					!memcmp(u->password, rq->password, u->password_len))))
			return true;
	return !proxy_settings.users;
}

static void got_password(struct conn *c)
{
	bool ok = handshake_user_known(c, true) && !conn_has_fault(c, FAULT_AUTH_FAIL);

	c->phase = PHASE_REQUEST;
	put_bytes(c, 1, ok ? 0 : 1);
	if (ok)
		return;
	request_log(c, "AUTH", "01");
	conn_finish(c);
}

/* Takes the next message; false if it has not come. */
static bool step(struct conn *c)
{
	if (!pipe_used(&c->up))
		return false;
	switch (c->phase) {
	case PHASE_GREETING:
		if (c->up.data[c->up.at] == 4 && take(c, proxy_take_request4))
			return got_request(c), true;
		if (pipe_used(&c->up) && c->up.data[c->up.at] != 4 && take(c, proxy_take_greeting))
			return got_greeting(c), true;
		return false;
	case PHASE_PASSWORD:
		return take(c, proxy_take_password) && (got_password(c), true);
	case PHASE_REQUEST:
		return take(c, proxy_take_request5) && (got_request(c), true);
	default:
		return false;
	}
}

static bool shakes_hands(const struct conn *c)
{
	return c->phase == PHASE_GREETING || c->phase == PHASE_PASSWORD ||
	       c->phase == PHASE_REQUEST;
}

void handshake_advance(struct conn *c)
{
	while (step(c))
		;
	if (shakes_hands(c) && c->up.eof)
		conn_finish(c); /* the client went away in the middle */
}
