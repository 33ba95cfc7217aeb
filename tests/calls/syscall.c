/* SPDX-License-Identifier: MIT */
/* syscall.c - the fragment of syscall(3). */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fragment.h"

/* Six arguments, and errno left alone. */
static int six(void)
{
	char page[4096];
	void *at;

	errno = 1234;
	at = (void *)syscall(SYS_mmap, NULL, 8192L, (long)(PROT_READ | PROT_WRITE),
			     (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
	CHECK(at != MAP_FAILED && errno == 1234);
	memset(at, 1, 8192);
	KEEPS(syscall(SYS_munmap, at, 8192L) == 0);
	/* the sixth argument: an offset beyond the file's end, and one that is no page's */
	FAILS(syscall(SYS_mmap, NULL, 4096L, (long)PROT_READ, (long)MAP_PRIVATE, 0L, 1L), EINVAL);
	KEEPS(syscall(SYS_getpid) == getpid());
	FAILS(syscall(SYS_read, (long)NO_FD, page, sizeof(page)), EBADF);
	KEEPS(syscall(SYS_membarrier, 0L, 0L, 0L) > 0); /* what is not the network's passes */
	FAILS(syscall(-1L), ENOSYS);
	FAILS(syscall(99999L), ENOSYS);
	return 0;
}

FRAGMENT(syscall)
{
	struct sockaddr_in to = web(), far = discard(), peer, any = {.sin_family = AF_INET};
	struct iovec iov = {&far, 1};
	struct msghdr m = {
		.msg_name = &far, .msg_namelen = sizeof(far), .msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};
	struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(0xe00000fb)};
	socklen_t len = sizeof(peer);
	long fd;

	CHECK(six() == 0);
	KEEPS((fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)) >= 0);
	FAILS(syscall(SYS_socket, AF_INET, SOCK_STREAM, 262), EPROTONOSUPPORT);
	FAILS(syscall(SYS_connect, fd, BAD, sizeof(to)), EFAULT);
	KEEPS(syscall(SYS_connect, fd, &to, sizeof(to)) == 0);
	KEEPS(syscall(SYS_getpeername, fd, &peer, &len) == 0);
	CHECK(peer.sin_addr.s_addr == to.sin_addr.s_addr);
	CHECK(fetches((int)fd));
	KEEPS(syscall(SYS_shutdown, fd, SHUT_WR) == 0);
	KEEPS((fd = syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0)) >= 0);
	REFUSED(syscall(SYS_connect, fd, &far, sizeof(far)));
	REFUSED(syscall(SYS_sendto, fd, "x", 1L, 0, &far, sizeof(far)));
	REFUSED(syscall(SYS_sendmsg, fd, &m, 0));
	REFUSED(syscall(SYS_sendmmsg, fd, &mm, 1, 0));
	FAILS(syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)),
	      ENODEV);
	KEEPS(syscall(SYS_bind, fd, &any, sizeof(any)) == 0);
	FAILS(syscall(SYS_listen, fd, 5), EOPNOTSUPP);
	FAILS(syscall(SYS_io_uring_setup, 8L, &m), ENOSYS);
	FAILS(syscall(SYS_execve, "/nonexistent", NULL, NULL), ENOENT);
	FAILS(syscall(SYS_execveat, NO_FD, "x", NULL, NULL, 0), EBADF);
	return 0;
}

FRAGMENT(prctl)
{
	char name[16] = "", other[16] = "";

	FAILS(prctl(-1, 0, 0, 0, 0), EINVAL);
	FAILS(prctl(PR_SET_SECCOMP, 99, 0, 0, 0), EINVAL);
	FAILS(prctl(PR_SET_NAME, BAD, 0, 0, 0), EFAULT);
	KEEPS(prctl(PR_GET_NAME, name, 0, 0, 0) == 0);
	KEEPS(syscall(SYS_prctl, PR_GET_NAME, other, 0, 0, 0) == 0);
	CHECK(!strcmp(name, other));
	CHECK(prctl(PR_GET_DUMPABLE) == 1);
	return 0;
}

extern int pidfd_getfd(int process, int fd, unsigned int flags)
	__attribute__((weak)); /* glibc 2.36 */

FRAGMENT(pidfd_getfd)
{
	FAILS(pidfd_getfd(NO_FD, 0, 0), EPERM);
	FAILS(syscall(438L, (long)NO_FD, 0L, 0L), EPERM);
	return 0;
}
