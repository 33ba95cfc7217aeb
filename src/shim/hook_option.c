/* SPDX-License-Identifier: MIT */
/* hook_option.c - options and control messages by which the kernel sends, or sends elsewhere. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "gate.h"
#include "pend.h"
#include "replace.h"
#include "sys.h"

#define LOOPBACK_DEVICE 1 /* its index in every network namespace */
/* Shown with _GNU_SOURCE only, or newer than some libc's headers. */
#define BINDTOIFINDEX 62
#define UNICAST_IF 50
#define UNICAST_IF6 76
#define RTHDR_2292 5
#define PKTINFO_2292 2
#define PKTINFO 50
#define RTHDR 57

/* The kernel's struct in_pktinfo and in6_pktinfo. */
struct pktinfo {
	int device;
	uint32_t address[2];
};
struct pktinfo6 {
	uint8_t address[16];
	int device;
};

static bool is_home(int device)
{
	return device == 0 || device == LOOPBACK_DEVICE;
}

static bool names_home(const char *name, socklen_t len)
{
	return !len || (readable(name, 1) && !*name) ||
	       (len >= 2 && readable(name, 2) && name[0] == 'l' && name[1] == 'o' &&
		(len == 2 || (readable(name + 2, 1) && !name[2])));
}

static bool number_is_home(const void *value, socklen_t len)
{
	int n;

	if (len < sizeof(n) || !readable(value, sizeof(n)))
		return true; /* EINVAL, EFAULT */
	memcpy(&n, value, sizeof(n));
	return is_home(n);
}

static bool pktinfo6_is_home(const void *value, socklen_t len)
{
	struct pktinfo6 info;

	if (len < sizeof(info) || !readable(value, sizeof(info)))
		return true;
	memcpy(&info, value, sizeof(info));
	return is_home(info.device);
}

/* Options that take something back, or name loopback, are nobody's business. */
static bool is_harmless(int level, int option, const void *value, socklen_t len)
{
	if (!len)
		return true;
	if (level == SOL_SOCKET && option == SO_BINDTODEVICE)
		return names_home(value, len);
	if (level == SOL_SOCKET && option == BINDTOIFINDEX)
		return number_is_home(value, len);
	if (level == IPPROTO_IPV6 && (option == PKTINFO || option == PKTINFO_2292))
		return pktinfo6_is_home(value, len);
	if ((level == IPPROTO_IP && option == UNICAST_IF) ||
	    (level == IPPROTO_IPV6 && option == UNICAST_IF6))
		return number_is_home(value, len); /* network order: 0 is the one of interest */
	return false;
}

/* curl --interface ADDRESS tries it as a device first, and goes on when there is none. */
static bool is_absent(int fd, const void *name, socklen_t len)
{
	struct ifreq device = {0};

	if (len >= sizeof(device.ifr_name))
		len = sizeof(device.ifr_name) - 1;
	if (!readable(name, len))
		return false;
	memcpy(device.ifr_name, name, len);
	return device.ifr_name[0] && SYS3(SYS_ioctl, fd, SIOCGIFINDEX, &device) == -ENODEV;
}

/* What inbound_confine() has put on the loopback device, or is about to: it must not leave it. */
static bool is_confined(int fd)
{
	struct decision d;
	struct call c;

	return call_listen(&c, fd) && c.to.port && decide_here(&c, &d) == VERDICT_NARROW;
}

static bool takes_device(int fd, int level, int option, const void *value, socklen_t len)
{
	int n = 0;

	if (level != SOL_SOCKET || (option != SO_BINDTODEVICE && option != BINDTOIFINDEX))
		return false;
	if (len && readable(value, len < sizeof(n) ? len : sizeof(n)))
		memcpy(&n, value, option == SO_BINDTODEVICE ? 1 : len < sizeof(n) ? 0 : sizeof(n));
	return !n && is_confined(fd);
}

static int option_check(int level, int option)
{
	struct call c = {.kind = CALL_OPTION, .domain = AF_INET, .level = level, .option = option};
	struct decision d;

	return decide_here(&c, &d) == VERDICT_REFUSE ? -refuse(&c, &d) : 0;
}

static bool is_inet_level(int level)
{
	return level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6;
}

/* The kernel has said no: does it not know the option, and is that because of a replacement? */
static bool is_replaced(int fd, int level, struct stream_entry *e)
{
	return is_inet_level(level) && (errno == EOPNOTSUPP || errno == ENOPROTOOPT) &&
	       replace_find(fd, e);
}

static int set_option(int fd, int level, int option, const void *value, socklen_t len)
{
	int was = errno, set = pass_setsockopt(fd, level, option, value, len);
	struct stream_entry e;

	if (set == 0 || !is_replaced(fd, level, &e))
		return set;
	errno = was;
	return (int)libc_result(replace_set_option(fd, &e, level, option, value, len));
}

