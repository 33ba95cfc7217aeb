/* SPDX-License-Identifier: MIT */
/*
 * stream.h - from a socket to a tunnel, stepwise: connect to the proxy, then the SOCKS handshake,
 * on the program's own descriptor. Never waits: stream_step() does what can be done now and says
 * what to wait for. The state holds no pointer, so that it may lie in memory shared by processes.
 */
#ifndef SOCKSHIM_STREAM_H
#define SOCKSHIM_STREAM_H

#include "decide.h"
#include "report.h"
#include "session.h"
#include "socks.h"

enum stream_state {
	STREAM_CONNECTING, /* the kernel's connect to the proxy is under way */
	STREAM_REPORT,	   /* connected; the controller is told first, and perhaps asked */
	STREAM_HANDSHAKE,
	STREAM_OPEN,
	STREAM_FAILED,
};

/* What the controller said, or that it could not be told (with ReportMode required). */
enum stream_told { TOLD_FINE, TOLD_NOT, TOLD_DENIES };

struct stream_report {
	uint64_t until;	    /* how long the controller is waited for */
	struct addr source; /* as it was reported */
	uint32_t seq;	    /* of the report; 0: not sent */
	int32_t pid;	    /* of the process that sent it */
	int16_t error;	    /* why it could not be sent */
	uint8_t told;	    /* enum stream_told */
	uint8_t user_len;
	uint8_t user[REPORT_USER]; /* the controller's SOCKS user name for this stream */
};

struct stream {
	struct socks socks;
	struct addr to;	 /* what the program asked for */
	int32_t name;	 /* index into the names table, or -1 */
	int32_t pid;	 /* of the program, for Isolate process */
	uint8_t state;	 /* enum stream_state */
	uint8_t command; /* enum socks_command */
	uint8_t proxy;	 /* index into settings.proxies */
	uint8_t isolate; /* enum isolate */
	bool pipeline;
	uint8_t domain;	   /* AF_* of the program's socket, if a replacement stands in its place */
	bool no_delay;	   /* TCP_NODELAY, if so */
	bool optimistic;   /* data may follow the request: stream_owes() */
	bool requested;	   /* the request is on its way */
	bool bound;	   /* to an IPv6 address, from which the proxy's IPv4 is not reached */
	bool deaf;	   /* the program reads no more: the end of the stream is no failure */
	uint64_t deadline; /* CLOCK_MONOTONIC in ns; 0: none */
	uint64_t started;
	uint64_t serial;	 /* drawn per stream, for Isolate connection */
	uint64_t cookie;	 /* of its socket, if who began it told */
	uint32_t sent, received; /* bytes of the handshake so far */
	struct stream_report report;
};

/* Prepares a stream for `to` (and the name it stands for, or -1) as `d` decided. */
void stream_init(struct stream *st, const struct session *s, const struct decision *d,
		 const struct addr *to, int32_t name, enum socks_command command);

/*
 * Calls connect(2) on `fd` (of that domain; AF_UNIX if the proxy is so) to the proxy. 0: go on with
 * stream_step(); else -errno as connect(2) gives it (-EISCONN, -EALREADY, -EBADF, …): the stream
 * has not begun. -EAFNOSUPPORT: this socket's family cannot reach the proxy; it needs a
 * replacement.
 */
int stream_start(struct stream *st, const struct session *s, int fd, int domain);

/*
 * The family of a socket that reaches the proxy in the place of one of `domain`; 0: that one does.
 */
int stream_family(const struct proxy *p, int domain);

/* The proxy's address for a socket of `domain`: its length, or -EAFNOSUPPORT. */
int stream_address(const struct proxy *p, int domain, struct sockaddr_storage *to);

/* What the program is told when stream_start() failed so: connect(2) over IP has no ENOENT. */
int stream_refusal(int error);

/*
 * Does what can be done without waiting. Returns POLLIN or POLLOUT: call again when the descriptor
 * is so; POLLPRI (which never comes): call again at the deadline, or when reporter_fd() can be
 * read; 0: the tunnel is open; -errno: it failed, and the socket has been shut down both ways.
 * `answer` is for RESOLVE and RESOLVE_PTR, else NULL. Checks the deadline by itself.
 */
int stream_step(struct stream *st, const struct session *s, int fd, struct socks_answer *answer);

/* With Optimistic: may the program write already, though the proxy owes its reply? */
bool stream_owes(const struct stream *st);

/* After a jump out of stream_start(): takes back the time limit that it gave the socket. */
void stream_unbound(const struct session *s, int fd);

/* Ends it with `error`, as if stream_step() had found it: returns -error. */
int stream_abort(struct stream *st, int fd, int error);

/*
 * Makes a disconnected TCP socket look like one whose connect(2) was refused: ERR, HUP, IN and OUT
 * in poll(2), ECONNREFUSED in SO_ERROR. No packet but over loopback, to a port that nobody can
 * have. False if it cannot be had: no loopback.
 */
bool stream_refuse(int fd);

/* A stream failed since the proxy did: worth a line. A target that it could not reach is not. */
bool stream_proxy_fails(const struct stream *st, const struct session *s);

/* "example.com:443 through tor://127.0.0.1:9050", and why it failed, for a log line. */
void stream_words(struct bytes_out *o, const struct stream *st, const struct session *s);
void stream_error_words(struct bytes_out *o, const struct stream *st, const struct session *s,
			int error);

/* Milliseconds until the deadline, for poll(2); -1: none. */
int stream_timeout(const struct stream *st);

#endif
