/* SPDX-License-Identifier: MIT */
/*
 * import.c - other tools' configuration files: lines, keys, and where each goes.
 *
 * Sources: torsocks.conf(5) of torsocks 2.4, the comments of proxychains-ng 4.16's
 * proxychains.conf, tsocks.conf(5) of tsocks 1.8.
 */
#include "import_parts.h"

#include <string.h>

/* Of a line in a comment: our own lines end at CONF_LINE_MAX. */
#define COMMENT_MAX 3000

void import_comment(struct import *i, const char *text, const char *why)
{
	struct bytes_out *o = &i->out;
	const char *end = text + strnlen(text, COMMENT_MAX);

	i->left++;
	bytes_put_text(o, "# line ");
	bytes_put_number(o, i->line);
	bytes_put_text(o, ": ");
	for (; text < end; text++)
		bytes_put_u8(o, *text < ' ' || *text > '~' ? '?' : (uint8_t)*text);
	bytes_put_text(o, *end ? "...: " : ": ");
	bytes_put_text(o, why);
	bytes_put_text(o, "\n");
}

void import_wrong(struct import *i, const char *text, const char *why)
{
	struct bytes_out o = bytes_out_init(i->error, sizeof(i->error));

	if (!i->error[0]) {
		bytes_put_number(&o, i->line);
		bytes_put_text(&o, ": ");
		bytes_put_text(&o, why);
		bytes_put_end(&o);
	}
	import_comment(i, text, why);
}

void import_set(struct import *i, enum setting_id id, const char *value, const char *line)
{
	const char *wrong;
	union conf_value v;

	wrong = conf_read_value(id, value, &v);
	if (!wrong && i->seen & (uint64_t)1 << id)
		wrong = "given twice: the first stands";
	if (wrong) {
		import_wrong(i, line, wrong);
		return;
	}
	i->seen |= (uint64_t)1 << id;
	i->has_proxy |= id == SETTING_ID_proxy;
	bytes_put_text(&i->out, setting_table[id].key);
	bytes_put_text(&i->out, " ");
	bytes_put_text(&i->out, value);
	bytes_put_text(&i->out, "\n");
}

void import_milliseconds(struct import *i, enum setting_id id, const char *value, const char *line)
{
	struct bytes_out o;
	char text[16];
	uint32_t ms;

	if (!conf_number(value, strlen(value), UINT32_MAX, &ms)) {
		import_wrong(i, line, "not a number of milliseconds");
		return;
	}
	o = bytes_out_init(text, sizeof(text));
	bytes_put_number(&o, ms / 1000);
	bytes_put_u8(&o, '.');
	bytes_put_u8(&o, (uint8_t)('0' + ms / 100 % 10));
	bytes_put_u8(&o, (uint8_t)('0' + ms / 10 % 10));
	bytes_put_u8(&o, (uint8_t)('0' + ms % 10));
	bytes_put_end(&o);
	import_set(i, id, text, line);
}

bool import_copy(char *to, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		return false;
	memcpy(to, text, len + 1);
	return true;
}

static bool put_url(const struct import_server *s, char *out, size_t size)
{
	struct proxy p = {.protocol = conf_same(s->type, "4") ? SOCKS_V4A : SOCKS_V5,
			  .tor = conf_same(s->type, "tor")};
	uint32_t port = p.tor ? 9050 : 1080;

	if (s->port[0] && (!conf_number(s->port, strlen(s->port), 65535, &port) || !port))
		return false;
	p.at.port = (uint16_t)port;
	if (!import_copy(p.host, sizeof(p.host), s->host) || strlen(s->user) > 255)
		return false;
	p.credentials = s->user[0];
	p.user_len = (uint8_t)strlen(s->user);
	memcpy(p.user, s->user, p.user_len);
	if (p.credentials && p.protocol == SOCKS_V5) {
		p.password_len = (uint8_t)strlen(s->password);
		memcpy(p.password, s->password, p.password_len);
	}
	return conf_print_proxy(&p, true, out, size) < size - 1;
}

