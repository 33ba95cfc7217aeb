/* SPDX-License-Identifier: MIT */
/* kernel.h - numbers of the kernel's that are newer than some libc's headers. */
#ifndef SOCKSHIM_KERNEL_H
#define SOCKSHIM_KERNEL_H

#include <sys/syscall.h>

/* The same on every machine. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define PROTO_MPTCP 262
#define FAMILY_KEY 15
#define FAMILY_NETLINK 16
#define FAMILY_PACKET 17
#define FAMILY_ALG 38
#define OPTION_BINDTODEVICE 25
#define OPTION_BINDTOIFINDEX 62
#define OPTION_NETNS_COOKIE 71 /* Linux 5.14 */
#define OPTION_UNICAST_IF 50   /* for IPv6, its PKTINFO */
#define OPTION_UNICAST_IF6 76
#define OPTION_2292PKTINFO 2
#define OPTION_2292RTHDR 5
#define OPTION_2292PKTOPTIONS 6
#define OPTION_RTHDR 57
#define TYPE_PACKET 10
#define TYPE_COUNT 11

#endif
