/* SPDX-License-Identifier: MIT */
/*
 * hook_remote.c - functions of libc that connect or look names up by themselves, from inside: rsh's
 * and rexec's are refused, gethostid(3) and names of networks are answered without a question.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shim.h"
#include "sys.h"

static int refuse_remote(const char *what)
{
	log_texts(LOG_WARN, here_name(), ": refused: ", what,
		  ": libc would connect past the proxy; use ssh", (char *)NULL);
	return (int)libc_result(-ENETUNREACH);
}

WRAP int rcmd(char **restrict host, unsigned short port, const char *restrict local,
	      const char *restrict remote, const char *restrict command, int *restrict error)
{
	(void)host, (void)port, (void)local, (void)remote, (void)command, (void)error;
	return refuse_remote("rcmd");
}

WRAP int rcmd_af(char **restrict host, unsigned short port, const char *restrict local,
		 const char *restrict remote, const char *restrict command, int *restrict error,
		 sa_family_t family)
{
	(void)host, (void)port, (void)local, (void)remote, (void)command, (void)error, (void)family;
	return refuse_remote("rcmd_af");
}

WRAP int rexec(char **restrict host, int port, const char *restrict user,
	       const char *restrict password, const char *restrict command, int *restrict error)
{
	(void)host, (void)port, (void)user, (void)password, (void)command, (void)error;
	return refuse_remote("rexec");
}

WRAP int rexec_af(char **restrict host, int port, const char *restrict user,
		  const char *restrict password, const char *restrict command, int *restrict error,
		  sa_family_t family)
{
	(void)host, (void)port, (void)user, (void)password, (void)command, (void)error,
		(void)family;
	return refuse_remote("rexec_af");
}

/* These ask the resolver for the names in ~/.rhosts. Nobody may log in so. */
WRAP int ruserok(const char *host, int super, const char *remote, const char *local)
{
	(void)host, (void)super, (void)remote, (void)local;
	return refuse_remote("ruserok");
}

WRAP int ruserok_af(const char *host, int super, const char *remote, const char *local,
		    sa_family_t family)
{
	(void)host, (void)super, (void)remote, (void)local, (void)family;
	return refuse_remote("ruserok_af");
}

WRAP int iruserok(uint32_t address, int super, const char *remote, const char *local)
{
	(void)address, (void)super, (void)remote, (void)local;
	return refuse_remote("iruserok");
}

WRAP int iruserok_af(const void *address, int super, const char *remote, const char *local,
		     sa_family_t family)
{
	(void)address, (void)super, (void)remote, (void)local, (void)family;
	return refuse_remote("iruserok_af");
}

WRAP int __ivaliduser(FILE *hosts, uint32_t address, const char *local, const char *remote)
{
	(void)hosts, (void)address, (void)local, (void)remote;
	return refuse_remote("__ivaliduser");
}

/*
 * Without /etc/hostid, libc looks the own host name up and makes the number of its address. The
 * resolver is not asked: it is what Debian's 127.0.1.1 gives.
 */
WRAP long gethostid(void)
{
	const long debian = 0x007f0101;
	int32_t id = 0, fd = sys_open("/etc/hostid", O_RDONLY, 0);
	bool there = fd >= 0 && sys_read(fd, &id, sizeof(id)) == sizeof(id);

	if (fd >= 0)
		sys_close(fd);
	return there ? (long)id : debian;
}

/*
 * Networks have names in the DNS too (networks in nsswitch.conf(5); glibc's default without that
 * file): this process looks in /etc/networks alone. libc allocates here anyway.
 */
static bool asks_file(void)
{
	static atomic_bool done;
	int (*configure)(const char *, const char *);

	if (done)
		return true;
	*(void **)(void *)&configure = real_anywhere("__nss_configure_lookup");
	done = configure && configure("networks", "files") == 0;
	return done;
}

static int no_network(struct netent **result, int *error)
{
	*result = NULL;
	*error = NO_RECOVERY;
	return EAGAIN;
}

WRAP struct netent *getnetbyname(const char *name)
{
	return asks_file() ? real(getnetbyname)(name) : NULL;
}

WRAP struct netent *getnetbyaddr(uint32_t net, int family)
{
	return asks_file() ? real(getnetbyaddr)(net, family) : NULL;
}

WRAP int getnetbyname_r(const char *restrict name, struct netent *restrict net,
			char *restrict buffer, size_t size, struct netent **restrict result,
			int *restrict error)
{
	return asks_file() ? real(getnetbyname_r)(name, net, buffer, size, result, error)
			   : no_network(result, error);
}

WRAP int getnetbyaddr_r(uint32_t number, int family, struct netent *restrict net,
			char *restrict buffer, size_t size, struct netent **restrict result,
			int *restrict error)
{
	return asks_file() ? real(getnetbyaddr_r)(number, family, net, buffer, size, result, error)
			   : no_network(result, error);
}
