/* SPDX-License-Identifier: MIT */
/*
 * pend.h - streams under way in this process: which descriptors may lead to one, how they advance,
 * and what the program is told meanwhile.
 *
 * While no descriptor may, every hook does what libc does: pend_any() is a few relaxed loads. A bit
 * for a descriptor is a hint only, which the kernel's socket cookie and the session's table
 * confirm; so closing and reusing numbers needs no hook.
 */
#ifndef SOCKSHIM_PEND_H
#define SOCKSHIM_PEND_H

#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include "progress.h"
#include "shim.h"

#define PEND_FDS (1 << 20) /* descriptors from here on are not followed: their connects block */

extern atomic_uint pend_hot;	/* descriptors with a bit */
extern atomic_bool pend_limits; /* SO_SNDTIMEO, SO_RCVTIMEO or SO_RCVLOWAT was ever set */

/* What is done while something is under way: out of the way of what is done while nothing is. */
#define SLOWLY __attribute__((noinline))

/* others.c: what other processes begin. */
INNER const struct progress_news *others_news;
bool others_look(void); /* takes the news in; is something under way? */
void others_start(const struct session *s);
void others_join(void); /* a process begins */
/* Around socket(2): nobody else has the new one. */
uint32_t others_before(void);
void others_fresh(int fd, uint32_t before);
bool others_may_have(int fd); /* asked when its stream is in the table */
void others_tell(void);	      /* of a stream that begins */
void others_sent(void);	      /* descriptors are sent to another process */
void others_meet(void);	      /* another process had a hand in a stream of ours, */
bool others_here(void);	      /* or may have from now on: not all that happens wakes us */

/* stir.c: the word by which every hook sees that there is nothing to do. */
#define STIR_CALM 1u
INNER uint64_t *stir_word;
void stir_begin(void);	/* a descriptor gets its bit, */
void stir_end(void);	/* or loses it */
bool stir_settle(void); /* is something under way? */
uint64_t stir_get(void);
bool stir_forked(uint64_t was); /* nobody has looked since the fork */
/*
 * Is `begun` no news? Heed it; for nothing if somebody did since stir_get(), or this is a fork of
 * then.
 */
bool stir_heeded(uint64_t was, uint32_t begun);
void stir_heed(uint64_t was, uint32_t begun);
void stir_move(uint64_t *to); /* the word is there from now on */

/* Something is under way, or there is news. */
static inline bool pend_stirs(void)
{
	uint32_t calm = __atomic_load_n(&others_news->begun, __ATOMIC_RELAXED) | STIR_CALM;

	return __builtin_expect(
		(uint32_t)__atomic_load_n(__atomic_load_n(&stir_word, __ATOMIC_RELAXED),
					  __ATOMIC_RELAXED) != calm,
		0);
}

static inline bool pend_any(void)
{
	return pend_stirs() && others_look();
}

/* fds.c: the bits. */
void fds_start(void); /* in the constructor */
bool fds_ready(void); /* is there memory for them? */
bool fds_maybe(int fd);
void fds_mark(int fd);
void fds_unmark(int fd);
void fds_each(void (*each)(int fd, void *arg), void *arg); /* those with a bit */
void fds_copied(int old, int copy);			   /* after dup(2) and its like */
void fds_fresh(int fd);					   /* after socket(2) and its like */
bool fds_has_copies(int fd);
void fds_find_copies(int fd, uint64_t cookie); /* marks other numbers of this socket */
void fds_own(int fd);			       /* ours alone: others.c */
bool fds_owned(int fd);
void fds_disown(int fd);
void fds_disown_all(void);
/*
 * Did socket(2) make it, of TCP? A hint: what is put in its place by an inline system call is not
 * seen, so only who sends to nobody but the proxy may go by it. A vfork child notes its own in its
 * parent's memory, until it calls execve(2).
 */
bool fds_tcp(int fd);
void fds_set_tcp(int fd, bool tcp);
void fds_forget_tcp(void);
void fds_suspect(int fd);	      /* it may have copies that nobody saw made */
void fds_adopt(int fd, void *unused); /* marks it if its stream is under way */
/* This process's number; no call where `thread`, which asks, is its first. */
int32_t fds_process(uint32_t thread);
bool fds_borrowed(void);	   /* in a vfork child: the bits are its parent's */
bool fds_borrowed_by(int32_t pid); /* the same, by who knows that it is this process */

