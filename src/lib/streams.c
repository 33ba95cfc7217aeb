/* SPDX-License-Identifier: MIT */
/*
 * streams.c - the table of live streams, and how entries of closed sockets get out of it.
 *
 * The table is cut into tiers of growing size, and the next is used when there is no room in those
 * before: so few streams take few pages, and those of the first tier, with the header before them,
 * are side by side: a process that makes one connection touches one or two. In each tier a cookie
 * may stand in one of two buckets of PLACES places, and goes into the emptier one: then all buckets
 * fill alike, whichever cookies the kernel gives out (blocks of them to each processor). Who looks
 * for one reads a byte of each place, which lie side by side, and then the entry alone.
 *
 * Nobody tells us when a socket is closed: when both buckets of a cookie are nearly full in the
 * last tier, reap() asks the kernel which sockets there are (sock_diag(7)) and drops every entry
 * that it does not know. That frees thousands of places at once.
 *
 * reap() first puts its number on all entries, then takes it off those the kernel lists, then drops
 * those that still have it. An entry that is added meanwhile has no number and stays. Several
 * reapers at a time do no harm: an entry is dropped only by the one whose number it carries.
 */
#include <errno.h>
#include <string.h>

#include "diag.h"
#include "seqlock.h"
#include "streams.h"
#include "sys.h"

#define PLACES 16u
#define TAGS 8u /* in a word */
#define WORDS (2 * PLACES / TAGS)
#define SMALLEST (STREAMS_SLOTS / 64) /* tiers of 1, 3, 12 and 48 times so many places */
#define FAR (STREAMS_SLOTS - SMALLEST)
/* So few free places in the emptier bucket of the last tier call the reaper, well before there is
 * none: that is when about three quarters of the table are taken. */
#define LOW 4u
/* After a reaping of t ns there is none for REST * t ns: it takes 3 % of the time at most. */
#define REST 32u
#define REST_MAX 200000000u /* t is also long when the processors are busy */

/* stream_entry as it lies in the table. */
struct body {
	uint64_t cookie; /* 0: free */
	uint64_t started;
	uint64_t ip[2];
	uint64_t scope_port; /* scope << 32 | untold, no_delay << 24 | domain << 16 | port */
	uint64_t pid_name;   /* pid << 32 | name */
	uint64_t handshake;  /* sent << 32 | received */
};
#define BODY_WORDS (sizeof(struct body) / sizeof(uint64_t))

struct entry {
	uint32_t seq;
	uint32_t suspect; /* number of the reaper that wants to drop it, or 0 */
	struct body body;
};

struct streams {
	uint32_t reapers; /* numbers given out */
	int32_t blind;	  /* why the last dump failed, -errno, or 0 */
	uint64_t rest;	  /* CLOCK_MONOTONIC, ns: no dump before */
	uint32_t later;	  /* tiers that were ever used, but for the first */
	uint32_t pad[11];
	/* A byte each: of its cookie's hash, or 0: free. Index into the names table + 1, or 0. */
	uint64_t near_tags[SMALLEST / TAGS];
	uint32_t near_names[SMALLEST];
	struct entry near_entries[SMALLEST];
	uint64_t tags[FAR / TAGS];
	uint32_t names[FAR];
	struct entry entries[FAR];
};

_Static_assert(sizeof(struct entry) == 64, "an entry is a cache line");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the first tag of a word is its lowest byte");

size_t streams_size(void)
{
	return sizeof(struct streams);
}

/* splitmix64's finalizer: cookies that differ in any bits get buckets that are as good as drawn. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint32_t tier_begin(uint32_t tier)
{
	return tier ? SMALLEST << 2 * (tier - 1) : 0;
}

static uint32_t tier_size(uint32_t tier)
{
	return tier ? 3 * tier_begin(tier) : SMALLEST;
}

/* Where one cookie may stand, in all tiers; and how far a search for it has come. */
struct places {
	uint64_t hash;
	uint8_t tag;
	uint32_t tier;
	uint32_t first[2]; /* of the two buckets in this tier */
	uint32_t word;	   /* next of WORDS words of tags */
	uint32_t base;	   /* first place of the last one */
	uint64_t found;	   /* its bytes that have the tag */
};

static void enter_tier(struct places *p, uint32_t tier)
{
	uint32_t buckets = tier_size(tier) / PLACES, one = (uint32_t)p->hash % buckets;
	uint32_t two = (uint32_t)(p->hash >> 32) % buckets;

	p->tier = tier;
	p->word = 0;
	p->first[0] = tier_begin(tier) + one * PLACES;
	p->first[1] = tier_begin(tier) + (two == one ? one ^ 1 : two) * PLACES;
}

