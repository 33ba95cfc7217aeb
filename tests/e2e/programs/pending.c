/* SPDX-License-Identifier: MIT */
// Connections in progress, and more than one thread or process, signals, many descriptors. pending,
// started by conform_far, which holds a connection until it is told to let it go: nothing depends
// on time. Bare and wrapped it does the same; the last line is "N cases", and before it what went
// wrong.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pending.h"

// ---- epolls ----

static void epoll_in_epoll(void)
{
	int inner = epoll_create1(0), outer = epoll_create1(0), fd = in_progress(), looks = 0;
	uint32_t got = 0;

	check(!watch(inner, fd, EPOLLOUT) && !watch(outer, inner, EPOLLIN));
	check(next_event(inner, fd, 0) == 0);
	order(GO, 1);
	while (!got && looks++ < 100) { // may be woken in vain: CAVEATS in libsockshim.8
		check(next_event(outer, inner, -1) == EPOLLIN);
		got = next_event(inner, fd, 0);
	}
	check(got == EPOLLOUT && works(fd));
	close(fd);
	close(inner);
	close(outer);
}

static void epoll_in_poll(void)
{
	int inner = epoll_create1(0), fd = in_progress(), looks = 0;
	uint32_t got = 0;

	check(!watch(inner, fd, EPOLLOUT));
	order(GO, 1);
	while (!got && looks++ < 100) {
		check(events_of(inner, -1) == POLLIN);
		got = next_event(inner, fd, 0);
	}
	check(got == EPOLLOUT);
	close(fd);
	close(inner);
}

static void several_epolls(void)
{
	int epolls[4], fd = unconnected(SOCK_NONBLOCK);

	for (int i = 0; i < 4; i++) {
		epolls[i] = epoll_create1(0);
		if (i % 2)
			check(!watch(epolls[i], fd, EPOLLOUT | (i == 1 ? EPOLLET : 0)));
	}
	check(start(fd) == -1 && errno == EINPROGRESS);
	for (int i = 0; i < 4; i += 2)
		check(!watch(epolls[i], fd, EPOLLIN | EPOLLOUT));
	for (int i = 0; i < 4; i++)
		check(next_event(epolls[i], fd, 0) == 0);
	order(GO, 1);
	for (int i = 0; i < 4; i++)
		check(next_event(epolls[i], fd, -1) == EPOLLOUT);
	check(works(fd));
	close(fd);
	for (int i = 0; i < 4; i++)
		close(epolls[i]);
}

// Other epolls in turn, and a number that comes again: what was noted of it is of the past.
static void epolls_of_the_past(void)
{
	for (int i = 0; i < 12; i++) {
		int epoll = epoll_create1(0), fd = unconnected(SOCK_NONBLOCK);
		int high = fcntl(epoll, F_DUPFD, 200 + i);

		check(!watch(high, fd, EPOLLIN | EPOLLOUT));
		check(start(fd) == -1 && errno == EINPROGRESS);
		check(next_event(high, fd, 0) == 0);
		if (i % 2) {
			order(GO, 1);
			check(next_event(high, fd, -1) == EPOLLOUT && works(fd));
		}
		close(fd);
		close(epoll);
		close(high);
	}
}

// ---- threads ----

struct thread {
	pthread_t id;
	_Atomic pid_t tid;
	int epoll, fd;
	uint32_t got;
	int times;
};

// Waits until the thread sleeps.
static void asleep(struct thread *t)
{
	char path[64], line[256] = "";

	while (!t->tid)
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", t->tid);
	while (!strstr(line, ") S ")) {
		FILE *f = fopen(path, "r");

		sched_yield();
		check(f && fgets(line, sizeof(line), f));
		if (f)
			fclose(f);
	}
}

static void *waits_in_epoll(void *arg)
{
	struct thread *t = arg;
	struct epoll_event e = {0};

	t->tid = gettid();
	while (epoll_wait(t->epoll, &e, 1, -1) == 1 && e.data.fd == t->fd) {
		t->got = e.events;
		t->times++;
	}
	return NULL;
}

static void *waits_in_poll(void *arg)
{
	struct thread *t = arg;

	t->tid = gettid();
	t->got = (uint32_t)events_of(t->fd, -1);
	return NULL;
}

