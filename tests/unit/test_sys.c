/* SPDX-License-Identifier: MIT */
/* test_sys.c - what sys.h adds to the system calls. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys.h"

static void unreadable_pointers(void **state)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(two != MAP_FAILED);
	assert_int_equal(mprotect(two + 4096, 4096, PROT_NONE), 0);
	assert_true(sys_readable(two, 4096));
	assert_true(sys_readable(two + 4095, 1));
	assert_true(sys_readable(two, 0));
	assert_false(sys_readable(two + 4095, 2));
	assert_false(sys_readable(two + 4080, 28));
	assert_false(sys_readable(two + 4096, 1));
	assert_false(sys_readable(NULL, 1));
	assert_false(sys_readable((void *)7, 1));
	assert_false(sys_readable((void *)8, 16));
	assert_false(sys_readable((void *)-8L, 8));
	assert_false(sys_readable((void *)-8L, 64));
	munmap(two, 8192);
}

/* The question must not change the signal mask, nor errno. */
static void asking_changes_nothing(void **state)
{
	uint64_t before = 0, after = 0;

	(void)state;
	errno = 77;
	SYS4(SYS_rt_sigprocmask, 0, 0, &before, 8);
	sys_readable(&before, 8);
	sys_readable((void *)8, 8);
	SYS4(SYS_rt_sigprocmask, 0, 0, &after, 8);
	assert_int_equal(before, after);
	assert_int_equal(errno, 77);
}

static void slurp_takes_whole_files(void **state)
{
	char path[] = "/tmp/sockshim-test-XXXXXX", buf[8];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sys_slurp(path, buf, sizeof(buf)), 0);
	assert_int_equal(write(fd, "12345678", 8), 8);
	assert_int_equal(sys_slurp(path, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "12345678", 8);
	assert_int_equal(write(fd, "9", 1), 1);
	assert_int_equal(sys_slurp(path, buf, sizeof(buf)), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(sys_slurp(path, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(sys_slurp("/", buf, sizeof(buf)), -EISDIR);
}

static void cookies_name_sockets(void **state)
{
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0), c = dup(a);

	(void)state;
	assert_int_not_equal(sys_cookie(a), 0);
	assert_int_equal(sys_cookie(a), sys_cookie(c));
	assert_int_not_equal(sys_cookie(a), sys_cookie(b));
	close(a);
	close(b);
	close(c);
	assert_int_equal(sys_cookie(c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unreadable_pointers),
		cmocka_unit_test(asking_changes_nothing),
		cmocka_unit_test(slurp_takes_whole_files),
		cmocka_unit_test(cookies_name_sockets),
	};

	return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
