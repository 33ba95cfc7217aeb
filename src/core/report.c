/* SPDX-License-Identifier: MIT */
/* report.c - reports as lines, and controllers' answers. */
#include "report.h"

#include <errno.h>
#include <string.h>

#include "conf_parts.h"
#include "json.h"
#include "socks.h"

#define TAIL 16	    /* bytes of `,"cut":true}\n`, and some */
#define NUMBERS 512 /* bytes that texts leave for the numbers behind them */

enum key {
#define KEY(name, text) KEY_##name,
	SOCKSHIM_REPORT_KEYS(KEY)
#undef KEY
};

static const char *const keys[] = {
#define KEY(name, text) text,
	SOCKSHIM_REPORT_KEYS(KEY)
#undef KEY
};

static const char *const events[] = {
#define EVENT(name, text) text,
	SOCKSHIM_REPORT_EVENTS(EVENT)
#undef EVENT
};

/* Takes back what did not fit. */
static void put_text(struct bytes_out *o, enum key key, const void *text, size_t len)
{
	uint8_t *at = o->at;
	bool was = o->overflow;

	if (!text)
		return;
	o->overflow = false;
	json_bytes(o, keys[key], text, len);
	if (o->overflow || (size_t)(o->end - o->at) < NUMBERS) {
		o->at = at;
		was = true;
	}
	o->overflow = was;
}

static void put_word(struct bytes_out *o, enum key key, const char *text)
{
	put_text(o, key, text, text ? strlen(text) : 0);
}

static void put_number(struct bytes_out *o, enum key key, uint64_t v)
{
	json_number(o, keys[key], v);
}

static void put_address(struct bytes_out *o, enum key key, const struct addr *a, bool port)
{
	char text[ADDR_TEXT];

	if (port)
		addr_print_port(a, text);
	else
		addr_print(a, text);
	put_word(o, key, text);
}

static void put_head(struct bytes_out *o, const struct report *r)
{
	put_number(o, KEY_V, SOCKSHIM_REPORT_VERSION);
	put_number(o, KEY_SEQ, r->seq);
	put_number(o, KEY_T, r->time);
	put_word(o, KEY_EVENT, events[r->event]);
	put_number(o, KEY_PID, (uint32_t)r->by.pid);
	put_number(o, KEY_TID, (uint32_t)r->by.tid);
	if (r->by.ppid)
		put_number(o, KEY_PPID, (uint32_t)r->by.ppid);
	if (r->by.started)
		put_number(o, KEY_STARTED, r->by.started);
	put_word(o, KEY_SESSION, r->session);
	put_word(o, KEY_BY, r->supervisor ? "supervisor" : "library");
}

static const char *command_name(uint8_t command)
{
	return command == SOCKS_RESOLVE	      ? "resolve"
	       : command == SOCKS_RESOLVE_PTR ? "ptr"
					      : "connect";
}

static void put_stream(struct bytes_out *o, const struct report *r)
{
	if (r->source.port) {
		put_address(o, KEY_SOURCE, &r->source, true);
		put_number(o, KEY_SOURCE_PORT, r->source.port);
	}
	put_number(o, KEY_COOKIE, r->cookie);
	put_word(o, KEY_PROXY, r->proxy);
	put_number(o, KEY_HOP, r->hop);
	put_word(o, KEY_PROTOCOL, r->protocol == SOCKS_V4A ? "socks4a" : "socks5");
	put_word(o, KEY_COMMAND, command_name(r->command));
	put_text(o, KEY_HOST, r->host, r->host_len);
	if (r->command == SOCKS_CONNECT)
		put_number(o, KEY_PORT, r->to.port);
	put_address(o, KEY_ADDRESS, &r->to, false);
	put_word(o, KEY_HOW, r->how);
	put_text(o, KEY_SOCKS_USER, r->user_len ? r->user : NULL, r->user_len);
}

static void put_event(struct bytes_out *o, const struct report *r)
{
	switch ((enum report_event)r->event) {
	case REPORT_START:
		break;
	case REPORT_CONNECT:
		put_stream(o, r);
		if (r->ack)
			json_bool(o, keys[KEY_ACK], true);
		break;
	case REPORT_REPLY:
		put_stream(o, r);
		if (r->replied)
			put_number(o, KEY_CODE, r->code);
		put_word(o, KEY_ERROR, r->error ? report_errno_name(r->error) : NULL);
		put_number(o, KEY_MS, r->ms);
		break;
	case REPORT_ATTEMPT:
		put_word(o, KEY_CALL, r->call);
		put_word(o, KEY_REASON, r->reason);
		put_word(o, KEY_TARGET, r->target);
		put_word(o, KEY_FROM, r->from);
		put_word(o, KEY_ERROR, r->error ? report_errno_name(r->error) : NULL);
		break;
	case REPORT_CLOSE:
		put_number(o, KEY_COOKIE, r->cookie);
		put_text(o, KEY_HOST, r->host, r->host_len);
		put_number(o, KEY_PORT, r->to.port);
		put_address(o, KEY_ADDRESS, &r->to, false);
		put_number(o, KEY_MS, r->ms);
		break;
	case REPORT_LOST:
		put_number(o, KEY_COUNT, r->count);
		break;
	}
}

