/* SPDX-License-Identifier: MIT */
// The far side of `conform`, where nothing happens by time. conform_far COMMAND…, as root, in a
// network namespace of its own. What COMMAND sends to 10.200.0.2 goes into a TUN device whose
// packets are turned round here: to 10.200.0.1, where this program is the server, and a SOCKS proxy
// that is the server itself once it has replied. SYNs, or replies of the proxy, are held until
// COMMAND orders otherwise (conform.h): a connection stays in progress for as long as it likes. A
// packet that is written to a TUN device has been received when write(2) returns, and one that is
// sent is in it when send(2) returns; so when neither the device nor a socket has more, nothing is
// on the way.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conform.h"

enum { CONNS = 64, PACKET = 2048 };

struct conn {
	int fd; // 0: free
	enum { GREETING, REQUEST, REPLY, OPEN } state;
	unsigned char in[64];
	int have;
	int code; // of the reply
};

enum { LISTENERS = 4 }; // the server; the proxy by IPv4, by IPv6, on a Unix socket if there is one
static int tun, orders, listeners[LISTENERS];
static struct conn conns[CONNS];
static struct {
	unsigned char data[PACKET];
	ssize_t len;
} held[CONNS];
static int held_count;
static int stage;
static bool greets, released;
static int64_t due; // when to release, ms; 0: no

static void need(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(3);
	}
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// ---- packets ----

static unsigned int get16(const unsigned char *p)
{
	return p[0] << 8 | p[1];
}

static void put_sum(unsigned char *at, const unsigned char *p, int len)
{
	unsigned int sum = 0;

	for (int i = 0; i < len; i += 2)
		sum += get16(p + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	at[0] = ~sum >> 8;
	at[1] = ~sum;
}

static void put_back(const unsigned char *p, ssize_t len)
{
	need(write(tun, p, len) == len, "write to the TUN device");
}

// "Host unreachable", as a router on the way says it.
static void say_unreachable(const unsigned char *p)
{
	unsigned char m[56] = {0x45, 0,	 0,   56, 0, 0,	 0,   0, 64, 1, 0,
			       0,    10, 200, 0,  2, 10, 200, 0, 1,  3, 1};

	memcpy(m + 28, p, 28);
	put_sum(m + 22, m + 20, 36);
	put_sum(m + 10, m, 20);
	put_back(m, sizeof(m));
}

static bool is_tcp(const unsigned char *p)
{
	return p[0] == 0x45 ? p[9] == IPPROTO_TCP : p[0] >> 4 == 6 && p[6] == IPPROTO_TCP;
}

static unsigned char *tcp_of(unsigned char *p)
{
	return p + (p[0] == 0x45 ? 20 : 40);
}

// The checksums stay right.
static void turn_round(unsigned char *p, ssize_t len)
{
	size_t size = p[0] == 0x45 ? 4 : 16;
	unsigned char *from = tcp_of(p) - 2 * size, address[16];

	memcpy(address, from, size);
	memcpy(from, from + size, size);
	memcpy(from + size, address, size);
	put_back(p, len);
}

static bool is_syn(unsigned char *p)
{
	return (tcp_of(p)[13] & 0x12) == 0x02;
}

static unsigned int port_to(unsigned char *p)
{
	return get16(tcp_of(p) + 2);
}

static void pass(unsigned char *p, ssize_t len)
{
	if (is_syn(p) && port_to(p) == UNREACHABLE)
		say_unreachable(p);
	else
		turn_round(p, len);
}

// A SYN that is sent again takes the place of the first.
static void hold(unsigned char *p, ssize_t len)
{
	int i = 0;

	while (i < held_count && get16(tcp_of(held[i].data)) != get16(tcp_of(p)))
		i++;
	need(i < CONNS, "too many SYNs");
	memcpy(held[i].data, p, len);
	held[i].len = len;
	held_count += i == held_count;
}

static bool packets(void)
{
	unsigned char p[PACKET];
	ssize_t len;
	bool any = false;

	while ((len = read(tun, p, sizeof(p))) > 0) {
		any = true;
		if (!is_tcp(p))
			continue;
		if (is_syn(p) && !released && (stage == STAGE_SYN || port_to(p) != PROXY))
			hold(p, len);
		else
			pass(p, len);
	}
	return any;
}

// ---- connections ----

static void say(const struct conn *c, const void *data, size_t len)
{
	send(c->fd, data, len, MSG_NOSIGNAL);
}

static void end(struct conn *c, bool abruptly)
{
	const struct linger at_once = {.l_onoff = 1};

	if (abruptly)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->fd);
	c->fd = 0;
}

