/* SPDX-License-Identifier: MIT */
/* config.c - reads configuration from its sources: files, environment, password file. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "sys.h"

#define ENV_PREFIX "SOCKSHIM_"
#define ENV_SESSION "SESSION" /* the launcher's own, see session.h */
#define PATH_SIZE 4096
#define PASSWORD_FILE_SIZE 4096

/* strerror(3) is libc's and the locale's. */
static const char *words_of(int error)
{
	switch (error) {
	case ENOENT:
		return "no such file";
	case ENOTDIR:
		return "a part of the path is not a directory";
	case EACCES:
	case EPERM:
		return "permission denied";
	case EISDIR:
		return "is a directory";
	case ELOOP:
		return "too many symbolic links";
	case ENAMETOOLONG:
		return "the path is too long";
	case EFBIG:
		return "the file is too long";
	default:
		return "cannot be read: error ";
	}
}

/* "path: no such file"; returns -error. */
static int fail(struct conf *c, const char *path, int error)
{
	struct bytes_out o = bytes_out_init(c->error, sizeof(c->error));
	const char *words = words_of(error);

	bytes_put_text(&o, path);
	bytes_put_text(&o, ": ");
	bytes_put_text(&o, words);
	if (words[strlen(words) - 1] == ' ')
		bytes_put_number(&o, (uint64_t)error);
	bytes_put_end(&o);
	return -error;
}

static void put_words(struct conf *c, const char *what, const char *about)
{
	struct bytes_out o = bytes_out_init(c->error, sizeof(c->error));

	bytes_put_text(&o, what);
	bytes_put_text(&o, about);
	bytes_put_end(&o);
}

/* Feeds all of `fd`. 0; -EINVAL with c->error set, or another -errno of read(2) without it. */
static int feed(struct conf *c, int fd)
{
	char buffer[4096];
	int ret = 0;
	long n;

	do {
		n = sys_read(fd, buffer, sizeof(buffer));
		if (n > 0)
			ret = conf_feed(c, buffer, (size_t)n);
	} while (!ret && (n > 0 || n == -EINTR));
	return n < 0 ? (int)n : ret;
}

int config_file(struct conf *c, const char *path)
{
	int fd = sys_open(path, O_RDONLY | O_NOCTTY, 0), ret;

	if (fd < 0)
		return fail(c, path, -fd);
	conf_source(c, path);
	ret = feed(c, fd);
	sys_close(fd);
	if (ret)
		return c->error[0] ? ret : fail(c, path, -ret);
	return conf_end(c);
}

int config_environment(struct conf *c, char *const *env)
{
	static const char prefix[] = ENV_PREFIX;
	char key[64];
	const char *name;
	size_t len;
	int ret = 0;

	for (; env && *env && !ret; env++) {
		if (strncmp(*env, prefix, sizeof(prefix) - 1))
			continue;
		name = *env + sizeof(prefix) - 1;
		len = strcspn(name, "=");
		if (!name[len])
			continue;
		if (len >= sizeof(key))
			len = sizeof(key) - 1;
		memcpy(key, name, len);
		key[len] = '\0';
		if (strcmp(key, ENV_SESSION))
			ret = conf_set(c, "environment", key, name + strcspn(name, "=") + 1);
	}
	return ret;
}

/* A file that may be missing. Any other trouble is an error: the user's wishes are not known. */
static int optional_file(struct conf *c, const char *path)
{
	int ret = config_file(c, path);

	if (ret != -ENOENT && ret != -ENOTDIR)
		return ret;
	c->error[0] = '\0';
	return 0;
}

static const char *home_of(char *const *env)
{
	for (; env && *env; env++)
		if (!strncmp(*env, "HOME=", 5))
			return *env + 5;
	return "";
}

/* As after setpriv(1) or su -m, which leave root's HOME in the environment of another. */
static bool is_anothers(const char *home)
{
	struct stat st;

	return SYS4(SYS_newfstatat, AT_FDCWD, home, &st, 0) < 0 ||
	       st.st_uid != (uid_t)SYS0(SYS_geteuid);
}

/*
 * Never from the working directory: a HOME that is not absolute counts as none. What may not be
 * read in another's HOME is not the user's.
 */
static int user_file(struct conf *c, char *const *env)
{
	const char *home = home_of(env);
	char path[PATH_SIZE];
	struct bytes_out o = bytes_out_init(path, sizeof(path));
	int ret;

	if (*home != '/')
		return 0;
	bytes_put_text(&o, home);
	bytes_put_text(&o, "/.config/sockshim/sockshim.conf");
	bytes_put_end(&o);
	if (o.overflow)
		return fail(c, home, ENAMETOOLONG);
	ret = optional_file(c, path);
	if (ret != -EACCES || !is_anothers(home))
		return ret;
	c->error[0] = '\0';
	return 0;
}

