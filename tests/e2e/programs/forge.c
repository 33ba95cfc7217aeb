/* SPDX-License-Identifier: MIT */
/*
 * forge: a session's stream of a socket that there never was, as only an audit's own memory can
 * tell of it.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "events.h"
#include "session.h"
#include "sys.h"

int main(void)
{
	static const uint8_t ip[4] = {203, 0, 113, 80};
	int error, fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *name = getenv(SESSION_ENV);
	struct session *s = name ? session_open(name, &error) : NULL;
	struct event e = {.kind = EVENT_BEGIN,
			  .time = sys_now(),
			  .cookie = sys_cookie(fd) + (1ull << 40),
			  .space = sys_namespace(fd),
			  .tcp = true,
			  .to = addr_v4(ip, 80),
			  .pid = sys_getpid(),
			  .name = -1};

	if (!s || !session_events(s) || fd < 0)
		return 1;
	events_add(session_events(s), &e, "/forged", "203.0.113.80", NULL);
	e.kind = EVENT_END;
	e.sent = e.received = 20;
	events_add(session_events(s), &e, NULL, NULL, NULL);
	return 0;
}
