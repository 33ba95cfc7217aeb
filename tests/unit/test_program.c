/* SPDX-License-Identifier: MIT */
/*
 * test_program.c - real files judged: copies of this very program, with modes, owners,
 * capabilities.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "program.h"

#define NOBODY 65534

static char dir[] = "/tmp/test_program.XXXXXX";

static int enter(void **state)
{
	(void)state;
	umask(022);
	return mkdtemp(dir) && chmod(dir, 0755) == 0 ? chdir(dir) : -1;
}

static int leave(void **state)
{
	char remove[64];

	(void)state;
	snprintf(remove, sizeof(remove), "rm -rf %s", dir);
	return chdir("/") || system(remove);
}

static void write_file(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
	assert_int_equal(chmod(name, 0755), 0);
}

static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

/* The beginning of this program, which is dynamic, is enough of it. */
static size_t own_head(uint8_t head[static 8192])
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, head, 8192);

	assert_int_equal(n, 8192);
	close(fd);
	return (size_t)n;
}

static void copy_self(const char *name)
{
	uint8_t head[8192];

	write_file(name, head, own_head(head));
}

static int judge(const char *path)
{
	return program_judge(AT_FDCWD, path);
}

/* Judges as an ordinary user. */
static int judge_as_nobody(const char *path, int no_new_privs)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
			_exit(100);
		if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			_exit(100);
		_exit(judge(path));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 100);
	return WEXITSTATUS(status);
}

static void usual(void **state)
{
	(void)state;
	copy_self("self");
	assert_int_equal(judge("self"), PROGRAM_WRAPPABLE);
	assert_int_equal(judge("/bin/sh"), PROGRAM_WRAPPABLE);
	write_text("text", "echo hi\n");
	assert_int_equal(judge("text"), PROGRAM_UNKNOWN);
	write_text("empty", "");
	assert_int_equal(judge("empty"), PROGRAM_UNKNOWN);
}

static void not_there(void **state)
{
	(void)state;
	assert_int_equal(judge("missing"), -ENOENT);
	assert_int_equal(judge("self/x"), -ENOTDIR);
	assert_int_equal(judge(""), -ENOENT);
	assert_int_equal(judge("."), -EACCES);
	assert_int_equal(mkfifo("fifo", 0755), 0);
	assert_int_equal(judge("fifo"), -EACCES); /* and does not wait for a writer */
	assert_int_equal(program_judge(AT_FDCWD, (const char *)8), -EFAULT);
}

static void by_descriptor(void **state)
{
	int at = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int self = open("self", O_PATH | O_CLOEXEC);

	(void)state;
	assert_int_equal(program_judge(at, "self"), PROGRAM_WRAPPABLE);
	assert_int_equal(program_judge(at, "/bin/sh"), PROGRAM_WRAPPABLE);
	assert_int_equal(program_judge(self, ""), PROGRAM_WRAPPABLE);
	assert_int_equal(program_judge(-1, "self"), -EBADF);
	close(at);
	close(self);
}

/* What is inside of an ELF file may lie anywhere in it (patchelf --set-interpreter). */
static void loader_at_the_end(void **state)
{
	static const char loader[] = "/lib64/ld-linux-x86-64.so.2";
	struct {
		Elf64_Ehdr eh;
		char code[20000];
		Elf64_Phdr ph[2];
		char interp[sizeof(loader)];
	} file = {.ph = {{.p_type = PT_LOAD}, {.p_type = PT_INTERP}}};
	uint8_t head[8192];

	(void)state;
	own_head(head);
	memcpy(&file.eh, head, sizeof(file.eh));
	file.eh.e_phoff = offsetof(__typeof__(file), ph);
	file.eh.e_phnum = 2;
	file.ph[1].p_offset = offsetof(__typeof__(file), interp);
	file.ph[1].p_filesz = sizeof(loader);
	strcpy(file.interp, loader);
	write_file("end", &file, sizeof(file));
	assert_int_equal(judge("end"), PROGRAM_WRAPPABLE);
	file.ph[1].p_type = PT_NOTE;
	write_file("end", &file, sizeof(file));
	assert_int_equal(judge("end"), PROGRAM_STATIC);
	file.eh.e_phnum = 65535;
	write_file("end", &file, sizeof(file));
	assert_int_equal(judge("end"), PROGRAM_UNKNOWN);
}

static void scripts(void **state)
{
	char text[128];

	(void)state;
	write_text("s1", "#!/bin/sh\nexit\n");
	assert_int_equal(judge("s1"), PROGRAM_WRAPPABLE);
	write_text("no-newline", "#!/bin/sh");
	assert_int_equal(judge("no-newline"), PROGRAM_WRAPPABLE);
	write_text("lost", "#!/no/such/interpreter\n");
	assert_int_equal(judge("lost"), -ENOENT);
	for (int i = 2; i <= 6; i++) {
		char name[8];

		snprintf(name, sizeof(name), "s%d", i);
		snprintf(text, sizeof(text), "#!%s/s%d\n", dir, i - 1);
		write_text(name, text);
	}
	assert_int_equal(judge("s4"), PROGRAM_WRAPPABLE);
	assert_int_equal(judge("s5"), PROGRAM_SCRIPT); /* the kernel gives up there, too */
	assert_int_equal(judge("s6"), PROGRAM_SCRIPT);
	write_text("itself", "#!itself\n");
	assert_int_equal(judge("itself"), PROGRAM_SCRIPT);
}

