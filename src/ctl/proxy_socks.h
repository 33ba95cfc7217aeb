/* SPDX-License-Identifier: MIT */
/* proxy_socks.h - the server's side of SOCKS4, 4a and 5 over bytes: no I/O. */
#ifndef SOCKSHIM_CTL_PROXY_SOCKS_H
#define SOCKSHIM_CTL_PROXY_SOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "bytes.h"

enum socks_constants {
	CMD_CONNECT = 0x01,
	CMD_RESOLVE = 0xf0,
	CMD_RESOLVE_PTR = 0xf1,
	METHOD_NONE = 0x00,
	METHOD_PASSWORD = 0x02,
	METHOD_REFUSED = 0xff,
	TYPE_IPV4 = 1,
	TYPE_NAME = 3,
	TYPE_IPV6 = 4,
};

/* RFC 1928 §6; proxy_put_reply() turns them into SOCKS4's. */
enum socks_code {
	CODE_GRANTED = 0x00,
	CODE_FAILURE = 0x01,
	CODE_NOT_ALLOWED = 0x02,
	CODE_NET_UNREACHABLE = 0x03,
	CODE_HOST_UNREACHABLE = 0x04,
	CODE_REFUSED = 0x05,
	CODE_TTL_EXPIRED = 0x06,
	CODE_COMMAND = 0x07,
	CODE_TYPE = 0x08,
};

/*
 * One client's wishes, as they come in. Strings end with a NUL, which their length does not count.
 */
struct request {
	uint8_t version; /* 4 or 5 */
	uint8_t command;
	uint8_t type;	   /* TYPE_*, or what else the client wrote */
	bool v4a;	   /* SOCKS4 with a name */
	bool has_user;	   /* user/password (SOCKS5), or a user id that is not empty (SOCKS4) */
	bool methods[256]; /* offered in the greeting */
	struct addr to;	   /* for TYPE_IPV4 and TYPE_IPV6; the port always */
	uint8_t name_len, user_len, password_len;
	char name[256], user[256], password[256];
};

/*
 * Each takes one message from the front of `data`.
 * Returns its length, 0 when the rest has not come yet, -1 when it is no such message.
 * RFC 1928 §3, RFC 1929 §2, RFC 1928 §4, "SOCKS 4A".
 */
int proxy_take_greeting(const uint8_t *data, size_t len, struct request *rq);
int proxy_take_password(const uint8_t *data, size_t len, struct request *rq);
int proxy_take_request5(const uint8_t *data, size_t len, struct request *rq);
int proxy_take_request4(const uint8_t *data, size_t len, struct request *rq);

/* The longest reply: type 3 with 255 bytes. */
#define PROXY_REPLY_MAX 262

/* The bound address of a reply. */
struct bound {
	int type; /* 0, 1, 3 or 4 */
	struct addr addr;
	uint8_t name_len; /* type 3 */
	const char *name;
};

/* Writes the final reply with the code of RFC 1928 (SOCKS4: its relatives, 0x5a and 0x5b). */
void proxy_put_reply(struct bytes_out *o, const struct request *rq, uint8_t code,
		     const struct bound *bound);

/* The code that the reply bears: of SOCKS4 or of SOCKS5. */
uint8_t proxy_wire_code(const struct request *rq, uint8_t code);

/* The code that tells of a connect(2) that failed with `error`. */
uint8_t proxy_errno_code(int error);

/* Prints "CONNECT example.com:80"; bytes that are not printable become \xNN. */
void proxy_put_request(struct bytes_out *o, const struct request *rq);
void proxy_put_escaped(struct bytes_out *o, const char *text, size_t len);

#endif