/* memset() that the compiler cannot leave out. */
static void forget(void *data, size_t len)
{
	memset(data, 0, len);
	__asm__ volatile("" : : "r"(data) : "memory");
}

static int password(struct conf *c)
{
	const char *path = c->out->text + c->out->password_file;
	char buffer[PASSWORD_FILE_SIZE];
	long n;
	int ret;

	/* one that is not absolute is conf_finish()'s to refuse */
	if (*path != '/')
		return 0;
	n = sys_slurp(path, buffer, sizeof(buffer));
	ret = n < 0 ? fail(c, path, (int)-n) : conf_password(c, buffer, (size_t)n);
	forget(buffer, sizeof(buffer));
	return ret;
}

/* The one name that needs no resolver (RFC 6761 section 6.3). */
static void resolve_localhost(struct settings *s)
{
	unsigned int i;

	for (i = 0; i < s->proxy_count; i++)
		if (conf_glob("localhost", s->proxies[i].host, strlen(s->proxies[i].host)))
			s->proxies[i].at = addr_loopback(AF_INET, s->proxies[i].at.port);
}

static bool starts_entry(const char *line, const char *name, uint32_t *id)
{
	size_t len = strlen(name);
	uint64_t n = 0;

	if (strncmp(line, name, len) != 0 || line[len] != ':')
		return false;
	line = strchr(line + len + 1, ':'); /* behind the password */
	if (!line || line[1] < '0' || line[1] > '9')
		return false;
	for (line++; *line >= '0' && *line <= '9' && n < UNKNOWN_ID; line++)
		n = n * 10 + (uint64_t)(*line - '0');
	*id = (uint32_t)n;
	return *line == ':' && n < UNKNOWN_ID;
}

/*
 * In /etc/passwd or /etc/group alone: nothing that would ask the network. The start of a line is
 * enough.
 */
static bool find_id(const char *path, const char *name, uint32_t *id)
{
	char line[300], buffer[4096];
	size_t have = 0;
	bool found = false;
	int fd = sys_open(path, O_RDONLY | O_NOCTTY, 0);
	long n;

	if (fd < 0)
		return false;
	while (!found && (n = sys_read(fd, buffer, sizeof(buffer))) > 0) {
		for (long i = 0; i < n && !found; i++) {
			if (buffer[i] != '\n') {
				if (have < sizeof(line) - 1)
					line[have++] = buffer[i];
				continue;
			}
			line[have] = 0;
			have = 0;
			found = starts_entry(line, name, id);
		}
	}
	sys_close(fd);
	return found;
}

static int look_up_ids(struct conf *c)
{
	struct settings *s = c->out;

	for (unsigned int i = 0; s->asks_ids && i < s->pattern_count; i++) {
		struct pattern *p = &s->patterns[i];
		const char *name = s->text + p->text;
		bool user = p->kind == PATTERN_USER;

		if ((!user && p->kind != PATTERN_GROUP) || p->id != UNKNOWN_ID)
			continue;
		if (!find_id(user ? "/etc/passwd" : "/etc/group", name, &p->id)) {
			put_words(c,
				  user ? "Match user: not in /etc/passwd: "
				       : "Match group: not in /etc/group: ",
				  name);
			return -EINVAL;
		}
	}
	return 0;
}

static int finish(struct conf *c)
{
	int ret = password(c);

	if (!ret)
		ret = look_up_ids(c);
	if (ret)
		return ret;
	resolve_localhost(c->out);
	return conf_finish(c);
}

int config_everywhere(struct conf *c)
{
	int ret = config_file(c, CONFIG_EVERYWHERE_FILE);

	if (!ret)
		ret = optional_file(c, CONFIG_SYSTEM_FILE);
	if (!ret)
		ret = finish(c);
	c->out->everywhere = true;
	return ret;
}

int config_trusted(struct conf *c)
{
	int ret = optional_file(c, CONFIG_SYSTEM_FILE);

	return ret ? ret : finish(c);
}

int config_rest(struct conf *c, char *const *env, const char *file)
{
	int ret = config_environment(c, env);

	if (!ret && file) {
		ret = config_file(c, file);
	} else if (!ret) {
		ret = user_file(c, env);
		if (!ret)
			ret = optional_file(c, CONFIG_SYSTEM_FILE);
	}
	return ret ? ret : finish(c);
}
