/* SPDX-License-Identifier: MIT */
/*
 * idn.c - AI_IDN and AI_CANONIDN by the functions of glibc's own getaddrinfo, which load libidn2
 * when they are first needed.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"

#ifndef RTLD_NEXT /* shown with _GNU_SOURCE only */
#define RTLD_NEXT ((void *)-1L)
#endif
#ifndef EAI_IDN_ENCODE
#define EAI_IDN_ENCODE -105
#endif

static bool is_ascii(const char *name)
{
	while (*name > 0)
		name++;
	return !*name;
}

static int convert(const char *function, const char *name, char out[static HOSTS_NAME])
{
	int (*f)(const char *, char **) =
		(int (*)(const char *, char **))real(dlsym)(RTLD_NEXT, function);
	char *result = NULL;
	int err = f ? f(name, &result) : EAI_IDN_ENCODE;

	if (err)
		return err;
	if (strlen(result) < HOSTS_NAME)
		strcpy(out, result);
	else
		err = EAI_IDN_ENCODE;
	free(result);
	return err;
}

int idn_encode(const char *name, char out[static HOSTS_NAME])
{
	return is_ascii(name) ? 0 : convert("__idna_to_dns_encoding", name, out);
}

void idn_decode(char name[static HOSTS_NAME])
{
	char out[HOSTS_NAME];

	if (convert("__idna_from_dns_encoding", name, out) == 0)
		strcpy(name, out);
}