static struct places places_of(uint64_t cookie)
{
	struct places p = {.hash = mix(cookie)};

	p.tag = (uint8_t)(p.hash >> 24);
	p.tag += !p.tag;
	enter_tier(&p, 0);
	return p;
}

/* The highest bit of each byte of `word` that is `tag`. */
static uint64_t same_bytes(uint64_t word, uint8_t tag)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
	uint64_t differ = word ^ 0x0101010101010101u * tag;

	return ~(((differ & low) + low) | differ | low);
}

/* First place of the i-th word of tags in this tier. */
static uint32_t word_place(const struct places *p, uint32_t i)
{
	return p->first[i / (WORDS / 2)] + i % (WORDS / 2) * TAGS;
}

static uint64_t *tags_at(const struct streams *t, uint32_t i)
{
	return (uint64_t *)(i < SMALLEST ? &t->near_tags[i / TAGS]
					 : &t->tags[(i - SMALLEST) / TAGS]);
}

static uint32_t *name_at(const struct streams *t, uint32_t i)
{
	return (uint32_t *)(i < SMALLEST ? &t->near_names[i] : &t->names[i - SMALLEST]);
}

static struct entry *entry_at(const struct streams *t, uint32_t i)
{
	return (struct entry *)(i < SMALLEST ? &t->near_entries[i] : &t->entries[i - SMALLEST]);
}

static uint64_t tagged(const struct streams *t, uint32_t base, uint8_t tag)
{
	return same_bytes(SHARED_LOAD(tags_at(t, base)), tag);
}

static void set_tag(struct streams *t, uint32_t i, uint8_t tag)
{
	SHARED_STORE((uint8_t *)tags_at(t, i) + i % TAGS, tag);
}

static uint32_t tiers_used(const struct streams *t)
{
	uint32_t later = SHARED_LOAD(&t->later);

	return later < STREAMS_TIERS ? 1 + later : STREAMS_TIERS;
}

static void use_tier(struct streams *t, uint32_t tier)
{
	uint32_t later = SHARED_LOAD(&t->later);

	while (later < tier && !shared_swap(&t->later, later, tier))
		later = SHARED_LOAD(&t->later);
}

/* The i-th of the 2 * PLACES places in this tier. */
static uint32_t place(const struct places *p, uint32_t i)
{
	return p->first[i / PLACES] + i % PLACES;
}

void streams_buckets(uint64_t cookie, uint32_t tier, uint32_t first[static 2])
{
	struct places p = places_of(cookie);

	enter_tier(&p, tier);
	memcpy(first, p.first, sizeof(p.first));
}

/* The next place that may be the cookie's. */
static bool find_next(const struct streams *t, struct places *p, uint32_t *at)
{
	uint32_t tiers = tiers_used(t);

	while (!p->found) {
		if (p->word < WORDS) {
			p->base = word_place(p, p->word++);
			p->found = tagged(t, p->base, p->tag);
		} else if (p->tier + 1 < tiers) {
			enter_tier(p, p->tier + 1);
		} else {
			return false;
		}
	}
	*at = p->base + (uint32_t)__builtin_ctzll(p->found) / 8;
	p->found &= p->found - 1;
	return true;
}

static void pack(struct body *b, const struct stream_entry *e)
{
	b->cookie = e->cookie;
	b->started = e->started;
	memcpy(b->ip, e->to.ip, sizeof(b->ip));
	b->scope_port = (uint64_t)e->to.scope << 32 | (uint32_t)e->untold << 25 |
			(uint32_t)e->no_delay << 24 | (uint32_t)e->domain << 16 | e->to.port;
	b->pid_name = (uint64_t)(uint32_t)e->pid << 32 | (uint32_t)e->name;
	b->handshake = (uint64_t)e->sent << 32 | e->received;
}

static void unpack(struct stream_entry *e, const struct body *b)
{
	memset(e, 0, sizeof(*e));
	e->cookie = b->cookie;
	e->started = b->started;
	memcpy(e->to.ip, b->ip, sizeof(b->ip));
	e->to.scope = (uint32_t)(b->scope_port >> 32);
	e->to.port = (uint16_t)b->scope_port;
	e->domain = (uint8_t)(b->scope_port >> 16);
	e->no_delay = b->scope_port >> 24 & 1;
	e->untold = b->scope_port >> 25 & 1;
	e->name = (int32_t)(uint32_t)b->pid_name;
	e->pid = (int32_t)(b->pid_name >> 32);
	e->sent = (uint32_t)(b->handshake >> 32);
	e->received = (uint32_t)b->handshake;
}

