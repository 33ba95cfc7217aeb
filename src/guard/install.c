/* SPDX-License-Identifier: MIT */
/*
 * install.c - what the guard needs of the kernel, and putting the filter on the command.
 *
 * The child that will be the command puts the filter on itself, and so the launcher never wears it.
 * It shares the launcher's descriptors until it executes the command (CLONE_FILES): the listener
 * that seccomp(2) returns there is the launcher's too, and is closed for the command as all CLOEXEC
 * are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "kernel.h"
#include "supervisor.h"
#include "sys.h"

/* Newer than some headers; the values are the kernel's (linux/seccomp.h). */
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif
#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif
#define FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#ifndef SECCOMP_GET_ACTION_AVAIL
#define SECCOMP_GET_ACTION_AVAIL 2
#endif
#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif
#define CAP_PTRACE_BIT (1u << 19)
#define GRADE_SLOW 254 /* no errno */

/*
 * The gates lie where neither programs, libraries, heaps nor sanitizers put anything; on aarch64
 * within the smallest address space there is (39 bits).
 */
#if defined __x86_64__
#define GATE_BASE 0x620000000000u
#define GATE_BITS 40
#else
#define GATE_BASE 0x3000000000u
#define GATE_BITS 34
#endif

static int yama_scope(void)
{
	char text[8];
	long n = sys_slurp("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text));

	return n > 0 ? text[0] - '0' : 0;
}

static bool may_trace(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	return SYS2(SYS_capget, &head, data) == 0 && (data[0].effective & CAP_PTRACE_BIT);
}

static const char *yama_lacks(void)
{
	switch (yama_scope()) {
	case 0:
	case 1:
		return NULL;
	case 2:
		return may_trace() ? NULL : "kernel.yama.ptrace_scope is 2 (1 would do)";
	default:
		return "kernel.yama.ptrace_scope is 3 (1 would do)";
	}
}

/* Of no process and no descriptor: who may make the call is told that. */
static const char *getfd_lacks(void)
{
	long error = SYS2(SYS_pidfd_open, -1, 0);

	if (error != -EINVAL)
		return error == -ENOSYS ? "the kernel has no pidfd_open (Linux 5.3)"
					: "pidfd_open is forbidden here";
	error = SYS3(SYS_pidfd_getfd, -1, -1, 0);
	/*
	 * So says the filter of a session that this one is in; putting on another one fails with
	 * EBUSY.
	 */
	if (error == -EBADF || (error == -EPERM && getenv(SESSION_ENV)))
		return NULL;
	return error == -ENOSYS ? "the kernel has no pidfd_getfd (Linux 5.6)"
				: "pidfd_getfd is forbidden here";
}

const char *guard_lacks(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	const char *why;

	if (SYS3(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return "the kernel has no seccomp user notification (Linux 5.0), or it is "
		       "forbidden here";
	why = getfd_lacks();
	return why ? why : yama_lacks();
}

const char *guard_error(int error)
{
	switch (error) {
	case EBUSY:
		return "another supervisor has this process already";
	case EINVAL:
	case ENOSYS:
		return "the kernel has no seccomp user notification (Linux 5.0)";
	case EACCES:
	case EPERM:
		return "seccomp filters are forbidden here";
	case ENOMEM:
		return "no memory for a seccomp filter";
	case EMFILE:
	case ENFILE:
		return "too many open files";
	default:
		return "seccomp failed";
	}
}

/* In a child, which wears a filter that allows everything, and so has a listener. */
static int try_listener(void)
{
	struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
	const struct sock_fprog program = {.len = 1, .filter = &allow};
	long fd;

	SYS5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = SYS3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (fd < 0)
		return (int)-fd;
	return SYS3(SYS_ioctl, fd, NOTIF_SET_FLAGS, SYNC_WAKE_UP) == 0 ? 0 : GRADE_SLOW;
}

const char *guard_grade(void)
{
	/* A wrong pointer: which flags are known is checked before it is read. */
	const bool killable =
		SYS3(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER | FLAG_WAIT_KILLABLE_RECV, 0) == -EFAULT;
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(try_listener());
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return "";
	if (WEXITSTATUS(status) == EBUSY)
		return ", by another supervisor that is there already";
	if (WEXITSTATUS(status) != GRADE_SLOW)
		return killable ? "" : ", without WAIT_KILLABLE_RECV (Linux 5.19)";
	return killable ? ", without SYNC_WAKE_UP (Linux 6.6)"
			: ", without WAIT_KILLABLE_RECV (Linux 5.19) and SYNC_WAKE_UP (6.6)";
}

void guard_plan(struct guard_plan *p, struct session *s)
{
	uint64_t random = 0;

	SYS3(SYS_getrandom, &random, sizeof(random), 0);
	s->gate = GATE_BASE + ((random & ((1ull << GATE_BITS) - 1)) & ~(uint64_t)4095);
	p->len = (unsigned short)filter_build(p->code, s->gate, s->audited);
	p->listener = -1;
	p->tried = p->unprivileged = false;
}

static long put_on(const struct sock_fprog *program, unsigned long flags)
{
	long fd = SYS3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | FLAG_WAIT_KILLABLE_RECV,
		       program);

	if (fd == -EINVAL)
		fd = SYS3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	return fd;
}

/*
 * Who has CAP_SYS_ADMIN keeps the use of setuid programs; whoever has not gets no new privileges.
 */
int guard_put_on(struct guard_plan *p)
{
	const unsigned long flags =
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	const struct sock_fprog program = {.len = p->len, .filter = p->code};
	long fd = put_on(&program, flags);

	p->tried = true;
	if (fd == -EACCES) {
		SYS5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		p->unprivileged = true;
		fd = put_on(&program, flags);
	}
	p->listener = (int)fd;
	return fd < 0 ? -1 : 0;
}
