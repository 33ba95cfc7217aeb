/* SPDX-License-Identifier: MIT */
/*
 * connect.c - connect(2) through the proxy.
 *
 * The stream is in the table before the kernel's connect begins: whatever happens then (a signal
 * handler that jumps out, another thread that looks), its socket is known to lead to no more than
 * the proxy. A blocking connect drives it to the end; a non-blocking one makes the first step.
 */
#include <errno.h>

#include "audited.h"
#include "ends.h"
#include "pend.h"
#include "replace.h"
#include "sys.h"
#include "tunnel.h"

struct connecting {
	const struct session *s;
	const struct call *c;
	const struct decision *d;
	int32_t name;
	int fd;
	int family;    /* of a replacement, or 0 */
	int socket;    /* that connects: a replacement, or fd */
	uint32_t self; /* thread */
	uint64_t cookie;
};

/* The program's own mistake, that is, not the proxy's. */
static bool is_callers(const struct connecting *a, int err)
{
	int domain = a->c->domain;

	if (err == -EINVAL || err == -EAFNOSUPPORT) /* an address of the other family */
		sys_getsockopt(a->fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	return domain != a->c->domain || err == -EISCONN || err == -EALREADY || err == -EBADF ||
	       err == -ENOTSOCK || err == -EINTR;
}

static void init(const struct connecting *a, struct stream *st)
{
	stream_init(st, a->s, a->d, &a->c->to, a->name, SOCKS_CONNECT);
	st->cookie = a->cookie;
	if (a->family)
		replace_note(st, a->fd, a->c->domain);
}

static int start(const struct connecting *a, struct stream *st)
{
	return stream_start(st, a->s, a->socket, a->family ? a->family : a->c->domain);
}

/* One that is not in its place yet. */
static void drop_replacement(const struct connecting *a)
{
	if (a->family)
		sys_close(a->socket);
}

/* Connects without the table: there is no room in it. */
static int connect_unlisted(const struct connecting *a)
{
	struct stream st;
	int err;

	init(a, &st);
	audit_begin(a->s, &st, a->socket);
	err = start(a, &st);
	if (!err)
		err = tunnel_drive(&st, a->s, a->socket, NULL);
	audit_end(a->s, &st, -err);
	if (err < 0) {
		drop_replacement(a);
		if (err != -EINTR && !(is_callers(a, err) && st.state == STREAM_CONNECTING))
			tunnel_say_failed(a->s, &st, -err);
		return stream_refusal(err);
	}
	tunnel_list(a->s, &st, a->self, false);
	tunnel_say_open(a->s, &st, a->socket);
	if (a->family)
		replace_put(a->fd, a->socket, false);
	return 0;
}

/* Asks the kernel how a connection stands; nobody but the proxy can hear of it. */
static int ask_kernel(const struct connecting *a)
{
	struct stream st;

	stream_init(&st, a->s, a->d, &a->c->to, a->name, SOCKS_CONNECT);
	return start(a, &st);
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

/* Drives what waits for `need` to the end. -EINTR and -EAGAIN leave it under way. */
static int wait_for(const struct connecting *a, struct progress *p, int need)
{
	uint64_t limit = pend_limit(a->fd, SO_SNDTIMEO);
	int err = 0;

	while (!err && need > 0 && !pend_owes(need)) {
		err = pend_rest(a->fd, need, limit);
		if (!err)
			need = pend_step_known(p, a->cookie, a->fd, a->self);
	}
	if (err || pend_owes(need))
		set_waited(a, p, false);
	return err ? err : outcome(a);
}

/*
 * Of an open stream: the kernel says 0 once to who connected without blocking, then EISCONN. Where
 * it has said that to us, or is a Unix socket's, the entry knows.
 */
static int ask_entry(const struct connecting *a, struct stream_entry *e)
{
	int err = a->family == AF_UNIX ? -EISCONN : ask_kernel(a);

	if (!e->untold || (err && err != -EISCONN))
		return err;
	e->untold = false;
	streams_add(session_streams(a->s), e);
	return 0;
}

/* The connection that a second connect(2) asks for was there, and is gone. */
static int abandoned(const struct connecting *a)
{
	int error = 0;

	sys_getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
	sys_disconnect(a->fd);
	streams_drop(session_streams(a->s), a->cookie);
	return error > 0 ? -error : -ECONNABORTED;
}

/*
 * Of a socket that had a stream: what connect(2) says, or 1 if it may connect anew. One that was
 * reset may not until it is disconnected; no address is as short as the one that is used to ask for
 * that.
 */
static int ask_again(const struct connecting *a)
{
	const struct sockaddr_storage none = {.ss_family = AF_INET};
	struct stream_entry e;
	int err;

	if (streams_find(session_streams(a->s), a->cookie, &e) < 0)
		return 1;
	if (ends_connected(a->fd))
		return ask_entry(a, &e);
	if (a->family)
		return 1;
	if (e.untold)
		return abandoned(a);
	err = sys_connect(a->fd, &none, sizeof(none.ss_family));
	return err == -EINVAL ? 1 : err;
}

/* A call while the first is under way, or after it failed. */
static int again(const struct connecting *a, struct progress *p)
{
	bool told = p->told || a->family == AF_UNIX, waited = false;
	int need = pend_step_known(p, a->cookie, a->fd, a->self), err;

	if (need > 0 && !pend_owes(need)) {
		if (!pend_blocks(a->fd))
			return -EALREADY;
		waited = set_waited(a, p, true);
		err = wait_for(a, p, need);
	} else {
		err = outcome(a);
	}
	if (err == -EAGAIN)
		return -EALREADY;
	if (err == -EINTR)
		return err;
	if (err) {
		sys_disconnect(
			a->fd); /* as the kernel does when it tells; nothing to be told remains */
		return err;
	}
	if (waited && told)
		return 0;
	err = ask_again(a);
	if (err <= 0)
		return err;
	/* a refusal, or a stream that is not listed */
	if (!a->family)
		return ask_kernel(a);
	return ends_connected(a->fd) ? 0 : abandoned(a);
}

static void begin(const struct connecting *a, struct progress *p)
{
	bool shared = !a->family && others_may_have(a->fd);

	fds_mark(a->fd);
	/* Either we find what epoll_ctl(2) has noted, or its thread finds this mark. */
	atomic_thread_fence(memory_order_seq_cst);
	if (shared)
		fds_suspect(a->fd);
	fds_find_copies(a->fd, a->family ? sys_cookie(a->fd) : a->cookie);
	if (!a->family)
		pend_hide(p, a->fd, EPOLLET); /* before anything can become ready */
	if (shared)
		others_tell();
	held_begin(p, a->socket);
	init(a, &p->stream);
	p->waited = true;
	audit_begin(a->s, &p->stream, a->socket);
}

static int start_failed(const struct connecting *a, struct progress *p, int err)
{
	struct stream st = p->stream;

	audit_end(a->s, &st, -err);
	pend_forget_locked(p, a->fd);
	drop_replacement(a);
	/*
	 * A non-blocking socket gives the error of its last attempt so: the proxy is not at fault.
	 */
	if (!is_callers(a, err) && err != -ECONNABORTED &&
	    (err != -ECONNREFUSED || a->family || pend_blocks(a->fd)))
		tunnel_say_failed(a->s, &st, -err);
	return stream_refusal(err);
}

static int connect_listed(const struct connecting *a, struct progress *p)
{
	bool blocks;
	int need, err;

	begin(a, p);
	p->calm = true; /* a signal handler may jump out of the kernel's connect(2) */
	err = start(a, &p->stream);
	p->calm = false;
	if (err == -EINTR && a->family != AF_UNIX && !tunnel_interrupts() &&
	    !pend_limit(a->fd, SO_SNDTIMEO))
		err = 0; /* it goes on; but for ConnectTimeout the kernel had restarted it */
	if (err < 0 && (err != -EINTR || a->family == AF_UNIX))
		return start_failed(a, p, err);
	if (a->family)
		replace_put(a->fd, a->socket, true);
	p->told = p->stream.state != STREAM_CONNECTING && a->family != AF_UNIX;
	blocks = p->told || pend_blocks(a->fd);
	p->waited = blocks && err != -EINTR;
	/*
	 * EPOLLOUT wakes a thread that sleeps in epoll_wait(2): its timeout must heed our deadline.
	 */
	need = pend_advance(p, a->fd, false, EPOLLOUT);
	if (err == -EINTR)
		return err;
	err = blocks ? wait_for(a, p, need) : -EAGAIN;
	return err == -EAGAIN ? -EINPROGRESS : err;
}

/* What connect(2) on the program's own socket would say at once. */
static int check_own(int fd, int domain)
{
	int own = AF_UNSPEC, err = sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &own, sizeof(own));
	int error = 0;

	if (err < 0)
		return err;
	sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
	if (error) { /* of the attempt before, not yet seen */
		sys_disconnect(fd);
		return -error;
	}
	if (ends_connected(fd))
		return -EISCONN;
	return own == domain ? 0 : own == AF_INET ? -EAFNOSUPPORT : -EINVAL;
}

/* The replacement is nobody's before it is put in its place: a failure leaves no trace. */
static int connect_replaced(struct connecting *a, bool listed)
{
	struct progresses *t = session_progresses(a->s);
	struct progress *p;
	int err = check_own(a->fd, a->c->domain);

	if (err < 0)
		return err;
	if (regs_too_many(a->fd) && a->fd < PEND_FDS && fds_ready())
		return -ENOBUFS; /* in more epolls than are known: it would fall out of them */
	a->socket = replace_make(a->fd, a->family);
	if (a->socket < 0)
		return a->socket;
	a->cookie = sys_cookie(a->socket);
	p = listed ? progress_add(t, a->cookie, a->self) : NULL;
	return p ? connect_listed(a, p) : connect_unlisted(a);
}

int tunnel_connect(int fd, const struct call *c, const struct decision *d, int32_t name)
{
	struct connecting a = {.s = here(), .c = c, .d = d, .name = name, .fd = fd, .socket = fd};
	struct progresses *t = session_progresses(a.s);
	struct progress *p;
	bool listed;
	int err;

	a.family = stream_family(&a.s->settings.proxies[d->proxy % SETTINGS_PROXIES], c->domain);
	a.cookie = sys_cookie(fd);
	if (!a.cookie)
		return ask_kernel(&a); /* EBADF, ENOTSOCK */
	a.self = (uint32_t)sys_gettid();
	p = progress_find(t, a.cookie);
	if (p && !p->ended) {
		fds_mark(fd);
		return again(&a, p);
	}
	if (p)
		pend_error(fd);
	err = ask_again(&a);
	if (err <= 0)
		return err;
	listed = fd < PEND_FDS && fds_ready() && !regs_too_many(fd);
	if (a.family)
		return connect_replaced(&a, listed);
	p = listed ? progress_add(t, a.cookie, a.self) : NULL;
	return p ? connect_listed(&a, p) : connect_unlisted(&a);
}
