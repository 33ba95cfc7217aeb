/* SPDX-License-Identifier: MIT */
/* bpf.c - an assembler of BPF: jumps to labels, and a search among numbers that takes few steps. */
#include "bpf.h"

#define NUMBERS_END 472u /* those that the kernel asks the filter for, about */

void bpf_put(struct bpf *b, uint16_t code, uint32_t k, unsigned int yes, unsigned int no)
{
	if (b->n == FILTER_MAX) {
		b->full = true;
		return;
	}
	b->out[b->n] = (struct sock_filter){.code = code, .k = k};
	b->to[b->n][0] = (uint8_t)yes;
	b->to[b->n][1] = (uint8_t)no;
	b->n++;
}

void bpf_here(struct bpf *b, unsigned int l)
{
	b->at[l] = b->n;
}

/* Upwards: the order of the numbers is the machine's. */
static void sort(struct bpf_fate out[static BPF_FATES_MAX], const struct bpf_fate *f, size_t count)
{
	for (size_t i = 0, at; i < count; i++) {
		for (at = i; at && out[at - 1].nr > f[i].nr; at--)
			out[at] = out[at - 1];
		out[at] = f[i];
	}
}

/* How many numbers that the kernel asks for lie in [from, to). */
static uint32_t weight(uint32_t from, uint32_t to)
{
	to = to < NUMBERS_END ? to : NUMBERS_END;
	return from < to ? to - from : 0;
}

/* Numbers that lie close together are compared in a row: [from, to) of the sorted fates. */
struct row {
	size_t from, to;
};

#define ROW_GAP 30u /* so many allowed numbers may pass through a row in vain */

static size_t find_rows(struct row out[static BPF_FATES_MAX], const struct bpf_fate *f,
			size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (n && weight(f[i - 1].nr + 1, f[i].nr) < ROW_GAP)
			out[n - 1].to++;
		else
			out[n++] = (struct row){i, i + 1};
	}
	return n;
}

static void put_row(struct bpf *b, const struct bpf_fate *f, const struct row *r)
{
	for (size_t i = r->from; i < r->to; i++)
		bpf_put(b, BPF_JMP | BPF_JEQ | BPF_K, f[i].nr, f[i].to,
			i + 1 < r->to ? BPF_NEXT : b->otherwise);
}

/* The row before which [0, `end`) is cut into two parts that are as equal as can be. */
static size_t middle(const struct bpf_fate *f, const struct row *r, size_t count, uint32_t from,
		     uint32_t end)
{
	uint32_t best = UINT32_MAX;
	size_t at = 1;

	for (size_t i = 1; i < count; i++) {
		uint32_t left = weight(from, f[r[i].from].nr), right = weight(f[r[i].from].nr, end);
		uint32_t worse = left > right ? left : right;

		if (worse < best) {
			best = worse;
			at = i;
		}
	}
	return at;
}

/* A row alone in [from, end): most of what is not in it need not pass through it. */
static void put_last(struct bpf *b, const struct bpf_fate *f, const struct row *r, uint32_t from,
		     uint32_t end)
{
	const uint32_t first = f[r->from].nr, behind = f[r->to - 1].nr + 1;

	if (r->to - r->from > 1 && weight(behind, end) >= ROW_GAP)
		bpf_put(b, BPF_JMP | BPF_JGE | BPF_K, behind, b->otherwise, BPF_NEXT);
	if (r->to - r->from > 1 && weight(from, first) >= ROW_GAP)
		bpf_put(b, BPF_JMP | BPF_JGE | BPF_K, first, BPF_NEXT, b->otherwise);
	put_row(b, f, r);
}

/* Numbers of [from, end), among which those of `count` rows are judged. */
static void put_rows(struct bpf *b, const struct bpf_fate *f, const struct row *r, size_t count,
		     uint32_t from, uint32_t end)
{
	const unsigned int right = BPF_LABELS + b->labels;
	size_t half;
	uint32_t cut;

	if (count == 1) {
		put_last(b, f, r, from, end);
		return;
	}
	half = middle(f, r, count, from, end);
	cut = f[r[half].from].nr;
	b->labels++;
	bpf_put(b, BPF_JMP | BPF_JGE | BPF_K, cut, right, BPF_NEXT);
	put_rows(b, f, r, half, from, cut);
	bpf_here(b, right);
	put_rows(b, f, r + half, count - half, cut, end);
}

void bpf_search(struct bpf *b, const struct bpf_fate *f, size_t count, unsigned int otherwise)
{
	struct bpf_fate sorted[BPF_FATES_MAX];
	struct row rows[BPF_FATES_MAX];

	b->otherwise = otherwise;
	sort(sorted, f, count);
	put_rows(b, sorted, rows, find_rows(rows, sorted, count), 0, NUMBERS_END);
}

/* A jump counts from the instruction behind it. */
bool bpf_resolve(struct bpf *b)
{
	if (b->full)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		for (int side = 0; side < 2; side++) {
			uint8_t l = b->to[i][side];
			size_t to = l == BPF_NEXT ? i + 1 : b->at[l];

			if (BPF_CLASS(b->out[i].code) != BPF_JMP)
				continue;
			if (to <= i || to - i - 1 > UINT8_MAX)
				return false;
			*(side ? &b->out[i].jf : &b->out[i].jt) = (uint8_t)(to - i - 1);
		}
	}
	return true;
}
