/* SPDX-License-Identifier: MIT */
// Calls on a connection in progress that `conform` does not make: the rarer ones, with odd
// arguments, and those whose answer does not depend on it. early, started by conform_far as
// `pending` is: bare and wrapped it does the same; the last line is "N cases".
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "pending.h"

#define fails(call, error) check((call) == -1 && errno == (error))

int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask,
		size_t size);
ssize_t __read_chk(int fd, void *data, size_t len, size_t size);
ssize_t __recv_chk(int fd, void *data, size_t len, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t len, size_t size, int flags,
		       struct sockaddr *from, socklen_t *from_len);

// Hidden from the compiler, which knows better.
static void *volatile nowhere = (void *)8;
static volatile int less = -1, more = 100000000;
static char data[64];
static int file;

// The far end says "hello" as soon as it is up.
static int greeted(void)
{
	int fd;

	order(HOLD, stage + GREETS);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fails(start(fd), EINPROGRESS);
	come_there(fd);
	return fd;
}

static void let_block(int fd)
{
	check(!ioctl(fd, FIONBIO, &(int){0}));
}

static uint32_t event_of(int epoll)
{
	struct epoll_event e;

	return epoll_wait(epoll, &e, 1, 0) == 1 ? e.events : 0;
}

// ---- arguments ----

static void no_bytes(void)
{
	int fd = in_progress();
	struct iovec v = {data, 0};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct mmsghdr two[2] = {{.msg_hdr = m}, {.msg_hdr = m}};

	check(read(fd, data, 0) == 0 && __read_chk(fd, data, 0, sizeof(data)) == 0);
	check(readv(fd, &v, 1) == 0 && writev(fd, &v, 1) == 0);
	check(readv(fd, NULL, 0) == 0 && writev(fd, NULL, 0) == 0);
	check(recvmmsg(fd, two, 0, 0, NULL) == 0 && sendmmsg(fd, two, 0, 0) == 0);
	check(sendfile(fd, file, NULL, 0) == 0 && splice(fd, NULL, fd, NULL, 0, 0) == 0);
	fails(recv(fd, data, 0, 0), EAGAIN);
	fails(send(fd, data, 0, 0), EAGAIN);
	fails(recvmsg(fd, &m, 0), EAGAIN);
	fails(sendmsg(fd, &m, 0), EAGAIN);
	fails(recvmmsg(fd, two, 2, 0, NULL), EAGAIN);
	fails(sendmmsg(fd, two, 2, 0), EAGAIN);
	close(fd);
}

static void bad_vectors(void)
{
	int fd = in_progress();
	struct iovec v = {data, 5}, huge = {data, (size_t)-1};
	struct msghdr nothing = {.msg_iov = nowhere, .msg_iovlen = 1};
	struct msghdr many = {.msg_iov = &v, .msg_iovlen = more};

	fails(readv(fd, nowhere, 1), EFAULT);
	fails(writev(fd, nowhere, 1), EFAULT);
	fails(readv(fd, &v, less), EINVAL);
	fails(writev(fd, &v, more), EINVAL);
	fails(readv(fd, &huge, 1), EINVAL);
	fails(writev(fd, &huge, 1), EINVAL);
	fails(recvmsg(fd, nowhere, 0), EFAULT);
	fails(sendmsg(fd, nowhere, 0), EFAULT);
	fails(recvmsg(fd, &nothing, 0), EFAULT);
	fails(sendmsg(fd, &nothing, 0), EFAULT);
	fails(recvmsg(fd, &many, 0), EMSGSIZE);
	fails(sendmsg(fd, &many, 0), EMSGSIZE);
	fails(recvmmsg(fd, nowhere, 1, 0, NULL), EFAULT);
	fails(sendmmsg(fd, nowhere, 1, 0), EFAULT);
	close(fd);
}

