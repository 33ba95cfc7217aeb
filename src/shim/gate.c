/* SPDX-License-Identifier: MIT */
/*
 * gate.c - maps the gate where the session's filter expects it, and calls what hooks let pass.
 *
 * Without a guard a call that passes is libc's own, with its cancellation point. With one, libc's
 * system call would be notified to the supervisor; so it is made from the gate, for nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "gate.h"
#include "sys.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define PAGE 4096

extern const char gate_page[];
/* The ELF header at the start of this library, from the linker. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static atomic_bool open_gate;

bool gate_is_open(void)
{
	return atomic_load_explicit(&open_gate, memory_order_relaxed);
}

/* Where the page lies in the library's file; -1 if it cannot be told. */
static long gate_offset(void)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *p = (const void *)(base + __ehdr_start.e_phoff);
	size_t at = (size_t)(gate_page - base);

	for (int i = 0; i < __ehdr_start.e_phnum; i++)
		if (p[i].p_type == PT_LOAD && at - p[i].p_vaddr < p[i].p_filesz)
			return (long)(at - p[i].p_vaddr + p[i].p_offset);
	return -1;
}

/* The file may be another by now (an update): only the very same code will do. */
void gate_map(const struct session *s)
{
	long offset = gate_offset(), at;
	int fd;

	if (!s->gate || !s->library || offset < 0)
		return;
	fd = sys_open(session_library(s), O_RDONLY, 0);
	if (fd < 0)
		return;
	at = SYS6(SYS_mmap, s->gate, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
		  fd, offset);
	sys_close(fd);
	if (at != (long)s->gate) {
		if (at > 0)
			SYS2(SYS_munmap, at, PAGE);
		return;
	}
	if (memcmp((const void *)at, gate_page, PAGE) != 0) {
		SYS2(SYS_munmap, at, PAGE);
		return;
	}
	sys_gate_set((sys_gate_call *)at);
	atomic_store_explicit(&open_gate, true, memory_order_relaxed);
}

int pass_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	if (!gate_is_open())
		return real.connect(fd, to, len);
	return (int)libc_result(sys_connect(fd, to, len));
}

int pass_bind(int fd, const struct sockaddr *at, socklen_t len)
{
	if (!gate_is_open())
		return real.bind(fd, at, len);
	return (int)libc_result(sys_bind(fd, at, len));
}

int pass_listen(int fd, int backlog)
{
	if (!gate_is_open())
		return real.listen(fd, backlog);
	return (int)libc_result(sys_gate(SYS_listen, fd, backlog, 0, 0, 0, 0));
}

int pass_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	if (!gate_is_open())
		return real.setsockopt(fd, level, option, value, len);
	return (int)libc_result(
		sys_gate(SYS_setsockopt, fd, level, option, SYS_ARG(value), len, 0));
}

ssize_t pass_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len)
{
	if (!gate_is_open() || !to) /* the filter lets send(2) pass anyway */
		return real.sendto(fd, data, len, flags, to, to_len);
	return libc_result(
		sys_gate(SYS_sendto, fd, SYS_ARG(data), SYS_ARG(len), flags, SYS_ARG(to), to_len));
}

ssize_t pass_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!gate_is_open())
		return real.sendmsg(fd, msg, flags);
	return libc_result(sys_gate(SYS_sendmsg, fd, SYS_ARG(msg), flags, 0, 0, 0));
}

int pass_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	if (!gate_is_open())
		return real.sendmmsg(fd, msgs, count, flags);
	return (int)libc_result(sys_gate(SYS_sendmmsg, fd, SYS_ARG(msgs), count, flags, 0, 0));
}
