/* SPDX-License-Identifier: MIT */
/* The streams table: contract, reaping with real sockets, damaged memory, killed writers. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "streams.h"

#define WINDOW 16u

static struct streams *table(void)
{
	void *at = mmap(NULL, streams_size(), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void drop(struct streams *t)
{
	munmap(t, streams_size());
}

/* An entry whose every field follows from its cookie, so that a torn one shows. */
static struct stream_entry entry(uint64_t cookie, int32_t pid)
{
	struct stream_entry e = {.cookie = cookie, .started = cookie * 3 + 1, .pid = pid};

	memcpy(e.to.ip, &cookie, 8);
	memcpy(e.to.ip + 8, &cookie, 8);
	e.to.scope = (uint32_t)(cookie * 5);
	e.to.port = (uint16_t)cookie;
	e.name = (int32_t)(cookie % 1000) - 1;
	e.sent = (uint32_t)(cookie * 7);
	e.received = (uint32_t)(cookie * 11);
	return e;
}

static bool whole(const struct stream_entry *e)
{
	struct stream_entry want = entry(e->cookie, e->pid);

	return want.started == e->started && want.name == e->name && want.sent == e->sent &&
	       want.received == e->received && addr_equal(&want.to, &e->to);
}

static int add(struct streams *t, uint64_t cookie)
{
	struct stream_entry e = entry(cookie, getpid());

	return streams_add(t, &e);
}

static bool has(const struct streams *t, uint64_t cookie)
{
	struct stream_entry e;

	if (streams_find(t, cookie, &e))
		return false;
	assert_int_equal(e.cookie, cookie);
	assert_true(whole(&e));
	return true;
}

static int count_one(void *arg, const struct stream_entry *e)
{
	++*(unsigned int *)arg;
	return whole(e) ? 0 : -1;
}

static unsigned int count(const struct streams *t)
{
	unsigned int n = 0;

	assert_int_equal(streams_each(t, count_one, &n), 0);
	return n;
}

static int second(void *arg, const struct stream_entry *e)
{
	(void)e;
	return ++*(unsigned int *)arg == 2 ? 77 : 0;
}

static void basics(void **state)
{
	struct streams *t = table();
	struct stream_entry e = entry(5, 1), out;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(streams_find(t, 5, &out), -ENOENT);
	assert_int_equal(streams_find(t, 0, &out), -ENOENT);
	assert_int_equal(add(t, 0), -EINVAL);
	assert_int_equal(add(t, 5), 0);
	assert_int_equal(add(t, 5 + STREAMS_SLOTS), 0);
	assert_int_equal(add(t, UINT64_MAX), 0);
	assert_true(has(t, 5) && has(t, 5 + STREAMS_SLOTS) && has(t, UINT64_MAX));
	assert_false(has(t, 6));
	assert_int_equal(count(t), 3);
	assert_int_equal(streams_each(t, second, &n), 77);
	e.to.port = 99;
	assert_int_equal(streams_add(t, &e), 0);
	assert_int_equal(streams_find(t, 5, &out), 0);
	assert_int_equal(out.to.port, 99);
	streams_drop(t, 5);
	streams_drop(t, 6);
	streams_drop(t, 0);
	assert_false(has(t, 5));
	assert_true(has(t, 5 + STREAMS_SLOTS));
	assert_int_equal(count(t), 2);
	drop(t);
}

static void name_use(void **state)
{
	struct streams *t = table();
	struct stream_entry e = entry(5, 1);

	(void)state;
	e.name = -1;
	assert_int_equal(streams_add(t, &e), 0);
	assert_false(streams_uses_name(t, 0));
	assert_false(streams_uses_name(t, UINT32_MAX));
	e.name = 0;
	assert_int_equal(streams_add(t, &e), 0);
	assert_true(streams_uses_name(t, 0));
	assert_false(streams_uses_name(t, 1));
	e.name = 131071;
	assert_int_equal(streams_add(t, &e), 0);
	assert_false(streams_uses_name(t, 0));
	assert_true(streams_uses_name(t, 131071));
	streams_drop(t, 5);
	assert_false(streams_uses_name(t, 131071));
	drop(t);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

/* A connected pair on the loopback of `family`, or of Unix sockets. */
static void pair(int family, int fd[2])
{
	struct sockaddr_storage to = {.ss_family = (sa_family_t)family};
	socklen_t len = sizeof(to);
	int server = socket(family, SOCK_STREAM, 0);

	if (family == AF_UNIX) {
		close(server);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		return;
	}
	if (family == AF_INET)
		((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&to)->sin6_addr = in6addr_loopback;
	assert_int_equal(bind(server, (struct sockaddr *)&to, len), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&to, &len), 0);
	fd[0] = socket(family, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[0], (struct sockaddr *)&to, len), 0);
	fd[1] = accept(server, NULL, NULL);
	close(server);
}

