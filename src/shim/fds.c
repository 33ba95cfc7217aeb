/* SPDX-License-Identifier: MIT */
/*
 * fds.c - which descriptors of this process may lead to a stream under way.
 *
 * Memory is mapped at first use and touched where it is used. A fork has its own copy. A vfork
 * child works on its parent's: it may mark, and clears nothing, since what is closed in it is not
 * in the parent; a page that the kernel wipes in a fork tells the two apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "pend.h"
#include "sys.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define BITS 64
#define WORDS (PEND_FDS / BITS)

enum kind {
	MAYBE,	/* a stream under way */
	COPIES, /* another number may be the same socket */
	OWNED,	/* nobody else can have it */
	TCP,	/* socket(2) made it, of TCP */
	KINDS
};

struct bits {
	_Atomic uint64_t of[KINDS];
};

/*
 * Of the numbers that every program has: beside our other variables, on pages that are there
 * already.
 */
static struct bits low_bits;
static LARGE(1b) struct reg low_regs[BITS][REGS_EACH];

struct fds {
	union {
		struct {
			_Atomic int32_t pid; /* whose memory this is; 0: just forked */
			uint64_t word;	     /* stir_word */
		};
		char page[4096];
	};
	struct bits bits[WORDS]; /* the first is not used, nor are its regs */
	struct reg regs[PEND_FDS][REGS_EACH];
};

atomic_bool pend_limits;

static int32_t starter; /* who ran the constructor */
static _Atomic(struct fds *) the_fds;
static atomic_int highest; /* number with a bit of either kind, since the start */

/*
 * Whose memory it is that is new, or that no process has written its number to since the fork. The
 * first that looks may be a vfork child (a fork that starts a program does nothing else): it has
 * its parent's. Where kcmp(2) is not to be had it is taken for a process of its own. The process
 * that was started by execve(2) has its own: it need not ask, which takes as long as a page fault.
 */
static int32_t whose(int32_t pid)
{
	const int same_memory = 1; /* <linux/kcmp.h> */
	int32_t parent;

	if (pid == starter || confined) /* its filter may kill for either call: sshd's does */
		return pid;
	parent = (int32_t)SYS0(SYS_getppid);
	return SYS5(SYS_kcmp, pid, parent, same_memory, 0, 0) == 0 ? parent : pid;
}

void fds_start(void)
{
	starter = sys_getpid();
}

static struct fds *fds_make(void)
{
	struct fds *none = NULL, *f;
	long at = SYS6(SYS_mmap, 0, sizeof(struct fds), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at < 0 && at > -4096)
		return NULL;
	f = (struct fds *)at;
	SYS3(SYS_madvise, f, sizeof(f->page), MADV_WIPEONFORK);
	f->pid = whose(sys_getpid());
	if (atomic_compare_exchange_strong(&the_fds, &none, f)) {
		stir_move(&f->word);
		return f;
	}
	SYS2(SYS_munmap, f, sizeof(*f));
	return none;
}

static struct fds *fds_get(void)
{
	struct fds *f = atomic_load_explicit(&the_fds, memory_order_acquire);

	return f ? f : fds_make();
}

bool fds_ready(void)
{
	return fds_get() != NULL;
}

bool fds_borrowed_by(int32_t pid)
{
	struct fds *f = fds_get();

	if (!f)
		return false;
	if (!f->pid)
		f->pid = whose(pid);
	return f->pid != pid;
}

/* A thread whose number is that of the process that the memory belongs to is of that process. */
int32_t fds_process(uint32_t thread)
{
	struct fds *f = atomic_load_explicit(&the_fds, memory_order_acquire);

	return f && f->pid == (int32_t)thread ? (int32_t)thread : sys_getpid();
}

bool fds_borrowed(void)
{
	return fds_borrowed_by(sys_getpid());
}

static struct reg *regs_at(struct fds *f, int fd)
{
	return fd < BITS ? low_regs[fd] : f->regs[fd];
}

struct reg *fds_regs(int fd)
{
	struct fds *f = fd >= 0 && fd < PEND_FDS ? fds_get() : NULL;

	return f ? regs_at(f, fd) : NULL;
}

static uint64_t bit(int fd)
{
	return 1ULL << (fd % BITS);
}

static struct bits *bits_at(struct fds *f, int word)
{
	return word ? &f->bits[word] : &low_bits;
}

/* Numbers beyond those that are followed have no bit. */
static struct bits *bits_of(struct fds *f, int fd)
{
	return f && fd >= 0 && fd < PEND_FDS ? bits_at(f, fd / BITS) : NULL;
}

static struct bits *bits_known(int fd)
{
	return bits_of(atomic_load_explicit(&the_fds, memory_order_acquire), fd);
}

static bool has(int fd, enum kind k)
{
	struct bits *b = bits_known(fd);

	return b && b->of[k] & bit(fd);
}

static void note_highest(int fd)
{
	int top = highest;

	while (top < fd && !atomic_compare_exchange_weak(&highest, &top, fd))
		;
}

