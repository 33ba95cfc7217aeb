/* SPDX-License-Identifier: MIT */
/* hostent.c - struct hostent packed into a caller's buffer. */
#include "hostent.h"

#include <errno.h>
#include <string.h>

/* Takes `len` bytes off the buffer, aligned for pointers; NULL when it is used up. */
static void *take(char **at, char *end, size_t len)
{
	uintptr_t start = ((uintptr_t)*at + sizeof(void *) - 1) & ~(uintptr_t)(sizeof(void *) - 1);

	if (start > (uintptr_t)end || (uintptr_t)end - start < len)
		return NULL;
	*at = (char *)(start + len);
	return (void *)start;
}

static size_t fits(int family, const struct addr *a)
{
	return family == AF_INET6 || addr_is_v4(a);
}

static size_t count_texts(const char *texts, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += !texts[i];
	return n;
}

static void put_aliases(char **list, char *texts, size_t len)
{
	for (char *at = texts; at < texts + len; at += strlen(at) + 1)
		*list++ = at;
	*list = NULL;
}

int hostent_pack(struct hostent *h, char *buffer, size_t size, int family,
		 const struct hosts *found)
{
	char *at = buffer, *end = buffer + size;
	size_t len = family == AF_INET6 ? 16 : 4, used = 0,
	       name_size = strlen(found->canonical) + 1;
	size_t names = count_texts(found->aliases, found->aliases_len);
	char **list = take(&at, end, (found->count + 1) * sizeof(*list));
	char **aliases = take(&at, end, (names + 1) * sizeof(*aliases));
	char *bytes = take(&at, end, found->count * len), *text = take(&at, end, name_size);
	char *texts = take(&at, end, found->aliases_len);

	if (!list || !aliases || !bytes || !text || !texts)
		return -ERANGE;
	for (size_t i = 0; i < found->count; i++) {
		if (!fits(family, &found->addrs[i]))
			continue;
		memcpy(bytes + used * len, found->addrs[i].ip + 16 - len, len);
		list[used] = bytes + used * len;
		used++;
	}
	list[used] = NULL;
	memcpy(texts, found->aliases, found->aliases_len);
	put_aliases(aliases, texts, found->aliases_len);
	memcpy(text, found->canonical, name_size);
	h->h_name = text;
	h->h_aliases = aliases;
	h->h_addrtype = family;
	h->h_length = (int)len;
	h->h_addr_list = list;
	return 0;
}
