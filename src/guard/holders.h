/* SPDX-License-Identifier: MIT */
/* holders.h - where else in its process a caller's socket is: other descriptors, epolls. */
#ifndef SOCKSHIM_HOLDERS_H
#define SOCKSHIM_HOLDERS_H

#include <sys/epoll.h>

#include "caller.h"

#define HOLDERS_MOST 8

struct holders {
	int32_t tid;
	int error;
	unsigned int numbers, watches;
	struct holder {
		int number; /* the caller's */
		bool cloexec;
	} number[HOLDERS_MOST];
	struct holder_watch {
		int epoll;  /* ours: a copy */
		int number; /* that the socket is known by there */
		struct epoll_event event;
	} watch[HOLDERS_MOST];
	char socket[32], inode[32]; /* what it is called in /proc */
};

/*
 * 0; -E2BIG: more than there is room for; -EACCES: not even the descriptor of the call was found.
 */
int holders_find(struct holders *h, const struct caller *c);

/* Closes the copies. */
void holders_close(struct holders *h);

/* Makes the caller's epoll know `fd` as it knows the caller's socket. 0 or -errno. */
int holders_watch(const struct holder_watch *w, int fd);

#endif
