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

int hostent_pack(struct hostent *h, char *buffer, size_t size, const char *name, int family,
		 const struct addr *addrs, size_t count)
{
	char *at = buffer, *end = buffer + size;
	size_t len = family == AF_INET6 ? 16 : 4, used = 0, name_size = strlen(name) + 1;
	char **list = take(&at, end, (count + 1) * sizeof(*list));
	char **aliases = take(&at, end, sizeof(*aliases));
	char *bytes = take(&at, end, count * len), *text = take(&at, end, name_size);

	if (!list || !aliases || !bytes || !text)
		return -ERANGE;
	for (size_t i = 0; i < count; i++) {
		if (!fits(family, &addrs[i]))
			continue;
		memcpy(bytes + used * len, addrs[i].ip + 16 - len, len);
		list[used] = bytes + used * len;
		used++;
	}
	list[used] = NULL;
	aliases[0] = NULL;
	memcpy(text, name, name_size);
	h->h_name = text;
	h->h_aliases = aliases;
	h->h_addrtype = family;
	h->h_length = (int)len;
	h->h_addr_list = list;
	return 0;
}
