/* SPDX-License-Identifier: MIT */
/* hook_send.c - sends that carry an address: datagrams, and data in a SYN (MSG_FASTOPEN). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "asked.h"
#include "bus.h"
#include "gate.h"
#include "pend.h"
#include "replace.h"
#include "sys.h"

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

enum way {
	WAY_PASS,	  /* as it stands */
	WAY_WITHOUT,	  /* connected by now: without address and MSG_FASTOPEN */
	WAY_ASK,	  /* to a DNS server: asked_send() */
	WAY_REFUSED = -1, /* errno is set */
};

/* errno stays as it was unless the answer is WAY_REFUSED. */
static enum way judge_send(int fd, const void *to, socklen_t len, int flags, struct call *call)
{
	int before = errno, err = 0;
	enum way way = WAY_PASS;
	struct call c;
	struct decision d;
	struct stream_entry e;
	char text[NAME_MAX_LEN + 1];

	if (!call_address(&c, CALL_SEND, fd, to, len))
		return WAY_PASS;
	if (!c.protocol && replace_find(fd, &e)) /* TCP does not look at the address */
		return WAY_WITHOUT;
	/* TCP looks at an address for MSG_FASTOPEN only. */
	if (c.type == SOCK_STREAM && c.protocol == IPPROTO_TCP) {
		if (!(flags & MSG_FASTOPEN) || c.family == AF_UNSPEC) /* EOPNOTSUPP */
			return WAY_PASS;
		err = socket_connect(fd, to, len);
		way = WAY_WITHOUT;
	} else {
		call_name(&c, text);
		switch (decide_here(&c, &d)) {
		case VERDICT_PASS:
			break;
		case VERDICT_ANSWER:
			*call = c;
			way = WAY_ASK;
			break;
		default:
			err = -refuse(&c, &d);
		}
	}
	errno = err < 0 ? -err : before;
	return err < 0 ? WAY_REFUSED : way;
}

/* A whole message: what its control data asks for, then where it goes. `msg` must be readable. */
static enum way judge_message(int fd, const struct msghdr *msg, int flags, struct call *call)
{
	int before = errno, err = msg->msg_control ? control_check(msg) : 0;

	errno = err < 0 ? -err : before;
	if (err < 0)
		return WAY_REFUSED;
	return msg->msg_name ? judge_send(fd, msg->msg_name, msg->msg_namelen, flags, call)
			     : WAY_PASS;
}

WRAP ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len)
{
	struct iovec v = {(void *)(uintptr_t)data, len};
	struct msghdr question = {.msg_iov = &v, .msg_iovlen = 1};
	struct call c;

	if (!to)
		return pend_may_write(fd, flags) ? pass_sendto(fd, data, len, flags, to, to_len)
						 : -1;
	switch (judge_send(fd, to, to_len, flags, &c)) {
	case WAY_ASK:
		return libc_result(asked_send(fd, &c, &question, flags));
	case WAY_PASS:
		return !pend_any() || !reach_address(fd, to, to_len) || pend_may_write(fd, flags)
			       ? pass_sendto(fd, data, len, flags, to, to_len)
			       : -1;
	case WAY_WITHOUT:
		flags &= ~MSG_FASTOPEN;
		return pend_may_write(fd, flags) ? pass_sendto(fd, data, len, flags, NULL, 0) : -1;
	default:
		return -1;
	}
}

static SLOWLY ssize_t send_to_bus(int fd, const struct msghdr *msg, int flags)
{
	struct bus_copy copy;

	return pass_sendmsg(fd, bus_message(msg, &copy), flags);
}

WRAP ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr without;
	struct call c;

	if (!readable(msg, sizeof(*msg)))
		return pass_sendmsg(fd, msg, flags);
	switch (judge_message(fd, msg, flags, &c)) {
	case WAY_ASK:
		return libc_result(asked_send(fd, &c, msg, flags));
	case WAY_PASS:
		if (pend_any() && reach_message(fd, msg) && !pend_may_write(fd, flags))
			return -1;
		return atomic_load_explicit(&bus_known, memory_order_relaxed)
			       ? send_to_bus(fd, msg, flags)
			       : pass_sendmsg(fd, msg, flags);
	case WAY_WITHOUT:
		without = *msg;
		without.msg_name = NULL;
		without.msg_namelen = 0;
		flags &= ~MSG_FASTOPEN;
		return pend_may_write(fd, flags) ? pass_sendmsg(fd, &without, flags) : -1;
	default:
		return -1;
	}
}

static int send_first_alone(int fd, struct mmsghdr *msgs, int flags)
{
	struct mmsghdr without = msgs[0];
	int sent;

	if (!pend_may_write(fd, flags))
		return -1;
	without.msg_hdr.msg_name = NULL;
	without.msg_hdr.msg_namelen = 0;
	sent = pass_sendmmsg(fd, &without, 1, flags & ~MSG_FASTOPEN);
	if (sent == 1)
		msgs[0].msg_len = without.msg_len;
	return sent;
}

static int ask_first_alone(int fd, const struct call *c, struct mmsghdr *msgs, int flags)
{
	long sent = libc_result(asked_send(fd, c, &msgs[0].msg_hdr, flags));

	if (sent < 0)
		return -1;
	msgs[0].msg_len = (unsigned int)sent;
	return 1;
}

/*
 * Sends what comes before the first refused message, as the kernel does with the first bad one.
 * What cannot be read is left to the kernel, which says EFAULT there.
 */
WRAP int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	unsigned int good = 0;
	int before = errno;
	struct call c;
	enum way way;

	for (; good < count && readable(&msgs[good], sizeof(msgs[good])); good++) {
		way = judge_message(fd, &msgs[good].msg_hdr, flags, &c);
		if (way == WAY_ASK)
			return good ? pass_sendmmsg(fd, msgs, good, flags)
				    : ask_first_alone(fd, &c, msgs, flags);
		if (way == WAY_WITHOUT)
			return good ? pass_sendmmsg(fd, msgs, good, flags)
				    : send_first_alone(fd, msgs, flags);
		if (way == WAY_REFUSED && good == 0)
			return -1;
		if (way == WAY_REFUSED) {
			errno = before;
			return pass_sendmmsg(fd, msgs, good, flags);
		}
	}
	return !pend_any() || !reach_messages(fd, msgs, count) || pend_may_write(fd, flags)
		       ? pass_sendmmsg(fd, msgs, count, flags)
		       : -1;
}
