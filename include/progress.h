/* SPDX-License-Identifier: MIT */
/*
 * progress.h - the table of streams whose handshake is not over, or whose failure the program has
 * not seen yet, keyed by socket cookie, in memory shared by a session.
 *
 * A stream's state is worked on by one thread at a time, in any process that has the socket. Nobody
 * waits for a lock: who does not get it says "still pending". The lock holds its owner's thread id,
 * so that the lock of a killed thread is found out. One that a signal handler left by siglongjmp(3)
 * is found out by its thread when that is higher up its stack, else after the deadline.
 */
#ifndef SOCKSHIM_PROGRESS_H
#define SOCKSHIM_PROGRESS_H

#include "stream.h"

#define PROGRESS_SLOTS 16384u
#define PROGRESS_NEAR 32u /* of them are every socket's */

enum progress_state {
	PROGRESS_UNDER_WAY, /* connect(2) to the proxy, or the handshake */
	PROGRESS_FAILED,    /* over; `error` waits for the program to ask */
};

/* All fields but `cookie`, `need` and `until` belong to the lock's owner. */
struct progress {
	uint64_t cookie; /* SO_COOKIE; 0: free */
	uint64_t frame;	 /* owner's place on the stack */
	uint64_t until;	 /* the stream's deadline, or 0 */
	uint32_t owner;	 /* thread id, or 0 */
	int32_t tid;	 /* who added it */
	uint32_t need;	 /* what the handshake waits for, as pend_step() says; 0: not yet known */
	uint8_t state;	 /* enum progress_state */
	bool waited;	 /* a connect(2) waits for it, and takes its error */
	bool told;	 /* the kernel's connect(2) has said 0, to us */
	bool calm;	 /* who holds the lock changes nothing: whoever finds it left may go on */
	bool ended;	/* by connect(2) to AF_UNSPEC, which leaves the error of the last failure */
	int16_t error;	/* errno, when failed */
	bool delays;	/* the program wants no TCP_NODELAY, which the socket has */
	uint32_t least; /* the program's SO_RCVLOWAT, if the socket has another; or 0 */
	struct stream stream;
};

enum progress_lock {
	PROGRESS_LOCKED,
	PROGRESS_STOLEN, /* locked; its owner left it in the middle: fit for nothing but to fail */
	PROGRESS_BUSY,	 /* somebody else is at it */
	PROGRESS_GONE,	 /* no longer this cookie's */
};

struct progresses; /* progresses_size() bytes of zeroed memory, aligned to 64 */

size_t progresses_size(void);

/*
 * What each process of the session looks at before and after each call, so that it learns of
 * streams that others begin on sockets which it has, too.
 */
struct progress_news {
	/* Grows with each stream on a socket that more than one process may have; even. */
	uint32_t begun;
	uint32_t ever; /* there was a stream: events of epoll may bear our mark */
};
const struct progress_news *progresses_news(const struct progresses *t);
#define PROGRESS_NEWS_STEP 2
/* Grows `begun`: its old value. */
uint32_t progresses_tell(struct progresses *t);

/*
 * How often sockets may have got to another process so far; progresses_spread() adds one. Either
 * who puts a stream into the table and then asks sees that it has grown, or who has made it grow
 * and then looks finds the stream.
 */
uint32_t progresses_spreads(struct progresses *t);
void progresses_spread(struct progresses *t);

/* How many places are taken, about: some may be of closed sockets. */
uint32_t progresses_used(const struct progresses *t);

/*
 * A free place for this cookie, locked, its stream zeroed; NULL if all are taken by open sockets.
 * `self` is the thread's id.
 */
struct progress *progress_add(struct progresses *t, uint64_t cookie, uint32_t self);

/* The place of a cookie, or NULL. */
struct progress *progress_find(struct progresses *t, uint64_t cookie);

/* Is this the place of a stream under way? Without the lock: true a moment ago. */
bool progress_under_way(const struct progress *p, uint64_t cookie);
void progress_set_state(struct progress *p, enum progress_state state);

/* Takes the lock, never waits. */
enum progress_lock progress_lock(struct progress *p, uint64_t cookie, uint32_t self);

void progress_unlock(struct progress *p);

/* Frees a place that is locked. */
void progress_drop(struct progresses *t, struct progress *p);

/* Drops the entries of sockets that nobody has open. 0 or -errno. */
int progresses_reap(struct progresses *t);

#endif
