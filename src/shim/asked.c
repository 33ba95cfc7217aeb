/* SPDX-License-Identifier: MIT */
/*
 * asked.c - `Dns answer`: the program's socket to a DNS server becomes a socket to itself.
 *
 * It is bound to loopback and connected to its own address (TCP too: both ends may open at once,
 * RFC 9293 §3.5). What the program writes comes back to it, so that poll, epoll and blocking reads
 * are the kernel's business; and what it reads is turned from the question into the answer on the
 * way to its buffer. There is no other end, no thread, no descriptor but the program's own, and no
 * hook on the sending side but for sends with an address. Those get the server's address in front,
 * to tell it when the datagram comes back.
 *
 * A question read from a stream stays in the kernel's queue until its whole answer has been read,
 * so that the socket stays readable meanwhile. Which server, and how much of an answer has been
 * read, is known by the socket's cookie in this process and its forks.
 */
#include "asked.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "ends.h"
#include "reply.h"
#include "seqlock.h"
#include "sys.h"

#define SLOTS 256u
#define IOVECS 16
/* Longer ones than any question; what is cut is no question. */
#define QUESTION 2048

/* In front of a datagram that was sent with an address. */
struct label {
	uint8_t magic[16];
	struct addr server;
};
static const uint8_t magic[16] = "sockshim: asked";

struct body {
	uint64_t ip[2];
	uint64_t scope_port;
	uint64_t read; /* bytes of the first answer in a stream */
};
#define BODY_WORDS (sizeof(struct body) / sizeof(uint64_t))

static LARGE(2) struct slot {
	uint32_t seq;
	uint64_t cookie;
	uint64_t body[BODY_WORDS];
} slots[SLOTS];

atomic_bool asked_any;

/* Cookies are counted: a slot is taken over by a socket that is 256 sockets younger. */
static struct slot *slot_of(uint64_t cookie)
{
	return &slots[cookie % SLOTS];
}

static bool load(uint64_t cookie, struct body *b)
{
	struct slot *s = slot_of(cookie);
	uint64_t words[BODY_WORDS];
	uint32_t seq = SHARED_LOAD(&s->seq);

	if (!cookie || SHARED_LOAD(&s->cookie) != cookie || seqlock_odd(seq))
		return false;
	words_load(words, s->body, BODY_WORDS);
	memcpy(b, words, sizeof(*b));
	return seqlock_still(&s->seq, seq);
}

static void store(uint64_t cookie, const struct body *b)
{
	struct slot *s = slot_of(cookie);
	uint64_t words[BODY_WORDS];
	uint32_t seq = SHARED_LOAD(&s->seq);

	if (!seqlock_claim(&s->seq, seq))
		return; /* somebody else's: the question will not be answered */
	memcpy(words, b, sizeof(words));
	SHARED_STORE(&s->cookie, cookie);
	words_store(s->body, words, BODY_WORDS);
	seqlock_release(&s->seq, seq);
	atomic_store_explicit(&asked_any, true, memory_order_relaxed);
}

static struct addr server_of(const struct body *b)
{
	struct addr a = {.scope = (uint32_t)(b->scope_port >> 32), .port = (uint16_t)b->scope_port};

	memcpy(a.ip, b->ip, sizeof(a.ip));
	return a;
}

static void keep(int fd, const struct addr *server)
{
	struct body b = {.scope_port = (uint64_t)server->scope << 32 | server->port};
	uint64_t cookie = sys_cookie(fd);

	memcpy(b.ip, server->ip, sizeof(b.ip));
	if (cookie)
		store(cookie, &b);
}

bool asked_find(int fd)
{
	struct body b;

	return load(sys_cookie(fd), &b);
}

bool asked_peer(int fd, struct addr *server)
{
	struct body b;

	if (!load(sys_cookie(fd), &b))
		return false;
	*server = server_of(&b);
	return server->port != 0;
}

static int domain_of(int fd)
{
	int domain = AF_INET;

	sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	return domain;
}

static int bind_loopback(int fd, int domain, int family)
{
	const struct addr a = addr_loopback(family, 0);
	struct sockaddr_storage at;
	int len = addr_to_sockaddr(&a, domain, &at);

	return len < 0 ? len : sys_bind(fd, &at, (size_t)len);
}

