/* SPDX-License-Identifier: MIT */
/*
 * proxy_pipe.c - one direction of a connection: a bounded buffer between two sockets.
 *
 * Buffers are taken when bytes come and given back when they are written, so that ten thousand
 * idle connections need no buffer. A few are kept for the next one.
 */
#include "proxy_pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl.h"

#define SPARE 64
#define TRICKLE_MS 1

static uint8_t *spare[SPARE];
static size_t spares;

static void take_buffer(struct pipe *p)
{
	if (p->data)
		return;
	p->data = spares ? spare[--spares] : malloc(PIPE_SIZE);
	if (!p->data)
		ctl_die(1, "out of memory");
	p->at = p->end = 0;
}

static void give_buffer(struct pipe *p)
{
	if (p->data && spares < SPARE)
		spare[spares++] = p->data;
	else
		free(p->data);
	p->data = NULL;
	p->at = p->end = 0;
}

bool pipe_wants(const struct pipe *p)
{
	return !p->eof && (p->delay ? !pipe_used(p) : pipe_used(p) < PIPE_SIZE);
}

bool pipe_ready(const struct pipe *p)
{
	return pipe_used(p) && !timer_runs(&p->hold);
}

/* Moves what is there to the front, if there is no room behind it. */
static void make_room(struct pipe *p)
{
	if (p->end < PIPE_SIZE || !p->at)
		return;
	memmove(p->data, p->data + p->at, pipe_used(p));
	p->end -= p->at;
	p->at = 0;
}

ssize_t pipe_fill(struct pipe *p, int fd)
{
	ssize_t n;

	if (!pipe_wants(p))
		return 0;
	take_buffer(p);
	make_room(p);
	n = recv(fd, p->data + p->end, PIPE_SIZE - p->end, 0);
	if (n < 0)
		n = errno == EAGAIN || errno == EINTR ? 0 : -errno;
	else if (n == 0)
		p->eof = true;
	if (n > 0 && !p->broken)
		p->end += (size_t)n;
	pipe_delay(p);
	if (!pipe_used(p))
		give_buffer(p);
	return n;
}

bool pipe_put(struct pipe *p, const void *data, size_t len)
{
	take_buffer(p);
	make_room(p);
	if (PIPE_SIZE - p->end < len)
		return false;
	memcpy(p->data + p->end, data, len);
	p->end += len;
	return true;
}

int pipe_flush(struct pipe *p, int fd)
{
	while (pipe_ready(p)) {
		size_t len = p->trickle ? 1 : pipe_used(p);
		ssize_t n = send(fd, p->data + p->at, len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		pipe_drop(p, (size_t)n);
		if (p->trickle)
			loop_timer(&p->hold, TRICKLE_MS);
		else if ((size_t)n < len)
			break;
	}
	return 0;
}

void pipe_drop(struct pipe *p, size_t len)
{
	p->at += len;
	if (!pipe_used(p))
		give_buffer(p);
}

void pipe_delay(struct pipe *p)
{
	if (p->delay && pipe_used(p) && !timer_runs(&p->hold))
		loop_timer(&p->hold, p->delay);
}

void pipe_free(struct pipe *p)
{
	loop_cancel(&p->hold);
	give_buffer(p);
}
