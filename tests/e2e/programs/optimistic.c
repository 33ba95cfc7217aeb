/* SPDX-License-Identifier: MIT */
// Does the program read exactly what the server sent, whatever it reads with? `optimistic serve
// ADDRESS`: the servers. `optimistic read ADDRESS FIRST COUNT`: for each seed one connection, made,
// written to, watched and read in random ways, by this process, a child, another program or whoever
// was handed the socket. `optimistic refused ADDRESS ERRNO FIRST COUNT`: connections that the proxy
// refuses; the first call that fails must say so. One line for each seed that is wrong. `optimistic
// file ADDRESS`: reads with <stdio.h>. MOST in the environment: bytes at most.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASKED = 7201, SPEAKS = 7202, FIRST_WORDS = 64, MOST = 6000 };

static uint64_t state;
static uint64_t seed;
static uint32_t at, total; // bytes of the stream
static unsigned int most = MOST;
static int fd, copy;
static bool edge;
static int refusal; // errno that is expected

static unsigned int chance(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

static void begin(uint64_t number)
{
	seed = number;
	state = number * 0x9e3779b97f4a7c15u + 1;
	for (int i = 0; i < 8; i++)
		chance(2);
}

__attribute__((noreturn)) static void wrong(const char *what, long got)
{
	printf("seed %lu: byte %u of %u: %s: %ld, %s\n", seed, at, total, what, got,
	       strerrorname_np(errno));
	fflush(stdout);
	_exit(1);
}

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 167 + (i >> 8) * 13 + 5);
}

static void serve_one(int c, bool speaks)
{
	uint8_t out[FIRST_WORDS + MOST], in[64];
	uint32_t n, from = 0;

	for (uint32_t i = 0; i < sizeof(out); i++)
		out[i] = pattern(i);
	if (speaks && send(c, out, FIRST_WORDS, MSG_NOSIGNAL) == FIRST_WORDS)
		from = FIRST_WORDS;
	if (recv(c, &n, sizeof(n), MSG_WAITALL) != sizeof(n) || n > MOST)
		return;
	for (uint32_t sent = 0, len; sent < n; sent += len) {
		len = 1 + (n - sent > 3 ? (n - sent) / 3 : 0);
		if (send(c, out + from + sent, len, MSG_NOSIGNAL) != (ssize_t)len)
			return;
	}
	shutdown(c, SHUT_WR);
	while (read(c, in, sizeof(in)) > 0)
		;
}

static int serve(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
	struct pollfd l[2];
	const int on = 1;

	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		l[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
		a.sin_port = htons(ASKED + i);
		setsockopt(l[i].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(l[i].fd, (struct sockaddr *)&a, sizeof(a)) || listen(l[i].fd, 1000))
			return 1;
	}
	for (;;) {
		poll(l, 2, -1);
		for (int i = 0; i < 2; i++) {
			int c = l[i].revents ? accept(l[i].fd, NULL, NULL) : -1;

			if (c >= 0 && !fork()) {
				serve_one(c, i);
				_exit(0);
			}
			if (c >= 0)
				close(c);
		}
	}
}

static bool blocks(void)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static int either(void)
{
	return copy >= 0 && chance(2) ? copy : fd;
}

// ---- looks: true if the socket is readable ----

static bool look_epoll(bool out, int ms)
{
	static const uint32_t how[] = {0, EPOLLET, EPOLLONESHOT};
	struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0) | how[chance(3)],
				.data.u32 = 77},
			   got;
	int ep = epoll_create1(EPOLL_CLOEXEC), n;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		wrong("epoll_ctl", -1);
	n = epoll_wait(ep, &got, 1, ms);
	if (n < 0 || (n && got.data.u32 != 77))
		wrong("epoll_wait", n ? (long)got.data.u64 : n);
	close(ep);
	return n && got.events & EPOLLIN;
}

static bool look_select(bool out, int ms)
{
	struct timeval t = {.tv_usec = ms * 1000};
	int which = either();
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(which, &r);
	if (out)
		FD_SET(which, &w);
	if (select(which + 1, &r, out ? &w : NULL, NULL, &t) < 0)
		wrong("select", -1);
	return FD_ISSET(which, &r);
}

