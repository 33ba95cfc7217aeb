/* SPDX-License-Identifier: MIT */
/* addr.c - one type for IPv4, IPv6 and v4-mapped addresses; networks. Text is in addr_text.c. */
#include "addr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* RFC 2133's sockaddr_in6 ended before sin6_scope_id; the kernel still takes it. */
#define SIN6_LEN_RFC2133 24

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct addr addr_v4(const uint8_t ip[static 4], uint16_t port)
{
	struct addr a = {.port = port};

	memcpy(a.ip, mapped, sizeof(mapped));
	memcpy(a.ip + sizeof(mapped), ip, 4);
	return a;
}

struct addr addr_v6(const uint8_t ip[static 16], uint16_t port)
{
	struct addr a = {.port = port};

	memcpy(a.ip, ip, sizeof(a.ip));
	return a;
}

static const uint8_t one[16] = {[15] = 1};

struct addr addr_loopback(int family, uint16_t port)
{
	static const uint8_t v4[4] = {127, 0, 0, 1};

	return family == AF_INET6 ? addr_v6(one, port) : addr_v4(v4, port);
}

static int from_sin(struct addr *a, const void *sa, size_t len)
{
	struct sockaddr_in sin;
	uint8_t ip[4];

	if (len < sizeof(sin))
		return -EINVAL;
	memcpy(&sin, sa, sizeof(sin));
	memcpy(ip, &sin.sin_addr, sizeof(ip));
	*a = addr_v4(ip, ntohs(sin.sin_port));
	return 0;
}

static int from_sin6(struct addr *a, const void *sa, size_t len)
{
	struct sockaddr_in6 sin6 = {0};

	if (len < SIN6_LEN_RFC2133)
		return -EINVAL;
	memcpy(&sin6, sa, len < sizeof(sin6) ? SIN6_LEN_RFC2133 : sizeof(sin6));
	*a = addr_v6(sin6.sin6_addr.s6_addr, ntohs(sin6.sin6_port));
	/* the kernel ignores it for v4-mapped; one address must have one form */
	a->scope = addr_is_v4(a) ? 0 : sin6.sin6_scope_id;
	return 0;
}

int addr_from_sockaddr(struct addr *a, const void *sa, size_t len)
{
	sa_family_t family;

	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, sa, sizeof(family));
	switch (family) {
	case AF_INET:
		return from_sin(a, sa, len);
	case AF_INET6:
		return from_sin6(a, sa, len);
	default:
		return -EAFNOSUPPORT;
	}
}

static int to_sin(const struct addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(a->port)};

	if (!addr_is_v4(a))
		return -EAFNOSUPPORT;
	memcpy(&sin.sin_addr, a->ip + sizeof(mapped), 4);
	memcpy(out, &sin, sizeof(sin));
	return sizeof(sin);
}

int addr_to_sockaddr(const struct addr *a, int family, struct sockaddr_storage *out)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

	memset(out, 0, sizeof(*out));
	if (family == AF_INET)
		return to_sin(a, out);
	if (family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(&sin6.sin6_addr, a->ip, sizeof(a->ip));
	sin6.sin6_scope_id = a->scope;
	memcpy(out, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

bool addr_is_v4(const struct addr *a)
{
	return !memcmp(a->ip, mapped, sizeof(mapped));
}

int addr_family(const struct addr *a)
{
	return addr_is_v4(a) ? AF_INET : AF_INET6;
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	if (addr_is_v4(a))
		return !memcmp(a->ip + sizeof(mapped), zero, 4);
	return !memcmp(a->ip, zero, sizeof(zero));
}

bool addr_is_loopback(const struct addr *a)
{
	if (addr_is_v4(a))
		return a->ip[sizeof(mapped)] == 127;
	return !memcmp(a->ip, one, sizeof(one));
}

bool addr_is_link_local(const struct addr *a)
{
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool addr_is_multicast(const struct addr *a)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};
	const uint8_t *v4 = a->ip + sizeof(mapped);

	if (addr_is_v4(a))
		return (v4[0] & 0xf0) == 0xe0 || !memcmp(v4, broadcast, sizeof(broadcast));
	return a->ip[0] == 0xff;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_same_ip(a, b) && a->scope == b->scope && a->port == b->port;
}

/* True if the leading `bits` bits are the same. */
static bool same_bits(const uint8_t a[static 16], const uint8_t b[static 16], unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes))
		return false;
	return !rest || !((a[bytes] ^ b[bytes]) >> (8 - rest));
}

bool net_contains(const struct net *n, const struct addr *a)
{
	if (n->bits > 128 || addr_is_v4(a) != addr_is_v4(&n->base))
		return false;
	if (n->base.scope && n->base.scope != a->scope)
		return false;
	return same_bits(n->base.ip, a->ip, n->bits);
}