static void opened(struct conn *c)
{
	c->state = OPEN;
	if (greets)
		say(c, "hello", 5);
}

static bool stops_at(enum stage s)
{
	return !released && stage == (int)s;
}

static void take(struct conn *c, int len)
{
	c->have -= len;
	memmove(c->in, c->in + len, sizeof(c->in) - len);
}

// The proxy's next word, if it has one.
static bool proxy_step(struct conn *c)
{
	int want = c->state == GREETING ? c->have < 2 ? 2 : 2 + c->in[1] : 10, port;

	if ((c->state != REPLY && c->have < want) || stops_at(STAGE_METHOD + c->state) ||
	    stops_at(STAGE_SYN)) // on a Unix socket, which has none
		return false;
	switch (c->state) {
	case GREETING:
		take(c, want);
		say(c, "\5", 2);
		c->state = REQUEST;
		break;
	case REQUEST:
		port = get16(c->in + 8);
		c->code = port == REFUSED ? 5 : port == UNREACHABLE ? 4 : 0;
		take(c, want);
		say(c, (unsigned char[]){5, c->code, 0, 1}, 4);
		c->state = REPLY;
		break;
	default:
		say(c, "\0\0\0\0\0", 6);
		if (c->code)
			end(c, false);
		else
			opened(c);
	}
	return true;
}

static void hear(struct conn *c)
{
	unsigned char data[256];
	ssize_t n;

	if (c->state == OPEN) {
		n = recv(c->fd, data, sizeof(data), 0);
		if (n > 0)
			say(c, data, n);
	} else {
		n = recv(c->fd, c->in + c->have, sizeof(c->in) - c->have, 0);
		if (n > 0)
			c->have += n;
	}
	if (n <= 0)
		end(c, false);
}

static void let_in(int which)
{
	int fd = accept4(listeners[which], NULL, NULL, SOCK_CLOEXEC), i = 0, one = 1;

	if (fd < 0)
		return;
	while (i < CONNS && conns[i].fd)
		i++;
	need(i < CONNS, "too many connections");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conns[i] = (struct conn){.fd = fd};
	if (which == 0)
		opened(&conns[i]);
}

// Waits `ms` for something to happen here; deals with all but orders. True: there was something.
static bool sockets(int ms)
{
	struct pollfd p[LISTENERS + CONNS + 2];
	int n = LISTENERS + CONNS;
	bool any = false;

	for (int i = 0; i < n; i++) {
		int conn = i < LISTENERS ? 0 : conns[i - LISTENERS].fd;

		p[i] = (struct pollfd){.fd = i < LISTENERS ? listeners[i]
					     : conn	   ? conn
							   : -1,
				       .events = POLLIN};
	}
	p[n] = (struct pollfd){.fd = tun, .events = POLLIN};
	p[n + 1] = (struct pollfd){.fd = orders, .events = POLLIN};
	poll(p, ms ? n + 2 : n, ms);
	for (int i = 0; i < n; i++) {
		if (!p[i].revents)
			continue;
		any = true;
		i < LISTENERS ? let_in(i) : hear(&conns[i - LISTENERS]);
	}
	for (int i = 0; i < CONNS; i++)
		while (conns[i].fd && conns[i].state != OPEN && proxy_step(&conns[i]))
			any = true;
	return any;
}

static void settle(void)
{
	while (packets() | sockets(0))
		;
}

// ---- orders ----

