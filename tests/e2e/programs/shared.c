/* SPDX-License-Identifier: MIT */
// Connections in progress that more than one process has: passed on meanwhile, or shared before one
// of them connects. shared, started by conform_far as `pending` is: bare and wrapped it does the
// same; the last line is "N cases".
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>

#include "pending.h"

static void ends_well(pid_t child)
{
	int status = -1;

	check(waitpid(child, &status, 0) == child);
	if (status)
		printf("status %x\n", (unsigned int)status);
	check(status == 0);
}

static void send_fd(int to, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {(char[]){0}, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	check(sendmsg(to, &m, 0) == 1);
}

static int receive_fd(int from)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	int fd = -1;

	check(recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

// ---- processes ----

static void inherited(void)
{
	int fd = in_progress();
	pid_t child = fork();

	if (!child) {
		order(GO, 1);
		_exit(!works(fd));
	}
	ends_well(child);
	check(works(fd)); // the connection that it made
	close(fd);
}

static void over_exec(void)
{
	int fd = in_progress();
	char number[16];
	pid_t child;

	snprintf(number, sizeof(number), "%d", fd);
	child = fork();
	if (!child) {
		execl("/proc/self/exe", "shared", "goes on", number, "0", (char *)NULL);
		_exit(9);
	}
	close(fd);
	ends_well(child);
}

static void passed_on(void)
{
	int pair[2], fd;
	pid_t child;

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	child = fork();
	if (!child) {
		fd = receive_fd(pair[1]);
		check(events_of(fd, 0) == 0);
		order(GO, 1);
		_exit(!works(fd) || failed);
	}
	fd = in_progress();
	send_fd(pair[0], fd);
	close(fd);
	ends_well(child);
	close(pair[0]);
	close(pair[1]);
}

// ---- shared before it is connected ----

// What the process does that does not connect.
enum way { POLLS, SELECTS, WATCHES, WATCHED, CALLS, WRITES, READS, REFUSES, WAYS };
// How it has come to the socket.
enum means { BY_FORK, BY_RIGHTS, BY_EXEC };

static int said[2], heard[2]; // pipes: of who connects, of who does not

static void tell(const int to[2])
{
	check(write(to[1], "", 1) == 1);
}

static void hear(const int from[2])
{
	char byte;

	check(read(from[0], &byte, 1) == 1);
}

static void open_pipes(void)
{
	check(!pipe(said) && !pipe(heard));
}

static void close_pipes(void)
{
	for (int i = 0; i < 2; i++) {
		close(said[i]);
		close(heard[i]);
	}
}

static int new_socket(enum way way)
{
	int at = stage;

	if (way == REFUSES && at == STAGE_HALF_REPLY) // which says that it is a refusal
		at = STAGE_REPLY;
	order(HOLD, at + (way == READS ? GREETS : 0));
	peer_is(way == REFUSES ? REFUSED : ECHO);
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static int error_of(int fd)
{
	int error = 0;

	check(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}));
	return error;
}

static bool has_peer(int fd)
{
	struct sockaddr_in a;

	return !getpeername(fd, (struct sockaddr *)&a, &(socklen_t){sizeof(a)});
}

static int selected(int fd, struct timeval *t)
{
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	return select(fd + 1, &r, &w, NULL, t);
}

static void set_blocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static void is_in_progress(int fd)
{
	char data[8];

	check(send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EAGAIN);
	check(read(fd, data, 8) == -1 && errno == EAGAIN);
	check(recv(fd, data, 8, MSG_PEEK) == -1 && errno == EAGAIN);
	check(error_of(fd) == 0 && !has_peer(fd));
	check(start(fd) == -1 && errno == EALREADY);
}

static void asks(int fd)
{
	is_in_progress(fd);
	order(GO, 0);
	while (!has_peer(fd))
		order(SETTLE, 0);
}

static void reads_greeting(int fd)
{
	char data[8] = "";

	set_blocking(fd);
	order(GO, 1);
	check(read(fd, data, 8) == 5 && !memcmp(data, "hello", 5));
}

static void is_refused(int fd)
{
	check(events_of(fd, 0) == 0 && error_of(fd) == 0);
	order(GO, 1);
	check(events_of(fd, -1) & POLLHUP);
	check(error_of(fd) == ECONNREFUSED && error_of(fd) == 0);
}

static void uses(int fd, enum way way, int epoll)
{
	struct timeval none = {0};

	switch (way) {
	case POLLS:
		check(events_of(fd, 0) == 0);
		order(GO, 1);
		break;
	case SELECTS:
		check(selected(fd, &none) == 0);
		order(GO, 1);
		check(selected(fd, NULL) == 1);
		break;
	case WATCHES:
		check(!watch(epoll, fd, EPOLLOUT));
		/* fallthrough */
	case WATCHED:
		check(next_event(epoll, fd, 0) == 0);
		order(GO, 1);
		check(next_event(epoll, fd, -1) == EPOLLOUT);
		break;
	case CALLS:
		asks(fd);
		break;
	case WRITES:
		set_blocking(fd);
		order(GO, 1);
		check(write(fd, "ab", 2) == 2 && read(fd, &(char[8]){0}, 8) == 2);
		break;
	case READS:
		reads_greeting(fd);
		break;
	default:
		is_refused(fd);
		return;
	}
	check(works(fd));
}

static void begin_to_use(int fd, enum way way, int epoll)
{
	if (way != WATCHED)
		return;
	check(!watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLET));
	check(next_event(epoll, fd, 0) == (EPOLLOUT | EPOLLHUP));
	check(next_event(epoll, fd, 0) == 0);
}

