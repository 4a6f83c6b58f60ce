/* import_files.c - an import's files, brought into an owner's directory; and what goes of a
 * directory that was taken over. See import.h.
 * Why links first: a state of any size is there at once, and takes no space; what a sweep unlinks
 * on one side stays on the other. Nothing in parts/ is ever written in place. */
#include "base/check.h"
#include "checkpoint/import.h"
#include "checkpoint/store_parts.h"

#include <inttypes.h>

/* --- one file --- */

/* Whoever copied the source may not have synced what he wrote. */
static enum rc sync_file(struct fs *fs, const char *path, struct err *e)
{
	int fd;
	enum rc rc = fs_open(fs, path, FS_READ, &fd, e);
	if (rc != OK)
		return rc;
	rc = fs_sync(fs, fd, e);
	enum rc closed = fs_close(fs, &fd, rc == OK ? e : NULL);
	return rc == OK ? closed : rc;
}

/* Under a temporary's name until it is whole and durable: what crashes on the way is swept. */
static enum rc copy_file(struct store *s, const char *from, const char *to, uint64_t length,
			 struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1], temporary[LAYOUT_PATH_MAX];
	int in = -1, out = -1;
	struct err why;
	enum rc rc = fs_open(s->fs, from, FS_READ, &in, e);
	if (rc != OK)
		return rc;
	do { /* a name that whoever lost the race for our fence may have left */
		err_clear(&why);
		layout_temporary(name, s->epoch, s->seq++);
		CHECK(layout_path(temporary, s->manifest_dir, NULL, name));
		rc = fs_open(s->fs, temporary, FS_CREATE, &out, &why);
	} while (rc == E_EXISTS && s->seq < 1000);
	if (rc != OK)
		ERR(e, rc, "%s", why.text);
	if (rc == OK && (rc = copy_range(s->fs, in, 0, out, 0, length, e)) != OK)
		err_in(e, "'%s'", from);
	(void)!fs_close(s->fs, &in, NULL); /* only read */
	enum rc closed = fs_close(s->fs, &out, rc == OK ? e : NULL);
	rc = rc == OK ? closed : rc;
	if (rc != OK)
		return rc;
	err_clear(&why);
	rc = fs_rename_new(s->fs, temporary, to, &why);
	/* A link whose answer was lost did it after all. */
	return rc == OK || rc == E_EXISTS ? OK : ERR(e, rc, "%s", why.text);
}

static bool may_copy(enum rc linked)
{
	return linked != E_CRASHED && linked != E_NO_SPACE && linked != E_NO_MEMORY &&
	       linked != E_NOT_FOUND;
}

enum rc store_import_file(struct store *s, const char *parts_dir, const struct manifest *m,
			  uint32_t i, struct import_tally *t, struct err *e)
{
	const struct part_file *f = &m->file[i];
	char from[LAYOUT_PATH_MAX], to[LAYOUT_PATH_MAX];
	struct fs_stat st;
	struct err why = {OK};
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(s->epoch);
	if (!layout_path(from, parts_dir, NULL, f->name) ||
	    !layout_path(to, s->parts_dir, NULL, f->name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", f->name);
	rc = fs_link(s->fs, from, to, &why);
	if (rc == OK) {
		t->linked++;
	} else if (rc == E_EXISTS) {
		t->there++;
		rc = OK;
	} else if (may_copy(rc)) {
		rc = copy_file(s, from, to, f->length, e);
		t->copied++;
		t->bytes += f->length;
	} else {
		return store_died(s, rc, &why, e);
	}
	if (rc == OK)
		rc = sync_file(s->fs, to, e);
	if (rc == OK)
		rc = fs_stat(s->fs, to, &st, e);
	if (rc == OK && st.size_bytes != f->length)
		rc = ERR(e, E_CORRUPT, "'%s' has %" PRIu64 " bytes, not %" PRIu64, to, st.size_bytes,
			 f->length);
	return rc;
}

/* --- what was taken over --- */

static enum rc unlink_gone(struct fs *fs, const char *dir, const char *name, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct err why = {OK};
	if (!layout_path(path, dir, NULL, name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", name);
	enum rc rc = fs_unlink(fs, path, &why);
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

/* Every slot that stands there, read. *good: all could be. */
static enum rc read_slots(struct store *s, bool *good, struct err *e)
{
	*good = true;
	for (size_t i = 0; i < s->n_known; i++) {
		struct err why = {OK};
		enum rc rc = store_read_slot(s, &s->known[i], &why);
		if (rc == E_CORRUPT || rc == E_REFUSED)
			*good = false;
		else if (rc != OK && rc != E_NOT_FOUND)
			return ERR(e, rc, "%s", why.text);
	}
	return OK;
}

static enum rc retire_slots(struct store *s, struct err *e)
{
	enum rc rc = OK;
	for (size_t i = 0; i < s->n_known && rc == OK; i++) {
		char name[LAYOUT_NAME_MAX + 1];
		if (s->known[i].is != SLOT_IS_CHECKPOINT)
			continue;
		layout_slot(name, s->known[i].slot);
		rc = unlink_gone(s->fs, s->manifest_dir, name, e);
	}
	return rc == OK ? fs_sync_dir(s->fs, s->manifest_dir, e) : rc;
}

enum rc store_retire_claimed(struct store *s, struct err *e)
{
	struct fs_names parts;
	bool good;
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(s->epoch && s->top->todo.kind == TODO_CLAIMED);
	rc = read_slots(s, &good, e);
	if (rc != OK || !good)
		return rc;
	rc = retire_slots(s, e);
	if (rc != OK)
		return rc;
	rc = fs_list(s->fs, s->parts_dir, &parts, e);
	for (size_t i = 0; rc == OK && i < parts.n; i++) {
		struct part_name is;
		if (layout_part_parse(parts.name[i], &is))
			rc = unlink_gone(s->fs, s->parts_dir, parts.name[i], e);
	}
	fs_names_close(&parts);
	return rc;
}
