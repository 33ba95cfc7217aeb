/* SPDX-License-Identifier: MIT */
/*
 * stir.c - is there anything to look at before or after a call? The word that every hook compares.
 *
 * Bit 0: no descriptor has a bit (pend_hot). 1 to 31: others_news->begun, up to which all was
 * heeded. 32 to 62: grows with each descriptor that gets a bit, so that who found none, and then
 * says so, does not say it after the next. 63: written since the fork, in which the kernel wipes it
 * (fds.c); without it bit 0 is never set, so a fork's first look is a long one.
 */
#include "pend.h"

#define NEWS 0xfffffffeu
#define MARK (1ULL << 32)
#define KNOWN (1ULL << 63)

static uint64_t first = KNOWN | STIR_CALM;
uint64_t *stir_word = &first;
atomic_uint pend_hot;

static uint64_t *word(void)
{
	return __atomic_load_n(&stir_word, __ATOMIC_SEQ_CST);
}

static uint64_t get(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

static bool swap(uint64_t *at, uint64_t *was, uint64_t now)
{
	return __atomic_compare_exchange_n(at, was, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

uint64_t stir_get(void)
{
	return get(word());
}

bool stir_forked(uint64_t was)
{
	return !(was & KNOWN);
}

bool stir_heeded(uint64_t was, uint32_t begun)
{
	return was & KNOWN && (was & NEWS) == begun;
}

void stir_heed(uint64_t was, uint32_t begun)
{
	const uint64_t what = KNOWN | NEWS;
	uint64_t *at = word(), now = was;

	while ((now & what) == (was & what) && !swap(at, &now, (now & ~what) | KNOWN | begun))
		;
}

/* In this order: who finds none in between cannot say so any more, since the word has changed. */
void stir_begin(void)
{
	uint64_t *at, was;

	atomic_fetch_add(&pend_hot, 1);
	at = word();
	was = get(at);
	while (!swap(at, &was, ((was + MARK) & ~(uint64_t)STIR_CALM) | (was & KNOWN)))
		;
}

void stir_end(void)
{
	atomic_fetch_sub(&pend_hot, 1); /* the next look says that all is calm */
}

bool stir_settle(void)
{
	uint64_t *at = word(), was;

	do {
		was = get(at);
		if (pend_hot)
			return true;
	} while ((was & (KNOWN | STIR_CALM)) == KNOWN && !swap(at, &was, was | STIR_CALM));
	return false;
}

void stir_move(uint64_t *to)
{
	*to = stir_get() & ~(uint64_t)STIR_CALM; /* somebody may begin just now */
	__atomic_store_n(&stir_word, to, __ATOMIC_SEQ_CST);
}
