/* SPDX-License-Identifier: MIT */
/*
 * hook_async.c - getaddrinfo_a: libc would ask in threads of its own, which no hook sees. Answers
 * need no waiting here, so each request is done before the call returns; gai_error(3),
 * gai_suspend(3) and gai_cancel(3) are libc's, and find it done.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "sys.h"

#ifndef GAI_WAIT /* shown with _GNU_SOURCE only */
#define GAI_WAIT 0
#define GAI_NOWAIT 1
struct gaicb {
	const char *ar_name, *ar_service;
	const struct addrinfo *ar_request;
	struct addrinfo *ar_result;
	int __return; /* what gai_error(3) and gai_suspend(3) look at */
	int __glibc_reserved[5];
};
#endif

#define FROM_GETADDRINFO_A -60 /* SI_ASYNCNL */

static void *notify_thread(void *arg)
{
	struct sigevent event = *(struct sigevent *)arg;

	free(arg);
	event.sigev_notify_function(event.sigev_value);
	return NULL;
}

/*
 * The program asks for its function to be run in a thread: it may hold a lock that it takes. Nearly
 * no program does: these functions are not looked up at each start.
 */
static void start_thread(const struct sigevent *event)
{
	struct sigevent *copy = malloc(sizeof(*copy));
	pthread_attr_t *attr = event->sigev_notify_attributes;
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*detach)(pthread_t);
	pthread_t thread;

	if (!copy)
		return;
	*copy = *event;
	*(void **)(void *)&create = real_anywhere("pthread_create");
	*(void **)(void *)&detach = real_anywhere("pthread_detach");
	if (!create || create(&thread, attr, notify_thread, copy) != 0)
		free(copy);
	else if (!attr && detach)
		detach(thread);
}

static void queue_signal(const struct sigevent *event)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = event->sigev_signo;
	info.si_code = FROM_GETADDRINFO_A;
	info.si_pid = sys_getpid();
	info.si_uid = (uid_t)SYS0(SYS_getuid);
	info.si_value = event->sigev_value;
	SYS3(SYS_rt_sigqueueinfo, sys_getpid(), event->sigev_signo, &info);
}

static void notify(const struct sigevent *event)
{
	if (event->sigev_notify == SIGEV_THREAD)
		start_thread(event);
	else if (event->sigev_notify == SIGEV_SIGNAL)
		queue_signal(event);
}

WRAP int getaddrinfo_a(int mode, struct gaicb *list[restrict], int count,
		       struct sigevent *restrict event)
{
	int before = errno;

	if (mode != GAI_WAIT && mode != GAI_NOWAIT) {
		errno = EINVAL;
		return EAI_SYSTEM;
	}
	for (int i = 0; i < count; i++)
		if (list[i])
			list[i]->__return =
				name_getaddrinfo(list[i]->ar_name, list[i]->ar_service,
						 list[i]->ar_request, &list[i]->ar_result);
	if (mode == GAI_NOWAIT && event)
		notify(event);
	errno = before;
	return 0;
}
