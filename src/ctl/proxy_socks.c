/* SPDX-License-Identifier: MIT */
/* proxy_socks.c - the server's side of SOCKS4, 4a and 5 over bytes: no I/O. */
#include "proxy_socks.h"

#include <errno.h>
#include <string.h>

/* What has been read from `data` so far, as the take functions return it. */
static int taken(const struct bytes_in *in, const uint8_t *data)
{
	return in->underflow ? 0 : (int)(in->at - data);
}

/* A string with its length in one byte before it. */
static void take_counted(struct bytes_in *in, char out[static 256], uint8_t *len)
{
	const uint8_t *text;

	*len = bytes_get_u8(in);
	text = bytes_get(in, *len);
	if (text)
		memcpy(out, text, *len);
	out[text ? *len : 0] = '\0';
}

int proxy_take_greeting(const uint8_t *data, size_t len, struct request *rq)
{
	struct bytes_in in = bytes_in_init(data, len);
	const uint8_t *methods;
	uint8_t count;

	if (bytes_get_u8(&in) != 5)
		return in.underflow ? 0 : -1;
	rq->version = 5;
	count = bytes_get_u8(&in);
	methods = bytes_get(&in, count);
	for (int i = 0; methods && i < count; i++)
		rq->methods[methods[i]] = true;
	return taken(&in, data);
}

int proxy_take_password(const uint8_t *data, size_t len, struct request *rq)
{
	struct bytes_in in = bytes_in_init(data, len);

	if (bytes_get_u8(&in) != 1)
		return in.underflow ? 0 : -1;
	take_counted(&in, rq->user, &rq->user_len);
	take_counted(&in, rq->password, &rq->password_len);
	rq->has_user = !in.underflow;
	return taken(&in, data);
}

static void take_ip(struct bytes_in *in, size_t len, struct addr *a)
{
	const uint8_t *ip = bytes_get(in, len);

	if (ip)
		*a = len == 4 ? addr_v4(ip, 0) : addr_v6(ip, 0);
}

int proxy_take_request5(const uint8_t *data, size_t len, struct request *rq)
{
	struct bytes_in in = bytes_in_init(data, len);

	if (bytes_get_u8(&in) != 5)
		return in.underflow ? 0 : -1;
	rq->command = bytes_get_u8(&in);
	bytes_get_u8(&in);
	rq->type = bytes_get_u8(&in);
	if (in.underflow)
		return 0;
	if (rq->type == TYPE_NAME)
		take_counted(&in, rq->name, &rq->name_len);
	else if (rq->type == TYPE_IPV4 || rq->type == TYPE_IPV6)
		take_ip(&in, rq->type == TYPE_IPV4 ? 4 : 16, &rq->to);
	else
		return (int)len; /* nobody knows where it ends; it is refused anyway */
	rq->to.port = bytes_get_u16(&in);
	return taken(&in, data);
}

/* A string that ends with a NUL: its length, or -1 if it is over 255 bytes. */
static int take_string(struct bytes_in *in, char out[static 256], uint8_t *len)
{
	size_t left = bytes_left(in);
	const uint8_t *end = left ? memchr(in->at, 0, left) : NULL;
	size_t n = end ? (size_t)(end - in->at) : left;

	if (n > 255)
		return -1;
	if (!end)
		in->underflow = true;
	else
		memcpy(out, bytes_get(in, n + 1), n + 1);
	*len = (uint8_t)n;
	return 0;
}

int proxy_take_request4(const uint8_t *data, size_t len, struct request *rq)
{
	struct bytes_in in = bytes_in_init(data, len);
	uint16_t port;
	uint8_t ip[4];

	if (bytes_get_u8(&in) != 4)
		return in.underflow ? 0 : -1;
	rq->version = 4;
	rq->command = bytes_get_u8(&in);
	port = bytes_get_u16(&in);
	for (int i = 0; i < 4; i++)
		ip[i] = bytes_get_u8(&in);
	rq->v4a = !ip[0] && !ip[1] && !ip[2] && ip[3];
	rq->type = rq->v4a ? TYPE_NAME : TYPE_IPV4;
	rq->to = addr_v4(ip, port);
	if (in.underflow)
		return 0;
	if (take_string(&in, rq->user, &rq->user_len) < 0)
		return -1;
	if (!in.underflow && rq->v4a && take_string(&in, rq->name, &rq->name_len) < 0)
		return -1;
	rq->has_user = rq->user_len > 0;
	return taken(&in, data);
}

