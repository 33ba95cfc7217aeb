/* SPDX-License-Identifier: MIT */
// deny KIND COMMAND…: runs a command under a filter as a container's, without some system calls or
// what is new in them.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIDFD_OPEN 434
#define PIDFD_GETFD 438
#define WAIT_KILLABLE (1u << 5)
#define THREAD 0200 /* PIDFD_THREAD, O_EXCL */
#define ADDFD 0x40182103u
#define SET_FLAGS 0x40082104u
#define ID_VALID 0x40082102u

struct rule {
	int nr, arg;	  /* -1: whatever the arguments */
	uint32_t is, has; /* denied if the argument is this, or has one of these bits */
	int error;
};

static const struct kind {
	const char *name;
	struct rule rules[8];
} kinds[] = {
	{"nothing", {{0}}},
	{"getfd", {{PIDFD_GETFD, -1, 0, 0, EPERM}}},
	{"seccomp", {{SYS_seccomp, -1, 0, 0, EPERM}}},
	/* as Docker's default profile, and Ubuntu's AppArmor */
	{"namespaces", {{SYS_unshare, -1, 0, 0, EPERM}}},
	/* the library's gate cannot be moved to its address */
	{"gate", {{SYS_mremap, 3, 0, MREMAP_FIXED, ENOMEM}}},
	/* as Linux 5.6 answers */
	{"new",
	 {{SYS_seccomp, 1, 0, WAIT_KILLABLE, EINVAL},
	  {SYS_ioctl, 1, SET_FLAGS, 0, EINVAL},
	  {SYS_ioctl, 1, ADDFD, 0, EINVAL},
	  {SYS_ioctl, 1, ID_VALID, 0, EINVAL},
	  {PIDFD_OPEN, 1, 0, THREAD, EINVAL}}},
};

static struct sock_filter code[64];
static unsigned short len;

static void put(uint16_t what, uint32_t k, uint8_t yes, uint8_t no)
{
	code[len++] = (struct sock_filter){what, yes, no, k};
}

static void put_rule(const struct rule *r)
{
	put(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	put(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->nr, 0, r->arg < 0 ? 1 : 3);
	if (r->arg >= 0) {
		put(BPF_LD | BPF_W | BPF_ABS,
		    (uint32_t)offsetof(struct seccomp_data, args) + 8u * (uint32_t)r->arg, 0, 0);
		put(BPF_JMP | (r->has ? BPF_JSET : BPF_JEQ) | BPF_K, r->has ? r->has : r->is, 0, 1);
	}
	put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)r->error, 0, 0);
}

int main(int argc, char **argv)
{
	struct sock_fprog p = {.filter = code};
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);
	size_t i = 0;

	while (argc > 2 && i < count && strcmp(kinds[i].name, argv[1]))
		i++;
	if (argc < 3 || i == count) {
		puts("usage: deny KIND COMMAND…");
		return 2;
	}
	for (const struct rule *r = kinds[i].rules; r->error; r++)
		put_rule(r);
	put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	p.len = len;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0) {
		perror("deny");
		return 2;
	}
	execvp(argv[2], argv + 2);
	return 127;
}
