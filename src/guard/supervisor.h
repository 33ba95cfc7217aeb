/* SPDX-License-Identifier: MIT */
/* supervisor.h - the parts of the supervisor: its loop, the calls that wait, the judge. */
#ifndef SOCKSHIM_SUPERVISOR_H
#define SOCKSHIM_SUPERVISOR_H

#include <linux/seccomp.h>
#include <sys/socket.h>

#include "caller.h"
#include "decide.h"
#include "session.h"
#include "stream.h"

/* Newer than some headers; the values are the kernel's (linux/seccomp.h). */
#define NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SYNC_WAKE_UP 1u /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP */

/* What an epoll event is about: the upper 16 bits of its data; the others are the source's own. */
enum source {
	SOURCE_WAKE = 1,
	SOURCE_LISTENER,
	SOURCE_DNS,
	SOURCE_DNS_STREAM,
	SOURCE_TWIN,
	SOURCE_PENDING,
	SOURCE_REPORT,
	SOURCE_RELAY
};

struct supervisor {
	struct session *session;
	int listener, epoll, wake;
	bool deserted; /* no process of the session is left */
};
extern struct supervisor supervisor;

/* serve.c: has events of `fd` come here. `op`: EPOLL_CTL_ADD or EPOLL_CTL_MOD. 0 or -errno. */
int supervisor_watch(int op, int fd, uint32_t events, enum source source, uint64_t own);

/* A call is a notification's answer, or one of these. */
#define HELD 1000000 /* answered later: a struct pending has it, and the socket */
#define GONE 1000001 /* nobody waits for an answer any more */

/*
 * pending.c: calls that wait for a proxy. Their state is small, and costs the same however many
 * wait.
 */
enum pending_kind {
	PENDING_FREE,
	PENDING_PROXY,	/* connect, the handshake, then the answer */
	PENDING_ENTER,	/* then, where there is a relay: the caller's socket is connected to it */
	PENDING_DIRECT, /* connect(2) itself */
	PENDING_SEND,	/* the call is made again when the socket takes data */
	PENDING_TWIN,	/* or when there is a socket that takes its place (twin.c) */
};

struct pending {
	uint64_t id; /* of the notification */
	uint64_t cookie;
	struct stream stream;
	struct caller caller;
	int socket; /* that leads to the proxy: the caller's, or with a relay one of ours */
	int door;   /* PENDING_ENTER */
	struct seccomp_data data; /* the call */
	uint64_t until; /* when it has waited long enough: CLOCK_MONOTONIC in ns; 0: never */
	uint32_t next;	/* in its chain, or of the free ones; 0: none */
	uint32_t generation;
	uint8_t kind; /* enum pending_kind */
	bool watched; /* by epoll */
};

/* Reserves room for as many calls as there may be descriptors. */
int pending_begin(void);

/* Takes over the caller's socket. NULL if there is no room. */
struct request;
struct pending *pending_add(enum pending_kind kind, const struct request *rq, uint64_t cookie);
struct pending *pending_find(uint64_t cookie);

/* The one that an event is about, or NULL if it is no more. */
struct pending *pending_of(uint64_t own);

/* Watches its socket (or door), edge-triggered. 0 or -errno. */
int pending_watch(struct pending *p);
void pending_unwatch(struct pending *p);

/* Forgets it, but not the caller's socket; and closes that, too. */
void pending_release(struct pending *p);
void pending_drop(struct pending *p);
size_t pending_count(void);

/* Calls `each` for every one that waits. */
void pending_each(void (*each)(struct pending *p));

/*
 * The same from where it stopped last time, until that time (CLOCK_MONOTONIC, ns) or all had their
 * turn.
 */
void pending_some(void (*each)(struct pending *p), uint64_t until);

/* serve.c: sends an answer; false if the caller is gone. `result`: of the call, or -errno. */
bool supervisor_answer(uint64_t id, int64_t result);
bool supervisor_let(uint64_t id); /* the kernel goes on with the call */
bool supervisor_waits(uint64_t id);

/* Puts `fd` in the place of the caller's descriptor `number`. 0, GONE or -errno. */
long supervisor_put(uint64_t id, int fd, int number, bool cloexec);
bool supervisor_puts(void); /* can this kernel? */

