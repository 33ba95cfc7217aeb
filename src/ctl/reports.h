/* SPDX-License-Identifier: MIT */
/* reports.h - a controller's side of sockshim-report(7): connections come in, lines come out. */
#ifndef SOCKSHIM_CTL_REPORTS_H
#define SOCKSHIM_CTL_REPORTS_H

#include "json.h"

/* A report as it was read, and as it came: `len` bytes and a newline. `fd` takes the answer. */
typedef void reports_line(int fd, const struct json_value *report, const char *line, size_t len);

/*
 * Takes reports on `listener`, a listening Unix socket, from now on. Returns a descriptor that can
 * be read (poll, epoll) when there is something for reports_read(); or -errno.
 */
int reports_start(int listener, reports_line *take);

/*
 * Takes all that has been sent by now, also on connections that are not accepted yet. Waits for
 * nothing.
 */
void reports_read(void);

#endif
