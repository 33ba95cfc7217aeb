/* SPDX-License-Identifier: MIT */
/* proxy_conn.c - one client's connection: its life, its events, and its end. */
#include "proxy_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"

#define LINGER_MS 2000 /* the client's time to read a refusal */

static struct conn *living, *dead;
static size_t count;

static void close_side(struct watch *w, bool reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (w->fd < 0)
		return;
	loop_forget(w);
	if (reset)
		setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(w->fd);
	w->fd = -1;
}

void conn_close(struct conn *c, bool reset)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_CLOSED;
	close_side(&c->client, reset);
	close_side(&c->target, reset);
	loop_cancel(&c->timer);
	pipe_free(&c->up);
	pipe_free(&c->down);
	if (c->lookup)
		c->lookup->owner = NULL;
	*c->back = c->next;
	if (c->next)
		c->next->back = c->back;
	c->next = dead;
	dead = c;
	count--;
	listen_resume();
}

size_t conn_count(void)
{
	return count;
}

void conn_reap(void)
{
	while (dead) {
		struct conn *c = dead;

		dead = c->next;
		free(c);
	}
}

void conn_end(void)
{
	while (living)
		conn_close(living, false);
	conn_reap();
}

void conn_drop_target(struct conn *c)
{
	close_side(&c->target, false);
}

void conn_finish(struct conn *c)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_LINGER;
	c->down.eof = true;
	c->up.broken = true;
	c->up.delay = 0;
	pipe_free(&c->up);
	loop_timer(&c->timer, LINGER_MS);
}

void conn_hang(struct conn *c)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_HANG;
	c->up.broken = true;
	pipe_free(&c->up);
}

void conn_put(struct conn *c, const void *data, size_t len)
{
	if (!pipe_put(&c->down, data, len))
		conn_close(c, false);
}

/* A side broke down: what it had sent before still goes to the other one, then that is reset. */
static void side_failed(struct conn *c, struct watch *side)
{
	if (c->phase != PHASE_RELAY || (c->failed && c->failed != side)) {
		conn_close(c, c->phase == PHASE_RELAY);
		return;
	}
	c->failed = side;
}

static bool ended(const struct pipe *p)
{
	return p->eof && !pipe_used(p);
}

/* Passes an end of file on, once all before it is written. */
static void pass_end(struct pipe *p, int fd)
{
	if (!ended(p) || p->shut)
		return;
	p->shut = true;
	if (fd >= 0)
		shutdown(fd, SHUT_WR);
}

static void pass_ends(struct conn *c)
{
	if (c->failed) {
		if (ended(c->failed == &c->target ? &c->down : &c->up))
			conn_close(c, true);
		return;
	}
	if (c->phase == PHASE_LINGER && c->reset && ended(&c->down)) {
		conn_close(c, true);
		return;
	}
	if (c->phase != PHASE_RELAY && c->phase != PHASE_LINGER)
		return;
	pass_end(&c->up, c->target.fd);
	pass_end(&c->down, c->client.fd);
	if (c->up.shut && (c->down.shut || conn_has_fault(c, FAULT_NO_HALF_CLOSE)))
		conn_close(c, false);
}

static void flush(struct conn *c, struct pipe *p, struct watch *to)
{
	if (c->phase == PHASE_CLOSED || pipe_flush(p, to->fd) == 0)
		return;
	p->eof = p->shut = p->broken = true;
	pipe_free(p);
	side_failed(c, to);
}

static uint32_t wishes(const struct pipe *in, const struct pipe *out)
{
	return (in && pipe_wants(in) ? EPOLLIN : 0) | (out && pipe_ready(out) ? EPOLLOUT : 0);
}

void conn_settle(struct conn *c)
{
	int error = 0;

	flush(c, &c->down, &c->client);
	if (c->phase == PHASE_RELAY)
		flush(c, &c->up, &c->target);
	if (c->phase != PHASE_CLOSED)
		pass_ends(c);
	if (c->phase == PHASE_HANG && c->up.eof)
		conn_close(c, c->reset);
	if (c->phase == PHASE_CLOSED)
		return;
	error = loop_watch(&c->client, wishes(&c->up, &c->down));
	if (c->phase == PHASE_DIAL)
		error |= loop_watch(&c->target, EPOLLOUT);
	else if (c->phase == PHASE_RELAY)
		error |= loop_watch(&c->target, wishes(&c->down, &c->up));
	if (error)
		conn_close(c, true);
}

