/* SPDX-License-Identifier: MIT */
/* The streams table: contract, reaping with real sockets, damaged memory, killed writers. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "stress.h"
#include "streams.h"

#define PLACES 16u /* in a bucket */

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

/* The i-th of cookies that no socket has. */
static uint64_t nobody(uint64_t i)
{
	return (1ull << 40) + i;
}

/* Adds entries of no socket until the kernel is asked: only the last of them stays. */
static void crowd(struct streams *t)
{
	uint64_t i = 0;

	do {
		assert_true(i < STREAMS_SLOTS);
		assert_int_equal(add(t, nobody(i)), 0);
	} while (i++ < 2 || has(t, nobody(0)));
}

/* Sockets of each family survive when the entries of closed ones make room. */
static void reaping(void **state)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
	int live[3][2], closed[2];

	(void)state;
	for (int f = 0; f < 3; f++) {
		struct streams *t = table();
		uint64_t gone;

		pair(families[f], live[f]);
		pair(families[f], closed);
		gone = cookie_of(closed[0]);
		assert_int_equal(add(t, cookie_of(live[f][0])), 0);
		assert_int_equal(add(t, gone), 0);
		assert_true(has(t, gone));
		unpair(closed);
		crowd(t);
		assert_false(has(t, gone));
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
	crowd(t);
	assert_false(has(t, cookie));
	close(fd[1]);
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

#define KEPT 500u

/* In a child that cannot ask the kernel: dead processes' entries go first, then the oldest. */
static int crowd_blindly(struct streams *t, pid_t gone)
{
	struct stream_entry e;

	if (!forbid_netlink())
		return 1;
	for (uint64_t i = 0; i < STREAMS_SLOTS + 2 * KEPT; i++) {
		e = entry(nobody(i), i < KEPT ? getpid() : gone);
		if (streams_add(t, &e) || !has(t, e.cookie))
			return 2;
	}
	for (uint64_t i = 0; i < KEPT; i++)
		if (!has(t, nobody(i)))
			return 3;
	for (uint64_t i = 0; i < 2 * STREAMS_SLOTS; i++)
		if (add(t, nobody((1u << 20) + i)) || !has(t, nobody((1u << 20) + i)))
			return 4;
	for (uint64_t i = 0; i < KEPT; i++)
		if (has(t, nobody(i)) || !has(t, nobody((1u << 20) + 2 * STREAMS_SLOTS - KEPT + i)))
			return 5;
	return 0;
}

static void no_netlink(void **state)
{
	struct streams *t = table();
	pid_t gone = fork(), child;
	int status;

	(void)state;
	if (!gone)
		_exit(0);
	assert_int_equal(waitpid(gone, &status, 0), gone);
	child = fork();
	if (!child)
		_exit(crowd_blindly(t, gone));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_in_range(count(t), STREAMS_SLOTS * 5 / 6, STREAMS_SLOTS);
	drop(t);
}

/* A process in a network namespace of its own, with the cookie of a socket there. */
static pid_t start_elsewhere(uint64_t *cookie)
{
	int ready[2], fd[2];
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(1);
		pair(AF_UNIX, fd);
		*cookie = cookie_of(fd[0]);
		if (write(ready[1], cookie, sizeof(*cookie)) != sizeof(*cookie))
			_exit(1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], cookie, sizeof(*cookie)), sizeof(*cookie));
	close(ready[0]);
	return child;
}

