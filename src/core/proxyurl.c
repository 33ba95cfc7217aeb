/* SPDX-License-Identifier: MIT */
/*
 * proxyurl.c - proxy URLs: socks5://[user:password@]host[:port], socks4a://[user@]host[:port] and
 * tor://[user[:password]@]host[:port] (RFC 3986); socks5h:// is curl's word for socks5://.
 */
#include <string.h>

#include "conf_parts.h"
#include "socks.h"

static const struct scheme {
	const char *name;
	uint8_t protocol;
	bool tor;
	uint16_t port;
} schemes[] = {
	{"socks5", SOCKS_V5, false, 1080},
	{"socks4a", SOCKS_V4A, false, 1080},
	{"tor", SOCKS_V5, true, 9050},
	{"socks5h", SOCKS_V5, false, 1080},
};

/* A part of the URL: neither NUL-terminated nor decoded. */
struct part {
	const char *at;
	size_t len;
};

static int hex(char c)
{
	c = conf_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX. The length, or -1: a bad escape; -2: longer than `size`. */
static int decode(struct part p, uint8_t *out, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < p.len; i++, n++) {
		if (n == size)
			return -2;
		out[n] = (uint8_t)p.at[i];
		if (p.at[i] != '%')
			continue;
		if (p.len - i < 3 || hex(p.at[i + 1]) < 0 || hex(p.at[i + 2]) < 0)
			return -1;
		out[n] = (uint8_t)(hex(p.at[i + 1]) * 16 + hex(p.at[i + 2]));
		i += 2;
	}
	return (int)n;
}

/* The schemes that people know from elsewhere, and what a URL without any wants. */
static const char *foreign_scheme(const char *url, size_t len)
{
	static const struct {
		char name[8];
		const char *words;
	} known[] = {
		{"socks4",
		 "SOCKS4 cannot carry host names: socks4a:// is expected, if the proxy knows it"},
		{"socks",
		 "socks:// does not say which version: socks5:// or socks4a:// is expected"},
		{"http",
		 "an HTTP proxy speaks no SOCKS: socks5://, socks4a:// or tor:// is expected"},
		{"https",
		 "an HTTP proxy speaks no SOCKS: socks5://, socks4a:// or tor:// is expected"},
	};
	size_t i, k;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		for (k = 0; k < len && conf_lower(url[k]) == known[i].name[k]; k++)
			;
		if (k == len && !known[i].name[k])
			return known[i].words;
	}
	return "is not a proxy URL: socks5://, socks4a:// or tor:// is expected";
}

static const char *take_scheme(struct proxy *p, const char **url)
{
	const char *end = strstr(*url, "://"), *name;
	size_t i, k;

	for (i = 0; end && i < sizeof(schemes) / sizeof(*schemes); i++) {
		name = schemes[i].name;
		for (k = 0; name[k] && conf_lower((*url)[k]) == name[k]; k++)
			;
		if (name[k] || *url + k != end)
			continue;
		p->protocol = schemes[i].protocol;
		p->tor = schemes[i].tor;
		p->at.port = schemes[i].port;
		*url = end + 3;
		return NULL;
	}
	if (!**url)
		return "is empty: socks5://, socks4a:// or tor://, then host and port, is expected";
	if (!end)
		return "has no scheme: socks5://, socks4a:// or tor:// is expected in front";
	return foreign_scheme(*url, (size_t)(end - *url));
}

/* Names beginning so are Tor's own; 0 with the isolation key as password is the one for us. */
static bool is_reserved_user(const struct proxy *p)
{
	static const char prefix[] = "<torS0X>";
	size_t len = sizeof(prefix) - 1;

	if (!p->tor || p->user_len < len || memcmp(p->user, prefix, len))
		return false;
	return p->user_len != len + 1 || p->user[len] != '0';
}

