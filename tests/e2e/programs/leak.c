/* SPDX-License-Identifier: MIT */
// leak WAY [ADDRESS [PORT]]: tries to get one packet out past the proxy. Prints "went" when the
// call succeeded, or the name of the error; the judge of what left the machine is the capture.
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} to;
static socklen_t to_len;

static const char text[] = "leak";

static void set_target(const char *address, int port)
{
	if (inet_pton(AF_INET6, address, &to.v6.sin6_addr) == 1) {
		to.v6.sin6_family = AF_INET6;
		to.v6.sin6_port = htons(port);
		to_len = sizeof(to.v6);
	} else {
		inet_pton(AF_INET, address, &to.v4.sin_addr);
		to.v4.sin_family = AF_INET;
		to.v4.sin_port = htons(port);
		to_len = sizeof(to.v4);
	}
}

static int udp(void)
{
	return socket(to.any.sa_family, SOCK_DGRAM, 0);
}

static struct msghdr message(struct iovec *iov)
{
	*iov = (struct iovec){(void *)text, sizeof(text)};
	return (struct msghdr){
		.msg_name = &to, .msg_namelen = to_len, .msg_iov = iov, .msg_iovlen = 1};
}

static long udp_sendto(void)
{
	return sendto(udp(), text, sizeof(text), 0, &to.any, to_len);
}

static long udp_connect(void)
{
	int fd = udp();

	if (connect(fd, &to.any, to_len))
		return -1;
	return send(fd, text, sizeof(text), 0);
}

// Even when the connect fails, what a careless program does next must not send.
static long udp_connect_write(void)
{
	int fd = udp();

	connect(fd, &to.any, to_len);
	return write(fd, text, sizeof(text));
}

static long udp_sendmsg(void)
{
	struct iovec iov;
	struct msghdr m = message(&iov);

	return sendmsg(udp(), &m, 0);
}

static long udp_sendmmsg(void)
{
	struct iovec iov;
	struct mmsghdr m = {.msg_hdr = message(&iov)};

	return sendmmsg(udp(), &m, 1, 0);
}

// The second message of two, behind one without an address.
static long udp_sendmmsg_second(void)
{
	struct iovec iov;
	struct mmsghdr m[2] = {{.msg_hdr = message(&iov)}, {.msg_hdr = message(&iov)}};

	m[0].msg_hdr.msg_name = NULL;
	m[0].msg_hdr.msg_namelen = 0;
	sendmmsg(udp(), m, 2, 0);
	return sendmmsg(udp(), m + 1, 1, 0);
}

static long fastopen_sendto(void)
{
	return sendto(socket(to.any.sa_family, SOCK_STREAM, 0), text, sizeof(text), MSG_FASTOPEN,
		      &to.any, to_len);
}

static long fastopen_sendmsg(void)
{
	struct iovec iov;
	struct msghdr m = message(&iov);

	return sendmsg(socket(to.any.sa_family, SOCK_STREAM, 0), &m, MSG_FASTOPEN);
}

static long fastopen_sendmmsg(void)
{
	struct iovec iov;
	struct mmsghdr m = {.msg_hdr = message(&iov)};

	return sendmmsg(socket(to.any.sa_family, SOCK_STREAM, 0), &m, 1, MSG_FASTOPEN);
}

// TCP_FASTOPEN_CONNECT: connect answers at once, and the first write would carry data in the SYN.
static long fastopen_connect(void)
{
	int fd = socket(to.any.sa_family, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	if (connect(fd, &to.any, to_len))
		return -1;
	return write(fd, text, sizeof(text));
}

static long icmp_dgram(void)
{
	int v6 = to.any.sa_family == AF_INET6;
	char echo[12] = {v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	int fd = socket(to.any.sa_family, SOCK_DGRAM, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	return fd < 0 ? -1 : sendto(fd, echo, sizeof(echo), 0, &to.any, to_len);
}

static long raw_icmp(void)
{
	char echo[12] = {ICMP_ECHO, 0, (char)0xf7, (char)0xff};
	int fd = socket(to.any.sa_family, SOCK_RAW, IPPROTO_ICMP);

	to.v4.sin_port = 0;
	return fd < 0 ? -1 : sendto(fd, echo, sizeof(echo), 0, &to.any, to_len);
}

/* A SYN made by hand, as port scanners do: a raw socket of a stream's protocol is no stream. */
static long raw_tcp(void)
{
	struct tcphdr syn = {.th_sport = htons(4321),
			     .th_dport = to.v4.sin_port,
			     .th_off = 5,
			     .th_flags = TH_SYN,
			     .th_win = htons(1024)};
	int fd = socket(to.any.sa_family, SOCK_RAW, IPPROTO_TCP);

	return fd < 0 ? -1 : sendto(fd, &syn, sizeof(syn), 0, &to.any, to_len);
}

static long raw_tcp_connect(void)
{
	struct tcphdr syn = {.th_off = 5, .th_flags = TH_SYN};
	int fd = socket(to.any.sa_family, SOCK_RAW, IPPROTO_TCP);

	if (fd < 0 || connect(fd, &to.any, to_len))
		return -1;
	return send(fd, &syn, sizeof(syn), 0);
}

static long raw_udp(void)
{
	struct udphdr head = {.uh_sport = htons(4321), .uh_dport = htons(53), .uh_ulen = htons(8)};
	int fd = socket(to.any.sa_family, SOCK_RAW, IPPROTO_UDP);

	return fd < 0 ? -1 : sendto(fd, &head, sizeof(head), 0, &to.any, to_len);
}

/* With the IP header of the program's own. */
static long raw_header(void)
{
	struct {
		struct iphdr ip;
		char data[8];
	} packet = {.ip = {.version = 4, .ihl = 5, .ttl = 9, .protocol = IPPROTO_UDP}};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	packet.ip.daddr = to.v4.sin_addr.s_addr;
	return fd < 0 ? -1 : sendto(fd, &packet, sizeof(packet), 0, &to.any, to_len);
}

static long packet(void)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));

	ll.sll_ifindex = if_nametoindex("cable");
	return fd < 0 ? -1 : sendto(fd, text, sizeof(text), 0, (struct sockaddr *)&ll, sizeof(ll));
}