WRAP int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	int err = 0;

	if (level == SOL_SOCKET &&
	    (option == SO_SNDTIMEO || option == SO_RCVTIMEO || option == SO_RCVLOWAT))
		pend_limits = true;
	if (level == SOL_SOCKET && option == SO_BINDTODEVICE && is_absent(fd, value, len))
		return (int)libc_result(-ENODEV);
	if ((level == IPPROTO_IP || level == IPPROTO_IPV6 || level == SOL_SOCKET ||
	     level == IPPROTO_SCTP) &&
	    (!is_harmless(level, option, value, len) ||
	     takes_device(fd, level, option, value, len)))
		err = option_check(level, option);
	if (!err && pend_any() && held_set(fd, level, option, value, len))
		return 0;
	return err < 0 ? (int)libc_result(err) : set_option(fd, level, option, value, len);
}

/* A failure that the kernel does not know is taken from it by the first who asks. */
static int32_t take_error(int fd)
{
	if (!fds_maybe(fd) || pend_step(fd))
		return 0;
	return pend_error(fd);
}

static void put_int(int32_t n, void *value, const socklen_t *len)
{
	memcpy(value, &n, *len < sizeof(n) ? *len : sizeof(n));
}

static int get_option(int fd, int level, int option, void *value, socklen_t *len)
{
	int was = errno, got = real(getsockopt)(fd, level, option, value, len);
	struct stream_entry e;

	if (got < 0 && is_replaced(fd, level, &e)) {
		errno = was;
		return (int)libc_result(replace_get_option(&e, level, option, value, len));
	}
	if (got == 0 && level == SOL_SOCKET && (option == SO_DOMAIN || option == SO_PROTOCOL) &&
	    replace_find(fd, &e))
		put_int(option == SO_DOMAIN ? e.domain : IPPROTO_TCP, value, len);
	return got;
}

/* The peer of a stream under way, too: its size, or 0. */
static socklen_t find_peer(int fd, struct sockaddr_storage *peer)
{
	struct progress *p = pend_any() ? pend_lock(fd) : NULL;
	int domain = AF_INET, size;
	socklen_t room = sizeof(*peer);
	struct addr to;

	if (!p)
		return socket_peername(fd, (struct sockaddr *)peer, &room) ? 0 : room;
	to = p->stream.to;
	if (p->stream.domain)
		domain = p->stream.domain;
	else
		sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	progress_unlock(p);
	size = addr_to_sockaddr(&to, domain, peer);
	return size > 0 ? (socklen_t)size : 0;
}

/* SO_PEERNAME: unlike getpeername(2) the kernel knows it of a connection in progress. */
static int get_peer(int fd, void *value, socklen_t *len)
{
	struct sockaddr_storage peer;
	int was = errno, got = real(getsockopt)(fd, SOL_SOCKET, SO_PEERNAME, value, len);
	socklen_t size = got ? 0 : find_peer(fd, &peer);

	if (!got)
		errno = was;
	memcpy(value, &peer, size && *len < size ? *len : size);
	return got;
}

WRAP int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict len)
{
	int was = errno, got;
	int32_t error = 0;

	if (level == SOL_SOCKET && option == SO_PEERNAME)
		return get_peer(fd, value, len);
	if (pend_any() && level == SOL_SOCKET && option == SO_ERROR)
		error = take_error(fd);
	errno = was;
	if (pend_any() && held_get(fd, level, option, value, len))
		return 0;
	got = get_option(fd, level, option, value, len);
	if (!got && error)
		put_int(error, value, len);
	return got;
}

/* One control message as the option that it stands for; 0 if it is none of ours. */
static int control_option(const struct cmsghdr *c, size_t len)
{
	const void *data = (const char *)c + sizeof(*c);

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RETOPTS)
		return IP_OPTIONS;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
		return number_is_home(data, (socklen_t)len) ? 0 : UNICAST_IF;
	if (c->cmsg_level != IPPROTO_IPV6)
		return 0;
	if (c->cmsg_type == RTHDR || c->cmsg_type == RTHDR_2292)
		return RTHDR;
	if (c->cmsg_type == PKTINFO || c->cmsg_type == PKTINFO_2292)
		return pktinfo6_is_home(data, (socklen_t)len) ? 0 : PKTINFO;
	return 0;
}

int control_check(const struct msghdr *msg)
{
	const char *at = msg->msg_control;
	size_t left = msg->msg_controllen, len;
	struct cmsghdr c;
	int option, err;

	while (at && left >= sizeof(c) && readable(at, sizeof(c))) {
		memcpy(&c, at, sizeof(c));
		len = c.cmsg_len;
		if (c.cmsg_level == SOL_SOCKET && c.cmsg_type == SCM_RIGHTS)
			others_sent();
		if (len < sizeof(c) || len > left)
			return 0; /* EINVAL */
		option = control_option((const struct cmsghdr *)(const void *)at, len - sizeof(c));
		err = option ? option_check(c.cmsg_level, option) : 0;
		if (err < 0)
			return err;
		len = CMSG_ALIGN(len);
		at += len;
		left = len < left ? left - len : 0;
	}
	return 0;
}
