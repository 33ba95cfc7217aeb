/* SPDX-License-Identifier: MIT */
/* fragment.c - what fragments share, and their table, which is calls.def. */
#include "fragment.h"

#define CALL(ret, name, params) int call_##name(void);
#include "calls.def"
#undef CALL

static const struct {
	const char *symbol;
	int (*run)(void);
} fragments[] = {
#define CALL(ret, name, params) {#name, call_##name},
#include "calls.def"
#undef CALL
};

void *volatile bad_pointer = (void *)8;

int fragment_run(const char *symbol)
{
	for (size_t i = 0; i < sizeof(fragments) / sizeof(*fragments); i++)
		if (!strcmp(fragments[i].symbol, symbol))
			return fragments[i].run();
	return -1;
}

int say_wrong(const char *file, int line, const char *what)
{
	const char *name = strrchr(file, '/');

	dprintf(1, "%s:%d: not so: %s (%s)\n", name ? name + 1 : file, line, what, strerror(errno));
	return 1;
}

int is_survivable(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ECONNREFUSED:
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
	case ESOCKTNOSUPPORT:
	case EOPNOTSUPP:
		return 1;
	default:
		return 0;
	}
}

static struct sockaddr_in at(const char *address, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

struct sockaddr_in web(void)
{
	return at("203.0.113.80", 80);
}

struct sockaddr_in discard(void)
{
	return at("203.0.113.80", 9);
}

struct sockaddr_in6 discard6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(9)};

	inet_pton(AF_INET6, "2001:db8:ff::80", &a.sin6_addr);
	return a;
}

struct sockaddr_in loopback(int port)
{
	return at("127.0.0.1", port);
}

int tcp(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int udp(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

int fetches(int fd)
{
	static const char ask[] = "GET / HTTP/1.0\r\nHost: web.far.test\r\n\r\n";
	char page[4096];
	size_t got = 0;
	ssize_t n;

	if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) < 0)
		return 0;
	while ((n = read(fd, page + got, sizeof(page) - 1 - got)) > 0)
		got += (size_t)n;
	page[got] = 0;
	return strstr(page, "far web server") != NULL;
}

const char *self(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = 0;
	return path;
}
