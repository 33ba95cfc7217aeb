/* SPDX-License-Identifier: MIT */
/* diag.c - the kernel's TCP sockets of this network namespace, with their byte counts. */
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

/* include/net/tcp_states.h */
enum { FIN_WAIT2 = 5, TIME_WAIT = 6, CLOSE_WAIT = 8, LAST_ACK = 9, LISTEN = 10, CLOSING = 11 };

struct walk {
	void (*each)(void *arg, const struct diag *d);
	void *arg;
};

static void take(const struct walk *w, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
	struct tcp_info info = {0};
	struct diag d;

	for (const struct rtattr *a = (const struct rtattr *)(m + 1); RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		if (a->rta_type == INET_DIAG_INFO)
			memcpy(&info, RTA_DATA(a),
			       RTA_PAYLOAD(a) < sizeof(info) ? RTA_PAYLOAD(a) : sizeof(info));
	d.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	d.local_port = ntohs(m->id.idiag_sport);
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

static int dump(int fd, uint8_t family, uint16_t port, const struct walk *w)
{
	static _Alignas(struct nlmsghdr) char batch[1 << 18];
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
		struct filter filter;
	} rq = {
		.head = {.nlmsg_len = port ? sizeof(rq) : offsetof(__typeof__(rq), filter),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_ext = 1 << (INET_DIAG_INFO - 1),
			 .idiag_states = ~(1u << TIME_WAIT | 1u << LISTEN)},
		.filter = filter_by(port),
	};
	int more = 1;

	if (send(fd, &rq, rq.head.nlmsg_len, 0) < 0)
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

int diag_each(uint16_t peer_port, void (*each)(void *arg, const struct diag *d), void *arg)
{
	const struct walk w = {each, arg};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), error;

	if (fd < 0)
		return -errno;
	error = dump(fd, AF_INET, peer_port, &w);
	if (!error)
		error = dump(fd, AF_INET6, peer_port, &w);
	close(fd);
	return error;
}
