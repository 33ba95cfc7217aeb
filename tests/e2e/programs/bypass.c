/* SPDX-License-Identifier: MIT */
// bypass WAY [ADDRESS [PORT]]: a dynamic program whose connect does not pass the preloaded library.
// Prints "went" or the name of the error; `bypass` also is the plugin that it loads.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

typedef int connect_call(int, const struct sockaddr *, socklen_t);

static struct sockaddr_in to = {.sin_family = AF_INET};

static int tcp(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long result(long r)
{
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

static long by_inline(void)
{
	return result(sys_call(SYS_connect, tcp(), (long)&to, sizeof(to), 0, 0, 0));
}

static long by_inline_sendto(void)
{
	return result(sys_call(SYS_sendto, socket(AF_INET, SOCK_DGRAM, 0), (long)"leak", 4, 0,
			       (long)&to, sizeof(to)));
}

static long by_inline_raw_socket(void)
{
	int fd = (int)sys_call(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0, 0, 0);

	return fd < 0 ? result(fd)
		      : result(sys_call(SYS_sendto, fd, (long)"\10\0\367\377\0\0\0\0", 8, 0,
					(long)&to, sizeof(to)));
}

/* dlsym(3) would find the library's. The versions are those of x86-64 and aarch64. */
static void *past(void *libc, const char *function)
{
	void *found = libc ? dlvsym(libc, function, "GLIBC_2.2.5") : NULL;

	return found || !libc ? found : dlvsym(libc, function, "GLIBC_2.17");
}

static long by_libc_handle(void)
{
	connect_call *c = (connect_call *)past(dlopen("libc.so.6", RTLD_NOW), "connect");

	return c(tcp(), (struct sockaddr *)&to, sizeof(to));
}

static long by_dlmopen(void)
{
	void *libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	connect_call *c = libc ? (connect_call *)dlsym(libc, "connect") : NULL;
	int *(*own_errno)(void) = libc ? (int *(*)(void))dlsym(libc, "__errno_location") : NULL;
	int r = c ? c(tcp(), (struct sockaddr *)&to, sizeof(to)) : -1;

	if (r < 0 && own_errno)
		errno = *own_errno();
	return r;
}

static long by_deepbind(void)
{
	void *plugin = dlopen(getenv("PLUGIN"), RTLD_NOW | RTLD_DEEPBIND);
	connect_call *c = plugin ? (connect_call *)dlsym(plugin, "plugin_connect") : NULL;

	return c ? c(tcp(), (struct sockaddr *)&to, sizeof(to)) : -1;
}

/*
 * libc looks a name up by itself, with sockets that no hook sees, and is asked to connect to what
 * it found.
 */
static long look_up(void *libc)
{
	int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		(__typeof__(lookup))past(libc, "getaddrinfo");
	connect_call *c = (connect_call *)past(libc, "connect");
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	int error = lookup && c ? lookup("web.far.test", "80", &hints, &found) : EAI_SYSTEM;

	if (error) {
		errno = ENXIO;
		return -1;
	}
	return c(tcp(), found->ai_addr, found->ai_addrlen);
}

static long by_libc_lookup(void)
{
	return look_up(dlopen("libc.so.6", RTLD_NOW));
}

static long by_other_libc_lookup(void)
{
	return look_up(dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW));
}

/* Of a ring that somebody else has made. */
static long by_io_uring_enter(void)
{
	return result(sys_call(426, 0, 1, 0, 0, 0, 0));
}

static long by_io_uring(void)
{
	char params[256] = {0};

	return result(sys_call(425, 8, (long)params, 0, 0, 0, 0));
}

/* Has the kernel looked for a key of ours? It keeps in mind that it found none. */
static bool was_sought(const char *key)
{
	FILE *f = fopen("/proc/keys", "r");
	char line[512];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= !!strstr(line, key);
	if (f)
		fclose(f);
	return found;
}

/* The kernel starts /sbin/request-key, outside of the session, which may ask the DNS. */
static long by_request_key(bool inlined)
{
	const long process_keyring = -2;
	char key[32];
	long r;

	snprintf(key, sizeof(key), "sockshim-test-%d", (int)getpid());
	r = inlined ? result(sys_call(SYS_request_key, (long)"user", (long)key, (long)"words",
				      process_keyring, 0, 0))
		    : syscall(SYS_request_key, "user", key, "words", process_keyring);

	return was_sought(key) ? 0 : r;
}

static long by_inline_request_key(void)
{
	return by_request_key(true);
}

static long by_libc_request_key(void)
{
	return by_request_key(false);
}

#ifdef __x86_64__
static long call_32(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* i386 has 32 bits for an address. */
static void *low_copy(void)
{
	void *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	return memcpy(low, &to, sizeof(to));
}

static long by_int80(void)
{
	return result(call_32(362, tcp(), (long)low_copy(), sizeof(to)));
}

static long by_int80_socketcall(void)
{
	uint32_t *low = low_copy();

	low[64] = (uint32_t)tcp();
	low[65] = (uint32_t)(uintptr_t)low;
	low[66] = sizeof(to);
	return result(call_32(102, 3, (long)&low[64], 0));
}

static long by_x32(void)
{
	return result(sys_call(0x40000000 | SYS_connect, tcp(), (long)&to, sizeof(to), 0, 0, 0));
}
#endif

static const struct {
	const char *name;
	long (*run)(void);
} ways[] = {
	{"inline", by_inline},
	{"inline-sendto", by_inline_sendto},
	{"inline-raw", by_inline_raw_socket},
	{"libc-handle", by_libc_handle},
	{"dlmopen", by_dlmopen},
	{"deepbind", by_deepbind},
	{"libc-lookup", by_libc_lookup},
	{"dlmopen-lookup", by_other_libc_lookup},
	{"io-uring", by_io_uring},
	{"io-uring-enter", by_io_uring_enter},
	{"request-key", by_libc_request_key},
	{"inline-request-key", by_inline_request_key},
#ifdef __x86_64__
	{"int80", by_int80},
	{"int80-socketcall", by_int80_socketcall},
	{"x32", by_x32},
#endif
};

int main(int argc, char **argv)
{
	to.sin_addr.s_addr = inet_addr(argc > 2 ? argv[2] : "203.0.113.80");
	to.sin_port = htons(argc > 3 ? atoi(argv[3]) : 80);
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[1])) {
			long r = ways[i].run();

			puts(r >= 0 ? "went" : strerrorname_np(errno));
			return r < 0;
		}
	puts("usage: bypass WAY [ADDRESS [PORT]]");
	return 2;
}