static void bad_ends(void)
{
	int fd = in_progress(), pipes[2];

	check(!pipe(pipes));
	fails(sendto(fd, data, 5, 0, nowhere, 16), EFAULT);
	fails(sendto(fd, data, 5, 0, (struct sockaddr *)data, 2000), EINVAL);
	fails(sendfile(fd, file, nowhere, 5), EFAULT);
	fails(sendfile(fd, -1, NULL, 5), EBADF);
	fails(splice(fd, NULL, -1, NULL, 5, 0), EBADF);
	fails(splice(-1, NULL, fd, NULL, 5, 0), EBADF);
	fails(splice(file, NULL, fd, NULL, 5, 0), EINVAL);
	fails(splice(fd, nowhere, pipes[1], NULL, 5, 0), EFAULT);
	fails(splice(fd, &(off_t){0}, pipes[1], NULL, 5, 0), EINVAL);
	fails(splice(fd, NULL, pipes[1], NULL, 5, 0xff0), EINVAL);
	fails(getpeername(fd, nowhere, nowhere), ENOTCONN);
	fails(getsockopt(fd, SOL_SOCKET, SO_ERROR, nowhere, nowhere), EFAULT);
	fails(ioctl(fd, FIONREAD, nowhere), EFAULT);
	fails(shutdown(fd, 7), EINVAL);
	fails(start(fd), EALREADY); // it goes on
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

// No address is looked at: not a short one, of another family, or one that would be no business of
// a proxy.
static void connected_elsewhere(void)
{
	int fd = in_progress();
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr.s6_addr[15] = 1};
	struct sockaddr_in here = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (int i = 0; i < 4; i++) {
		order(SETTLE, 0);
		fails(connect(fd, (struct sockaddr *)&six, sizeof(six)), EALREADY);
		fails(connect(fd, (struct sockaddr *)&here, sizeof(here)), EALREADY);
		fails(connect(fd, (struct sockaddr *)&peer, 3), EALREADY);
		fails(connect(fd, (struct sockaddr *)&peer, 1), EINVAL);
		fails(connect(fd, nowhere, 16), EFAULT);
		check(events_of(fd, 0) == 0);
	}
	order(GO, 1);
	check(works(fd));
	close(fd);
}

static void bad_waits(void)
{
	int fd = in_progress(), epoll = epoll_create1(0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	const struct timespec before = {-1, 0}, odd = {0, 1000000000};
	struct epoll_event e = {.events = EPOLLIN};

	fails(poll(nowhere, 1, 0), EFAULT);
	fails(poll(&p, more, 0), EINVAL);
	fails(ppoll(&p, 1, &before, NULL), EINVAL);
	fails(ppoll(&p, 1, &odd, NULL), EINVAL);
	fails(select(fd + 1, nowhere, NULL, NULL, NULL), EFAULT);
	fails(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	fails(select(fd + 1, NULL, NULL, NULL, &(struct timeval){0, -1}), EINVAL);
	fails(pselect(fd + 1, NULL, NULL, NULL, &odd, NULL), EINVAL);
	fails(epoll_wait(epoll, &e, 0, 0), EINVAL);
	fails(epoll_wait(fd, &e, 1, 0), EINVAL);
	fails(epoll_wait(-1, &e, 1, 0), EBADF);
	fails(epoll_pwait2(epoll, &e, 1, &before, NULL), EINVAL);
	fails(epoll_ctl(epoll, 9, fd, &e), EINVAL);
	fails(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, nowhere), EFAULT);
	fails(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e), ENOENT);
	fails(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nowhere), ENOENT);
	check(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e));
	fails(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), EEXIST);
	fails(epoll_ctl(fd, EPOLL_CTL_ADD, epoll, &e), EINVAL);
	check(!epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nowhere));
	close(fd);
	close(epoll);
}

// ---- what is asked of it ----

static int option(int fd, int level, int which)
{
	int n = -7;
	socklen_t len = sizeof(n);

	check(!getsockopt(fd, level, which, &n, &len) && len == sizeof(n));
	return n;
}

static int bytes(int fd, unsigned long which)
{
	int n = -7;

	check(!ioctl(fd, which, &n));
	return n;
}

