/* SPDX-License-Identifier: MIT */
/*
 * gate.c - puts the gate where the session's filter expects it, and calls what hooks let pass.
 *
 * Without a guard a call that passes is libc's own, with its cancellation point. With one, libc's
 * system call would be notified to the supervisor; so it is made from the gate, for nothing.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "gate.h"
#include "sys.h"

#ifndef MREMAP_MAYMOVE /* shown with _GNU_SOURCE only */
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#define PAGE 4096

extern const char gate_page[];

static atomic_bool open_gate;

bool gate_is_open(void)
{
	return atomic_load_explicit(&open_gate, memory_order_relaxed);
}

static bool move(uint64_t to, int flags)
{
	return SYS5(SYS_mremap, gate_page, PAGE, PAGE, flags | MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	       (long)to;
}

/*
 * The page itself moves there. To map it a second time would be a file to open, which may be another
 * by now (an update), and two pages to compare. mincore(2) says whether the place is free. Before
 * Linux 5.13 a hole stays behind, in which nobody looks for anything.
 */
void gate_map(const struct session *s)
{
	unsigned char in_core;

	if (!s->gate || SYS3(SYS_mincore, s->gate, PAGE, &in_core) != -ENOMEM)
		return;
	if (!move(s->gate, MREMAP_DONTUNMAP) && !move(s->gate, 0))
		return;
	sys_gate_set((sys_gate_call *)s->gate);
	atomic_store_explicit(&open_gate, true, memory_order_relaxed);
}

int pass_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	if (!gate_is_open())
		return real(connect)(fd, to, len);
	return (int)libc_result(sys_connect(fd, to, len));
}

int pass_bind(int fd, const struct sockaddr *at, socklen_t len)
{
	if (!gate_is_open())
		return real(bind)(fd, at, len);
	return (int)libc_result(sys_bind(fd, at, len));
}

int pass_listen(int fd, int backlog)
{
	if (!gate_is_open())
		return real(listen)(fd, backlog);
	return (int)libc_result(sys_gate(SYS_listen, fd, backlog, 0, 0, 0, 0));
}

int pass_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	if (!gate_is_open())
		return real(setsockopt)(fd, level, option, value, len);
	return (int)libc_result(
		sys_gate(SYS_setsockopt, fd, level, option, SYS_ARG(value), len, 0));
}

ssize_t pass_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len)
{
	if (!gate_is_open() || !to) /* the filter lets send(2) pass anyway */
		return real(sendto)(fd, data, len, flags, to, to_len);
	return libc_result(
		sys_gate(SYS_sendto, fd, SYS_ARG(data), SYS_ARG(len), flags, SYS_ARG(to), to_len));
}

ssize_t pass_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!gate_is_open())
		return real(sendmsg)(fd, msg, flags);
	return libc_result(sys_gate(SYS_sendmsg, fd, SYS_ARG(msg), flags, 0, 0, 0));
}

int pass_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	if (!gate_is_open())
		return real(sendmmsg)(fd, msgs, count, flags);
	return (int)libc_result(sys_gate(SYS_sendmmsg, fd, SYS_ARG(msgs), count, flags, 0, 0));
}
