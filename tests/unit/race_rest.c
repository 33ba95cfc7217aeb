/* SPDX-License-Identifier: MIT */
/*
 * race_rest.c - what the tables of race_tables.c want of the rest of the library. A stream has a
 * few steps, and is open or refused then; nothing is told to anybody.
 */
#include <errno.h>

#include "../../src/shim/audited.h"
#include "../../src/shim/pend.h"
#include "../../src/shim/replace.h"
#include "../../src/shim/tunnel.h"
#include "sys.h"

enum { STEPS = 4 };

bool confined;
static const struct progress_news none;
const struct progress_news *others_news = &none;

static int poll_kernel(struct pollfd *fds, nfds_t n, int ms)
{
	return (int)SYS3(SYS_poll, fds, n, ms);
}

struct real_calls real_table = {.poll = poll_kernel};

void *real_find(size_t i)
{
	(void)i;
	return NULL;
}

/* Without blocking, whatever the kernel thinks: only who has the lock is here. */
int stream_step(struct stream *st, const struct session *s, int fd, struct socks_answer *answer)
{
	(void)s, (void)fd, (void)answer;
	st->deadline = sys_now() + 1000000;
	if (++st->started % STEPS)
		return st->started % 2 ? POLLIN : POLLOUT;
	return st->started / STEPS % 2 ? 0 : -ECONNREFUSED;
}

int stream_abort(struct stream *st, int fd, int error)
{
	(void)st, (void)fd;
	return -error;
}

bool stream_owes(const struct stream *st)
{
	return st->optimistic;
}

bool stream_refuse(int fd)
{
	return fd % 2;
}

void stream_unbound(const struct session *s, int fd)
{
	(void)s, (void)fd;
}

struct streams *session_streams(const struct session *s)
{
	(void)s;
	return NULL;
}

int streams_find(const struct streams *t, uint64_t cookie, struct stream_entry *out)
{
	(void)t, (void)cookie, (void)out;
	return -ENOENT;
}

void streams_drop(struct streams *t, uint64_t cookie)
{
	(void)t, (void)cookie;
}

void tunnel_list(const struct session *s, const struct stream *st, uint32_t thread, bool untold)
{
	(void)s, (void)st, (void)thread, (void)untold;
}

void tunnel_say_failed(const struct session *s, const struct stream *st, int error)
{
	(void)s, (void)st, (void)error;
}

void tunnel_say_open(const struct session *s, const struct stream *st, int fd)
{
	(void)s, (void)st, (void)fd;
}

bool tunnel_interrupts(void)
{
	return false;
}

nfds_t tunnel_waits(int need, struct pollfd *second)
{
	(void)need, (void)second;
	return 1;
}

void audit_end(const struct session *s, const struct stream *st, int error)
{
	(void)s, (void)st, (void)error;
}

int replace_make(int fd, int family)
{
	(void)fd, (void)family;
	return -EMFILE;
}

void replace_put(int fd, int made, bool hide)
{
	(void)fd, (void)made, (void)hide;
}

void held_owes(struct progress *p, int fd)
{
	(void)p, (void)fd;
}

void held_end(const struct progress *p, int fd)
{
	(void)p, (void)fd;
}

void held_settle(int fd)
{
	(void)fd;
}

bool others_look(void)
{
	return stir_settle();
}

void others_meet(void)
{
}

bool others_here(void)
{
	return false;
}
