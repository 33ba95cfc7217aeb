/* SPDX-License-Identifier: MIT */
/*
 * report.h - what a controller is told of a stream or an attempt: from a structure to the line,
 * where lines go, and from a controller's answer back. Pure.
 */
#ifndef SOCKSHIM_REPORT_H
#define SOCKSHIM_REPORT_H

#include "addr.h"
#include "bytes.h"
#include "sockshim/report.h"

#define REPORT_LINE SOCKSHIM_REPORT_LINE
#define REPORT_USER SOCKSHIM_REPORT_USER
#define REPORT_TAG 64 /* bytes of Tag at most */

enum report_event {
#define EVENT(name, text) REPORT_##name,
	SOCKSHIM_REPORT_EVENTS(EVENT)
#undef EVENT
};

/* A process, as it says of itself or as the supervisor sees it. */
struct report_process {
	int32_t pid, tid, ppid;
	uint64_t started; /* in clock ticks since boot, as in /proc/PID/stat; 0: unknown */
	const char *exe;
};

/* Which fields count is said by the event; texts may be NULL, and are any bytes. */
struct report {
	uint8_t event; /* enum report_event */
	uint8_t protocol, command;
	uint8_t hop;  /* 1: the proxy that the program's machine connects to */
	uint8_t code; /* of a reply, with `replied` */
	bool replied, ack, supervisor;
	uint32_t seq;
	uint64_t time; /* CLOCK_MONOTONIC, ns */
	struct report_process by;
	struct addr source, to; /* port 0: unknown */
	uint64_t cookie, ms, count;
	int error; /* errno, or 0 */
	const char *proxy, *host, *how, *tag, *session;
	size_t host_len, user_len;
	const void *user; /* SOCKS user name */
	/* of an attempt */
	const char *call, *reason, *target, *from;
};

/*
 * Writes the line, with its newline; its length. What does not fit is left out, and "cut" says so.
 */
size_t report_print(const struct report *r, char out[static REPORT_LINE]);

/* Where reports go. */
enum report_kind { REPORT_NOWHERE, REPORT_UNIX, REPORT_TCP, REPORT_FD, REPORT_FILE };

struct report_target {
	uint8_t kind; /* enum report_kind */
	int fd;
	struct addr at;
	const char *path; /* into the text; of a Unix socket "@name": an abstract one */
};

/*
 * Reads unix:PATH, tcp:HOST:PORT, fd:N or file:PATH. NULL, or what is wrong (static). "": nowhere.
 */
const char *report_target(const char *text, struct report_target *out);

/* A controller's answer. */
struct report_answer {
	uint32_t seq;
	int error; /* errno: the connection is refused; 0: go on */
	uint8_t user_len;
	uint8_t user[REPORT_USER]; /* SOCKS user name to use, if user_len */
};

/* Reads a line (without its newline). False if it is none, or is of another kind. */
bool report_read_answer(const char *line, size_t len, struct report_answer *out);

/* "ECONNREFUSED" and the like; 0 or "" if it is unknown. */
int report_errno(const char *name);
const char *report_errno_name(int error);

#endif
