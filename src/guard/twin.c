/* SPDX-License-Identifier: MIT */
/*
 * twin.c - another socket for a program that asks name servers from one that is not connected.
 *
 * Theory of operation. Such a program (musl's resolver) takes answers from the very address that it
 * asked only. So its socket is replaced, before the question is sent, by one of the island's
 * (island.c), where that address is ours: options, port, descriptors and epoll registrations are
 * carried over, and the judge goes on with the twin. What a twin sends goes nowhere but to the
 * responder. Sends from it to other ports are judged as from any socket, and never let go directly:
 * they would reach nobody.
 *
 * Sockets are asked for some time ahead of need. A call that finds none is held, and made again
 * when one has come, or when the process that makes them is gone: it is started anew a few times,
 * and each has an island of its own, whose responder stays.
 */
#include "twin.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "dress.h"
#include "ends.h"
#include "guard.h"
#include "holders.h"
#include "island.h"
#include "sys.h"

#define AHEAD 4	  /* sockets of a family that wait here */
#define ISLANDS 8 /* as often it is started */
#define LATE_NS 5000000000u

static struct {
	int channel; /* to the process; 0: none */
	bool heard;  /* it has sent its responder */
	unsigned int starts, islands;
	int32_t pid[ISLANDS]; /* of each start; 0: it has been waited for */
	struct {
		uint64_t cookie; /* of the namespace */
		int responder;
	} island[ISLANDS];
	struct {
		int socket[AHEAD];
		unsigned int here, asked;
	} family[2]; /* IPv4, IPv6 */
	const char *lacks;
} twins;

static unsigned int index_of(int domain)
{
	return domain == AF_INET6;
}

bool twin_is(int fd)
{
	uint64_t cookie = twins.islands ? sys_namespace(fd) : 0;

	for (unsigned int i = 0; cookie && i < twins.islands; i++)
		if (twins.island[i].cookie == cookie)
			return true;
	return false;
}

const char *twin_lacks(void)
{
	return twins.lacks;
}

bool twin_reaches(const struct addr *to)
{
	return !to->scope && !addr_is_multicast(to);
}

/* --- the process --- */

static int watch(int fd, uint32_t index)
{
	return supervisor_watch(EPOLL_CTL_ADD, fd, EPOLLIN, SOURCE_TWIN, index);
}

/*
 * The last is waited for unless WNOHANG says otherwise; one before it may be kept busy by the
 * kernel.
 */
static void reap(int flags)
{
	for (unsigned int i = 0; i < twins.starts; i++) {
		int how = __WCLONE | (i + 1 < twins.starts ? WNOHANG : flags);

		if (twins.pid[i] && SYS4(SYS_wait4, twins.pid[i], NULL, how, NULL) != 0)
			twins.pid[i] = 0;
	}
}

static void stop(void)
{
	if (!twins.channel)
		return;
	sys_close(twins.channel);
	twins.channel = 0;
	twins.heard = false;
	if (twins.pid[twins.starts - 1])
		SYS2(SYS_kill, twins.pid[twins.starts - 1], SIGKILL);
	for (unsigned int f = 0; f < 2; f++) {
		while (twins.family[f].here)
			sys_close(twins.family[f].socket[--twins.family[f].here]);
		twins.family[f].asked = 0;
	}
}

static const char *words_of(int error)
{
	switch (error) {
	case EINVAL:
		return "the kernel has no network namespaces";
	case EPERM:
	case EACCES:
	case ENOSYS:
		return "namespaces are forbidden here";
	case ENOSPC:
	case EUSERS:
		return "no more namespaces are allowed (user.max_user_namespaces)";
	default:
		return strerror(error);
	}
}

static const char too_old[] = "Linux 5.14 is needed";

const char *guard_lacks_names(void)
{
	struct pollfd p = {.events = POLLIN};
	int32_t pid;
	bool good;
	int fd;

	p.fd = island_start(&pid);
	if (p.fd < 0)
		return words_of(-p.fd);
	fd = poll(&p, 1, LATE_NS / 1000000) == 1 ? island_take(p.fd) : -ETIMEDOUT;
	SYS2(SYS_kill, pid, SIGKILL);
	waitpid(pid, NULL, __WCLONE);
	sys_close(p.fd);
	if (fd < 0)
		return words_of(-fd);
	good = sys_namespace(fd) != 0;
	sys_close(fd);
	return good ? NULL : too_old;
}

