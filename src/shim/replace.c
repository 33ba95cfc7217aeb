/* SPDX-License-Identifier: MIT */
/* replace.c - another socket in the place of the program's. */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "pend.h"
#include "sys.h"

/* <fcntl.h> shows these with _GNU_SOURCE only. */
#ifndef F_SETSIG
#define F_SETSIG 10
#define F_GETSIG 11
#endif
#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#define F_GETOWN_EX 16
#endif

bool replace_possible(void)
{
	const struct session *s = here();

	for (unsigned int i = 0; s && i < s->settings.proxy_count && i < SETTINGS_PROXIES; i++)
		if (stream_family(&s->settings.proxies[i], AF_INET))
			return true;
	return false;
}

bool replace_find(int fd, struct stream_entry *e)
{
	struct progress *p;
	uint64_t cookie;

	if (!replace_possible())
		return false;
	if (find_stream(fd, e))
		return e->domain;
	p = pend_any() ? pend_find(fd, &cookie) : NULL;
	if (!p || !p->stream.domain)
		return false;
	*e = (struct stream_entry){
		.cookie = cookie,
		.to = p->stream.to,
		.domain = p->stream.domain,
		.no_delay = p->stream.no_delay,
	};
	return true;
}

/* Options that have been set to something else than a new socket has. */
static void copy_options(int from, int to, int family)
{
	static const struct {
		int level, option, size, divisor;
	} list[] = {
		{SOL_SOCKET, SO_KEEPALIVE, sizeof(int), 1},
		{SOL_SOCKET, SO_REUSEADDR, sizeof(int), 1},
		{SOL_SOCKET, SO_OOBINLINE, sizeof(int), 1},
		{SOL_SOCKET, SO_PRIORITY, sizeof(int), 1},
		{SOL_SOCKET, SO_RCVLOWAT, sizeof(int), 1},
		{SOL_SOCKET, SO_TIMESTAMP, sizeof(int), 1},
		{SOL_SOCKET, SO_LINGER, sizeof(struct linger), 1},
		{SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval), 1},
		{SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval), 1},
		/* the kernel doubles what it is given */
		{SOL_SOCKET, SO_RCVBUF, sizeof(int), 2},
		{SOL_SOCKET, SO_SNDBUF, sizeof(int), 2},
		{IPPROTO_TCP, TCP_NODELAY, sizeof(int), 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, sizeof(int), 1},
		{IPPROTO_TCP, TCP_KEEPINTVL, sizeof(int), 1},
		{IPPROTO_TCP, TCP_KEEPCNT, sizeof(int), 1},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, sizeof(int), 1},
	};
	char old[sizeof(struct timeval)], new[sizeof(struct timeval)];

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		size_t size = (size_t)list[i].size;
		int n;

		if (list[i].level == IPPROTO_TCP && family == AF_UNIX)
			break;
		memset(old, 0, sizeof(old));
		memset(new, 0, sizeof(new));
		if (sys_getsockopt(from, list[i].level, list[i].option, old, size) < 0 ||
		    sys_getsockopt(to, list[i].level, list[i].option, new, size) < 0 ||
		    (list[i].divisor == 1 && !memcmp(old, new, size)))
			continue;
		/*
		 * TCP's buffers grow by themselves, a Unix socket's do not: never less than it has
		 */
		memcpy(&n, old, sizeof(n));
		if (list[i].divisor > 1) {
			int has;

			memcpy(&has, new, sizeof(has));
			if (n <= has)
				continue;
			n /= list[i].divisor;
			memcpy(old, &n, sizeof(n));
		}
		sys_setsockopt(to, list[i].level, list[i].option, old, size);
	}
}

static void copy_flags(int from, int to)
{
	struct {
		int type, pid;
	} owner = {0};
	long flags = SYS2(SYS_fcntl, from, F_GETFL), sig = SYS2(SYS_fcntl, from, F_GETSIG);

	if (SYS3(SYS_fcntl, from, F_GETOWN_EX, &owner) == 0 && owner.pid)
		SYS3(SYS_fcntl, to, F_SETOWN_EX, &owner);
	if (sig > 0)
		SYS3(SYS_fcntl, to, F_SETSIG, sig);
	if (flags > 0)
		SYS3(SYS_fcntl, to, F_SETFL, flags);
}