static void forget_all(void)
{
	released = true; // what was held is of no more use: let it come to its end
	settle();
	for (int i = 0; i < CONNS; i++)
		if (conns[i].fd)
			end(&conns[i], true);
	settle();
	held_count = 0;
	released = false;
	due = 0;
}

static void release(void)
{
	released = true;
	due = 0;
	for (int i = 0; i < held_count; i++)
		pass(held[i].data, held[i].len);
	held_count = 0;
}

static void each_open(enum what what)
{
	for (int i = 0; i < CONNS; i++) {
		struct conn *c = &conns[i];

		if (!c->fd || c->state != OPEN)
			continue;
		if (what == SAY)
			say(c, "xy", 2);
		else if (what == FINISH)
			shutdown(c->fd, SHUT_WR);
		else
			end(c, true);
	}
}

static void obey(const struct order *o)
{
	settle();
	switch (o->what) {
	case HOLD:
		forget_all();
		stage = o->arg % GREETS;
		greets = o->arg >= GREETS;
		break;
	case GO:
		if (o->arg)
			due = now() + o->arg;
		else
			release();
		break;
	case SETTLE:
		break;
	default:
		each_open(o->what);
	}
	settle();
}

static void serve(void)
{
	struct order o;

	for (;;) {
		int64_t wait = due ? due - now() : -1;

		if (due && wait <= 0)
			release();
		settle();
		sockets(due ? (int)(due - now() > 0 ? due - now() : 1) : -1);
		switch (recv(orders, &o, sizeof(o), MSG_DONTWAIT)) {
		case sizeof(o):
			obey(&o);
			send(orders, "", 1, MSG_NOSIGNAL);
			break;
		case 0:
			return; // it has ended
		}
	}
}

// ---- beginning ----

static int listen_on(const void *at, socklen_t len)
{
	int fd = socket(((const struct sockaddr *)at)->sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	need(bind(fd, at, len) == 0 && listen(fd, CONNS) == 0, "listen");
	return fd;
}

static void make_listeners(void)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(ECHO)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(PROXY)};
	struct sockaddr_un here = {.sun_family = AF_UNIX};
	const char *path = getenv("CONFORM_UNIX");

	inet_pton(AF_INET, "10.200.0.1", &v4.sin_addr);
	inet_pton(AF_INET6, "fd00:200::1", &v6.sin6_addr);
	listeners[0] = listen_on(&v4, sizeof(v4));
	v4.sin_port = htons(PROXY);
	listeners[1] = listen_on(&v4, sizeof(v4));
	listeners[2] = listen_on(&v6, sizeof(v6));
	listeners[3] = -1;
	if (!path)
		return;
	snprintf(here.sun_path, sizeof(here.sun_path), "%s", path);
	unlink(path);
	listeners[3] = listen_on(&here, sizeof(here));
	chmod(path, 0777);
}

static void make_tun(void)
{
	struct ifreq r = {.ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI};

	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	need(tun >= 0 && ioctl(tun, TUNSETIFF, &r) == 0, "/dev/net/tun");
	// no queue before the device: it would give packets away later; ports enough for many
	// sequences
	need(system("ip link set lo up && ip addr add 10.200.0.1/24 dev tun0 && ip link set tun0 "
		    "up && "
		    "ip -6 addr add fd00:200::1/64 dev tun0 nodad && "
		    "tc qdisc replace dev tun0 root noqueue && "
		    "echo 10000 65535 >/proc/sys/net/ipv4/ip_local_port_range") == 0,
	     "ip");
}

int main(int argc, char **argv)
{
	int pair[2], status;
	pid_t child;

	if (argc < 2) {
		fprintf(stderr, "usage: conform_far COMMAND…\n");
		return 2;
	}
	make_tun();
	make_listeners();
	need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
	orders = pair[0];
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		dup2(pair[1], ORDERS);
		execvp(argv[1], argv + 1);
		need(false, argv[1]);
	}
	close(pair[1]);
	serve();
	need(waitpid(child, &status, 0) == child, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
