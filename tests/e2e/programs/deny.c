// SPDX-License-Identifier: MIT
// deny getfd|seccomp|nothing COMMAND…: runs a command under a filter as a container's, without these system calls.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int nr = argc < 3		       ? -1
		 : !strcmp(argv[1], "getfd")   ? 438
		 : !strcmp(argv[1], "seccomp") ? SYS_seccomp
					       : -2;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {.len = 4, .filter = code};

	if (nr == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0) {
		puts("usage: deny getfd|seccomp|nothing COMMAND…");
		return 2;
	}
	execvp(argv[2], argv + 2);
	return 127;
}
