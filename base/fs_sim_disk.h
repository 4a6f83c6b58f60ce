/* fs_sim_disk.h - the medium under fs_sim: what is in the cache, what is on the disk, and which of
 * the difference a power cut keeps. Knows no operation numbers, faults or handles (fs_sim.c).
 * Invariants (disk_check):
 *  1. Inodes stand by number, numbers are never used again.
 *  2. Names in a directory stand bytewise and once.
 *  3. A name without a pending change is alike on disk and in the cache; of pending changes that
 *     share a name, the earlier reaches the disk first or with the later.
 *  4. A clean block is equal on disk and in the cache.
 *  5. links counts the names in the cache.
 *  6. A file's length on disk and in the cache lies from least to most.
 * Threads: the caller's lock. Running out of memory is a CHECK: tests only. */
#pragma once
#include "base/fs.h"
#include "base/rng.h"

enum { DISK_BLOCK = 4096, DISK_SECTOR = 512, DISK_NAME = 256, DISK_ROOT = 1 };

/* Of a block since its last sync. */
enum block_state {
	BLOCK_CLEAN, /* on disk as it is in the cache */
	BLOCK_DIRTY, /* the next sync writes it */
	BLOCK_GONE,  /* a sync of it failed: clean in the cache, on disk or not */
};

struct content {
	uint8_t *data;
	size_t size, cap; /* bytes between size and cap are zero */
};

struct entry {
	char name[DISK_NAME];
	uint64_t ino;
};

struct entries {
	struct entry *at;
	size_t n, cap;
};

struct inode {
	uint64_t ino, parent; /* parent: of directories */
	enum fs_kind kind;
	uint64_t links;
	unsigned handles;
	bool marked;
	bool close_failed; /* of a handle that may have written, and it was not written since */
	int64_t mtime_us;
	struct content now, safe;      /* files: cache and disk */
	size_t least, most;            /* files: lengths of now since the last sync */
	uint8_t *block;                /* enum block_state of each block up to most */
	size_t blocks_cap;
	struct entries names, safe_names; /* directories: cache and disk */
};

/* One change of directories: of one name, or of two that persist together. */
struct change {
	unsigned n;
	bool kept;
	struct {
		uint64_t dir, ino; /* ino 0: the name goes */
		char name[DISK_NAME];
	} half[2];
};

struct disk {
	struct mem mem; /* own: no budget, never failing */
	struct inode **inode;
	size_t n, cap;
	uint64_t last_ino;
	struct change *pending; /* in the order they were made */
	size_t pending_n, pending_cap;
	size_t garbage; /* names removed since the last collection */
	uint64_t capacity_bytes;
};

void disk_init(struct disk *d);
void disk_clear(struct disk *d); /* not even a root is left */
void disk_close(struct disk *d);
void disk_check(const struct disk *d);

/* NULL: not there. */
struct inode *disk_find(struct disk *d, const char *path);
/* The directory that holds, or would hold, the last name of path; name becomes "" for the root.
 * NULL: not there. */
struct inode *disk_find_parent(struct disk *d, const char *path, char name[DISK_NAME]);
struct inode *disk_child(struct disk *d, const struct inode *dir, const char *name);
bool disk_is_within(struct disk *d, const struct inode *dir, const struct inode *ancestor);

struct inode *disk_make(struct disk *d, enum fs_kind kind, struct inode *dir, const char *name,
			int64_t now_us);
void disk_link(struct disk *d, struct inode *f, struct inode *dir, const char *name);
void disk_unlink(struct disk *d, struct inode *dir, const char *name);
void disk_rename(struct disk *d, struct inode *from, const char *from_name, struct inode *to,
		 const char *to_name);
void disk_release(struct disk *d, struct inode *f); /* a handle is closed */

/* How many of the len bytes fitted; the rest met the capacity. */
size_t disk_write(struct disk *d, struct inode *f, const void *from, size_t len, uint64_t off);
/* To a length that it has. */
void disk_truncate(struct disk *d, struct inode *f, size_t size);
void disk_sync(struct disk *d, struct inode *f);
void disk_sync_failed(struct inode *f);
/* Whether a block of it is on disk or not, or its close failed, and it was not written since. */
bool disk_is_doubtful(const struct inode *f);
void disk_sync_dir(struct disk *d, struct inode *dir);
uint64_t disk_used_bytes(const struct disk *d);
/* Whether all of it is on the disk; whether a change of this name is not. */
bool disk_is_synced(const struct inode *f);
bool disk_is_pending(const struct disk *d, const struct inode *dir, const char *name);

/* The pending changes marked kept reach the disk, and with them those before that share a name. */
void disk_keep_marked(struct disk *d);
/* Frees what neither the cache, the disk, a pending change nor a handle can reach. */
void disk_collect(struct disk *d);

size_t disk_blocks(size_t bytes);
struct inode *disk_inode(const struct disk *d, uint64_t ino);
struct inode *disk_add(struct disk *d, uint64_t ino, enum fs_kind kind); /* the highest so far */
/* Sets the name, or with ino 0 removes it. */
void disk_set_name(struct disk *d, struct entries *l, const char *name, uint64_t ino);
/* p with room for `need` things, new ones zero. */
void *disk_grown(struct disk *d, void *p, size_t *cap, size_t need, size_t one_bytes);

/* fs_sim_cut.c */
/* Who decides what a power cut keeps. He is asked, in this order: of each pending change; then of
 * each file, by inode, its length, and of its blocks those that are not clean. */
struct disk_chooser {
	bool (*keeps_change)(struct disk_chooser *c, size_t k);
	size_t (*length)(struct disk_chooser *c, const struct inode *f); /* from least to most */
	/* How many of the block's bytes are as in the cache, counted from its start; the rest is as on
	 * disk. */
	size_t (*bytes_kept)(struct disk_chooser *c, const struct inode *f, size_t b);
};
void disk_power_cut(struct disk *d, struct disk_chooser *c);

/* By chance. */
struct disk_chance {
	struct disk_chooser chooser;
	struct rng *rng;
	int fate;     /* of the names, then of the file being asked of */
	size_t until; /* a name, a block */
};
void disk_chance_init(struct disk_chance *c, const struct disk *d, struct rng *r);

/* fs_sim_states.c. *to is an initialised disk and becomes a copy; nobody has handles there. */
void disk_copy(struct disk *to, const struct disk *from);
/* Of all names and bytes that the cache shows, and of which names are of one file. */
uint64_t disk_hash(const struct disk *d);
