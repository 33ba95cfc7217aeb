/* SPDX-License-Identifier: MIT */
/* filter_run.c - the filter, run here: what it would say of a call. */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "filter.h"

/* Only what filter.c puts into one; anything else is refused. */
uint32_t filter_run(const struct sock_filter *code, size_t len, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t i = 0; i < len; i++) {
		const struct sock_filter *f = &code[i];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k > sizeof(*data) - sizeof(a))
				return SECCOMP_RET_ERRNO | EPERM;
			memcpy(&a, (const char *)data + f->k, sizeof(a));
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
			return SECCOMP_RET_ERRNO | EPERM;
		}
		i += yes ? f->jt : f->jf;
	}
	return SECCOMP_RET_ERRNO | EPERM;
}
