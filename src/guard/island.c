/* SPDX-License-Identifier: MIT */
/*
 * island.c - a process that makes sockets in a network namespace of its own, where every address is
 * this machine's and nothing leads out.
 *
 * Theory of operation. A socket belongs to the network namespace that it was made in, whoever holds
 * it. What is sent there to port 53 of any address comes to the responder, which is bound to all of
 * them, and its answer leaves from the address that was asked: no ordinary user can forge that
 * elsewhere. The process gives the responder to the supervisor, and then a socket for each byte
 * that it is sent; the supervisor binds and uses them by itself. It ends when the other end of the
 * channel is closed.
 *
 * It is nobody's child but the supervisor's: without an exit signal (clone(2)), wait(2) does not
 * see it.
 *
 * Mustn't: hold a descriptor, directory or terminal of the program's; keep a capability; be
 * traceable, having been forked with the supervisor's memory.
 */
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns.h"
#include "island.h"
#include "kernel.h"
#include "netns.h"
#include "sys.h"

/* --- in the process --- */

/* One of both families, or of IPv4 where the kernel has no other. */
static int respond_to(int family)
{
	static const int on = 1, off = 0;
	const bool six = family == AF_INET6;
	const struct addr any = addr_v6((const uint8_t[16]){0}, DNS_PORT);
	const struct addr any4 = addr_v4((const uint8_t[4]){0}, DNS_PORT);
	struct sockaddr_storage at;
	size_t len = (size_t)addr_to_sockaddr(six ? &any : &any4, family, &at);
	int fd = (int)SYS3(SYS_socket, family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP), error;

	if (fd < 0)
		return fd;
	if (six) {
		sys_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		sys_setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	} else {
		sys_setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	}
	/* An answer may leave from an address that is a route's only. */
	sys_setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	error = sys_bind(fd, &at, len);
	if (error)
		sys_close(fd);
	return error ? error : fd;
}

/* The responder's descriptor, or -errno. */
static int settle(void)
{
	int error = (int)SYS1(SYS_unshare, CLONE_NEWNET), fd = -EAFNOSUPPORT;
	bool six;

	if (error)
		error = (int)SYS1(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET);
	if (!error)
		error = netns_own_all(&six);
	if (error)
		return error;
	if (six)
		fd = respond_to(AF_INET6);
	return fd < 0 ? respond_to(AF_INET) : fd;
}

static void drop_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	SYS2(SYS_capset, &head, none);
	SYS5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	SYS5(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* A descriptor, which is closed then, or -errno. */
static long give(int channel, int what)
{
	union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS}};
	int error = what < 0 ? what : 0;
	struct iovec data = {.iov_base = &error, .iov_len = sizeof(error)};
	struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};
	long n;

	if (what >= 0) {
		memcpy(CMSG_DATA(&control.head), &what, sizeof(what));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	n = SYS3(SYS_sendmsg, channel, &m, MSG_NOSIGNAL);
	if (what >= 0)
		sys_close(what);
	return n;
}

/* Of all that is the program's. */
static bool let_go(int channel)
{
	return SYS3(SYS_close_range, 0, channel - 1, 0) == 0 &&
	       SYS3(SYS_close_range, channel + 1, ~0U, 0) == 0 && SYS1(SYS_chdir, "/") == 0;
}

/* The launcher has taken descriptors 0 to 2: `channel` is none of those. */
static void __attribute__((noreturn)) live(int channel)
{
	uint8_t family;

	SYS0(SYS_setsid);
	SYS5(SYS_prctl, PR_SET_NAME, "sockshim-names", 0, 0, 0);
	SYS5(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!let_go(channel) || give(channel, settle()) < 0)
		_exit(1);
	drop_rights();
	while (sys_recv(channel, &family, 1, 0) == 1)
		if (give(channel,
			 (int)SYS3(SYS_socket, family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)) < 0)
			break;
	_exit(0);
}

/* --- the supervisor's end --- */

int island_start(int32_t *pid)
{
	int ends[2] = {-1, -1};
	long error = SYS4(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);

	if (error)
		return (int)error;
	error = SYS5(SYS_clone, 0, 0, 0, 0, 0);
	if (error == 0)
		live(ends[1]);
	sys_close(ends[1]);
	if (error < 0) {
		sys_close(ends[0]);
		return (int)error;
	}
	*pid = (int32_t)error;
	return ends[0];
}

bool island_ask(int channel, int family)
{
	const uint8_t byte = (uint8_t)family;

	return sys_send(channel, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

int island_take(int channel)
{
	union control control = {{0}};
	int error = 0, fd = -EPIPE;
	struct iovec data = {.iov_base = &error, .iov_len = sizeof(error)};
	struct msghdr m = {.msg_iov = &data,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	long n = SYS3(SYS_recvmsg, channel, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return (int)n;
	if (n != sizeof(error))
		return -EPIPE;
	if (m.msg_controllen && control.head.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return error ? error : fd;
}
