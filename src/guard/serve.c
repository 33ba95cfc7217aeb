/* SPDX-License-Identifier: MIT */
/*
 * serve.c - the supervisor's loop, in the launcher's process: one thread, one epoll.
 *
 * Theory of operation. A process of the session that makes a call which the filter does not decide
 * sleeps in the kernel until the notification is answered. The judge (judge.c) answers at once, or
 * leaves a struct pending behind that an event on the caller's socket goes on with. Once in a while
 * all that wait are looked at: has the time run out, is the caller still there?
 *
 * Mustn't: wait for anything but events; trust an argument in memory after it was judged; write to
 * the terminal but for log lines. If this process dies, the kernel fails the calls with ENOSYS.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guard.h"
#include "supervisor.h"
#include "sys.h"
#include "twin.h"

/*
 * How often those that wait are looked at. Whether a caller is still there takes the kernel longer
 * the more wait (it looks for the id in a list): so that is asked for so long, and of the others
 * next time.
 */
#define TICK_MS 250
#define ASK_NS 5000000u
#define CLOSED_MS 1000	  /* how often closed sockets are looked for, with Report */
#define TICK_REPORT_MS 10 /* where a controller may have no room for a report */

/* Newer than some headers; the values are the kernel's (linux/seccomp.h). */
#ifndef SECCOMP_IOCTL_NOTIF_RECV
#error "headers of Linux 5.0 or later are needed"
#endif
#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1UL
#endif
#define NOTIF_ID_VALID SECCOMP_IOW(2, __u64) /* SECCOMP_IOR until 5.17: the number was wrong */
#define NOTIF_ID_VALID_WRONG SECCOMP_IOR(2, __u64)
#define NOTIF_ADDFD 0x40182103u /* SECCOMP_IOW(3, struct seccomp_notif_addfd), Linux 5.9 */

struct supervisor supervisor;

bool supervisor_waits(uint64_t id)
{
	long error = SYS3(SYS_ioctl, supervisor.listener, NOTIF_ID_VALID, &id);

	if (error == -EINVAL)
		error = SYS3(SYS_ioctl, supervisor.listener, NOTIF_ID_VALID_WRONG, &id);
	return error == 0;
}

static bool respond(struct seccomp_notif_resp *r)
{
	long error;

	do
		error = SYS3(SYS_ioctl, supervisor.listener, SECCOMP_IOCTL_NOTIF_SEND, r);
	while (error == -EINTR);
	return error == 0;
}

bool supervisor_answer(uint64_t id, int64_t result)
{
	struct seccomp_notif_resp r = {.id = id};

	if (result < 0)
		r.error = (int32_t)result;
	else
		r.val = result;
	return respond(&r);
}

bool supervisor_let(uint64_t id)
{
	struct seccomp_notif_resp r = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	return respond(&r);
}

/* struct seccomp_notif_addfd (seccomp_unotify(2)). */
#define ADDFD_SETFD 1u
struct put {
	uint64_t id;
	uint32_t flags, fd, number, number_flags;
};

long supervisor_put(uint64_t id, int fd, int number, bool cloexec)
{
	struct put p = {.id = id,
			.flags = ADDFD_SETFD,
			.fd = (uint32_t)fd,
			.number = (uint32_t)number,
			.number_flags = cloexec ? O_CLOEXEC : 0};
	long n = SYS3(SYS_ioctl, supervisor.listener, NOTIF_ADDFD, &p);

	if (n == -ENOENT || n == -ESRCH)
		return GONE;
	return n < 0 ? n : 0;
}

bool supervisor_puts(void)
{
	return SYS3(SYS_ioctl, supervisor.listener, NOTIF_ADDFD, 0) == -EFAULT;
}

int supervisor_watch(int op, int fd, uint32_t events, enum source source, uint64_t own)
{
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)source << 48 | own};

	return (int)SYS4(SYS_epoll_ctl, supervisor.epoll, op, fd, &e);
}

/* Each call that waits holds a descriptor here. */
static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int guard_begin(struct session *s, int listener, int wake)
{
	int error = pending_begin();

	if (error)
		return error;
	supervisor.session = s;
	supervisor.listener = listener;
	supervisor.wake = wake;
	tell_begin();
	supervisor.epoll = (int)SYS1(SYS_epoll_create1, EPOLL_CLOEXEC);
	if (supervisor.epoll < 0)
		return supervisor.epoll;
	SYS3(SYS_ioctl, listener, NOTIF_SET_FLAGS, SYNC_WAKE_UP);
	raise_limit();
	supervisor_watch(EPOLL_CTL_ADD, wake, EPOLLIN, SOURCE_WAKE, 0);
	return supervisor_watch(EPOLL_CTL_ADD, listener, EPOLLIN, SOURCE_LISTENER, 0);
}