/* Was it there before? There may be no memory for one: then it is not there after. */
static bool put(int fd, enum kind k)
{
	struct bits *b = bits_of(fds_get(), fd);

	if (!b)
		return true;
	note_highest(fd);
	return atomic_fetch_or(&b->of[k], bit(fd)) & bit(fd);
}

/* Was it there? */
static bool take(int fd, enum kind k)
{
	return has(fd, k) && atomic_fetch_and(&bits_known(fd)->of[k], ~bit(fd)) & bit(fd);
}

static void take_all(enum kind k)
{
	struct fds *f = atomic_load_explicit(&the_fds, memory_order_acquire);

	for (int word = 0; f && word <= highest / BITS; word++)
		if (bits_at(f, word)->of[k])
			bits_at(f, word)->of[k] = 0;
}

static void set(int fd, enum kind k, bool on)
{
	if (on)
		put(fd, k);
	else
		take(fd, k);
}

bool fds_maybe(int fd)
{
	return has(fd, MAYBE);
}

void fds_mark(int fd)
{
	if (!put(fd, MAYBE))
		stir_begin();
}

void fds_unmark(int fd)
{
	if (take(fd, MAYBE))
		stir_end();
}

static void each_of(int word, uint64_t bits, void (*each)(int fd, void *arg), void *arg)
{
	for (; bits; bits &= bits - 1)
		each(word * BITS + __builtin_ctzll(bits), arg);
}

void fds_each(void (*each)(int fd, void *arg), void *arg)
{
	struct fds *f = fds_get();

	for (int word = 0; f && word <= highest / BITS; word++)
		each_of(word, bits_at(f, word)->of[MAYBE], each, arg);
}

bool fds_owned(int fd)
{
	return has(fd, OWNED);
}

void fds_own(int fd)
{
	put(fd, OWNED);
}

void fds_disown(int fd)
{
	take(fd, OWNED);
}

void fds_disown_all(void)
{
	take_all(OWNED);
}

bool fds_tcp(int fd)
{
	return has(fd, TCP);
}

void fds_set_tcp(int fd, bool tcp)
{
	set(fd, TCP, tcp);
}

void fds_forget_tcp(void)
{
	take_all(TCP);
}

void fds_suspect(int fd)
{
	put(fd, COPIES);
}

void fds_copied(int old, int copy)
{
	if (old == copy || old < 0 || old >= PEND_FDS || copy >= PEND_FDS || !fds_get())
		return;
	fds_suspect(old);
	fds_suspect(copy);
	set(copy, OWNED, fds_owned(old));
	set(copy, TCP, fds_tcp(old));
	if (fds_maybe(old)) {
		fds_mark(copy);
		pend_copied(copy);
	}
}

/* Nothing is registered by this number: what was noted is of the past. */
void fds_fresh(int fd)
{
	struct fds *f = atomic_load_explicit(&the_fds, memory_order_acquire);
	struct reg *r;
	bool noted = false;

	if (!f || fd < 0 || fd >= PEND_FDS)
		return;
	take(fd, TCP);
	r = regs_at(f, fd);
	for (int i = 0; i < REGS_EACH; i++)
		noted |= __atomic_load_n(&r[i].epoll, __ATOMIC_RELAXED) ||
			 (uint32_t)__atomic_load_n(&r[i].state, __ATOMIC_RELAXED);
	for (int i = 0; noted && i < REGS_EACH && !fds_borrowed(); i++)
		regs_clear(&r[i]);
}

struct copies {
	int fd, found;
	uint64_t cookie;
};

static void mark_copy(int fd, void *arg)
{
	struct copies *c = arg;

	if (fd != c->fd && sys_cookie(fd) == c->cookie) {
		fds_mark(fd);
		fds_suspect(fd);
		c->found++;
	}
}

/* A number that was closed may still be registered with an epoll for this socket. */
static void mark_closed(int fd, void *arg)
{
	struct copies *c = arg;

	if (fd == c->fd || !regs_any(fd) || SYS2(SYS_fcntl, fd, F_GETFD) != -EBADF)
		return;
	regs_hide(fd, c->fd, c->cookie, EPOLLET);
	if (regs_ours(fd, c->cookie)) {
		fds_mark(fd);
		c->found++;
	}
}

bool fds_has_copies(int fd)
{
	return has(fd, COPIES);
}

void fds_find_copies(int fd, uint64_t cookie)
{
	struct fds *f = fds_get();
	struct copies c = {fd, 0, cookie};

	if (!fds_has_copies(fd))
		return;
	sys_each_fd(mark_copy, &c);
	for (int word = 0; word <= highest / BITS; word++)
		each_of(word, bits_at(f, word)->of[COPIES], mark_closed, &c);
	if (!c.found && !fds_borrowed())
		take(fd, COPIES);
}

void fds_adopt(int fd, void *unused)
{
	const struct session *s = here();

	(void)unused;
	if (!s || !progresses_used(session_progresses(s)) || fds_maybe(fd) ||
	    !progress_find(session_progresses(s), sys_cookie(fd)))
		return;
	fds_mark(fd);
	fds_suspect(fd);
	pend_met(fd);
}
