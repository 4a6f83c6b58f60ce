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
	layout_temporary(name, s->epoch, s->seq++);
	CHECK(layout_path(temporary, s->manifest_dir, NULL, name));
	err_clear(&why);
	rc = fs_open(s->fs, temporary, FS_CREATE, &out, &why);
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

/* A slot's kind, and whether it is that job's claim. E_NOT_FOUND, E_CORRUPT, E_REFUSED: as read. */
static enum rc look_slot(struct storage log, struct mem *mem, uint64_t slot, const char *uuid,
			 enum slot_kind *kind, bool *claims, struct err *e)
{
	struct manifest m;
	enum rc rc = slots_read(log, mem, slot, &m, e);
	if (rc != OK)
		return rc;
	*kind = m.slot_kind;
	*claims = m.todo.kind == TODO_CLAIMED && !strcmp(m.todo.uuid, uuid);
	manifest_close(&m);
	return OK;
}

/* Whether the newest is the claim of that job, and each can be read. */
static enum rc may_retire(struct storage log, struct mem *mem, const struct slot_list *l,
			  const char *uuid, bool *may, struct err *e)
{
	*may = l->n;
	for (size_t i = l->n; *may && i-- > 0;) {
		struct err why = {OK};
		enum slot_kind kind;
		bool claims = false;
		enum rc rc = look_slot(log, mem, l->slot[i], uuid, &kind, &claims, &why);
		if (rc != OK && rc != E_CORRUPT && rc != E_REFUSED)
			return ERR(e, rc, "%s", why.text);
		*may = rc == OK && (claims || i + 1 < l->n);
	}
	return OK;
}

static enum rc retire_slots(struct fs *fs, const char *folder, struct storage log,
			    struct mem *mem, const struct slot_list *l, const char *uuid,
			    struct err *e)
{
	enum rc rc = OK;
	for (size_t i = 0; i < l->n && rc == OK; i++) {
		char name[LAYOUT_NAME_MAX + 1];
		enum slot_kind kind;
		bool claims;
		layout_slot(name, l->slot[i]);
		rc = look_slot(log, mem, l->slot[i], uuid, &kind, &claims, e);
		if (rc == OK && kind == SLOT_CHECKPOINT)
			rc = unlink_gone(fs, folder, name, e);
	}
	return rc == OK ? fs_sync_dir(fs, folder, e) : rc;
}

static enum rc retire_parts(struct fs *fs, const char *folder, struct err *e)
{
	struct fs_names parts;
	enum rc rc = fs_list(fs, folder, &parts, e);
	for (size_t i = 0; rc == OK && i < parts.n; i++) {
		struct part_name is;
		if (layout_part_parse(parts.name[i], &is))
			rc = unlink_gone(fs, folder, parts.name[i], e);
	}
	if (rc == OK) /* also what somebody before us removed */
		rc = fs_sync_dir(fs, folder, e);
	fs_names_close(&parts);
	return rc;
}

enum rc import_retire(struct fs *fs, struct mem *mem, const char *dir, const char *uuid,
		      struct err *e)
{
	char path[LAYOUT_PATH_MAX], parts[LAYOUT_PATH_MAX], slots[LAYOUT_PATH_MAX];
	struct slot_list l = {0};
	struct fs_stat st;
	struct err why = {OK};
	int lock = -1;
	bool may = false;
	if (!layout_path(path, dir, NULL, "owner.lock") ||
	    !layout_path(parts, dir, NULL, LAYOUT_PARTS) ||
	    !layout_path(slots, dir, NULL, LAYOUT_MANIFEST))
		return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
	enum rc rc = fs_stat(fs, parts, &st, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK || (rc = fs_lock(fs, path, &lock, &why)) != OK)
		return ERR(e, rc, "%s", why.text);
	struct storage log = slots_in(fs, dir);
	rc = slots_list(log, mem, &l, e);
	if (rc == OK)
		rc = may_retire(log, mem, &l, uuid, &may, e);
	if (rc == OK && may)
		rc = retire_slots(fs, slots, log, mem, &l, uuid, e);
	if (rc == OK && may)
		rc = retire_parts(fs, parts, e);
	slot_list_close(&l);
	(void)!fs_close(fs, &lock, NULL); /* only held */
	return rc;
}
