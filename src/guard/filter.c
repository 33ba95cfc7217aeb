/* SPDX-License-Identifier: MIT */
/*
 * filter.c - the guard's seccomp filter, as BPF that is made at run time (the gate's address is
 * drawn for each session; libseccomp cannot compare the instruction pointer).
 *
 * Theory of operation. A number is looked for among the judged ones; all others leave by the same
 * ALLOW without another field having been loaded, which makes the kernel cache them (5.11). It asks
 * the filter for each number there is, twice, when the filter is put on, and translates the filter
 * into machine code in several passes: every start of a command waits for both. Hence a search in
 * which each step halves the numbers that are left, and few instructions; see bpf_search().
 * socket() and setsockopt() carry all that matters in registers: their answers here are decide()'s
 * for CALL_SOCKET and CALL_OPTION, and a test compares the two. The other ABIs of the machine are
 * refused the network: their arguments are laid out differently, and hardly a program uses them.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "kernel.h"

#define FASTOPEN 0x20000000
#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif
#define IO_URING_SETUP 425 /* the same on every machine */
#define IO_URING_ENTER 426
#define IO_URING_REGISTER 427
#define PAGE_BITS 0xfffff000u

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
/* The low half of an argument comes first on the machines that sys.h knows. */
#define ARG(i) (FIELD(args) + 8u * (i))
#define ARG_HIGH(i) (ARG(i) + 4u)

enum label {
	FOREIGN = BPF_NEXT + 1,
	SOCKET,
	SOCKET_INET,
	SOCKET_STREAM,
	SOCKET_DGRAM,
	OPTION,
	OPTION_IP,
	OPTION_IP6,
	SENDTO,
	KEY,
	GATE,
	GATE_ADDRESS,
	AWAY,
	ALLOW,
	NOTIFY,
	NO_CALL,
	NO_DEVICE,
	NO_FAMILY,
	NO_PROTOCOL,
	NO_TYPE,
	NO_RIGHT,
	NO_KEY,
	BAD_TYPE,
	LABELS
};

_Static_assert(LABELS <= BPF_LABELS, "labels of the filter");

static void load(struct bpf *b, uint32_t offset)
{
	bpf_put(b, BPF_LD | BPF_W | BPF_ABS, offset, BPF_NEXT, BPF_NEXT);
}

static void mask(struct bpf *b, uint32_t bits)
{
	bpf_put(b, BPF_ALU | BPF_AND | BPF_K, bits, BPF_NEXT, BPF_NEXT);
}

static void when(struct bpf *b, uint32_t value, enum label yes)
{
	bpf_put(b, BPF_JMP | BPF_JEQ | BPF_K, value, yes, BPF_NEXT);
}

static void unless(struct bpf *b, uint32_t value, enum label no)
{
	bpf_put(b, BPF_JMP | BPF_JEQ | BPF_K, value, BPF_NEXT, no);
}

static void answer(struct bpf *b, uint32_t action)
{
	bpf_put(b, BPF_RET | BPF_K, action, BPF_NEXT, BPF_NEXT);
}

