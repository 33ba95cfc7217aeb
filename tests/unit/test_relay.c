/* SPDX-License-Identifier: MIT */
/* test_relay.c - the door of a relay lets in one caller's socket, and sends everybody else away. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/guard/supervisor.h"

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

static int visitor(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
	return fd;
}

static void assert_sent_away(int fd)
{
	char byte;

	assert_true(read(fd, &byte, 1) <= 0);
	close(fd);
}

static void strangers_are_sent_away(void **state)
{
	struct sockaddr_in at;
	int tunnel[2], door = listener(&at), stranger = visitor(&at), caller, late;
	char text[4];

	(void)state;
	supervisor.epoll = epoll_create1(0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, tunnel), 0);
	caller = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(relay_enter(door, caller, tunnel[0]), -EAGAIN);
	assert_sent_away(stranger);
	assert_int_equal(relay_count(), 0);

	/* before the caller, and from the caller's address with another port */
	stranger = visitor(&at);
	assert_int_equal(connect(caller, (struct sockaddr *)&at, sizeof(at)), 0);
	late = visitor(&at);
	assert_int_equal(relay_enter(door, caller, tunnel[0]), 0);
	close(door);
	assert_sent_away(stranger);
	assert_sent_away(late);
	assert_int_equal(relay_count(), 1);

	/* who was let in is the caller */
	assert_int_equal(write(tunnel[1], "far", 3), 3);
	for (struct epoll_event e; epoll_wait(supervisor.epoll, &e, 1, 0) == 1;)
		relay_event(e.data.u64 & ~0ull >> 16);
	assert_int_equal(recv(caller, text, sizeof(text), MSG_DONTWAIT), 3);
	assert_memory_equal(text, "far", 3);
	close(caller);
	close(tunnel[1]);
	close(supervisor.epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(strangers_are_sent_away)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
