/* owner_lock.c - owner.lock: on one host a second process is refused at once, and told by whom. A
 * convenience: the fence decides. See store.h. */
#include "checkpoint/store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOCK_TEXT = 21 };

static uint64_t pid_in(const char *text)
{
	return strtoull(text, NULL, 10);
}

static enum rc refused_by_lock(struct store *s, const char *path, struct err *e)
{
	uint8_t *text = NULL;
	size_t len;
	struct fs_stat st = {0};
	char since[64] = "";
	uint64_t pid = 0;
	if (fs_read_all(s->fs, path, 4096, &text, &len, NULL) == OK)
		pid = pid_in((const char *)text);
	mem_put(s->fs->mem, text);
	if (fs_stat(s->fs, path, &st, NULL) == OK) {
		time_t at = (time_t)(st.mtime_us / 1000000);
		struct tm utc;
		if (gmtime_r(&at, &utc))
			strftime(since, sizeof since, " since %Y-%m-%d %H:%M:%S UTC", &utc);
	}
	return ERR(e, E_REFUSED,
		   "'%s' is in use by process %llu%s: stop it first, or use another --dir",
		   s->dir, (unsigned long long)pid, since);
}

/* Takes the lock, remembers who had it, writes who has it. */
enum rc store_take_lock(struct store *s, struct err *e)
{
	char path[LAYOUT_PATH_MAX], text[LOCK_TEXT + 1] = "";
	struct err why = {OK};
	size_t got = 0;
	struct fs_stat st;
	if (!layout_path(path, s->dir, NULL, "owner.lock"))
		return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
	if (s->o.looks && fs_stat(s->fs, path, &st, &why) == E_NOT_FOUND)
		return OK;
	enum rc rc = fs_lock(s->fs, path, &s->lock_fd, &why);
	if (rc == E_REFUSED)
		return refused_by_lock(s, path, e);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (fs_pread(s->fs, s->lock_fd, text, LOCK_TEXT, 0, &got, NULL) == OK)
		s->previous_pid = pid_in(text);
	if (got && fs_fstat(s->fs, s->lock_fd, &st, NULL) == OK)
		s->previous_seen_us = st.mtime_us;
	if (s->o.looks)
		return OK;
	/* A convenience: when it cannot be written, messages lack a number. */
	snprintf(text, sizeof text, "%-20llu\n", (unsigned long long)s->o.pid);
	(void)!fs_pwrite(s->fs, s->lock_fd, text, LOCK_TEXT, 0, NULL);
	return OK;
}
