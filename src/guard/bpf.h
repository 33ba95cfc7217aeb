/* SPDX-License-Identifier: MIT */
/* bpf.h - an assembler of BPF: jumps to labels, and a search among numbers that takes few steps. */
#ifndef SOCKSHIM_BPF_H
#define SOCKSHIM_BPF_H

#include "filter.h"

#define BPF_NEXT 0    /* the label of the next instruction */
#define BPF_LABELS 32 /* labels below are the filter's, those behind the search's */
#define BPF_LABELS_MAX (BPF_LABELS + 64)
#define BPF_FATES_MAX 17 /* numbers that are searched for */

struct bpf {
	struct sock_filter *out; /* FILTER_MAX */
	size_t n;
	bool full;		   /* there was no room for all */
	bool audited;		   /* the filter's */
	uint8_t to[FILTER_MAX][2]; /* labels of jumps */
	size_t at[BPF_LABELS_MAX];
	unsigned int labels;	/* given out by the search */
	unsigned int otherwise; /* of the search */
};

/* What becomes of a system call by its number. */
struct bpf_fate {
	uint32_t nr;
	uint8_t to; /* a label */
};

void bpf_put(struct bpf *b, uint16_t code, uint32_t k, unsigned int yes, unsigned int no);

/* The label is the next instruction's. */
void bpf_here(struct bpf *b, unsigned int label);

/*
 * Goes to the fate of the number that is loaded, `otherwise` if it has none. The number of steps
 * matters for those, each of which counts the same.
 */
void bpf_search(struct bpf *b, const struct bpf_fate *f, size_t count, unsigned int otherwise);

/* Turns the labels into distances. False if it does not fit. */
bool bpf_resolve(struct bpf *b);

#endif