void conn_carry_out(struct conn *c)
{
	int held = 0;

	if (proxy_settings.hold < 2) {
		request_carry_out(c);
		return;
	}
	c->phase = PHASE_HELD;
	for (const struct conn *one = living; one; one = one->next)
		held += one->phase == PHASE_HELD;
	if (held < proxy_settings.hold)
		return;
	for (struct conn *one = living, *next; one; one = next) {
		next = one->next;
		if (one->phase != PHASE_HELD)
			continue;
		request_carry_out(one);
		conn_settle(one);
	}
}

/*
 * An error or a hang-up that no read or write will tell of, because we wait for neither.
 * Both ends shut and our buffer full: that is no error, but epoll would not stop telling.
 */
static bool hung_up(struct conn *c, struct watch *w, uint32_t events)
{
	if (w->events & (EPOLLIN | EPOLLOUT))
		return false;
	if (events & EPOLLERR)
		conn_close(c, true);
	else
		loop_forget(w);
	return true;
}

static void on_client(struct watch *w, uint32_t events)
{
	struct conn *c = w->owner;

	if (hung_up(c, w, events))
		return;
	if (w->events & EPOLLIN && events & ~(uint32_t)EPOLLOUT) {
		if (pipe_fill(&c->up, w->fd) < 0) {
			c->up.eof = true;
			side_failed(c, w);
		} else {
			handshake_advance(c);
		}
	}
	conn_settle(c);
}

static void on_target(struct watch *w, uint32_t events)
{
	struct conn *c = w->owner;
	int error = 0;
	socklen_t len = sizeof(error);

	if (c->phase == PHASE_DIAL) {
		getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		request_dialled(c, error);
	} else if (hung_up(c, w, events)) {
		return;
	} else if (w->events & EPOLLIN && events & ~(uint32_t)EPOLLOUT) {
		if (pipe_fill(&c->down, w->fd) < 0) {
			c->down.eof = true;
			side_failed(c, w);
		}
		if (proxy_settings.greet_early)
			loop_cancel(&c->down.hold);
	}
	conn_settle(c);
}

static void on_timer(struct timer *t)
{
	struct conn *c = t->owner;

	switch (c->phase) {
	case PHASE_METHOD_DELAY:
		handshake_method(c);
		handshake_advance(c);
		break;
	case PHASE_WAIT:
		if (c->count)
			request_dial(c);
		else
			conn_carry_out(c);
		break;
	case PHASE_DIAL:
		request_dialled(c, ETIMEDOUT);
		break;
	default:
		conn_close(c, c->reset);
	}
	conn_settle(c);
}

/* A chunk's delay is over, or it is the next byte's turn. */
static void on_hold(struct timer *t)
{
	conn_settle(t->owner);
}

void conn_start(int fd, const struct addr *from)
{
	static int number;
	struct conn *c = calloc(1, sizeof(*c));
	const int on = 1;

	if (!c)
		ctl_die(1, "out of memory");
	if (from)
		c->from = *from;
	c->from_unix = !from;
	c->client = (struct watch){.fd = fd, .ready = on_client, .owner = c};
	c->target = (struct watch){.fd = -1, .ready = on_target, .owner = c};
	c->timer = (struct timer){.fire = on_timer, .owner = c};
	c->up.hold = c->down.hold = (struct timer){.fire = on_hold, .owner = c};
	c->faulty = proxy_settings.fault_count < 0 || number < proxy_settings.fault_count;
	c->reset = c->faulty && proxy_settings.reset;
	c->down.trickle = conn_has_fault(c, FAULT_BYTE_BY_BYTE);
	number += number < proxy_settings.fault_count;
	c->next = living;
	c->back = &living;
	if (living)
		living->back = &c->next;
	living = c;
	count++;
	if (from)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn_settle(c);
}
