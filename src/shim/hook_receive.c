/* SPDX-License-Identifier: MIT */
/* hook_receive.c - sockets that come from others: accepted, or received with a message. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "asked.h"
#include "audited.h"
#include "inherit.h"
#include "pend.h"
#include "sys.h"

/* The peer as the kernel knows it: what accept(2) wrote may lie where we cannot read. */
static bool may_come_in(int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	struct call c = {.kind = CALL_ACCEPT};
	struct decision d;

	if (SYS3(SYS_getpeername, fd, &peer, &len) < 0)
		return true; /* gone already */
	if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
		return true;
	c.domain = c.family = peer.ss_family;
	c.type = SOCK_STREAM;
	c.has_to = addr_from_sockaddr(&c.to, &peer, len) == 0;
	if (decide_here(&c, &d) == VERDICT_PASS)
		return true;
	refuse(&c, &d);
	return false;
}

/* Whoever may not come in is sent away, and the next one is awaited. */
static int accept_allowed(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
	bool known = len && readable(len, sizeof(*len));
	socklen_t room = known ? *len : 0;
	int got, before = errno;

	while ((got = real(accept4)(fd, peer, len, flags)) >= 0 && !may_come_in(got)) {
		sys_close(got);
		if (known)
			*len = room;
	}
	if (got >= 0)
		errno = before;
	fds_fresh(got);
	return got;
}

WRAP int accept(int fd, struct sockaddr *restrict peer, socklen_t *restrict len)
{
	return accept_allowed(fd, peer, len, 0);
}

WRAP int accept4(int fd, struct sockaddr *restrict peer, socklen_t *restrict len, int flags)
{
	return accept_allowed(fd, peer, len, flags);
}

static void take(int fd)
{
	struct decision d;
	struct call c;
	char words[256];

	fds_set_tcp(fd, false);
	fds_disown(fd); /* and a stream under way may come from another process */
	fds_adopt(fd, NULL);
	if (inherit_judge(here(), fd, &c, &d) == VERDICT_PASS)
		return;
	audit_refused(&c, &d);
	inherit_words(fd, &c, &d, words, sizeof(words));
	inherit_replace(fd);
	log_texts(LOG_WARN, here_name(), ": ", words, (char *)NULL);
}

/* The kernel wrote these, so they are whole and can be read. */
static void take_all(const struct cmsghdr *c)
{
	size_t count = (c->cmsg_len - sizeof(*c)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < count; i++) {
		memcpy(&fd, (const char *)c + sizeof(*c) + i * sizeof(fd), sizeof(fd));
		take(fd);
	}
}

void rights_check(const struct msghdr *msg)
{
	const char *at = msg->msg_control;
	size_t left = confined ? 0 : msg->msg_controllen;
	const struct cmsghdr *c;

	for (; at && left >= sizeof(*c);
	     at += CMSG_ALIGN(c->cmsg_len), left -= CMSG_ALIGN(c->cmsg_len)) {
		c = (const struct cmsghdr *)(const void *)at;
		if (c->cmsg_len < sizeof(*c) || c->cmsg_len > left)
			return;
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take_all(c);
		if (CMSG_ALIGN(c->cmsg_len) > left)
			return;
	}
}

WRAP ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t got;

	if (pend_any() && reach_message(fd, msg) && !pend_may_read(fd, flags))
		return -1;
	if (asked_is(fd) && readable(msg, sizeof(*msg)))
		return libc_result(asked_receive(fd, msg, flags));
	got = real(recvmsg)(fd, msg, flags);
	if (got >= 0)
		rights_check(msg);
	return got;
}

#define FOR_ONE 0x10000 /* MSG_WAITFORONE */

/* Waits for the first alone: a program that has asked several servers may hear from one. */
static int receive_answers(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	unsigned int got = 0;
	ssize_t n = 0;

	flags &= ~FOR_ONE;
	for (; got < count && readable(&msgs[got], sizeof(*msgs)); got++) {
		n = asked_receive(fd, &msgs[got].msg_hdr, got ? flags | MSG_DONTWAIT : flags);
		if (n < 0)
			break;
		msgs[got].msg_len = (unsigned int)n;
	}
	return got ? (int)got : (int)libc_result(n);
}

WRAP int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags,
		  struct timespec *timeout)
{
	int got;

	if (pend_any() && reach_messages(fd, msgs, count) && !pend_may_read(fd, flags))
		return -1;
	if (asked_is(fd) && readable(msgs, sizeof(*msgs)))
		return receive_answers(fd, msgs, count, flags);
	got = real(recvmmsg)(fd, msgs, count, flags, timeout);
	for (int i = 0; i < got; i++)
		rights_check(&msgs[i].msg_hdr);
	return got;
}
