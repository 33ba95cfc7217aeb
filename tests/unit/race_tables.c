/* SPDX-License-Identifier: MIT */
/*
 * race_tables.c - the library's tables of descriptors, of registrations and of streams under way,
 * under eight threads. Built with -fsanitize=thread, which ends it with status 66 when it saw a
 * race.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/shim/pend.h"
#include "session.h"
#include "sys.h"

#define THREADS 8
#define SOCKETS 6
#define EPOLLS 3
#define ROUNDS 6000
#define PAIRS 1500

static struct session *session;
static struct progresses *table;
static int sockets[SOCKETS], epolls[EPOLLS];
static uint64_t cookies[SOCKETS];
static int failures;

/* What these files want of the rest of the library. */
const struct session *here(void)
{
	return session;
}

struct progresses *session_progresses(const struct session *s)
{
	(void)s;
	return table;
}

static void see(bool good, const char *what)
{
	static int number;

	printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
	failures += !good;
}

static void ctl(int op, int epoll, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)fd << 32 | 7};
	uint64_t number = regs_number(epoll, fd);

	if (SYS4(SYS_epoll_ctl, epoll, op, fd, &e) == 0)
		regs_note(epoll, op, fd, &e, number);
}

/* As connect(2) begins one, and as the calls meet it that look at its socket later. */
static void a_stream(int i, uint32_t self)
{
	struct progress *p = progress_find(table, cookies[i]);

	if (p) {
		pend_step_known(p, cookies[i], sockets[i], self);
		return;
	}
	p = progress_add(table, cookies[i], self);
	if (!p)
		return;
	fds_mark(sockets[i]);
	pend_hide(p, sockets[i], EPOLLET);
	pend_advance(p, sockets[i], false, EPOLLOUT);
}

static void a_change(int op, int epoll, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = (uint64_t)fd << 32 | 7};

	if (!pend_any() || !pend_step(fd) || pend_epoll_ctl(epoll, op, fd, &e) > 0)
		ctl(op, epoll, fd, events);
}

static void an_end(unsigned int how, int fd)
{
	switch (how % 4) {
	case 0:
		pend_error(fd);
		break;
	case 1:
		pend_forget(fd);
		break;
	case 2:
		pend_expire();
		break;
	default:
		pend_sweep();
	}
}

static int new_socket(void)
{
	return (int)SYS3(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void a_number(void)
{
	int fd = new_socket(), copy;

	fds_fresh(fd);
	fds_mark(fd);
	copy = (int)SYS1(SYS_dup, fd);
	fds_copied(fd, copy);
	fds_find_copies(fd, sys_cookie(fd));
	fds_unmark(copy);
	fds_unmark(fd);
	sys_close(copy);
	sys_close(fd);
}

static void an_event(struct reg *r, int fd)
{
	struct epoll_event e = {.events = EPOLLOUT};

	if (r)
		regs_writable(r, fd, &e);
}

static void look(int fd, void *arg)
{
	*(int *)arg += fds_maybe(fd) + regs_any(fd);
}

static void *hammer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uint32_t self = (uint32_t)sys_gettid();

	for (int round = 0; round < ROUNDS; round++) {
		int i = rand_r(&seed) % SOCKETS, fd = sockets[i], sum = 0;
		int epoll = epolls[rand_r(&seed) % EPOLLS];

		switch (rand_r(&seed) % 14) {
		case 0:
			a_change(EPOLL_CTL_ADD, epoll, fd, EPOLLIN | EPOLLOUT | EPOLLET);
			break;
		case 1:
			a_change(EPOLL_CTL_MOD, epoll, fd, EPOLLOUT | EPOLLONESHOT);
			break;
		case 2:
			a_change(EPOLL_CTL_DEL, epoll, fd, 0);
			break;
		case 3:
			regs_hide(fd, fd, cookies[i], EPOLLIN);
			break;
		case 4:
			regs_show(fd, fd, cookies[i]);
			regs_show_over(fd);
			break;
		case 5:
			regs_leave(fd);
			break;
		case 6:
			regs_enter(fd, cookies[i]);
			break;
		case 7:
			a_stream(i, self);
			break;
		case 8:
			a_number();
			break;
		case 9:
			an_event(regs_find(epoll, fd), fd);
			break;
		case 10:
			regs_ours(fd, cookies[i]);
			regs_closed(fd);
			break;
		case 11:
			pend_step(fd);
			pend_met(fd);
			break;
		case 12:
			an_end(rand_r(&seed), fd);
			break;
		default:
			fds_each(look, &sum);
		}
	}
	return NULL;
}

static pthread_barrier_t ready;
static atomic_int spinning;

/* Two that wait for each other without sleeping are at the same place at the same time. */
static void spin_together(int round)
{
	atomic_fetch_add(&spinning, 1);
	while (atomic_load(&spinning) < 2 * (round + 1))
		;
}

static void *adds(void *arg)
{
	for (int round = 0; round < PAIRS; round++) {
		pthread_barrier_wait(&ready);
		spin_together(round);
		ctl(EPOLL_CTL_ADD, *(int *)arg, sockets[0], EPOLLIN);
		pthread_barrier_wait(&ready);
		pthread_barrier_wait(&ready); /* looked at */
	}
	return NULL;
}

/* A registration that is not noted would tell the program of the way to the proxy. */
static void both_are_noted(void)
{
	pthread_t thread[2];
	int lost = 0;

	pthread_barrier_init(&ready, NULL, 3);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, adds, &epolls[i]);
	for (int round = 0; round < PAIRS; round++) {
		pthread_barrier_wait(&ready);
		pthread_barrier_wait(&ready);
		for (int i = 0; i < 2; i++) {
			lost += !regs_find(epolls[i], sockets[0]);
			ctl(EPOLL_CTL_DEL, epolls[i], sockets[0], 0);
		}
		pthread_barrier_wait(&ready);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	see(!lost, "two threads enter a socket in two epolls at once: both are noted");
	see(!regs_any(sockets[0]), "and both are forgotten");
}

struct asked {
	uint32_t events;
	uint64_t data;
};

/* What the kernel has of sockets[0] in epolls[0]. */
static struct asked kernels(void)
{
	struct asked a = {0};
	char path[64], line[256];
	int fd;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epolls[0]);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long data;

		if (sscanf(line, "tfd: %d events: %x data: %llx", &fd, &a.events, &data) == 3 &&
		    fd == sockets[0])
			a.data = data;
	}
	if (f)
		fclose(f);
	return a;
}

