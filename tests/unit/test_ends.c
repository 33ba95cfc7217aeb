/* SPDX-License-Identifier: MIT */
/* test_ends.c - what a socket says of its two ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "ends.h"

static void of_a_connection(void **state)
{
	const struct addr here = addr_loopback(AF_INET, 0);
	struct addr own, peer, listening;
	struct sockaddr_storage at;
	socklen_t len = (socklen_t)addr_to_sockaddr(&here, AF_INET, &at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(ends_own(listener, &listening), 0);
	assert_true(addr_same_ip(&listening, &here));
	assert_false(ends_connected(fd));
	assert_int_equal(ends_peer(fd, &peer), -ENOTCONN);
	addr_to_sockaddr(&listening, AF_INET, &at);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, len), 0);
	assert_true(ends_connected(fd));
	assert_int_equal(ends_peer(fd, &peer), 0);
	assert_true(addr_equal(&peer, &listening));
	assert_int_equal(ends_own(fd, &own), 0);
	assert_true(own.port && own.port != peer.port);
	close(fd);
	close(listener);
}

static void of_other_descriptors(void **state)
{
	struct addr a;
	int pair[2], pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(ends_connected(pair[0]));
	assert_int_equal(ends_peer(pair[0], &a), -EAFNOSUPPORT);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(ends_own(pair[0], &a), -EBADF);
	assert_false(ends_connected(pair[0]));
	assert_int_equal(ends_own(pipes[0], &a), -ENOTSOCK);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_connection),
		cmocka_unit_test(of_other_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