/* Copies what stands at place `i`. False if it is free or just being written. */
static bool read_at(const struct streams *t, uint32_t i, struct stream_entry *out)
{
	const struct entry *e = entry_at(t, i);
	uint64_t words[BODY_WORDS];
	struct body b;

	for (int tries = 0; tries < 4; tries++) {
		uint32_t seq = SHARED_LOAD(&e->seq);

		if (seqlock_odd(seq) || !SHARED_LOAD(&e->body.cookie))
			return false;
		words_load(words, &e->body.cookie, BODY_WORDS);
		if (!seqlock_still(&e->seq, seq))
			continue;
		memcpy(&b, words, sizeof(b));
		unpack(out, &b);
		return b.cookie != 0;
	}
	return false;
}

/* Writes `b` (zeros: makes it free) over place `i` if that still holds the cookie `was`. */
static bool write_at(struct streams *t, uint32_t i, uint64_t was, const struct body *b)
{
	struct entry *e = entry_at(t, i);
	uint64_t words[BODY_WORDS];
	uint32_t seq = SHARED_LOAD(&e->seq);
	bool same;

	if (SHARED_LOAD(&e->body.cookie) != was || !seqlock_claim(&e->seq, seq))
		return false;
	same = SHARED_LOAD(&e->body.cookie) == was;
	if (same) {
		memcpy(words, b, sizeof(words));
		words_store(&e->body.cookie, words, BODY_WORDS);
		SHARED_STORE(&e->suspect, 0);
		SHARED_STORE(name_at(t, i), b->cookie ? (uint32_t)b->pid_name + 1 : 0);
		set_tag(t, i, b->cookie ? places_of(b->cookie).tag : 0);
	}
	seqlock_release(&e->seq, seq);
	return same;
}

static bool free_at(struct streams *t, uint32_t i, uint64_t cookie)
{
	static const struct body none;

	return write_at(t, i, cookie, &none);
}

static bool replace(struct streams *t, const struct body *b)
{
	struct places p = places_of(b->cookie);
	uint32_t at;

	while (find_next(t, &p, &at))
		if (write_at(t, at, b->cookie, b))
			return true;
	return false;
}

/* Into a free place of this tier, of the emptier bucket if it can be. How many that one had. */
static uint32_t put_in_tier(struct streams *t, const struct places *p, const struct body *b)
{
	uint32_t room[2] = {0, 0}, side;

	for (uint32_t i = 0; i < WORDS; i++)
		room[i / (WORDS / 2)] +=
			(uint32_t)__builtin_popcountll(tagged(t, word_place(p, i), 0));
	side = room[1] > room[0];
	if (!room[side])
		return 0;
	use_tier(t, p->tier);
	for (uint32_t i = 0; i < 2 * PLACES; i++) /* it may be taken meanwhile */
		if (write_at(t, place(p, (i + side * PLACES) % (2 * PLACES)), 0, b))
			return room[side];
	return 0;
}

/*
 * Puts `b` where its cookie stands already, else into the first tier that has room for it. Returns
 * how many places it could choose from, if that was in the last tier, else PLACES; -ENOSPC.
 */
static int put(struct streams *t, const struct body *b)
{
	struct places p = places_of(b->cookie);
	uint32_t room = 0, tier;

	if (replace(t, b))
		return PLACES;
	for (tier = 0; !room && tier < STREAMS_TIERS; tier++) {
		enter_tier(&p, tier);
		room = put_in_tier(t, &p, b);
	}
	if (!room)
		return -ENOSPC;
	return tier < STREAMS_TIERS ? (int)PLACES : (int)room;
}

/* Takes the number off every place that holds this cookie: its socket lives. */
static void clear(void *arg, uint64_t c)
{
	struct streams *t = arg;
	struct places p = places_of(c);
	uint32_t at;

	while (c && find_next(t, &p, &at))
		if (SHARED_LOAD_RELAXED(&entry_at(t, at)->body.cookie) == c)
			SHARED_STORE_RELAXED(&entry_at(t, at)->suspect, 0);
}

