/* SPDX-License-Identifier: MIT */
/*
 * dns.c - name questions of programs that ask a server by themselves: a responder on loopback.
 *
 * A socket that a program connects to port 53 of any server is connected here instead, and the
 * answer is a virtual address out of the session's names. The socket being connected, the kernel
 * takes datagrams from here for the server's. Programs that use a socket without connecting it
 * compare the sender's address: those get another socket (twin.c), and its questions come here too.
 *
 * Only sockets that were led here are answered: others on this machine can send to the port, too.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/utsname.h>

#include "dns.h"
#include "ends.h"
#include "supervisor.h"
#include "sys.h"

#define TTL 60u
#define CLASS_IN 1
#define STREAMS 64
#define STREAM_BUFFER 2048
#define BATCH 16

static LARGE(2) struct {
	bool tried;
	int datagrams, listener; /* -1: none */
	uint16_t port;
	uint8_t led[65536 / 8]; /* source ports of sockets that were led here */
	struct {
		int fd; /* -1: free */
		size_t have;
		uint8_t data[STREAM_BUFFER];
	} streams[STREAMS];
} dns;

static int watch(int fd, enum source source, uint32_t index)
{
	return supervisor_watch(EPOLL_CTL_ADD, fd, EPOLLIN, source, index);
}

static int bound(int type, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = (int)SYS3(SYS_socket, AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && sys_bind(fd, &at, sizeof(at)) < 0) {
		sys_close(fd);
		fd = -1;
	}
	return fd;
}

/* Both at one port; somebody may have the other one already. */
static bool open_pair(void)
{
	struct addr at = {0};

	dns.datagrams = bound(SOCK_DGRAM, 0);
	if (dns.datagrams < 0)
		return false;
	ends_own(dns.datagrams, &at);
	dns.port = at.port;
	dns.listener = bound(SOCK_STREAM, dns.port);
	if (dns.listener >= 0 && SYS2(SYS_listen, dns.listener, STREAMS) == 0)
		return true;
	sys_close(dns.datagrams);
	if (dns.listener >= 0)
		sys_close(dns.listener);
	dns.datagrams = dns.listener = -1;
	return false;
}

static bool is_ready(void)
{
	if (dns.tried)
		return dns.datagrams >= 0;
	dns.tried = true;
	dns.datagrams = dns.listener = -1;
	for (size_t i = 0; i < STREAMS; i++)
		dns.streams[i].fd = -1;
	for (int i = 0; i < 8 && dns.datagrams < 0; i++)
		open_pair();
	if (dns.datagrams < 0)
		return false;
	watch(dns.datagrams, SOURCE_DNS, 0);
	watch(dns.listener, SOURCE_DNS, 1);
	return true;
}

/* --- answers --- */

static bool ends_in(const char *name, size_t len, const char *end, size_t end_len)
{
	const char *tail = name + len - end_len;

	if (len < end_len)
		return false;
	for (size_t i = 0; i < end_len; i++)
		if ((tail[i] | 0x20) != end[i])
			return false;
	return len == end_len || tail[-1] == '.';
}

static bool is_localhost(const struct dns_question *q)
{
	return ends_in(q->name, q->name_len, "localhost", 9);
}

/* The machine's own name is nobody else's business. */
static bool is_own(const struct dns_question *q)
{
	struct utsname u;
	size_t len;

	if (SYS1(SYS_uname, &u) < 0)
		return false;
	len = strlen(u.nodename);
	for (size_t i = 0; i < len; i++)
		if (i >= q->name_len || (u.nodename[i] | 0x20) != (q->name[i] | 0x20))
			return false;
	return q->name_len == len;
}

static enum dns_rcode find(const struct dns_question *q, struct addr *a)
{
	const struct session *s = supervisor.session;
	struct call c = {.kind = CALL_LOOKUP, .name = q->name, .name_len = q->name_len};
	const struct net *net = q->type == DNS_A ? &s->settings.virtual4 : &s->settings.virtual6;
	struct decision d;
	int index;

	if (is_localhost(q)) {
		*a = addr_loopback(q->type == DNS_A ? AF_INET : AF_INET6, 0);
		return DNS_NOERROR;
	}
	if (is_own(q) || !names_valid(q->name, q->name_len))
		return DNS_NXDOMAIN;
	if (decide(&s->settings, &c, &d) != VERDICT_ANSWER)
		return DNS_REFUSED;
	index = names_add(session_names(s), q->name, q->name_len,
			  (uint32_t)(sys_now() / 1000000000u), streams_uses_name,
			  session_streams(s));
	return index >= 0 && names_addr(net, session_turn(s), (uint32_t)index, a) ? DNS_NOERROR
										  : DNS_SERVFAIL;
}

static size_t backward(const struct dns_question *q, uint8_t *out, size_t size)
{
	const struct session *s = supervisor.session;
	char name[NAME_MAX_LEN + 1];
	struct addr a;
	int index = dns_reverse(q, &a) ? session_index(s, &a) : -1;

	if (index < 0 || names_get(session_names(s), (uint32_t)index, name) < 0)
		return dns_answer(q, DNS_NXDOMAIN, NULL, 0, 0, out, size);
	return dns_answer_name(q, name, TTL, out, size);
}

