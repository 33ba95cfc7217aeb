/* SPDX-License-Identifier: MIT */
/* stream_request.c - the request of a stream, and the credentials that isolate it. */
#include "stream_request.h"

#include <string.h>

#include "bytes.h"
#include "sys.h"

static const uint8_t isolation_password[] = "0";

static void put_destination(struct bytes_out *o, const struct stream *st, const char *name)
{
	char text[ADDR_TEXT];
	size_t len = strlen(name);

	if (st->name < 0) {
		addr_print_port(&st->to, text);
		bytes_put_text(o, text);
		return;
	}
	if (len > 200) /* too long to be spelled out in 255 bytes */
		bytes_put_number(o, bytes_hash(BYTES_HASH, name, len));
	else
		bytes_put(o, name, len);
	bytes_put_u8(o, ':');
	bytes_put_number(o, st->to.port);
}

/* Writes what this stream shares a circuit by; returns its length in bytes. */
static uint8_t isolation_token(const struct session *s, const struct stream *st, const char *name,
			       uint8_t out[static 255])
{
	struct bytes_out o = bytes_out_init(out, 255);
	char id[17];

	session_id(s, id);
	bytes_put_text(&o, id);
	if (st->isolate != ISOLATE_SESSION)
		bytes_put_u8(&o, '-');
	if (st->isolate == ISOLATE_PROCESS)
		bytes_put_number(&o, (uint64_t)(uint32_t)(st->pid ? st->pid : sys_getpid()));
	else if (st->isolate == ISOLATE_DESTINATION)
		put_destination(&o, st, name);
	else if (st->isolate == ISOLATE_CONNECTION)
		bytes_put_number(&o, st->serial);
	return (uint8_t)(o.at - out);
}

/*
 * Credentials: those of the URL are sent as they are; where they only isolate (tor://), the token
 * stands in the password, else in the user name.
 */
static void set_credentials(struct socks_request *rq, const struct session *s,
			    const struct stream *st, const struct proxy *p, struct stream_text *t)
{
	rq->credentials = p->credentials;
	rq->user = p->user;
	rq->user_len = p->user_len;
	rq->password = p->password;
	rq->password_len = p->password_len;
	if (st->report.user_len) {
		rq->credentials = true;
		rq->user = st->report.user;
		rq->user_len = st->report.user_len;
		if (!rq->password_len) {
			rq->password = isolation_password;
			rq->password_len = sizeof(isolation_password) - 1;
		}
		return;
	}
	if (st->isolate == ISOLATE_NONE || (p->credentials && !p->tor))
		return;
	if (p->credentials && p->protocol == SOCKS_V5) {
		rq->password = t->password;
		rq->password_len = isolation_token(s, st, t->name, t->password);
		return;
	}
	rq->credentials = true;
	rq->user = t->user;
	rq->user_len = isolation_token(s, st, t->name, t->user);
	rq->password = isolation_password;
	rq->password_len = sizeof(isolation_password) - 1;
}

int stream_request(struct socks_request *rq, const struct session *s, const struct stream *st,
		   struct stream_text *t)
{
	const struct proxy *p = &s->settings.proxies[st->proxy % SETTINGS_PROXIES];
	int len = 0;

	memset(rq, 0, sizeof(*rq));
	t->name[0] = 0;
	if (st->name >= 0) {
		len = names_get(session_names(s), (uint32_t)st->name, t->name);
		if (len < 0)
			return len;
		rq->name = t->name;
		rq->name_len = (uint8_t)len;
	}
	rq->protocol = p->protocol;
	rq->command = st->command;
	rq->tor = p->tor;
	rq->pipeline = st->pipeline;
	rq->to = st->to;
	set_credentials(rq, s, st, p, t);
	return 0;
}