// Who does not connect.
static void user(int fd, enum way way)
{
	int epoll = epoll_create1(0);

	begin_to_use(fd, way, epoll);
	tell(heard);
	hear(said);
	uses(fd, way, epoll);
	tell(heard);
	close(epoll);
}

static void connector(int fd)
{
	hear(heard);
	check(start(fd) == -1 && errno == EINPROGRESS);
	tell(said);
	hear(heard);
}

static void become(const char *role, int fd, enum way way)
{
	char numbers[6][16];
	const int n[6] = {fd, way, said[0], said[1], heard[0], heard[1]};

	for (int i = 0; i < 6; i++)
		snprintf(numbers[i], sizeof(numbers[i]), "%d", n[i]);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", way + 10 * stage);
	execl("/proc/self/exe", "shared", role, numbers[0], numbers[1], numbers[2], numbers[3],
	      numbers[4], numbers[5], (char *)NULL);
	_exit(9);
}

static void play(bool connects, enum means means, int fd, enum way way)
{
	if (means == BY_EXEC)
		become(connects ? "connects" : "uses", fd, way);
	connects ? connector(fd) : user(fd, way);
	_exit(failed);
}

static void two(enum means means, enum way way, bool child_connects)
{
	int pair[2], fd = means == BY_RIGHTS ? -1 : new_socket(way);
	pid_t child;

	open_pipes();
	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	child = fork();
	if (!child)
		play(child_connects, means, means == BY_RIGHTS ? receive_fd(pair[1]) : fd, way);
	if (means == BY_RIGHTS) {
		fd = new_socket(way);
		send_fd(pair[0], fd);
	}
	if (child_connects)
		user(fd, way);
	else
		connector(fd);
	ends_well(child);
	if (way != REFUSES)
		check(works(fd));
	close(fd);
	close(pair[0]);
	close(pair[1]);
	close_pipes();
}

static void shared_by(enum means means)
{
	for (enum way way = 0; way < WAYS; way++)
		for (int i = 0; i < 2; i++) {
			two(means, way, i);
			if (failed)
				printf("way %d, %s connects, stage %d\n", way,
				       i ? "the child" : "the parent", stage);
			fflush(stdout);
			if (failed)
				exit(1);
		}
}

