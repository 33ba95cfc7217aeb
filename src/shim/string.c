/* SPDX-License-Identifier: MIT */
/*
 * string.c - <string.h> for this library alone, as far as it has words of a few bytes to look at.
 *
 * Each of libc's would be a symbol that ld.so looks up at every start of every program, through all
 * that is loaded, with an indirect function to call in the end: 0.3 us each. What may meet more
 * bytes (memcpy, strlen and their like) is libc's.
 */
#include <stddef.h>
#include <string.h>

/* Where one of the set's characters is, or the end. */
static const char *find(const char *s, const char *set, int is_in)
{
	for (; *s; s++) {
		const char *c = set;

		while (*c && *c != *s)
			c++;
		if (!*c == !is_in)
			break;
	}
	return s;
}

size_t strcspn(const char *s, const char *set)
{
	return (size_t)(find(s, set, 1) - s);
}

size_t strspn(const char *s, const char *set)
{
	return (size_t)(find(s, set, 0) - s);
}

char *strpbrk(const char *s, const char *set)
{
	s = find(s, set, 1);
	return *s ? (char *)s : NULL;
}

void *memchr(const void *s, int c, size_t n)
{
	const unsigned char *at = s;

	for (; n; n--, at++)
		if (*at == (unsigned char)c)
			return (void *)at;
	return NULL;
}

size_t strnlen(const char *s, size_t n)
{
	const char *end = memchr(s, 0, n);

	return end ? (size_t)(end - s) : n;
}

char *strchr(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return *s == (char)c ? (char *)s : NULL;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do
		if (*s == (char)c)
			last = s;
	while (*s++);
	return (char *)last;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--, a++, b++)
		;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

/* As in the C locale: host names are ASCII. */
int strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && lower(*a) == lower(*b); n--, a++, b++)
		;
	return n ? lower(*a) - lower(*b) : 0;
}

char *strstr(const char *s, const char *word)
{
	const size_t len = strlen(word);

	for (; *s && strncmp(s, word, len) != 0; s++)
		;
	return *s || !len ? (char *)s : NULL;
}

char *stpcpy(char *to, const char *from)
{
	while ((*to = *from++))
		to++;
	return to;
}

char *strcpy(char *to, const char *from)
{
	stpcpy(to, from);
	return to;
}

char *strcat(char *to, const char *from)
{
	stpcpy(to + strlen(to), from);
	return to;
}
