/* SPDX-License-Identifier: MIT */
/*
 * reporter.c - a process's connection to the controller, and who may use it.
 *
 * Its state is in the process's own memory, under a lock that holds its owner's process and thread.
 * A fork of a process whose other thread had the lock finds out by the process id; a signal handler
 * that came in between finds its own thread, and makes a connection for that one report; one that
 * jumped out of the middle is found out because its frame lies below ours.
 */
#include "reporter.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "log.h"
#include "reporter_link.h"
#include "seqlock.h"
#include "sys.h"

#define TRIES 10000
static const struct reporter_host *around;

static LARGE_SET struct {
	uint64_t lock, frame;
	struct link link;
	uint64_t lost;
	char line[REPORT_LINE]; /* the lock's holder's: it is long for the stack of a caller */
} us = {.link = {.fd = -1}};

void reporter_use(const struct reporter_host *host)
{
	__atomic_store_n(&around, host, __ATOMIC_RELEASE);
}

static const struct reporter_host *host(void)
{
	static const struct reporter_host none;
	const struct reporter_host *h = __atomic_load_n(&around, __ATOMIC_ACQUIRE);

	return h ? h : &none;
}

static bool left(uint64_t owner, uint64_t self)
{
	return owner >> 32 != self >> 32 ||
	       (owner == self &&
		(uintptr_t)__builtin_frame_address(0) > SHARED_LOAD_RELAXED(&us.frame));
}

/* False: this thread has it already, further down. */
static bool lock(const struct report_process *caller)
{
	uint64_t self = (uint64_t)(uint32_t)caller->pid << 32 | (uint32_t)caller->tid, owner;

	if (host()->borrowed && host()->borrowed(caller->pid))
		return false;
	for (int tries = 0; tries < TRIES; tries++) {
		owner = SHARED_LOAD(&us.lock);
		if (owner == self && !left(owner, self))
			return false;
		if ((!owner || left(owner, self)) && shared_swap_long(&us.lock, owner, self)) {
			SHARED_STORE_RELAXED(&us.frame, (uintptr_t)__builtin_frame_address(0));
			return true;
		}
		SYS0(SYS_sched_yield);
	}
	return false;
}

static void unlock(void)
{
	SHARED_STORE(&us.lock, 0);
}

/* ---- lines ---- */

/* A report on its way. */
struct task {
	const struct session *s;
	struct link *l;
	const struct report_target *t;
	struct report *r;
	int32_t pid; /* ours */
	char *line;
};

static int put(const struct task *k, struct report *r)
{
	int err;

	r->seq = k->l->seq + 1;
	r->time = sys_now();
	err = link_send(k->s, k->l, k->t, k->line, report_print(r, k->line));
	if (!err)
		k->l->seq++, k->l->begun = true;
	return err;
}

/* What a report that is about no stream has of `of`. */
static struct report beside(const struct report *of, enum report_event event)
{
	return (struct report){.event = (uint8_t)event,
			       .by = of->by,
			       .supervisor = of->supervisor,
			       .session = of->session,
			       .tag = of->tag};
}

static int put_start(const struct task *k)
{
	struct report r = beside(k->r, REPORT_START);

	if (r.supervisor) /* the supervisor itself, not the caller */
		r.by = (struct report_process){.pid = k->pid, .tid = k->pid};
	return put(k, &r);
}

/* Once for all that went missing before. */
static int put_lost(const struct task *k)
{
	struct report r = beside(k->r, REPORT_LOST);
	int err;

	r.count = us.lost;
	err = put(k, &r);
	if (!err)
		us.lost = 0;
	return err;
}

static int put_all(const struct task *k)
{
	int err = 0;

	if (!link_is_ours(k->l, k->t, k->pid))
		err = link_open(k->l, k->t, k->pid);
	else if (k->l->connecting)
		err = link_connected(k->l);
	if (!err && !k->l->begun)
		err = put_start(k);
	if (!err && us.lost)
		err = put_lost(k);
	return err ? err : put(k, k->r);
}

static bool is_broken(int err)
{
	return err == -EPIPE || err == -ECONNRESET || err == -ENOTCONN;
}

static bool hung_up(const struct task *k, int err)
{
	if (!is_broken(err) || !link_is_connection(k->t))
		return false;
	link_drop(k->l);
	if (k->l == &us.link)
		answers_forget();
	return true;
}

/* A controller that was started anew gets a new connection; of what is broken none is kept. */
static int put_surely(const struct task *k)
{
	int err = put_all(k);

	if (hung_up(k, err)) {
		err = put_all(k);
		hung_up(k, err);
	}
	return err;
}

/* ---- answers ---- */

static struct report_process ourselves(void)
{
	return (struct report_process){.pid = sys_getpid(), .tid = sys_gettid()};
}

