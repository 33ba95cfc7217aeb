/* SPDX-License-Identifier: MIT */
/*
 * shim.h - what every file of libsockshim.so includes: the real functions, the ban on calling
 * hooked ones, this process's view of the session.
 *
 * Rules of this room: no decision (core's), no allocation, lock or stdio in a path that may run in
 * a signal handler, after vfork or before main; never exit, abort or print but through log.h. Files
 * are compiled without _GNU_SOURCE: with it glibc declares socket calls with transparent unions.
 */
#ifndef SOCKSHIM_SHIM_H
#define SOCKSHIM_SHIM_H

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wordexp.h>

#include "decide.h"
#include "log.h"
#include "session.h"
#include "socks.h"

struct timespec;
/* As <sys/socket.h> has it with _GNU_SOURCE. */
struct mmsghdr {
	struct msghdr msg_hdr;
	unsigned int msg_len;
};
/* And <link.h>. */
struct dl_phdr_info {
	uintptr_t dlpi_addr;
	const char *dlpi_name;
	const void *dlpi_phdr;
	uint16_t dlpi_phnum;
	unsigned long long dlpi_adds, dlpi_subs;
	size_t dlpi_tls_modid;
	void *dlpi_tls_data;
};
struct gaicb; /* and these */
struct __res_state;

/*
 * A hooked function: exported, and callable by nobody in here. Only hook_syscall.c may, whose job
 * is to call them.
 */
#define WRAP __attribute__((visibility("default")))

/* One that is called all the time, in as few lines of the cache as there can be. */
#define WRAP_OFTEN WRAP __attribute__((aligned(64)))

/*
 * A variable of ours that hooks read all the time: not by way of the table that other libraries may
 * change.
 */
#define INNER extern __attribute__((visibility("hidden")))

#ifdef SHIM_CALLS_HOOKS
#define CALL(ret, name, params) ret name params;
#else
#define CALL(ret, name, params)                                                                    \
	ret name params __attribute__((unavailable("hooked: use real(" #name ") or sys.h")));
#endif
#include "calls.def"
#undef CALL

/* The next definitions in the search order, usually libc's. */
struct real_calls {
#define CALL(ret, name, params) ret(*name) params;
#include "calls.def"
#undef CALL
};
INNER struct real_calls real_table;

/*
 * Finds number `i` of calls.def, and notes it in real_table; NULL: there is none. May run twice at
 * once, and from within itself, without harm.
 */
void *real_find(size_t i);

/* Our hook, if `function` is what the one of that name stands in front of; else NULL. */
void *real_hook(const char *name, const void *function);

/*
 * What is seldom called need not be looked up by ld.so at each start. For ordinary code only; or
 * NULL.
 */
void *real_anywhere(const char *name);

/*
 * For the constructor: from here on finding asks nobody for memory, unless a library has a hooked
 * name as an indirect function (glibc none of them): only a search for each name would tell, and
 * the start is to be spared that.
 */
void real_start(void);

/* Is real() to be had so? Not before the constructor. */
bool real_known(void);

/* NULL: not looked for yet, or there is none. */
#define real_had(name) __atomic_load_n(&real_table.name, __ATOMIC_RELAXED)

/* The function that ours stands in front of. Also before our constructor has run. */
#define real(name)                                                                                 \
	({                                                                                         \
		__typeof__(real_table.name) had_ = real_had(name);                                 \
		__builtin_expect(had_ != NULL, 1)                                                  \
			? had_                                                                     \
			: (__typeof__(had_))real_find(offsetof(struct real_calls, name) /          \
						      sizeof(void *));                             \
	})

/*
 * For hooks that are called all the time: the real one if `quiet` and it was called before, else
 * name_slowly(), a function of its own: what is left saves no register, a nanosecond of three.
 */
#define REAL_OR_SLOWLY(quiet, name, ...)                                                           \
	({                                                                                         \
		__typeof__(real_table.name) quick_ = real_had(name);                               \
		__builtin_expect((quiet) && quick_, 1) ? quick_(__VA_ARGS__)                       \
						       : name##_slowly(__VA_ARGS__);               \
	})

/* The session of this process, or NULL: then everything that would reach a network is refused. */
const struct session *here(void);

/* It cannot be joined, but its supervisor judges this process's calls: all passes here. */
bool here_left_to_guard(void);

/* Path of this process's program ("" if unknown), and its last part. */
const char *here_exe(void);
const char *here_name(void);

/* Starts a log line "sockshim: PROGRAM: ". */
struct bytes_out *say(struct log_line *l, enum log_level level);

/* errno convention: -errno becomes -1 and errno; anything else stays. */
long libc_result(long result);

/*
 * Fills in `c` for a call with a socket address; true if policy must be asked, false if the kernel
 * may have it as it stands (not an address of AF_INET, AF_INET6 or AF_UNSPEC, or one that the
 * kernel will refuse: EFAULT, EINVAL). Reads the address once; `family` becomes sa_family.
 */
bool call_address(struct call *c, enum call_kind kind, int fd, const struct sockaddr *to,
		  socklen_t len);

/* Fills in `c` for listen(2), whose address is the socket's own. False: it is no socket of IP. */
bool call_listen(struct call *c, int fd);

/* The name that `to` stands for, if it is a virtual address: fills in c->name from `text`. */
int32_t call_name(struct call *c, char text[static NAME_MAX_LEN + 1]);

/* decide() with this process's session. */
enum verdict decide_here(struct call *c, struct decision *d);

/* Logs a refusal (once for each target and reason in a process) and returns -d->error. */
int refuse(const struct call *c, const struct decision *d);

/* Has this process said so before of this call and reason? Then a second line tells nothing. */
bool said_before(const struct call *c, uint8_t reason);

/* Can `len` bytes be read at `at`? Costs a system call only off the stack, and once a page. */
bool readable(const void *at, size_t len);

/* Connects through the proxy (tunnel.c). 0 or -errno. */
int tunnel_connect(int fd, const struct call *c, const struct decision *d, int32_t name);

/* Asks the proxy for an address of `name`, or the name of `to`, by RESOLVE. 0 or an EAI_ code. */
int tunnel_resolve(const struct decision *d, const struct addr *to, int32_t name,
		   struct socks_answer *answer);

/*
 * Does a control message of a send choose a device or a source route? 0, or -errno (said). `msg`
 * must be readable.
 */
int control_check(const struct msghdr *msg);

/* Does this descriptor lead to a proxy, and what is known of it? */
bool find_stream(int fd, struct stream_entry *e);

/*
 * This process wears a seccomp filter of its own, which may kill it for a call that its programmers
 * did not think of: none is made for it that it does not make itself.
 */
extern bool confined;

/* Judges the descriptors that came with a message; refused ones are dead when this returns. */
void rights_check(const struct msghdr *msg);

/* What hooks of several symbols share; each returns -errno on failure. */
int socket_connect(int fd, const struct sockaddr *to, socklen_t len);
/* getpeername(2) itself: -1 and errno. */
int socket_peername(int fd, struct sockaddr *peer, socklen_t *len);
/* getaddrinfo(3) itself, for the others that do the same. */
int name_getaddrinfo(const char *node, const char *service, const struct addrinfo *given,
		     struct addrinfo **result);

#endif
