/* SPDX-License-Identifier: MIT */
/* call.c - from a libc call to policy's question, and from a refusal to its one line. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>

#include "audited.h"
#include "bytes.h"
#include "pend.h"
#include "sys.h"

long libc_result(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

bool readable(const void *at, size_t len)
{
	enum { KNOWN = 8, PAGE = 4096, NEAR = 4 * PAGE };
	static __thread uintptr_t known[KNOWN]; /* pages that could be read; 0: none */
	uintptr_t here_now = (uintptr_t)__builtin_frame_address(0), p = (uintptr_t)at;
	uintptr_t page = p / PAGE, *slot = &known[page % KNOWN];

	if (p > here_now && p < here_now + NEAR)
		return true;
	if (page && *slot == page && (p + len - 1) / PAGE == page)
		return true;
	if (!sys_readable(at, len))
		return false;
	*slot = page;
	return true;
}

static void call_path(struct call *c, const struct sockaddr_un *to, socklen_t len)
{
	size_t room = len - offsetof(struct sockaddr_un, sun_path);

	if (!room)
		return;
	c->name = to->sun_path;
	c->name_len = to->sun_path[0] ? strnlen(to->sun_path, room) : room;
}

/*
 * Type and protocol of a socket. Only TCP's own has TCP_REPAIR, which anybody may read: one call
 * tells the most usual kind from all others, also from the raw sockets of its protocol and from
 * MPTCP's. None tells it where it is connected: should another socket have taken its number unseen,
 * it is connected to the proxy, and greets nobody else.
 */
static bool ask_kind(int fd, struct call *c)
{
	int repair;

	if ((c->kind == CALL_CONNECT && fds_tcp(fd)) ||
	    sys_getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, sizeof(repair)) >= 0) {
		c->type = SOCK_STREAM;
		c->protocol = IPPROTO_TCP;
		return true;
	}
	return sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &c->type, sizeof(c->type)) >= 0 &&
	       sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &c->protocol, sizeof(c->protocol)) >= 0;
}

bool call_address(struct call *c, enum call_kind kind, int fd, const struct sockaddr *to,
		  socklen_t len)
{
	struct sockaddr_storage copy = {0};

	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)kind;
	if (len < sizeof(sa_family_t) || len > sizeof(copy) || !readable(to, len))
		return false;
	memcpy(&copy, to, len);
	if (call_to(c, &copy, len) < 0 || (c->family == AF_UNSPEC && !c->has_to))
		return false; /* EINVAL; or connect(2) that disconnects */
	c->domain = c->has_to && !c->family ? AF_INET : c->family;
	if (c->family == AF_UNIX)
		call_path(c, (const struct sockaddr_un *)to, len);
	return !c->has_to || ask_kind(fd, c);
}

bool call_listen(struct call *c, int fd)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);

	return SYS3(SYS_getsockname, fd, &own, &len) == 0 &&
	       (own.ss_family == AF_INET || own.ss_family == AF_INET6) &&
	       call_address(c, CALL_LISTEN, fd, (struct sockaddr *)&own, len);
}

int32_t call_name(struct call *c, char text[static NAME_MAX_LEN + 1])
{
	const struct session *s = here();

	return s && c->has_to ? session_call_name(s, c, text) : -1;
}

/* Of this process now: daemons change theirs. */
static const struct ids *own_ids(struct ids *ids)
{
	long n = SYS2(SYS_getgroups, IDS_GROUPS - 1, ids->groups + 1);

	ids->user = (uint32_t)SYS0(SYS_geteuid);
	ids->groups[0] = (uint32_t)SYS0(SYS_getegid);
	ids->group_count = n > 0 ? (unsigned int)n + 1 : 1;
	return ids;
}

enum verdict decide_here(struct call *c, struct decision *d)
{
	const struct session *s = here();
	struct ids ids;
	enum verdict v;

	if (!s && here_left_to_guard()) {
		*d = (struct decision){.verdict = VERDICT_PASS};
		return VERDICT_PASS;
	}
	if (s && s->settings.rule_count)
		c->exe = here_exe();
	if (s && s->settings.asks_ids)
		c->ids = own_ids(&ids);
	v = decide(s ? &s->settings : NULL, c, d);
	c->ids = NULL;
	return v;
}

/* A full table says yes to everything new: silence beats a flood. */
bool said_before(const struct call *c, uint8_t reason)
{
	enum { SLOTS = 64 };
	static _Atomic uint64_t said[SLOTS];
	const uint8_t what[2] = {c->kind, reason};
	uint64_t h = bytes_hash(BYTES_HASH, what, sizeof(what)), none;

	h = bytes_hash(h, c->to.ip, sizeof(c->to.ip));
	h = bytes_hash(h, c->name, c->name_len);
	h = bytes_hash(h, &c->to.port, sizeof(c->to.port)) | 1;
	for (size_t i = 0; i < SLOTS; i++) {
		none = 0;
		if (atomic_compare_exchange_strong(&said[i], &none, h))
			return false;
		if (none == h)
			return true;
	}
	return true;
}

int refuse(const struct call *c, const struct decision *d)
{
	struct log_line l;

	audit_refused(c, d);
	if (!log_wants(LOG_WARN) || said_before(c, d->reason))
		return d->error;
	decide_words(say(&l, LOG_WARN), c, d);
	log_end(&l);
	return d->error;
}
