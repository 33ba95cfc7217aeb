/* SPDX-License-Identifier: MIT */
/* hook_hostent.c - gethostbyname, gethostbyaddr and their relatives. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "hostent.h"
#include "lookup.h"

/* h_errno for an EAI_ code. */
static int host_error(int eai)
{
	switch (eai) {
	case 0:
		return 0;
	case EAI_AGAIN:
	case EAI_MEMORY:
		return TRY_AGAIN;
	case EAI_ADDRFAMILY:
		return NO_DATA;
	case EAI_NONAME:
		return HOST_NOT_FOUND;
	default:
		return NO_RECOVERY;
	}
}

static bool parse_numeric(const char *name, int family, struct hosts *found)
{
	struct in_addr v4;
	struct in6_addr v6;

	memset(found, 0, offsetof(struct hosts, addrs));
	if (family == AF_INET && *name >= '0' && *name <= '9' && inet_aton(name, &v4))
		found->addrs[found->count++] = addr_v4((const uint8_t *)&v4, 0);
	else if (family == AF_INET6 && inet_pton(AF_INET6, name, &v6) == 1)
		found->addrs[found->count++] = addr_v6((const uint8_t *)&v6, 0);
	strncpy(found->canonical, name, sizeof(found->canonical) - 1);
	found->canonical[sizeof(found->canonical) - 1] = 0;
	return found->count > 0;
}

/*
 * The common form: 0 and *result, or *result NULL and *error. The return value is that of
 * gethostbyname_r(3): an errno, 0 also for a name that is not there.
 */
static int by_name(const char *name, int family, struct hostent *host, char *buffer, size_t size,
		   struct hostent **result, int *error)
{
	struct hosts found;
	int eai = 0;

	*result = NULL;
	if (!parse_numeric(name, family, &found))
		eai = lookup_name(name, family, &found);
	if (eai == LOOKUP_DIRECT)
		return real.gethostbyname2_r(name, family, host, buffer, size, result, error);
	*error = host_error(eai);
	if (eai)
		return *error == TRY_AGAIN ? EAGAIN : 0;
	if (hostent_pack(host, buffer, size, found.canonical, family, found.addrs, found.count)) {
		*error = NETDB_INTERNAL;
		return errno = ERANGE;
	}
	*result = host;
	return 0;
}

static int by_address(const void *address, socklen_t len, int family, struct hostent *host,
		      char *buffer, size_t size, struct hostent **result, int *error)
{
	struct addr a;
	char name[HOSTS_NAME];
	int eai;

	*result = NULL;
	*error = NETDB_INTERNAL;
	if (family == AF_INET && len == 4)
		a = addr_v4(address, 0);
	else if (family == AF_INET6 && len == 16)
		a = addr_v6(address, 0);
	else
		return errno = family == AF_INET || family == AF_INET6 ? EINVAL : EAFNOSUPPORT;
	eai = lookup_address(&a, name);
	if (eai == LOOKUP_DIRECT)
		return real.gethostbyaddr_r(address, len, family, host, buffer, size, result,
					    error);
	*error = host_error(eai);
	if (eai)
		return *error == TRY_AGAIN ? EAGAIN : 0;
	if (hostent_pack(host, buffer, size, name, family, &a, 1)) {
		*error = NETDB_INTERNAL;
		return errno = ERANGE;
	}
	*result = host;
	return 0;
}

/* The results of the forms without a buffer, for each thread. */
static __thread struct hostent own_host;
static __thread char own_buffer[HOSTENT_BUFFER];

static struct hostent *keep(struct hostent *result, int error)
{
	if (!result)
		h_errno = error;
	return result;
}

WRAP int gethostbyname2_r(const char *restrict name, int family, struct hostent *restrict host,
			  char *restrict buffer, size_t size, struct hostent **restrict result,
			  int *restrict error)
{
	if (family != AF_INET && family != AF_INET6)
		return real.gethostbyname2_r(name, family, host, buffer, size, result, error);
	return by_name(name, family, host, buffer, size, result, error);
}

WRAP int gethostbyname_r(const char *restrict name, struct hostent *restrict host,
			 char *restrict buffer, size_t size, struct hostent **restrict result,
			 int *restrict error)
{
	return by_name(name, AF_INET, host, buffer, size, result, error);
}

WRAP struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *result;
	int error;

	if (family != AF_INET && family != AF_INET6)
		return real.gethostbyname2(name, family);
	by_name(name, family, &own_host, own_buffer, sizeof(own_buffer), &result, &error);
	return keep(result, error);
}

WRAP struct hostent *gethostbyname(const char *name)
{
	struct hostent *result;
	int error;

	by_name(name, AF_INET, &own_host, own_buffer, sizeof(own_buffer), &result, &error);
	return keep(result, error);
}

WRAP int gethostbyaddr_r(const void *restrict address, socklen_t len, int family,
			 struct hostent *restrict host, char *restrict buffer, size_t size,
			 struct hostent **restrict result, int *restrict error)
{
	return by_address(address, len, family, host, buffer, size, result, error);
}

WRAP struct hostent *gethostbyaddr(const void *address, socklen_t len, int family)
{
	struct hostent *result;
	int error;

	by_address(address, len, family, &own_host, own_buffer, sizeof(own_buffer), &result,
		   &error);
	return keep(result, error);
}
