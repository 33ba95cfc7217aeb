/* SPDX-License-Identifier: MIT */
/* hosts.c - reads /etc/hosts. */
#include <string.h>

#include "hosts.h"

struct text {
	const char *at, *end;
};

size_t hosts_whole(const char *data, size_t len)
{
	while (len && data[len - 1] != '\n')
		len--;
	return len;
}

/* isspace(3) of the C locale without the newline, which never gets here. */
static bool space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the next line, without its comment. */
static bool next_line(struct text *from, struct text *line)
{
	const char *end, *comment;

	if (from->at == from->end)
		return false;
	end = memchr(from->at, '\n', (size_t)(from->end - from->at));
	if (!end)
		end = from->end;
	comment = memchr(from->at, '#', (size_t)(end - from->at));
	line->at = from->at;
	line->end = comment ? comment : end;
	from->at = end == from->end ? end : end + 1;
	return true;
}

static bool next_word(struct text *line, struct text *word)
{
	while (line->at < line->end && space(*line->at))
		line->at++;
	word->at = line->at;
	while (line->at < line->end && !space(*line->at))
		line->at++;
	word->end = line->at;
	return word->at < word->end;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool same_name(const struct text *word, const char *name, size_t len)
{
	if ((size_t)(word->end - word->at) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(word->at[i]) != lower(name[i]))
			return false;
	return true;
}

/*
 * Is the name one of the line's? `line` stands behind its address; the canonical name comes first.
 */
static bool line_has(struct text line, const char *name, size_t len)
{
	struct text word;

	while (next_word(&line, &word))
		if (same_name(&word, name, len))
			return true;
	return false;
}

static bool line_addr(const struct text *word, int family, struct addr *a)
{
	size_t len = (size_t)(word->end - word->at);

	if (memchr(word->at, '%', len) || !addr_parse(a, word->at, len))
		return false; /* inet_pton(3) knows no scope */
	if (family == AF_INET && !addr_is_v4(a)) {
		if (!addr_is_loopback(a))
			return false;
		*a = addr_loopback(AF_INET, 0);
	}
	return family != AF_INET6 || memchr(word->at, ':', len);
}

static size_t copy_name(char out[static HOSTS_NAME], const struct text *word)
{
	size_t len = (size_t)(word->end - word->at);

	if (len >= HOSTS_NAME || memchr(word->at, 0, len))
		len = 0;
	memcpy(out, word->at, len);
	out[len] = '\0';
	return len;
}

/* Is it the canonical name, or among the aliases? */
static bool is_listed(const struct hosts *h, const struct text *word)
{
	if (same_name(word, h->canonical, strlen(h->canonical)))
		return true;
	for (size_t at = 0; at < h->aliases_len; at += strlen(h->aliases + at) + 1)
		if (same_name(word, h->aliases + at, strlen(h->aliases + at)))
			return true;
	return false;
}

/* Keeps the names of a line; `line` stands behind its address. */
static void add_names(struct hosts *h, struct text line)
{
	struct text word;
	size_t len;

	if (!h->canonical[0] && next_word(&line, &word))
		copy_name(h->canonical, &word);
	while (next_word(&line, &word)) {
		len = (size_t)(word.end - word.at);
		if (is_listed(h, &word) || memchr(word.at, 0, len) ||
		    len >= sizeof(h->aliases) - h->aliases_len)
			continue;
		memcpy(h->aliases + h->aliases_len, word.at, len);
		h->aliases_len += len;
		h->aliases[h->aliases_len++] = 0;
	}
}

void hosts_find(struct hosts *h, const char *data, size_t len, const char *name, size_t name_len,
		int family)
{
	struct text from = {data, data + len}, line, first;
	struct addr a;

	if (name_len && name[name_len - 1] == '.')
		name_len--;
	while (name_len && h->count < HOSTS_ADDRS && next_line(&from, &line)) {
		if (!next_word(&line, &first) || !line_has(line, name, name_len) ||
		    !line_addr(&first, family, &a))
			continue;
		add_names(h, line);
		h->addrs[h->count++] = a;
	}
}

bool hosts_have(const char *data, size_t len, const char *name, size_t name_len)
{
	struct text from = {data, data + len}, line, first;
	struct addr a;

	name_len -= name_len && name[name_len - 1] == '.';
	while (name_len && next_line(&from, &line))
		if (next_word(&line, &first) && line_has(line, name, name_len) &&
		    line_addr(&first, AF_UNSPEC, &a))
			return true;
	return false;
}

bool hosts_reverse(struct hosts *h, const char *data, size_t len, const struct addr *a)
{
	struct text from = {data, data + len}, line, first, rest, name;
	struct addr found;

	while (next_line(&from, &line)) {
		if (!next_word(&line, &first) || !line_addr(&first, AF_UNSPEC, &found) ||
		    !addr_same_ip(&found, a))
			continue;
		rest = line;
		if (!next_word(&rest, &name))
			continue;
		add_names(h, line);
		h->addrs[h->count++] = found;
		return true;
	}
	return false;
}