static void own_setuid_means_nothing(void **state)
{
	(void)state;
	copy_self("own");
	assert_int_equal(chmod("own", 06755), 0);
	assert_int_equal(chown("own", getuid(), getgid()), 0);
	assert_int_equal(chmod("own", 06755), 0);
	assert_int_equal(judge("own"), PROGRAM_WRAPPABLE);
}

/* In a child without new privileges. */
static int judge_meek(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? 100 : judge(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 100);
	return WEXITSTATUS(status);
}

#define SU "/usr/bin/su" /* an ordinary user cannot make a setuid program of another's */

static void setuid_and_setgid(void **state)
{
	(void)state;
	if (getuid() != 0) {
		assert_int_equal(judge(SU), PROGRAM_SETUID);
		assert_int_equal(judge_meek(SU), PROGRAM_WRAPPABLE);
		return;
	}
	copy_self("suid");
	chmod("suid", 04755);
	assert_int_equal(judge("suid"), PROGRAM_WRAPPABLE);
	assert_int_equal(judge_as_nobody("suid", 0), PROGRAM_SETUID);
	assert_int_equal(judge_as_nobody("suid", 1), PROGRAM_WRAPPABLE);
	chmod("suid", 02755);
	assert_int_equal(judge_as_nobody("suid", 0), PROGRAM_SETUID);
	chmod("suid", 02745); /* setgid without the group's x is mandatory locking */
	assert_int_equal(judge_as_nobody("suid", 0), PROGRAM_WRAPPABLE);
	chmod("suid", 04711);
	assert_int_equal(judge_as_nobody("suid", 0), PROGRAM_SETUID);
	write_text("script", "#!/bin/sh\n");
	chmod("script", 04755);
	assert_int_equal(judge_as_nobody("script", 0), PROGRAM_WRAPPABLE);
}

static void hidden(void **state)
{
	(void)state;
	copy_self("hidden");
	chmod("hidden", 0111);
	if (getuid() != 0) {
		assert_int_equal(judge("hidden"), PROGRAM_HIDDEN);
		return;
	}
	assert_int_equal(judge("hidden"), PROGRAM_WRAPPABLE);
	assert_int_equal(judge_as_nobody("hidden", 0), PROGRAM_HIDDEN);
}

static int set_capabilities(uint32_t permitted)
{
	const struct vfs_cap_data cap = {.magic_etc = VFS_CAP_REVISION_2,
					 .data = {{.permitted = permitted}}};

	return setxattr("cap", "security.capability", &cap, XATTR_CAPS_SZ_2, 0);
}

static bool write_proc(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0;
}

/* A user namespace of one user and group, who have this number inside and had that outside. */
static bool enter_users(unsigned int inside, unsigned int user, unsigned int group)
{
	char users[64], groups[64];

	snprintf(users, sizeof(users), "%u %u 1", inside, user);
	snprintf(groups, sizeof(groups), "%u %u 1", inside, group);
	return unshare(CLONE_NEWUSER) == 0 && write_proc("/proc/self/setgroups", "deny") &&
	       write_proc("/proc/self/uid_map", users) && write_proc("/proc/self/gid_map", groups);
}

/*
 * As an ordinary user: is root of a namespace, which may give capabilities, and then somebody in
 * one below it.
 */
static int judge_in_namespace(uint32_t permitted)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!enter_users(0, getuid(), getgid()) || set_capabilities(permitted) ||
		    judge("cap") != PROGRAM_WRAPPABLE || !enter_users(5, 0, 0))
			_exit(100);
		_exit(judge("cap"));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 100);
	return WEXITSTATUS(status);
}

static int judge_capabilities(uint32_t permitted)
{
	if (getuid() != 0)
		return judge_in_namespace(permitted);
	assert_int_equal(set_capabilities(permitted), 0);
	assert_int_equal(judge("cap"), PROGRAM_WRAPPABLE);
	return judge_as_nobody("cap", 0);
}

static void capabilities(void **state)
{
	(void)state;
	copy_self("cap");
	assert_int_equal(judge_capabilities(1u << CAP_NET_BIND_SERVICE), PROGRAM_SETCAP);
	assert_int_equal(judge_capabilities(0), PROGRAM_WRAPPABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual),
		cmocka_unit_test(not_there),
		cmocka_unit_test(by_descriptor),
		cmocka_unit_test(loader_at_the_end),
		cmocka_unit_test(scripts),
		cmocka_unit_test(own_setuid_means_nothing),
		cmocka_unit_test(setuid_and_setgid),
		cmocka_unit_test(hidden),
		cmocka_unit_test(capabilities),
	};

	return cmocka_run_group_tests_name("program", tests, enter, leave);
}