static void *waits_in_select(void *arg)
{
	struct thread *t = arg;
	fd_set w;

	t->tid = gettid();
	FD_ZERO(&w);
	FD_SET(t->fd, &w);
	t->times = select(t->fd + 1, NULL, &w, NULL, NULL);
	return NULL;
}

static void threads_in_one_epoll(void)
{
	struct thread t[4] = {0};
	int epoll = epoll_create1(0), fd = in_progress(), quit = eventfd(0, 0), times = 0;

	check(!watch(epoll, fd, EPOLLOUT | EPOLLONESHOT) && !watch(epoll, quit, EPOLLIN));
	for (int i = 0; i < 4; i++) {
		t[i] = (struct thread){.epoll = epoll, .fd = fd};
		pthread_create(&t[i].id, NULL, waits_in_epoll, &t[i]);
		asleep(&t[i]);
	}
	order(GO, 0);
	check(works(fd)); // with our help
	eventfd_write(quit, 1);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i].id, NULL);
		times += t[i].times;
		check(t[i].got == 0 || (t[i].got & ~(uint32_t)EPOLLIN) == EPOLLOUT);
	}
	check(times == 1);
	close(fd);
	close(epoll);
	close(quit);
}

// It sleeps when nothing is in progress yet.
static void asleep_before_connect(void)
{
	struct thread t = {.epoll = epoll_create1(0), .fd = unconnected(SOCK_NONBLOCK)};
	int quit = eventfd(0, 0);

	check(!watch(t.epoll, t.fd, EPOLLIN | EPOLLOUT | EPOLLET));
	check(next_event(t.epoll, t.fd, 0) == (EPOLLOUT | EPOLLHUP));
	check(!watch(t.epoll, quit, EPOLLIN));
	pthread_create(&t.id, NULL, waits_in_epoll, &t);
	asleep(&t);
	check(start(t.fd) == -1 && errno == EINPROGRESS);
	order(SETTLE, 0);
	asleep(&t);
	check(t.times == 0);
	order(GO, 0);
	while (__atomic_load_n(&t.times, __ATOMIC_ACQUIRE) == 0) // by itself
		sched_yield();
	eventfd_write(quit, 1);
	pthread_join(t.id, NULL);
	check(t.got == EPOLLOUT && t.times == 1 && works(t.fd));
	close(t.fd);
	close(t.epoll);
	close(quit);
}

// Another thread ends the handshake of what it waits for.
static void ended_by_another(void)
{
	void *(*const ways[])(void *) = {waits_in_poll, waits_in_select};

	for (int i = 0; i < 2; i++) {
		struct thread t = {.fd = in_progress()};
		struct sockaddr_in a;

		pthread_create(&t.id, NULL, ways[i], &t);
		asleep(&t);
		order(GO, 0);
		while (getpeername(t.fd, (struct sockaddr *)&a, &(socklen_t){sizeof(a)}) < 0)
			order(SETTLE, 0);
		pthread_join(t.id, NULL);
		check(i ? t.times == 1 : t.got == POLLOUT);
		check(works(t.fd));
		close(t.fd);
	}
}

// One says what it wants to hear of a socket while another connects it, and while that is over.
static struct {
	int epoll, fd;
	atomic_uint turn; // odd: it changes; even: it has
	uint64_t last;	  // data
} changed;

static void its_turn(unsigned int turn)
{
	while (atomic_load(&changed.turn) != turn)
		sched_yield();
}

static void *changes(void *arg)
{
	for (unsigned int turn = 1; (unsigned int)(uintptr_t)arg > turn; turn += 2) {
		its_turn(turn);
		for (unsigned int i = 0, n = turn / 4 % 5; turn % 8 != 7 && i <= n; i++) {
			struct epoll_event e = {(i == n || i % 2 ? EPOLLOUT : 0) | EPOLLIN,
						{.u64 = (uint64_t)turn << 16 | i}};

			check(!epoll_ctl(changed.epoll, EPOLL_CTL_MOD, changed.fd, &e));
			changed.last = e.data.u64;
		}
		atomic_fetch_add(&changed.turn, 1);
	}
	return NULL;
}