/* A notification whose caller dies just now makes it ENOENT, and never wait. */
static void receive(void)
{
	union {
		struct seccomp_notif n;
		uint8_t room[256]; /* of a kernel whose structure is larger */
	} u;

	memset(&u, 0, sizeof(u));
	if (SYS3(SYS_ioctl, supervisor.listener, SECCOMP_IOCTL_NOTIF_RECV, &u) == 0)
		judge(&u.n);
}

static void listener_event(uint32_t events)
{
	if (events & EPOLLIN)
		receive();
	else if (events & (EPOLLHUP | EPOLLERR)) {
		supervisor.deserted = true;
		SYS4(SYS_epoll_ctl, supervisor.epoll, EPOLL_CTL_DEL, supervisor.listener, 0);
		relay_deserted();
	}
}

/* True if it is the wake descriptor. */
static bool handle(const struct epoll_event *e)
{
	const uint64_t own = e->data.u64 & ~0ull >> 16;
	struct pending *p;

	switch ((enum source)(e->data.u64 >> 48)) {
	case SOURCE_WAKE:
		return true;
	case SOURCE_LISTENER:
		listener_event(e->events);
		break;
	case SOURCE_DNS:
	case SOURCE_DNS_STREAM:
		dns_event(e->data.u64);
		break;
	case SOURCE_TWIN:
		twin_event(own);
		break;
	case SOURCE_REPORT:
		tell_event();
		break;
	case SOURCE_RELAY:
		relay_event(own);
		break;
	case SOURCE_PENDING:
		p = pending_of(own);
		if (p)
			judge_event(p);
		break;
	}
	return false;
}

static int tick_ms(void)
{
	return tell_wanted() ? TICK_REPORT_MS : TICK_MS;
}

/* How long the loop may sleep. */
static int sleep_ms(void)
{
	if (pending_count())
		return tick_ms();
	return tell_wanted() ? CLOSED_MS : -1;
}

static void look_for_closed(void)
{
	static uint64_t last;

	if (!tell_wanted() || sys_now() - last < CLOSED_MS * 1000000ull)
		return;
	tell_closed();
	last = sys_now();
}

void guard_command_ended(void)
{
	if (tell_wanted())
		tell_closed();
}

static void tick(void)
{
	static uint64_t last;
	uint64_t now = pending_count() ? sys_now() : 0;

	if (!now || now - last < (uint64_t)tick_ms() * 1000000u)
		return;
	last = now;
	pending_each(judge_deadline);
	pending_some(judge_caller, now + ASK_NS);
}

void guard_serve(void)
{
	struct epoll_event events[64];
	bool woken = false;

	while (!woken && !(supervisor.deserted && supervisor.wake < 0 && !relay_count())) {
		long n = SYS6(SYS_epoll_pwait, supervisor.epoll, events, 64, sleep_ms(), 0, 8);

		for (long i = 0; i < n; i++)
			woken |= handle(&events[i]);
		tick();
		look_for_closed();
	}
}

bool guard_is_needed(bool others)
{
	struct pollfd p = {.fd = supervisor.listener};

	supervisor.deserted |= !others;
	relay_deserted();
	if (relay_count())
		return true;
	/*
	 * Linux before 5.9 does not tell when the last process is gone: nobody would end this one.
	 */
	if (supervisor.deserted || !supervisor_puts())
		return false;
	return poll(&p, 1, 0) == 0;
}

static LARGE(2) uint8_t kept[(1 << 16) / 8];

static void keep(int fd)
{
	if (fd >= 0 && fd < 1 << 16)
		kept[fd / 8] |= (uint8_t)(1 << fd % 8);
}

static void keep_pending(struct pending *p)
{
	keep(p->caller.fd);
	keep(p->socket);
	keep(p->door);
}

void guard_keep_own(int other)
{
	int from = 0;

	keep(other);
	keep(supervisor.listener);
	keep(supervisor.epoll);
	keep(tell_inherited());
	dns_each(keep);
	twin_each(keep);
	pending_each(keep_pending);
	relay_each(keep);
	for (int fd = 0; fd < 1 << 16; fd++) {
		if (!(kept[fd / 8] & 1 << fd % 8))
			continue;
		if (fd > from)
			SYS3(SYS_close_range, from, fd - 1, 0);
		from = fd + 1;
	}
	SYS3(SYS_close_range, from, ~0U, 0);
}

void guard_end(void)
{
	twin_end();
}

void guard_linger(void)
{
	twin_disown();
	SYS4(SYS_epoll_ctl, supervisor.epoll, EPOLL_CTL_DEL, supervisor.wake, 0);
	supervisor.wake = -1;
	guard_serve();
}
