/* SPDX-License-Identifier: MIT */
/*
 * sys.h - system calls without libc: no errno, no cancellation, no lock, no PLT. Each returns what
 * the kernel returns, -errno on failure. Usable before constructors, in signal handlers, after
 * vfork.
 */
#ifndef SOCKSHIM_SYS_H
#define SOCKSHIM_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined __x86_64__ && !defined __ILP32__
static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined __aarch64__
static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}
#else
#error "sockshim knows the system call convention of x86-64 and aarch64"
#endif

#define SYS_ARG(x) ((long)(x))
#define SYS0(nr) sys_call(nr, 0, 0, 0, 0, 0, 0)
#define SYS1(nr, a) sys_call(nr, SYS_ARG(a), 0, 0, 0, 0, 0)
#define SYS2(nr, a, b) sys_call(nr, SYS_ARG(a), SYS_ARG(b), 0, 0, 0, 0)
#define SYS3(nr, a, b, c) sys_call(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), 0, 0, 0)
#define SYS4(nr, a, b, c, d) sys_call(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), 0, 0)
#define SYS5(nr, a, b, c, d, e)                                                                    \
	sys_call(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), 0)
#define SYS6(nr, a, b, c, d, e, f)                                                                 \
	sys_call(nr, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))

/*
 * For arrays that hardly any process uses, or not to their end: the linker puts them behind all
 * other variables, so that those share the page that every process writes to anyway; the first of
 * order 1.
 */
#define LARGE(order) __attribute__((section(".bss.zlarge" #order)))
/* The same for what does not begin as zeros. */
#define LARGE_SET __attribute__((section(".large")))

/* Adds O_CLOEXEC. */
int sys_open(const char *path, int flags, int mode);
long sys_read(int fd, void *buf, size_t len);
long sys_write(int fd, const void *buf, size_t len);

/* Writes all of it, in one write(2) if it can; a broken pipe raises no SIGPIPE. 0 or -errno. */
long sys_write_quietly(int fd, const void *data, size_t len);

int sys_close(int fd);
int sys_getpid(void);
int sys_gettid(void);

/* How the calls that the guard judges are made: its gate where one is mapped, else sys_call(). */
typedef long sys_gate_call(long nr, long a, long b, long c, long d, long e, long f);
void sys_gate_set(sys_gate_call *to);
long sys_gate(long nr, long a, long b, long c, long d, long e, long f);

/* Socket calls; connect and bind go through the gate. */
int sys_connect(int fd, const void *to, size_t len);
int sys_bind(int fd, const void *to, size_t len);
long sys_send(int fd, const void *data, size_t len, int flags);
long sys_recv(int fd, void *data, size_t len, int flags);
int sys_getsockopt(int fd, int level, int option, void *value, size_t len);
int sys_setsockopt(int fd, int level, int option, const void *value, size_t len);

/* Takes a stream socket's connection away, so that it can be connected anew. */
int sys_disconnect(int fd);

/* SO_COOKIE, or 0. */
uint64_t sys_cookie(int fd);
uint64_t sys_namespace(int fd); /* SO_NETNS_COOKIE, or 0: older than Linux 5.14 */

/* CLOCK_MONOTONIC in ns. */
uint64_t sys_now(void);

/* Reads a whole small file: its length (at most size), or -errno; -EFBIG if it is longer. */
long sys_slurp(const char *path, char *buf, size_t size);

/*
 * Calls `each` for every entry of a directory that is a number; not, if the entries are this
 * process's `own` descriptors, for the one that it reads by. 0 or -errno.
 */
int sys_each_number(const char *path, int own, void (*each)(int n, void *arg), void *arg);

/* Zeroed memory that costs nothing before it is used, not even of ulimit -v at start; or NULL. */
void *sys_pages(size_t size);

/* Calls `each` for every descriptor of this process. */
void sys_each_fd(void (*each)(int fd, void *arg), void *arg);

/*
 * Can `len` (at most a page) bytes at `at` be read? Asks the kernel, which answers EFAULT where a
 * load would kill the program.
 */
int sys_readable(const void *at, size_t len);

/* This process runs under valgrind, which takes offence at the quick way of doing that. */
void sys_checked(void);

#endif
