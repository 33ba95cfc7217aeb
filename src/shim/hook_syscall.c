/* SPDX-License-Identifier: MIT */
/*
 * hook_syscall.c - syscall(3): the network's numbers go the way of their libc twins, io_uring is
 * not there, everything else goes to the kernel unchanged. Needs no symbol of libc's, so that an
 * allocator may call it at any time. And prctl(2), for seccomp filters.
 */
#define SHIM_CALLS_HOOKS
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "gate.h"
#include "kernel.h"
#include "pend.h"
#include "sys.h"

#define PTR(type, x) ((type)(uintptr_t)(x))

bool confined;

/* From here on this process wears a filter of its own, if `result` says so. */
static long confine(long result)
{
	if (result >= 0)
		confined = true;
	return libc_result(result);
}

/* The kernel takes the mask's address and size as the address of both. */
static long pselect6(const long a[static 6])
{
	const uintptr_t *mask = PTR(uintptr_t *, a[5]);

	if (mask && !readable(mask, 2 * sizeof(*mask)))
		return libc_result(-EFAULT);
	return pselect((int)a[0], PTR(void *, a[1]), PTR(void *, a[2]), PTR(void *, a[3]),
		       PTR(void *, a[4]), mask ? PTR(void *, *mask) : NULL);
}