static size_t reply(const struct dns_question *q, uint8_t *out, size_t size)
{
	enum dns_rcode rcode = (enum dns_rcode)q->rcode;
	struct addr a;

	if (rcode || q->class != CLASS_IN)
		return dns_answer(q, rcode, NULL, 0, 0, out, size);
	if (q->type == DNS_PTR)
		return backward(q, out, size);
	if (q->type != DNS_A && q->type != DNS_AAAA)
		return dns_answer(q, DNS_NOERROR, NULL, 0, 0, out, size);
	rcode = find(q, &a);
	return dns_answer(q, rcode, &a, rcode ? 0 : 1, TTL, out, size);
}

static bool was_led(const struct sockaddr_storage *from)
{
	struct addr a;

	return addr_from_sockaddr(&a, from, sizeof(*from)) == 0 &&
	       (dns.led[a.port / 8] & 1 << a.port % 8);
}

/* --- datagrams --- */

/* The answer goes back with the same name and control data: from the address that was asked. */
void dns_answer_on(int fd)
{
	_Alignas(struct cmsghdr) char control[128];
	struct sockaddr_storage from = {0};
	struct dns_question q;
	uint8_t message[DNS_MESSAGE];

	for (int i = 0; i < BATCH; i++) {
		struct iovec data = {.iov_base = message, .iov_len = sizeof(message)};
		struct msghdr m = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &data,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		long n = SYS3(SYS_recvmsg, fd, &m, MSG_DONTWAIT);

		if (n < 0)
			return;
		if ((fd == dns.datagrams && !was_led(&from)) || !dns_parse(&q, message, (size_t)n))
			continue;
		data.iov_len = reply(&q, message, dns_room(&q));
		m.msg_flags = 0;
		if (data.iov_len)
			SYS3(SYS_sendmsg, fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* --- streams: each message behind its length (RFC 1035 §4.2.2) --- */

static void stream_close(uint32_t i)
{
	sys_close(dns.streams[i].fd); /* nobody else has it: that ends the watch */
	dns.streams[i].fd = -1;
}

static void accept_event(void)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	uint32_t i = 0;
	int fd = (int)SYS4(SYS_accept4, dns.listener, &from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	while (i < STREAMS && dns.streams[i].fd >= 0)
		i++;
	if (i == STREAMS || !was_led(&from)) {
		sys_close(fd);
		return;
	}
	dns.streams[i].fd = fd;
	dns.streams[i].have = 0;
	if (watch(fd, SOURCE_DNS_STREAM, i) < 0)
		stream_close(i);
}

/* Answers what is there in whole. False: the end. */
static bool stream_answer(uint32_t i)
{
	uint8_t *data = dns.streams[i].data, out[2 + DNS_MESSAGE];
	size_t len = (size_t)data[0] << 8 | data[1], n;
	struct dns_question q;

	if (len > STREAM_BUFFER - 2)
		return false;
	if (dns.streams[i].have < 2 || dns.streams[i].have < 2 + len)
		return true;
	if (!dns_parse(&q, data + 2, len))
		return false;
	n = reply(&q, out + 2, DNS_MESSAGE);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	dns.streams[i].have -= 2 + len;
	memmove(data, data + 2 + len, dns.streams[i].have);
	if (!n ||
	    sys_send(dns.streams[i].fd, out, n + 2, MSG_DONTWAIT | MSG_NOSIGNAL) != (long)n + 2)
		return false;
	return dns.streams[i].have < 2 || stream_answer(i);
}

static void stream_event(uint32_t i)
{
	long n;

	if (i >= STREAMS || dns.streams[i].fd < 0)
		return;
	n = sys_recv(dns.streams[i].fd, dns.streams[i].data + dns.streams[i].have,
		     STREAM_BUFFER - dns.streams[i].have, MSG_DONTWAIT);
	if (n == -EAGAIN)
		return;
	if (n > 0)
		dns.streams[i].have += (size_t)n;
	if (n <= 0 || (dns.streams[i].have >= 2 && !stream_answer(i)))
		stream_close(i);
}

void dns_event(uint64_t data)
{
	uint32_t i = (uint32_t)data;

	if (data >> 48 == SOURCE_DNS_STREAM)
		stream_event(i);
	else if (i == 0)
		dns_answer_on(dns.datagrams);
	else
		accept_event();
}

void dns_each(void (*each)(int fd))
{
	if (!dns.tried)
		return;
	each(dns.datagrams);
	each(dns.listener);
	for (size_t i = 0; i < STREAMS; i++)
		each(dns.streams[i].fd);
}

/* --- leading sockets here --- */

/*
 * A server on loopback would ask the network in the program's place: even where loopback is open,
 * its questions end here. What a rule refuses stays refused, what it lets go directly goes there.
 */
bool dns_wants(const struct call *c, const struct decision *d)
{
	bool stream = c->type == SOCK_STREAM && c->protocol == IPPROTO_TCP;
	bool datagram = c->type == SOCK_DGRAM && c->protocol == IPPROTO_UDP;

	if (c->to.port != DNS_PORT || c->is_virtual || (!stream && !datagram))
		return false;
	if (d->verdict == VERDICT_PASS)
		return addr_is_loopback(&c->to);
	return d->verdict == VERDICT_PROXY || d->reason != REASON_RULE;
}

void dns_led(int fd)
{
	struct addr own;

	if (ends_own(fd, &own) == 0)
		dns.led[own.port / 8] |= (uint8_t)(1 << own.port % 8);
}

long dns_address(int domain, struct sockaddr_storage *sa)
{
	struct addr a;

	if (!is_ready())
		return -ENETUNREACH;
	a = addr_loopback(AF_INET, dns.port);
	return addr_to_sockaddr(&a, domain, sa);
}