/*
 * regs.c, hidden.c: registrations with epoll. Those of a socket under way have our mark instead of
 * the data.
 */
struct reg {
	uint64_t data;
	/* The program's events, flags; what we hide them behind; a sequence number. */
	uint64_t state;
	uint64_t cookie; /* of the socket that our mark was put on */
	int32_t epoll;	 /* its descriptor + 1; 0: none; -1: being written */
};
#define REGS_EACH 4
#define REG_OURS (1u << 20)
#define REG_LATE                                                                                   \
	(1u << 24) /* another process began the stream: events may have come before our mark */
struct reg *fds_regs(int fd); /* REGS_EACH of them, or NULL */
void regs_clear(struct reg *r);
uint64_t regs_cookie(const struct reg *r);
uint64_t regs_data(const struct reg *r);
bool regs_any(int fd);
bool regs_too_many(int fd);	      /* in more epolls than are noted: cannot be hidden */
bool regs_fired(const struct reg *r); /* one-shot, and it has: nothing of it is shown */
bool regs_lost(const struct reg *r);  /* the mark cannot be taken away */
/* A call that succeeded; `number` is what regs_number() said before. */
uint64_t regs_number(int epoll, int fd);
void regs_note(int epoll, int op, int fd, const struct epoll_event *e, uint64_t number);
/*
 * To our mark, and back to the program's. `copy`: `fd`, or if that is closed a number that is not.
 */
void regs_hide(int fd, int copy, uint64_t cookie, uint32_t events);
void regs_show(int fd, int copy, uint64_t cookie);
void regs_show_over(int fd); /* those of sockets that are under way no more */
/* One that another process connects: events with the program's data may be on their way to us. */
void regs_hide_late(int fd, uint64_t cookie, uint32_t events);
bool regs_late(int epoll, int fd, uint64_t data); /* is such an event of that registration? */
bool regs_ours(int fd, uint64_t cookie); /* are there such with our mark for this socket? */
uint64_t regs_closed(int fd); /* a socket under way that had this number, and is registered by it */
/* While another socket takes the number: out of their epolls, and in again, hidden if `cookie`. */
void regs_leave(int fd);
void regs_enter(int fd, uint64_t cookie);
int regs_change(int epoll, int op, int fd, const struct epoll_event *e, uint64_t cookie,
		uint32_t need);
/*
 * Is this event ours? The secret is the same in all processes of a session, which may share an
 * epoll.
 */
INNER uint64_t regs_secret; /* 0: not looked for yet */
uint64_t regs_find_secret(void);
static inline bool regs_marked(uint64_t data, int *fd)
{
	uint64_t known = __atomic_load_n(&regs_secret, __ATOMIC_RELAXED);
	uint64_t n = data ^ (known ? known : regs_find_secret());

	*fd = (int)n;
	return n < PEND_FDS;
}
/* One of ours, of a socket that owes its reply. True: it is the program's now, which may write. */
bool regs_writable(struct reg *r, int fd, struct epoll_event *e);
struct reg *regs_find(int epoll, int fd);

/* pend.c: streams. */
/* Beside POLLIN: the program counts as connected and may write; the reply is owed (Optimistic). */
#define PEND_OWED (1 << 16)
static inline bool pend_owes(int need)
{
	return need & PEND_OWED;
}
/*
 * Goes on with what `fd` leads to. 0: nothing under way (any more), the kernel may answer; POLLIN
 * or POLLOUT: what the handshake waits for, perhaps with PEND_OWED. `self` is the thread's id.
 */