/* 0 if there is a process, or has just been started. */
static int start(const struct request *rq)
{
	int channel;

	reap(WNOHANG);
	if (twins.channel)
		return 0;
	if (!twins.lacks && (!sys_namespace(rq->caller.fd) || !supervisor_puts()))
		twins.lacks = too_old;
	if (!twins.lacks && twins.starts == ISLANDS)
		twins.lacks = "the process that it takes has ended too often";
	if (twins.lacks)
		return -EAGAIN;
	channel = island_start(&twins.pid[twins.starts]);
	if (channel < 0)
		return channel;
	twins.starts++;
	twins.channel = channel;
	return watch(channel, 0);
}

static void ask_ahead(int domain)
{
	const unsigned int f = index_of(domain);

	while (twins.family[f].here + twins.family[f].asked < AHEAD &&
	       island_ask(twins.channel, domain))
		twins.family[f].asked++;
}

static void add_island(int responder)
{
	const unsigned int i = twins.islands;

	twins.heard = true;
	twins.island[i].cookie = sys_namespace(responder);
	twins.island[i].responder = responder;
	twins.islands++;
	watch(responder, i + 1);
}

static void add_socket(int fd)
{
	int domain = 0;
	unsigned int f;

	sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, sizeof(domain));
	f = index_of(domain);
	if (twins.family[f].here == AHEAD || !twin_is(fd)) {
		sys_close(fd);
		return;
	}
	twins.family[f].socket[twins.family[f].here++] = fd;
	twins.family[f].asked -= twins.family[f].asked ? 1 : 0;
}

static void wake(struct pending *p)
{
	if (p->kind == PENDING_TWIN &&
	    (!twins.channel || twins.family[index_of(p->caller.domain)].here))
		judge_event(p);
}

static void channel_event(void)
{
	int fd;

	while ((fd = island_take(twins.channel)) >= 0) {
		if (twins.heard)
			add_socket(fd);
		else
			add_island(fd);
	}
	if (fd == -EAGAIN) {
		pending_each(wake);
		return;
	}
	if (fd != -EPIPE && fd != -ECONNRESET && !twins.heard)
		twins.lacks = words_of(-fd);
	stop();
	reap(0);
	pending_each(wake);
}

void twin_event(uint64_t own)
{
	const uint32_t i = (uint32_t)own;

	if (i && i <= twins.islands)
		dns_answer_on(twins.island[i - 1].responder);
	else if (!i && twins.channel)
		channel_event();
}

void twin_late(void)
{
	stop();
	reap(WNOHANG);
	pending_each(wake);
}

void twin_each(void (*each)(int fd))
{
	each(twins.channel ? twins.channel : -1);
	for (unsigned int i = 0; i < twins.islands; i++)
		each(twins.island[i].responder);
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int i = 0; i < twins.family[f].here; i++)
			each(twins.family[f].socket[i]);
}

void twin_disown(void)
{
	memset(twins.pid, 0, sizeof(twins.pid));
}

void twin_end(void)
{
	stop();
	reap(0);
}

/* --- the twin --- */

/* In epolls first: if that fails nothing has changed for the caller. */
static long put_in_place(const struct request *rq, int twin)
{
	struct holders h;
	long error = holders_find(&h, &rq->caller);

	if (!supervisor_waits(rq->id))
		error = GONE;
	for (unsigned int i = 0; !error && i < h.watches; i++)
		error = holders_watch(&h.watch[i], twin);
	for (unsigned int i = 0; !error && i < h.numbers; i++)
		error = supervisor_put(rq->id, twin, h.number[i].number, h.number[i].cloexec);
	holders_close(&h);
	return error;
}

static long wait_for_one(const struct request *rq)
{
	struct pending *p = pending_add(PENDING_TWIN, rq, sys_cookie(rq->caller.fd));

	if (!p)
		return -EAGAIN;
	p->until = sys_now() + LATE_NS;
	return HELD;
}

long twin_take(struct request *rq, bool may_wait)
{
	const unsigned int f = index_of(rq->caller.domain);
	long error;
	int twin;

	if (twin_is(rq->caller.fd))
		return 0;
	error = ends_connected(rq->caller.fd) ? -EISCONN : start(rq);
	if (error)
		return error;
	ask_ahead(rq->caller.domain);
	if (!twins.family[f].here)
		return may_wait ? wait_for_one(rq) : -EAGAIN;
	twin = twins.family[f].socket[--twins.family[f].here];
	error = dress(twin, rq->caller.fd);
	if (!error)
		error = put_in_place(rq, twin);
	if (error) {
		sys_close(twin);
		return error;
	}
	sys_close(rq->caller.fd);
	rq->caller.fd = twin;
	return 0;
}