/* What must heed streams under way. */
static long while_pending(long number, const long a[static 6])
{
	switch (number) {
#ifdef SYS_poll
	case SYS_poll:
		return poll(PTR(void *, a[0]), (nfds_t)a[1], (int)a[2]);
	case SYS_epoll_wait:
		return epoll_wait((int)a[0], PTR(void *, a[1]), (int)a[2], (int)a[3]);
	case SYS_select:
		return select((int)a[0], PTR(void *, a[1]), PTR(void *, a[2]), PTR(void *, a[3]),
			      PTR(void *, a[4]));
#endif
	case SYS_pselect6:
		return pselect6(a);
	case SYS_epoll_pwait2:
		return epoll_pwait2((int)a[0], PTR(void *, a[1]), (int)a[2], PTR(void *, a[3]),
				    PTR(void *, a[4]));
	case SYS_ppoll:
		return ppoll(PTR(void *, a[0]), (nfds_t)a[1], PTR(void *, a[2]), PTR(void *, a[3]));
	case SYS_epoll_pwait:
		return epoll_pwait((int)a[0], PTR(void *, a[1]), (int)a[2], (int)a[3],
				   PTR(void *, a[4]));
	case SYS_write:
		return write((int)a[0], PTR(void *, a[1]), (size_t)a[2]);
	case SYS_writev:
		return writev((int)a[0], PTR(void *, a[1]), (int)a[2]);
	case SYS_pwritev2:
		return pwritev2((int)a[0], PTR(void *, a[1]), (int)a[2], a[3], (int)a[5]);
	case SYS_sendfile:
		return sendfile((int)a[0], (int)a[1], PTR(void *, a[2]), (size_t)a[3]);
	case SYS_splice:
		return splice((int)a[0], PTR(void *, a[1]), (int)a[2], PTR(void *, a[3]),
			      (size_t)a[4], (unsigned int)a[5]);
	case SYS_ioctl:
		return ioctl((int)a[0], (unsigned long)a[1], PTR(void *, a[2]));
	default:
		return libc_result(sys_call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
	}
}

/*
 * What a process outside of the session has connected leads past the proxy; to inspect it fails so.
 */
WRAP int pidfd_getfd(int process, int fd, unsigned int flags)
{
	(void)process;
	(void)fd;
	(void)flags;
	return (int)libc_result(-EPERM);
}

/* Programs, and doors past all of this. */
static long of_process(long number, const long a[static 6])
{
	switch (number) {
	case SYS_execve:
		return execve(PTR(char *, a[0]), PTR(char **, a[1]), PTR(char **, a[2]));
	case SYS_execveat:
		return execveat((int)a[0], PTR(char *, a[1]), PTR(char **, a[2]),
				PTR(char **, a[3]), (int)a[4]);
	case SYS_io_uring_setup:
		return libc_result(-ENOSYS);
	case SYS_request_key:
		if (a[2]) /* the kernel would start a program that may ask the DNS */
			return libc_result(-ENOKEY);
		break;
	case SYS_pidfd_getfd:
		return pidfd_getfd((int)a[0], (int)a[1], (unsigned int)a[2]);
	case SYS_seccomp:
		if (a[0] != SECCOMP_SET_MODE_FILTER)
			break;
		gate_open(); /* the filter may forbid that */
		return confine(sys_call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
	case SYS_prctl:
		return prctl((int)a[0], a[1], a[2], a[3], a[4]);
	default:
		if (pend_any())
			return while_pending(number, a);
		break;
	}
	return libc_result(sys_call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* Descriptors and the data that goes through them. */
static long of_descriptor(long number, const long a[static 6])
{
	switch (number) {
	case SYS_read:
		return read((int)a[0], PTR(void *, a[1]), (size_t)a[2]);
	case SYS_readv:
		return readv((int)a[0], PTR(void *, a[1]), (int)a[2]);
	case SYS_preadv2: /* a[4] is the half of an offset where a register is half as long */
		return preadv2((int)a[0], PTR(void *, a[1]), (int)a[2], a[3], (int)a[5]);
	case SYS_recvfrom:
		return recvfrom((int)a[0], PTR(void *, a[1]), (size_t)a[2], (int)a[3],
				PTR(void *, a[4]), PTR(void *, a[5]));
	case SYS_recvmsg:
		return recvmsg((int)a[0], PTR(void *, a[1]), (int)a[2]);
	case SYS_recvmmsg:
		return recvmmsg((int)a[0], PTR(void *, a[1]), (unsigned int)a[2], (int)a[3],
				PTR(void *, a[4]));
	case SYS_sendto:
		return sendto((int)a[0], PTR(void *, a[1]), (size_t)a[2], (int)a[3],
			      PTR(void *, a[4]), (socklen_t)a[5]);
	case SYS_sendmsg:
		return sendmsg((int)a[0], PTR(void *, a[1]), (int)a[2]);
	case SYS_sendmmsg:
		return sendmmsg((int)a[0], PTR(void *, a[1]), (unsigned int)a[2], (int)a[3]);
	case SYS_epoll_ctl:
		return epoll_ctl((int)a[0], (int)a[1], (int)a[2], PTR(void *, a[3]));
	case SYS_dup:
		return dup((int)a[0]);
#ifdef SYS_dup2
	case SYS_dup2:
		return dup2((int)a[0], (int)a[1]);
#endif
	case SYS_dup3:
		return dup3((int)a[0], (int)a[1], (int)a[2]);
	case SYS_fcntl:
		return fcntl((int)a[0], (int)a[1], PTR(void *, a[2]));
	default:
		return of_process(number, a);
	}
}

static long of_socket(long number, const long a[static 6])
{
	switch (number) {
	case SYS_socket:
		return socket((int)a[0], (int)a[1], (int)a[2]);
	case SYS_connect:
		return connect((int)a[0], PTR(void *, a[1]), (socklen_t)a[2]);
	case SYS_bind:
		return bind((int)a[0], PTR(void *, a[1]), (socklen_t)a[2]);
	case SYS_listen:
		return listen((int)a[0], (int)a[1]);
#ifdef SYS_accept
	case SYS_accept:
		return accept((int)a[0], PTR(void *, a[1]), PTR(void *, a[2]));
#endif
	case SYS_accept4:
		return accept4((int)a[0], PTR(void *, a[1]), PTR(void *, a[2]), (int)a[3]);
	case SYS_shutdown:
		return shutdown((int)a[0], (int)a[1]);
	case SYS_getpeername:
		return getpeername((int)a[0], PTR(void *, a[1]), PTR(void *, a[2]));
	case SYS_getsockname:
		return getsockname((int)a[0], PTR(void *, a[1]), PTR(void *, a[2]));
	case SYS_getsockopt:
		return getsockopt((int)a[0], (int)a[1], (int)a[2], PTR(void *, a[3]),
				  PTR(void *, a[4]));
	case SYS_setsockopt:
		return setsockopt((int)a[0], (int)a[1], (int)a[2], PTR(void *, a[3]),
				  (socklen_t)a[4]);
	default:
		return of_descriptor(number, a);
	}
}

WRAP long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return of_socket(number, a);
}

WRAP int prctl(int option, ...)
{
	unsigned long a[4];
	long result;
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (option == PR_SET_SECCOMP)
		gate_open();
	result = SYS5(SYS_prctl, option, a[0], a[1], a[2], a[3]);
	return (int)(option == PR_SET_SECCOMP ? confine(result) : libc_result(result));
}