/* The address at which the socket reaches itself; it gets one if it has none. */
static int reach_itself(int fd, const struct addr *server, struct sockaddr_storage *to)
{
	int domain = domain_of(fd), v6only = 0, err = 0;
	struct addr own;

	if (ends_own(fd, &own) < 0)
		return -ENETUNREACH;
	if (!own.port) {
		err = bind_loopback(fd, domain, addr_family(server));
		if (err == -EADDRNOTAVAIL && domain == AF_INET6) /* no IPv6 here */
			err = bind_loopback(fd, domain, AF_INET);
		if (err == 0)
			err = ends_own(fd, &own);
		if (err)
			return err;
	}
	if (domain == AF_INET6)
		sys_getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (addr_is_any(&own))
		own = addr_loopback(v6only ? AF_INET6 : AF_INET, own.port);
	return addr_to_sockaddr(&own, domain, to);
}

int asked_connect(int fd, const struct call *c)
{
	struct sockaddr_storage to;
	int len = reach_itself(fd, &c->to, &to), err;

	if (len < 0)
		return len;
	err = sys_connect(fd, &to, (size_t)len);
	if (err == 0 || err == -EINPROGRESS)
		keep(fd, &c->to);
	return err;
}

ssize_t asked_send(int fd, const struct call *c, const struct msghdr *msg, int flags)
{
	static const struct addr none;
	struct label label = {.server = c->to};
	struct iovec v[IOVECS + 1] = {{&label, sizeof(label)}};
	struct sockaddr_storage to;
	struct msghdr m = {.msg_name = &to, .msg_iov = v};
	int len = reach_itself(fd, &c->to, &to);
	long sent;

	if (len < 0)
		return len;
	if (msg->msg_iovlen > IOVECS || !readable(msg->msg_iov, msg->msg_iovlen * sizeof(*v)))
		return msg->msg_iovlen > IOVECS ? -EMSGSIZE : -EFAULT;
	memcpy(label.magic, magic, sizeof(magic));
	memcpy(v + 1, msg->msg_iov, msg->msg_iovlen * sizeof(*v));
	m.msg_iovlen = msg->msg_iovlen + 1;
	m.msg_namelen = (socklen_t)len;
	if (!asked_find(fd))
		keep(fd, &none);
	sent = sys_gate(SYS_sendmsg, fd, SYS_ARG(&m), flags, 0, 0, 0);
	return sent < 0 ? sent : sent - (long)sizeof(label);
}

/* Copies to the program's buffers; the bytes that fit. */
static ssize_t scatter(struct msghdr *msg, const uint8_t *data, size_t len)
{
	size_t done = 0;

	if (!readable(msg->msg_iov, (size_t)msg->msg_iovlen * sizeof(struct iovec)))
		return -EFAULT;

	for (size_t i = 0; i < (size_t)msg->msg_iovlen && done < len; i++) {
		size_t n = msg->msg_iov[i].iov_len;

		n = n < len - done ? n : len - done;
		if (n && !readable(msg->msg_iov[i].iov_base, n))
			return -EFAULT;
		if (n)
			memcpy(msg->msg_iov[i].iov_base, data + done, n);
		done += n;
	}
	return (ssize_t)done;
}

static void set_name(struct msghdr *msg, int domain, const struct addr *from)
{
	struct sockaddr_storage at;
	int len = addr_to_sockaddr(from, domain, &at);
	socklen_t room = msg->msg_namelen;

	if (!msg->msg_name || len < 0)
		return;
	msg->msg_namelen = (socklen_t)len;
	memcpy(msg->msg_name, &at, (socklen_t)len < room ? (socklen_t)len : room);
}

static size_t answer(const struct dns_question *q, uint8_t *out, size_t size)
{
	int len = reply(q, out, size);

	if (len < 0) /* Direct: not by this way */
		len = (int)dns_answer(q, DNS_SERVFAIL, NULL, 0, 0, out, size);
	return (size_t)len;
}

static bool from_itself(int fd, const struct sockaddr_storage *from, socklen_t len)
{
	struct addr a, own;

	return addr_from_sockaddr(&a, from, len) == 0 && ends_own(fd, &own) == 0 &&
	       a.port == own.port && (addr_same_ip(&a, &own) || addr_is_any(&own));
}

static ssize_t deliver(struct msghdr *msg, int flags, const uint8_t *data, size_t len)
{
	ssize_t done = scatter(msg, data, len);

	if (done < 0)
		return done;
	msg->msg_flags = (size_t)done < len ? MSG_TRUNC : 0;
	return flags & MSG_TRUNC ? (ssize_t)len : done;
}

