/* SPDX-License-Identifier: MIT */
/* test_filter.c - the guard's filter in an interpreter of our own, against decide(). */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "conf.h"
#include "decide.h"
#include "filter.h"

#define GATE 0x623456789000ull
#define REFUSED(error) (SECCOMP_RET_ERRNO | (error))
#define NOTIFIED 0x7fc00000u
#if defined __x86_64__
#define OWN AUDIT_ARCH_X86_64
#define OTHER AUDIT_ARCH_I386
#else
#define OWN AUDIT_ARCH_AARCH64
#define OTHER AUDIT_ARCH_ARM
#endif

static struct sock_filter code[FILTER_MAX];
static size_t code_len;
static unsigned int steps; /* of the last run() */
static struct conf conf;
static struct settings settings;

/* How the kernel runs it; *number_only tells whether anything but number and ABI was loaded. */
static uint32_t run(const struct seccomp_data *d, bool *number_only)
{
	uint32_t a = 0;

	*number_only = true;
	steps = 0;
	for (size_t i = 0; i < code_len; i++, steps++) {
		const struct sock_filter *f = &code[i];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(f->k % 4 == 0 && f->k + 4 <= sizeof(*d));
			memcpy(&a, (const char *)d + f->k, 4);
			*number_only &= f->k < offsetof(struct seccomp_data, instruction_pointer);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & f->k;
			break;
		default:
			fail_msg("instruction %zu is %x", i, f->code);
		}
		i += yes ? f->jt : f->jf;
	}
	fail_msg("no answer");
	return 0;
}

static uint32_t ask(uint32_t arch, int nr, uint64_t ip, uint64_t a, uint64_t b, uint64_t c,
		    uint64_t d, uint64_t e)
{
	struct seccomp_data data = {
		.nr = nr, .arch = arch, .instruction_pointer = ip, .args = {a, b, c, d, e}};
	bool number_only;

	return run(&data, &number_only);
}

static uint32_t expected(const struct call *c)
{
	struct decision d;

	return decide(&settings, c, &d) == VERDICT_PASS ? SECCOMP_RET_ALLOW
							: REFUSED((uint32_t)d.error);
}

static void test_socket(void **state)
{
	static const int protocols[] = {0, 1, 2, 6, 17, 33, 41, 58, 132, 136, 255, 256, 262, -1};
	static const uint32_t flags[] = {0, SOCK_CLOEXEC, SOCK_NONBLOCK,
					 SOCK_CLOEXEC | SOCK_NONBLOCK};

	(void)state;
	for (int domain = -1; domain < 64; domain++)
		for (int type = -2; type < 24; type++)
			for (size_t p = 0; p < sizeof(protocols) / sizeof(*protocols); p++) {
				struct call c = {.kind = CALL_SOCKET,
						 .domain = domain,
						 .type = type,
						 .protocol = protocols[p]};

				/* The hook takes the flags out of a negative type, too. */
				c.type &= ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
				for (size_t f = 0; f < 4; f++)
					assert_int_equal(ask(OWN, SYS_socket, 0, (uint32_t)domain,
							     (uint32_t)type | flags[f],
							     (uint32_t)protocols[p], 0, 0),
							 expected(&c));
			}
}

/* The kernel takes int arguments from the low half of a register. */
static void test_high_half_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(ask(OWN, SYS_socket, 0, 0x100000011ull, SOCK_RAW, 0, 0, 0),
			 REFUSED(EPERM));
	assert_int_equal(
		ask(OWN, SYS_socket, 0, 0x700000002ull, 0x900000001ull, 0x100000000ull | 262, 0, 0),
		REFUSED(EPROTONOSUPPORT));
	assert_int_equal(ask(OWN, SYS_sendto, 0, 3, 0, 0, 0, 0x100000000ull), NOTIFIED);
}

