/* slots.c - see slots.h.
 * Happy path of publish: create, write, fsync, fstat, close, link, stat, fsync of the folder,
 * unlink. What can go wrong: before the link nothing is visible, and the error is the answer. The
 * link's own result is not believed (a server may have done it and lost the answer): the slot is
 * looked at. From the link to the folder's fsync a crash may keep or lose the name, so an error
 * there has no answer. */
#include "checkpoint/slots.h"

enum { TEMPORARY_TRIES = 1000 }; /* names a dead process may have left under our epoch */

enum rc slots_list(struct fs *fs, struct mem *mem, const char *dir, struct slot_list *l,
		   struct err *e)
{
	*l = (struct slot_list){.mem = mem};
	char path[LAYOUT_PATH_MAX];
	if (!layout_path(path, dir, NULL, LAYOUT_MANIFEST))
		return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
	struct fs_names names;
	struct err why = {OK};
	enum rc rc = fs_list(fs, path, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	l->slot = mem_get(mem, names.n * sizeof *l->slot);
	if (!l->slot)
		rc = ERR(e, E_NO_MEMORY, "no memory for the names in '%s'", path);
	for (size_t i = 0; i < names.n && l->slot; i++) /* 20 digits: sorted names, sorted numbers */
		if (layout_slot_parse(names.name[i], &l->slot[l->n]))
			l->n++;
	fs_names_close(&names);
	return rc;
}

void slot_list_close(struct slot_list *l)
{
	if (l->mem)
		mem_put(l->mem, l->slot);
	*l = (struct slot_list){.mem = l->mem};
}

static enum rc slot_path(char path[LAYOUT_PATH_MAX], const char *dir, uint64_t slot, struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1];
	layout_slot(name, slot);
	return layout_path(path, dir, LAYOUT_MANIFEST, name)
		       ? OK
		       : ERR(e, E_INVALID, "the path of '%s' is too long", dir);
}

enum rc slots_read(struct fs *fs, struct mem *mem, const char *dir, uint64_t slot,
		   struct manifest *m, struct err *e)
{
	manifest_init(m, mem);
	char path[LAYOUT_PATH_MAX];
	enum rc rc = slot_path(path, dir, slot, e);
	if (rc != OK)
		return rc;
	uint8_t *data;
	size_t len;
	rc = fs_read_all(fs, path, MANIFEST_MAX, &data, &len, e);
	if (rc != OK)
		return rc;
	rc = manifest_decode(m, mem, slot, data, len, e);
	mem_put(fs->mem, data);
	return rc == OK ? OK : err_in(e, "'%s'", path);
}

enum rc slots_durable(struct fs *fs, const char *dir, uint64_t slot, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = slot_path(path, dir, slot, e);
	int fd = -1;
	if (rc == OK)
		rc = fs_open(fs, path, FS_READ, &fd, e);
	if (rc == OK)
		rc = fs_sync(fs, fd, e);
	enum rc closed = fs_close(fs, &fd, rc == OK ? e : NULL);
	rc = rc == OK ? closed : rc;
	if (rc == OK && layout_path(path, dir, NULL, LAYOUT_MANIFEST))
		rc = fs_sync_dir(fs, path, e);
	if (rc == OK && layout_path(path, dir, NULL, LAYOUT_PARTS))
		rc = fs_sync_dir(fs, path, e);
	return rc;
}

/* Creates a temporary under a name nobody has. */
static enum rc create_temporary(struct fs *fs, const char *dir, uint64_t epoch, uint64_t *seq,
				char path[LAYOUT_PATH_MAX], int *fd, struct err *e)
{
	for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
		char name[LAYOUT_NAME_MAX + 1];
		struct err why = {OK};
		layout_temporary(name, epoch, (*seq)++);
		if (!layout_path(path, dir, LAYOUT_MANIFEST, name))
			return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
		enum rc rc = fs_open(fs, path, FS_CREATE, fd, &why);
		if (rc != E_EXISTS)
			return rc == OK ? OK : ERR(e, rc, "%s", why.text);
	}
	return ERR(e, E_LIMIT, "'%s/" LAYOUT_MANIFEST "' is full of temporaries", dir);
}

/* A whole, synced temporary: its path and what it is. */
static enum rc write_temporary(struct fs *fs, const char *dir, uint64_t epoch, uint64_t *seq,
			       const void *data, size_t len, char path[LAYOUT_PATH_MAX],
			       struct fs_stat *st, struct err *e)
{
	int fd;
	enum rc rc = create_temporary(fs, dir, epoch, seq, path, &fd, e);
	if (rc != OK)
		return rc;
	rc = fs_pwrite(fs, fd, data, len, 0, e);
	if (rc == OK)
		rc = fs_sync(fs, fd, e);
	if (rc == OK)
		rc = fs_fstat(fs, fd, st, e);
	enum rc closed = fs_close(fs, &fd, rc == OK ? e : NULL);
	rc = rc == OK ? closed : rc;
	if (rc != OK)
		(void)!fs_unlink(fs, path, NULL); /* ours, and never to be named */
	return rc;
}

/* Whether slot_path is our file, whatever the link said. OK: it is. */
static enum rc link_outcome(struct fs *fs, const char *temporary, const char *path,
			    const struct fs_stat *ours, enum rc linked, struct err *why, struct err *e)
{
	struct fs_stat st;
	struct err look = {OK};
	enum rc rc = fs_stat(fs, path, &st, &look);
	if (rc == OK && st.inode == ours->inode && st.device == ours->device)
		return OK;
	if (rc == OK)
		return ERR(e, E_FENCED, "'%s' was taken by another process", path);
	if (rc == E_CRASHED)
		return ERR(e, rc, "%s", look.text);
	if (rc == E_NOT_FOUND && linked != OK && linked != E_EXISTS) {
		rc = fs_stat(fs, temporary, &st, &look);
		if (rc == OK && st.links == 1)
			return ERR(e, linked, "%s", why->text);
	}
	return ERR(e, E_UNKNOWN_OUTCOME, "'%s' may or may not have been published (%s)", path,
		   linked == OK ? look.text : why->text);
}

enum rc slots_publish(struct fs *fs, const char *dir, uint64_t slot, uint64_t epoch,
		      const void *data, size_t len, uint64_t *seq, struct err *e)
{
	char path[LAYOUT_PATH_MAX], temporary[LAYOUT_PATH_MAX], folder[LAYOUT_PATH_MAX];
	struct fs_stat ours;
	enum rc rc = slot_path(path, dir, slot, e);
	if (rc == OK)
		rc = write_temporary(fs, dir, epoch, seq, data, len, temporary, &ours, e);
	if (rc != OK)
		return rc;
	fs_dirname(path, folder, sizeof folder);
	struct err why = {OK};
	enum rc linked = fs_link(fs, temporary, path, &why);
	rc = link_outcome(fs, temporary, path, &ours, linked, &why, e);
	if (rc == OK && fs_sync_dir(fs, folder, &why) != OK)
		return ERR(e, E_UNKNOWN_OUTCOME, "'%s' stands, but may not survive a crash (%s)",
			   path, why.text);
	/* Fenced: no durable operation any more (inv 27). Unknown: delete nothing. */
	if (rc != E_FENCED && rc != E_UNKNOWN_OUTCOME && rc != E_CRASHED)
		(void)!fs_unlink(fs, temporary, NULL); /* else a later start sweeps it */
	return rc;
}