const char *import_url(struct import *i, const struct import_server *s, char out[static 2048])
{
	const char *wrong;
	struct proxy p;

	if (!put_url(s, out, 2048))
		return "the port is not a number from 1 to 65535";
	wrong = conf_parse_proxy(&p, out);
	if (wrong)
		return wrong;
	if (++i->proxies > SETTINGS_PROXIES)
		return "too many proxies (16 at most)";
	return NULL;
}

/* Bits of a netmask, dotted or a number. -1: it is none. */
static int mask_bits(const char *mask, bool v4)
{
	struct addr a;
	uint32_t bits, value;

	if (conf_number(mask, strlen(mask), v4 ? 32 : 128, &bits))
		return (int)bits;
	if (!v4 || !addr_parse(&a, mask, strlen(mask)) || !addr_is_v4(&a))
		return -1;
	value = (uint32_t)a.ip[12] << 24 | (uint32_t)a.ip[13] << 16 | (uint32_t)a.ip[14] << 8 |
		a.ip[15];
	for (bits = 0; value & 0x80000000u; value <<= 1)
		bits++;
	return value ? -1 : (int)bits;
}

/* The bits behind the prefix are cleared: other tools do not mind them. */
static void clear_tail(struct addr *a, unsigned int bits)
{
	for (unsigned int b = bits; b < 128; b++)
		a->ip[b / 8] &= (uint8_t) ~(0x80u >> (b % 8));
}

static const char *put_match(struct bytes_out *o, const char *host, const char *ports,
			     const char *mask)
{
	struct net n = {0};
	char text[ADDR_TEXT];
	struct bytes_out check;
	int bits;

	if (!addr_parse(&n.base, host, strlen(host)))
		return "not an address";
	bits = *mask ? mask_bits(mask, addr_is_v4(&n.base)) : addr_is_v4(&n.base) ? 32 : 128;
	if (bits < 0)
		return "not a netmask";
	n.bits = (uint8_t)(bits + (addr_is_v4(&n.base) ? 96 : 0));
	clear_tail(&n.base, n.bits);
	check = bytes_out_init(text, sizeof(text));
	bytes_put(&check, text, net_print(&n, text));
	if (check.overflow || !net_parse(&n, text, strlen(text)))
		return "not a network";
	bytes_put_text(o, "Match host ");
	bytes_put_text(o, text);
	if (*ports) {
		bytes_put_text(o, " port ");
		bytes_put_text(o, ports);
	}
	bytes_put_text(o, "\n");
	return NULL;
}

/* "80" or "80-90". */
static bool is_range(const char *text)
{
	size_t len = strcspn(text, "-");
	const char *second = text[len] ? text + len + 1 : text;
	uint32_t lo, hi;

	return conf_number(text, len, 65535, &lo) &&
	       conf_number(second, text[len] ? strlen(second) : len, 65535, &hi) && lo <= hi;
}

/* Cuts `net` at its colon and slash. False: a bracket without its other end. */
static bool split(char *net, char **host, char **ports, char **mask)
{
	char *end = net;

	*host = net;
	*ports = *mask = net + strlen(net);
	if (*net == '[') {
		*host = net + 1;
		end = strchr(net, ']');
		if (!end)
			return false;
		*end++ = '\0';
	} else if (strchr(net, ':') == strrchr(net, ':')) {
		end = net + strcspn(net, ":/");
	} else {
		end = net + strcspn(net, "/"); /* IPv6 without brackets: no port */
	}
	if (*end == ':') {
		*end++ = '\0';
		*ports = end;
		end += strcspn(end, "/");
	}
	if (*end == '/') {
		*end++ = '\0';
		*mask = end;
		return true;
	}
	return !*end;
}

const char *import_network(struct import *i, struct bytes_out *o, const char *text)
{
	char net[128], *host, *ports, *mask;

	if (!import_copy(net, sizeof(net), text) || !split(net, &host, &ports, &mask))
		return "not a network";
	if (*ports && !is_range(ports))
		return "not a port or a range of ports";
	if (i->rules >= SETTINGS_RULES)
		return "too many networks (128 at most)";
	return put_match(o, host, ports, mask);
}

void import_direct(struct import *i, const char *network, const char *line)
{
	const char *wrong = import_network(i, &i->local, network);

	if (wrong) {
		import_wrong(i, line, wrong);
		return;
	}
	i->rules++;
	bytes_put_text(&i->local, "\tDirect\n");
}