static void test_option(void **state)
{
	static const int levels[] = {-1, 0, 1, 2, 6, 17, 41, 132, 255, 270};

	(void)state;
	for (size_t l = 0; l < sizeof(levels) / sizeof(*levels); l++)
		for (int option = -1; option < 256; option++) {
			struct call c = {.kind = CALL_OPTION,
					 .domain = AF_INET,
					 .level = levels[l],
					 .option = option};

			assert_int_equal(ask(OWN, SYS_setsockopt, 0, 3, (uint32_t)levels[l],
					     (uint32_t)option, 0, 0),
					 expected(&c));
		}
}

static void test_gate(void **state)
{
	static const int judged[] = {SYS_connect, SYS_bind, SYS_listen, SYS_sendmsg, SYS_sendmmsg};
	static const uint64_t outside[] = {0,
					   GATE - 1,
					   GATE + 4096,
					   GATE + (1ull << 32),
					   GATE & 0xffffffff,
					   GATE - (1ull << 40),
					   UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(judged) / sizeof(*judged); i++) {
		assert_int_equal(ask(OWN, judged[i], GATE, 3, 1, 16, 0, 0), SECCOMP_RET_ALLOW);
		assert_int_equal(ask(OWN, judged[i], GATE + 4095, 3, 1, 16, 0, 0),
				 SECCOMP_RET_ALLOW);
		for (size_t o = 0; o < sizeof(outside) / sizeof(*outside); o++)
			assert_int_equal(ask(OWN, judged[i], outside[o], 3, 1, 16, 0, 0), NOTIFIED);
	}
	/* IP_OPTIONS: the library lets a value pass that takes them back */
	assert_int_equal(ask(OWN, SYS_setsockopt, GATE, 3, 0, 4, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(OWN, SYS_setsockopt, GATE + 4096, 3, 0, 4, 0, 0),
			 SECCOMP_RET_ERRNO | EPERM);
}

static void test_sendto(void **state)
{
	const uint64_t fastopen = 0x20000000, nosignal = 0x4000;

	(void)state;
	assert_int_equal(ask(OWN, SYS_sendto, 0, 3, 1, 9, nosignal, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(OWN, SYS_sendto, 0, 3, 1, 9, nosignal, 0x7f0000001000), NOTIFIED);
	assert_int_equal(ask(OWN, SYS_sendto, 0, 3, 1, 9, 0, 0x500000000), NOTIFIED);
	assert_int_equal(ask(OWN, SYS_sendto, 0, 3, 1, 9, nosignal | fastopen, 0), NOTIFIED);
	assert_int_equal(ask(OWN, SYS_sendto, GATE + 8, 3, 1, 9, fastopen, 0x7000),
			 SECCOMP_RET_ALLOW);
}

static void test_descriptors_of_others(void **state)
{
	(void)state;
	assert_int_equal(ask(OWN, 438, GATE, 3, 4, 0, 0, 0), REFUSED(EPERM));
	assert_int_equal(ask(OTHER, 438, 0, 3, 4, 0, 0, 0), REFUSED(ENOSYS));
}

/* Only with words for the program that looks for a key does the kernel start one. */
static void test_keys(void **state)
{
	(void)state;
	assert_int_equal(ask(OWN, SYS_request_key, 0, 1, 2, 0, 3, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(OWN, SYS_request_key, GATE, 1, 2, 0x1000, 3, 0), REFUSED(ENOKEY));
	assert_int_equal(ask(OWN, SYS_request_key, 0, 1, 2, 0x100000000, 3, 0), REFUSED(ENOKEY));
}

static void test_io_uring(void **state)
{
	(void)state;
	for (int nr = 425; nr <= 427; nr++) {
		assert_int_equal(ask(OWN, nr, GATE, 0, 0, 0, 0, 0), REFUSED(ENOSYS));
		assert_int_equal(ask(OTHER, nr, 0, 0, 0, 0, 0, 0), REFUSED(ENOSYS));
	}
}

/* Everything else costs nothing: allowed by number, as the kernel's bitmap needs it. */
static void test_rest_by_number(void **state)
{
	static const int judged[] = {SYS_socket,  SYS_sendto,	SYS_setsockopt,
				     SYS_connect, SYS_bind,	SYS_listen,
				     SYS_sendmsg, SYS_sendmmsg, SYS_request_key};
	unsigned int others = 0, all = 0;

	(void)state;
	for (int nr = 0; nr < 512; nr++) {
		struct seccomp_data d = {.nr = nr, .arch = OWN};
		bool number_only, known = (nr >= 425 && nr <= 427) || nr == 438;
		uint32_t got = run(&d, &number_only);

		for (size_t i = 0; i < sizeof(judged) / sizeof(*judged); i++)
			known |= nr == judged[i];
		if (known)
			continue;
		assert_int_equal(got, SECCOMP_RET_ALLOW);
		assert_true(number_only);
		all += steps;
		others++;
	}
	assert_true(all <= 8 * others); /* the kernel takes them for each number at start-up */
	assert_int_equal(others, 512 - 9 - 4);
}

static void test_foreign(void **state)
{
#if defined __x86_64__
	static const int i386[] = {102, 345, 359, 361, 362, 363, 366, 369, 370, 287};
	static const int x32[] = {41,  42,  44,	 46,  49,  50,	54, 307,
				  425, 426, 427, 518, 538, 541, 249};

	for (size_t i = 0; i < sizeof(i386) / sizeof(*i386); i++)
		assert_int_equal(ask(OTHER, i386[i], GATE, 1, 1, 0, 0, 0), REFUSED(ENOSYS));
	for (int nr = 0, refused = 0; nr < 512; nr++) {
		struct seccomp_data d = {.nr = nr, .arch = OTHER};
		bool number_only;

		refused += run(&d, &number_only) != SECCOMP_RET_ALLOW;
		assert_false(number_only); /* no step of a search for the kernel at start-up */
		assert_true(nr < 511 || refused == 10 + 4);
	}
	for (size_t i = 0; i < sizeof(x32) / sizeof(*x32); i++)
		assert_int_equal(ask(OWN, 0x40000000 | x32[i], GATE, 1, 1, 0, 0, 0),
				 REFUSED(ENOSYS));
	assert_int_equal(ask(OWN, 518, GATE, 1, 1, 0, 0, 0), REFUSED(ENOSYS));
	assert_int_equal(ask(OWN, 0x40000000 | 39, 0, 0, 0, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(OTHER, 20, 0, 0, 0, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(OWN, -1, 0, 0, 0, 0, 0, 0), SECCOMP_RET_ALLOW);
#endif
	(void)state;
	assert_int_equal(ask(0x12345678, 0, 0, 0, 0, 0, 0, 0), REFUSED(ENOSYS));
}

static int set_up(void **state)
{
	(void)state;
	conf_init(&conf, &settings);
	code_len = filter_build(code, GATE, false);
	return conf_finish(&conf) < 0 || !code_len;
}

/*
 * With an audit the supervisor sees what is refused, and finds the same errno by running the
 * filter.
 */
static void test_audited(void **state)
{
	struct sock_filter audited[FILTER_MAX];
	size_t len = filter_build(audited, GATE, true);

	(void)state;
	assert_int_equal(len, code_len);
	for (int nr = 0; nr < 500; nr++) {
		for (uint64_t a = 0; a < 48; a++) {
			for (uint64_t b = 0; b < 80; b++) {
				struct seccomp_data data = {
					.nr = nr, .arch = OWN, .args = {a, b, b / 2}};
				bool only;
				uint32_t plain = run(&data, &only);
				uint32_t other = filter_run(audited, len, &data);

				assert_int_equal(filter_run(code, code_len, &data), plain);
				assert_int_equal(other, plain == SECCOMP_RET_ALLOW
								? SECCOMP_RET_ALLOW
								: NOTIFIED);
			}
		}
	}
	assert_false(filter_is_foreign(&(struct seccomp_data){.arch = OWN, .nr = 41}));
	assert_true(filter_is_foreign(&(struct seccomp_data){.arch = OTHER, .nr = 41}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_audited),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_high_half_is_nothing),
		cmocka_unit_test(test_option),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_sendto),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_io_uring),
		cmocka_unit_test(test_descriptors_of_others),
		cmocka_unit_test(test_rest_by_number),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests_name("filter", tests, set_up, NULL);
}
