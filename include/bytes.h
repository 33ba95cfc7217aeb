/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - bounded reading and writing of byte strings. Pure; no pointer ever leaves its bounds.
 */
#ifndef SOCKSHIM_BYTES_H
#define SOCKSHIM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A writer: `at` moves towards `end`; what does not fit is dropped and `overflow` stays set. */
struct bytes_out {
	uint8_t *at, *end, *start;
	bool overflow;
};

/* A reader: what is not there reads as 0, nothing is left then, and `underflow` stays set. */
struct bytes_in {
	const uint8_t *at, *end;
	bool underflow;
};

struct bytes_out bytes_out_init(void *to, size_t size);
void bytes_put(struct bytes_out *o, const void *data, size_t len);
void bytes_put_u8(struct bytes_out *o, uint8_t v);
void bytes_put_u16(struct bytes_out *o, uint16_t v); /* network order */
void bytes_put_u32(struct bytes_out *o, uint32_t v); /* network order */
void bytes_put_text(struct bytes_out *o, const char *text);
void bytes_put_number(struct bytes_out *o, uint64_t v); /* decimal */

/*
 * Ends the text with a NUL, cutting its last byte (and setting `overflow`) if it is full. `at`
 * stays on the NUL: at - start is the text's length, and more may be appended. Writes nothing into
 * size 0.
 */
void bytes_put_end(struct bytes_out *o);

/* FNV-1a, 64 bits, of `len` bytes, going on from `h`: BYTES_HASH, or what it returned before. */
#define BYTES_HASH 0xcbf29ce484222325u
uint64_t bytes_hash(uint64_t h, const void *data, size_t len);

struct bytes_in bytes_in_init(const void *from, size_t size);
size_t bytes_left(const struct bytes_in *i);
uint8_t bytes_get_u8(struct bytes_in *i);
uint16_t bytes_get_u16(struct bytes_in *i);
uint32_t bytes_get_u32(struct bytes_in *i);

/* Takes `len` bytes; NULL (and underflow) when there are fewer. */
const uint8_t *bytes_get(struct bytes_in *i, size_t len);

#endif