uint8_t proxy_wire_code(const struct request *rq, uint8_t code)
{
	if (rq->version == 5 || (code >= 0x5a && code <= 0x5d))
		return code;
	return code == CODE_GRANTED ? 0x5a : 0x5b;
}

static void put_ip(struct bytes_out *o, const struct addr *a, bool v4)
{
	bytes_put(o, v4 ? a->ip + 12 : a->ip, v4 ? 4 : 16);
}

void proxy_put_reply(struct bytes_out *o, const struct request *rq, uint8_t code,
		     const struct bound *bound)
{
	if (rq->version == 4) {
		bytes_put_u8(o, 0);
		bytes_put_u8(o, proxy_wire_code(rq, code));
		bytes_put_u16(o, bound->addr.port);
		put_ip(o, &bound->addr, true);
		return;
	}
	bytes_put_u8(o, 5);
	bytes_put_u8(o, code);
	bytes_put_u8(o, 0);
	bytes_put_u8(o, (uint8_t)bound->type);
	if (bound->type == TYPE_NAME) {
		bytes_put_u8(o, bound->name_len);
		bytes_put(o, bound->name, bound->name_len);
	} else {
		/* Tor's type 0 has the length of an IPv4 address. */
		put_ip(o, &bound->addr, bound->type != TYPE_IPV6);
	}
	bytes_put_u16(o, bound->addr.port);
}

uint8_t proxy_errno_code(int error)
{
	switch (error) {
	case 0:
		return CODE_GRANTED;
	case EACCES:
	case EPERM:
		return CODE_NOT_ALLOWED;
	case ENETUNREACH:
	case ENETDOWN:
		return CODE_NET_UNREACHABLE;
	case EHOSTUNREACH:
	case EHOSTDOWN:
		return CODE_HOST_UNREACHABLE;
	case ECONNREFUSED:
		return CODE_REFUSED;
	case ETIMEDOUT:
		return CODE_TTL_EXPIRED;
	case EAFNOSUPPORT:
		return CODE_TYPE;
	}
	return CODE_FAILURE;
}

void proxy_put_escaped(struct bytes_out *o, const char *text, size_t len)
{
	static const char hex[16] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c > ' ' && c < 0x7f && c != '\\') {
			bytes_put_u8(o, c);
			continue;
		}
		bytes_put_text(o, "\\x");
		bytes_put_u8(o, (uint8_t)hex[c >> 4]);
		bytes_put_u8(o, (uint8_t)hex[c & 15]);
	}
}

void proxy_put_request(struct bytes_out *o, const struct request *rq)
{
	bool resolve = rq->command == CMD_RESOLVE || rq->command == CMD_RESOLVE_PTR;
	char text[ADDR_TEXT];

	if (rq->command == CMD_CONNECT) {
		bytes_put_text(o, "CONNECT ");
	} else if (resolve) {
		bytes_put_text(o, rq->command == CMD_RESOLVE ? "RESOLVE " : "RESOLVE_PTR ");
	} else {
		bytes_put_text(o, "COMMAND-");
		bytes_put_number(o, rq->command);
		bytes_put_u8(o, ' ');
	}
	if (rq->type != TYPE_NAME) {
		if (resolve)
			addr_print(&rq->to, text);
		else
			addr_print_port(&rq->to, text);
		bytes_put_text(o, text);
		return;
	}
	proxy_put_escaped(o, rq->name, rq->name_len);
	if (resolve)
		return;
	bytes_put_u8(o, ':');
	bytes_put_number(o, rq->to.port);
}
