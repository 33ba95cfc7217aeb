/* SPDX-License-Identifier: MIT */
/*
 * reporter.c - a process's connection to the controller.
 *
 * Its state is in the process's own memory, under a lock that holds its owner's process and thread. A
 * fork of a process whose other thread had the lock finds out by the process id; a signal handler that
 * came in between finds its own thread, and makes a connection for that one report; one that jumped out
 * of the middle is found out because its frame lies below ours.
 */
#include "reporter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "log.h"
#include "reporter_link.h"
#include "seqlock.h"
#include "sys.h"

#define TRIES 10000
#define ANSWERS 4096 /* reports under way that may wait for one: by seq, so others count */
#define ANSWER_LINE 1024
#define HIGHEST 1024 /* select(2)'s, and a table of descriptors that costs little */
#define SPARE 24     /* numbers from the top */
#define FEW 64	     /* a process that may have fewer has none to spare */

struct answer {
	enum { ANSWER_NONE, ANSWER_AWAITED, ANSWER_HERE } state;
	struct report_answer said;
};

static const struct reporter_host *around;

static struct {
	uint64_t lock, frame;
	struct link link;
	uint64_t lost;
	bool silent; /* an answer was waited for in vain: none is waited for until one comes */
	size_t have;
	char in[ANSWER_LINE];
	struct answer answers[ANSWERS];
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
static bool lock(void)
{
	uint64_t self = (uint64_t)(uint32_t)sys_getpid() << 32 | (uint32_t)sys_gettid(), owner;

	if (host()->borrowed && host()->borrowed())
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

/* ---- connections ---- */

static bool is_connection(const struct report_target *t)
{
	return t->kind == REPORT_UNIX || t->kind == REPORT_TCP;
}

/* The inherited descriptor is still what it was when the session began. */
static bool is_inherited(const struct session *s, int fd)
{
	struct stat st;

	return SYS2(SYS_fstat, fd, &st) == 0 && st.st_dev == s->report_dev &&
	       st.st_ino == s->report_ino;
}

static bool is_ours(const struct link *l, const struct report_target *t)
{
	if (l->pid != sys_getpid())
		return false;
	return !is_connection(t) || (l->fd >= 0 && sys_cookie(l->fd) == l->cookie);
}

/* Also a copy that fork(2) has left us; never a number that is somebody else's by now. */
static void drop(struct link *l)
{
	if (l->fd >= 0 && l->cookie && sys_cookie(l->fd) == l->cookie)
		sys_close(l->fd);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

/* To where the program does not look for descriptors. False: it has none to spare. */
static bool raise_number(struct link *l)
{
	struct rlimit r = {0};
	long most, fd;

	SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &r);
	most = r.rlim_cur > HIGHEST ? HIGHEST : (long)r.rlim_cur;
	fd = most < FEW ? -EMFILE : SYS3(SYS_fcntl, l->fd, F_DUPFD_CLOEXEC, most - SPARE);
	if (fd < 0)
		return false;
	sys_close(l->fd);
	l->fd = (int)fd;
	return true;
}

static int address_of(const struct report_target *t, struct sockaddr_storage *sa)
{
	struct sockaddr_un *un = (struct sockaddr_un *)sa;
	size_t len;

	if (t->kind == REPORT_TCP)
		return addr_to_sockaddr(&t->at, addr_is_v4(&t->at) ? AF_INET : AF_INET6, sa);
	memset(sa, 0, sizeof(*sa));
	len = strlen(t->path);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, t->path, len);
	if (*un->sun_path == '@')
		*un->sun_path = 0;
	return (int)(offsetof(struct sockaddr_un, sun_path) + len + (*un->sun_path ? 1 : 0));
}

/* Over loopback the kernel has the answer at once, unless the listener's queue is full. */
static int check_connected(struct link *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};
	const struct timespec at_once = {0};
	int error = 0;

	if (SYS5(SYS_ppoll, &p, 1, &at_once, 0, 8) <= 0)
		return -EAGAIN;
	sys_getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, sizeof(error));
	l->connecting = false;
	return -error;
}

