/* SPDX-License-Identifier: MIT */
/*
 * real.c - the functions that ours stand in front of.
 *
 * A hundred dlsym(RTLD_NEXT) take 45 us, and malloc(3) the message of each symbol that this libc
 * does not have. So the libraries behind this one are gone through by their GNU hash tables, with
 * dlsym's rules for which version counts. What cannot be made sense of is left to dlsym: an
 * indirect function, a library without such a table, another namespace (dlmopen).
 *
 * To look for all of them takes 12 us of the 100 that the library adds to a process's start, and a
 * process calls few of what is hooked. So each is looked for when it is called first; the
 * constructor only sees that all tables can be read, and which libraries were there: those stay,
 * so that their list may be read while another thread opens and closes plugins.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "shim.h"

#ifndef RTLD_NEXT /* shown with _GNU_SOURCE only */
#define RTLD_NEXT ((void *)-1L)
#endif

struct real_calls real_table;
/* The last library that was there at the start, from the constructor on. */
static _Atomic(const struct link_map *) last;

/* In the order of real_table. Without pointers, which would be relocated at each start. */
static const struct {
#define CALL(ret, name, params) char name[sizeof(#name)];
#include "calls.def"
#undef CALL
} names = {
#define CALL(ret, name, params) #name,
#include "calls.def"
#undef CALL
};

static const uint16_t name_at[] = {
#define CALL(ret, name, params) offsetof(__typeof__(names), name),
#include "calls.def"
#undef CALL
};

/* Of a library, what a lookup needs. */
struct symbols {
	uintptr_t base;
	const ElfW(Sym) * table;
	const char *strings;
	const ElfW(Half) * versions; /* NULL: none */
	const uint32_t *hash;	     /* DT_GNU_HASH */
};

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* Would dlsym(3) take it? A version that is hidden is for old programs only. */
static bool fits(const struct symbols *s, uint32_t i, const char *name)
{
	const ElfW(Sym) *sym = &s->table[i];

	if (sym->st_shndx == SHN_UNDEF || !sym->st_value ||
	    ELF64_ST_BIND(sym->st_info) == STB_LOCAL)
		return false;
	if (s->versions && (s->versions[i] & 0x7fff) > VER_NDX_GLOBAL && s->versions[i] & 0x8000)
		return false;
	return strcmp(s->strings + sym->st_name, name) == 0;
}

static const ElfW(Sym) * find(const struct symbols *s, const char *name)
{
	const uint32_t *h = s->hash, count = h[0], first = h[1], words = h[2];
	const uint64_t *bloom = (const uint64_t *)(const void *)(h + 4);
	const uint32_t *buckets = (const uint32_t *)(const void *)(bloom + words);
	const uint32_t *chain = buckets + count;
	uint32_t hash = hash_of(name), i;
	uint64_t word = bloom[hash / 64 % words];

	if (!(word >> hash % 64 & word >> (hash >> h[3]) % 64 & 1))
		return NULL;
	i = buckets[hash % count];
	if (i < first)
		return NULL;
	do {
		if ((chain[i - first] | 1) == (hash | 1) && fits(s, i, name))
			return &s->table[i];
	} while (!(chain[i++ - first] & 1));
	return NULL;
}

enum library { LIBRARY_READ, LIBRARY_NONE, LIBRARY_STRANGE };

/* The vDSO is in the list, but nobody's search finds it: its addresses are not relocated. */
static enum library read_library(const struct link_map *m, struct symbols *s)
{
	*s = (struct symbols){.base = m->l_addr};
	for (const ElfW(Dyn) *d = m->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			s->table = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_STRTAB)
			s->strings = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_VERSYM)
			s->versions = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_GNU_HASH)
			s->hash = (const void *)d->d_un.d_ptr;
	}
	if ((uintptr_t)s->strings < m->l_addr)
		return LIBRARY_NONE;
	return s->hash && s->table && s->strings && s->hash[0] && s->hash[2] ? LIBRARY_READ
									     : LIBRARY_STRANGE;
}

static const struct link_map *own_map(void)
{
	extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));
	const struct link_map *m = _r_debug.r_map;

	while (m && m->l_ld != _DYNAMIC)
		m = m->l_next;
	return m;
}

/*
 * Goes through the libraries behind this one: *sym is the first of that name, in *s, or NULL.
 * False: one of them cannot be read. A `name` of NULL is found in none.
 */
static bool search(const char *name, struct symbols *s, const ElfW(Sym) * *sym)
{
	const struct link_map *m = own_map(), *end = atomic_load(&last);

	*sym = NULL;
	if (!m)
		return false;
	while (!*sym && m != end && (m = m->l_next)) {
		enum library is = read_library(m, s);

		if (is == LIBRARY_STRANGE)
			return false;
		if (is == LIBRARY_READ && name)
			*sym = find(s, name);
	}
	return true;
}

/*
 * No lock and no once: dlsym(3) may call malloc, which may be jemalloc, which calls syscall(3),
 * which is ours. Everyone who comes here writes the same value.
 */
static void *note(size_t i, void *function)
{
	__atomic_store_n((void **)(void *)&real_table + i, function, __ATOMIC_RELAXED);
	return function;
}

/* glibc shows it with _GNU_SOURCE only. */
void *dlvsym(void *restrict handle, const char *restrict name, const char *restrict version);

/* dlsym(3) is one of them, and has had these versions. */
static void *ask(size_t i)
{
	static const char versions[][sizeof("GLIBC_2.2.5")] = {"GLIBC_2.34", "GLIBC_2.17",
							       "GLIBC_2.2.5"};
	void *(*f)(void *, const char *) = NULL;

	for (size_t v = 0; !f && v < sizeof(versions) / sizeof(versions[0]); v++)
		f = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", versions[v]);
	return note(i, f ? f(RTLD_NEXT, (const char *)&names + name_at[i]) : NULL);
}

void *real_anywhere(const char *name)
{
	__typeof__(real_table.dlsym) f = real(dlsym);

	return f ? f(NULL, name) : NULL; /* RTLD_DEFAULT */
}

void *real_find(size_t i)
{
	const ElfW(Sym) * sym;
	struct symbols s;

	if (!search((const char *)&names + name_at[i], &s, &sym))
		return ask(i);
	if (!sym)
		return NULL;
	if (ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC || sym->st_shndx == SHN_ABS)
		return ask(i);
	return note(i, (void *)(s.base + sym->st_value));
}

void *real_hook(const char *name, const void *function)
{
	const struct link_map *m = own_map();
	const ElfW(Sym) * own;
	struct symbols s;

	if (!m || read_library(m, &s) != LIBRARY_READ || !(own = find(&s, name)))
		return NULL;
	for (size_t i = 0; i < sizeof(name_at) / sizeof(name_at[0]); i++)
		if (strcmp((const char *)&names + name_at[i], name) == 0)
			return real_find(i) == function ? (void *)(s.base + own->st_value) : NULL;
	return NULL;
}

void real_start(void)
{
	const struct link_map *m = _r_debug.r_map;
	const ElfW(Sym) * sym;
	struct symbols s;

	if (!search(NULL, &s, &sym))
		for (size_t i = 0; i < sizeof(name_at) / sizeof(name_at[0]); i++)
			ask(i);
	while (m && m->l_next)
		m = m->l_next;
	atomic_store(&last, m);
}

bool real_known(void)
{
	return atomic_load_explicit(&last, memory_order_acquire);
}
