/* SPDX-License-Identifier: MIT */
/*
 * config.h - reads configuration from its sources, in order; for the launcher and the bare library.
 */
#ifndef SOCKSHIM_CONFIG_H
#define SOCKSHIM_CONFIG_H

#include "conf.h"

#define CONFIG_SYSTEM_FILE "/etc/sockshim/sockshim.conf"
#define CONFIG_EVERYWHERE_FILE "/etc/sockshim/system.conf"

/*
 * Feeds the file to `c`. 0; -EINVAL with c->error set; -ENOENT (and c->error set) if it is not
 * there. System calls of sys.h only, no allocation.
 */
int config_file(struct conf *c, const char *path);

/* Feeds every SOCKSHIM_KEY=value of `env`. -EINVAL for an unknown key. SOCKSHIM_SESSION is none. */
int config_environment(struct conf *c, char *const *env);

/*
 * After the command line: the environment, then `file` if given (must be there), else
 * $HOME/.config/sockshim/sockshim.conf and CONFIG_SYSTEM_FILE where they exist; then PasswordFile,
 * localhost as a proxy's host, and conf_finish(). 0, or -errno with c->error set.
 */
int config_rest(struct conf *c, char *const *env, const char *file);

/*
 * For the library in /etc/ld.so.preload, which nobody has asked for in this process: no
 * environment, no file of the user's. CONFIG_EVERYWHERE_FILE, then CONFIG_SYSTEM_FILE; -ENOENT if
 * the first is not there, and nothing has been read.
 */
int config_everywhere(struct conf *c);

/* CONFIG_SYSTEM_FILE alone. */
int config_trusted(struct conf *c);

#endif
