/* SPDX-License-Identifier: MIT */
/*
 * tor.h - a connection to Tor's control port: commands go out one after another without waiting,
 * each line of a reply goes to the command it answers, each line of an event to the one who
 * listens.
 */
#ifndef SOCKSHIM_CTL_TOR_H
#define SOCKSHIM_CTL_TOR_H

#include <stdbool.h>

#include "torctl.h"

/* Called for each item of a reply or an event; TORCTL_END is the last of one. */
typedef void tor_line(void *arg, enum torctl_item item, unsigned code, const char *text,
		      size_t len);

struct tor_request; /* a command that is not answered yet */

struct tor {
	int fd;
	struct torctl parser;
	char *out; /* not sent yet */
	size_t out_len, out_size;
	struct tor_request *first, **last;
	tor_line *event;
	void *event_arg;
	bool in_event;	   /* data lines belong to an event */
	const char *error; /* words, once nothing more can come */
};

/* Where and how, from the options that all of `sockshimctl tor` share. */
struct tor_settings {
	const char *control; /* ADDR:PORT, PORT, unix:PATH or /PATH; NULL: the usual places */
	const char *password_file, *cookie;
	const char *method; /* null, password, cookie, safecookie; NULL: the best */
};

/* tor_conn.c: connects; ends the program with one line if nobody is there. */
void tor_connect(struct tor *t, const struct tor_settings *s);

/* tor_auth.c: PROTOCOLINFO and AUTHENTICATE; ends the program with one line if Tor refuses. */
void tor_authenticate(struct tor *t, const struct tor_settings *s);

/* Sends a whole command (with its CR LF). `line` may be NULL. */
void tor_send(struct tor *t, const char *command, size_t len, tor_line *line, void *arg);

/* Formats a command, without CR LF; for words that are known to be harmless. */
void tor_sendf(struct tor *t, tor_line *line, void *arg, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* What poll(2) has to wait for; then tor_step() sends and takes what it can without waiting. */
short tor_events(const struct tor *t);
void tor_step(struct tor *t);

/* Waits until all commands are answered; false: the connection was gone before (t->error). */
bool tor_wait(struct tor *t);

/* Asks one thing and keeps the answer: lines joined by LF, without the last line's "OK". */
struct tor_answer {
	unsigned code;
	char *text; /* the caller frees it */
	size_t len;
};
struct tor_answer tor_ask(struct tor *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A tor_line that gathers into a struct tor_answer. */
tor_line tor_gather;

void tor_close(struct tor *t);

/* tor_via.c: `sockshimctl tor via`. */
int tor_via(const struct tor_settings *s, int argc, char **argv);

#endif
