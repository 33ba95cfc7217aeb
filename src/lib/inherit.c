/* SPDX-License-Identifier: MIT */
/* inherit.c - sockets that a program did not make itself. */
#include "inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "bytes.h"
#include "ends.h"
#include "events.h"
#include "progress.h"
#include "sys.h"

static bool is_known(const struct session *s, int fd)
{
	struct stream_entry e;
	uint64_t cookie = s ? sys_cookie(fd) : 0;

	return cookie && (streams_find(session_streams(s), cookie, &e) == 0 ||
			  progress_find(session_progresses(s), cookie));
}

static bool is_connecting(int fd)
{
	struct tcp_info info = {0};

	sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, sizeof(info.tcpi_state));
	return info.tcpi_state == TCP_SYN_SENT;
}

/* The question about an inet socket that may be made at all. */
static bool ask(struct call *c, int fd)
{
	int listens = 0;

	c->family = c->domain;
	c->kind = CALL_INHERIT;
	c->has_to = ends_peer(fd, &c->to) == 0;
	if (c->has_to || (c->protocol == IPPROTO_TCP && is_connecting(fd)))
		return true;
	sys_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, sizeof(listens));
	if (listens || c->type != SOCK_DGRAM)
		return false;
	c->kind = CALL_BIND; /* as if the program had bound it */
	c->has_to = ends_own(fd, &c->to) == 0;
	return true;
}

enum verdict inherit_judge(const struct session *s, int fd, struct call *c, struct decision *d)
{
	const struct settings *settings = s ? &s->settings : NULL;

	memset(c, 0, sizeof(*c));
	memset(d, 0, sizeof(*d));
	c->kind = CALL_SOCKET;
	if (sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &c->domain, sizeof(c->domain)) < 0 ||
	    sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &c->type, sizeof(c->type)) < 0 ||
	    sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &c->protocol, sizeof(c->protocol)) < 0 ||
	    (settings && settings->inherited == INHERITED_ALLOW))
		return VERDICT_PASS;
	if (decide(settings, c, d) != VERDICT_PASS)
		return VERDICT_REFUSE;
	if (c->domain != AF_INET && c->domain != AF_INET6)
		return VERDICT_PASS;
	if (!ask(c, fd) || decide(settings, c, d) == VERDICT_PASS || is_known(s, fd))
		return VERDICT_PASS;
	return VERDICT_REFUSE;
}

/* What cannot be made anew (packet sockets) becomes the end of a pipe that nobody holds. */
static int make_like(int fd)
{
	int domain = 0, type = 0, protocol = 0, made;

	sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, sizeof(type));
	sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(protocol));
	if (domain != AF_INET && domain != AF_INET6)
		return (int)SYS3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	made = (int)SYS3(SYS_socket, domain, type | SOCK_CLOEXEC, protocol);
	return made >= 0 ? made : (int)SYS3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int inherit_replace(int fd)
{
	int flags = (int)SYS2(SYS_fcntl, fd, F_GETFD), made = make_like(fd), err;

	if (made < 0)
		return (int)SYS1(SYS_close, fd);
	err = (int)SYS3(SYS_dup3, made, fd, flags > 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
	sys_close(made);
	return err < 0 ? err : 0;
}

size_t inherit_words(int fd, const struct call *c, const struct decision *d, char *out, size_t size)
{
	struct bytes_out o = bytes_out_init(out, size);
	char text[ADDR_TEXT];

	bytes_put_text(&o, "refused: descriptor ");
	bytes_put_number(&o, (uint64_t)(unsigned int)fd);
	if (c->has_to) {
		bytes_put_text(&o, c->kind == CALL_BIND ? ", bound to " : ", connected to ");
		addr_print_port(&c->to, text);
		bytes_put_text(&o, text);
	}
	bytes_put_text(&o, ": ");
	bytes_put_text(&o, reason_words((enum reason)d->reason));
	bytes_put_text(&o, "; set Inherited allow to keep such sockets");
	bytes_put_end(&o);
	return (size_t)(o.at - o.start);
}

/* One that the session began with. */
static void note(const struct session *s, const struct call *c, const struct decision *d)
{
	struct events *t = s ? session_events(s) : NULL;
	struct event e = {.kind = EVENT_ATTEMPT,
			  .by = EVENT_BY_LAUNCHER,
			  .to = c->to,
			  .call = CALL_INHERIT,
			  .reason = d->reason,
			  .verdict = d->verdict,
			  .name = -1,
			  .nr = -1};
	char target[320], exe[256];
	struct bytes_out o = bytes_out_init(target, sizeof(target));
	long n;

	if (!t)
		return;
	e.time = sys_now();
	e.pid = sys_getpid();
	n = SYS4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = 0;
	decide_target(&o, c);
	bytes_put_end(&o);
	events_add(t, &e, exe, target, NULL);
}

static void scan_one(const struct session *s, int fd, void (*say)(const char *words))
{
	struct decision d;
	struct call c;
	char words[256];

	if (inherit_judge(s, fd, &c, &d) == VERDICT_PASS)
		return;
	inherit_words(fd, &c, &d, words, sizeof(words));
	inherit_replace(fd);
	note(s, &c, &d);
	if (say)
		say(words);
}

struct scan {
	const struct session *s;
	void (*say)(const char *words);
};

static void scan_fd(int fd, void *arg)
{
	const struct scan *scan = arg;

	scan_one(scan->s, fd, scan->say);
}

void inherit_scan(const struct session *s, void (*say)(const char *words))
{
	struct scan scan = {s, say};

	sys_each_fd(scan_fd, &scan);
}
