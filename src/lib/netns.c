/* SPDX-License-Identifier: MIT */
/*
 * netns.c - a network namespace of one's own, in which every address is this machine's:
 * rtnetlink(7).
 */
#include "netns.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "sys.h"

#define LOOPBACK_INDEX 1 /* in each new namespace */

/* One request to the kernel, and its answer. 0 or -errno. */
static int tell_kernel(int netlink, struct nlmsghdr *h)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[256];
	} answer = {.e.error = -EIO};
	long n;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	n = sys_send(netlink, h, h->nlmsg_len, 0);
	if (n >= 0)
		n = sys_recv(netlink, &answer, sizeof(answer), 0);
	return n < 0 ? (int)n : answer.e.error;
}

static int bring_up(int netlink)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} q = {
		.h = {.nlmsg_len = sizeof(q), .nlmsg_type = RTM_NEWLINK},
		.i = {.ifi_index = LOOPBACK_INDEX, .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
	};

	return tell_kernel(netlink, &q.h);
}

/* As `ip route add local default dev lo`. */
static int own_all(int netlink, int family)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg r;
		struct rtattr a;
		uint32_t device;
	} q = {
		.h = {.nlmsg_len = sizeof(q),
		      .nlmsg_type = RTM_NEWROUTE,
		      .nlmsg_flags = NLM_F_CREATE},
		.r = {.rtm_family = (unsigned char)family,
		      .rtm_table = RT_TABLE_LOCAL,
		      .rtm_protocol = RTPROT_STATIC,
		      .rtm_scope = RT_SCOPE_HOST,
		      .rtm_type = RTN_LOCAL},
		.a = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = RTA_OIF},
		.device = LOOPBACK_INDEX,
	};

	return tell_kernel(netlink, &q.h);
}

int netns_own_all(bool *six)
{
	int netlink = (int)SYS3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int error;

	if (netlink < 0)
		return netlink;
	error = bring_up(netlink);
	if (!error)
		error = own_all(netlink, AF_INET);
	*six = !error && own_all(netlink, AF_INET6) == 0;
	sys_close(netlink);
	return error;
}