static long multicast_send(void)
{
	set_target("224.0.0.251", 5353);
	return udp_sendto();
}

static long multicast_join(void)
{
	struct ip_mreqn group = {.imr_ifindex = if_nametoindex("cable")};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group));
}

static long multicast_join6(void)
{
	struct ipv6_mreq group = {.ipv6mr_interface = if_nametoindex("cable")};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET6, "ff02::fb", &group.ipv6mr_multiaddr);
	return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof(group));
}

static long broadcast(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	set_target("255.255.255.255", 67);
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	return sendto(fd, text, sizeof(text), 0, &to.any, to_len);
}

static long by_syscall_connect(void)
{
	return syscall(SYS_connect, socket(to.any.sa_family, SOCK_STREAM, 0), &to, to_len);
}

static long by_syscall_sendto(void)
{
	return syscall(SYS_sendto, udp(), text, sizeof(text), 0, &to, to_len);
}

static long by_syscall_sendmsg(void)
{
	struct iovec iov;
	struct msghdr m = message(&iov);

	return syscall(SYS_sendmsg, udp(), &m, 0);
}

static long by_syscall_sendmmsg(void)
{
	struct iovec iov;
	struct mmsghdr m = {.msg_hdr = message(&iov)};

	return syscall(SYS_sendmmsg, udp(), &m, 1, 0);
}

static long mptcp(void)
{
	int fd = socket(to.any.sa_family, SOCK_STREAM, 262);

	return fd < 0 ? -1 : connect(fd, &to.any, to_len);
}

static long sctp(void)
{
	int fd = socket(to.any.sa_family, SOCK_STREAM, IPPROTO_SCTP);

	return fd < 0 ? -1 : connect(fd, &to.any, to_len);
}

// An echo of what was refused: a datagram on a socket that is bound, not connected.
static long udp_bound(void)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	int fd = udp();

	bind(fd, (struct sockaddr *)&own, sizeof(own));
	return sendto(fd, text, sizeof(text), 0, &to.any, to_len);
}

static long tcp_connect(void)
{
	return connect(socket(to.any.sa_family, SOCK_STREAM, 0), &to.any, to_len);
}

static long tcp_connect_write(void)
{
	int fd = socket(to.any.sa_family, SOCK_STREAM, 0);

	return connect(fd, &to.any, to_len) ? -1 : write(fd, text, sizeof(text));
}

static long udp_connect_writev(void)
{
	struct iovec iov = {(void *)text, sizeof(text)};
	int fd = udp();

	connect(fd, &to.any, to_len);
	return writev(fd, &iov, 1);
}

// As Proxy ARP and port scans do: many non-blocking connections and nobody looks.
static long tcp_nonblocking(void)
{
	long result = 0;

	for (int i = 0; i < 8; i++)
		result = connect(socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0), &to.any,
				 to_len);
	return result;
}

/* "family F TYPE PROTOCOL": there is to be no such socket. */
static int family(char **words)
{
	int fd = socket(atoi(words[0]), atoi(words[1]), atoi(words[2]));

	puts(fd >= 0 ? "went" : strerrorname_np(errno));
	return fd < 0;
}

static const struct {
	const char *name;
	long (*run)(void);
} ways[] = {
	{"udp-sendto", udp_sendto},
	{"udp-connect", udp_connect},
	{"udp-connect-write", udp_connect_write},
	{"udp-connect-writev", udp_connect_writev},
	{"udp-sendmsg", udp_sendmsg},
	{"udp-sendmmsg", udp_sendmmsg},
	{"udp-sendmmsg-second", udp_sendmmsg_second},
	{"udp-bound", udp_bound},
	{"fastopen-sendto", fastopen_sendto},
	{"fastopen-sendmsg", fastopen_sendmsg},
	{"fastopen-sendmmsg", fastopen_sendmmsg},
	{"fastopen-connect", fastopen_connect},
	{"icmp-dgram", icmp_dgram},
	{"raw-icmp", raw_icmp},
	{"raw-tcp", raw_tcp},
	{"raw-tcp-connect", raw_tcp_connect},
	{"raw-udp", raw_udp},
	{"raw-header", raw_header},
	{"packet", packet},
	{"multicast-send", multicast_send},
	{"multicast-join", multicast_join},
	{"multicast-join6", multicast_join6},
	{"broadcast", broadcast},
	{"syscall-connect", by_syscall_connect},
	{"syscall-sendto", by_syscall_sendto},
	{"syscall-sendmsg", by_syscall_sendmsg},
	{"syscall-sendmmsg", by_syscall_sendmmsg},
	{"mptcp", mptcp},
	{"sctp", sctp},
	{"tcp-connect", tcp_connect},
	{"tcp-connect-write", tcp_connect_write},
	{"tcp-nonblocking", tcp_nonblocking},
};

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "family"))
		return family(argv + 2);
	set_target(argc > 2 ? argv[2] : "203.0.113.80", argc > 3 ? atoi(argv[3]) : 80);
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[1])) {
			long result = ways[i].run();

			puts(result >= 0 ? "went" : strerrorname_np(errno));
			return result < 0;
		}
	puts("usage: leak WAY [ADDRESS [PORT]]");
	return 2;
}
