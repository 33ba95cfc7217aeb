/* SPDX-License-Identifier: MIT */
/* proxy_pipe.h - one direction of a connection: a bounded buffer between two sockets. */
#ifndef SOCKSHIM_CTL_PROXY_PIPE_H
#define SOCKSHIM_CTL_PROXY_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

#define PIPE_SIZE 65536

struct pipe {
	uint8_t *data;	   /* PIPE_SIZE bytes while there is something in it, else NULL */
	size_t at, end;	   /* data[at..end) waits to be written */
	bool eof;	   /* nothing more will be read into it */
	bool shut;	   /* the end has been passed on */
	bool broken;	   /* it cannot be written to: what comes is thrown away */
	int delay;	   /* milliseconds that each chunk waits before it is written */
	bool trickle;	   /* a byte at a time */
	struct timer hold; /* nothing is written while it runs */
};

static inline size_t pipe_used(const struct pipe *p)
{
	return p->end - p->at;
}

/* Is there room to read into? A pipe with a delay takes one chunk after the other. */
bool pipe_wants(const struct pipe *p);

/* May bytes be written now? */
bool pipe_ready(const struct pipe *p);

/*
 * Reads once. Returns the bytes read, 0 if there is nothing now or at the end (`eof`), or -errno.
 */
ssize_t pipe_fill(struct pipe *p, int fd);

/* Appends; false if it does not fit. */
bool pipe_put(struct pipe *p, const void *data, size_t len);

/* Writes what the socket takes. Returns 0 or -errno. */
int pipe_flush(struct pipe *p, int fd);

/* Throws `len` bytes away, from the front. */
void pipe_drop(struct pipe *p, size_t len);

/* Starts the delay of what is in it. */
void pipe_delay(struct pipe *p);

/* Gives the buffer back. */
void pipe_free(struct pipe *p);

#endif
