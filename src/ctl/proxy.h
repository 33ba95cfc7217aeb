/* SPDX-License-Identifier: MIT */
/* proxy.h - what the files of `sockshimctl proxy` share. */
#ifndef SOCKSHIM_CTL_PROXY_H
#define SOCKSHIM_CTL_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"

/* Ways to behave badly; `faults` in proxy.c says what each does. */
enum fault {
	FAULT_NONE,
	FAULT_GARBAGE,
	FAULT_HTTP,
	FAULT_TRUNCATE,
	FAULT_CLOSE,
	FAULT_CLOSE_METHOD,
	FAULT_CLOSE_AFTER_METHOD,
	FAULT_HANG,
	FAULT_HANG_METHOD,
	FAULT_BYTE_BY_BYTE,
	FAULT_LONG_REPLY,
	FAULT_WRONG_VERSION,
	FAULT_WRONG_METHOD_VERSION,
	FAULT_BAD_METHOD,
	FAULT_NO_METHOD,
	FAULT_AUTH_FAIL,
	FAULT_DROP_PIPELINED,
	FAULT_NO_HALF_CLOSE,
};

struct proxy_user {
	const char *name, *password;
	size_t name_len, password_len;
	struct proxy_user *next;
};

/* What the options say; fixed once the loop runs. Times are milliseconds. */
struct proxy_settings {
	int delay, delay_method, delay_data;
	int hold;	   /* so many requests at a time; 0 and 1: each at once */
	int reply;	   /* a code for every CONNECT, or -1 */
	int bind_type;	   /* 0, 1, 3, 4, or -1: the truth */
	int bind_name_len; /* for type 3 */
	int truncate_at;
	enum fault fault;
	int fault_count; /* the first so many connections are faulty; -1: all */
	bool reset, greet_early, prefer_auth, no_resolve, quiet, verbose, log_passwords;
	const char *log;
	struct proxy_user *users;
};
extern struct proxy_settings proxy_settings;

/* One request is one line in the log; `text` has no newline and `room` for one more byte. */
void proxy_log_line(char *text, size_t len);
bool proxy_logs(void);

/* Opens a listener for "ADDR:PORT", "ADDR" or "unix:PATH"; false if it is none of these. */
bool listen_add(const char *text);

/* Opens all of them and says so on stdout; exits on failure. Default: 127.0.0.1:1080. */
void listen_start(void);

/* A descriptor was given back: accept again if there were none left. */
void listen_resume(void);

/* Closes them and removes the paths of Unix sockets. */
void listen_end(void);

/* Serves a client that was accepted; owns `fd`. `from` is NULL for a Unix socket. */
void conn_start(int fd, const struct addr *from);

/* How many there are. */
size_t conn_count(void);

/* Frees connections that were closed; the loop's `after`. */
void conn_reap(void);

/* Closes them all. */
void conn_end(void);

#endif