static void unpair(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

/* Fills all places of a cookie's window but those taken with cookies of no socket. */
static void crowd(struct streams *t, uint64_t cookie)
{
	for (uint64_t i = 0; i < WINDOW; i++)
		assert_int_equal(add(t, cookie % STREAMS_SLOTS + i + (1ull << 40)), 0);
}

/* Sockets of each family survive when the entries of closed ones make room. */
static void reaping(void **state)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
	int live[3][2], closed[2];

	(void)state;
	for (int f = 0; f < 3; f++) {
		struct streams *t = table();

		pair(families[f], live[f]);
		pair(families[f], closed);
		assert_int_equal(add(t, cookie_of(live[f][0])), 0);
		assert_int_equal(add(t, cookie_of(closed[0])), 0);
		crowd(t, 1000);
		assert_true(has(t, cookie_of(closed[0])));
		unpair(closed);
		assert_int_equal(add(t, 1000), 0);
		assert_true(has(t, 1000));
		assert_true(has(t, cookie_of(live[f][0])));
		assert_int_equal(count(t), 2);
		unpair(live[f]);
		drop(t);
	}
}

/* Closed by the program, but the kernel still sends its last bytes: that is no stream any more. */
static void orphans(void **state)
{
	struct streams *t = table();
	char big[1 << 16] = {0};
	uint64_t cookie;
	int fd[2];

	(void)state;
	pair(AF_INET, fd);
	while (send(fd[0], big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	cookie = cookie_of(fd[0]);
	assert_int_equal(add(t, cookie), 0);
	close(fd[0]);
	crowd(t, 1000);
	assert_int_equal(add(t, 1000), 0);
	assert_false(has(t, cookie));
	close(fd[1]);
	drop(t);
}

/* Sixteen live sockets whose cookies follow one another; the kernel counts for each processor. */
static bool in_a_row(int fd[static WINDOW][2], uint64_t cookie[static WINDOW])
{
	bool row = true;

	for (unsigned int i = 0; i < WINDOW; i++) {
		pair(AF_UNIX, fd[i]);
		cookie[i] = cookie_of(fd[i][0]);
		row = row && cookie[i] == cookie[0] + i;
	}
	for (unsigned int i = 0; i < WINDOW && !row; i++)
		unpair(fd[i]);
	return row;
}

/* A window full of live sockets: the new one goes unlisted. */
static void all_live(void **state)
{
	struct streams *t = table();
	uint64_t cookie[WINDOW];
	int fd[WINDOW][2], tries = 0;

	(void)state;
	while (!in_a_row(fd, cookie))
		if (++tries == 100)
			skip(); /* others take numbers all the time */
	for (unsigned int i = 0; i < WINDOW; i++)
		assert_int_equal(add(t, cookie[i]), 0);
	assert_int_equal(add(t, cookie[0] + STREAMS_SLOTS), -ENOSPC);
	assert_false(has(t, cookie[0] + STREAMS_SLOTS));
	for (unsigned int i = 0; i < WINDOW; i++) {
		assert_true(has(t, cookie[i]));
		unpair(fd[i]);
	}
	drop(t);
}

/* From here on this process gets no netlink socket. */
static bool forbid_netlink(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* Where the kernel cannot be asked, a dead process's entry goes, else the oldest. */
static void no_netlink(void **state)
{
	struct streams *t = table();
	pid_t gone = fork(), child;
	int status;

	(void)state;
	if (!gone)
		_exit(0);
	assert_int_equal(waitpid(gone, &status, 0), gone);
	crowd(t, 1000);
	child = fork();
	if (!child) {
		struct stream_entry e = entry(1000 + 7 + (1ull << 40), gone);

		if (!forbid_netlink())
			_exit(99);
		if (streams_add(t, &e) || add(t, 1000) || has(t, e.cookie))
			_exit(1);
		_exit(add(t, 1000 + STREAMS_SLOTS) ? 2 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		skip();
	assert_int_equal(status, 0);
	assert_int_equal(count(t), WINDOW);
	assert_true(has(t, 1000 + STREAMS_SLOTS));
	assert_true(!has(t, 1000) && has(t, 1000 + (1ull << 40)));
	drop(t);
}

/* Sockets of another network namespace cannot be seen, and are kept. */
static void other_namespace(void **state)
{
	struct streams *t = table();
	int ready[2], status;
	uint64_t cookie;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		int fd[2];

		if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(0);
		pair(AF_UNIX, fd);
		cookie = cookie_of(fd[0]);
		if (add(t, cookie) || write(ready[1], &cookie, 8) != 8)
			_exit(1);
		pause();
	}
	close(ready[1]);
	if (read(ready[0], &cookie, 8) != 8)
		skip();
	crowd(t, 1000);
	assert_int_equal(add(t, 1000), 0);
	assert_true(has(t, cookie));
	assert_int_equal(count(t), 2);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ready[0]);
	drop(t);
}

/* Many sockets, one after the other, in windows that are full again and again. */
static void many(void **state)
{
	struct streams *t = table();
	int fd[2];

	(void)state;
	pair(AF_INET, fd);
	assert_int_equal(add(t, cookie_of(fd[0])), 0);
	for (uint64_t i = 0; i < 300000; i++) {
		uint64_t cookie = (1ull << 40) + i;

		if (add(t, cookie)) /* the kernel was asked a moment ago */
			usleep(1000);
		else
			assert_true(has(t, cookie));
	}
	assert_true(has(t, cookie_of(fd[0])));
	assert_in_range(count(t), 2, STREAMS_SLOTS);
	unpair(fd);
	drop(t);
}

static void rubbish(void **state)
{
	struct streams *t = table();
	uint32_t *words = (uint32_t *)t;
	struct stream_entry e;
	uint64_t x = 88172645463325252u;
	unsigned int n = 0;

	(void)state;
	for (size_t i = 0; i < streams_size() / sizeof(*words); i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		words[i] = (uint32_t)x;
	}
	for (uint64_t i = 1; i < 200; i++) {
		add(t, i);
		streams_find(t, i, &e);
		streams_drop(t, i);
	}
	streams_each(t, second, &n);
	streams_uses_name(t, 5);
	drop(t);
}

#define OVERLAP 400u

struct writer {
	struct streams *t;
	unsigned int seed, rounds;
};

/* Adds and drops cookies of few homes; NULL when every answer was right. */
static void *write_streams(void *arg)
{
	struct writer *w = arg;
	struct stream_entry e;

	for (unsigned int i = 0; i < w->rounds; i++) {
		uint64_t r = (unsigned int)rand_r(&w->seed);
		uint64_t cookie = 1 + r % OVERLAP + (r >> 16) % 64 * STREAMS_SLOTS;

		if (r >> 28 & 1)
			streams_drop(w->t, cookie);
		else
			add(w->t, cookie);
		cookie = 1 + (r >> 8) % OVERLAP;
		if (!streams_find(w->t, cookie, &e) && (e.cookie != cookie || !whole(&e)))
			return w;
	}
	return NULL;
}

static void threads(void **state)
{
	struct streams *t = table();
	struct writer w[8];
	pthread_t id[8];
	void *bad;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		w[i] = (struct writer){t, i, 10000};
		assert_int_equal(pthread_create(&id[i], NULL, write_streams, &w[i]), 0);
	}
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(id[i], &bad), 0);
		assert_null(bad);
	}
	assert_in_range(count(t), 1, OVERLAP + WINDOW);
	for (uint64_t i = 1; i <= OVERLAP; i++)
		for (uint64_t k = 0; k < 64; k++)
			streams_drop(t, i + k * STREAMS_SLOTS);
	assert_int_equal(count(t), 0);
	drop(t);
}

