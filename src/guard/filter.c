/* SPDX-License-Identifier: MIT */
/*
 * filter.c - the guard's seccomp filter, as BPF that is made at run time (the gate's address is drawn
 * for each session; libseccomp cannot compare the instruction pointer).
 *
 * Theory of operation. A number is looked for among the judged ones; all others leave by the same
 * ALLOW without another field having been loaded, which makes the kernel cache them (5.11). It asks
 * the filter for each number there is, twice, when the filter is put on, and translates the filter into
 * machine code in several passes: every start of a command waits for both. Hence a search in which each
 * step halves the numbers that are left, and few instructions; see put_search(). socket()
 * and setsockopt() carry all that matters in registers: their answers here are decide()'s for
 * CALL_SOCKET and CALL_OPTION, and a test compares the two. The other ABIs of the machine are refused
 * the network: their arguments are laid out differently, and hardly a program uses them.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "filter.h"
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
	NEXT, /* the next instruction */
	FOREIGN,
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
	LABELS,
	LABELS_MAX = LABELS + 64 /* those of put_search() */
};

struct build {
	struct sock_filter *out;
	size_t n;
	bool full, audited;
	uint8_t to[FILTER_MAX][2]; /* labels of jumps */
	size_t at[LABELS_MAX];
	unsigned int labels; /* given out by put_search() */
};

static void put(struct build *b, uint16_t code, uint32_t k, unsigned int yes, unsigned int no)
{
	if (b->n == FILTER_MAX) {
		b->full = true;
		return;
	}
	b->out[b->n] = (struct sock_filter){.code = code, .k = k};
	b->to[b->n][0] = (uint8_t)yes;
	b->to[b->n][1] = (uint8_t)no;
	b->n++;
}

static void load(struct build *b, uint32_t offset)
{
	put(b, BPF_LD | BPF_W | BPF_ABS, offset, NEXT, NEXT);
}

static void mask(struct build *b, uint32_t bits)
{
	put(b, BPF_ALU | BPF_AND | BPF_K, bits, NEXT, NEXT);
}

static void when(struct build *b, uint32_t value, enum label yes)
{
	put(b, BPF_JMP | BPF_JEQ | BPF_K, value, yes, NEXT);
}

static void unless(struct build *b, uint32_t value, enum label no)
{
	put(b, BPF_JMP | BPF_JEQ | BPF_K, value, NEXT, no);
}

static void answer(struct build *b, uint32_t action)
{
	put(b, BPF_RET | BPF_K, action, NEXT, NEXT);
}

