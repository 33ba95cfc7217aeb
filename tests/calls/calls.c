/* SPDX-License-Identifier: MIT */
/*
 * calls.c - calls FRAME SYMBOL: runs the fragment of a symbol in a frame, and ends with what it
 * returns. calls session: ends with 0 if this process is in a session.
 *
 * The fragments are in this program, in a library that it is linked with (for the constructor), and
 * in libraries beside it that are opened: fortified, with 64-bit offsets, with RTLD_DEEPBIND.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fragment.h"

extern int library_is_linked;

static const char *symbol;
static volatile int result;

static int in_main(void)
{
	return fragment_run(symbol);
}

/* The library's constructor has ended this process already (library.c). */
static int in_constructor(void)
{
	puts("the constructor did not run");
	return library_is_linked ? 1 : 2;
}

__attribute__((noinline)) static pid_t vfork_and_run(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(fragment_run(symbol));
	return pid;
}

static int in_vfork(void)
{
	pid_t pid = vfork_and_run();
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return say_wrong(__FILE__, __LINE__, "vfork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void on_signal(int sig)
{
	(void)sig;
	result = fragment_run(symbol);
}

static int in_handler(void)
{
	result = -1;
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	return result;
}

static void *on_thread(void *arg)
{
	result = fragment_run(symbol);
	return arg;
}

static int in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, on_thread, NULL) || pthread_join(thread, NULL))
		return say_wrong(__FILE__, __LINE__, "pthread");
	return result;
}

/* Opens the library beside this program and runs the fragment in it. */
static int in_opened(const char *library, int flags)
{
	char path[4096];
	int (*run)(const char *);
	char *slash;
	void *lib;

	strcpy(path, self());
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, library);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);
	run = lib ? (int (*)(const char *))dlsym(lib, "library_run") : NULL;
	if (!run) {
		puts(dlerror());
		return 1;
	}
	return run(symbol);
}

static int in_fortified(void)
{
	return in_opened("fortified.so", 0);
}

static int in_large(void)
{
	return in_opened("large.so", 0);
}

static int in_deepbind(void)
{
	return in_opened("deepbind.so", RTLD_DEEPBIND);
}

static const struct {
	const char *name;
	int (*run)(void);
} frames[] = {
	{"main", in_main},	 {"constructor", in_constructor}, {"vfork", in_vfork},
	{"handler", in_handler}, {"thread", in_thread},		  {"fortified", in_fortified},
	{"large", in_large},	 {"deepbind", in_deepbind},
};

/* LD_PRELOAD and session are in the environment, and in force. */
static int in_session(void)
{
	const char *preload = getenv("LD_PRELOAD");
	struct sockaddr_in to = discard();

	CHECK(preload && strstr(preload, "libsockshim.so"));
	CHECK(getenv("SOCKSHIM_SESSION"));
	REFUSED(sendto(udp(), "x", 1, 0, SA(to)));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "session"))
		return in_session();
	if (argc == 2 && !strcmp(argv[1], "frames")) {
		for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
			puts(frames[i].name);
		return 0;
	}
	for (size_t i = 0; argc == 3 && i < sizeof(frames) / sizeof(*frames); i++)
		if (!strcmp(frames[i].name, argv[1])) {
			symbol = argv[2];
			return frames[i].run();
		}
	puts("usage: calls FRAME SYMBOL | calls frames | calls session");
	return 2;
}