static const char *check_user(const struct proxy *p)
{
	if (!p->user_len)
		return "the user is empty";
	if (is_reserved_user(p))
		return "users that begin with <torS0X> are reserved by Tor (but for <torS0X>0)";
	if (p->protocol == SOCKS_V4A && memchr(p->user, '\0', p->user_len))
		return "a SOCKS4a user cannot hold a NUL byte";
	return NULL;
}

static const char *take_credentials(struct proxy *p, struct part all)
{
	const char *colon = memchr(all.at, ':', all.len);
	struct part user = {all.at, colon ? (size_t)(colon - all.at) : all.len};
	struct part password = {all.at + user.len + 1, colon ? all.len - user.len - 1 : 0};
	int n = decode(user, p->user, sizeof(p->user));
	int m = colon ? decode(password, p->password, sizeof(p->password)) : 0;

	if (n == -1 || m == -1)
		return "% must be followed by two hexadecimal digits";
	if (n < 0 || m < 0)
		return "user or password is longer than 255 bytes";
	if (colon && p->protocol == SOCKS_V4A)
		return "SOCKS4a knows no password";
	if (colon && !m)
		return "the password is empty";
	p->credentials = true;
	p->user_len = (uint8_t)n;
	p->password_len = (uint8_t)m;
	return check_user(p);
}

static bool is_name_byte(char c)
{
	char l = conf_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(const char *label, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!is_name_byte(label[i]))
			return false;
	return len && len <= 63;
}

/* Labels with dots between them; the last is no number (127.1, 0x7f: short forms of addresses). */
static bool is_host_name(const char *host)
{
	size_t len = strcspn(host, ".");
	uint32_t number;

	if (strlen(host) > 253)
		return false;
	for (; is_label(host, len); host += len + 1, len = strcspn(host, "."))
		if (!host[len] || !host[len + 1])
			return !conf_number(host, len, UINT32_MAX, &number) &&
			       (host[0] != '0' || conf_lower(host[1]) != 'x');
	return false;
}

static const char *check_address(const struct addr *a)
{
	if (addr_is_any(a) || addr_is_multicast(a))
		return "the host is not an address that can be connected to";
	if (addr_is_link_local(a) && !a->scope)
		return "a link-local address needs its interface, as in [fe80::1%25eth0]:1080";
	return NULL;
}

/* fe80::1%eth0 (RFC 6874): which number that interface has, the launcher asks the kernel. */
static bool has_interface(const char *host)
{
	size_t len = strcspn(host, "%");
	struct addr a;

	return host[len] && host[len + 1] && addr_parse(&a, host, len) && addr_is_link_local(&a);
}

static const char *take_host(struct proxy *p, struct part host)
{
	bool brackets = host.len && host.at[0] == '[';
	uint16_t port = p->at.port;
	struct part inner = {host.at + brackets, host.len - 2 * brackets};
	int n = decode(inner, (uint8_t *)p->host, sizeof(p->host) - 1);

	if (n == -1)
		return "% must be followed by two hexadecimal digits";
	if (n < 0)
		return "the host name is too long";
	if (!n || memchr(p->host, '\0', (size_t)n))
		return n ? "a NUL byte in the host" : "the host is missing";
	p->host[n] = '\0';
	if (addr_parse(&p->at, p->host, (size_t)n) && brackets == !!strchr(p->host, ':')) {
		p->at.port = port;
		return check_address(&p->at);
	}
	memset(&p->at, 0, sizeof(p->at));
	p->at.port = port;
	if (brackets ? !has_interface(p->host) : !is_host_name(p->host))
		return "the host is neither an address (IPv6 in brackets) nor a name";
	return NULL;
}

