/* SPDX-License-Identifier: MIT */
/*
 * connect.c - connect(2) through the proxy.
 *
 * The stream is in the table before the kernel's connect begins: whatever happens then (a signal
 * handler that jumps out, another thread that looks), its socket is known to lead to no more than the
 * proxy. A blocking connect drives it to the end; a non-blocking one makes the first step.
 */
#include <errno.h>

#include "audited.h"
#include "pend.h"
#include "sys.h"
#include "tunnel.h"

struct connecting {
	const struct session *s;
	const struct call *c;
	const struct decision *d;
	int32_t name;
	int fd;
	uint32_t self; /* thread */
	uint64_t cookie;
};

static bool is_callers(int err)
{
	return err == -EISCONN || err == -EALREADY || err == -EBADF || err == -ENOTSOCK ||
	       err == -EINTR;
}

/* Connects without the table: there is no room in it. */
static int connect_unlisted(const struct connecting *a)
{
	struct stream st;
	int err;

	stream_init(&st, a->s, a->d, &a->c->to, a->name, SOCKS_CONNECT);
	audit_begin(a->s, &st, a->cookie);
	err = stream_start(&st, a->s, a->fd, a->c->domain);
	if (!err)
		err = tunnel_drive(&st, a->s, a->fd, NULL);
	audit_end(a->s, &st, a->cookie, -err);
	if (is_callers(err) && st.state == STREAM_CONNECTING)
		return err;
	if (err < 0) {
		if (err != -EINTR)
			tunnel_say_failed(a->s, &st, -err);
		return err;
	}
	tunnel_list(a->s, &st, a->cookie);
	tunnel_say_open(a->s, &st, a->fd);
	return 0;
}

/* Asks the kernel how a connection stands; nobody but the proxy can hear of it. */
static int ask_kernel(const struct connecting *a)
{
	struct stream st;

	stream_init(&st, a->s, a->d, &a->c->to, a->name, SOCKS_CONNECT);
	return stream_start(&st, a->s, a->fd, a->c->domain);
}

/* Marks a locked stream as waited for, or not. False: it is over. */
static bool set_waited(const struct connecting *a, struct progress *p, bool waited)
{
	if (progress_lock(p, a->cookie, a->self) > PROGRESS_STOLEN)
		return false;
	p->waited = waited;
	progress_unlock(p);
	return true;
}

/* Of a stream that is over: 0, or its error. Success costs no system call. */
static int outcome(const struct connecting *a)
{
	return pend_any() && fds_maybe(a->fd) ? -pend_error(a->fd) : 0;
}

/* Drives it to the end. -EINTR and -EINPROGRESS leave it under way, as the kernel does. */
static int wait_for(const struct connecting *a, struct progress *p)
{
	uint64_t limit = pend_limit(a->fd, SO_SNDTIMEO);
	int need, err = 0;

	while (!err && (need = pend_step_known(p, a->cookie, a->fd, a->self)) > 0)
		err = pend_rest(a->fd, need, limit);
	if (!err)
		return outcome(a);
	set_waited(a, p, false);
	return err == -EAGAIN ? -EINPROGRESS : err;
}

/* A call while the first is under way, or after it failed. */
static int again(const struct connecting *a, struct progress *p)
{
	int err;

	if (pend_step_known(p, a->cookie, a->fd, a->self) > 0) {
		if (!pend_blocks(a->fd))
			return -EALREADY;
		set_waited(a, p, true);
		err = wait_for(a, p);
	} else {
		err = outcome(a);
	}
	if (err == -EINTR || err == -EINPROGRESS)
		return err;
	if (err) {
		sys_disconnect(
			a->fd); /* as the kernel does when it tells; nothing to be told remains */
		return err;
	}
	return ask_kernel(a); /* says 0, once */
}

static void begin(const struct connecting *a, struct progress *p)
{
	fds_mark(a->fd);
	fds_find_copies(a->fd, a->cookie);
	pend_hide(p, a->fd, EPOLLET); /* before anything can become ready */
	stream_init(&p->stream, a->s, a->d, &a->c->to, a->name, SOCKS_CONNECT);
	p->waited = true;
	audit_begin(a->s, &p->stream, a->cookie);
}

static int start_failed(const struct connecting *a, struct progress *p, int err)
{
	struct stream st = p->stream;

	audit_end(a->s, &st, a->cookie, -err);
	pend_forget_locked(p, a->fd);
	/* A non-blocking socket gives the error of its last attempt so: the proxy is not at fault. */
	if (!is_callers(err) && err != -ECONNABORTED &&
	    (err != -ECONNREFUSED || pend_blocks(a->fd)))
		tunnel_say_failed(a->s, &st, -err);
	return err;
}

static int connect_listed(const struct connecting *a, struct progress *p)
{
	bool blocks;
	int err;

	begin(a, p);
	err = stream_start(&p->stream, a->s, a->fd, a->c->domain);
	if (err < 0 && err != -EINTR)
		return start_failed(a, p, err);
	blocks = p->stream.state == STREAM_HANDSHAKE || pend_blocks(a->fd);
	p->waited = blocks && err != -EINTR;
	/* EPOLLOUT wakes a thread that sleeps in epoll_wait(2): its timeout must heed our deadline. */
	pend_advance(p, a->fd, false, EPOLLOUT);
	if (err == -EINTR)
		return err;
	return blocks ? wait_for(a, p) : -EINPROGRESS;
}

/* A stream that is open: the kernel says 0 once to who connected without blocking, then EISCONN. */
static bool is_open(const struct connecting *a)
{
	struct stream_entry e;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return streams_find(session_streams(a->s), a->cookie, &e) == 0 &&
	       SYS3(SYS_getpeername, a->fd, &peer, &len) == 0;
}

int tunnel_connect(int fd, const struct call *c, const struct decision *d, int32_t name)
{
	struct connecting a = {.s = here(), .c = c, .d = d, .name = name, .fd = fd};
	struct progresses *t = session_progresses(a.s);
	struct progress *p;

	a.cookie = sys_cookie(fd);
	if (!a.cookie)
		return ask_kernel(&a); /* EBADF, ENOTSOCK */
	a.self = (uint32_t)sys_gettid();
	p = progress_find(t, a.cookie);
	if (p) {
		fds_mark(fd);
		return again(&a, p);
	}
	if (is_open(&a))
		return ask_kernel(&a);
	if (fd >= PEND_FDS || !fds_ready() || regs_too_many(fd))
		return connect_unlisted(&a);
	p = progress_add(t, a.cookie, a.self);
	return p ? connect_listed(&a, p) : connect_unlisted(&a);
}
