/* fs.h - every file operation of weir goes through here, in one global, counted order.
 * Why: a crash test is "stop after operation n" for every n (inv 28), a disk is a model that may
 * lose what was not synced, and a fault is the n-th operation that fails. Nothing else in the
 * project calls open, read, write, link, rename, unlink, mkdir, fsync or stat.
 * Two implementations: fs_real (POSIX, fs_real.c) and fs_sim (a disk in memory, fs_sim.h).
 * Paths are NUL-terminated, borrowed; directories are named without a trailing slash.
 * Errors name the path. EINTR and short writes are handled inside: a call is whole or an error.
 * Threads: any thread may call; a handle belongs to one thread at a time. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stddef.h>

enum fs_open {
	FS_READ,           /* an existing file of any kind (see fs_stat.kind); a pipe never hangs */
	FS_READ_SECRET,    /* a regular file of our own that others cannot read, else E_PERMISSION */
	FS_CREATE,         /* O_CREAT|O_EXCL|O_RDWR, mode 0644: E_EXISTS when the name is taken */
	FS_CREATE_PRIVATE, /* the same with mode 0600 */
	FS_WRITE,          /* an existing file, read and written in place: or E_NOT_FOUND */
	FS_WRITE_ITSELF,   /* the same, and never what a symbolic link of that name points to: E_IO */
};

enum fs_kind { FS_FILE, FS_DIR, FS_OTHER };

struct fs_stat {
	enum fs_kind kind;
	uint64_t size_bytes;
	uint64_t inode, device;
	uint64_t links;
	int64_t mtime_us;
};

/* A sorted list of the names in a directory, without "." and "..". Owner: the caller. */
struct fs_names {
	char **name;
	size_t n;
	struct mem *mem;
};
void fs_names_close(struct fs_names *l); /* legal on the empty value */

/* A handle is a small number, -1 when closed. */
struct fs;
struct fs_ops {
	const char *name;
	RC (*open)(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e);
	RC (*pread)(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
		    struct err *e);
	RC (*pwrite)(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
		     struct err *e);
	RC (*truncate)(struct fs *fs, int fd, uint64_t size_bytes, struct err *e);
	RC (*sync)(struct fs *fs, int fd, struct err *e);
	RC (*close)(struct fs *fs, int fd, struct err *e);
	RC (*fstat)(struct fs *fs, int fd, struct fs_stat *st, struct err *e);
	RC (*stat)(struct fs *fs, const char *path, struct fs_stat *st, struct err *e);
	RC (*link)(struct fs *fs, const char *from, const char *to, struct err *e);
	RC (*rename_new)(struct fs *fs, const char *from, const char *to, struct err *e);
	RC (*unlink)(struct fs *fs, const char *path, struct err *e);
	RC (*mkdir)(struct fs *fs, const char *path, bool *made, struct err *e);
	RC (*rmdir)(struct fs *fs, const char *path, struct err *e);
	RC (*sync_dir)(struct fs *fs, const char *path, struct err *e);
	RC (*list)(struct fs *fs, const char *path, struct fs_names *l, struct err *e);
	RC (*lock)(struct fs *fs, const char *path, int *fd, struct err *e);
	uint64_t (*room)(struct fs *fs, const char *path); /* NULL: nobody knows */
	bool gains_together; /* what waits for the disk waits less side by side (together.h) */
};

struct fs {
	const struct fs_ops *ops;
	struct mem *mem;
	_Atomic uint64_t count; /* operations begun so far: the number crash tests enumerate */
};

/* Reads up to len bytes at off; *got is less only at the end of the file. */
RC fs_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got, struct err *e);
RC fs_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e);
RC fs_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off, struct err *e);
/* Cuts the file's end off, for good once it is synced; a handle that writes. E_INVALID when it is
 * shorter: nothing is ever made longer by this. */
