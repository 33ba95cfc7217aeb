/* SPDX-License-Identifier: MIT */
/*
 * names.c - the table of virtual addresses: slots with names, and buckets that find a name's slot.
 *
 * A slot is given out once, in order, by counting; it is a seqlock record (seqlock.h). A bucket
 * holds a slot's number and 14 bits of the name's hash, so that a search seldom touches a wrong
 * slot. The slot says in which bucket it is listed: a bucket whose slot says otherwise is stale
 * (the slot has been written anew) and may be taken by anybody, with one compare-and-swap. Buckets
 * never become empty again, so an empty one ends a search; every search ends after PROBES buckets.
 * The first of them are of a few, on one page, with the first slots behind it: all that a session
 * of some hundred names touches.
 *
 * If two processes add one name at the same time there are two slots for it, and both are right. If
 * all buckets of a name are taken, it displaces another: the displaced slot's address still works,
 * and its name gets a second slot when it is asked for again. So many colliding names cost some
 * memory, and no name can be kept out by them.
 */
#include <errno.h>
#include <string.h>

#include "names.h"
#include "seqlock.h"

#define NEAR_BUCKETS 1024u
#define FAR_BUCKETS (2 * NAMES_SLOTS)
#define NEAR_PROBES 16u
#define PROBES (NEAR_PROBES + 128u)
#define WINDOW 16u /* slots among which the oldest is chosen for reuse */
#define WORDS ((NAME_MAX_LEN + 1) / 8)
#define INDEX_BITS 18
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

struct slot {
	uint32_t seq;
	uint32_t bucket; /* where it is listed */
	uint32_t used;	 /* seconds, last time it was asked for */
	uint32_t len;
	uint64_t text[WORDS];
};

struct names {
	uint32_t count; /* slots given out */
	uint32_t hand;	/* where the search for an old slot goes on */
	uint32_t bound; /* slots that may be given out; 0: all */
	uint32_t unused[13];
	uint32_t near[NEAR_BUCKETS]; /* buckets: 0, or hash bits and the slot's index + 1 */
	struct slot slots[NAMES_SLOTS];
	uint32_t far[FAR_BUCKETS];
};

_Static_assert(NAMES_SLOTS <= INDEX_MASK, "a bucket can hold each index + 1");

/* A name made ready: lower case, in words, the last one padded with zeros. */
struct key {
	uint32_t home; /* first far bucket */
	uint32_t tag;  /* hash bits as they stand in a bucket */
	uint32_t len;
	uint32_t words;
	uint64_t text[WORDS];
};

static uint32_t slots_of(const struct names *t)
{
	uint32_t bound = SHARED_LOAD_RELAXED(&t->bound);

	return bound && bound < NAMES_SLOTS ? bound : NAMES_SLOTS;
}

size_t names_size(void)
{
	return sizeof(struct names);
}

static bool label_byte(uint8_t c)
{
	uint8_t letter = c | 0x20;

	return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c >= 0x80;
}

bool names_valid(const char *name, size_t len)
{
	size_t label = 0;

	if (len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] != '.') {
			if (!label_byte((uint8_t)name[i]) || ++label > 63)
				return false;
		} else if (label) {
			label = 0;
		} else {
			return false;
		}
	}
	return label > 0;
}