int pend_step(int fd);
/* The same while something is under way anywhere, else 0. */
static inline int pend_need(int fd)
{
	return pend_any() ? pend_step(fd) : 0;
}
/* Does the program know of a connection in progress? */
static inline bool pend_connects(int need)
{
	return need && !pend_owes(need);
}
bool pend_is(uint64_t cookie); /* is this socket's stream under way? */
/* By any number of the socket; its registrations are renewed. */
int pend_step_cookie(uint64_t cookie);
void pend_copied(int copy);
void pend_met(int fd); /* another process has begun its stream */
int pend_step_known(struct progress *p, uint64_t cookie, int fd, uint32_t self);
struct progress *pend_find(int fd, uint64_t *cookie);
/* The same for one that is locked; unlocks it. `also`: more events that wake an epoll, once. */
int pend_advance(struct progress *p, int fd, bool stolen, uint32_t also);
void pend_drop(struct progress *p, int fd);
struct progress *pend_lock(int fd); /* one that is under way, or NULL; waits for others */
void pend_hide(struct progress *p, int fd, uint32_t events); /* its registrations: regs_hide() */

/* The errno of a failure that the program has not seen yet, which it sees now; 0: none. */
int pend_error(int fd);
/*
 * Before a read or write: may the kernel do it? Else errno is set. `flags` as of recv(2); `option`
 * is SO_RCVTIMEO or SO_SNDTIMEO.
 */
bool pend_may(int fd, int flags, int option);
static inline bool pend_may_read(int fd, int flags)
{
	return !pend_any() || pend_may(fd, flags, SO_RCVTIMEO);
}
static inline bool pend_may_write(int fd, int flags)
{
	return !pend_any() || pend_may(fd, flags, SO_SNDTIMEO);
}
/* Of preadv2(2) and pwritev2(2), as of recv(2): RWF_NOWAIT (shown with _GNU_SOURCE only). */
static inline int vector_flags(int flags)
{
	return flags & 8 ? MSG_DONTWAIT : 0;
}
/*
 * reach.c: does the kernel come to the socket at all? What it refuses before that, or what is of no
 * bytes, is left to it.
 */
bool reach_vector(int fd, const struct iovec *v, int count);
bool reach_message(int fd, const struct msghdr *m);
bool reach_messages(int fd, const struct mmsghdr *m, unsigned int count);
bool reach_address(int fd, const void *to, socklen_t len);
bool reach_sendfile(int out, int in, const off_t *offset, size_t len);
bool reach_splice(int in, const off_t *in_offset, int out, const off_t *out_offset, size_t len,
		  unsigned int flags);
/* Forgets a stream under way, as connect(2) to AF_UNSPEC does; an error that nobody saw stays. */
void pend_forget(int fd);
void pend_forget_locked(struct progress *p, int fd);
void pend_sweep(void);
/* epoll_ctl(2) on a stream under way: 0 or -errno; 1: there is none. */
int pend_epoll_ctl(int epoll, int op, int fd, const struct epoll_event *e);

/*
 * pend_wait.c: waits. An end is in ns of CLOCK_MONOTONIC, 0: never; a time is in ns, -1: for ever.
 * pend_wait() is the time until the end or until a handshake's deadline, which pend_expire() sees
 * to.
 */
void pend_note_deadline(struct progress *p); /* what a locked stream waits for from here on */
uint64_t pend_end(int64_t ns);
int64_t pend_left(uint64_t end);
int64_t pend_wait(uint64_t end);
int64_t pend_nap(uint64_t end); /* pend_wait(), but not long where there are other threads */
int pend_ms(int64_t ns);
void pend_expire(void);
void pend_step_all(void);
int pend_rest(int fd, int need, uint64_t limit);
uint64_t pend_limit(int fd, int option);
bool pend_blocks(int fd);

/* held.c: what a handshake needs otherwise than the program set it. */
void held_begin(struct progress *p, int fd); /* before the first byte */
void held_owes(struct progress *p, int fd);  /* the program may write from here on */
void held_end(const struct progress *p, int fd);
/* setsockopt(2), getsockopt(2) meanwhile: true if that was all there is to do. */
bool held_set(int fd, int level, int option, const void *value, socklen_t len);
bool held_get(int fd, int level, int option, void *value, socklen_t *len);
/* Waits for a reply that is owed, for who will read past this library. */
void held_settle(int fd);
void held_settle_all(void);
/* The program closes its side for reading. */
void held_deafen(int fd);

#endif