/* Bounded: a controller that never stops talking must not hold the program up. */
static void listen_now(const struct report_target *t, int32_t pid)
{
	long n = 1;

	for (int i = 0; i < 8 && n > 0 && link_is_ours(&us.link, t, pid) && !us.link.connecting;
	     i++) {
		size_t size;
		char *room = answers_room(&size);

		n = sys_recv(us.link.fd, room, size, MSG_DONTWAIT);
		if (n > 0)
			answers_take((size_t)n);
	}
	if (n == 0 || is_broken((int)n)) {
		link_drop(&us.link);
		answers_forget();
	}
}

void reporter_listen(const struct session *s)
{
	const struct report_process self = ourselves();
	struct report_target t;

	if (report_target(s->settings.text + s->settings.report, &t) || !lock(&self))
		return;
	listen_now(&t, self.pid);
	unlock();
}

/* The answer on a connection that cannot be kept: the one place where a report is waited for. */
static bool answer_at_once(const struct link *l, uint32_t seq, uint64_t until,
			   struct report_answer *out)
{
	char line[REPORTER_ANSWER], *end;
	size_t have = 0;
	long n = 1;

	while (n > 0 && have < sizeof(line) && sys_now() < until) {
		struct pollfd p = {.fd = l->fd, .events = POLLIN};
		const struct timespec ms = {.tv_nsec = 1000000};

		if (SYS5(SYS_ppoll, &p, 1, &ms, 0, 8) <= 0)
			continue;
		n = sys_recv(l->fd, line + have, sizeof(line) - have, MSG_DONTWAIT);
		have += n > 0 ? (size_t)n : 0;
		end = memchr(line, '\n', have);
		if (end && report_read_answer(line, (size_t)(end - line), out) && out->seq == seq)
			return true;
	}
	return false;
}

int reporter_answer(const struct session *s, int32_t pid, uint32_t seq, struct report_answer *out)
{
	const struct report_process self = ourselves();
	struct report_target t;
	int found;

	if (pid != self.pid)
		return -EPIPE;
	if (report_target(s->settings.text + s->settings.report, &t) || !lock(&self))
		return 0;
	listen_now(&t, pid);
	found = answers_get(seq, out);
	if (found < 0 || (!found && !link_is_ours(&us.link, &t, pid)))
		found = -EPIPE;
	unlock();
	return found;
}

int reporter_fd(void)
{
	return us.link.pid == sys_getpid() ? us.link.fd : -1;
}

/* ---- what others call ---- */

/* On a connection of its own, where the lock is not to be had. */
static __attribute__((noinline)) int put_once(const struct task *of, uint64_t until,
					      struct report_answer *answer)
{
	struct link l = {.fd = -1};
	char line[REPORT_LINE];
	const struct task k = {of->s, &l, of->t, of->r, of->pid, line};
	int err = put_surely(&k);

	if (!err && until && link_is_connection(k.t))
		err = answer_at_once(&l, k.r->seq, until, answer) ? 1 : -ETIMEDOUT;
	link_drop(&l);
	return err;
}

static int put_kept(const struct task *k, uint64_t until, struct report_answer *answer)
{
	int err = put_surely(k);

	if (!link_is_connection(k->t) || k->l->kept) {
		if (!err && until)
			answers_expect(k->r->seq);
		return err;
	}
	if (!err && until)
		err = answer_at_once(k->l, k->r->seq, until, answer) ? 1 : -ETIMEDOUT;
	link_drop(k->l);
	return err;
}

int reporter_send(const struct session *s, struct report *r, uint64_t until,
		  struct report_answer *answer)
{
	/* What the library reports is of this process and thread. */
	const struct report_process self = host()->supervisor ? ourselves() : r->by;
	struct report_target t;
	const struct task k = {s, &us.link, &t, r, self.pid, us.line};
	char id[17];
	int err;

	session_id(s, id);
	r->session = id;
	r->tag = s->settings.text + s->settings.tag;
	r->supervisor = host()->supervisor;
	if (report_target(s->settings.text + s->settings.report, &t))
		return -EINVAL;
	if (!lock(&self))
		return put_once(&k, until, answer);
	err = put_kept(&k, until, answer);
	unlock();
	return err;
}

bool reporter_may_return(const struct session *s, int err)
{
	struct report_target t;

	if (err == -EAGAIN)
		return true;
	return (is_broken(err) || err == -ECONNREFUSED || err == -ENOENT) &&
	       !report_target(s->settings.text + s->settings.report, &t) && link_is_connection(&t);
}

void reporter_who(const struct stream *st, struct report_process *p)
{
	if (host()->who)
		host()->who(st, p);
	else
		*p = ourselves();
}

/* The number is spent, so that a gap shows. */
void reporter_lose(void)
{
	__atomic_add_fetch(&us.lost, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&us.link.seq, 1, __ATOMIC_RELAXED);
}
