/* fs_sim_ops.c - each operation of the file seam on the simulated disk: begin (may it happen?), its
 * work, end (who is told?). Errors are those that Linux gives, by number. See fs_sim.h. */
#include "base/fs_sim_core.h"

#include "base/hash.h"

#include <errno.h>
#include <string.h>

static enum rc sim_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	struct op o;
	bool creates = how == FS_CREATE || how == FS_CREATE_PRIVATE;
	op_begin(&o, fs, creates ? "create" : "open", path, creates, e);
	struct fs_sim *s = o.s;
	if (o.rc == OK) {
		char name[DISK_NAME];
		struct inode *dir = disk_find_parent(&s->disk, path, name);
		struct inode *f = dir ? disk_child(&s->disk, dir, name) : NULL;
		if (!dir || (!f && !creates))
			op_fail(&o, ENOENT);
		else if (f && creates)
			op_fail(&o, EEXIST);
		else if (f && (how == FS_WRITE || how == FS_WRITE_ITSELF) && f->kind != FS_FILE)
			op_fail(&o, EISDIR);
		else if (!f) {
			f = disk_make(&s->disk, FS_FILE, dir, name, op_now_us(&o));
			op_did(&o, FS_SIM_MADE, NULL, f, 0, 0);
		}
		/* Whoever is not told of a handle does not get one. */
		if (o.rc == OK && op_is_told(&o))
			*fd = sim_handle_add(s, f, path, how != FS_READ && how != FS_READ_SECRET,
					     false);
	}
	return op_end(&o);
}

static enum rc sim_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
			 struct err *e)
{
	struct op o;
	struct handle *h;
	struct inode *f;
	op_begin_fd(&o, fs, "read", fd, false, &h, &f, e);
	if (o.rc == OK && f->kind != FS_FILE)
		op_fail(&o, EISDIR);
	if (o.rc == OK && off < f->now.size) {
		size_t left = f->now.size - (size_t)off;
		*got = len < left ? len : left;
		if (*got && op_is_short(&o))
			*got /= 2;
		if (*got)
			memcpy(to, f->now.data + off, *got);
		o.detail = off ^ *got;
	}
	return op_end(&o);
}

static enum rc sim_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
			  struct err *e)
{
	struct op o;
	struct handle *h;
	struct inode *f;
	op_begin_fd(&o, fs, "write", fd, true, &h, &f, e);
	size_t asked = len, done = len;
	if (o.rc == OK && !h->writes)
		op_fail(&o, EBADF);
	else if (o.rc == OK || (o.rc != E_CRASHED && h->writes)) {
		asked = o.rc == OK ? len : len / 2;
		done = asked ? disk_write(&o.s->disk, f, from, asked, off) : 0;
		f->mtime_us = op_now_us(&o);
		o.detail = hash_bytes(from, done) ^ off;
		if (done)
			op_did(&o, FS_SIM_WROTE, NULL, f, off, done);
	}
	if (done < asked)
		op_fail(&o, ENOSPC);
	return op_end(&o);
}

static enum rc sim_truncate(struct fs *fs, int fd, uint64_t size_bytes, struct err *e)
{
	struct op o;
	struct handle *h;
	struct inode *f;
	op_begin_fd(&o, fs, "truncate", fd, false, &h, &f, e);
	o.changes = true;
	o.detail = size_bytes;
	if (o.rc == OK && !h->writes)
		op_fail(&o, EINVAL);
	else if (o.rc == OK && size_bytes > f->now.size)
		o.rc = ERR(o.e, E_INVALID, "cut '%s': it has %zu bytes", o.what, f->now.size);
	if (o.rc == OK) {
		disk_truncate(&o.s->disk, f, (size_t)size_bytes);
		op_did(&o, FS_SIM_CUT, NULL, f, 0, size_bytes);
		f->mtime_us = op_now_us(&o);
	}
	return op_end(&o);
}

static enum rc sim_sync(struct fs *fs, int fd, struct err *e)
{
	struct op o;
	struct handle *h;
	struct inode *f;
	op_begin_fd(&o, fs, "sync", fd, true, &h, &f, e);
	if (f && o.rc != E_CRASHED)
		o.s->trusted_doubtful += disk_is_doubtful(f);
	if (o.rc == OK) {
		disk_sync(&o.s->disk, f);
		op_did(&o, FS_SIM_SYNCED, NULL, f, 0, 0);
	} else if (o.rc != E_CRASHED)
		disk_sync_failed(f);
	return op_end(&o);
}

