/* SPDX-License-Identifier: MIT */
/*
 * tor_auth.c - PROTOCOLINFO and AUTHENTICATE (control-spec §3.24): nobody, a password, the cookie,
 * or a proof that both sides know the cookie (SAFECOOKIE).
 *
 * HMAC-SHA256 is nettle's. The kernel's (AF_ALG) would cost no library, but containers and hardened
 * kernels have none of it: "address family not supported" on the machine this was written on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#if __has_include(<nettle/hmac.h>)
#include <nettle/hmac.h>
#include <nettle/version.h>
#define HAS_HMAC true
#else
#define HAS_HMAC false
#endif

#include "ctl.h"
#include "sys.h"
#include "tor.h"

#define COOKIE 32
#define HASH 32

struct offer {
	char methods[256]; /* as Tor lists them */
	char cookie_file[4096];
};

static void hex(char *to, const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sprintf(to + 2 * i, "%02x", from[i]);
}

static bool unhex(uint8_t *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char two[3] = {from[2 * i], from[2 * i] ? from[2 * i + 1] : 0, 0}, *end;

		to[i] = (uint8_t)strtoul(two, &end, 16);
		if (end != two + 2)
			return false;
	}
	return !from[2 * len];
}

static bool offers(const struct offer *o, const char *method)
{
	size_t len = strlen(method);

	for (const char *p = o->methods; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == len && !memcmp(p, method, len))
			return true;
	return false;
}

static void take_protocolinfo(void *arg, enum torctl_item item, unsigned code, const char *text,
			      size_t len)
{
	struct offer *o = arg;

	if (item == TORCTL_END && code != 250)
		ctl_die(1, "PROTOCOLINFO: %u %s", code, text);
	if (strncmp(text, "AUTH ", 5) != 0)
		return;
	torctl_find(text, len, "METHODS", o->methods, sizeof(o->methods));
	torctl_find(text, len, "COOKIEFILE", o->cookie_file, sizeof(o->cookie_file));
}