static bool is_last(void)
{
	struct epoll_event e;

	return epoll_wait(changed.epoll, &e, 1, 0) == 1 && e.events == EPOLLOUT &&
	       e.data.u64 == changed.last;
}

static void changed_meanwhile(void)
{
	enum { ROUNDS = 100 };
	unsigned int turn = 0;
	struct epoll_event e;
	pthread_t thread;

	changed.epoll = epoll_create1(0);
	atomic_store(&changed.turn, 0);
	pthread_create(&thread, NULL, changes, (void *)(uintptr_t)(4 * ROUNDS));
	for (int i = 0; i < ROUNDS; i++) {
		changed.fd = unconnected(SOCK_NONBLOCK);
		check(!watch(changed.epoll, changed.fd, EPOLLIN));
		atomic_store(&changed.turn, ++turn);
		for (int looks = 0; looks < i % 64 * 8; looks++) // not always at the same place
			atomic_load(&changed.turn);
		check(start(changed.fd) == -1 && errno == EINPROGRESS);
		its_turn(++turn);
		check(epoll_wait(changed.epoll, &e, 1, 0) == 0);
		order(GO, 0);
		atomic_store(&changed.turn, ++turn);
		check(events_of(changed.fd, -1) == POLLOUT);
		its_turn(++turn);
		check(is_last());
		close(changed.fd);
	}
	pthread_join(thread, NULL);
	close(changed.epoll);
}

// ---- times and signals ----

static int waits(int way, int fd, int epoll, int ms, const sigset_t *mask)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	struct timespec t = {.tv_nsec = ms * 1000000L};
	struct timeval v = {.tv_usec = ms * 1000L};
	struct epoll_event e;
	fd_set r, w;

	FD_ZERO(&r);
	FD_SET(fd, &r);
	w = r;
	switch (way) {
	case 0:
		return ppoll(&p, 1, ms < 0 ? NULL : &t, mask);
	case 1:
		return pselect(fd + 1, &r, &w, NULL, ms < 0 ? NULL : &t, mask);
	case 2:
		return epoll_pwait(epoll, &e, 1, ms, mask);
	case 3:
		return epoll_pwait2(epoll, &e, 1, ms < 0 ? NULL : &t, mask);
	case 4:
		return poll(&p, 1, ms);
	case 5:
		return select(fd + 1, &r, &w, NULL, ms < 0 ? NULL : &v);
	default:
		return epoll_wait(epoll, &e, 1, ms);
	}
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void times_hold(void)
{
	int fd = in_progress(), epoll = epoll_create1(0);

	check(!watch(epoll, fd, EPOLLIN | EPOLLOUT));
	for (int way = 0; way < 7; way++) {
		double begin = now_ms();

		check(waits(way, fd, epoll, 25, NULL) == 0);
		check(now_ms() - begin >= 25);
	}
	close(fd);
	close(epoll);
}

static volatile sig_atomic_t signals;
static sigjmp_buf before;
static volatile sig_atomic_t jumps;

static void on_signal(int sig)
{
	(void)sig;
	signals = signals + 1;
	if (jumps)
		siglongjmp(before, 1);
}

static void masks(void)
{
	int fd = in_progress(), epoll = epoll_create1(0);
	sigset_t block, none;

	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	check(!watch(epoll, fd, EPOLLIN | EPOLLOUT));
	for (int way = 0; way < 4; way++) {
		signals = 0;
		raise(SIGUSR1);
		check(waits(way, fd, epoll, 5, NULL) == 0 && signals == 0);
		check(waits(way, fd, epoll, -1, &none) == -1 && errno == EINTR && signals == 1);
	}
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	close(fd);
	close(epoll);
}

// A signal each 2 ms, so that one comes while a call waits, however late that begins.
static void alarms(bool on)
{
	struct itimerval t = {.it_interval.tv_usec = on ? 2000 : 0,
			      .it_value.tv_usec = on ? 2000 : 0};

	setitimer(ITIMER_REAL, &t, NULL);
}

static void handle_alarms(int flags)
{
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal, .sa_flags = flags}, NULL);
}

// These end also where other calls go on.
static void interrupted_waits(void)
{
	int fd = in_progress(), epoll = epoll_create1(0);

	handle_alarms(SA_RESTART);
	check(!watch(epoll, fd, EPOLLIN | EPOLLOUT));
	alarms(true);
	for (int way = 0; way < 7; way++)
		check(waits(way, fd, epoll, -1, NULL) == -1 && errno == EINTR);
	alarms(false);
	close(fd);
	close(epoll);
}