static void asked(void)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	int fd = in_progress();

	fails(listen(fd, 1), EINVAL);
	check(!getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &at, &len) && at.sin_port == peer.sin_port);
	memset(&at, 0, sizeof(at));

	check(bytes(fd, FIONREAD) == 0 && bytes(fd, SIOCOUTQ) == 0);
	check(bytes(fd, SIOCOUTQNSD) == 0);
	check(option(fd, SOL_SOCKET, SO_ERROR) == 0 && option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
	check(option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
	check(option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET);
	check(option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
	check(option(fd, SOL_SOCKET, SO_RCVLOWAT) == 1);
	check(option(fd, IPPROTO_TCP, TCP_NODELAY) == 0);
	check(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(fd, F_GETOWN) == 0);
	check(!setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){2}, 4));
	check(option(fd, SOL_SOCKET, SO_RCVLOWAT) == 2);
	order(GO, 1);
	check(works(fd));
	check(!getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &at, &len) && len == sizeof(at));
	check(at.sin_port == peer.sin_port && at.sin_addr.s_addr == peer.sin_addr.s_addr);
	len++;
	fails(getsockopt(fd, SOL_SOCKET, SO_PEERNAME, data, &len), EINVAL);
	check(option(fd, SOL_SOCKET, SO_RCVLOWAT) == 2);
	check(option(fd, IPPROTO_TCP, TCP_NODELAY) == 0);
	order(SAY, 0);
	check(bytes(fd, FIONREAD) == 2);
	close(fd);
}

// What was set before it connects is no hindrance.
static void set_before(void)
{
	const struct linger now = {1, 0};
	const struct {
		int level, which;
		const void *value;
		socklen_t len;
	} set[] = {
		{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, 4},
		{IPPROTO_TCP, TCP_CORK, &(int){1}, 4},
		{IPPROTO_TCP, TCP_QUICKACK, &(int){0}, 4},
		{SOL_SOCKET, SO_LINGER, &now, sizeof(now)},
		{SOL_SOCKET, SO_RCVLOWAT, &(int){50}, 4},
		{SOL_SOCKET, SO_SNDBUF, &(int){1}, 4},
		{SOL_SOCKET, SO_RCVBUF, &(int){1}, 4},
		{SOL_SOCKET, SO_OOBINLINE, &(int){1}, 4},
	};

	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++) {
		int fd = unconnected(SOCK_NONBLOCK);

		check(!setsockopt(fd, set[i].level, set[i].which, set[i].value, set[i].len));
		fails(start(fd), EINPROGRESS);
		check(events_of(fd, 0) == 0);
		order(GO, 1);
		check(events_of(fd, -1) == POLLOUT && send(fd, "ab", 2, 0) == 2);
		check(!setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){0}, 4));
		check(!setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, 4));
		let_block(fd);
		check(recv(fd, data, 2, MSG_WAITALL) == 2);
		close(fd);
	}
}

// A socket of IPv6 whose peer is an address of IPv4, and so is the proxy.
static void mapped(void)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(ECHO)}, got;
	socklen_t len = sizeof(got);
	int fd, epoll = epoll_create1(0);

	inet_pton(AF_INET6, "::ffff:" THERE, &six.sin6_addr);
	order(HOLD, stage);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	check(!watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLET));
	fails(connect(fd, (struct sockaddr *)&six, sizeof(six)), EINPROGRESS);
	fails(connect(fd, (struct sockaddr *)&six, sizeof(six)), EALREADY);
	fails(getpeername(fd, (struct sockaddr *)&got, &len), ENOTCONN);
	fails(send(fd, "x", 1, 0), EAGAIN);
	fails(recv(fd, data, 1, 0), EAGAIN);
	check(event_of(epoll) == 0);
	order(GO, 1);
	check(next_event(epoll, fd, -1) == EPOLLOUT && works(fd));
	check(!getpeername(fd, (struct sockaddr *)&got, &len) && len == sizeof(got));
	check(!memcmp(&got.sin6_addr, &six.sin6_addr, 16) && got.sin6_port == six.sin6_port);
	close(fd);
	close(epoll);
}