static bool look(bool out, int ms)
{
	struct pollfd p = {.fd = either(), .events = POLLIN | (out ? POLLOUT : 0)};
	int bytes;

	switch (chance(4)) {
	case 0:
		return look_epoll(out, ms);
	case 1:
		return look_select(out, ms);
	case 2:
		if (chance(2) ? ioctl(fd, FIONREAD, &bytes)
			      : syscall(SYS_ioctl, fd, FIONREAD, &bytes))
			wrong("FIONREAD", -1);
		return bytes > 0;
	default:
		if (poll(&p, 1, ms) < 0)
			wrong("poll", -1);
		return p.revents & POLLIN;
	}
}

// ---- reads: bytes, 0 at the end, -1 and errno; the data is in `in` ----

static uint8_t in[4096];

static long read_splice(size_t len)
{
	int tube[2], n, got = 0;

	if (pipe2(tube, O_CLOEXEC))
		wrong("pipe2", -1);
	n = chance(2) ? (int)splice(either(), NULL, tube[1], NULL, len, 0)
		      : (int)syscall(SYS_splice, either(), NULL, tube[1], NULL, len, 0);
	if (n > 0)
		got = (int)read(tube[0], in, sizeof(in));
	int error = errno;
	close(tube[0]);
	close(tube[1]);
	errno = error;
	return n > 0 ? got : n;
}

static long read_once(size_t len, int flags)
{
	struct iovec v[2] = {{in, len / 2}, {in + len / 2, len - len / 2}};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = v, .msg_iovlen = 2}};
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	int which = either();
	bool plain = !flags || !blocks();

	switch (chance(plain ? 9 : 4)) {
	case 0:
		return recv(which, in, len, flags);
	case 1:
		return recvfrom(which, in, len, flags, (struct sockaddr *)&from, &from_len);
	case 2:
		return recvmsg(which, &m.msg_hdr, flags);
	case 3:
		return recvmmsg(which, &m, 1, flags, NULL) == 1 ? (long)m.msg_len : -1;
	case 4:
		return readv(which, v, 2);
	case 5:
		return read_splice(len);
	case 6:
		return syscall(SYS_recvfrom, which, in, len, flags, NULL, NULL);
	default:
		return read(which, in, len);
	}
}

static void compare(long n, const char *what)
{
	for (long i = 0; i < n; i++)
		if (in[i] != pattern(at + (uint32_t)i))
			wrong(what, in[i]);
	if (at + (uint32_t)n > total)
		wrong(what, n);
}

static void peek(int flags)
{
	long n = recv(either(), in, 1 + chance(100), MSG_PEEK | flags);

	if (n >= 0)
		compare(n, "MSG_PEEK");
	else if (errno != EAGAIN)
		wrong("MSG_PEEK", n);
}

// True at the end of the stream.
static bool read_some(void)
{
	bool ready = !edge && chance(2) ? look(chance(3) == 0, 1 + (int)chance(20)) : false;
	int flags = chance(2) ? MSG_DONTWAIT : 0;
	size_t len = 2 + chance(chance(4) ? 30 : 4000);
	long n;

	if (chance(4) == 0)
		peek(MSG_DONTWAIT);
	if (!ready && !flags && blocks() && chance(4) == 0 && at + len <= total) {
		n = recv(either(), in, len, MSG_WAITALL);
		if (n != (long)len)
			wrong("MSG_WAITALL", n);
	} else {
		n = read_once(len, flags);
	}
	if (n < 0 && (errno != EAGAIN || ready || (!flags && blocks())))
		wrong(ready ? "read of what is readable" : "read", n);
	if (n > 0) {
		compare(n, "data");
		at += (uint32_t)n;
	}
	if (n == 0 && at != total)
		wrong("end", n);
	return n == 0;
}

// Waits with an edge-triggered registration, and reads until there is nothing.
static void read_by_edges(int ep)
{
	struct epoll_event e;

	for (;;) {
		int n = epoll_wait(ep, &e, 1, 20000);

		if (n != 1 || e.data.u32 != 55)
			wrong("edge", n);
		if (!(e.events & EPOLLIN))
			continue;
		for (;;) {
			long got = recv(fd, in, 1 + chance(500), MSG_DONTWAIT);

			if (got < 0 && errno == EAGAIN)
				break;
			if (got < 0)
				wrong("recv", got);
			compare(got, "data");
			at += (uint32_t)got;
			if (!got && at != total)
				wrong("end", got);
			if (!got)
				return;
		}
	}
}

