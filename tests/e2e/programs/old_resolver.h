/* SPDX-License-Identifier: MIT */
// old_resolver.h - the resolver's functions as a program linked before glibc 2.34 has them:
// dlvsym(3) would not find a preloaded library's.
#ifndef OLD_RESOLVER_H
#define OLD_RESOLVER_H

#include <resolv.h>

#define OLD(name) __asm__(".symver old_" #name ", __" #name "@GLIBC_2.2.5")
#define ASK (const char *, int, int, unsigned char *, int)
#define ASK_DOMAIN (const char *, const char *, int, int, unsigned char *, int)
#define SEND (const unsigned char *, int, unsigned char *, int)
int old_res_query ASK, old_res_search ASK, old_res_querydomain ASK_DOMAIN, old_res_send SEND;
int old_res_nquery(res_state, const char *, int, int, unsigned char *, int);
int old_res_nsearch(res_state, const char *, int, int, unsigned char *, int);
int old_res_nquerydomain(res_state, const char *, const char *, int, int, unsigned char *, int);
int old_res_nsend(res_state, const unsigned char *, int, unsigned char *, int);
OLD(res_query);
OLD(res_search);
OLD(res_querydomain);
OLD(res_send);
OLD(res_nquery);
OLD(res_nsearch);
OLD(res_nquerydomain);
OLD(res_nsend);

#endif
