/* SPDX-License-Identifier: MIT */
/*
 * pending.c - the calls that wait: a slab that is reserved at once and touched as it is used, with
 * a hash by socket cookie, so that a call costs the same with one or ten thousand waiting.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "supervisor.h"
#include "sys.h"

#define MOST 65535u
#define CHAINS 16384u

static struct {
	struct pending *slab; /* [0] is nobody */
	uint32_t used;	      /* slots that were ever used */
	uint32_t free;	      /* first of the free ones */
	uint32_t count;
} table;
static LARGE(2) uint32_t chains[CHAINS];

int pending_begin(void)
{
	table.slab = sys_pages((MOST + 1) * sizeof(struct pending));
	return table.slab ? 0 : -ENOMEM;
}

static uint32_t *chain_of(uint64_t cookie)
{
	return &chains[(cookie * 0x9e3779b97f4a7c15u) >> 50];
}

static uint32_t take(void)
{
	uint32_t i = table.free;

	if (i)
		table.free = table.slab[i].next;
	else if (table.used < MOST)
		i = ++table.used;
	return i;
}

struct pending *pending_add(enum pending_kind kind, const struct request *rq, uint64_t cookie)
{
	uint32_t i = take(), *chain = chain_of(cookie), generation;
	struct pending *p = &table.slab[i];

	if (!i)
		return NULL;
	generation = p->generation + 1;
	memset(p, 0, sizeof(*p));
	p->kind = (uint8_t)kind;
	p->caller = rq->caller;
	p->socket = rq->caller.fd;
	p->door = -1;
	p->data = *rq->data;
	p->id = rq->id;
	p->cookie = cookie;
	p->generation = generation;
	p->next = *chain;
	*chain = i;
	table.count++;
	return p;
}

struct pending *pending_find(uint64_t cookie)
{
	uint32_t i = *chain_of(cookie);

	while (i && table.slab[i].cookie != cookie)
		i = table.slab[i].next;
	return i ? &table.slab[i] : NULL;
}

/* The generation is as long as room for it is beside the index. */
static uint64_t own_data(const struct pending *p)
{
	return (uint64_t)(p->generation & 0xffffu) << 32 | (uint64_t)(p - table.slab);
}

struct pending *pending_of(uint64_t own)
{
	uint32_t i = (uint32_t)own;
	struct pending *p = &table.slab[i];

	return i <= table.used && p->kind != PENDING_FREE && own_data(p) == own ? p : NULL;
}

static int watched(const struct pending *p)
{
	return p->door >= 0 ? p->door : p->socket;
}

/* Data that came in must not wake those who wait for room. */
int pending_watch(struct pending *p)
{
	uint32_t in = p->kind == PENDING_SEND ? 0 : EPOLLIN;
	int error;

	if (p->watched)
		return 0;
	error = supervisor_watch(EPOLL_CTL_ADD, watched(p), in | EPOLLOUT | EPOLLET, SOURCE_PENDING,
				 own_data(p));
	p->watched = error == 0;
	return error;
}

/* The caller holds its socket too: closing our copy would not end the watch. */
void pending_unwatch(struct pending *p)
{
	if (p->watched)
		SYS4(SYS_epoll_ctl, supervisor.epoll, EPOLL_CTL_DEL, watched(p), 0);
	p->watched = false;
}

static void unlink_from_chain(const struct pending *p, uint32_t i)
{
	uint32_t *at = chain_of(p->cookie);

	while (*at && *at != i)
		at = &table.slab[*at].next;
	if (*at)
		*at = p->next;
}

void pending_release(struct pending *p)
{
	uint32_t i = (uint32_t)(p - table.slab);

	pending_unwatch(p);
	if (p->door >= 0)
		sys_close(p->door);
	if (p->socket != p->caller.fd)
		sys_close(p->socket);
	unlink_from_chain(p, i);
	p->kind = PENDING_FREE;
	p->next = table.free;
	table.free = i;
	table.count--;
}

void pending_drop(struct pending *p)
{
	pending_release(p);
	caller_close(&p->caller);
}

size_t pending_count(void)
{
	return table.count;
}

void pending_each(void (*each)(struct pending *p))
{
	for (uint32_t i = 1; i <= table.used; i++)
		if (table.slab[i].kind != PENDING_FREE)
			each(&table.slab[i]);
}

void pending_some(void (*each)(struct pending *p), uint64_t until)
{
	static uint32_t next;

	for (uint32_t n = table.used; n && sys_now() < until; n--) {
		next = next < table.used ? next + 1 : 1;
		if (table.slab[next].kind != PENDING_FREE)
			each(&table.slab[next]);
	}
}
