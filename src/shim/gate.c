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

enum {
	NONE,	/* libc's own calls will do, or must */
	CLOSED, /* it is moved at the first call */
	MOVING, /* by some thread; a vfork child may have been killed at it */
	OPEN,
};
static atomic_int state;
static uint64_t place;

bool gate_is_there(void)
{
	return atomic_load_explicit(&state, memory_order_relaxed) != NONE;
}

static bool move(uint64_t to, int flags)
{
	return SYS5(SYS_mremap, gate_page, PAGE, PAGE, flags | MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	       (long)to;
}

/*
 * The page itself moves there. To map it a second time would be a file to open, which may be
 * another by now (an update), and two pages to compare. mincore(2) says whether the place is free.
 * Before Linux 5.13 a hole stays behind, in which nobody looks for anything.
 *
 * Where it lies nothing else does: it takes three pages for the page table and two mappings, a
 * fiftieth of what a short process costs. Most make no call that needs it.
 */
void gate_open(void)
{
	unsigned char in_core;
	int was = CLOSED;

	if (!atomic_compare_exchange_strong(&state, &was, MOVING))
		return;
	if (SYS3(SYS_mincore, place, PAGE, &in_core) == -ENOMEM &&
	    (move(place, MREMAP_DONTUNMAP) || move(place, 0))) {
		sys_gate_set((sys_gate_call *)place);
		atomic_store(&state, OPEN);
	} else {
		sys_gate_set(NULL);
		atomic_store(&state, NONE);
	}
}

/* Who comes while another thread moves it asks the supervisor. */
static long first_call(long nr, long a, long b, long c, long d, long e, long f)
{
	gate_open();
	return (atomic_load(&state) == OPEN ? (sys_gate_call *)place : sys_call)(nr, a, b, c, d, e,
										 f);
}

void gate_start(const struct session *s)
{
	if (!s->gate)
		return;
	place = s->gate;
	sys_gate_set(first_call);
	atomic_store(&state, CLOSED);
}

int pass_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	if (!gate_is_there())
		return real(connect)(fd, to, len);
	return (int)libc_result(sys_connect(fd, to, len));
}

int pass_bind(int fd, const struct sockaddr *at, socklen_t len)
{
	if (!gate_is_there())
		return real(bind)(fd, at, len);
	return (int)libc_result(sys_bind(fd, at, len));
}

int pass_listen(int fd, int backlog)
{
	if (!gate_is_there())
		return real(listen)(fd, backlog);
	return (int)libc_result(sys_gate(SYS_listen, fd, backlog, 0, 0, 0, 0));
}

int pass_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	if (!gate_is_there())
		return real(setsockopt)(fd, level, option, value, len);
	return (int)libc_result(
		sys_gate(SYS_setsockopt, fd, level, option, SYS_ARG(value), len, 0));
}

ssize_t pass_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len)
{
	if (!gate_is_there() || !to) /* the filter lets send(2) pass anyway */
		return real(sendto)(fd, data, len, flags, to, to_len);
	return libc_result(
		sys_gate(SYS_sendto, fd, SYS_ARG(data), SYS_ARG(len), flags, SYS_ARG(to), to_len));
}

ssize_t pass_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!gate_is_there())
		return real(sendmsg)(fd, msg, flags);
	return libc_result(sys_gate(SYS_sendmsg, fd, SYS_ARG(msg), flags, 0, 0, 0));
}

int pass_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	if (!gate_is_there())
		return real(sendmmsg)(fd, msgs, count, flags);
	return (int)libc_result(sys_gate(SYS_sendmmsg, fd, SYS_ARG(msgs), count, flags, 0, 0));
}