/* The words of a line, at most IMPORT_WORDS. */
static unsigned int cut(char *line, char *words[static IMPORT_WORDS])
{
	unsigned int n = 0;

	while (n < IMPORT_WORDS) {
		while (conf_is_blank(*line))
			line++;
		if (!*line)
			break;
		words[n++] = line;
		while (*line && !conf_is_blank(*line))
			line++;
		if (*line)
			*line++ = '\0';
	}
	return n;
}

static void take_line(struct import *i, const char *text, size_t len)
{
	char line[CONF_LINE_MAX], copy[CONF_LINE_MAX], *words[IMPORT_WORDS] = {NULL};
	unsigned int n;

	i->line++;
	while (len && (conf_is_blank(text[len - 1]) || text[len - 1] == '\r'))
		len--;
	if (len >= sizeof(line) || memchr(text, '\0', len)) {
		import_wrong(i, "...", "the line is too long, or has a NUL byte in it");
		return;
	}
	memcpy(line, text, len);
	line[len] = '\0';
	memcpy(copy, line, len + 1);
	n = cut(copy, words);
	if (!n || words[0][0] == '#')
		return;
	if (i->format == IMPORT_TORSOCKS)
		import_torsocks(i, words, n, line);
	else if (i->format == IMPORT_PROXYCHAINS)
		import_proxychains(i, words, n, line);
	else
		import_tsocks(i, line);
}

int import_text(struct import *i, enum import_format format, const char *text, size_t len)
{
	const char *end = text + len, *next;

	i->format = format;
	for (; text < end; text = next < end ? next + 1 : end) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		take_line(i, text, (size_t)(next - text));
	}
	import_finish(i);
	bytes_put_end(&i->out);
	bytes_put_end(&i->local);
	bytes_put_end(&i->paths);
	return i->out.overflow || i->local.overflow || i->paths.overflow ? -1 : (int)i->left;
}

static bool begins(const char *at, const char *end, const char *word)
{
	for (; *word; word++, at++)
		if (at >= end || conf_lower(*at) != *word)
			return false;
	return true;
}

static enum import_format guess_line(const char *at, const char *end)
{
	static const struct {
		const char *word;
		enum import_format format;
	} keys[] = {
		{"tor", IMPORT_TORSOCKS},	 {"onionaddr", IMPORT_TORSOCKS},
		{"socks5u", IMPORT_TORSOCKS},	 {"socks5p", IMPORT_TORSOCKS},
		{"allow", IMPORT_TORSOCKS},	 {"isolatepid", IMPORT_TORSOCKS},
		{"enableipv6", IMPORT_TORSOCKS}, {"[proxylist]", IMPORT_PROXYCHAINS},
		{"strict", IMPORT_PROXYCHAINS},	 {"dynamic", IMPORT_PROXYCHAINS},
		{"random", IMPORT_PROXYCHAINS},	 {"round", IMPORT_PROXYCHAINS},
		{"proxy_", IMPORT_PROXYCHAINS},	 {"quiet", IMPORT_PROXYCHAINS},
		{"server", IMPORT_TSOCKS},	 {"local ", IMPORT_TSOCKS},
		{"local=", IMPORT_TSOCKS},	 {"path", IMPORT_TSOCKS},
		{"default_", IMPORT_TSOCKS},
	};

	while (at < end && conf_is_blank(*at))
		at++;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		if (begins(at, end, keys[k].word))
			return keys[k].format;
	return IMPORT_UNKNOWN;
}

enum import_format import_guess(const char *name, const char *text, size_t len)
{
	const char *slash = strrchr(name, '/'), *end = text + len, *next;
	enum import_format f = IMPORT_UNKNOWN;

	name = slash ? slash + 1 : name;
	if (strstr(name, "torsocks"))
		return IMPORT_TORSOCKS;
	if (strstr(name, "proxychains"))
		return IMPORT_PROXYCHAINS;
	if (strstr(name, "tsocks"))
		return IMPORT_TSOCKS;
	for (; text < end && !f; text = next < end ? next + 1 : end) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		f = guess_line(text, next);
	}
	return f;
}
