/* tail.c - going back over a file that only ever grows: what was appended since is copied aside,
 * durable under its name there before the file is cut; and the undoing of that. See MOVE_TAIL and
 * MOVE_BACK (manifest.h).
 *
 *   aside:  copy under another name ─> sync ─> its name ─> sync of the folder ─> cut ─> sync
 *   back:   the bytes in their place ─> sync ─> the copy goes
 * Each may be done again from the beginning after a crash at any step: with the copy under its name
 * only the cut is left to do; with the copy there the bytes are put back once more, the same. */
#include "checkpoint/intent.h"
#include "checkpoint/part.h"
#include "checkpoint/store_parts.h"

#include <stdio.h>

enum rc copy_range(struct fs *fs, int from, uint64_t from_at, int to, uint64_t to_at,
		   uint64_t length, struct err *e)
{
	uint8_t *buf = mem_get(fs->mem, PART_WRITE_MAX);
	enum rc rc = buf ? OK : ERR(e, E_NO_MEMORY, "no memory to copy a file");
	for (uint64_t off = 0; rc == OK && off < length;) {
		size_t want = length - off < PART_WRITE_MAX ? (size_t)(length - off) : PART_WRITE_MAX;
		size_t got = 0;
		rc = fs_pread(fs, from, buf, want, from_at + off, &got, e);
		if (rc == OK && !got)
			rc = ERR(e, E_CORRUPT, "it became shorter while it was read");
		if (rc == OK)
			rc = fs_pwrite(fs, to, buf, got, to_at + off, e);
		off += got;
	}
	mem_put(fs->mem, buf);
	return rc == OK ? fs_sync(fs, to, e) : rc;
}

/* Of a path that may not be there: *size is 0 then. */
static enum rc look(struct fs *fs, const char *path, bool *there, uint64_t *size_bytes,
		    struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	enum rc rc = fs_stat(fs, path, &st, &why);
	*there = rc == OK;
	*size_bytes = rc == OK ? st.size_bytes : 0;
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

static enum rc unlink_gone(struct fs *fs, const char *path, struct err *e)
{
	struct err why = {OK};
	enum rc rc = fs_unlink(fs, path, &why);
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

static enum rc sync_dir_of(struct fs *fs, const char *path, struct err *e)
{
	char dir[LAYOUT_PATH_MAX];
	fs_dirname(path, dir, sizeof dir);
	return fs_sync_dir(fs, dir, e);
}

/* The first error of what was done with the two and of their closing. */
static enum rc close_both(struct fs *fs, int *a, int *b, enum rc rc, struct err *e)
{
	struct err ignored = {OK};
	if (fs_close(fs, a, rc == OK ? e : &ignored) != OK && rc == OK)
		rc = e->code;
	if (fs_close(fs, b, rc == OK ? e : &ignored) != OK && rc == OK)
		rc = e->code;
	return rc;
}

static enum rc copy_tail(struct fs *fs, const char *from, uint64_t at, uint64_t length,
			 const char *to, struct err *e)
{
	int in = -1, out = -1;
	enum rc rc = fs_open(fs, from, FS_READ, &in, e);
	if (rc == OK)
		rc = fs_open(fs, to, FS_CREATE, &out, e);
	if (rc == OK)
		rc = copy_range(fs, in, at, out, 0, length, e);
	return close_both(fs, &in, &out, rc, e);
}

static enum rc cut(struct fs *fs, const char *path, uint64_t at, struct err *e)
{
	int fd = -1, none = -1;
	struct fs_stat st;
	enum rc rc = fs_open(fs, path, FS_WRITE, &fd, e);
	if (rc == OK)
		rc = fs_fstat(fs, fd, &st, e);
	if (rc == OK && st.size_bytes > at)
		rc = fs_truncate(fs, fd, at, e);
	if (rc == OK) /* also where it was cut: its cutter may have crashed */
		rc = fs_sync(fs, fd, e);
	return close_both(fs, &fd, &none, rc, e);
}

static bool unfinished_name(char name[LAYOUT_PATH_MAX], const char *to)
{
	return (size_t)snprintf(name, LAYOUT_PATH_MAX, "%s.unfinished", to) < LAYOUT_PATH_MAX;
}

enum rc tail_aside(struct fs *fs, const struct manifest_move *m, bool *gone, struct err *e)
{
	char dir[LAYOUT_PATH_MAX], unfinished[LAYOUT_PATH_MAX];
	bool copied, there;
	uint64_t copy_bytes, size;
	if (!unfinished_name(unfinished, m->to))
		return ERR(e, E_INVALID, "the path of '%s' is too long", m->to);
	if (look(fs, m->to, &copied, &copy_bytes, e) != OK ||
	    look(fs, m->from, &there, &size, e) != OK)
		return e->code;
	*gone = !there && !copied;
	if (!copied && size <= m->at) /* a consumer took it away, or nothing came since */
		return OK;
	if (copied && size > m->at && size - m->at > copy_bytes)
		return ERR(e, E_REFUSED, "'%s' was written to since its end was copied to '%s': move that "
			   "copy away and start again", m->from, m->to);
	fs_dirname(m->to, dir, sizeof dir);
	enum rc rc = fs_mkdir_all(fs, dir, e);
	if (rc == OK)
		rc = unlink_gone(fs, unfinished, e);
	if (rc == OK && !copied)
		rc = copy_tail(fs, m->from, m->at, size - m->at, unfinished, e);
	if (rc == OK && !copied)
		rc = fs_rename_new(fs, unfinished, m->to, e);
	if (rc == OK)
		rc = fs_sync_dir(fs, dir, e);
	return rc == OK && there ? cut(fs, m->from, m->at, e) : rc;
}

static enum rc put_back(struct fs *fs, const struct manifest_move *m, uint64_t length, bool there,
			struct err *e)
{
	int in = -1, out = -1;
	enum rc rc = fs_open(fs, m->from, FS_READ, &in, e);
	if (rc == OK)
		rc = fs_open(fs, m->to, there ? FS_WRITE : FS_CREATE, &out, e);
	if (rc == OK)
		rc = copy_range(fs, in, 0, out, m->at, length, e);
	return close_both(fs, &in, &out, rc, e);
}

/* What went there may owe that to a crash. */
static enum rc sync_dir_there(struct fs *fs, const char *path, struct err *e)
{
	struct err why = {OK};
	enum rc rc = sync_dir_of(fs, path, &why);
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

enum rc tail_back(struct fs *fs, const struct manifest_move *m, bool *gone, struct err *e)
{
	char unfinished[LAYOUT_PATH_MAX];
	bool copied, there;
	uint64_t length, size;
	if (!unfinished_name(unfinished, m->from))
		return ERR(e, E_INVALID, "the path of '%s' is too long", m->from);
	if (look(fs, m->from, &copied, &length, e) != OK || look(fs, m->to, &there, &size, e) != OK)
		return e->code;
	*gone = !there && !copied;
	/* Without a copy nothing was cut, or all is back. */
	enum rc rc = unlink_gone(fs, unfinished, e);
	if (rc != OK)
		return rc;
	if (!copied)
		return sync_dir_there(fs, m->from, e);
	rc = intent_length_fits(m->to, !there, size, m->at, m->at + length, e);
	if (rc == OK)
		rc = put_back(fs, m, length, there, e);
	if (rc == OK)
		rc = sync_dir_of(fs, m->to, e);
	if (rc == OK)
		rc = unlink_gone(fs, m->from, e);
	return rc == OK ? sync_dir_of(fs, m->from, e) : rc;
}