/* judge.c */
void judge(const struct seccomp_notif *n);

/* connect.c: those that wait go on: because of an event, of time, of a caller that is gone. */
void judge_event(struct pending *p);
void judge_deadline(struct pending *p);
void judge_caller(struct pending *p);

/* What the judge and its calls share. */
struct request {
	uint64_t id;
	const struct seccomp_data *data;
	struct caller caller;
};

/* Reads a socket address of `len` bytes at `at`. 0, -EINVAL, -EFAULT, -EACCES, GONE. */
long judge_address(const struct request *rq, uint64_t at, uint64_t len,
		   struct sockaddr_storage *sa);

/* Policy's question about it; `text` is where a virtual address's name goes. 0 or -errno. */
int judge_call(struct call *c, const struct request *rq, enum call_kind kind,
	       const struct sockaddr_storage *sa, size_t len, char text[static NAME_MAX_LEN + 1],
	       int32_t *name);
enum verdict judge_decide(struct call *c, const struct request *rq, struct decision *d);

/* Takes back what a twin (twin.c) cannot do. */
void judge_twin(const struct request *rq, struct decision *d);

/* Counts an attempt, says so, and returns -d->error; or GONE, where judge_decide() found that. */
int judge_refuse(const struct request *rq, const struct call *c, const struct decision *d);

/* Does the call, and answers it unless it is held. */
void judge_settle(struct request *rq);

/* connect.c: the result, or HELD. */
long judge_connect_to(struct request *rq, const struct sockaddr_storage *sa, size_t len);

/*
 * send.c: sends are done here, with data copied from the caller; each returns as
 * judge_connect_to().
 */
long send_to(struct request *rq);
long send_message(struct request *rq);
long send_messages(struct request *rq);

/* relay.c: for a caller's socket that does not reach the proxy. */
int relay_open(int fd, int domain); /* connects it to a new listener, the door: that, or -errno */

/*
 * 0: `fd` has come in by the door, and its bytes go to and from `tunnel`; -EAGAIN: not yet; or
 * -errno.
 */
int relay_enter(int door, int fd, int tunnel);
void relay_event(uint64_t own);
void relay_deserted(void); /* no process is left that could read */
void relay_each(void (*each)(int fd));
size_t relay_count(void);

/* say.c: log lines and attempts. */
void say_refused(const struct request *rq, const struct call *c, const struct decision *d);
void say_denied(const struct request *rq, const char *why);
void say_stream(const struct pending *p, int error);

/* audit.c: what the auditor is told; nothing where nobody audits. */
void audit_attempt(const struct request *rq, const struct call *c, const struct decision *d);
void audit_begin(const struct pending *p);
void audit_end(const struct pending *p, int error);
void audit_direct(const struct request *rq, const struct call *c, uint64_t cookie);
void audit_unseen(int32_t tid);

/* Answers a call that comes here only because of an audit: the filter would have refused it. */
bool audit_filtered(const struct seccomp_notif *n);

/* tell.c: reports to the controller. */
bool tell_wanted(void);
void tell_begin(void);
int tell_inherited(void); /* the descriptor of Report fd:N, or -1 */
void tell_watch(void);	  /* while a stream waits for the controller's answer */
void tell_event(void);
void tell_closed(void); /* tell_close.c: of sockets that are no more */
struct report_process;
void tell_process(int32_t tid, struct report_process *p, char *exe, size_t size);
struct attempt;
void tell_attempt(const struct request *rq, const struct attempt *a);

/* dns.c: the responder on loopback. */
void dns_event(uint64_t data);

/* Answers what waits on a socket whose control data says which address was asked. */
void dns_answer_on(int fd);
void dns_each(void (*each)(int fd));

/* Is a connect (that policy decided so) a program's way to a name server? */
bool dns_wants(const struct call *c, const struct decision *d);

/* Where a socket of this domain is connected instead: the length, or -errno. */
long dns_address(int domain, struct sockaddr_storage *sa);

/* A socket has been led there. */
void dns_led(int fd);

#endif
