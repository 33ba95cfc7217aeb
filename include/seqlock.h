/* SPDX-License-Identifier: MIT */
/*
 * seqlock.h - records in memory that processes share, written without locks. Pure.
 *
 * A record's `seq` is even at rest and odd while somebody writes; 0 means never written. A writer
 * claims the record by making it odd, and a reader believes what it copied only if `seq` was even
 * and has not moved meanwhile. A writer that is killed leaves it odd: that record is lost, nothing
 * more.
 *
 * Fields are loaded with acquire and stored with release order: whoever sees one new field also
 * sees the odd `seq` before it. So there are no fences, which ThreadSanitizer cannot follow.
 */
#ifndef SOCKSHIM_SEQLOCK_H
#define SOCKSHIM_SEQLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARED_LOAD(from) __atomic_load_n(from, __ATOMIC_ACQUIRE)
#define SHARED_STORE(to, value) __atomic_store_n(to, value, __ATOMIC_RELEASE)
#define SHARED_LOAD_RELAXED(from) __atomic_load_n(from, __ATOMIC_RELAXED)
#define SHARED_STORE_RELAXED(to, value) __atomic_store_n(to, value, __ATOMIC_RELAXED)

/* Stores `to` if it still is `was`. */
static inline bool shared_swap(uint32_t *at, uint32_t was, uint32_t to)
{
	return __atomic_compare_exchange_n(at, &was, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline bool shared_swap_long(uint64_t *at, uint64_t was, uint64_t to)
{
	return __atomic_compare_exchange_n(at, &was, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline bool seqlock_odd(uint32_t seq)
{
	return seq & 1;
}

/* Reader: has the record stood still since its `seq` was loaded? */
static inline bool seqlock_still(const uint32_t *seq, uint32_t was)
{
	return SHARED_LOAD_RELAXED(seq) == was;
}

/*
 * Writer: takes the record whose `seq` was seen as `was` (even). False: somebody else was faster.
 */
static inline bool seqlock_claim(uint32_t *seq, uint32_t was)
{
	return !seqlock_odd(was) && shared_swap(seq, was, was + 1);
}

/* Writer: publishes it; `was` as given to seqlock_claim(). Never 0, which means never written. */
static inline void seqlock_release(uint32_t *seq, uint32_t was)
{
	SHARED_STORE(seq, was + 2 ? was + 2 : 2);
}

static inline void words_load(uint64_t *to, const uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = SHARED_LOAD(from + i);
}

static inline void words_store(uint64_t *to, const uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		SHARED_STORE(to + i, from[i]);
}

#endif