static enum rc sim_close(struct fs *fs, int fd, struct err *e)
{
	struct op o;
	struct handle *h;
	struct inode *f;
	op_begin_fd(&o, fs, "close", fd, false, &h, &f, e);
	if (h && h->writes && !h->locks && o.rc != OK && o.rc != E_CRASHED)
		f->close_failed = true;
	if (h) /* a process that is to die loses its handles one way or the other */
		sim_handle_drop(o.s, h);
	return op_end(&o);
}

static void fill(const struct inode *f, struct fs_stat *st)
{
	*st = (struct fs_stat){
		.kind = f->kind,
		.size_bytes = f->now.size,
		.inode = f->ino,
		.device = 1,
		.links = f->links,
		.mtime_us = f->mtime_us,
	};
}

static enum rc sim_fstat(struct fs *fs, int fd, struct fs_stat *st, struct err *e)
{
	struct op o;
	struct handle *h;
	struct inode *f;
	op_begin_fd(&o, fs, "fstat", fd, false, &h, &f, e);
	if (o.rc == OK)
		fill(f, st);
	return op_end(&o);
}

static enum rc sim_stat(struct fs *fs, const char *path, struct fs_stat *st, struct err *e)
{
	struct op o;
	op_begin(&o, fs, "stat", path, false, e);
	struct inode *f = o.rc == OK ? disk_find(&o.s->disk, path) : NULL;
	if (f)
		fill(f, st);
	else
		op_fail(&o, ENOENT);
	return op_end(&o);
}

/* The source of a link or rename, and the place where its new name will stand. */
struct move {
	struct inode *from_dir, *f, *to_dir;
	char from[DISK_NAME], to[DISK_NAME];
};

static void find_move(struct op *o, const char *from, const char *to, struct move *m)
{
	struct disk *d = &o->s->disk;
	o->detail = hash_bytes(to, strlen(to));
	if (o->rc != OK)
		return;
	m->from_dir = disk_find_parent(d, from, m->from);
	m->f = m->from_dir ? disk_child(d, m->from_dir, m->from) : NULL;
	m->to_dir = disk_find_parent(d, to, m->to);
	if (!m->f || !m->to_dir)
		op_fail(o, ENOENT);
	else if (disk_child(d, m->to_dir, m->to)) {
		op_did(o, FS_SIM_TAKEN, to, m->f, 0, 0);
		op_fail(o, EEXIST);
	}
}

static enum rc sim_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	struct op o;
	struct move m;
	op_begin(&o, fs, "link", from, true, e);
	find_move(&o, from, to, &m);
	if (o.rc == OK && m.f->kind == FS_DIR)
		op_fail(&o, EPERM);
	if (o.rc == OK) {
		o.s->trusted_doubtful += disk_is_doubtful(m.f);
		disk_link(&o.s->disk, m.f, m.to_dir, m.to);
		op_did(&o, FS_SIM_LINKED, to, m.f, 0, 0);
	}
	return op_end(&o);
}

static enum rc sim_rename_new(struct fs *fs, const char *from, const char *to, struct err *e)
{
	struct op o;
	struct move m;
	op_begin(&o, fs, "rename", from, true, e);
	find_move(&o, from, to, &m);
	if (o.rc == OK && (m.f->kind == FS_DIR && disk_is_within(&o.s->disk, m.to_dir, m.f)))
		op_fail(&o, EINVAL);
	if (o.rc == OK) {
		o.s->trusted_doubtful += disk_is_doubtful(m.f);
		disk_rename(&o.s->disk, m.from_dir, m.from, m.to_dir, m.to);
		op_did(&o, FS_SIM_RENAMED, to, m.f, 0, 0);
	}
	return op_end(&o);
}

/* The end of a name: of a file, or of an empty directory. */
static enum rc remove_name(struct fs *fs, const char *doing, const char *path, enum fs_kind kind,
			   struct err *e)
{
	struct op o;
	op_begin(&o, fs, doing, path, false, e);
	o.changes = true;
	char name[DISK_NAME];
	struct disk *d = &o.s->disk;
	struct inode *dir = o.rc == OK ? disk_find_parent(d, path, name) : NULL;
	struct inode *f = dir ? disk_child(d, dir, name) : NULL;
	if (!f || (f->kind != kind && kind == FS_DIR))
		op_fail(&o, ENOENT);
	else if (f->kind != kind)
		op_fail(&o, EISDIR);
	else if (f->names.n)
		op_fail(&o, EEXIST);
	else if (f->ino == DISK_ROOT)
		op_fail(&o, EBUSY);
	else {
		op_did(&o, FS_SIM_REMOVED, NULL, f, 0, 0);
		disk_unlink(d, dir, name);
	}
	return op_end(&o);
}