static int open_connection(struct link *l, const struct report_target *t)
{
	struct sockaddr_storage sa;
	int len = address_of(t, &sa), err;

	l->fd = (int)SYS3(SYS_socket, sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return l->fd;
	l->cookie = sys_cookie(l->fd);
	err = sys_connect(l->fd, &sa, (size_t)len);
	l->connecting = err == -EINPROGRESS;
	if (!err || l->connecting)
		l->kept = raise_number(l);
	return l->connecting ? check_connected(l) : err;
}

static int open_link(struct link *l, const struct report_target *t)
{
	int err = 0;

	drop(l);
	if (is_connection(t))
		err = open_connection(l, t);
	l->pid = sys_getpid();
	if (err < 0 && !(l->connecting && l->kept))
		drop(l);
	return err;
}

/* ---- lines ---- */

static int write_file(const struct report_target *t, const char *line, size_t len)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
	int fd = sys_open(t->path, flags, 0600);
	long n;

	if (fd < 0)
		return fd;
	n = sys_write_quietly(fd, line, len);
	sys_close(fd);
	return (int)n;
}

/* A pipe that shows room takes a line whole; its O_NONBLOCK would be everybody's. */
static int write_inherited(const struct session *s, int fd, const char *line, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	const struct timespec at_once = {0};
	long n;

	if (!is_inherited(s, fd))
		return -EBADF;
	n = sys_send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n != -ENOTSOCK)
		return n < 0 ? (int)n : 0;
	if (SYS5(SYS_ppoll, &p, 1, &at_once, 0, 8) <= 0)
		return -EAGAIN;
	return (int)sys_write_quietly(fd, line, len);
}

