/* SPDX-License-Identifier: MIT */
/*
 * others.c - streams that other processes begin on sockets which this one has, too.
 *
 * Each process knows by bits which of its descriptors lead to a stream under way (fds.c). Those
 * that it connects itself it marks, and a fork has a copy. But a socket that was shared before it
 * was connected is connected by one process, and the others must hear of it: who begins a stream on
 * a socket that others may have makes a number in the session grow, and who sees that it has grown,
 * before or after a call, looks through its own descriptors once. So nobody counts what a killed
 * process could leave behind, and while nobody shares sockets nothing is looked through.
 *
 * A socket is its process's own from socket(2) on until it may have got elsewhere: by a fork, which
 * finds a page wiped and says so at its first call, by execve(2), of which the constructor says so,
 * or by SCM_RIGHTS. All three make a second number grow, by which the owner sees that it is none
 * any more.
 */
#include "pend.h"
#include "sys.h"

static const struct progress_news none;

const struct progress_news *others_news = &none;

static uint32_t spreads;    /* when the sockets that are ours alone began to be */
static atomic_bool company; /* another process had a hand in a stream of ours */

void others_start(const struct session *s)
{
	__atomic_store_n(&others_news, progresses_news(session_progresses(s)), __ATOMIC_RELEASE);
}

/* In a new process: one that was started, or a fork. */
static void join(const struct session *s)
{
	fds_disown_all();
	progresses_spread(session_progresses(s));
}

static void look_through(const struct session *s)
{
	if (!confined && progresses_used(session_progresses(s)))
		sys_each_fd(fds_adopt, NULL);
}

static void settle_stdin(void)
{
	if (atomic_load_explicit(&pend_hot, memory_order_relaxed))
		held_settle(STDIN_FILENO); /* a FILE by now: see fdopen() */
}

void others_join(void)
{
	const struct session *s = here();
	uint32_t begun = __atomic_load_n(&others_news->begun, __ATOMIC_ACQUIRE);
	uint64_t was = stir_get();

	if (!s)
		return;
	join(s);
	look_through(s);
	stir_heed(was, begun);
	settle_stdin();
}

/*
 * Nothing in the look-through waits, or asks whether there is news: it would look again from
 * within, as deep as the stack is. What waits comes after it, when this news is none any more. A
 * signal handler that forks in between leaves the fork its own look (0).
 *
 * What a vfork child closes is not closed in its parent, whose memory this is: that one looks, too.
 */
SLOWLY bool others_look(void)
{
	const struct session *s = others_news == &none ? NULL : here();
	uint32_t begun = __atomic_load_n(&others_news->begun, __ATOMIC_ACQUIRE);
	uint64_t was = stir_get();
	bool owed = !stir_forked(was) && fds_maybe(STDIN_FILENO); /* known of before */

	if (s && !stir_heeded(was, begun)) {
		if (stir_forked(was))
			join(s);
		look_through(s);
		if (!fds_borrowed())
			stir_heed(was, begun);
		if (!owed)
			settle_stdin();
	}
	return stir_settle();
}

static void heed_spreads(uint32_t now)
{
	if (now == __atomic_load_n(&spreads, __ATOMIC_ACQUIRE))
		return;
	fds_disown_all(); /* before the number says that this was done */
	__atomic_store_n(&spreads, now, __ATOMIC_RELEASE);
}

uint32_t others_before(void)
{
	const struct session *s = here();

	pend_any(); /* a fork says so */
	return s ? progresses_spreads(session_progresses(s)) : 0;
}

void others_fresh(int fd, uint32_t before)
{
	heed_spreads(before);
	fds_own(fd);
}

bool others_may_have(int fd)
{
	heed_spreads(progresses_spreads(session_progresses(here())));
	return stir_forked(stir_get()) || !fds_owned(fd);
}

void others_tell(void)
{
	uint64_t word = stir_get();
	uint32_t was = progresses_tell(session_progresses(here()));

	others_meet();
	if (stir_heeded(word, was)) /* our own is no news */
		stir_heed(word, was + PROGRESS_NEWS_STEP);
}

void others_sent(void)
{
	const struct session *s = here();

	if (s)
		progresses_spread(session_progresses(s));
}

void others_meet(void)
{
	atomic_store_explicit(&company, true, memory_order_relaxed);
}

bool others_here(void)
{
	const struct session *s;

	if (atomic_load_explicit(&company, memory_order_relaxed))
		return true;
	s = here();
	return s && progresses_spreads(session_progresses(s)) !=
			    __atomic_load_n(&spreads, __ATOMIC_RELAXED);
}
