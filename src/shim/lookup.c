/* SPDX-License-Identifier: MIT */
/* lookup.c - names to addresses and back, without a question to anybody but the proxy. */
#include "lookup.h"

#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "ends.h"
#include "order.h"
#include "sys.h"

static const char hosts_file[] = "/etc/hosts";

/* Calls `use` with /etc/hosts in pieces of whole lines, until it returns true. */
static void read_hosts(bool (*use)(void *arg, const char *data, size_t len), void *arg)
{
	char buf[2048]; /* the stack may be a small one */
	size_t have = 0, whole;
	long n;
	int fd = sys_open(hosts_file, 0, 0);

	if (fd < 0)
		return;
	while ((n = sys_read(fd, buf + have, sizeof(buf) - have)) > 0) {
		have += (size_t)n;
		whole = hosts_whole(buf, have);
		if (!whole && have == sizeof(buf))
			whole = have; /* a line too long to be one */
		if (whole && use(arg, buf, whole))
			break;
		have -= whole;
		memmove(buf, buf + whole, have);
	}
	if (n == 0 && have) /* glibc takes a last line without its newline */
		use(arg, buf, have);
	sys_close(fd);
}

struct hosts_question {
	const char *name;
	size_t name_len;
	int family;
	struct hosts *found;
	bool other; /* has it an address of the other family? */
	const struct addr *address;
};

static bool find_forward(void *arg, const char *data, size_t len)
{
	struct hosts_question *q = arg;

	hosts_find(q->found, data, len, q->name, q->name_len, q->family);
	if (!q->found->count)
		q->other = q->other || hosts_have(data, len, q->name, q->name_len);
	return false;
}

static bool find_reverse(void *arg, const char *data, size_t len)
{
	struct hosts_question *q = arg;

	return hosts_reverse(q->found, data, len, q->address);
}

static bool is_localhost(const char *name, size_t len)
{
	static const char localhost[] = "localhost";
	const size_t n = sizeof(localhost) - 1;

	return len >= n && strncasecmp(name + len - n, localhost, n) == 0 &&
	       (len == n || name[len - n - 1] == '.');
}

/* The machine's own name must not be asked of anybody. */
static bool is_own(const char *name, size_t len)
{
	struct utsname u;

	return SYS1(SYS_uname, &u) == 0 && strlen(u.nodename) == len &&
	       strncasecmp(name, u.nodename, len) == 0;
}

static void add(struct hosts *found, const struct addr *a)
{
	if (found->count < HOSTS_ADDRS)
		found->addrs[found->count++] = *a;
}

static void set_name(struct hosts *found, const char *name, size_t len)
{
	memcpy(found->canonical, name, len);
	found->canonical[len] = 0;
}

static bool loopback(const char *name, size_t len, int family, struct hosts *found)
{
	const struct addr a4 = addr_loopback(AF_INET, 0), a6 = addr_loopback(AF_INET6, 0);

	if (family != AF_INET)
		add(found, &a6);
	if (family != AF_INET6)
		add(found, &a4);
	set_name(found, name, len);
	return true;
}

static int resolve_remote(const struct decision *d, int index, int family, struct hosts *found)
{
	struct addr none = {0};
	struct socks_answer answer = {0};
	int err = tunnel_resolve(d, &none, index, &answer);

	if (err)
		return err;
	if (answer.type != 1 && answer.type != 4)
		return EAI_NONAME;
	if ((family == AF_INET && !addr_is_v4(&answer.addr)) ||
	    (family == AF_INET6 && addr_is_v4(&answer.addr)))
		return EAI_ADDRFAMILY;
	answer.addr.port = 0;
	add(found, &answer.addr);
	return 0;
}

/* A socket of the other family cannot reach the proxy: without a wish, names get the proxy's. */
static const struct net *virtual_net(const struct session *s, const struct decision *d, int family)
{
	const struct addr *proxy = &s->settings.proxies[d->proxy].at;

	if (family == AF_INET6 || (family == AF_UNSPEC && !addr_is_v4(proxy)))
		return &s->settings.virtual6;
	return &s->settings.virtual4;
}

static int answer(const struct session *s, const struct decision *d, const struct call *c,
		  int family, struct hosts *found)
{
	struct addr a;
	int index = names_add(session_names(s), c->name, c->name_len,
			      (uint32_t)(sys_now() / 1000000000u), streams_uses_name,
			      session_streams(s));

	set_name(found, c->name, c->name_len);
	if (index < 0) {
		log_texts(LOG_WARN, here_name(), ": names table full: no address for ",
			  found->canonical, (char *)NULL);
		return EAI_MEMORY;
	}
	if (s->settings.resolve == RESOLVE_REMOTE)
		return resolve_remote(d, index, family, found);
	if (!names_addr(virtual_net(s, d, family), session_turn(s), (uint32_t)index, &a))
		return EAI_MEMORY;
	add(found, &a);
	return 0;
}