/* A line that was cut in the middle ends its connection: the controller sees no end of it. */
static int send_line(const struct session *s, const struct link *l, const struct report_target *t,
		     const char *line, size_t len)
{
	long n;

	if (t->kind == REPORT_FILE)
		return write_file(t, line, len);
	if (t->kind == REPORT_FD)
		return write_inherited(s, t->fd, line, len);
	n = sys_send(l->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == (long)len ? 0 : n < 0 ? (int)n : -EPIPE;
}

static int put(const struct session *s, struct link *l, const struct report_target *t,
	       struct report *r)
{
	char line[REPORT_LINE];
	int err;

	r->seq = l->seq + 1;
	r->time = sys_now();
	err = send_line(s, l, t, line, report_print(r, line));
	if (!err)
		l->seq++, l->begun = true;
	return err;
}

static int put_start(const struct session *s, struct link *l, const struct report_target *t,
		     const struct report *of)
{
	struct report r = {.event = REPORT_START,
			   .by = of->by,
			   .supervisor = of->supervisor,
			   .session = of->session,
			   .tag = of->tag};

	if (of->supervisor) /* the supervisor itself, not the caller */
		r.by = (struct report_process){.pid = sys_getpid(), .tid = sys_getpid()};
	return put(s, l, t, &r);
}

/* Once for all that went missing before. */
static int put_lost(const struct session *s, struct link *l, const struct report_target *t,
		    const struct report *of)
{
	struct report r = {.event = REPORT_LOST,
			   .by = of->by,
			   .supervisor = of->supervisor,
			   .session = of->session,
			   .tag = of->tag,
			   .count = us.lost};
	int err = put(s, l, t, &r);

	if (!err)
		us.lost = 0;
	return err;
}

static int put_all(const struct session *s, struct link *l, const struct report_target *t,
		   struct report *r)
{
	int err = 0;

	if (!is_ours(l, t))
		err = open_link(l, t);
	else if (l->connecting)
		err = check_connected(l);
	if (!err && !l->begun)
		err = put_start(s, l, t, r);
	if (!err && us.lost)
		err = put_lost(s, l, t, r);
	return err ? err : put(s, l, t, r);
}

static bool is_broken(int err)
{
	return err == -EPIPE || err == -ECONNRESET || err == -ENOTCONN;
}

/* A controller that was started anew gets a new connection. */
static int put_surely(const struct session *s, struct link *l, const struct report_target *t,
		      struct report *r)
{
	int err = put_all(s, l, t, r);

	if (!is_broken(err) || !is_connection(t))
		return err;
	drop(l);
	if (l == &us.link)
		us.have = 0;
	return put_all(s, l, t, r);
}

/* ---- answers ---- */

static void take_answer(const char *line, size_t len)
{
	struct report_answer a;
	struct answer *slot;

	if (!report_read_answer(line, len, &a))
		return;
	us.silent = false;
	slot = &us.answers[a.seq % ANSWERS];
	if (slot->state != ANSWER_AWAITED || slot->said.seq != a.seq)
		return;
	slot->said = a;
	slot->state = ANSWER_HERE;
}

/* A line that does not end is no answer: its beginning is thrown away. */
static void take_lines(void)
{
	char *line = us.in, *end;
	size_t left = us.have;

	while ((end = memchr(line, '\n', left))) {
		take_answer(line, (size_t)(end - line));
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	if (left == sizeof(us.in))
		left = 0;
	memmove(us.in, line, left);
	us.have = left;
}

/* Bounded: a controller that never stops talking must not hold the program up. */
static void listen_now(const struct report_target *t)
{
	long n = 1;

	for (int i = 0; i < 8 && n > 0 && is_ours(&us.link, t) && !us.link.connecting; i++) {
		n = sys_recv(us.link.fd, us.in + us.have, sizeof(us.in) - us.have, MSG_DONTWAIT);
		if (n > 0) {
			us.have += (size_t)n;
			take_lines();
		}
	}
	if (n == 0 || is_broken((int)n)) {
		drop(&us.link);
		us.have = 0;
	}
}

void reporter_listen(const struct session *s)
{
	struct report_target t;

	if (report_target(s->settings.text + s->settings.report, &t) || !lock())
		return;
	listen_now(&t);
	unlock();
}

/* A place for the answer to a report. */
static void expect(uint32_t seq)
{
	struct answer *a = &us.answers[seq % ANSWERS];

	a->said.seq = seq;
	a->state = ANSWER_AWAITED;
}

/* The answer on a connection that cannot be kept: the one place where a report is waited for. */
static bool answer_at_once(const struct link *l, uint32_t seq, uint64_t until,
			   struct report_answer *out)
{
	char line[ANSWER_LINE], *end;
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
	struct answer *slot = &us.answers[seq % ANSWERS];
	struct report_target t;
	int found = 0;

	if (pid != sys_getpid())
		return -EPIPE;
	if (report_target(s->settings.text + s->settings.report, &t) || !lock())
		return 0;
	listen_now(&t);
	if (slot->state == ANSWER_HERE && slot->said.seq == seq) {
		*out = slot->said;
		slot->state = ANSWER_NONE;
		found = 1;
	} else if (!is_ours(&us.link, &t) || slot->said.seq != seq) {
		found = -EPIPE;
	}
	unlock();
	return found;
}

void reporter_no_answer(void)
{
	us.silent = true;
}

bool reporter_is_silent(void)
{
	return us.silent;
}

int reporter_fd(void)
{
	return us.link.pid == sys_getpid() ? us.link.fd : -1;
}

/* ---- what others call ---- */

/* On a connection of its own. */
static int put_once(const struct session *s, const struct report_target *t, struct report *r,
		    uint64_t until, struct report_answer *answer)
{
	struct link l = {.fd = -1};
	int err = put_surely(s, &l, t, r);

	if (!err && until && is_connection(t))
		err = answer_at_once(&l, r->seq, until, answer) ? 1 : -ETIMEDOUT;
	drop(&l);
	return err;
}

static int put_kept(const struct session *s, const struct report_target *t, struct report *r,
		    uint64_t until, struct report_answer *answer)
{
	struct link *l = &us.link;
	int err = put_surely(s, l, t, r);

	if (!is_connection(t) || l->kept) {
		if (!err && until)
			expect(r->seq);
		return err;
	}
	if (!err && until)
		err = answer_at_once(l, r->seq, until, answer) ? 1 : -ETIMEDOUT;
	drop(l);
	return err;
}

int reporter_send(const struct session *s, struct report *r, uint64_t until,
		  struct report_answer *answer)
{
	struct report_target t;
	char id[17];
	int err;

	session_id(s, id);
	r->session = id;
	r->tag = s->settings.text + s->settings.tag;
	r->supervisor = host()->supervisor;
	if (report_target(s->settings.text + s->settings.report, &t))
		return -EINVAL;
	if (!lock())
		return put_once(s, &t, r, until, answer);
	err = put_kept(s, &t, r, until, answer);
	unlock();
	return err;
}

void reporter_who(const struct stream *st, struct report_process *p)
{
	if (host()->who)
		host()->who(st, p);
	else
		*p = (struct report_process){.pid = sys_getpid(), .tid = sys_gettid()};
}

/* The number is spent, so that a gap shows. */
void reporter_lose(void)
{
	__atomic_add_fetch(&us.lost, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&us.link.seq, 1, __ATOMIC_RELAXED);
}