static void end(pid_t child)
{
	int status;

	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* Sockets of another network namespace cannot be seen, and are kept. */
static void other_namespace(void **state)
{
	struct streams *t = table();
	struct stream_entry e;
	uint64_t cookie;
	pid_t child = start_elsewhere(&cookie);

	(void)state;
	e = entry(cookie, child);
	assert_int_equal(streams_add(t, &e), 0);
	crowd(t);
	assert_true(has(t, cookie));
	assert_int_equal(count(t), 2);
	end(child);
	drop(t);
}

/* Nothing but streams that live: what has no room any more goes unlisted, and nothing else goes. */
static void all_live(void **state)
{
	struct streams *t = table();
	struct stream_entry e;
	uint64_t cookie, i = 0;
	pid_t child = start_elsewhere(&cookie);

	(void)state;
	do
		e = entry(nobody(i++), child);
	while (!streams_add(t, &e));
	assert_int_equal(streams_add(t, &e), -ENOSPC);
	assert_false(has(t, e.cookie));
	assert_in_range(i, STREAMS_SLOTS * 5 / 6, STREAMS_SLOTS + 1);
	while (--i > 0)
		assert_true(has(t, nobody(i - 1)));
	end(child);
	drop(t);
}

/* The i-th cookie of a kernel that gives blocks to processors. */
static uint64_t in_blocks(uint64_t i, uint64_t cpus, uint64_t block, uint64_t stride)
{
	return 1 + (i % cpus) * stride + i / cpus % block + i / cpus / block * stride * cpus;
}

/*
 * 10,000 streams that live are all listed whatever cookies the kernel gave them, among three times
 * as many that come and go.
 */
static void ten_thousand(void **state)
{
	static const uint64_t kernels[][3] = {
		{1, 1, 1},    {2, 4096, 4096},	  {64, 4096, 4096},   {8, 16, STREAMS_SLOTS},
		{1, 1, 4096}, {1, 1, 1ull << 32}, {1, 1, 1ull << 48}, {1, 1, STREAMS_SLOTS},
	};
	uint64_t cookie;
	pid_t child = start_elsewhere(&cookie);

	(void)state;
	for (size_t k = 0; k < sizeof(kernels) / sizeof(*kernels); k++) {
		struct streams *t = table();
		const uint64_t *how = kernels[k];

		for (uint64_t i = 0; i < 40000; i++) {
			struct stream_entry e = entry(in_blocks(i, how[0], how[1], how[2]),
						      i % 4 ? getpid() : child);

			assert_int_equal(streams_add(t, &e), 0);
		}
		for (uint64_t i = 0; i < 40000; i += 4)
			assert_true(has(t, in_blocks(i, how[0], how[1], how[2])));
		drop(t);
	}
	end(child);
}

/* Many sockets, one after the other, in a table that fills again and again. */
static void many(void **state)
{
	struct streams *t = table();
	int fd[2];

	(void)state;
	pair(AF_INET, fd);
	assert_int_equal(add(t, cookie_of(fd[0])), 0);
	for (uint64_t i = 0; i < 300000; i++) {
		if (add(t, nobody(i))) /* the kernel was asked a moment ago */
			usleep(1000);
		else
			assert_true(has(t, nobody(i)));
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

#define CROWD 4096u
#define CROWD_BUCKETS 32u

/*
 * Cookies that all may stand in so many buckets of each tier: twice as many as there is room for.
 */
static uint64_t crowded[CROWD];

static int pick_crowded(void **state)
{
	uint32_t first[2], n = 0;

	(void)state;
	for (uint64_t c = 1; n < CROWD; c++) {
		bool fits = true;

		for (uint32_t tier = STREAMS_TIERS; tier-- && fits;) {
			uint32_t begin = tier ? STREAMS_SLOTS >> 2 * (STREAMS_TIERS - tier) : 0;

			streams_buckets(c, tier, first);
			fits = first[0] - begin < CROWD_BUCKETS * PLACES &&
			       first[1] - begin < CROWD_BUCKETS * PLACES;
		}
		if (fits)
			crowded[n++] = c;
	}
	return 0;
}

/* Adds and drops them; NULL when every answer was right. */
static void *write_streams(void *arg)
{
	struct writer *w = arg;
	struct stream_entry e;

	for (unsigned int i = 0; i < w->rounds; i++) {
		uint64_t r = (unsigned int)rand_r(&w->seed), cookie = crowded[r % CROWD];

		if (r >> 28 & 1)
			streams_drop(w->table, cookie);
		else
			add(w->table, cookie);
		cookie = crowded[(r >> 8) % CROWD];
		if (!streams_find(w->table, cookie, &e) && (e.cookie != cookie || !whole(&e)))
			return w;
	}
	return NULL;
}

static void threads(void **state)
{
	struct streams *t = table();

	(void)state;
	stress_threads(t, write_streams, 10000);
	assert_in_range(count(t), 1, STREAMS_TIERS * CROWD_BUCKETS * PLACES);
	for (uint32_t i = 0; i < CROWD; i++)
		streams_drop(t, crowded[i]);
	assert_int_equal(count(t), 0);
	drop(t);
}

static void count_all(void *t)
{
	count(t);
}

/* Processes killed at random instructions leave a table that is right, and usable. */
static void killed(void **state)
{
	struct streams *t = table();
	unsigned int listed = 0;

	(void)state;
	stress_killed(t, write_streams, count_all);
	for (uint32_t i = 0; i < CROWD; i++)
		streams_drop(t, crowded[i]);
	for (uint32_t i = 0; i < CROWD; i++)
		listed += !add(t, crowded[i]) && has(t, crowded[i]);
	/* A writer loses one place at most. A reaping meanwhile makes room for more. */
	assert_in_range(listed, STREAMS_TIERS * CROWD_BUCKETS * PLACES - 144, CROWD);
	assert_in_range(count(t), 1, STREAMS_TIERS * CROWD_BUCKETS * PLACES);
	drop(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(basics),
		cmocka_unit_test(name_use),
		cmocka_unit_test(reaping),
		cmocka_unit_test(orphans),
		cmocka_unit_test(all_live),
		cmocka_unit_test(no_netlink),
		cmocka_unit_test(other_namespace),
		cmocka_unit_test(ten_thousand),
		cmocka_unit_test(many),
		cmocka_unit_test(rubbish),
		cmocka_unit_test(threads),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, pick_crowded, NULL);
}