/* host, host:port, [host], [host]:port */
static const char *take_place(struct proxy *p, struct part all)
{
	const char *end = all.at[0] == '[' ? memchr(all.at, ']', all.len) : NULL;
	size_t head = end ? (size_t)(end - all.at) + 1 : 0;
	const char *colon = memchr(all.at + head, ':', all.len - head);
	struct part host = {all.at, colon ? (size_t)(colon - all.at) : all.len};
	uint32_t port;

	if (all.at[0] == '[' && (!end || host.len != head))
		return "the brackets around the IPv6 address are wrong";
	if (!end && colon && memchr(colon + 1, ':', all.len - host.len - 1))
		return "more than one colon: brackets go around an IPv6 address, as in [::1]:1080";
	if (colon) {
		if (!conf_number(colon + 1, all.len - host.len - 1, 65535, &port) || !port)
			return "the port is not a number from 1 to 65535";
		p->at.port = (uint16_t)port;
	}
	return take_host(p, host);
}

static const char *take_path(struct proxy *p, const char *path)
{
	struct part all = {path, strlen(path)};
	int n = decode(all, (uint8_t *)p->path, sizeof(p->path) - 1);

	if (n < 2 || p->path[0] != '/' || strlen(p->path) != (size_t)n)
		return "unix: must be followed by an absolute path of at most 107 bytes";
	p->at.port = 0;
	return NULL;
}

const char *conf_parse_proxy(struct proxy *p, const char *url)
{
	const char *wrong, *at;
	struct part all;

	memset(p, 0, sizeof(*p));
	wrong = take_scheme(p, &url);
	if (wrong)
		return wrong;
	all = (struct part){url, strcspn(url, "/")};
	for (at = url + all.len; at > url && at[-1] != '@'; at--)
		;
	if (at > url) {
		wrong = take_credentials(p, (struct part){url, (size_t)(at - url) - 1});
		if (wrong)
			return wrong;
	}
	if (!strncmp(at, "unix:", 5) && at[5] == '/')
		return take_path(p, at + 5);
	if (url[all.len] && url[all.len + 1])
		return strchr(url + all.len, '@') ? "a / in user or password is written %2F"
						  : "text behind the port (a proxy's Unix socket "
						    "is written unix:/path)";
	return take_place(p, (struct part){at, (size_t)(url + all.len - at)});
}

/* Writes `len` bytes so that every byte outside RFC 3986's unreserved and `also` is %XX. */
static void put_encoded(struct bytes_out *o, const void *data, size_t len, const char *also)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *at = data;

	for (; len--; at++) {
		if (*at && (is_name_byte((char)*at) || strchr(also, *at))) {
			bytes_put_u8(o, *at);
			continue;
		}
		bytes_put_u8(o, '%');
		bytes_put_u8(o, (uint8_t)digits[*at >> 4]);
		bytes_put_u8(o, (uint8_t)digits[*at & 15]);
	}
}

static void put_credentials(struct bytes_out *o, const struct proxy *p, bool secrets)
{
	put_encoded(o, p->user, p->user_len, ".~");
	if (p->password_len) {
		bytes_put_u8(o, ':');
		if (secrets)
			put_encoded(o, p->password, p->password_len, ".~");
		else
			bytes_put_text(o, "***");
	}
	bytes_put_u8(o, '@');
}

static void put_place(struct bytes_out *o, const struct proxy *p)
{
	bool brackets = strchr(p->host, ':');

	if (p->path[0]) {
		bytes_put_text(o, "unix:");
		put_encoded(o, p->path, strlen(p->path), "/.~");
		return;
	}
	bytes_put_text(o, brackets ? "[" : "");
	put_encoded(o, p->host, strlen(p->host), ".:");
	bytes_put_text(o, brackets ? "]:" : ":");
	bytes_put_number(o, p->at.port);
}

size_t conf_print_proxy(const struct proxy *p, bool secrets, char *out, size_t size)
{
	struct bytes_out o = bytes_out_init(out, size);

	bytes_put_text(&o, p->tor ? "tor" : p->protocol == SOCKS_V4A ? "socks4a" : "socks5");
	bytes_put_text(&o, "://");
	if (p->credentials)
		put_credentials(&o, p, secrets);
	put_place(&o, p);
	bytes_put_end(&o);
	return (size_t)(o.at - o.start);
}