static enum rc sim_unlink(struct fs *fs, const char *path, struct err *e)
{
	return remove_name(fs, "unlink", path, FS_FILE, e);
}

static enum rc sim_rmdir(struct fs *fs, const char *path, struct err *e)
{
	return remove_name(fs, "rmdir", path, FS_DIR, e);
}

static enum rc sim_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	struct op o;
	op_begin(&o, fs, "mkdir", path, true, e);
	char name[DISK_NAME];
	struct disk *d = &o.s->disk;
	struct inode *dir = o.rc == OK ? disk_find_parent(d, path, name) : NULL;
	struct inode *f = dir ? disk_child(d, dir, name) : NULL;
	if (!dir)
		op_fail(&o, ENOENT);
	else if (f && f->kind != FS_DIR)
		op_fail(&o, EEXIST);
	else if (!f) {
		disk_make(d, FS_DIR, dir, name, op_now_us(&o));
		*made = true;
	}
	return op_end(&o);
}

static struct inode *find_dir(struct op *o, const char *path)
{
	struct inode *dir = o->rc == OK ? disk_find(&o->s->disk, path) : NULL;
	if (!dir || dir->kind != FS_DIR)
		op_fail(o, ENOENT);
	return o->rc == OK ? dir : NULL;
}

static enum rc sim_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	struct op o;
	op_begin(&o, fs, "sync_dir", path, true, e);
	struct inode *dir = find_dir(&o, path);
	if (dir) {
		disk_sync_dir(&o.s->disk, dir);
		op_did(&o, FS_SIM_DIR_SYNCED, NULL, NULL, 0, 0);
	}
	return op_end(&o);
}

static enum rc sim_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e)
{
	struct op o;
	op_begin(&o, fs, "list", path, false, e);
	const struct inode *dir = find_dir(&o, path);
	size_t n = dir ? dir->names.n : 0;
	if (n && !(l->name = mem_get(l->mem, n * sizeof *l->name)))
		op_fail(&o, ENOMEM);
	for (size_t i = 0; i < n && o.rc == OK; i++, l->n++)
		if (!(l->name[i] = mem_string(l->mem, dir->names.at[i].name))) {
			op_fail(&o, ENOMEM);
			break;
		}
	o.detail = n;
	enum rc rc = op_end(&o);
	if (rc != OK)
		fs_names_close(l);
	return rc;
}

static enum rc sim_lock(struct fs *fs, const char *path, int *fd, struct err *e)
{
	struct op o;
	op_begin(&o, fs, "lock", path, true, e);
	char name[DISK_NAME];
	struct disk *d = &o.s->disk;
	struct inode *dir = o.rc == OK ? disk_find_parent(d, path, name) : NULL;
	struct inode *f = dir ? disk_child(d, dir, name) : NULL;
	if (!dir)
		op_fail(&o, ENOENT);
	else if (f && f->kind == FS_DIR)
		op_fail(&o, EISDIR);
	else if (f && sim_is_locked(o.s, f))
		o.rc = ERR(e, E_REFUSED, "'%s' is locked by another process", path);
	else if (!f) {
		f = disk_make(d, FS_FILE, dir, name, op_now_us(&o));
		op_did(&o, FS_SIM_MADE, NULL, f, 0, 0);
	}
	if (o.rc == OK && op_is_told(&o))
		*fd = sim_handle_add(o.s, f, path, true, true);
	return op_end(&o);
}

const struct fs_ops fs_sim_ops = {
	.name = "sim",
	.open = sim_open,
	.pread = sim_pread,
	.pwrite = sim_pwrite,
	.truncate = sim_truncate,
	.sync = sim_sync,
	.close = sim_close,
	.fstat = sim_fstat,
	.stat = sim_stat,
	.link = sim_link,
	.rename_new = sim_rename_new,
	.unlink = sim_unlink,
	.mkdir = sim_mkdir,
	.rmdir = sim_rmdir,
	.sync_dir = sim_sync_dir,
	.list = sim_list,
	.lock = sim_lock,
};