static void interrupted_connect(void)
{
	int fd = unconnected(0);

	handle_alarms(0);
	alarms(true);
	check(start(fd) == -1 && errno == EINTR);
	alarms(false);
	check(events_of(fd, 0) == 0);
	order(GO, 1);
	check(works(fd));
	close(fd);
	handle_alarms(SA_RESTART);
	fd = unconnected(0);
	order(GO, 20);
	alarms(true);
	check(start(fd) == 0);
	alarms(false);
	check(works(fd));
	close(fd);
}

static void jumped_out_of(void)
{
	volatile int fd = unconnected(0);

	handle_alarms(0);
	jumps = 1;
	if (!sigsetjmp(before, 1)) {
		alarms(true);
		start(fd);
		check(!"connect returned");
	}
	alarms(false);
	jumps = 0;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	check(events_of(fd, 0) == 0 && start(fd) == -1 && errno == EALREADY);
	order(GO, 1);
	check(works(fd));
	close(fd);
}

// ---- descriptors ----

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void large_numbers(void)
{
	const struct rlimit many = {4096, 4096};
	int low = in_progress(), fd;
	uint64_t sets[2][64];

	check(!setrlimit(RLIMIT_NOFILE, &many));
	fd = fcntl(low, F_DUPFD, 3000);
	close(low);
	check(fd == 3000);
	order(GO, 1);
	memset(sets, 0, sizeof(sets));
	sets[0][fd / 64] |= 1ULL << (fd % 64);
	memcpy(sets[1], sets[0], sizeof(sets[0]));
	check(select(fd + 1, (fd_set *)sets[0], (fd_set *)sets[1], NULL, NULL) == 1);
	check(!sets[0][fd / 64] && sets[1][fd / 64] == 1ULL << (fd % 64) && works(fd));
	close(fd);
}

// As many as there are places for, and more: closed ones make room.
static void closed_in_progress(void)
{
	int files = open_files(), epoll = epoll_create1(0), fd;

	for (int i = 0; i < 17000 && !failed; i++) {
		fd = begun();
		if (i % 2)
			check(!watch(epoll, fd, EPOLLOUT));
		close(fd);
	}
	check(next_event(epoll, -1, 0) == 0);
	fd = in_progress();
	order(GO, 1);
	check(works(fd));
	close(fd);
	close(epoll);
	check(open_files() == files);
}

static void early_data(void)
{
	int fd = in_progress(), pipes[2], left = 0;
	char data[8];

	check(!pipe(pipes) && write(pipes[1], "abcd", 4) == 4);
	check(splice(pipes[0], NULL, fd, NULL, 4, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN);
	check(splice(fd, NULL, pipes[1], NULL, 4, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN);
	check(write(fd, "x", 1) == -1 && errno == EAGAIN);
	check(recv(fd, data, 8, MSG_PEEK) == -1 && errno == EAGAIN);
	order(GO, 1);
	check(works(fd));
	left = splice(pipes[0], NULL, fd, NULL, 8, 0); // all of it is still there
	check(left == 4);
	order(SETTLE, 0);
	check(recv(fd, data, 8, 0) == 4 && !memcmp(data, "abcd", 4));
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static const struct test_case cases[] = {
	CASE(epoll_in_epoll),	    CASE(epoll_in_poll),
	CASE(several_epolls),	    CASE(epolls_of_the_past),
	CASE(threads_in_one_epoll), CASE(asleep_before_connect),
	CASE(ended_by_another),	    CASE(changed_meanwhile),
	CASE(times_hold),	    CASE(masks),
	CASE(interrupted_waits),    CASE(interrupted_connect),
	CASE(jumped_out_of),	    CASE(large_numbers),
	CASE(early_data),	    {"closed_in_progress", closed_in_progress, true},
};

int main(int argc, char **argv)
{
	peer_is(ECHO);
	signal(SIGUSR1, on_signal);
	return run_cases(cases, sizeof(cases) / sizeof(*cases), argc > 1 ? argv[1] : NULL);
}
