/* SPDX-License-Identifier: MIT */
/*
 * regs.c - registrations with epoll, by descriptor: what the program asked for.
 *
 * Each epoll_ctl(2) is noted, also before connect(2): the kernel does not tell what was registered.
 */
#include "reg.h"

uint64_t regs_cookie(const struct reg *r)
{
	return reg_cookie(r);
}

uint64_t regs_data(const struct reg *r)
{
	return __atomic_load_n(&r->data, __ATOMIC_RELAXED);
}

bool regs_any(int fd)
{
	const struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++)
		if (reg_epoll(&r[i]))
			return true;
	return false;
}

bool regs_too_many(int fd)
{
	const struct reg *r = fds_regs(fd);

	return !r || reg_flags(r) & REG_MANY;
}

struct reg *regs_find(int epoll, int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && epoll >= 0 && i < REGS_EACH; i++)
		if (reg_epoll(&r[i]) == epoll + 1)
			return &r[i];
	return NULL;
}

/* Another thread may be entering the socket elsewhere. */
struct reg *reg_claim(int fd)
{
	struct reg *r = fds_regs(fd);

	for (int i = 0; r && i < REGS_EACH; i++) {
		int none = 0;

		if (__atomic_compare_exchange_n(&r[i].epoll, &none, REG_CLAIMED, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &r[i];
	}
	return NULL;
}

void regs_clear(struct reg *r)
{
	reg_set_epoll(r, 0);
	reg_set_flags(r, 0, ~0u);
	reg_set_cookie(r, 0);
}

void reg_note(struct reg *r, int epoll, const struct epoll_event *e, uint32_t flags, uint32_t need)
{
	uint64_t was = reg_state(r);

	do
		__atomic_store_n(&r->data, e->data.u64, __ATOMIC_RELAXED);
	while (!reg_swap(r, &was, (e->events & ~REG_FLAGS) | flags | ((uint32_t)was & REG_MANY),
			 need));
	reg_set_epoll(r, epoll + 1);
}

void reg_forget(int epoll, int fd)
{
	struct reg *r = regs_find(epoll, fd);

	if (r)
		reg_set_epoll(r, 0);
}

uint64_t regs_number(int epoll, int fd)
{
	const struct reg *r = regs_find(epoll, fd);

	return r ? reg_state(r) : 0;
}

/* `was` is what regs_number() said before the call. What is hidden remains so. */
static void note_changed(struct reg *r, int fd, const struct epoll_event *e, uint64_t was)
{
	uint64_t before = was;
	uint32_t ours;

	do {
		ours = was & REG_OURS && pend_is(reg_cookie(r)) ? was & (REG_OURS | REG_LATE) : 0;
		__atomic_store_n(&r->data, e->data.u64, __ATOMIC_RELAXED);
	} while (!reg_swap(r, &was, (e->events & ~REG_FLAGS) | (was & REG_MANY) | ours,
			   reg_need(was)));
	if ((ours || was != before) && reg_apply(r, fd, fd) < 0)
		reg_set_epoll(r, 0);
}

void regs_note(int epoll, int op, int fd, const struct epoll_event *e, uint64_t was)
{
	struct reg *r = regs_find(epoll, fd);

	if (op == EPOLL_CTL_DEL) {
		if (r)
			reg_set_flags(r, 0, 0);
		reg_forget(epoll, fd);
		return;
	}
	if (r && op == EPOLL_CTL_MOD) {
		note_changed(r, fd, e, was);
		return;
	}
	if (!r)
		r = reg_claim(fd);
	if (r)
		reg_note(r, epoll, e, 0, 0);
	else if ((r = fds_regs(fd)))
		reg_set_flags(r, REG_MANY, 0);
}
