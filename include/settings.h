/* SPDX-License-Identifier: MIT */
/* settings.h - the effective settings: one flat object without pointers, shared by a session. */
#ifndef SOCKSHIM_SETTINGS_H
#define SOCKSHIM_SETTINGS_H

#include "addr.h"

#define SETTINGS_PROXIES 16
#define SETTINGS_RULES 128
#define SETTINGS_PATTERNS 1024
#define SETTINGS_TEXT 32768
#define SETTINGS_PATH 4096 /* bytes of text that are the session's: its library's path */

enum resolve { RESOLVE_VIRTUAL, RESOLVE_REMOTE };
enum dns_setting { DNS_SETTING_REFUSE, DNS_SETTING_ANSWER };
enum isolate {
	ISOLATE_NONE,
	ISOLATE_SESSION,
	ISOLATE_PROCESS,
	ISOLATE_DESTINATION,
	ISOLATE_CONNECTION
};
enum localhost { LOCALHOST_REFUSE, LOCALHOST_DIRECT };
enum inbound { INBOUND_LOOPBACK, INBOUND_NONE, INBOUND_ANY };
enum pipeline { PIPELINE_AUTO, PIPELINE_NO, PIPELINE_YES };
enum half_close { HALF_CLOSE_AUTO, HALF_CLOSE_PASS, HALF_CLOSE_HOLD };
enum unwrappable { UNWRAPPABLE_REFUSE, UNWRAPPABLE_ALLOW };
enum inherited_sockets { INHERITED_REFUSE, INHERITED_ALLOW };
enum net_admin { NET_ADMIN_DROP, NET_ADMIN_KEEP };
enum guard_mode { GUARD_AUTO, GUARD_REQUIRE, GUARD_OFF };
enum report_mode { REPORT_OPTIONAL, REPORT_REQUIRED };
enum log_level { LOG_SILENT, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct proxy {
	uint8_t protocol; /* SOCKS_V4A or SOCKS_V5 */
	bool tor;	  /* tor://: Tor's extensions may be used */
	bool credentials; /* user (and password) are set */
	uint8_t user_len, password_len;
	uint8_t user[255], password[255];
	struct addr at; /* where it listens; for a host name all zero until resolved */
	char host[256]; /* host as written, for messages and for resolving */
	char path[108]; /* unix:PATH, else "" */
};

/* One condition of a Match line. Those of one kind are alternatives; a negated one excludes. */
struct pattern {
	uint8_t kind; /* enum pattern_kind */
	bool negated;
	uint16_t text;	 /* offset of a glob (NUL-terminated) */
	uint16_t lo, hi; /* ports */
	uint32_t id;	 /* of a user or group; UNKNOWN_ID until its name is looked up */
	struct net net;
};
enum pattern_kind {
	PATTERN_HOST,
	PATTERN_NET,
	PATTERN_PORT,
	PATTERN_EXE,
	PATTERN_USER,
	PATTERN_GROUP
};
#define UNKNOWN_ID UINT32_MAX

enum route { ROUTE_NONE, ROUTE_PROXY, ROUTE_DIRECT, ROUTE_REFUSE };

/* A Match block; values that it does not set are -1. */
struct rule {
	uint16_t first, count; /* its patterns; none: `Match all` */
	uint8_t route;	       /* enum route */
	uint8_t proxy;	       /* index, with ROUTE_PROXY */
	int8_t isolate, half_close, pipeline, optimistic;
};

struct settings {
#define SETTING_CHOICE uint8_t
#define SETTING_SECONDS uint32_t
#define SETTING_NET struct net
#define SETTING_PROXY uint8_t
#define SETTING_TEXT uint16_t
#define SETTING(field, key, type, choices, def, match, help) SETTING_##type field;
#include "settings.def"
#undef SETTING
	bool asks_ids;	 /* a Match block has user or group */
	bool everywhere; /* by /etc/ld.so.preload: what a block says of a whole program counts */
	uint16_t proxy_count, rule_count, pattern_count, text_used;
	/* Each is used from its beginning: the first bytes of text share the page of the above. */
	char text[SETTINGS_TEXT + SETTINGS_PATH]; /* text[0] is NUL: offset 0 is "" */
	struct proxy proxies[SETTINGS_PROXIES];
	struct rule rules[SETTINGS_RULES];
	struct pattern patterns[SETTINGS_PATTERNS];
};

/* What a value of Pipeline means for this proxy: Tor takes what comes early, others may lose it. */
static inline bool settings_pipelines(uint8_t pipeline, const struct proxy *p)
{
	return pipeline == PIPELINE_YES || (pipeline == PIPELINE_AUTO && p->tor);
}

#endif