// ---- connect and write ----

static void make(int ep)
{
	static const int sizes[] = {1, 50, 3000};
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = 55};

	fd = socket(AF_INET, SOCK_STREAM | (edge || chance(2) ? SOCK_NONBLOCK : 0), 0);
	copy = chance(3) ? -1 : dup(fd);
	if (chance(4) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &sizes[chance(3)], sizeof(int)))
		wrong("SO_RCVLOWAT", -1);
	if (edge && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		wrong("epoll_ctl", -1);
}

// Waits until the socket is writable; the events of poll(2).
static int wait_writable(void)
{
	static const uint32_t how[] = {0, EPOLLET, EPOLLONESHOT};
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct epoll_event e = {.events = EPOLLOUT | how[chance(3)], .data.u32 = 99}, got;
	struct timeval t = {.tv_sec = 20};
	int ep, n;
	fd_set w;

	switch (chance(3)) {
	case 0:
		FD_ZERO(&w);
		FD_SET(fd, &w);
		return select(fd + 1, NULL, &w, NULL, &t) == 1 ? POLLOUT : 0;
	case 1:
		ep = epoll_create1(EPOLL_CLOEXEC);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
			wrong("epoll_ctl", -1);
		n = epoll_wait(ep, &got, 1, 20000);
		if (n != 1 || got.data.u32 != 99)
			wrong("epoll_wait", n);
		if (e.events & EPOLLONESHOT && epoll_wait(ep, &got, 1, 0))
			wrong("one shot", got.events);
		close(ep);
		return got.events;
	default:
		return poll(&p, 1, 20000) == 1 ? p.revents : 0;
	}
}

static void connect_to(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = inet_addr(address)},
			   peer;
	socklen_t len = sizeof(peer);
	int bytes, error = 0, events;

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && (blocks() || errno != EINPROGRESS)) {
		if (refusal && errno == refusal)
			_exit(0); // it came at once
		wrong("connect", -1);
	}
	events = wait_writable();
	if (!(events & POLLOUT))
		wrong("writable", events);
	if (refusal)
		return;
	if (getpeername(fd, (struct sockaddr *)&peer, &len) || peer.sin_port != a.sin_port)
		wrong("getpeername", -1);
	len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		wrong("SO_ERROR", error);
	if (ioctl(fd, FIONREAD, &bytes) || (total && (uint32_t)bytes > total))
		wrong("FIONREAD", bytes);
}

static long write_once(const void *data, size_t len)
{
	struct iovec v = {(void *)(uintptr_t)data, len};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
	int tube[2];
	long n;

	switch (chance(7)) {
	case 0:
		return send(either(), data, len, MSG_NOSIGNAL);
	case 1:
		return sendto(either(), data, len, MSG_NOSIGNAL, NULL, 0);
	case 2:
		return sendmsg(either(), &m.msg_hdr, MSG_NOSIGNAL);
	case 3:
		return sendmmsg(either(), &m, 1, MSG_NOSIGNAL) == 1 ? (long)m.msg_len : -1;
	case 4:
		return writev(either(), &v, 1);
	case 5:
		if (pipe2(tube, O_CLOEXEC) || write(tube[1], data, len) != (ssize_t)len)
			wrong("pipe2", -1);
		n = splice(tube[0], NULL, either(), NULL, len, 0);
		close(tube[0]);
		close(tube[1]);
		return n;
	default:
		return write(either(), data, len);
	}
}

static void ask(uint32_t n)
{
	const char *data = (const char *)&n;
	size_t first = chance(2) ? sizeof(n) : 1 + chance(sizeof(n) - 1);

	for (size_t sent = 0; sent < sizeof(n); sent = first, first = sizeof(n)) {
		long got = write_once(data + sent, first - sent);

		if (got != (long)(first - sent))
			wrong("write", got);
		if (first == sizeof(n))
			break;
	}
}

// ---- who reads ----

static void read_all(int ep)
{
	alarm(60);
	if (edge)
		read_by_edges(ep);
	else
		while (!read_some())
			;
}

static void hand_over(int to)
{
	char byte = 'x', room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(to, &m, 0) != 1)
		wrong("SCM_RIGHTS", -1);
}

