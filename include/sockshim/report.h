/* SPDX-License-Identifier: MIT */
/*
 * report.h - what a controller needs to know of sockshim's reports, see sockshim-report(7). A
 * report is one JSON object on one line.
 */
#ifndef SOCKSHIM_REPORT_PUBLIC_H
#define SOCKSHIM_REPORT_PUBLIC_H

#define SOCKSHIM_REPORT_VERSION 1
#define SOCKSHIM_REPORT_LINE 4096 /* bytes of a line at most, its newline counted */
#define SOCKSHIM_REPORT_USER 63	  /* bytes of a user name that an answer may give */

/* SOCKSHIM_REPORT_EVENTS(EVENT): EVENT(NAME, "name") */
#define SOCKSHIM_REPORT_EVENTS(EVENT)                                                              \
	EVENT(START, "start")	  /* the first of a connection: whose it is */                     \
	EVENT(CONNECT, "connect") /* before the first byte to the proxy */                         \
	EVENT(REPLY, "reply")	  /* the proxy has answered, or it went wrong */                   \
	EVENT(ATTEMPT, "attempt") /* what would have passed by the proxy; it was stopped */        \
	EVENT(CLOSE, "close")	  /* the socket is no more */                                      \
	EVENT(LOST, "lost")	  /* so many reports could not be sent */

/* SOCKSHIM_REPORT_KEYS(KEY): KEY(NAME, "name"), in the order in which they stand in a line. */
#define SOCKSHIM_REPORT_KEYS(KEY)                                                                  \
	KEY(V, "v")                                                                                \
	KEY(SEQ, "seq")                                                                            \
	KEY(T, "t")                                                                                \
	KEY(EVENT, "event")                                                                        \
	KEY(PID, "pid")                                                                            \
	KEY(TID, "tid")                                                                            \
	KEY(PPID, "ppid")                                                                          \
	KEY(STARTED, "started")                                                                    \
	KEY(SESSION, "session")                                                                    \
	KEY(BY, "by")                                                                              \
	KEY(SOURCE, "source")                                                                      \
	KEY(SOURCE_PORT, "source_port")                                                            \
	KEY(COOKIE, "cookie")                                                                      \
	KEY(PROXY, "proxy")                                                                        \
	KEY(HOP, "hop")                                                                            \
	KEY(PROTOCOL, "protocol")                                                                  \
	KEY(COMMAND, "command")                                                                    \
	KEY(HOST, "host")                                                                          \
	KEY(PORT, "port")                                                                          \
	KEY(ADDRESS, "address")                                                                    \
	KEY(HOW, "how")                                                                            \
	KEY(SOCKS_USER, "socks_user")                                                              \
	KEY(ACK, "ack")                                                                            \
	KEY(CODE, "code")                                                                          \
	KEY(ERROR, "errno")                                                                        \
	KEY(MS, "ms")                                                                              \
	KEY(CALL, "call")                                                                          \
	KEY(REASON, "reason")                                                                      \
	KEY(TARGET, "target")                                                                      \
	KEY(FROM, "from")                                                                          \
	KEY(COUNT, "count")                                                                        \
	KEY(TAG, "tag")                                                                            \
	KEY(EXE, "exe")                                                                            \
	KEY(CUT, "cut")

#endif