static void key_hash(struct key *k)
{
	uint64_t h = k->len * 0x9e3779b97f4a7c15;

	for (uint32_t i = 0; i < k->words; i++) {
		h = (h ^ k->text[i]) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	h *= 0xc4ceb9fe1a85ec53;
	k->home = (uint32_t)(h >> 46) % FAR_BUCKETS;
	k->tag = (uint32_t)h & ~INDEX_MASK;
}

static bool key_make(struct key *k, const char *name, size_t len)
{
	uint8_t text[NAME_MAX_LEN + 1];

	if (len && name[len - 1] == '.')
		len--;
	if (!names_valid(name, len))
		return false;
	k->len = (uint32_t)len;
	k->words = (k->len + 7) / 8;
	k->text[k->words - 1] = 0;
	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
	memcpy(k->text, text, len);
	key_hash(k);
	return true;
}

/* The i-th bucket that the name may be listed in. */
static uint32_t bucket_of(const struct key *k, uint32_t i)
{
	if (i < NEAR_PROBES)
		return k->home % (NEAR_BUCKETS / NEAR_PROBES) * NEAR_PROBES + i;
	return NEAR_BUCKETS + (k->home + i - NEAR_PROBES) % FAR_BUCKETS;
}

static uint32_t *bucket_at(const struct names *t, uint32_t bucket)
{
	return (uint32_t *)(bucket < NEAR_BUCKETS ? &t->near[bucket]
						  : &t->far[bucket - NEAR_BUCKETS]);
}

static bool slot_is(const struct slot *s, uint32_t bucket, const struct key *k)
{
	uint32_t seq = SHARED_LOAD(&s->seq);

	if (!seq || seqlock_odd(seq) || SHARED_LOAD(&s->bucket) != bucket ||
	    SHARED_LOAD(&s->len) != k->len)
		return false;
	for (uint32_t i = 0; i < k->words; i++)
		if (SHARED_LOAD(&s->text[i]) != k->text[i])
			return false;
	return seqlock_still(&s->seq, seq);
}

static int find(const struct names *t, const struct key *k)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		uint32_t bucket = bucket_of(k, i);
		uint32_t entry = SHARED_LOAD(bucket_at(t, bucket));
		uint32_t index = (entry & INDEX_MASK) - 1;

		if (!entry)
			break;
		if ((entry & ~INDEX_MASK) == k->tag && index < NAMES_SLOTS &&
		    slot_is(&t->slots[index], bucket, k))
			return (int)index;
	}
	return -ENOENT;
}

/* May this bucket be taken? A slot that is being written may be about to be listed here. */
static bool bucket_free(const struct names *t, uint32_t bucket, uint32_t entry)
{
	uint32_t index = (entry & INDEX_MASK) - 1;
	uint32_t seq;

	if (index >= NAMES_SLOTS)
		return true;
	seq = SHARED_LOAD(&t->slots[index].seq);
	return !seqlock_odd(seq) && (!seq || SHARED_LOAD(&t->slots[index].bucket) != bucket);
}

static bool list_in(struct names *t, uint32_t index, uint32_t bucket, uint32_t was, uint32_t tag)
{
	SHARED_STORE(&t->slots[index].bucket, bucket);
	return shared_swap(bucket_at(t, bucket), was, tag | (index + 1));
}

/* Lists a claimed slot in a bucket of its name; in the first far one if all are taken. */
static void list(struct names *t, uint32_t index, const struct key *k)
{
	uint32_t bucket, entry;

	for (uint32_t i = 0; i < PROBES; i++) {
		bucket = bucket_of(k, i);
		entry = SHARED_LOAD(bucket_at(t, bucket));

		if (bucket_free(t, bucket, entry) && list_in(t, index, bucket, entry, k->tag))
			return;
	}
	bucket = bucket_of(k, NEAR_PROBES);
	list_in(t, index, bucket, SHARED_LOAD(bucket_at(t, bucket)), k->tag);
}

/* Seconds since it was last asked for; a clock that is a little ahead elsewhere counts as 0. */
static uint32_t slot_age(const struct slot *s, uint32_t now)
{
	uint32_t age = now - SHARED_LOAD_RELAXED(&s->used);

	return age <= INT32_MAX ? age : 0;
}

/* How many addresses of a network are given out: a power of two. */
static uint32_t room_of(const struct net *net)
{
	unsigned int room = net->bits < 128 ? 128u - net->bits : 0;

	return room < 32 && 1u << room < NAMES_SLOTS ? 1u << room : NAMES_SLOTS;
}

void names_bound(struct names *t, const struct net *net)
{
	if (room_of(net) < slots_of(t))
		SHARED_STORE(&t->bound, room_of(net));
}

/* The oldest slot of the window that is not in `tried`; NAMES_SLOTS if there is none. */
static uint32_t oldest(const struct names *t, uint32_t first, uint32_t now, uint32_t *tried)
{
	uint32_t best = NAMES_SLOTS, age = 0;

	for (uint32_t i = 0; i < WINDOW && first + i < slots_of(t); i++) {
		const struct slot *s = &t->slots[first + i];

		if (*tried & 1u << i || seqlock_odd(SHARED_LOAD(&s->seq)))
			continue;
		if (best == NAMES_SLOTS || slot_age(s, now) > age) {
			best = first + i;
			age = slot_age(s, now);
		}
	}
	if (best != NAMES_SLOTS)
		*tried |= 1u << (best - first);
	return best;
}