static struct asked last_asked;

static void *modifies(void *arg)
{
	(void)arg;
	for (int round = 0; round < PAIRS; round++) {
		pthread_barrier_wait(&ready);
		spin_together(round);
		for (int i = 0; i < 4; i++) {
			struct epoll_event e = {EPOLLIN | (i + round) % 2 * EPOLLOUT,
						{.u64 = (uint64_t)round << 8 | (uint64_t)i}};
			uint64_t number = regs_number(epolls[0], sockets[0]);

			SYS4(SYS_epoll_ctl, epolls[0], EPOLL_CTL_MOD, sockets[0], &e);
			regs_note(epolls[0], EPOLL_CTL_MOD, sockets[0], &e, number);
			last_asked = (struct asked){e.events, e.data.u64};
		}
		pthread_barrier_wait(&ready);
		pthread_barrier_wait(&ready); /* looked at */
	}
	return NULL;
}

/* While a stream is begun and ends in one thread, another says what it wants to hear. */
static void last_word_counts(void)
{
	struct progress *p = progress_add(table, cookies[0], (uint32_t)sys_gettid());
	int lost = 0, bare = 0, fd = sockets[0], unused;
	pthread_t thread;

	atomic_store(&spinning, 0);
	pthread_barrier_init(&ready, NULL, 2);
	ctl(EPOLL_CTL_ADD, epolls[0], fd, EPOLLIN);
	pthread_create(&thread, NULL, modifies, NULL);
	for (int round = 0; round < PAIRS; round++) {
		struct asked a;

		pthread_barrier_wait(&ready);
		spin_together(round);
		regs_hide(fd, fd, cookies[0], EPOLLET);
		if (round % 2) {
			regs_hide(fd, fd, cookies[0], EPOLLIN);
			regs_show(fd, fd, cookies[0]);
		}
		pthread_barrier_wait(&ready);
		a = kernels();
		if (round % 2)
			lost += (a.events & (EPOLLIN | EPOLLOUT)) != last_asked.events ||
				a.data != last_asked.data;
		else
			bare += !regs_marked(a.data, &unused) || !(regs_ours(fd, cookies[0]));
		regs_show(fd, fd, cookies[0]);
		a = kernels();
		lost += (a.events & (EPOLLIN | EPOLLOUT)) != last_asked.events ||
			a.data != last_asked.data;
		pthread_barrier_wait(&ready);
	}
	pthread_join(thread, NULL);
	ctl(EPOLL_CTL_DEL, epolls[0], fd, 0);
	progress_drop(table, p);
	if (lost || bare)
		printf("# %d lost, %d bare\n", lost, bare);
	see(!lost, "after a stream the kernel has what another thread asked for last");
	see(!bare, "and while it is under way our mark");
}

static void count(int fd, void *arg)
{
	(void)fd;
	++*(unsigned int *)arg;
}

static void many_at_once(void)
{
	pthread_t thread[THREADS];
	unsigned int bits = 0;
	int left = 0;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, hammer, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < SOCKETS; i++) {
		while (pend_step(sockets[i]))
			;
		pend_error(sockets[i]);
		regs_show_over(sockets[i]); /* what was hidden for no stream */
		left += pend_is(cookies[i]) || regs_ours(sockets[i], cookies[i]);
	}
	see(!left, "streams that eight threads begin, change and end come to an end, and nothing "
		   "stays hidden");
	fds_each(count, &bits);
	see(bits == pend_hot, "after eight threads as many descriptors are counted as have a bit");
}

/*
 * Each marks a number of its own, and looks: what it marked must be seen, whoever else just ended.
 */
static void *marks(void *arg)
{
	int fd = 1000 + (int)(uintptr_t)arg;
	uintptr_t unseen = 0;

	for (int round = 0; round < 20 * ROUNDS; round++) {
		fds_mark(fd);
		unseen += !pend_any();
		fds_unmark(fd);
		pend_any();
	}
	return (void *)unseen;
}

static void none_is_missed(void)
{
	pthread_t thread[2];
	uintptr_t unseen = 0;
	void *some;

	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, marks, (void *)i);
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &some);
		unseen += (uintptr_t)some;
	}
	see(!unseen, "who begins a stream sees that one is under way, while others end theirs");
	see(!pend_any() && !pend_stirs(), "and after the last there is nothing to look at");
}

static void *zeroed(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	session = zeroed(sizeof(*session));
	table = zeroed(progresses_size());
	for (int i = 0; i < SOCKETS; i++) {
		sockets[i] = new_socket();
		cookies[i] = sys_cookie(sockets[i]);
	}
	for (int i = 0; i < EPOLLS; i++)
		epolls[i] = (int)SYS1(SYS_epoll_create1, 0);
	none_is_missed();
	both_are_noted();
	last_word_counts();
	many_at_once();
	puts("1..8");
	return failures ? 1 : 0;
}