static void take_over(int from)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};

	if (recvmsg(from, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		wrong("SCM_RIGHTS", -1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	copy = -1;
}

static void run_reader(void)
{
	char number[16], from[16], until[16];

	snprintf(number, sizeof(number), "%d", fd);
	snprintf(from, sizeof(from), "%lu", seed);
	snprintf(until, sizeof(until), "%u", total);
	execl("/proc/self/exe", "optimistic", "go-on", number, from, until, (char *)NULL);
	wrong("exec", -1);
}

// In a process of its own: 0 if all is well.
static void one(const char *address, uint64_t number)
{
	int ep = epoll_create1(0), pair[2] = {-1, -1};
	unsigned int n, reader;
	bool speaks;
	pid_t other = 0;

	begin(number);
	n = chance(8) ? chance(most) : 0;
	speaks = chance(2);
	edge = chance(4) == 0;
	reader = edge ? 0 : chance(6);
	total = n + (speaks ? FIRST_WORDS : 0);
	if (reader == 1) { // somebody who was there before the socket
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || (other = fork()) < 0)
			wrong("fork", -1);
		if (!other) {
			close(pair[0]);
			take_over(pair[1]);
			read_all(ep);
			_exit(0);
		}
		close(pair[1]);
	}
	make(ep);
	connect_to(address, speaks ? SPEAKS : ASKED);
	ask(n);
	if (reader == 1) {
		hand_over(pair[0]);
		close(pair[0]);
	} else if (reader == 2 && !(other = fork())) {
		read_all(ep);
		_exit(0);
	} else if (reader == 3) {
		run_reader();
	}
	if (other) {
		int status;

		close(fd);
		if (waitpid(other, &status, 0) != other || status)
			wrong("the other process", status);
	} else {
		read_all(ep);
	}
	_exit(0);
}

static void refused(const char *address, int error, uint64_t number)
{
	long n;

	begin(number);
	refusal = error;
	alarm(60);
	make(-1);
	connect_to(address, ASKED);
	signal(SIGPIPE, SIG_DFL);
	for (;;) {
		int kernels = 0, flags = chance(2) ? MSG_DONTWAIT : 0;
		socklen_t len = sizeof(kernels);

		switch (chance(4)) {
		case 0:
			n = write_once("x", 1);
			break;
		case 1:
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &kernels, &len);
			n = kernels ? -1 : 1;
			errno = kernels;
			break;
		case 2:
			look(chance(2), 5);
			n = 1;
			break;
		default:
			n = read_once(10, flags);
			if (n >= 0)
				wrong("read", n);
			if (errno == EAGAIN && (flags || !blocks()))
				n = 1;
		}
		if (n < 0 && errno != error)
			wrong("the first error", n);
		if (n < 0)
			_exit(0);
	}
}

// Reads the first words through a FILE.
static int through_file(const char *address)
{
	FILE *f;
	int c;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	copy = -1;
	total = FIRST_WORDS;
	connect_to(address, SPEAKS);
	f = fdopen(fd, "r+");
	for (at = 0; at < FIRST_WORDS; at++)
		if ((c = getc(f)) != pattern(at))
			wrong("getc", c);
	puts("the first words");
	return 0;
}

int main(int argc, char *argv[])
{
	bool reads = argc > 1 && !strcmp(argv[1], "read");
	int i = argc - 2, bad = 0, running = 0, status;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "file"))
		return through_file(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "go-on")) {
		fd = atoi(argv[2]);
		copy = -1;
		begin(strtoull(argv[3], NULL, 10));
		total = (uint32_t)atoi(argv[4]);
		read_all(-1);
		return 0;
	}
	if (argc < 5)
		return 2;
	uint64_t first = strtoull(argv[i], NULL, 10), count = strtoull(argv[i + 1], NULL, 10);

	if (getenv("MOST"))
		most = (unsigned int)atoi(getenv("MOST"));
	setvbuf(stdout, NULL, _IOLBF, 4096);
	for (uint64_t n = first; n < first + count || running;) {
		if (n < first + count && running < 100) {
			if (!fork())
				reads ? one(argv[2], n) : refused(argv[2], atoi(argv[3]), n);
			n++;
			running++;
			continue;
		}
		wait(&status);
		running--;
		if (WIFSIGNALED(status))
			printf("a child was ended by signal %d\n", WTERMSIG(status));
		bad += status != 0;
	}
	printf("%lu connections, %d wrong\n", count, bad);
	return bad != 0;
}
