/* SPDX-License-Identifier: MIT */
/* diag.c - the kernel's sockets of this network namespace, with their byte counts. */
#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEARD 32 /* messages taken at once: each is of some hundred bytes */

/* include/net/tcp_states.h */
enum {
	ESTABLISHED = 1,
	FIN_WAIT2 = 5,
	TIME_WAIT = 6,
	CLOSE_WAIT = 8,
	LAST_ACK = 9,
	LISTEN = 10,
	CLOSING = 11
};

struct walk {
	void (*each)(void *arg, const struct diag *d);
	void *arg;
	uint8_t protocol; /* unless the kernel says */
};

static struct addr address(const struct inet_diag_msg *m, const void *ip, uint16_t port)
{
	return m->idiag_family == AF_INET ? addr_v4(ip, ntohs(port)) : addr_v6(ip, ntohs(port));
}

static void take(const struct walk *w, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
	struct tcp_info info = {0};
	struct diag d = {.protocol = w->protocol, .state = m->idiag_state, .inode = m->idiag_inode};

	for (const struct rtattr *a = (const struct rtattr *)(m + 1); RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		if (a->rta_type == INET_DIAG_PROTOCOL)
			d.protocol = *(const uint8_t *)RTA_DATA(a);
		else if (a->rta_type == INET_DIAG_INFO)
			memcpy(&info, RTA_DATA(a),
			       RTA_PAYLOAD(a) < sizeof(info) ? RTA_PAYLOAD(a) : sizeof(info));
	d.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	d.local_port = ntohs(m->id.idiag_sport);
	d.local = address(m, m->id.idiag_src, m->id.idiag_sport);
	d.peer = address(m, m->id.idiag_dst, m->id.idiag_dport);
	d.read = info.tcpi_bytes_received;
	/* the peer's FIN takes a sequence number */
	if (d.read && (m->idiag_state == CLOSE_WAIT || m->idiag_state == LAST_ACK ||
		       m->idiag_state == CLOSING))
		d.read--;
	d.written = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
	w->each(w->arg, &d);
}

/* 1: more to come, 0: that was the last, or -errno. */
static int take_batch(const struct walk *w, const struct nlmsghdr *h, size_t len)
{
	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			take(w, h);
	}
	return 1;
}

/*
 * The kernel filters by a little program: two comparisons, and a jump past its end says no. Others'
 * sockets, tens of thousands perhaps, need not be described then.
 */
struct filter {
	struct rtattr head;
	struct inet_diag_bc_op least, least_port, most, most_port;
};

static struct filter filter_by(uint16_t port)
{
	const unsigned char op = sizeof(struct inet_diag_bc_op);

	return (struct filter){
		.head = {.rta_len = sizeof(struct filter), .rta_type = INET_DIAG_REQ_BYTECODE},
		.least = {.code = INET_DIAG_BC_D_GE, .yes = 2 * op, .no = 5 * op},
		.least_port = {.no = port},
		.most = {.code = INET_DIAG_BC_D_LE, .yes = 2 * op, .no = 3 * op},
		.most_port = {.no = port},
	};
}

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
	struct filter filter;
};

static int ask(int fd, const struct question *rq, const struct walk *w)
{
	static _Alignas(struct nlmsghdr) char batch[1 << 18];
	int more = 1;

	if (send(fd, rq, rq->head.nlmsg_len, 0) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = recv(fd, batch, sizeof(batch), 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n >= 0)
			more = take_batch(w, (const struct nlmsghdr *)batch, (size_t)n);
	}
	return more;
}

/* Both families; `port` of the peer, or 0. */
static int dump(uint8_t protocol, uint32_t states, bool info, uint16_t port, const struct walk *w)
{
	struct question rq = {
		.head = {.nlmsg_len = port ? sizeof(rq) : offsetof(struct question, filter),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = AF_INET,
			 .sdiag_protocol = protocol,
			 .idiag_ext = info ? 1 << (INET_DIAG_INFO - 1) : 0,
			 .idiag_states = states},
		.filter = filter_by(port),
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), error;

	if (fd < 0)
		return -errno;
	error = ask(fd, &rq, w);
	rq.body.sdiag_family = AF_INET6;
	if (!error)
		error = ask(fd, &rq, w);
	close(fd);
	return error;
}

int diag_each(uint16_t peer_port, void (*each)(void *arg, const struct diag *d), void *arg)
{
	const struct walk w = {each, arg, IPPROTO_TCP};

	return dump(IPPROTO_TCP, ~(1u << TIME_WAIT | 1u << LISTEN), true, peer_port, &w);
}

int diag_sockets(bool info, void (*each)(void *arg, const struct diag *d), void *arg)
{
	const struct walk tcp = {each, arg, IPPROTO_TCP}, udp = {each, arg, IPPROTO_UDP};
	int error = dump(IPPROTO_TCP, ~(1u << TIME_WAIT), info, 0, &tcp);

	return error ? error : dump(IPPROTO_UDP, 1u << ESTABLISHED, false, 0, &udp);
}

int diag_closings(void)
{
	static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
	const int room = 4 << 20;
	const struct sockaddr_nl here = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG),
	    error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	error = bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0 ? -errno : 0;
	for (size_t i = 0; !error && i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			error = -errno;
	if (error)
		close(fd);
	return error ? error : fd;
}

bool diag_heard(int fd, void (*each)(void *arg, const struct diag *d), void *arg)
{
	static _Alignas(struct nlmsghdr) char data[HEARD][4096];
	const struct walk w = {each, arg, 0};
	struct mmsghdr messages[HEARD];
	struct iovec at[HEARD];
	bool whole = true;
	int n;

	for (size_t i = 0; i < HEARD; i++) {
		at[i] = (struct iovec){data[i], sizeof(data[i])};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &at[i], .msg_iovlen = 1}};
	}
	for (;;) {
		n = recvmmsg(fd, messages, HEARD, 0, NULL);
		for (int i = 0; i < n; i++)
			take_batch(&w, (const struct nlmsghdr *)data[i], messages[i].msg_len);
		if (n < 0 && errno == ENOBUFS)
			whole = false;
		else if (n == 0 || (n < 0 && errno != EINTR))
			break;
	}
	return whole;
}
