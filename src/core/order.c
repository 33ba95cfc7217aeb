/* SPDX-License-Identifier: MIT */
/* order.c - RFC 3484 §6: which of two destinations goes first. */
#include "order.h"

#include <string.h>

/* RFC 3484 §2.1, and glibc's two additions; the first that fits, so the longest prefix first. */
static const struct {
	uint8_t prefix[16];
	uint8_t bits, label, precedence;
} table[] = {
	{{[15] = 1}, 128, 0, 50},		 /* ::1 */
	{{[10] = 0xff, [11] = 0xff}, 96, 4, 10}, /* IPv4 */
	{{0}, 96, 3, 20},			 /* IPv4-compatible */
	{{0x20, 0x01, 0, 0}, 32, 7, 40},	 /* Teredo */
	{{0x20, 0x02}, 16, 2, 30},		 /* 6to4 */
	{{0xfe, 0xc0}, 10, 5, 40},		 /* site-local */
	{{0xfc}, 7, 6, 40},			 /* unique local */
	{{0}, 0, 1, 40},
};

static unsigned int common_bits(const uint8_t a[static 16], const uint8_t b[static 16])
{
	unsigned int n = 0;

	while (n < 128 && !((a[n / 8] ^ b[n / 8]) & 0x80 >> n % 8))
		n++;
	return n;
}

static size_t entry_of(const struct addr *a)
{
	size_t i = 0;

	while (common_bits(table[i].prefix, a->ip) < table[i].bits)
		i++;
	return i;
}

#define SCOPE_LINK 2
#define SCOPE_SITE 5
#define SCOPE_GLOBAL 14

static int scope(const struct addr *a)
{
	if (addr_is_v4(a)) {
		bool link = a->ip[12] == 127 || (a->ip[12] == 169 && a->ip[13] == 254);

		return link ? SCOPE_LINK : SCOPE_GLOBAL;
	}
	if (a->ip[0] == 0xff)
		return a->ip[1] & 0xf;
	if (addr_is_loopback(a) || addr_is_link_local(a))
		return SCOPE_LINK;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0xc0 ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* The first that is not 0 decides; negative: `a` goes first. */
static int compare(const struct order *a, const struct order *b)
{
	size_t to_a = entry_of(&a->to), to_b = entry_of(&b->to);
	int by;

	if (a->usable != b->usable)
		return a->usable ? -1 : 1;
	by = (scope(&b->to) == scope(&b->from)) - (scope(&a->to) == scope(&a->from));
	if (!by && a->usable)
		by = (table[to_b].label == table[entry_of(&b->from)].label) -
		     (table[to_a].label == table[entry_of(&a->from)].label);
	if (!by)
		by = table[to_b].precedence - table[to_a].precedence;
	if (!by)
		by = scope(&a->to) - scope(&b->to);
	if (!by && a->usable && !addr_is_v4(&a->to) && !addr_is_v4(&b->to))
		by = (int)common_bits(b->to.ip, b->from.ip) -
		     (int)common_bits(a->to.ip, a->from.ip);
	return by;
}

void order_sort(struct order *list, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct order one = list[i];
		size_t at = i;

		for (; at && compare(&one, &list[at - 1]) < 0; at--)
			list[at] = list[at - 1];
		list[at] = one;
	}
}