static void by_fork(void)
{
	shared_by(BY_FORK);
}

static void by_rights(void)
{
	shared_by(BY_RIGHTS);
}

static void by_exec(void)
{
	shared_by(BY_EXEC);
}

static char state_of(pid_t pid)
{
	char path[64], line[256] = "", *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	check(f && fgets(line, sizeof(line), f));
	if (f)
		fclose(f);
	end = strrchr(line, ')');
	return end ? end[2] : 0;
}

static void wait_asleep(pid_t pid)
{
	while (state_of(pid) != 'S')
		sched_yield();
}

// It sleeps in connect(2), and the far end has come to where it holds: each round is one of the
// handshake's.
static void wait_held(pid_t pid)
{
	wait_asleep(pid);
	for (int i = 0; i < STAGES; i++) {
		order(SETTLE, 0);
		wait_asleep(pid);
	}
}

// It sleeps when nothing is in progress, and is not woken before the connection is up.
static void asleep_in_another(void)
{
	int fd = new_socket(WATCHED), epoll;
	pid_t child;

	open_pipes();
	child = fork();
	if (!child) {
		epoll = epoll_create1(0);
		begin_to_use(fd, WATCHED, epoll);
		tell(heard);
		check(next_event(epoll, fd, -1) == EPOLLOUT);
		tell(heard);
		hear(said);
		_exit(!works(fd) || failed);
	}
	hear(heard);
	wait_asleep(child);
	check(start(fd) == -1 && errno == EINPROGRESS);
	order(SETTLE, 0);
	wait_asleep(child);
	check(events_of(heard[0], 0) == 0);
	order(GO, 0);
	while (!(events_of(heard[0], 0) & POLLIN))
		order(SETTLE, 0);
	hear(heard);
	tell(said);
	ends_well(child);
	close(fd);
	close_pipes();
}

// One epoll for both.
static void one_epoll(void)
{
	int fd = new_socket(WATCHED), epoll = epoll_create1(0);
	pid_t child;

	open_pipes();
	begin_to_use(fd, WATCHED, epoll);
	child = fork();
	if (!child) {
		uses(fd, WATCHED, epoll);
		_exit(failed);
	}
	check(start(fd) == -1 && errno == EINPROGRESS);
	ends_well(child);
	check(works(fd));
	close(fd);
	close(epoll);
	close_pipes();
}

// Both wait for it, and both hear of it.
static void both_wait(void)
{
	for (int i = 0; i < 2; i++) {
		int fd = new_socket(POLLS), epoll;
		pid_t child;

		open_pipes();
		child = fork();
		if (!child) {
			epoll = epoll_create1(0);
			check(i || !watch(epoll, fd, EPOLLOUT));
			hear(said);
			tell(heard);
			check(i ? events_of(fd, -1) == POLLOUT
				: next_event(epoll, fd, -1) == EPOLLOUT);
			_exit(failed);
		}
		check(start(fd) == -1 && errno == EINPROGRESS);
		tell(said);
		hear(heard);
		wait_asleep(child);
		order(GO, 1);
		check(events_of(fd, -1) == POLLOUT);
		ends_well(child);
		check(works(fd));
		close(fd);
		close_pipes();
	}
}