static ssize_t receive_datagram(int fd, struct msghdr *msg, int flags)
{
	uint8_t buf[sizeof(struct label) + QUESTION], out[DNS_MESSAGE];
	struct sockaddr_storage from;
	struct dns_question q;
	struct label label;
	struct addr server;
	long n;

	for (;;) {
		struct iovec v = {buf, sizeof(buf)};
		struct msghdr m = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &v,
				   .msg_iovlen = 1};
		const uint8_t *at = buf;

		n = SYS3(SYS_recvmsg, fd, &m, flags & ~MSG_TRUNC);
		if (n < 0)
			return n;
		msg->msg_controllen = 0;
		if (!from_itself(fd, &from, m.msg_namelen)) {
			if (addr_from_sockaddr(&server, &from, m.msg_namelen) == 0)
				set_name(msg, domain_of(fd), &server);
			return deliver(msg, flags, buf, (size_t)n);
		}
		if (n >= (long)sizeof(label) && memcmp(buf, magic, sizeof(magic)) == 0) {
			memcpy(&label, buf, sizeof(label));
			server = label.server;
			at += sizeof(label);
			n -= (long)sizeof(label);
		} else if (!asked_peer(fd, &server)) {
			server.port = 0;
		}
		if (server.port && dns_parse(&q, at, (size_t)n))
			break;
		if (flags & MSG_PEEK) /* no question: no answer */
			SYS6(SYS_recvfrom, fd, buf, 0, MSG_DONTWAIT, 0, 0);
	}
	set_name(msg, domain_of(fd), &server);
	return deliver(msg, flags, out, answer(&q, out, dns_room(&q)));
}

static bool waits(int fd, int flags)
{
	return !(flags & MSG_DONTWAIT) && !(SYS2(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK);
}

static long peek(int fd, uint8_t *buf, size_t len, int flags)
{
	return SYS6(SYS_recvfrom, fd, buf, len, MSG_PEEK | flags, 0, 0);
}

/*
 * The first question in a stream, with its two bytes of length, stays there. Returns the length of
 * both, 0 at the end, -errno.
 */
static long first_question(int fd, uint8_t *buf, size_t size, int flags)
{
	long n = peek(fd, buf, size, flags & MSG_DONTWAIT);
	size_t need = 2;

	while (n > 0) {
		if (n >= 2)
			need = 2 + ((size_t)buf[0] << 8 | buf[1]);
		if ((size_t)n >= need && n >= 2)
			return (long)need;
		if (need > size)
			return 0; /* no question is that long */
		if (!waits(fd, flags))
			return -EAGAIN;
		n = peek(fd, buf, need, MSG_WAITALL);
		if (n > 0 && (size_t)n < need)
			return 0; /* the program has closed its side in the middle */
	}
	return n;
}

static void skip(int fd, long len)
{
	uint8_t buf[2 + QUESTION];

	SYS6(SYS_recvfrom, fd, buf, len, MSG_DONTWAIT, 0, 0);
}

static ssize_t receive_stream(int fd, struct msghdr *msg, int flags)
{
	uint8_t buf[2 + QUESTION], out[2 + DNS_MESSAGE];
	uint64_t cookie = sys_cookie(fd);
	struct dns_question q;
	struct body b;
	ssize_t done;
	size_t len;
	long need;

	while ((need = first_question(fd, buf, sizeof(buf), flags)) > 0) {
		if (dns_parse(&q, buf + 2, (size_t)need - 2))
			break;
		skip(fd, need);
	}
	if (need <= 0)
		return need;
	if (!load(cookie, &b))
		return -EIO;
	len = answer(&q, out + 2, sizeof(out) - 2);
	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	len += 2;
	if (b.read >= len)
		b.read = 0;
	done = scatter(msg, out + b.read, len - b.read);
	if (done < 0)
		return done;
	msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	if (flags & MSG_PEEK)
		return done;
	b.read += (size_t)done;
	if (b.read == len) {
		skip(fd, need);
		b.read = 0;
	}
	store(cookie, &b);
	return done;
}

ssize_t asked_receive(int fd, struct msghdr *msg, int flags)
{
	int type = SOCK_DGRAM;

	if (flags & (MSG_ERRQUEUE | MSG_OOB))
		return SYS3(SYS_recvmsg, fd, msg, flags);
	sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, sizeof(type));
	return type == SOCK_STREAM ? receive_stream(fd, msg, flags)
				   : receive_datagram(fd, msg, flags);
}

ssize_t asked_recv(int fd, void *data, size_t len, int flags, struct sockaddr *from,
		   socklen_t *from_len)
{
	struct iovec v = {data, len};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	ssize_t n;

	if (from && from_len) {
		m.msg_name = from;
		m.msg_namelen = *from_len;
	}
	n = libc_result(asked_receive(fd, &m, flags));
	if (n >= 0 && from && from_len)
		*from_len = m.msg_namelen;
	return n;
}
