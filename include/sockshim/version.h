/* SPDX-License-Identifier: MIT */
/* version.h - the one place of the version; the Makefile and the manuals' footers follow it. */
#ifndef SOCKSHIM_VERSION_H
#define SOCKSHIM_VERSION_H

#define SOCKSHIM_VERSION "0.1.0"

#endif