// ---- reads and writes ----

static void flags(void)
{
	static const int each[] = {MSG_PEEK,	 MSG_WAITALL,	       MSG_TRUNC,
				   MSG_DONTWAIT, MSG_PEEK | MSG_TRUNC, MSG_PEEK | MSG_WAITALL};
	int fd = in_progress();

	for (int i = 0; i < 6; i++) {
		fails(recv(fd, data, 5, each[i]), EAGAIN);
		fails(__recv_chk(fd, data, 5, sizeof(data), each[i]), EAGAIN);
		fails(__recvfrom_chk(fd, data, 5, sizeof(data), each[i], NULL, NULL), EAGAIN);
	}
	fails(__read_chk(fd, data, 5, sizeof(data)), EAGAIN);
	fails(recv(fd, data, 5, MSG_OOB), EINVAL);
	fails(recv(fd, data, 5, MSG_ERRQUEUE), EAGAIN);
	fails(send(fd, data, 5, MSG_OOB), EAGAIN);
	fails(sendto(fd, data, 5, 0, (struct sockaddr *)&peer, sizeof(peer)), EAGAIN);
	order(GO, 1);
	check(events_of(fd, -1) == POLLOUT && send(fd, "abcdefgh", 8, 0) == 8);
	order(SETTLE, 0);
	check(recv(fd, data, 3, MSG_PEEK | MSG_WAITALL) == 3 && recv(fd, NULL, 2, MSG_TRUNC) == 2);
	check(recv(fd, data, 9, MSG_WAITALL | MSG_DONTWAIT) == 6 && !memcmp(data, "cdefgh", 6));
	close(fd);
}

enum { READS = 12, WRITES = 5 };

// Ways to read "hello" that end the handshake first. The bytes are left in `data`.
static long read_so(int way, int fd)
{
	struct iovec v[2] = {{data, 2}, {data + 2, 3}};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = v, .msg_iovlen = 2}};
	int pipes[2];
	long got;

	switch (way) {
	case 0:
		return recv(fd, data, 5, MSG_PEEK | MSG_WAITALL);
	case 1:
		return recv(fd, data, 5, MSG_WAITALL);
	case 2:
		return recvmmsg(fd, &m, 1, 0, NULL) == 1 ? (long)m.msg_len : -1;
	case 3:
		return recvmsg(fd, &m.msg_hdr, 0);
	case 4:
		return readv(fd, v, 2);
	case 5:
		return __read_chk(fd, data, 5, 5);
	case 6:
		return syscall(SYS_read, fd, data, 5);
	case 7:
		return __recv_chk(fd, data, 5, 5, 0);
	case 8:
		return recvfrom(fd, data, 5, 0, NULL, NULL);
	case 9:
		return __recvfrom_chk(fd, data, 5, 5, 0, NULL, NULL);
	case 10:
		return read(fd, data, 5);
	default:
		check(!pipe(pipes));
		got = splice(fd, NULL, pipes[1], NULL, 5, 0);
		check(got < 0 || read(pipes[0], data, 5) == got);
		close(pipes[0]);
		close(pipes[1]);
		return got;
	}
}

static void blocking_reads(void)
{
	for (int way = 0; way < READS; way++) {
		int fd = greeted();

		let_block(fd);
		memset(data, 0, sizeof(data));
		order(GO, 1);
		check(read_so(way, fd) == 5 && !memcmp(data, "hello", 6));
		check(recv(fd, data, 9, MSG_DONTWAIT) == (way ? -1 : 5));
		close(fd);
	}
}