// Who connects is killed, and has not been waited for; the other one goes on.
static void connector_killed(void)
{
	siginfo_t info;

	for (enum way way = 0; way < WAYS; way++) {
		int fd = new_socket(way), epoll = epoll_create1(0);
		pid_t child;

		open_pipes();
		begin_to_use(fd, way, epoll);
		child = fork();
		if (!child) {
			start(fd);
			tell(said);
			for (;;)
				pause();
		}
		hear(said);
		kill(child, SIGKILL);
		check(!waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
		uses(fd, way, epoll);
		check(waitpid(child, NULL, 0) == child);
		close(fd);
		close(epoll);
		close_pipes();
	}
}

// As above, while it looks at the stream all the time: what it had begun is lost, and that is an
// error, or the other one goes on.
static void killed_at_it(void)
{
	for (int i = 0; i < 10; i++) {
		int fd = new_socket(POLLS), error;
		pid_t child = fork();
		struct timespec t = {.tv_nsec = 100000 * i};

		if (!child) {
			start(fd);
			for (;;)
				events_of(fd, 0);
		}
		nanosleep(&t, NULL); /* killed earlier and later in its steps */
		kill(child, SIGKILL);
		check(waitpid(child, NULL, 0) == child);
		error = start(fd) == -1 ? errno : 0;
		check(error == EINPROGRESS || error == EALREADY || error == ECONNABORTED);
		order(GO, 1);
		if (error != ECONNABORTED) {
			check(events_of(fd, -1));
			error = error_of(fd);
			check(error == ECONNABORTED || (!error && works(fd)));
		}
		close(fd);
	}
}

// As above, and it is killed in a connect(2) that blocks.
static void blocked_and_killed(void)
{
	for (enum way way = 0; way < WAYS; way++) {
		int fd = new_socket(way), epoll = epoll_create1(0);
		pid_t child;

		open_pipes();
		begin_to_use(fd, way, epoll);
		set_blocking(fd);
		child = fork();
		if (!child) {
			start(fd);
			_exit(1);
		}
		wait_held(child);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		check(start(fd) == -1 && errno == EALREADY);
		kill(child, SIGKILL);
		check(waitpid(child, NULL, 0) == child);
		uses(fd, way, epoll);
		close(fd);
		close(epoll);
		close_pipes();
	}
}

// The parent is killed; a grandchild goes on.
static void parent_killed(void)
{
	int fd = new_socket(POLLS), done[2];
	pid_t parent;
	char good = 0;

	open_pipes();
	check(!pipe(done));
	parent = fork();
	if (!parent) {
		if (fork() == 0) {
			hear(said);
			uses(fd, POLLS, -1);
			check(write(done[1], failed ? "n" : "y", 1) == 1);
			_exit(0);
		}
		check(start(fd) == -1 && errno == EINPROGRESS);
		tell(heard);
		for (;;)
			pause();
	}
	hear(heard);
	kill(parent, SIGKILL);
	check(waitpid(parent, NULL, 0) == parent);
	tell(said);
	check(read(done[0], &good, 1) == 1 && good == 'y');
	close(done[0]);
	close(done[1]);
	close(fd);
	close_pipes();
}

static const struct test_case cases[] = {
	CASE(inherited),	  CASE(over_exec),     CASE(passed_on),		CASE(by_fork),
	CASE(by_rights),	  CASE(by_exec),       CASE(asleep_in_another), CASE(one_epoll),
	CASE(both_wait),	  CASE(parent_killed), CASE(connector_killed),	CASE(killed_at_it),
	CASE(blocked_and_killed),
};

// The other program of over_exec() and by_exec().
static int other(char **argv)
{
	int fd = atoi(argv[2]), way = atoi(argv[3]);

	current = argv[1];
	if (!strcmp(argv[1], "goes on")) {
		check(events_of(fd, 0) == 0);
		order(GO, 1);
		return !works(fd) || failed;
	}
	stage = way / 10;
	peer_is(way % 10 == REFUSES ? REFUSED : ECHO);
	for (int i = 0; i < 2; i++) {
		said[i] = atoi(argv[4 + i]);
		heard[i] = atoi(argv[6 + i]);
	}
	if (!strcmp(argv[1], "uses"))
		user(fd, way % 10);
	else
		connector(fd);
	return failed;
}

int main(int argc, char **argv)
{
	peer_is(ECHO);
	if (argc > 3)
		return other(argv);
	return run_cases(cases, sizeof(cases) / sizeof(*cases), argc > 1 ? argv[1] : NULL);
}