int replace_make(int fd, int family)
{
	int made = (int)SYS3(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC,
			     family == AF_UNIX ? 0 : IPPROTO_TCP);

	if (made < 0)
		return made;
	copy_options(fd, made, family);
	copy_flags(fd, made);
	return made;
}

void replace_note(struct stream *st, int fd, int domain)
{
	int no_delay = 0;

	sys_getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
	st->domain = (uint8_t)domain;
	st->no_delay = no_delay != 0;
}

struct place {
	uint64_t old; /* cookie */
	uint64_t hide;
	int made;
};

/* Every number that stands for the old socket gets the new one. */
static void put_at(int fd, void *arg)
{
	const struct place *p = arg;
	long flags;

	if (sys_cookie(fd) != p->old)
		return;
	regs_leave(fd);
	flags = SYS2(SYS_fcntl, fd, F_GETFD);
	SYS3(SYS_dup3, p->made, fd, flags > 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
	regs_enter(fd, p->hide);
	if (p->hide)
		fds_mark(fd); /* another thread may have found nothing here a moment ago */
}

void replace_put(int fd, int made, bool hide)
{
	struct place p = {.old = sys_cookie(fd), .hide = hide ? sys_cookie(made) : 0, .made = made};
	bool copies = fds_has_copies(fd);

	put_at(fd, &p);
	if (copies)
		sys_each_fd(put_at, &p);
	sys_close(made);
}

int replace_end(int fd)
{
	const struct session *s = here();
	struct stream_entry e;
	int made;

	if (!replace_find(fd, &e))
		return 0;
	pend_forget(fd);
	streams_drop(session_streams(s), e.cookie);
	if (sys_cookie(fd) != e.cookie)
		return 0; /* pend_forget() did it */
	made = replace_make(fd, e.domain);
	if (made < 0)
		return made;
	replace_put(fd, made, false);
	return 0;
}

/* A socket of the program's family: it knows the option, its default, and which values are bad. */
static int asked_socket(const struct stream_entry *e)
{
	return (int)SYS3(SYS_socket, e->domain, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}

int replace_get_option(const struct stream_entry *e, int level, int option, void *value,
		       socklen_t *len)
{
	enum { ESTABLISHED = 1 };
	int fd = asked_socket(e), got, no_delay = e->no_delay;

	if (fd < 0)
		return fd;
	got = (int)SYS5(SYS_getsockopt, fd, level, option, value, len);
	sys_close(fd);
	if (got < 0 || level != IPPROTO_TCP)
		return got;
	if (option == TCP_NODELAY)
		memcpy(value, &no_delay, *len < sizeof(no_delay) ? *len : sizeof(no_delay));
	else if (option == TCP_INFO && *len)
		*(uint8_t *)value = ESTABLISHED;
	return got;
}

static void note_no_delay(int fd, struct stream_entry *e, bool no_delay)
{
	struct progress *p;
	uint64_t cookie;

	e->no_delay = no_delay;
	if (find_stream(fd, &(struct stream_entry){0}))
		streams_add(session_streams(here()), e);
	else if (pend_any() && (p = pend_find(fd, &cookie)))
		p->stream.no_delay = no_delay;
}

int replace_set_option(int fd, const struct stream_entry *e, int level, int option,
		       const void *value, socklen_t len)
{
	struct stream_entry changed = *e;
	int asked = asked_socket(e), got, n;

	if (asked < 0)
		return asked;
	got = (int)SYS5(SYS_setsockopt, asked, level, option, value, len);
	sys_close(asked);
	if (got < 0 || level != IPPROTO_TCP || option != TCP_NODELAY)
		return got;
	memcpy(&n, value, sizeof(n));
	note_no_delay(fd, &changed, n != 0);
	return got;
}