/* Claims an old slot that nobody needs. Asks `in_use` of each slot at most once. */
static int recycle(struct names *t, uint32_t now, bool (*in_use)(void *arg, uint32_t index),
		   void *arg, uint32_t *seq)
{
	uint32_t windows = (slots_of(t) + WINDOW - 1) / WINDOW;

	for (uint32_t i = 0; i < windows; i++) {
		uint32_t turn = __atomic_fetch_add(&t->hand, 1, __ATOMIC_RELAXED);
		uint32_t first = turn % windows * WINDOW;
		uint32_t tried = 0, index;

		while ((index = oldest(t, first, now, &tried)) < NAMES_SLOTS) {
			*seq = SHARED_LOAD(&t->slots[index].seq);
			if (in_use && in_use(arg, index))
				continue;
			if (seqlock_claim(&t->slots[index].seq, *seq))
				return (int)index;
		}
	}
	return -ENOSPC;
}

/* Claims a slot for writing; *seq is what seqlock_release() needs. */
static int claim(struct names *t, uint32_t now, bool (*in_use)(void *arg, uint32_t index),
		 void *arg, uint32_t *seq)
{
	uint32_t index = SHARED_LOAD_RELAXED(&t->count);

	*seq = 0;
	if (index < slots_of(t))
		index = __atomic_fetch_add(&t->count, 1, __ATOMIC_RELAXED);
	if (index < slots_of(t) && seqlock_claim(&t->slots[index].seq, 0))
		return (int)index;
	return recycle(t, now, in_use, arg, seq);
}

static void touch(struct slot *s, uint32_t now)
{
	if (SHARED_LOAD_RELAXED(&s->used) != now)
		SHARED_STORE_RELAXED(&s->used, now);
}

int names_add(struct names *t, const char *name, size_t len, uint32_t now,
	      bool (*in_use)(void *arg, uint32_t index), void *arg)
{
	struct slot *s;
	struct key k;
	uint32_t seq;
	int index;

	if (!key_make(&k, name, len))
		return -EINVAL;
	index = find(t, &k);
	if (index >= 0) {
		touch(&t->slots[index], now);
		return index;
	}
	index = claim(t, now, in_use, arg, &seq);
	if (index < 0)
		return index;
	s = &t->slots[index];
	touch(s, now);
	SHARED_STORE(&s->len, k.len);
	words_store(s->text, k.text, k.words);
	list(t, (uint32_t)index, &k);
	seqlock_release(&s->seq, seq);
	return index;
}

int names_find(struct names *t, const char *name, size_t len)
{
	struct key k;

	return key_make(&k, name, len) ? find(t, &k) : -ENOENT;
}

int names_get(const struct names *t, uint32_t index, char out[static NAME_MAX_LEN + 1])
{
	uint64_t text[WORDS];

	out[0] = '\0';
	if (index >= NAMES_SLOTS)
		return -ENOENT;
	for (int tries = 0; tries < 4; tries++) {
		const struct slot *s = &t->slots[index];
		uint32_t seq = SHARED_LOAD(&s->seq);
		uint32_t len = SHARED_LOAD(&s->len);

		if (!seq || seqlock_odd(seq) || !len || len > NAME_MAX_LEN)
			return -ENOENT;
		words_load(text, s->text, (len + 7) / 8);
		if (!seqlock_still(&s->seq, seq))
			continue;
		memcpy(out, text, len);
		out[len] = '\0';
		return (int)len;
	}
	return -ENOENT;
}

uint32_t names_count(const struct names *t)
{
	uint32_t count = SHARED_LOAD_RELAXED(&t->count);

	return count < slots_of(t) ? count : slots_of(t);
}

/* The last 32 bits of an address, as a number. */
static uint32_t tail(const struct addr *a)
{
	const uint8_t *p = a->ip + 12;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool names_addr(const struct net *net, uint32_t turn, uint32_t index, struct addr *out)
{
	uint32_t low;

	if (index >= room_of(net))
		return false;
	low = tail(&net->base) + (index + turn) % room_of(net);
	memset(out, 0, sizeof(*out));
	memcpy(out->ip, net->base.ip, 12);
	for (int i = 0; i < 4; i++)
		out->ip[12 + i] = (uint8_t)(low >> (24 - 8 * i));
	return true;
}

int names_index(const struct net *net, uint32_t turn, const struct addr *a)
{
	uint32_t place = tail(a) - tail(&net->base);

	if (place >= room_of(net) || memcmp(a->ip, net->base.ip, 12) != 0)
		return -ENOENT;
	return (int)((place - turn) % room_of(net));
}