static void write_until_killed(struct streams *t, unsigned int seed)
{
	struct writer w[3];
	pthread_t id;

	for (unsigned int i = 0; i < 3; i++) {
		w[i] = (struct writer){t, seed * 3 + i, UINT32_MAX};
		if (i)
			pthread_create(&id, NULL, write_streams, &w[i]);
	}
	write_streams(&w[0]);
	_exit(1); /* a wrong answer, else it never comes back */
}

/* Processes killed at random instructions leave a table that is right, and usable. */
static void killed(void **state)
{
	struct streams *t = table();
	unsigned int seed = 1, listed = 0;
	pid_t child[8];
	int status;

	(void)state;
	for (unsigned int r = 0; r < 6; r++) {
		for (unsigned int i = 0; i < 8; i++) {
			child[i] = fork();
			if (!child[i])
				write_until_killed(t, r * 8 + i);
		}
		for (unsigned int i = 0; i < 8; i++) {
			usleep((useconds_t)rand_r(&seed) % 5000);
			count(t);
			kill(child[i], SIGKILL);
			assert_int_equal(waitpid(child[i], &status, 0), child[i]);
			assert_true(WIFSIGNALED(status));
		}
	}
	usleep(250000); /* longer than a reaper's rest */
	for (uint64_t i = 1; i <= OVERLAP; i++)
		listed += !add(t, i + (1ull << 50) * STREAMS_SLOTS);
	assert_in_range(listed, OVERLAP - 60, OVERLAP); /* at most one place lost per kill */
	count(t);
	drop(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(basics),	   cmocka_unit_test(name_use),
		cmocka_unit_test(reaping),	   cmocka_unit_test(orphans),
		cmocka_unit_test(all_live),	   cmocka_unit_test(no_netlink),
		cmocka_unit_test(other_namespace), cmocka_unit_test(many),
		cmocka_unit_test(rubbish),	   cmocka_unit_test(threads),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