static long write_so(int way, int fd)
{
	struct iovec v[2] = {{(char[]){"ab"}, 2}, {(char[]){"c"}, 1}};
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = v, .msg_iovlen = 1}},
				 {.msg_hdr = {.msg_iov = v + 1, .msg_iovlen = 1}}};
	int pipes[2];
	long got;

	switch (way) {
	case 0:
		return sendmmsg(fd, two, 2, 0) == 2 ? (long)(two[0].msg_len + two[1].msg_len) : -1;
	case 1:
		return sendfile(fd, file, &(off_t){1}, 3);
	case 2:
		return writev(fd, v, 2);
	case 3:
		return sendto(fd, "abc", 3, MSG_OOB, NULL, 0);
	default:
		check(!pipe(pipes) && write(pipes[1], "abc", 3) == 3);
		got = splice(pipes[0], NULL, fd, NULL, 3, 0);
		close(pipes[0]);
		close(pipes[1]);
		return got;
	}
}

static void blocking_writes(void)
{
	for (int way = 0; way < WRITES; way++) {
		int fd = in_progress();

		check(!setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){1}, 4));
		let_block(fd);
		order(GO, 1);
		check(write_so(way, fd) == 3);
		order(SETTLE, 0);
		check(recv(fd, data, 9, MSG_DONTWAIT) >= 2);
		close(fd);
	}
}

// Each is the first look at what the proxy said last.
static void first_of_all(void)
{
	for (int way = 0; way < READS + WRITES; way++) {
		int fd = in_progress();

		fails(way < READS ? read_so(way, fd) : write_so(way - READS, fd), EAGAIN);
		order(SETTLE, 0);
		fails(start(fd), EALREADY);
		order(GO, 1);
		check(works(fd));
		close(fd);
	}
}

// ---- waits ----

// getdtablesize(3) beside a plain fd_set: the kernel looks no further than to the last descriptor.
static void small_sets(void)
{
	struct {
		unsigned long before[16];
		fd_set set;
		unsigned long behind[1000];
	} m;
	struct timeval t = {20, 0};
	int fd = in_progress();

	memset(&m, 0xa5, sizeof(m));
	FD_ZERO(&m.set);
	FD_SET(fd, &m.set);
	check(select(20000, NULL, &m.set, NULL, &(struct timeval){0}) == 0);
	check(!FD_ISSET(fd, &m.set) && m.behind[0] == 0xa5a5a5a5a5a5a5a5);
	order(GO, 1);
	FD_SET(fd, &m.set);
	check(pselect(1 << 20, NULL, &m.set, NULL, NULL, NULL) == 1 && FD_ISSET(fd, &m.set));
	close(fd);
	fd = in_progress();
	order(GO, 1);
	check(select(fd + 1, NULL, &m.set, NULL, &t) == 1 && t.tv_sec < 20); // what is left
	close(fd);
}

static void one_twice(void)
{
	int fd = in_progress();
	struct pollfd p[] = {{.fd = fd, .events = POLLOUT},
			     {.fd = fd, .events = POLLIN},
			     {.fd = -1},
			     {.fd = 999, .events = POLLIN},
			     {.fd = fd}};

	check(__poll_chk(p, 5, -1, sizeof(p)) == 1);
	check(!p[0].revents && !p[1].revents && !p[2].revents && p[3].revents == POLLNVAL);
	p[3].fd = -1;
	check(__ppoll_chk(p, 5, &(struct timespec){0}, NULL, sizeof(p)) == 0);
	order(GO, 1);
	check(__ppoll_chk(p, 5, NULL, NULL, sizeof(p)) == 1);
	check(p[0].revents == POLLOUT && !p[1].revents && !p[4].revents);
	check(__poll_chk(p, 5, -1, sizeof(p)) == 1 && works(fd));
	close(fd);
}

// Copies that are looked at together, and the last word of the proxy comes between two looks.
static void copies_together(void)
{
	for (int way = 0; way < 3; way++) {
		struct pollfd p[1000] = {0};
		int first = in_progress(), last = fcntl(first, F_DUPFD, 900);
		fd_set w;

		FD_ZERO(&w);
		FD_SET(first, &w);
		for (int i = first; way == 2 && i < 900; i++)
			check(first == i || dup2(first, i) == i);
		for (int i = 0; i < 1000; i++)
			p[i] = (struct pollfd){.fd = way && i ? last : first};
		p[0].events = POLLOUT;
		order(GO, 1);
		if (way == 2) {
			fd_set r = w;

			for (int i = first; i <= 900; i++)
				FD_SET(i, &r);
			check(select(901, &r, &w, NULL, NULL) == 1 && FD_ISSET(first, &w));
		} else {
			check(poll(p, 1000, -1) == 1 && p[0].revents == POLLOUT);
		}
		for (int i = first; way == 2 && i < 900; i++)
			close(i);
		check(works(last));
		close(first);
		close(last);
	}
}

