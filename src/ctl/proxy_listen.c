/* SPDX-License-Identifier: MIT */
/* proxy_listen.c - the listening sockets of `sockshimctl proxy`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"
#include "loop.h"
#include "proxy.h"

#define BACKLOG 65535	/* the kernel cuts it to somaxconn */
#define ACCEPT_ROUND 64 /* so that a storm of clients does not starve the tunnels */
#define DEFAULT_PORT 1080
#define RESUME_MS 100
#define OWN_FILES 16 /* epoll, log, listeners and such */

struct listener {
	struct watch watch;
	struct addr addr;
	const char *path; /* Unix socket, else NULL */
	bool bound;
	struct listener *next;
};

static struct listener *listeners, **last = &listeners;
static struct timer resume;
static size_t most = SIZE_MAX; /* clients at once */
static bool paused;

bool listen_add(const char *text)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct sockaddr_un un;

	if (!l)
		ctl_die(1, "out of memory");
	*last = l;
	last = &l->next;
	l->watch.fd = -1;
	if (!strncmp(text, "unix:", 5)) {
		l->path = text + 5;
		return *l->path && strlen(l->path) < sizeof(un.sun_path);
	}
	if (addr_parse_port(&l->addr, text, strlen(text)))
		return true;
	if (!addr_parse(&l->addr, text, strlen(text)))
		return false;
	l->addr.port = DEFAULT_PORT;
	return true;
}

/* Fills the address to bind to; returns its length. */
static socklen_t address(const struct listener *l, struct sockaddr_storage *to)
{
	struct sockaddr_un *un = (struct sockaddr_un *)to;

	if (!l->path)
		return (socklen_t)addr_to_sockaddr(&l->addr, addr_family(&l->addr), to);
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, l->path, strlen(l->path));
	return sizeof(*un);
}

/* A path that a dead server left behind: nobody accepts there. */
static void remove_stale(const struct sockaddr_storage *to, socklen_t len, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)to, len) < 0 && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

static int open_listener(struct listener *l)
{
	struct sockaddr_storage to;
	socklen_t len = address(l, &to);
	const int on = 1;
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	l->watch.fd = fd;
	if (l->path)
		remove_stale(&to, len, l->path);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&to, len) < 0)
		return -errno;
	l->bound = true;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	len = sizeof(to);
	if (!l->path && !getsockname(fd, (struct sockaddr *)&to, &len))
		addr_from_sockaddr(&l->addr, &to, len);
	return loop_watch(&l->watch, EPOLLIN);
}

static void pause_all(void)
{
	for (struct listener *l = listeners; l; l = l->next)
		loop_watch(&l->watch, 0);
	paused = true;
	loop_timer(&resume, RESUME_MS);
}

void listen_resume(void)
{
	if (!paused)
		return;
	paused = false;
	loop_cancel(&resume);
	for (struct listener *l = listeners; l; l = l->next)
		if (l->watch.fd >= 0)
			loop_watch(&l->watch, EPOLLIN);
}

static void on_resume(struct timer *t)
{
	(void)t;
	listen_resume();
}

static void on_listener(struct watch *w, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPT_ROUND; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		struct addr a;
		int fd = -1;

		errno = EMFILE;
		if (conn_count() < most)
			fd = accept4(w->fd, (struct sockaddr *)&from, &len,
				     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			conn_start(fd, addr_from_sockaddr(&a, &from, len) ? NULL : &a);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_all();
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/*
 * A client that waits takes one descriptor, a tunnel two. Some are kept for targets: clients that
 * have come must not all wait for descriptors that they hold themselves.
 */
static void limit_clients(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == RLIM_INFINITY)
		return;
	most = r.rlim_cur - r.rlim_cur / 16;
	most = most > OWN_FILES ? most - OWN_FILES : 1;
}

void listen_start(void)
{
	char text[ADDR_TEXT];
	const char *path;

	if (!listeners)
		listen_add("127.0.0.1");
	resume.fire = on_resume;
	limit_clients();
	for (struct listener *l = listeners; l; l = l->next) {
		int error;

		l->watch.ready = on_listener;
		addr_print_port(&l->addr, text);
		error = open_listener(l);
		if (!error)
			continue;
		path = l->path;
		listen_end();
		ctl_die(1, "%s: %s", path ? path : text, strerror(-error));
	}
	if (proxy_settings.quiet)
		return;
	for (struct listener *l = listeners; l; l = l->next) {
		addr_print_port(&l->addr, text);
		printf("listening on %s%s\n", l->path ? "unix:" : "", l->path ? l->path : text);
	}
	fflush(stdout);
}

void listen_end(void)
{
	while (listeners) {
		struct listener *l = listeners;

		listeners = l->next;
		if (l->watch.fd >= 0) {
			loop_forget(&l->watch);
			close(l->watch.fd);
		}
		if (l->path && l->bound)
			unlink(l->path);
		free(l);
	}
}
