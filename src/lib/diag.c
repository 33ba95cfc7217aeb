/* SPDX-License-Identifier: MIT */
/* diag.c - the kernel's list of open sockets. */
#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "proc.h"
#include "sys.h"

struct seen {
	void (*call)(void *arg, uint64_t cookie);
	void *arg;
};

static void tell(const struct seen *to, const uint32_t cookie[2])
{
	to->call(to->arg, (uint64_t)cookie[1] << 32 | cookie[0]);
}

/* Takes one batch of messages. 1: more to come, 0: that was the last, or -errno. */
static int dump_batch(const struct seen *to, const char *at, size_t len)
{
	struct nlmsghdr h;

	for (; len >= sizeof(h); at += NLMSG_ALIGN(h.nlmsg_len), len -= NLMSG_ALIGN(h.nlmsg_len)) {
		struct inet_diag_msg inet;
		struct unix_diag_msg local;

		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || NLMSG_ALIGN(h.nlmsg_len) > len)
			return -EPROTO;
		if (h.nlmsg_flags & NLM_F_DUMP_INTR)
			return -EINTR;
		if (h.nlmsg_type == NLMSG_DONE)
			return 0;
		if (h.nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return -EOPNOTSUPP;
		if (at[NLMSG_HDRLEN] == AF_UNIX && h.nlmsg_len >= NLMSG_LENGTH(sizeof(local))) {
			memcpy(&local, at + NLMSG_HDRLEN, sizeof(local));
			tell(to, local.udiag_cookie);
		} else if (h.nlmsg_len >= NLMSG_LENGTH(sizeof(inet))) {
			memcpy(&inet, at + NLMSG_HDRLEN, sizeof(inet));
			if (inet.idiag_inode) /* 0: closed, only the kernel still sends */
				tell(to, inet.id.idiag_cookie);
		}
	}
	return len ? -EPROTO : 1;
}

/*
 * Reads the answer to a request up to its end. 0 or -errno. The kernel sends batches of at most 8
 * KiB, which a coroutine's stack may not have.
 */
static int dump_read(const struct seen *to, int fd)
{
	const size_t size = 8192;
	char *batch = sys_pages(size);
	long n;
	int more;

	if (!batch)
		return -ENOMEM;
	do {
		n = SYS6(SYS_recvfrom, fd, batch, size, MSG_TRUNC, 0, 0);
		if (n > (long)size)
			more = -EMSGSIZE;
		else
			more = n == -EINTR ? 1 : n < 0 ? (int)n : dump_batch(to, batch, (size_t)n);
	} while (more > 0);
	SYS2(SYS_munmap, batch, size);
	return more;
}

/* Asks for all sockets of a family; of those of TCP not for the listening and the waiting ones. */
static int dump(const struct seen *to, int fd, uint8_t family)
{
	struct {
		struct nlmsghdr head;
		union {
			struct inet_diag_req_v2 inet;
			struct unix_diag_req local;
		};
	} rq;

	memset(&rq, 0, sizeof(rq));
	rq.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	rq.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rq.head.nlmsg_len = NLMSG_LENGTH(sizeof(rq.inet));
	rq.inet.sdiag_family = family;
	if (family == AF_UNIX) {
		rq.head.nlmsg_len = NLMSG_LENGTH(sizeof(rq.local));
		rq.local.udiag_states = ~0u;
	} else {
		rq.inet.sdiag_protocol = IPPROTO_TCP;
		rq.inet.idiag_states = ~(1u << TCP_TIME_WAIT | 1u << TCP_LISTEN);
	}
	if (SYS6(SYS_sendto, fd, &rq, rq.head.nlmsg_len, 0, 0, 0) != (long)rq.head.nlmsg_len)
		return -EIO;
	return dump_read(to, fd);
}

int diag_dump(void (*seen)(void *arg, uint64_t cookie), void *arg)
{
	static const uint8_t families[] = {AF_INET, AF_INET6, AF_UNIX};
	const struct seen to = {seen, arg};
	long fd = SYS3(SYS_socket, AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int error = 0;

	if (fd < 0)
		return (int)fd;
	for (size_t i = 0; i < sizeof(families) && !error; i++)
		error = dump(&to, (int)fd, families[i]);
	SYS1(SYS_close, fd);
	return error;
}

bool diag_dead(int32_t pid)
{
	return pid <= 0 || SYS2(SYS_kill, pid, 0) == -ESRCH;
}

/* Reads which network namespace a process (0: this thread) is in; false if it cannot be told. */
static bool namespace_of(int32_t pid, char out[static 64])
{
	char path[PROC_PATH] = "/proc/thread-self/ns/net";

	if (pid)
		proc_path(path, pid, "/ns/net");
	memset(out, 0, 64);
	return SYS4(SYS_readlinkat, AT_FDCWD, path, out, 63) > 0;
}

bool diag_elsewhere(int32_t pid)
{
	char here[64], there[64];

	if (diag_dead(pid) || !namespace_of(0, here))
		return false;
	return !namespace_of(pid, there) || memcmp(here, there, sizeof(here)) != 0;
}
