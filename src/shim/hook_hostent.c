/* SPDX-License-Identifier: MIT */
/* hook_hostent.c - gethostbyname, gethostbyaddr and their relatives. */
#include <errno.h>
#include <string.h>

#include "hostent.h"
#include "lookup.h"
#include "sys.h"

/* h_errno for an EAI_ code. */
static int host_error(int eai)
{
	switch (eai) {
	case 0:
		return 0;
	case EAI_AGAIN:
	case EAI_MEMORY:
		return TRY_AGAIN;
	case EAI_ADDRFAMILY: /* as libc has it with /etc/hosts */
	case EAI_NONAME:
		return HOST_NOT_FOUND;
	default:
		return NO_RECOVERY;
	}
}

/*
 * Does libc answer without asking anybody, because it is a number or would have to be one? So
 * glibc's nss/digits_dots.c: digits and dots, or an IPv6 address's first character and a colon.
 */
static bool is_numeric(const char *name)
{
	size_t len = strlen(name);

	if (strchr(name, ':'))
		return true; /* or it is no host's name */
	return *name >= '0' && *name <= '9' && strspn(name, "0123456789.") == len &&
	       name[len - 1] != '.';
}

/* No buffer of libc's own is that small. */
#define LEAST_BUFFER 64

static int too_small(int *error)
{
	*error = NETDB_INTERNAL;
	return errno = ERANGE;
}

/*
 * The common form: 0 and *result, or *result NULL and *error. The return value is that of
 * gethostbyname_r(3): an errno, 0 also for a name that is not there.
 */
static int by_name(const char *name, int family, struct hostent *host, char *buffer, size_t size,
		   struct hostent **result, int *error)
{
	struct hosts found;
	int eai;

	if (is_numeric(name))
		return real(gethostbyname2_r)(name, family, host, buffer, size, result, error);
	*result = NULL;
	if (size < LEAST_BUFFER)
		return too_small(error);
	eai = lookup_name(name, family, &found);
	if (eai == LOOKUP_DIRECT)
		return ASK_LIBC_DIRECTLY(
			real(gethostbyname2_r)(name, family, host, buffer, size, result, error));
	*error = host_error(eai);
	if (eai)
		return *error == TRY_AGAIN ? EAGAIN : 0;
	if (hostent_pack(host, buffer, size, family, &found))
		return too_small(error);
	*result = host;
	return 0;
}

static int by_address(const void *address, socklen_t len, int family, struct hostent *host,
		      char *buffer, size_t size, struct hostent **result, int *error)
{
	struct hosts found;
	struct addr a;
	int eai;

	*result = NULL;
	if (size < LEAST_BUFFER)
		return too_small(error);
	if (family == AF_INET && len == 4)
		a = addr_v4(address, 0);
	else if (family == AF_INET6 && len == 16)
		a = addr_v6(address, 0);
	else {
		*error = HOST_NOT_FOUND;
		return 0;
	}
	eai = lookup_address(&a, &found);
	if (eai == LOOKUP_DIRECT)
		return ASK_LIBC_DIRECTLY(real(gethostbyaddr_r)(address, len, family, host, buffer,
							       size, result, error));
	*error = host_error(eai);
	if (eai)
		return *error == TRY_AGAIN ? EAGAIN : 0;
	found.addrs[0] = a;
	found.count = 1;
	if (hostent_pack(host, buffer, size, family, &found))
		return too_small(error);
	*result = host;
	return 0;
}

/*
 * The results of the forms without a buffer. libc has one for all threads; here they take turns, so
 * that threads which heed no rule disturb each other less. (8 KiB more for each thread cost too
 * much.)
 */
static LARGE(2) struct own {
	struct hostent host;
	char buffer[HOSTENT_BUFFER];
} own_results[4];

static struct own *own_next(void)
{
	static atomic_uint turn;

	return &own_results[atomic_fetch_add(&turn, 1) % 4];
}

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
		return real(gethostbyname2_r)(name, family, host, buffer, size, result, error);
	return by_name(name, family, host, buffer, size, result, error);
}

WRAP int gethostbyname_r(const char *restrict name, struct hostent *restrict host,
			 char *restrict buffer, size_t size, struct hostent **restrict result,
			 int *restrict error)
{
	return by_name(name, AF_INET, host, buffer, size, result, error);
}

static struct hostent *own_by_name(const char *name, int family)
{
	struct own *own = own_next();
	struct hostent *result;
	int error;

	by_name(name, family, &own->host, own->buffer, sizeof(own->buffer), &result, &error);
	return keep(result, error);
}

static struct hostent *own_by_address(const void *address, socklen_t len, int family)
{
	struct own *own = own_next();
	struct hostent *result;
	int error;

	by_address(address, len, family, &own->host, own->buffer, sizeof(own->buffer), &result,
		   &error);
	return keep(result, error);
}

WRAP struct hostent *gethostbyname2(const char *name, int family)
{
	if (family != AF_INET && family != AF_INET6)
		return real(gethostbyname2)(name, family);
	return own_by_name(name, family);
}

WRAP struct hostent *gethostbyname(const char *name)
{
	return own_by_name(name, AF_INET);
}

WRAP int gethostbyaddr_r(const void *restrict address, socklen_t len, int family,
			 struct hostent *restrict host, char *restrict buffer, size_t size,
			 struct hostent **restrict result, int *restrict error)
{
	return by_address(address, len, family, host, buffer, size, result, error);
}

WRAP struct hostent *gethostbyaddr(const void *address, socklen_t len, int family)
{
	return own_by_address(address, len, family);
}

WRAP struct hostent *res_gethostbyname(const char *name)
{
	return own_by_name(name, AF_INET);
}

WRAP struct hostent *res_gethostbyname2(const char *name, int family)
{
	return own_by_name(name, family == AF_INET6 ? AF_INET6 : AF_INET);
}

WRAP struct hostent *res_gethostbyaddr(const void *address, socklen_t len, int family)
{
	return own_by_address(address, len, family);
}
