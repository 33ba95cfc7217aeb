/* SPDX-License-Identifier: MIT */
/*
 * /etc/hosts text: reading it in pieces of whole lines gives the same as at once; everything found
 * stands on a line with the name; a canonical name has no space; reverse agrees with find.
 */
#include <stdlib.h>
#include <string.h>

#include "hosts.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static bool has_space(const char *text)
{
	return strpbrk(text, " \t\n\v\f\r#") != NULL;
}

static void check_reverse(const char *text, size_t len, const struct hosts *h)
{
	const char *name;
	struct hosts again, back;

	for (size_t i = 0; i < h->count; i++) {
		size_t n;

		hosts_clear(&back);
		CHECK(hosts_reverse(&back, text, len, &h->addrs[i]) && back.count == 1);
		name = back.canonical;
		n = strlen(name);
		CHECK(back.aliases_len <= sizeof(back.aliases));
		CHECK(!has_space(name));
		/* The name found for the address leads to the address (a final dot is dropped). */
		if (!n || name[n - 1] == '.' || memchr(name, 0, n))
			continue;
		memset(&again, 0, sizeof(again));
		hosts_find(&again, text, len, name, n, AF_UNSPEC);
		CHECK(again.count > 0);
		if (again.count == HOSTS_ADDRS)
			continue;
		for (size_t k = 0; k <= again.count; k++) {
			CHECK(k < again.count);
			if (addr_same_ip(&again.addrs[k], &h->addrs[i]))
				break;
		}
	}
}

static void check(const char *text, size_t len, size_t cut, const char *name, size_t name_len,
		  int family)
{
	struct hosts at_once = {0}, pieces = {0};
	size_t first = hosts_whole(text, cut);

	CHECK(first <= cut && (!first || text[first - 1] == '\n'));
	hosts_find(&at_once, text, len, name, name_len, family);
	hosts_find(&pieces, text, first, name, name_len, family);
	hosts_find(&pieces, text + first, len - first, name, name_len, family);
	CHECK(!memcmp(&at_once, &pieces, sizeof(pieces)));
	CHECK(at_once.count <= HOSTS_ADDRS && !has_space(at_once.canonical));
	for (size_t i = 0; i < at_once.count; i++)
		CHECK(family != AF_INET || addr_is_v4(&at_once.addrs[i]));
	if (family == AF_UNSPEC)
		check_reverse(text, len, &at_once);
}

/*
 * Input: length of the name, where to cut, the name, the text. Asked with the text's own words too.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
	const char *name = (const char *)data + 2, *text;
	size_t len, name_len, cut;

	if (size < 2 || size < 2u + data[0] % 32)
		return 0;
	name_len = data[0] % 32;
	text = name + name_len;
	len = size - 2 - name_len;
	cut = len ? data[1] * len / 255 : 0;
	for (int f = 0; f < 3; f++)
		check(text, len, cut, name, name_len, families[f]);
	for (size_t i = 0, words = 0; i < len && words < 8; i++) {
		size_t n = 0;

		while (i + n < len && !strchr(" \t\n", text[i + n]))
			n++;
		if (n)
			check(text, len, cut, text + i, n, families[words++ % 3]);
		i += n;
	}
	return 0;
}
