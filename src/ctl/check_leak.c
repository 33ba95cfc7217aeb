/* SPDX-License-Identifier: MIT */
/*
 * check_leak.c - the self-test of `sockshimctl check`.
 *
 * In a network namespace with nothing but loopback, a route `local default dev lo` makes every address
 * our own: what would leave the machine passes the loopback interface instead, where a packet socket
 * sees it. Each way of leaking has a destination of its own (RFC 5737), so that a packet tells its way.
 */
#include "check_leak.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <resolv.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "sys.h"

#define FIRST 10 /* way i goes to 192.0.2.(FIRST + i) */
#define PROXY "127.0.0.1:1080"
#define PROXY_PORT 1080
#define QUIET_MS 100 /* after the last try */
#define LIMIT 20     /* s, for all tries */

/* ---- the program that tries ---- */

static struct sockaddr_in target(int way, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	to.sin_addr.s_addr = htonl(0xc0000200u + FIRST + (unsigned int)way);
	return to;
}

static int open_socket(int type, int protocol)
{
	return socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static void try_connect(int way)
{
	struct sockaddr_in to = target(way, 80);
	int fd = open_socket(SOCK_STREAM, 0);

	(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_mapped(int way)
{
	struct sockaddr_in v4 = target(way, 80);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
	memcpy(to.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
	(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_sendto(int way)
{
	struct sockaddr_in to = target(way, 53);
	int fd = open_socket(SOCK_DGRAM, 0);

	sendto(fd, "leak", 4, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_connected(int way)
{
	struct sockaddr_in to = target(way, 443);
	int fd = open_socket(SOCK_DGRAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		send(fd, "leak", 4, 0);
	close(fd);
}

static void try_sendmsg(int way)
{
	struct sockaddr_in to = target(way, 53);
	struct iovec iov = {.iov_base = (char *)"leak", .iov_len = 4};
	struct mmsghdr m = {.msg_hdr = {.msg_name = &to,
					.msg_namelen = sizeof(to),
					.msg_iov = &iov,
					.msg_iovlen = 1}};
	int fd = open_socket(SOCK_DGRAM, 0);

	if (sendmsg(fd, &m.msg_hdr, 0) < 0)
		sendmmsg(fd, &m, 1, 0);
	close(fd);
}

static void try_fastopen(int way)
{
	struct sockaddr_in to = target(way, 80);
	int fd = open_socket(SOCK_STREAM, 0);

	sendto(fd, "leak", 4, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_raw(int way)
{
	static const uint8_t echo[8] = {8, 0, 0xf7, 0xff};
	struct sockaddr_in to = target(way, 0);
	int fd = open_socket(SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0)
		fd = open_socket(SOCK_DGRAM, IPPROTO_ICMP);
	sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void try_syscall(int way)
{
	struct sockaddr_in to = target(way, 80);
	int fd = open_socket(SOCK_STREAM, 0);

	syscall(SYS_connect, fd, &to, sizeof(to));
	close(fd);
}

static void try_inline(int way)
{
	struct sockaddr_in to = target(way, 80);
	long fd = SYS3(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	SYS3(SYS_connect, fd, &to, sizeof(to));
	SYS1(SYS_close, fd);
}

static void try_name(int way)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	(void)way;
	if (getaddrinfo("self-test.sockshim.test", NULL, &hints, &found) == 0)
		freeaddrinfo(found);
}

static void try_resolver(int way)
{
	unsigned char answer[512];

	(void)way;
	res_query("self-test.sockshim.test", 1, 1, answer, sizeof(answer));
}

/* What the names of the ways say in the verdict. A question to a name server has no target of ours. */
static const struct {
	const char *name;
	void (*try)(int way);
} ways[] = {
	{"connect", try_connect},
	{"connect to a v4-mapped address", try_mapped},
	{"sendto on a datagram socket", try_sendto},
	{"a connected datagram socket", try_connected},
	{"sendmsg and sendmmsg", try_sendmsg},
	{"data in the SYN (MSG_FASTOPEN)", try_fastopen},
	{"ICMP", try_raw},
	{"syscall(SYS_connect)", try_syscall},
	{"a system call without libc (only the guard stops it)", try_inline},
	{"getaddrinfo", try_name},
	{"res_query", try_resolver},
};

#define WAYS ((int)(sizeof(ways) / sizeof(ways[0])))
#define WAY_QUESTION WAYS /* a packet to port 53 of some name server */
#define WAY_OTHER (WAYS + 1)

int check_try(void)
{
	for (int i = 0; i < WAYS; i++)
		ways[i].try(i);
	return 0;
}

/* ---- the namespace ---- */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static bool enter_namespace(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_file("/proc/self/uid_map", map))
		return false;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

static bool loopback_up(void)
{
	struct ifreq rq = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &rq) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* rtnetlink(7): `local default dev lo`: every address is ours. */
static bool route_everything(int family)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
		struct rtattr attribute;
		uint32_t index;
	} rq = {
		.head = {.nlmsg_len = sizeof(rq),
			 .nlmsg_type = RTM_NEWROUTE,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
		.route = {.rtm_family = (unsigned char)family,
			  .rtm_table = RT_TABLE_MAIN,
			  .rtm_protocol = RTPROT_STATIC,
			  .rtm_scope = RT_SCOPE_HOST,
			  .rtm_type = RTN_LOCAL},
		.attribute = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_OIF},
		.index = if_nametoindex("lo"),
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} reply = {0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool good = fd >= 0 && send(fd, &rq, sizeof(rq), 0) == (ssize_t)sizeof(rq) &&
		    recv(fd, &reply, sizeof(reply), 0) > 0 && reply.error.error == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static int open_capture(void)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex("lo")};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- judging ---- */

/* The way of an IP packet; -1: it is to or from the proxy, or an answer to something counted. */
static int judge(const uint8_t *p, ssize_t n)
{
	size_t head = n > 0 ? (p[0] & 15u) * 4 : 0;
	uint32_t from, to;
	uint16_t source = 0, port = 0;

	if (n < 20 || p[0] >> 4 != 4)
		return n > 0 && p[0] >> 4 == 6 ? WAY_OTHER : -1;
	memcpy(&from, p + 12, 4);
	memcpy(&to, p + 16, 4);
	if ((size_t)n >= head + 4 && p[9] != IPPROTO_ICMP) {
		source = (uint16_t)(p[head] << 8 | p[head + 1]);
		port = (uint16_t)(p[head + 2] << 8 | p[head + 3]);
	}
	from = ntohl(from);
	to = ntohl(to);
	if (from == INADDR_LOOPBACK && to == INADDR_LOOPBACK &&
	    (source == PROXY_PORT || port == PROXY_PORT))
		return -1;
	if (to >= 0xc0000200u + FIRST && to < 0xc0000200u + FIRST + WAYS)
		return (int)(to - 0xc0000200u - FIRST);
	if (from >= 0xc0000200u + FIRST && from < 0xc0000200u + FIRST + WAYS)
		return -1;
	if (p[9] == IPPROTO_ICMP && (size_t)n > head && p[head] != 8)
		return -1;
	return port == 53 ? WAY_QUESTION : source == 53 ? -1 : WAY_OTHER;
}

/* Takes what is there; each packet passes loopback twice, which does not matter. */
static void look(int capture, bool seen[static WAYS + 2])
{
	uint8_t packet[2048];
	ssize_t n;

	while ((n = recv(capture, packet, sizeof(packet), 0)) > 0) {
		int way = judge(packet, n);

		if (way >= 0)
			seen[way] = true;
	}
}

static bool verdict(const bool seen[static WAYS + 2])
{
	bool good = true;

	for (int i = 0; i < WAYS + 2; i++) {
		if (!seen[i])
			continue;
		good = false;
		printf("self-test: LEAKS: %s\n",
		       i < WAYS ? ways[i].name
				: (i == WAY_QUESTION ? "a question to a name server"
						     : "another packet"));
	}
	if (good)
		printf("self-test: %d ways were tried, nothing got past the proxy\n", WAYS);
	return good;
}

/* ---- running it ---- */

static pid_t run(const char *path, char *const *argv, bool quiet)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (quiet) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
	}
	execvp(path, argv);
	_exit(127);
}

static bool wait_for_proxy(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PROXY_PORT)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 200; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool there = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;

		close(fd);
		if (there)
			return true;
		usleep(10000);
	}
	return false;
}

/* The exit status of the tries; -1 if they take too long. */
static int wait_for_tries(pid_t pid, int capture, bool seen[static WAYS + 2])
{
	int status;

	for (int i = 0; i < LIMIT * 100; i++) {
		look(capture, seen);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
		usleep(10000);
	}
	kill(pid, SIGKILL);
	return -1;
}

static const char *set_up(int *capture)
{
	if (!enter_namespace())
		return "a network namespace is not allowed here";
	if (!loopback_up() || !route_everything(AF_INET))
		return "the namespace's routes cannot be set";
	route_everything(AF_INET6); /* there may be no IPv6 */
	*capture = open_capture();
	return *capture < 0 ? "packets cannot be watched here" : NULL;
}

/* In a process of its own. */
static bool test(void)
{
	char *const proxy[] = {(char *)"sockshimctl",  (char *)"proxy",	  (char *)"--listen",
			       (char *)PROXY,	       (char *)"--reply", (char *)"5",
			       (char *)"--no-resolve", (char *)"--quiet", NULL};
	char *const tries[] = {(char *)"sockshim",
			       (char *)"-p",
			       (char *)"socks5://" PROXY,
			       (char *)"/proc/self/exe",
			       (char *)"check",
			       (char *)CHECK_TRY,
			       NULL};
	char self[4096];
	bool seen[WAYS + 2] = {0};
	int capture, status;
	const char *why = set_up(&capture);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t server;
	char **words = (char **)tries;

	if (why || n < 0) {
		printf("self-test: not done: %s\n", why ? why : "no /proc");
		return true;
	}
	self[n] = 0;
	words[3] = self;
	server = run(self, proxy, true);
	if (!wait_for_proxy()) {
		puts("self-test: not done: the proxy of the test does not start");
		return false;
	}
	status = wait_for_tries(run(beside_sockshim(), tries, true), capture, seen);
	poll(NULL, 0, QUIET_MS);
	look(capture, seen);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	if (status)
		printf("self-test: the program that tries ended with %d\n", status);
	return verdict(seen) && !status;
}

bool check_leak(void)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		bool good = test();

		fflush(stdout);
		_exit(good ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}