// syscall(2) has waits, too, and a way to copy a descriptor.
static void by_number(void)
{
	const struct timespec none = {0};
	sigset_t mask;
	const struct {
		const void *set;
		size_t size;
	} with = {&mask, 8};
	int first = in_progress(), epoll = epoll_create1(0), fd = 310;
	struct epoll_event e;
	fd_set w;

	sigemptyset(&mask);
	check(syscall(SYS_dup2, first, fd) == fd && !close(first));
	check(!watch(epoll, fd, EPOLLOUT));
	FD_ZERO(&w);
	for (int i = 0; i < 4; i++) {
		order(SETTLE, 0);
		FD_SET(fd, &w);
		check(syscall(SYS_select, fd + 1, NULL, &w, NULL, &(struct timeval){0}) == 0);
		FD_SET(fd, &w);
		check(syscall(SYS_pselect6, fd + 1, NULL, &w, NULL, &none, &with) == 0);
		check(syscall(SYS_epoll_pwait2, epoll, &e, 1, &none, &mask, 8) == 0);
	}
	order(GO, 1);
	FD_SET(fd, &w);
	check(syscall(SYS_pselect6, fd + 1, NULL, &w, NULL, NULL, NULL) == 1 && works(fd));
	close(fd);
	close(epoll);
}

static void nested(void)
{
	int e[3], fd = in_progress(), looks = 0;
	uint32_t got = 0;
	fd_set r;

	for (int i = 0; i < 3; i++)
		e[i] = epoll_create1(0);
	check(!watch(e[0], fd, EPOLLOUT) && !watch(e[1], e[0], EPOLLIN));
	check(!watch(e[2], e[1], EPOLLIN));
	order(GO, 1);
	while (!got && looks++ < 100) { // may be woken in vain: CAVEATS in libsockshim.8
		FD_ZERO(&r);
		FD_SET(e[2], &r);
		check(select(e[2] + 1, &r, NULL, NULL, NULL) == 1);
		check(next_event(e[2], e[1], -1) == EPOLLIN);
		next_event(e[1], e[0], 0);
		got = next_event(e[0], fd, 0);
	}
	check(got == EPOLLOUT && works(fd));
	for (int i = 0; i < 3; i++)
		close(e[i]);
	close(fd);
}

static int change(int epoll, int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll, op, fd, &e);
}

static void exclusive(void)
{
	int e[2] = {epoll_create1(0), epoll_create1(0)}, fd = in_progress();

	fails(watch(e[0], fd, EPOLLEXCLUSIVE | EPOLLIN | EPOLLONESHOT), EINVAL);
	fails(watch(e[0], fd, EPOLLEXCLUSIVE | EPOLLIN | EPOLLRDHUP), EINVAL);
	for (int i = 0; i < 2; i++) {
		check(!watch(e[i], fd, EPOLLEXCLUSIVE | EPOLLIN | EPOLLOUT | EPOLLET));
		fails(change(e[i], EPOLL_CTL_MOD, fd, EPOLLIN), EINVAL);
		check(event_of(e[i]) == 0);
	}
	order(GO, 1);
	check(next_event(e[0], fd, -1) == EPOLLOUT);
	for (int i = 0; i < 2; i++) {
		fails(change(e[i], EPOLL_CTL_MOD, fd, EPOLLIN), EINVAL);
		check(!change(e[i], EPOLL_CTL_DEL, fd, 0));
		close(e[i]);
	}
	check(works(fd));
	close(fd);
}