/* Puts the number on all entries. */
static void suspect_all(struct streams *t, uint32_t number)
{
	for (uint32_t i = 0; i < STREAMS_SLOTS; i++)
		if (SHARED_LOAD_RELAXED(&entry_at(t, i)->body.cookie))
			SHARED_STORE(&entry_at(t, i)->suspect, number);
}

/* Leaves the number only on entries of no socket that lives in our network namespace. */
static int dump_all(struct streams *t, uint32_t number)
{
	suspect_all(t, number);
	return diag_dump(clear, t);
}

/* Drops all entries that carry the number. */
static void sweep(struct streams *t, uint32_t number)
{
	struct stream_entry e;
	int32_t pid = 0;
	bool keep = false;

	for (uint32_t i = 0; i < STREAMS_SLOTS; i++) {
		if (SHARED_LOAD(&entry_at(t, i)->suspect) != number || !read_at(t, i, &e))
			continue;
		if (e.pid != pid)
			keep = diag_elsewhere(e.pid);
		pid = e.pid;
		if (!keep && SHARED_LOAD(&entry_at(t, i)->suspect) == number)
			free_at(t, i, e.cookie);
	}
}

/*
 * Drops the entries of closed sockets. 0; -EAGAIN when that was done a moment ago; other -errno
 * when the kernel does not tell.
 */
static int reap(struct streams *t)
{
	uint64_t begin = sys_now(), end, rest;
	uint32_t number = __atomic_add_fetch(&t->reapers, 1, __ATOMIC_RELAXED);
	int error = SHARED_LOAD_RELAXED(&t->blind);

	if (begin < SHARED_LOAD_RELAXED(&t->rest) || !number)
		return error ? error : -EAGAIN;
	error = dump_all(t, number);
	if (!error)
		sweep(t, number);
	end = sys_now();
	rest = REST * (end - begin);
	SHARED_STORE_RELAXED(&t->blind, error);
	SHARED_STORE_RELAXED(&t->rest, end + (rest < REST_MAX ? rest : REST_MAX));
	return error;
}

/* When the kernel tells nothing: drops an entry whose process is gone, or else the oldest one. */
static void evict(struct streams *t, uint64_t cookie)
{
	struct stream_entry e, old = {.started = UINT64_MAX};
	struct places p = places_of(cookie);
	uint32_t where = 0;

	for (uint32_t tier = 0; tier < STREAMS_TIERS; tier++) {
		enter_tier(&p, tier);
		for (uint32_t i = 0; i < 2 * PLACES && old.started; i++) {
			if (!read_at(t, place(&p, i), &e))
				continue;
			if (diag_dead(e.pid))
				e.started = 0;
			if (e.started < old.started) {
				old = e;
				where = place(&p, i);
			}
		}
	}
	if (old.cookie)
		free_at(t, where, old.cookie);
}

int streams_add(struct streams *t, const struct stream_entry *e)
{
	struct body b;
	int room, error;

	if (!e->cookie)
		return -EINVAL;
	pack(&b, e);
	room = put(t, &b);
	if (room > (int)LOW)
		return 0;
	error = reap(t);
	if (room < 0 && error && error != -EAGAIN)
		evict(t, e->cookie);
	return put(t, &b) < 0 ? -ENOSPC : 0;
}

int streams_find(const struct streams *t, uint64_t cookie, struct stream_entry *out)
{
	struct places p = places_of(cookie);
	uint32_t at;

	while (cookie && find_next(t, &p, &at))
		if (SHARED_LOAD(&entry_at(t, at)->body.cookie) == cookie && read_at(t, at, out) &&
		    out->cookie == cookie)
			return 0;
	return -ENOENT;
}

void streams_drop(struct streams *t, uint64_t cookie)
{
	struct places p = places_of(cookie);
	uint32_t at;

	while (cookie && find_next(t, &p, &at))
		free_at(t, at, cookie);
}

int streams_each(const struct streams *t, int (*each)(void *arg, const struct stream_entry *e),
		 void *arg)
{
	struct stream_entry e;
	int stop = 0;

	for (uint32_t i = 0; i < STREAMS_SLOTS && !stop; i++)
		if (read_at(t, i, &e))
			stop = each(arg, &e);
	return stop;
}

bool streams_uses_name(void *streams, uint32_t index)
{
	const struct streams *t = streams;

	for (uint32_t i = 0; i < STREAMS_SLOTS && index != UINT32_MAX; i++)
		if (SHARED_LOAD_RELAXED(name_at(t, i)) == index + 1)
			return true;
	return false;
}
