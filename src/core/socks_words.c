/* SPDX-License-Identifier: MIT */
/* socks_words.c - what a SOCKS client's failure means: an errno, and words. */
#include <errno.h>

#include "socks_parts.h"

/* Arrays, not pointers: nothing here needs relocation, so it stays read-only and shared. */
static const char reason_words[REASON_COUNT][80] = {
	[REASON_NONE] = "nothing failed",
	[REASON_BAD_PROTOCOL] = "the request asks for an unknown protocol",
	[REASON_BAD_COMMAND] = "the request's command does not go with its protocol or destination",
	[REASON_BAD_NAME] = "the host name is empty, or has a space or control character in it",
	[REASON_BAD_CREDENTIALS] = "the user name or password is empty, or cannot be sent",
	[REASON_V6_OVER_V4A] = "SOCKS4a cannot carry an IPv6 address",
	[REASON_V4_LIKE_V4A] = "SOCKS4a cannot carry an address in 0.0.0.0/24",
	[REASON_EOF_GREETING] =
		"the proxy closed at once: is it a SOCKS proxy, and open to this host?",
	[REASON_EOF_AUTH] = "the proxy closed the connection when it had user name and password",
	[REASON_EOF_REPLY] = "the proxy closed the connection instead of answering",
	[REASON_EOF_MIDDLE] = "the proxy closed the connection in the middle of its answer",
	[REASON_TIMEOUT_GREETING] = "the proxy does not answer",
	[REASON_TIMEOUT_REPLY] = "the proxy did not reach the destination in time",
	[REASON_TIMEOUT_MIDDLE] = "the proxy stopped in the middle of its answer",
	[REASON_NO_LISTENER] =
		"nothing listens at the proxy's address; start it, or name another with Proxy",
	[REASON_BROKEN] = "the connection to the proxy broke",
	[REASON_HTTP] = "the proxy speaks HTTP, not SOCKS",
	[REASON_SOCKS4] = "the proxy speaks SOCKS4, not SOCKS5",
	[REASON_SOCKS5] = "the proxy speaks SOCKS5, not SOCKS4a",
	[REASON_GARBAGE] = "the proxy's answer is not SOCKS",
	[REASON_METHOD] = "the proxy chose an authentication method that was not offered",
	[REASON_NEEDS_PASSWORD] = "the proxy wants a user name and password",
	[REASON_NO_METHOD] = "the proxy accepts neither a password nor a client without one",
	[REASON_AUTH] = "the proxy refused the user name or password",
	[REASON_TYPE] = "the proxy's answer has an unknown address type",
	[REASON_ANSWER] = "the proxy's answer holds no usable name or address",
	[REASON_NO_RESOLVE] = "the proxy knows no RESOLVE: it is no Tor",
};

/*
 * RFC 1928 §6; Tor's socks-extensions and proposal 304; SOCKS4's CD. Each errno is one that every
 * caller of connect(2) knows. 08 is "no way there", so that a program tries its next address; 07 is
 * a refusal; Tor's 01 is mostly the target's refusal.
 */
static const struct code {
	uint8_t protocol, code, error;
	char words[69];
} codes[] = {
	{SOCKS_V5, 0x01, ECONNREFUSED, "the proxy says: it could not connect (general failure)"},
	{SOCKS_V5, 0x02, EACCES, "the proxy says: its rules do not allow this connection"},
	{SOCKS_V5, 0x03, ENETUNREACH, "the proxy says: network unreachable"},
	{SOCKS_V5, 0x04, EHOSTUNREACH, "the proxy says: host unreachable, or no such name"},
	{SOCKS_V5, 0x05, ECONNREFUSED, "the proxy says: connection refused"},
	{SOCKS_V5, 0x06, ETIMEDOUT, "the proxy says: timed out (TTL expired)"},
	{SOCKS_V5, 0x07, ECONNREFUSED, "the proxy says: command not supported"},
	{SOCKS_V5, 0x08, ENETUNREACH, "the proxy says: address type not supported"},
	{SOCKS_V5, 0xf0, EHOSTUNREACH, "the proxy says: onion service not found"},
	{SOCKS_V5, 0xf1, EHOSTUNREACH, "the proxy says: onion service descriptor is invalid"},
	{SOCKS_V5, 0xf2, EHOSTUNREACH, "the proxy says: onion service introduction failed"},
	{SOCKS_V5, 0xf3, EHOSTUNREACH, "the proxy says: onion service rendezvous failed"},
	{SOCKS_V5, 0xf4, EACCES, "the proxy says: onion service wants client authorization"},
	{SOCKS_V5, 0xf5, EACCES, "the proxy says: onion service refused client authorization"},
	{SOCKS_V5, 0xf6, EHOSTUNREACH, "the proxy says: onion service address is invalid"},
	{SOCKS_V5, 0xf7, ETIMEDOUT, "the proxy says: onion service introduction timed out"},
	{SOCKS_V4A, 0x5b, ECONNREFUSED, "the proxy says: request rejected or failed"},
	{SOCKS_V4A, 0x5c, EACCES, "the proxy says: it cannot reach identd on this host"},
	{SOCKS_V4A, 0x5d, EACCES, "the proxy says: identd reports another user"},
	{0, 0, ECONNREFUSED, "the proxy says: refused, with a code of its own"},
};

static const struct code *find_code(uint8_t protocol, uint8_t code)
{
	const struct code *c = codes;

	while (c->protocol && (c->protocol != protocol || c->code != code))
		c++;
	return c;
}

int socks_code_errno(uint8_t protocol, uint8_t code)
{
	if (code == (protocol == SOCKS_V4A ? SOCKS4_GRANTED : 0))
		return 0;
	return find_code(protocol, code)->error;
}

const char *socks_words(const struct socks *s, uint8_t protocol)
{
	if (s->reason == REASON_CODE)
		return find_code(protocol, s->code)->words;
	return reason_words[s->reason < REASON_COUNT ? s->reason : REASON_BROKEN];
}
