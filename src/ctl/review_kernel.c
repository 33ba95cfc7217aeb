/* SPDX-License-Identifier: MIT */
/*
 * review_kernel.c - the second view: the kernel's list of sockets.
 *
 * Theory of operation. The kernel tells of every socket that ends, with its cookie and bytes
 * (sock_diag's multicast groups): so the bytes of streams are known although nobody counts them,
 * also of programs that were killed. And now and then all open sockets are listed. One that has a
 * peer and whose cookie no event tells of is looked for in /proc/PID/fd of the session's processes,
 * which are the launcher's descendants: if it is one of theirs it is kept, and judged at the end,
 * when its event has come or not. The other way round, a stream whose socket was neither among the
 * open ones nor among those that ended has none, unless the kernel had a reason not to show it
 * here.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"
#include "events.h"
#include "sys.h"
#include "review.h"

#define ELSEWHERE "its sockets are in another network namespace"
#define LISTENING 10
#define SYN_SENT 2
#define LATE_KEPT 32768
#define LATE_NS 5000000000u /* events that come later than this do not come */

static int closings = -1;
static uint64_t space; /* our network namespace */
static bool forgotten; /* of sockets that ended, one that may have been a stream's */

static bool is_proxy(const struct addr *a)
{
	const struct settings *s = &review.session->settings;

	for (size_t i = 0; i < s->proxy_count; i++)
		if (!s->proxies[i].path[0] && addr_equal(&s->proxies[i].at, a))
			return true;
	return false;
}

static bool has_unix_proxy(void)
{
	const struct settings *s = &review.session->settings;

	for (size_t i = 0; i < s->proxy_count; i++)
		if (s->proxies[i].path[0])
			return true;
	return false;
}

/* ---- sockets that ended ---- */

/*
 * Sockets may end before their events have been taken out: at their cookie, which is never used
 * again.
 */
static struct late {
	uint64_t cookie, time, read, written;
	uint16_t local_port;
} late[LATE_KEPT];

static uint64_t without(uint64_t all, uint64_t handshake)
{
	return all > handshake ? all - handshake : 0;
}

static void count(struct stream_row *r, const struct late *l, bool ended)
{
	r->local_port = l->local_port;
	if (!r->handshake_sent && r->fate == FATE_OPEN)
		return;
	r->sent = without(l->written, r->handshake_sent);
	r->received = without(l->read, r->handshake_received);
	r->counted = r->fate == FATE_OPEN || r->fate == FATE_DIRECT;
	if (ended && !r->ended)
		r->ended = l->time;
}

static void keep(const struct late *l)
{
	struct late *at = &late[l->cookie % LATE_KEPT];

	if (at->cookie && at->cookie != l->cookie && l->time - at->time < LATE_NS &&
	    !stream_of(at->cookie))
		forgotten = true;
	*at = *l;
}

static void take_closing(void *arg, const struct diag *d)
{
	const struct late l = {d->cookie, sys_now(), d->read, d->written, d->local_port};
	struct stream_row *r = stream_of(d->cookie);

	(void)arg;
	if (d->protocol != IPPROTO_TCP)
		return;
	if (r)
		r->in_kernel = true;
	if (r && r->fate != FATE_BEGUN)
		count(r, &l, true);
	else
		keep(&l);
}

void kernel_ended_before(struct stream_row *r)
{
	const struct late *l = &late[r->cookie % LATE_KEPT];

	if (l->cookie != r->cookie || !r->cookie)
		return;
	r->in_kernel = true;
	if (r->fate != FATE_BEGUN)
		count(r, l, true);
}

void kernel_heard(void)
{
	if (closings >= 0 && !diag_heard(closings, take_closing, NULL))
		review.closings_lost++;
}

/* ---- the session's processes ---- */

struct process {
	pid_t pid, parent;
	bool ours, zombie;
};
static struct list processes;

static pid_t parent_of(pid_t pid, bool *zombie)
{
	char path[32], text[512], *p;
	long n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	n = sys_slurp(path, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	p = strrchr(text, ')');
	if (!p || strlen(p) < 5)
		return 0;
	*zombie = p[2] == 'Z' || p[2] == 'X';
	return (pid_t)strtol(p + 4, NULL, 10);
}

static struct process *process_of(pid_t pid)
{
	LIST_EACH(struct process, p, &processes)
	if (p->pid == pid)
		return p;
	return NULL;
}

/* Parents may have greater numbers than their children: until nothing new is found. */
static void find_processes(void)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	bool more = true;

	processes.count = 0;
	while (dir && (e = readdir(dir))) {
		struct process *p;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		p = list_add(&processes, sizeof(*p));
		p->pid = (pid_t)strtol(e->d_name, NULL, 10);
		p->parent = parent_of(p->pid, &p->zombie);
	}
	if (dir)
		closedir(dir);
	while (more) {
		more = false;
		LIST_EACH(struct process, p, &processes)
		{
			const struct process *parent;

			if (p->ours || p->pid == getpid())
				continue;
			parent = p->parent == review.launcher ? p : process_of(p->parent);
			if (parent && (parent == p || parent->ours))
				more = p->ours = true;
		}
	}
}