// One-shot, before or while it connects; and each time that it is armed anew.
static void one_shot(void)
{
	for (int early = 0; early < 2; early++) {
		int epoll = epoll_create1(0), fd = unconnected(SOCK_NONBLOCK);
		const uint32_t both = EPOLLIN | EPOLLOUT | EPOLLONESHOT;

		check(!early || !watch(epoll, fd, both));
		check(!early || event_of(epoll) == (EPOLLOUT | EPOLLHUP));
		fails(start(fd), EINPROGRESS);
		check(event_of(epoll) == 0);
		check(!change(epoll, early ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, both));
		check(event_of(epoll) == 0);
		order(GO, 1);
		check(next_event(epoll, fd, -1) == EPOLLOUT && event_of(epoll) == 0);
		check(!change(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT));
		check(event_of(epoll) == 0 && send(fd, "ab", 2, 0) == 2);
		order(SETTLE, 0);
		check(event_of(epoll) == EPOLLIN && event_of(epoll) == 0);
		check(!change(epoll, EPOLL_CTL_MOD, fd, both));
		check(event_of(epoll) == (EPOLLIN | EPOLLOUT) && event_of(epoll) == 0);
		close(fd);
		close(epoll);
	}
}

// ---- signals ----

static void by_sigio(void)
{
	sigset_t io, was;
	int fd, looks = 0;

	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	sigprocmask(SIG_BLOCK, &io, &was);
	fd = in_progress();
	check(!fcntl(fd, F_SETOWN, getpid()) && !fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC));
	order(GO, 1);
	while (events_of(fd, 0) != POLLOUT && looks++ < 100)
		check(sigwaitinfo(&io, NULL) == SIGIO);
	check(!fcntl(fd, F_SETFL, O_NONBLOCK) && works(fd));
	close(fd);
	while (sigtimedwait(&io, NULL, &(struct timespec){0}) > 0)
		;
	sigprocmask(SIG_SETMASK, &was, NULL);
}

static void on_signal(int sig)
{
	(void)sig;
}

// A signal each 2 ms, so that one comes while a call waits, however late that begins.
static void alarms(bool on)
{
	const struct timeval t = {.tv_usec = on ? 2000 : 0};

	setitimer(ITIMER_REAL, &(struct itimerval){t, t}, NULL);
}

static void bound(int fd, int which)
{
	check(!setsockopt(fd, SOL_SOCKET, which, &(struct timeval){20, 0}, sizeof(struct timeval)));
}

// Calls with a time limit are not restarted, whatever SA_RESTART says (signal(7)).
static void limited_and_interrupted(void)
{
	int fd = unconnected(0);

	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART},
		  NULL);
	bound(fd, SO_SNDTIMEO);
	alarms(true);
	fails(start(fd), EINTR);
	alarms(false);
	order(GO, 1);
	check(works(fd));
	close(fd);
	for (int i = 0; i < 2; i++) {
		fd = in_progress();
		bound(fd, i ? SO_RCVTIMEO : SO_SNDTIMEO);
		let_block(fd);
		alarms(true);
		fails(i ? recv(fd, data, 1, 0) : send(fd, "ab", 2, 0), EINTR);
		alarms(false);
		close(fd);
	}
}

static const struct test_case cases[] = {
	CASE(no_bytes),
	CASE(bad_vectors),
	CASE(bad_ends),
	CASE(connected_elsewhere),
	CASE(bad_waits),
	CASE(asked),
	CASE(mapped),
	CASE(flags),
	CASE(blocking_reads),
	CASE(first_of_all),
	CASE(blocking_writes),
	CASE(one_twice),
	CASE(small_sets),
	CASE(by_number),
	CASE(copies_together),
	CASE(nested),
	CASE(exclusive),
	CASE(one_shot),
	CASE(by_sigio),
	CASE(set_before),
	CASE(limited_and_interrupted),
};

int main(int argc, char **argv)
{
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	return run_cases(cases, sizeof(cases) / sizeof(*cases), argc > 1 ? argv[1] : NULL);
}