RC fs_truncate(struct fs *fs, int fd, uint64_t size_bytes, struct err *e);
/* fdatasync. A sync that failed is never retried: abandon the file (inv 32). */
RC fs_sync(struct fs *fs, int fd, struct err *e);
/* Always closes; *fd becomes -1. Legal on -1 (does nothing). */
RC fs_close(struct fs *fs, int *fd, struct err *e);
RC fs_fstat(struct fs *fs, int fd, struct fs_stat *st, struct err *e);
/* Follows symbolic links. E_NOT_FOUND when it is not there. */
RC fs_stat(struct fs *fs, const char *path, struct fs_stat *st, struct err *e);
/* E_EXISTS when `to` is taken; E_UNREACHABLE when it is on another file system: nothing was done.
 * On any other error the outcome is unknown: stat both (section 7). */
RC fs_link(struct fs *fs, const char *from, const char *to, struct err *e);
/* rename without replacing (RENAME_NOREPLACE): E_EXISTS when `to` is taken, E_NOT_FOUND when `from`
 * is gone. Where the file system refuses the flag (EINVAL): E_UNREACHABLE is never returned; it is
 * done as link, fsync of the directory of `to`, unlink. */
RC fs_rename_new(struct fs *fs, const char *from, const char *to, struct err *e);
RC fs_unlink(struct fs *fs, const char *path, struct err *e); /* never a directory */
/* OK when it is there already, as a directory (else E_EXISTS); *made (may be NULL) says whether
 * this call made it. Mode 0755. */
RC fs_mkdir(struct fs *fs, const char *path, bool *made, struct err *e);
RC fs_rmdir(struct fs *fs, const char *path, struct err *e); /* E_EXISTS when it is not empty */
RC fs_sync_dir(struct fs *fs, const char *path, struct err *e);
RC fs_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e);
/* Creates if need be and takes an exclusive lock that ends with the handle or the process:
 * E_REFUSED when another holds it. The handle reads and writes; what the file held stays. Never the
 * proof of ownership, only a convenience on one host. */
RC fs_lock(struct fs *fs, const char *path, int *fd, struct err *e);

/* Bytes that may still be written where this directory is, as the file system says; 0: none, or
 * nobody knows. It may wait as long as the file system does. It changes nothing and nothing goes by
 * it but words, so it is no operation that is counted. */
uint64_t fs_room(struct fs *fs, const char *path);

/* Built on the above. */

/* The whole regular file (else E_INVALID); limit_bytes bounds it (E_CORRUPT when larger). *data is
 * the caller's (fs->mem) and has a zero byte after the last, not counted in *len. */
RC fs_read_all(struct fs *fs, const char *path, size_t limit_bytes, uint8_t **data, size_t *len,
	       struct err *e);
/* Creates path with these bytes, syncs and closes it. The directory is not synced. On an error a
 * part of the file may stand: names are never reused (inv 11), and a sweep takes it. */
RC fs_write_new(struct fs *fs, const char *path, const void *data, size_t len, struct err *e);
/* mkdir -p; each directory made has its parent synced before the next is made, and so has the
 * deepest one found, whose maker may have crashed in between. E_EXISTS: a part is no directory. */
RC fs_mkdir_all(struct fs *fs, const char *path, struct err *e);
/* A file, or a folder with everything in it; a symbolic link goes, not what it points to. Gone
 * already is as well. E_LIMIT: more folders deep than a job's directory can be. Nothing is
 * synced. */
RC fs_remove_all(struct fs *fs, const char *path, struct err *e);
/* The folder of a path: "a/b" -> "a", "b" -> ".", "/b" -> "/". Writes at most size bytes. */
void fs_dirname(const char *path, char *to, size_t size);

/* The real one. Nothing to close. All descriptors are close-on-exec. */
struct roots;
struct fs_real {
	struct fs fs;
	const struct roots *roots; /* NULL: not confined */
};
void fs_real_init(struct fs_real *r, struct mem *mem);
/* From now on every path is resolved beneath one of these roots (roots.h), with E_PERMISSION for
 * what lies in none or leads out of its own, and FS_READ opens regular files only (else E_INVALID).
 * Handles go on. Borrows roots; before other threads use r. */
void fs_real_confine(struct fs_real *r, const struct roots *roots);