static void authenticate(struct tor *t, const char *what, size_t len)
{
	char command[2048];
	struct bytes_out o = bytes_out_init(command, sizeof(command));
	struct tor_answer a = {0};

	bytes_put_text(&o, "AUTHENTICATE");
	bytes_put(&o, what, len);
	torctl_put_line_end(&o);
	if (o.overflow)
		ctl_die(1, "the password is too long");
	tor_send(t, command, (size_t)(o.at - o.start), tor_gather, &a);
	if (!tor_wait(t))
		ctl_die(1, "control port: %s", t->error);
	memset(command, 0, sizeof(command));
	if (a.code != 250)
		ctl_die(1, "Tor refuses: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	free(a.text);
}

/* Of the file the first line, or of the environment TOR_CONTROL_PASSWD; false: there is none. */
static bool read_password(const struct tor_settings *s, char out[static 512])
{
	const char *env = getenv("TOR_CONTROL_PASSWD");
	long n;

	if (!s->password_file) {
		if (env)
			snprintf(out, 512, "%s", env);
		return env;
	}
	n = sys_slurp(s->password_file, out, 511);
	if (n < 0)
		ctl_die(2, "%s: %s", s->password_file, strerror((int)-n));
	out[n] = 0;
	out[strcspn(out, "\r\n")] = 0;
	return true;
}

static void by_password(struct tor *t, const char *password)
{
	char quoted[1024];
	struct bytes_out o = bytes_out_init(quoted, sizeof(quoted));

	for (const char *p = password; *p; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			ctl_die(2, "the password has a control character in it");
	torctl_put_quoted(&o, password, strlen(password));
	authenticate(t, quoted, (size_t)(o.at - o.start));
	memset(quoted, 0, sizeof(quoted));
}

/*
 * Only a file of the right length: a false Tor must not be told what is in others (control-spec).
 */
static void read_cookie(const struct tor_settings *s, const struct offer *o,
			uint8_t out[static COOKIE])
{
	const char *path = s->cookie ? s->cookie : o->cookie_file;
	char data[COOKIE + 1];
	long n = *path ? sys_slurp(path, data, sizeof(data)) : -ENOENT;

	if (n < 0 && n != -EFBIG)
		ctl_die(1, "cookie file %s: %s", path, strerror((int)-n));
	if (n != COOKIE)
		ctl_die(1, "cookie file %s: is not 32 bytes long", path);
	memcpy(out, data, COOKIE);
}

static void by_cookie(struct tor *t, const uint8_t cookie[static COOKIE])
{
	char text[2 + 2 * COOKIE] = " ";

	hex(text + 1, cookie, COOKIE);
	authenticate(t, text, strlen(text));
}

static void hmac(const char *key, const uint8_t *message, size_t len, uint8_t out[static HASH])
{
#if __has_include(<nettle/hmac.h>)
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, strlen(key), (const uint8_t *)key);
	hmac_sha256_update(&ctx, len, message);
#if NETTLE_VERSION_MAJOR >= 4
	hmac_sha256_digest(&ctx, out);
#else
	hmac_sha256_digest(&ctx, HASH, out);
#endif
#else
	(void)key, (void)message, (void)len, (void)out;
	ctl_die(1, "this sockshimctl was built without nettle: SAFECOOKIE cannot be used");
#endif
}

/* AUTHCHALLENGE: Tor proves first that it knows the cookie. */
static void by_safecookie(struct tor *t, const uint8_t cookie[static COOKIE])
{
	uint8_t message[COOKIE + 2 * HASH], theirs[HASH], hash[HASH];
	uint8_t *ours = message + COOKIE, *nonce = ours + HASH;
	char text[2 + 2 * HASH] = " ", server[2 * HASH + 2] = "", number[2 * HASH + 2] = "";
	struct tor_answer a;

	memcpy(message, cookie, COOKIE);
	if (getrandom(ours, HASH, 0) != HASH)
		ctl_die(1, "no random numbers: %s", strerror(errno));
	hex(text + 1, ours, HASH);
	a = tor_ask(t, "AUTHCHALLENGE SAFECOOKIE%s", text);
	if (a.code != 250)
		ctl_die(1, "Tor refuses: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	torctl_find(a.text, a.len, "SERVERHASH", server, sizeof(server));
	torctl_find(a.text, a.len, "SERVERNONCE", number, sizeof(number));
	free(a.text);
	if (!unhex(theirs, server, HASH) || !unhex(nonce, number, HASH))
		ctl_die(1, "AUTHCHALLENGE has an answer without hash and nonce");
	hmac("Tor safe cookie authentication server-to-controller hash", message, sizeof(message),
	     hash);
	if (memcmp(hash, theirs, HASH) != 0)
		ctl_die(1, "who listens there does not know the cookie: it is not this Tor");
	hmac("Tor safe cookie authentication controller-to-server hash", message, sizeof(message),
	     hash);
	hex(text + 1, hash, HASH);
	authenticate(t, text, strlen(text));
}

static const char *choose(const struct tor_settings *s, const struct offer *o, bool password)
{
	if (s->method)
		return s->method;
	if (offers(o, "NULL"))
		return "null";
	if (password && offers(o, "HASHEDPASSWORD"))
		return "password";
	if (HAS_HMAC && offers(o, "SAFECOOKIE"))
		return "safecookie";
	if (offers(o, "COOKIE"))
		return "cookie";
	ctl_die(1, "Tor wants a password: give --password-file, or TOR_CONTROL_PASSWD in the "
		   "environment");
}

void tor_authenticate(struct tor *t, const struct tor_settings *s)
{
	struct offer o = {0};
	char password[512] = "";
	uint8_t cookie[COOKIE];
	bool has_password = read_password(s, password);
	const char *method;

	tor_sendf(t, take_protocolinfo, &o, "PROTOCOLINFO 1");
	if (!tor_wait(t))
		ctl_die(1, "control port: %s", t->error);
	method = choose(s, &o, has_password);
	if (!strcmp(method, "null")) {
		authenticate(t, "", 0);
	} else if (!strcmp(method, "password")) {
		by_password(t, password);
	} else {
		read_cookie(s, &o, cookie);
		(strcmp(method, "cookie") ? by_safecookie : by_cookie)(t, cookie);
	}
	memset(password, 0, sizeof(password));
}