/* The address that packets to `to` would come from: connecting a datagram socket sends none. */
static bool source_of(const struct addr *to, struct addr *from)
{
	struct sockaddr_storage at;
	int family = addr_family(to), len = addr_to_sockaddr(to, family, &at);
	int fd = (int)SYS3(SYS_socket, family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found;

	if (fd < 0)
		return false;
	found = sys_connect(fd, &at, (size_t)len) == 0 && ends_own(fd, from) == 0;
	sys_close(fd);
	return found;
}

static void sort(struct hosts *found)
{
	struct order list[HOSTS_ADDRS];

	for (size_t i = 0; i < found->count; i++) {
		list[i].to = found->addrs[i];
		memset(&list[i].from, 0, sizeof(list[i].from));
		list[i].usable = source_of(&list[i].to, &list[i].from);
	}
	order_sort(list, found->count);
	for (size_t i = 0; i < found->count; i++)
		found->addrs[i] = list[i].to;
}

void lookup_sort(struct hosts *found)
{
	if (found->count > 1)
		sort(found);
}

/* /etc/hosts is not read again for a name that has its virtual address already. */
static bool is_local(const struct session *s, const struct call *c, int family, struct hosts *found,
		     int *err)
{
	struct hosts_question q = {
		.name = c->name, .name_len = c->name_len, .family = family, .found = found};

	*err = 0;
	if (names_find(session_names(s), c->name, c->name_len) >= 0)
		return false;
	read_hosts(find_forward, &q);
	if (found->count)
		return true;
	/* A name that the file knows in the other family is the file's all the same. */
	if (q.other)
		*err = EAI_ADDRFAMILY;
	if (!*err && (is_localhost(c->name, c->name_len) || is_own(c->name, c->name_len)))
		return loopback(c->name, c->name_len, family, found);
	return *err != 0;
}

/* A name of which the last part is a number is a mistyped address: no such domain can exist. */
static bool ends_in_number(const char *name, size_t len)
{
	const char *end = name + len, *last = end;

	while (last > name && last[-1] != '.')
		last--;
	if (end - last > 2 && last[0] == '0' && (last[1] | 0x20) == 'x')
		return strspn(last + 2, "0123456789abcdefABCDEF") == (size_t)(end - last - 2);
	return strspn(last, "0123456789") == (size_t)(end - last);
}

bool lookup_is_remote(const struct hosts *found)
{
	const struct session *s = here();

	if (s && s->settings.resolve == RESOLVE_REMOTE)
		return true;
	return s && found->count && session_index(s, &found->addrs[0]) >= 0;
}

int lookup_name(const char *name, int family, struct hosts *found)
{
	const struct session *s = here();
	struct call c = {.kind = CALL_LOOKUP, .name = name, .name_len = strnlen(name, 1024)};
	struct decision d;
	int err;

	hosts_clear(found);
	if (c.name_len && name[c.name_len - 1] == '.')
		c.name_len--;
	if (s && !names_valid(name, c.name_len))
		return EAI_NONAME;
	if (s && is_local(s, &c, family, found, &err))
		return err;
	if (ends_in_number(name, c.name_len))
		return EAI_NONAME;
	switch (decide_here(&c, &d)) {
	case VERDICT_PASS:
		return LOOKUP_DIRECT;
	case VERDICT_ANSWER:
		return s ? answer(s, &d, &c, family, found) : EAI_FAIL;
	default:
		c.name_len = c.name_len > NAME_MAX_LEN ? NAME_MAX_LEN : c.name_len;
		refuse(&c, &d);
		return s ? EAI_NONAME : EAI_FAIL;
	}
}

static int reverse_remote(struct call *c, struct hosts *found)
{
	struct socks_answer answer = {0};
	struct decision d;
	int err;

	if (decide_here(c, &d) == VERDICT_PASS)
		return LOOKUP_DIRECT;
	if (d.verdict != VERDICT_ANSWER || here()->settings.resolve != RESOLVE_REMOTE)
		return EAI_NONAME;
	err = tunnel_resolve(&d, &c->to, -1, &answer);
	if (err || answer.type != 3)
		return err ? err : EAI_NONAME;
	memcpy(found->canonical, answer.name, HOSTS_NAME);
	return 0;
}

int lookup_address(const struct addr *a, struct hosts *found)
{
	struct call c = {.kind = CALL_LOOKUP, .has_to = true, .to = *a};
	struct hosts_question q = {.address = a, .found = found};

	hosts_clear(found);
	c.domain = c.family = addr_family(a);
	if (!here())
		return here_left_to_guard() ? LOOKUP_DIRECT : EAI_FAIL;
	if (call_name(&c, found->canonical) >= 0) {
		add(found, a);
		return 0;
	}
	if (c.is_virtual)
		return EAI_NONAME;
	read_hosts(find_reverse, &q);
	return found->count ? 0 : reverse_remote(&c, found);
}

int direct_begin(void)
{
	const struct session *s = here();

	return s && s->gate ? lookups_begin(session_lookups(s), sys_gettid()) : -1;
}

void direct_end(int place)
{
	if (place >= 0)
		lookups_end(session_lookups(here()), place);
}
