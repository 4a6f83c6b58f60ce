/* history.c - see history.h. */
#include "checkpoint/history.h"

#include "base/bytes.h"
#include "checkpoint/layout.h"

#include <stdio.h>

struct history {
	struct fs *fs;
	struct mem *mem;
	int fd;
	uint64_t size_bytes;
	char path[LAYOUT_PATH_MAX];
	char shorter[LAYOUT_PATH_MAX]; /* the newest half, until it takes the name */
};

/* The lock opens a file that exists for writing, which is all that is wanted of it here (others are
 * kept out by the owner's). A last line that a crash cut gets its end: so the next one stands. */
static enum rc open_file(struct history *h, struct err *e)
{
	struct fs_stat st = {0};
	char last = '\n';
	size_t got;
	enum rc rc = fs_lock(h->fs, h->path, &h->fd, e);
	if (rc == OK)
		rc = fs_fstat(h->fs, h->fd, &st, e);
	if (rc == OK && st.size_bytes)
		rc = fs_pread(h->fs, h->fd, &last, 1, st.size_bytes - 1, &got, e);
	if (rc == OK && last != '\n')
		rc = fs_pwrite(h->fs, h->fd, "\n", 1, st.size_bytes++, e);
	h->size_bytes = st.size_bytes;
	if (rc != OK)
		(void)!fs_close(h->fs, &h->fd, NULL); /* half open is not open: the next line tries again */
	return rc;
}

/* Ends what a crash may have left half done in keep_half. */
static enum rc tidy_up(struct history *h, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	enum rc rc = fs_stat(h->fs, h->path, &st, &why);
	if (rc == OK || rc == E_NOT_FOUND) {
		bool there = rc == OK;
		rc = there ? fs_unlink(h->fs, h->shorter, &why)
			   : fs_rename_new(h->fs, h->shorter, h->path, &why);
	}
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

enum rc history_open(struct history **out, struct fs *fs, struct mem *mem, const char *dir,
		     const char *name, struct err *e)
{
	char shorter[40];
	snprintf(shorter, sizeof shorter, "%s.new", name);
	*out = NULL;
	struct history *h = mem_get(mem, sizeof *h);
	if (!h)
		return ERR(e, E_NO_MEMORY, "no memory for the history");
	*h = (struct history){.fs = fs, .mem = mem, .fd = -1};
	enum rc rc = OK;
	if (!layout_path(h->path, dir, NULL, name) || !layout_path(h->shorter, dir, NULL, shorter))
		rc = ERR(e, E_INVALID, "the path of '%s' is too long", dir);
	if (rc != OK)
		history_close(h);
	else
		*out = h;
	return rc;
}

/* Replaces the file by its newest half, cut at a line's begin. */
static enum rc keep_half(struct history *h, struct err *e)
{
	size_t len = h->size_bytes < 2 * HISTORY_MAX ? (size_t)h->size_bytes : 2 * HISTORY_MAX;
	size_t half = len < HISTORY_MAX / 2 ? len : HISTORY_MAX / 2, got;
	char *text = mem_get(h->mem, half + 1);
	if (!text)
		return ERR(e, E_NO_MEMORY, "no memory to shorten '%s'", h->path);
	enum rc rc = fs_pread(h->fs, h->fd, text, half, h->size_bytes - half, &got, e);
	char *line = rc == OK ? memchr(text, '\n', got) : NULL;
	size_t skip = line ? (size_t)(line + 1 - text) : 0;
	if (rc == OK)
		rc = tidy_up(h, e); /* of a try that failed half way */
	if (rc == OK)
		rc = fs_write_new(h->fs, h->shorter, text + skip, got - skip, e);
	mem_put(h->mem, text);
	if (rc != OK)
		return rc;
	(void)!fs_close(h->fs, &h->fd, NULL); /* what it may have lost is history */
	rc = fs_unlink(h->fs, h->path, e);
	if (rc == OK)
		rc = fs_rename_new(h->fs, h->shorter, h->path, e);
	if (rc == OK)
		rc = open_file(h, e);
	return rc;
}

enum rc history_append(struct history *h, const char *line, size_t len, struct err *e)
{
	enum rc rc = OK;
	if (h->fd < 0) { /* the first line; or an earlier shortening failed half way */
		rc = tidy_up(h, e);
		if (rc == OK)
			rc = open_file(h, e);
	}
	if (rc == OK && h->size_bytes + len + 1 > HISTORY_MAX)
		rc = keep_half(h, e);
	if (rc != OK)
		return rc;
	struct bytes text;
	bytes_init(&text, h->mem);
	bytes_put(&text, line, len);
	bytes_put_u8(&text, '\n');
	rc = bytes_ok(&text) ? fs_pwrite(h->fs, h->fd, text.data, text.len, h->size_bytes, e)
			     : ERR(e, E_NO_MEMORY, "no memory for a line of history");
	if (rc == OK)
		h->size_bytes += text.len;
	bytes_close(&text);
	return rc;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	(void)!fs_close(h->fs, &h->fd, NULL); /* nothing rests on it */
	mem_put(h->mem, h);
}