static const char *program_of(pid_t pid)
{
	char path[32], exe[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = 0;
	return keep_text(exe);
}

static void check_namespaces(void)
{
	char own[64] = "", path[40], other[64];

	if (readlink("/proc/self/ns/net", own, sizeof(own) - 1) < 0)
		return;
	LIST_EACH(struct process, p, &processes)
	{
		ssize_t n;

		if (!p->ours || p->zombie)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/net", p->pid);
		n = readlink(path, other, sizeof(other) - 1);
		if (n <= 0)
			continue;
		other[n] = 0;
		if (strcmp(own, other) != 0)
			cover(CHECK_NO_KERNEL, program_of(p->pid), ELSEWHERE);
	}
}

void kernel_outlived(void)
{
	find_processes();
	LIST_EACH(struct process, p, &processes)
	if (p->ours && !p->zombie)
		cover(CHECK_OUTLIVED, program_of(p->pid),
		      "it still runs: what it does from now on is not judged");
}

/* ---- sockets that are open ---- */

struct unknown {
	struct diag d;
	pid_t owner;
};
static struct list unknown;
static uint16_t listening[256];
static size_t listening_count;

/* Cookies of sockets that are not the session's, or have been taken in. */
static uint64_t settled[65536];

static bool is_settled(uint64_t cookie)
{
	return settled[cookie % 65536] == cookie;
}

static bool is_listening(uint16_t port)
{
	for (size_t i = 0; i < listening_count; i++)
		if (listening[i] == port)
			return true;
	return false;
}

static void note_listening(uint16_t port)
{
	if (!is_listening(port) && listening_count < 256)
		listening[listening_count++] = port;
}

/* A peer on this machine is no way past the proxy; one at port 0 is none. */
static bool leads_somewhere(const struct diag *d)
{
	return d->peer.port && !addr_is_any(&d->peer) &&
	       (is_proxy(&d->peer) || !addr_is_loopback(&d->peer)) &&
	       !addr_same_ip(&d->peer, &d->local);
}

static void take_open(void *arg, const struct diag *d)
{
	const bool last = *(const bool *)arg;
	struct stream_row *r = stream_of(d->cookie);
	const struct late l = {d->cookie, sys_now(), d->read, d->written, d->local_port};
	struct unknown *u;

	if (d->state == LISTENING) {
		note_listening(d->local_port);
		return;
	}
	if (r) {
		r->in_kernel = true;
		r->local_port = d->local_port;
		/* A stream whose socket leads elsewhere is none. */
		if (r->fate == FATE_OPEN && leads_somewhere(d) && !is_proxy(&d->peer) && d->inode)
			r->strayed = true;
		if (last)
			count(r, &l, !d->inode); /* closed: only the kernel still sends */
	}
	if (r && r->fate != FATE_NONE && !r->strayed)
		return;
	if (!d->inode || d->state == SYN_SENT || !leads_somewhere(d) || is_settled(d->cookie))
		return;
	u = list_add(&unknown, sizeof(*u));
	u->d = *d;
}

static void own_inode(pid_t pid, uint32_t inode)
{
	LIST_EACH(struct unknown, u, &unknown)
	if (u->d.inode == inode)
		u->owner = pid;
}

static void find_owners(pid_t pid)
{
	char path[300], link[64];
	const struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = 0;
		if (!strncmp(link, "socket:[", 8))
			own_inode(pid, (uint32_t)strtoul(link + 8, NULL, 10));
	}
	if (dir)
		closedir(dir);
}

static void settle(const struct unknown *u)
{
	struct socket_row *s;

	settled[u->d.cookie % 65536] = u->d.cookie;
	if (!u->owner || (u->d.protocol == IPPROTO_TCP && is_listening(u->d.local_port)))
		return;
	s = list_add(&review.sockets, sizeof(*s));
	s->cookie = u->d.cookie;
	s->local = u->d.local;
	s->peer = u->d.peer;
	s->pid = u->owner;
	s->protocol = u->d.protocol;
	s->program = program_of(u->owner);
}

void kernel_sample(bool last)
{
	static uint64_t looked;
	uint64_t now = sys_now();

	unknown.count = 0;
	if (review.kernel && diag_sockets(last, take_open, &last) < 0)
		review.kernel = false;
	if (!unknown.count && now - looked < 1000000000u)
		return;
	looked = now;
	review.samples++;
	find_processes();
	check_namespaces();
	LIST_EACH(struct process, p, &processes)
	if (p->ours && unknown.count)
		find_owners(p->pid);
	LIST_EACH(struct unknown, u, &unknown)
	settle(u);
}

bool kernel_missed(const struct stream_row *r)
{
	const struct stream_row *last = stream_of(r->cookie);

	return r->tcp && (r->fate == FATE_OPEN || r->fate == FATE_DIRECT) &&
	       !(last && last->in_kernel);
}

bool kernel_lost(void)
{
	return review.closings_lost || forgotten;
}

const char *kernel_excuse(const struct stream_row *r)
{
	if (!review.kernel)
		return "sock_diag cannot be asked here";
	if (!r->space || !space)
		return "this kernel does not tell in which network namespace its sockets are";
	if (r->space != space)
		return ELSEWHERE;
	if (kernel_lost())
		return "more sockets ended than could be taken in";
	LIST_EACH(struct cover_row, c, &review.covers)
	if (c->check == CHECK_OUTLIVED)
		return "a process that still runs may have its socket";
	return NULL;
}

/* A stream that is not the last one of its socket has no bytes of its own. */
bool kernel_complete(void)
{
	if (!review.kernel)
		return true;
	LIST_EACH(struct stream_row, r, &review.streams)
	{
		bool over = r->fate == FATE_OPEN || r->fate == FATE_DIRECT;

		if (over && r->tcp && r->space == space &&
		    (kernel_missed(r) || (r == stream_of(r->cookie) && !r->counted)))
			return false;
	}
	return true;
}

int kernel_fd(void)
{
	return closings;
}

void kernel_start(void)
{
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	space = any >= 0 ? sys_namespace(any) : 0;
	close(any);
	closings = diag_closings();
	review.kernel = closings >= 0;
	if (has_unix_proxy())
		cover(CHECK_NO_KERNEL, "", "a proxy on a Unix socket has no sockets in the list");
}