size_t report_print(const struct report *r, char out[static REPORT_LINE])
{
	struct bytes_out o = bytes_out_init(out, REPORT_LINE - TAIL);

	json_open(&o, NULL);
	put_head(&o, r);
	put_event(&o, r);
	put_word(&o, KEY_TAG, r->tag && *r->tag ? r->tag : NULL);
	put_word(&o, KEY_EXE, r->by.exe && *r->by.exe ? r->by.exe : NULL);
	o.end += TAIL;
	if (o.overflow)
		json_bool(&o, keys[KEY_CUT], true);
	json_close(&o);
	bytes_put_u8(&o, '\n');
	return (size_t)(o.at - o.start);
}

/* ---- where they go ---- */

static const char *read_tcp(const char *text, struct report_target *t)
{
	const char *colon = strrchr(text, ':');
	uint32_t port;

	if (colon && colon - text == 9 && !memcmp(text, "localhost", 9) &&
	    conf_number(colon + 1, strlen(colon + 1), 65535, &port))
		t->at = addr_loopback(AF_INET, (uint16_t)port);
	else if (!addr_parse_port(&t->at, text, strlen(text)))
		return "is not tcp:ADDRESS:PORT";
	if (!t->at.port)
		return "needs a port";
	return addr_is_loopback(&t->at)
		       ? NULL
		       : "must be a loopback address: reports would leave the machine";
}

static const char *read_path(const char *text, struct report_target *t, size_t room)
{
	t->path = text;
	if (*text != '/' && (t->kind != REPORT_UNIX || *text != '@' || !text[1]))
		return "must be an absolute path";
	return strlen(text) < room ? NULL : "the path is too long";
}

const char *report_target(const char *text, struct report_target *out)
{
	static const char *const kinds[] = {[REPORT_UNIX] = "unix:",
					    [REPORT_TCP] = "tcp:",
					    [REPORT_FD] = "fd:",
					    [REPORT_FILE] = "file:"};
	uint32_t n = 0;

	memset(out, 0, sizeof(*out));
	if (!*text)
		return NULL;
	for (unsigned int i = REPORT_UNIX; i <= REPORT_FILE; i++)
		if (!strncmp(text, kinds[i], strlen(kinds[i])))
			out->kind = (uint8_t)i;
	text += out->kind ? strlen(kinds[out->kind]) : 0;
	switch ((enum report_kind)out->kind) {
	case REPORT_UNIX:
		return read_path(text, out, 108);
	case REPORT_TCP:
		return read_tcp(text, out);
	case REPORT_FD:
		if (!conf_number(text, strlen(text), 1 << 20, &n))
			return "is not fd:NUMBER";
		out->fd = (int)n;
		return NULL;
	case REPORT_FILE:
		return read_path(text, out, 4096);
	case REPORT_NOWHERE:
		break;
	}
	return "is none of unix:PATH, tcp:ADDRESS:PORT, fd:NUMBER, file:PATH";
}

/* ---- answers ---- */

/* Those that connect(2) and the proxy's replies can give, and a few that mean no. */
static const struct {
	const char *name;
	int error;
} errors[] = {
	{"ECONNREFUSED", ECONNREFUSED},
	{"EACCES", EACCES},
	{"EPERM", EPERM},
	{"EHOSTUNREACH", EHOSTUNREACH},
	{"ENETUNREACH", ENETUNREACH},
	{"ETIMEDOUT", ETIMEDOUT},
	{"ECONNRESET", ECONNRESET},
	{"ECONNABORTED", ECONNABORTED},
	{"ENETDOWN", ENETDOWN},
	{"EPROTO", EPROTO},
	{"EPROTONOSUPPORT", EPROTONOSUPPORT},
	{"EAFNOSUPPORT", EAFNOSUPPORT},
	{"ESOCKTNOSUPPORT", ESOCKTNOSUPPORT},
	{"EOPNOTSUPP", EOPNOTSUPP},
	{"EINVAL", EINVAL},
	{"EAGAIN", EAGAIN},
	{"EADDRNOTAVAIL", EADDRNOTAVAIL},
	{"EADDRINUSE", EADDRINUSE},
	{"ENODEV", ENODEV},
	{"ENOSYS", ENOSYS},
	{"EPIPE", EPIPE},
	{"EINTR", EINTR},
	{"ENOENT", ENOENT},
};

int report_errno(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].error;
	return 0;
}

const char *report_errno_name(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			return errors[i].name;
	return "EIO";
}

static bool read_denial(const struct json_value *v, struct report_answer *out)
{
	char name[32];

	if (json_text_of(v, name, sizeof(name)) < 0)
		return false;
	out->error = report_errno(name);
	if (!out->error)
		out->error = ECONNREFUSED;
	return true;
}

/* No user name has a NUL in it: SOCKS4a could not send it. */
static bool read_user(const struct json_value *v, struct report_answer *out)
{
	char user[REPORT_USER + 1];
	long len = json_text_of(v, user, sizeof(user));

	if (len <= 0 || memchr(user, 0, (size_t)len))
		return false;
	memcpy(out->user, user, (size_t)len);
	out->user_len = (uint8_t)len;
	return true;
}

bool report_read_answer(const char *line, size_t len, struct report_answer *out)
{
	struct json_value all, v;
	uint64_t seq;
	bool go;

	memset(out, 0, sizeof(*out));
	if (!json_read(line, len, &all) || !json_find(&all, "seq", &v) ||
	    !json_number_of(&v, &seq) || !seq || seq > UINT32_MAX)
		return false;
	out->seq = (uint32_t)seq;
	if (json_find(&all, "deny", &v))
		return read_denial(&v, out);
	if (json_find(&all, "user", &v))
		return read_user(&v, out);
	if (!json_find(&all, "go", &v) || !json_bool_of(&v, &go))
		return false;
	out->error = go ? 0 : ECONNREFUSED;
	return true;
}