static void either(struct build *b, uint32_t value, enum label yes, enum label no)
{
	put(b, BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

static void here(struct build *b, unsigned int l)
{
	b->at[l] = b->n;
}

static void ending(struct build *b, enum label l, uint32_t action)
{
	here(b, l);
	answer(b, action);
}

static void refusal(struct build *b, enum label l, int error)
{
	ending(b, l, b->audited ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void numbers(struct build *b, const uint32_t *nr, size_t count, enum label yes)
{
	for (size_t i = 0; i < count; i++)
		when(b, nr[i], yes);
}
#define NUMBERS(b, list, yes) numbers(b, list, sizeof(list) / sizeof((list)[0]), yes)

/* What becomes of a system call by its number. */
struct fate {
	uint32_t nr;
	uint8_t to; /* enum label */
};

#define FATES_MAX 17
#define NUMBERS_END 472u /* those that the kernel asks the filter for, about */

#if defined __x86_64__
#define ARCH_OWN AUDIT_ARCH_X86_64
#define ARCH_OTHER AUDIT_ARCH_I386
#define X32 0x40000000u
/* socketcall, socket, bind, connect, listen, setsockopt, sendto, sendmsg, sendmmsg, io_uring_*, pidfd_getfd,
 * request_key */
static const uint32_t other_numbers[] = {
	102, 345, 359, 361, 362, 363, 366, 369, 370, 425, 426, 427, SYS_pidfd_getfd, 287};
#elif defined __aarch64__
#define ARCH_OWN AUDIT_ARCH_AARCH64
#define ARCH_OTHER AUDIT_ARCH_ARM
static const uint32_t other_numbers[] = {
	102, 281, 282, 283, 284, 290, 294, 296, 374, 425, 426, 427, SYS_pidfd_getfd, 310};
#endif

static const struct fate own_numbers[] = {
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

/* Upwards: the order of the numbers is the machine's. */
static void sort(struct fate out[static FATES_MAX], const struct fate *f, size_t count)
{
	for (size_t i = 0, at; i < count; i++) {
		for (at = i; at && out[at - 1].nr > f[i].nr; at--)
			out[at] = out[at - 1];
		out[at] = f[i];
	}
}

/* How many numbers that the kernel asks for lie in [from, to). */
static uint32_t weight(uint32_t from, uint32_t to)
{
	to = to < NUMBERS_END ? to : NUMBERS_END;
	return from < to ? to - from : 0;
}

/* Numbers that lie close together are compared in a row: [from, to) of the sorted fates. */
struct row {
	size_t from, to;
};

#define ROW_GAP 30u /* so many allowed numbers may pass through a row in vain */

static size_t find_rows(struct row out[static FATES_MAX], const struct fate *f, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (n && weight(f[i - 1].nr + 1, f[i].nr) < ROW_GAP)
			out[n - 1].to++;
		else
			out[n++] = (struct row){i, i + 1};
	}
	return n;
}

static void put_row(struct build *b, const struct fate *f, const struct row *r)
{
	for (size_t i = r->from; i < r->to; i++)
		put(b, BPF_JMP | BPF_JEQ | BPF_K, f[i].nr, f[i].to, i + 1 < r->to ? NEXT : ALLOW);
}

/* The row before which [0, `end`) is cut into two parts that are as equal as can be. */
static size_t middle(const struct fate *f, const struct row *r, size_t count, uint32_t from,
		     uint32_t end)
{
	uint32_t best = UINT32_MAX;
	size_t at = 1;

	for (size_t i = 1; i < count; i++) {
		uint32_t left = weight(from, f[r[i].from].nr), right = weight(f[r[i].from].nr, end);
		uint32_t worse = left > right ? left : right;

		if (worse < best) {
			best = worse;
			at = i;
		}
	}
	return at;
}

/* A row alone in [from, end): most of what is not in it need not pass through it. */
static void put_last(struct build *b, const struct fate *f, const struct row *r, uint32_t from,
		     uint32_t end)
{
	const uint32_t first = f[r->from].nr, behind = f[r->to - 1].nr + 1;

	if (r->to - r->from > 1 && weight(behind, end) >= ROW_GAP)
		put(b, BPF_JMP | BPF_JGE | BPF_K, behind, ALLOW, NEXT);
	if (r->to - r->from > 1 && weight(from, first) >= ROW_GAP)
		put(b, BPF_JMP | BPF_JGE | BPF_K, first, NEXT, ALLOW);
	put_row(b, f, r);
}

/* Numbers of [from, end), among which those of `count` rows are judged. */
static void put_rows(struct build *b, const struct fate *f, const struct row *r, size_t count,
		     uint32_t from, uint32_t end)
{
	const unsigned int right = LABELS + b->labels;
	size_t half;
	uint32_t cut;

	if (count == 1) {
		put_last(b, f, r, from, end);
		return;
	}
	half = middle(f, r, count, from, end);
	cut = f[r[half].from].nr;
	b->labels++;
	put(b, BPF_JMP | BPF_JGE | BPF_K, cut, right, NEXT);
	put_rows(b, f, r, half, from, cut);
	here(b, right);
	put_rows(b, f, r + half, count - half, cut, end);
}

/*
 * Goes to the fate of the number that is loaded, ALLOW if it has none. The number of steps matters for
 * allowed ones, each of which counts the same.
 */
static void put_search(struct build *b, const struct fate *f, size_t count)
{
	struct fate sorted[FATES_MAX];
	struct row rows[FATES_MAX];

	sort(sorted, f, count);
	put_rows(b, sorted, rows, find_rows(rows, sorted, count), 0, NUMBERS_END);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* x32's numbers are x86-64's with a bit (and some of its own): the same are judged, and refused. */
static void put_number(struct build *b)
{
	load(b, FIELD(arch));
	unless(b, ARCH_OWN, FOREIGN);
	load(b, FIELD(nr));
#ifdef X32
	mask(b, ~X32);
#endif
	put_search(b, own_numbers, COUNT(own_numbers));
}

/* What is judged further is the machine's own call. */
static void native(struct build *b, enum label l)
{
	here(b, l);
#ifdef X32
	load(b, FIELD(nr));
	put(b, BPF_JMP | BPF_JSET | BPF_K, X32, NO_CALL, NEXT);
#endif
}

static void put_foreign(struct build *b)
{
	struct fate f[FATES_MAX];

	for (size_t i = 0; i < COUNT(other_numbers); i++)
		f[i] = (struct fate){other_numbers[i], NO_CALL};
	here(b, FOREIGN);
	/*
	 * A field that makes the kernel give up asking: to search for each of this ABI's numbers takes
	 * 6 us of every start, and its processes, of which there are hardly any, pay 30 ns a call.
	 */
	load(b, FIELD(args));
	load(b, FIELD(arch));
	unless(b, ARCH_OTHER, NO_CALL);
	load(b, FIELD(nr));
	put_search(b, f, COUNT(other_numbers));
}

/* As decide.c: decide_socket() and transport(). */
static void put_socket(struct build *b)
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
	here(b, SOCKET_INET);
	load(b, ARG(1));
	mask(b, ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK));
	when(b, SOCK_STREAM, SOCKET_STREAM);
	when(b, SOCK_DGRAM, SOCKET_DGRAM);
	when(b, SOCK_RAW, ALLOW);
	when(b, TYPE_PACKET, NO_RIGHT);
	put(b, BPF_JMP | BPF_JGE | BPF_K, TYPE_COUNT, BAD_TYPE, NO_TYPE);
	here(b, SOCKET_STREAM);
	load(b, ARG(2));
	when(b, 0, ALLOW);
	either(b, IPPROTO_TCP, ALLOW, NO_PROTOCOL);
	here(b, SOCKET_DGRAM);
	load(b, ARG(2));
	when(b, 0, ALLOW);
	when(b, IPPROTO_UDP, ALLOW);
	when(b, IPPROTO_ICMP, ALLOW);
	either(b, IPPROTO_ICMPV6, ALLOW, NO_PROTOCOL);
}

/* As decide.c: decide_option(). */
static void put_option(struct build *b)
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
	here(b, OPTION_IP);
	load(b, ARG(2));
	when(b, IP_ADD_MEMBERSHIP, NO_DEVICE);
	when(b, IP_ADD_SOURCE_MEMBERSHIP, NO_DEVICE);
	NUMBERS(b, both, NO_DEVICE);
	when(b, IP_OPTIONS, AWAY);
	either(b, OPTION_UNICAST_IF, AWAY, ALLOW);
	here(b, OPTION_IP6);
	load(b, ARG(2));
	when(b, IPV6_JOIN_GROUP, NO_DEVICE);
	when(b, IPV6_JOIN_ANYCAST, NO_DEVICE);
	NUMBERS(b, both, NO_DEVICE);
	NUMBERS(b, away6, AWAY);
	either(b, OPTION_RTHDR, AWAY, ALLOW);
}

/* With words for it the kernel starts a program of the system's that looks for the key: in the DNS. */
static void put_key(struct build *b)
{
	native(b, KEY);
	load(b, ARG(2));
	unless(b, 0, NO_KEY);
	load(b, ARG_HIGH(2));
	either(b, 0, ALLOW, NO_KEY);
}

/* Without an address it is send(2): free. The data of MSG_FASTOPEN would leave in a SYN. */
static void put_sendto(struct build *b)
{
	native(b, SENDTO);
	load(b, ARG(3));
	put(b, BPF_JMP | BPF_JSET | BPF_K, FASTOPEN, GATE_ADDRESS, NEXT);
	load(b, ARG(4));
	unless(b, 0, GATE_ADDRESS);
	load(b, ARG_HIGH(4));
	when(b, 0, ALLOW);
}

static void put_gate_at(struct build *b, enum label label, uint64_t gate, enum label otherwise)
{
	here(b, label);
	load(b, FIELD(instruction_pointer) + 4);
	unless(b, (uint32_t)(gate >> 32), otherwise);
	load(b, FIELD(instruction_pointer));
	mask(b, PAGE_BITS);
	put(b, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)gate & PAGE_BITS, ALLOW, otherwise);
}

/* Options that lead away: the library has seen the value, and it takes them back or names loopback. */
static void put_gate(struct build *b, uint64_t gate)
{
	native(b, GATE);
	put_gate_at(b, GATE_ADDRESS, gate, NOTIFY);
	put_gate_at(b, AWAY, gate, NO_RIGHT);
}

static void put_endings(struct build *b)
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

/* A jump counts from the instruction behind it. */
static bool resolve(struct build *b)
{
	for (size_t i = 0; i < b->n; i++) {
		for (int side = 0; side < 2; side++) {
			uint8_t l = b->to[i][side];
			size_t to = l == NEXT ? i + 1 : b->at[l];

			if (BPF_CLASS(b->out[i].code) != BPF_JMP)
				continue;
			if (to <= i || to - i - 1 > UINT8_MAX)
				return false;
			*(side ? &b->out[i].jf : &b->out[i].jt) = (uint8_t)(to - i - 1);
		}
	}
	return true;
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
	struct build b = {.out = out, .audited = audited};

	put_number(&b);
	put_foreign(&b);
	put_socket(&b);
	put_option(&b);
	put_key(&b);
	put_sendto(&b);
	put_gate(&b, gate);
	put_endings(&b);
	return !b.full && resolve(&b) ? b.n : 0;
}