static void either(struct bpf *b, uint32_t value, enum label yes, enum label no)
{
	bpf_put(b, BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

static void ending(struct bpf *b, enum label l, uint32_t action)
{
	bpf_here(b, l);
	answer(b, action);
}

static void refusal(struct bpf *b, enum label l, int error)
{
	ending(b, l, b->audited ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void numbers(struct bpf *b, const uint32_t *nr, size_t count, enum label yes)
{
	for (size_t i = 0; i < count; i++)
		when(b, nr[i], yes);
}
#define NUMBERS(b, list, yes) numbers(b, list, sizeof(list) / sizeof((list)[0]), yes)

#if defined __x86_64__
#define ARCH_OWN AUDIT_ARCH_X86_64
#define ARCH_OTHER AUDIT_ARCH_I386
#define X32 0x40000000u
/*
 * socketcall, socket, bind, connect, listen, setsockopt, sendto, sendmsg, sendmmsg, io_uring_*,
 * pidfd_getfd, request_key
 */
static const uint32_t other_numbers[] = {
	102, 345, 359, 361, 362, 363, 366, 369, 370, 425, 426, 427, SYS_pidfd_getfd, 287};
#elif defined __aarch64__
#define ARCH_OWN AUDIT_ARCH_AARCH64
#define ARCH_OTHER AUDIT_ARCH_ARM
static const uint32_t other_numbers[] = {
	102, 281, 282, 283, 284, 290, 294, 296, 374, 425, 426, 427, SYS_pidfd_getfd, 310};
#endif

static const struct bpf_fate own_numbers[] = {
	{SYS_socket, SOCKET},
	{SYS_connect, GATE},
	{SYS_sendto, SENDTO},
	{SYS_sendmsg, GATE},
	{SYS_bind, GATE},
	{SYS_listen, GATE},
	{SYS_setsockopt, OPTION},
	{SYS_sendmmsg, GATE},
	{IO_URING_SETUP, NO_CALL},
	{IO_URING_ENTER, NO_CALL},
	{IO_URING_REGISTER, NO_CALL},
	{SYS_request_key, KEY},
	{SYS_pidfd_getfd, NO_RIGHT}, /* sockets of processes outside of the session */
#if defined __x86_64__
	/* Linux before 5.5 takes x32's own numbers without the bit, too. */
	{518, NO_CALL},
	{538, NO_CALL},
	{541, NO_CALL},
#endif
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
_Static_assert(COUNT(own_numbers) <= BPF_FATES_MAX && COUNT(other_numbers) <= BPF_FATES_MAX, "");

/* x32's numbers are x86-64's with a bit (and some of its own): the same are judged, and refused. */
static void put_number(struct bpf *b)
{
	load(b, FIELD(arch));
	unless(b, ARCH_OWN, FOREIGN);
	load(b, FIELD(nr));
#ifdef X32
	mask(b, ~X32);
#endif
	bpf_search(b, own_numbers, COUNT(own_numbers), ALLOW);
}

/* What is judged further is the machine's own call. */
static void native(struct bpf *b, enum label l)
{
	bpf_here(b, l);
#ifdef X32
	load(b, FIELD(nr));
	bpf_put(b, BPF_JMP | BPF_JSET | BPF_K, X32, NO_CALL, BPF_NEXT);
#endif
}

static void put_foreign(struct bpf *b)
{
	struct bpf_fate f[COUNT(other_numbers)];

	for (size_t i = 0; i < COUNT(other_numbers); i++)
		f[i] = (struct bpf_fate){other_numbers[i], NO_CALL};
	bpf_here(b, FOREIGN);
	/*
	 * A field that makes the kernel give up asking: to search for each of this ABI's numbers
	 * takes 6 us of every start, and its processes, of which there are hardly any, pay 30 ns a
	 * call.
	 */
	load(b, FIELD(args));
	load(b, FIELD(arch));
	unless(b, ARCH_OTHER, NO_CALL);
	load(b, FIELD(nr));
	bpf_search(b, f, COUNT(other_numbers), ALLOW);
}

/* As decide.c: decide_socket() and transport(). */
static void put_socket(struct bpf *b)
{
	native(b, SOCKET);
	load(b, ARG(0));
	when(b, AF_UNIX, ALLOW);
	when(b, AF_INET, SOCKET_INET);
	when(b, AF_INET6, SOCKET_INET);
	when(b, AF_UNSPEC, ALLOW);
	when(b, FAMILY_NETLINK, ALLOW);
	when(b, FAMILY_ALG, ALLOW);
	when(b, FAMILY_KEY, ALLOW);
	either(b, FAMILY_PACKET, NO_RIGHT, NO_FAMILY);
	bpf_here(b, SOCKET_INET);
	load(b, ARG(1));
	mask(b, ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK));
	when(b, SOCK_STREAM, SOCKET_STREAM);
	when(b, SOCK_DGRAM, SOCKET_DGRAM);
	when(b, SOCK_RAW, ALLOW);
	when(b, TYPE_PACKET, NO_RIGHT);
	bpf_put(b, BPF_JMP | BPF_JGE | BPF_K, TYPE_COUNT, BAD_TYPE, NO_TYPE);
	bpf_here(b, SOCKET_STREAM);
	load(b, ARG(2));
	when(b, 0, ALLOW);
	either(b, IPPROTO_TCP, ALLOW, NO_PROTOCOL);
	bpf_here(b, SOCKET_DGRAM);
	load(b, ARG(2));
	when(b, 0, ALLOW);
	when(b, IPPROTO_UDP, ALLOW);
	when(b, IPPROTO_ICMP, ALLOW);
	either(b, IPPROTO_ICMPV6, ALLOW, NO_PROTOCOL);
}

/* As decide.c: decide_option(). */
static void put_option(struct bpf *b)
{
	static const uint32_t both[] = {MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP};
	static const uint32_t away6[] = {OPTION_UNICAST_IF, OPTION_UNICAST_IF6, OPTION_2292PKTINFO,
					 OPTION_2292RTHDR, OPTION_2292PKTOPTIONS};

	native(b, OPTION);
	load(b, ARG(1));
	when(b, IPPROTO_IP, OPTION_IP);
	when(b, IPPROTO_IPV6, OPTION_IP6);
	when(b, IPPROTO_SCTP, NO_PROTOCOL);
	unless(b, SOL_SOCKET, ALLOW);
	load(b, ARG(2));
	when(b, OPTION_BINDTODEVICE, AWAY);
	either(b, OPTION_BINDTOIFINDEX, AWAY, ALLOW);
	bpf_here(b, OPTION_IP);
	load(b, ARG(2));
	when(b, IP_ADD_MEMBERSHIP, NO_DEVICE);
	when(b, IP_ADD_SOURCE_MEMBERSHIP, NO_DEVICE);
	NUMBERS(b, both, NO_DEVICE);
	when(b, IP_OPTIONS, AWAY);
	either(b, OPTION_UNICAST_IF, AWAY, ALLOW);
	bpf_here(b, OPTION_IP6);
	load(b, ARG(2));
	when(b, IPV6_JOIN_GROUP, NO_DEVICE);
	when(b, IPV6_JOIN_ANYCAST, NO_DEVICE);
	NUMBERS(b, both, NO_DEVICE);
	NUMBERS(b, away6, AWAY);
	either(b, OPTION_RTHDR, AWAY, ALLOW);
}

/*
 * With words for it the kernel starts a program of the system's that looks for the key: in the DNS.
 */
static void put_key(struct bpf *b)
{
	native(b, KEY);
	load(b, ARG(2));
	unless(b, 0, NO_KEY);
	load(b, ARG_HIGH(2));
	either(b, 0, ALLOW, NO_KEY);
}

/* Without an address it is send(2): free. The data of MSG_FASTOPEN would leave in a SYN. */
static void put_sendto(struct bpf *b)
{
	native(b, SENDTO);
	load(b, ARG(3));
	bpf_put(b, BPF_JMP | BPF_JSET | BPF_K, FASTOPEN, GATE_ADDRESS, BPF_NEXT);
	load(b, ARG(4));
	unless(b, 0, GATE_ADDRESS);
	load(b, ARG_HIGH(4));
	when(b, 0, ALLOW);
}

static void put_gate_at(struct bpf *b, enum label label, uint64_t gate, enum label otherwise)
{
	bpf_here(b, label);
	load(b, FIELD(instruction_pointer) + 4);
	unless(b, (uint32_t)(gate >> 32), otherwise);
	load(b, FIELD(instruction_pointer));
	mask(b, PAGE_BITS);
	bpf_put(b, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)gate & PAGE_BITS, ALLOW, otherwise);
}

/*
 * Options that lead away: the library has seen the value, and it takes them back or names loopback.
 */
static void put_gate(struct bpf *b, uint64_t gate)
{
	native(b, GATE);
	put_gate_at(b, GATE_ADDRESS, gate, NOTIFY);
	put_gate_at(b, AWAY, gate, NO_RIGHT);
}

static void put_endings(struct bpf *b)
{
	ending(b, ALLOW, SECCOMP_RET_ALLOW);
	ending(b, NOTIFY, SECCOMP_RET_USER_NOTIF);
	refusal(b, NO_CALL, ENOSYS);
	refusal(b, NO_DEVICE, ENODEV);
	refusal(b, NO_FAMILY, EAFNOSUPPORT);
	refusal(b, NO_PROTOCOL, EPROTONOSUPPORT);
	refusal(b, NO_TYPE, ESOCKTNOSUPPORT);
	refusal(b, NO_RIGHT, EPERM);
	refusal(b, NO_KEY, ENOKEY);
	refusal(b, BAD_TYPE, EINVAL);
}

bool filter_is_foreign(const struct seccomp_data *data)
{
#ifdef X32
	if (data->nr & X32)
		return true;
#endif
	return data->arch != ARCH_OWN;
}

size_t filter_build(struct sock_filter out[static FILTER_MAX], uint64_t gate, bool audited)
{
	struct bpf b = {.out = out, .audited = audited};

	put_number(&b);
	put_foreign(&b);
	put_socket(&b);
	put_option(&b);
	put_key(&b);
	put_sendto(&b);
	put_gate(&b, gate);
	put_endings(&b);
	return bpf_resolve(&b) ? b.n : 0;
}
