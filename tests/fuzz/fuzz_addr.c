/* SPDX-License-Identifier: MIT */
/*
 * fuzz_addr.c - properties of addresses: text is taken as inet_pton(3) takes it, what is printed
 * reads back as the same, and nothing prints or reads beyond its bounds (buffers of the exact
 * size).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

/* The exact bytes on the heap, so that the sanitizer sees one byte too many. */
static void *exact(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

static void check_printed(const char *text, size_t len, size_t reported)
{
	CHECK(len < ADDR_TEXT && len == reported);
	CHECK(strspn(text, "0123456789abcdef.:%[]/") == len);
}

static void there_and_back(const struct addr *a)
{
	char *text = malloc(ADDR_TEXT);
	struct addr b, bare = *a;
	size_t len = addr_print_port(a, text);

	CHECK(text);
	check_printed(text, strlen(text), len);
	CHECK(addr_parse_port(&b, text, len) && addr_equal(a, &b));
	len = addr_print(a, text);
	check_printed(text, strlen(text), len);
	bare.port = 0;
	CHECK(addr_parse(&b, text, len) && addr_equal(&bare, &b));
	CHECK(addr_is_v4(a) == !strchr(text, ':'));
	free(text);
}

static void sockaddr_and_back(const struct addr *a)
{
	struct sockaddr_storage ss;
	struct addr b;

	CHECK(addr_to_sockaddr(a, AF_INET6, &ss) == sizeof(struct sockaddr_in6));
	CHECK(addr_from_sockaddr(&b, &ss, sizeof(struct sockaddr_in6)) == 0 && addr_equal(a, &b));
	if (!addr_is_v4(a)) {
		CHECK(addr_to_sockaddr(a, AF_INET, &ss) == -EAFNOSUPPORT);
		return;
	}
	CHECK(addr_to_sockaddr(a, AF_INET, &ss) == sizeof(struct sockaddr_in));
	CHECK(addr_from_sockaddr(&b, &ss, sizeof(struct sockaddr_in)) == 0 && addr_equal(a, &b));
}

static void from_sockaddr(const uint8_t *data, size_t size)
{
	struct addr a;
	int err;

	/* the family is two bytes of which few values are of interest */
	for (int family = 0; family <= AF_INET6 + 1 && size >= 2; family++) {
		uint8_t *sa = exact(data, size);

		memcpy(sa, &(sa_family_t){(sa_family_t)family}, sizeof(sa_family_t));
		err = addr_from_sockaddr(&a, sa, size);
		free(sa);
		if (family == AF_INET)
			CHECK(err == (size < 16 ? -EINVAL : 0));
		else if (family == AF_INET6)
			CHECK(err == (size < 24 ? -EINVAL : 0));
		else
			CHECK(err == -EAFNOSUPPORT);
		if (err)
			continue;
		there_and_back(&a);
		sockaddr_and_back(&a);
	}
}

/* What inet_pton(3) says of the same text; it knows no scopes. */
static void as_inet_pton(const char *text, size_t len)
{
	struct addr a, b;
	uint8_t ip[16];
	char z[128];
	bool ok;

	if (len >= sizeof(z) || memchr(text, 0, len) || memchr(text, '%', len))
		return;
	memcpy(z, text, len);
	z[len] = 0;
	ok = addr_parse(&a, text, len);
	if (inet_pton(AF_INET, z, ip) == 1)
		b = addr_v4(ip, 0);
	else if (inet_pton(AF_INET6, z, ip) == 1)
		b = addr_v6(ip, 0);
	else
		CHECK(!ok);
	if (ok)
		CHECK(addr_equal(&a, &b));
	else
		CHECK(inet_pton(AF_INET, z, ip) != 1 && inet_pton(AF_INET6, z, ip) != 1);
}

static void networks(const char *text, size_t len)
{
	char *printed = malloc(ADDR_TEXT);
	struct net n, m;
	size_t size;

	CHECK(printed);
	if (net_parse(&n, text, len)) {
		CHECK(n.bits <= 128 && (n.bits >= 96 || !addr_is_v4(&n.base)));
		CHECK(net_contains(&n, &n.base));
		size = net_print(&n, printed);
		check_printed(printed, strlen(printed), size);
		CHECK(net_parse(&m, printed, size));
		CHECK(m.bits == n.bits && addr_equal(&m.base, &n.base));
	}
	free(printed);
}

/* A prefix of an address holds just the addresses that share its bits. */
static void prefixes(const uint8_t *data, size_t size)
{
	struct net n;
	struct addr a;

	if (size < 17)
		return;
	a = addr_v6(data, 0);
	n = (struct net){.base = a, .bits = data[16] % 129};
	CHECK(net_contains(&n, &a));
	for (unsigned int bit = 0; bit < 128; bit++) {
		struct addr b = a;

		b.ip[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
		CHECK(net_contains(&n, &b) == (bit >= n.bits && addr_is_v4(&a) == addr_is_v4(&b)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact(data, size);
	struct addr a;

	if (addr_parse(&a, text, size)) {
		CHECK(a.port == 0);
		there_and_back(&a);
		sockaddr_and_back(&a);
	}
	if (addr_parse_port(&a, text, size))
		there_and_back(&a);
	as_inet_pton(text, size);
	networks(text, size);
	prefixes(data, size);
	from_sockaddr(data, size);
	free(text);
	return 0;
}
