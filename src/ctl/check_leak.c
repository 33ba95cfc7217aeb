/* SPDX-License-Identifier: MIT */
/*
 * check_leak.c - the self-test of `sockshimctl check`.
 *
 * In a network namespace with nothing but loopback every address is our own: what would leave the
 * machine passes the loopback interface instead, where a packet socket sees it. Each way of leaking
 * has a destination of its own (RFC 5737), so that a packet tells its way.
 */
#include "check_leak.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "netns.h"

#define WAYS CHECK_WAYS
#define WAY_QUESTION WAYS /* a packet to port 53 of some name server */
#define WAY_OTHER (WAYS + 1)
#define PROXY "127.0.0.1:1080"
#define PROXY_PORT 1080
#define QUIET_MS 100 /* after the last try */
#define LIMIT 20     /* s, for all tries */

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
	if (to >= CHECK_FIRST && to < CHECK_FIRST + WAYS)
		return (int)(to - CHECK_FIRST);
	if (from >= CHECK_FIRST && from < CHECK_FIRST + WAYS)
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
		       i < WAYS ? check_way(i)
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
	bool six;

	if (!enter_namespace())
		return "a network namespace is not allowed here";
	if (netns_own_all(&six) < 0)
		return "the namespace's routes cannot be set";
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
