/* fs_sim_disk.c - cache and disk of the simulated file system. See fs_sim_disk.h; what a power cut
 * keeps is in fs_sim_cut.c. */
#include "base/fs_sim_disk.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void *disk_grown(struct disk *d, void *p, size_t *cap, size_t need, size_t one_bytes)
{
	if (need <= *cap)
		return p;
	size_t more = *cap * 2 > need ? *cap * 2 : need;
	p = mem_resize(&d->mem, p, more * one_bytes);
	CHECK(p);
	memset((char *)p + *cap * one_bytes, 0, (more - *cap) * one_bytes);
	*cap = more;
	return p;
}

/* Names. */

static size_t place_of(const struct entries *l, const char *name, bool *there)
{
	size_t low = 0, high = l->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(l->at[mid].name, name);
		if (!order) {
			*there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*there = false;
	return low;
}

void disk_set_name(struct disk *d, struct entries *l, const char *name, uint64_t ino)
{
	bool there;
	size_t i = place_of(l, name, &there);
	if (!ino) {
		if (there)
			memmove(&l->at[i], &l->at[i + 1], (--l->n - i) * sizeof *l->at);
		return;
	}
	if (!there) {
		l->at = disk_grown(d, l->at, &l->cap, l->n + 1, sizeof *l->at);
		memmove(&l->at[i + 1], &l->at[i], (l->n++ - i) * sizeof *l->at);
		strcpy(l->at[i].name, name);
	}
	l->at[i].ino = ino;
}

/* Inodes. */

struct inode *disk_inode(const struct disk *d, uint64_t ino)
{
	size_t low = 0, high = d->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (d->inode[mid]->ino == ino)
			return d->inode[mid];
		if (d->inode[mid]->ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct inode *disk_add(struct disk *d, uint64_t ino, enum fs_kind kind)
{
	struct inode *f = mem_get(&d->mem, sizeof *f);
	CHECK(f && ino > d->last_ino);
	f->ino = d->last_ino = ino;
	f->kind = kind;
	d->inode = disk_grown(d, d->inode, &d->cap, d->n + 1, sizeof(struct inode *));
	d->inode[d->n++] = f;
	return f;
}

static void inode_free(struct disk *d, struct inode *f)
{
	mem_put(&d->mem, f->now.data);
	mem_put(&d->mem, f->safe.data);
	mem_put(&d->mem, f->block);
	mem_put(&d->mem, f->names.at);
	mem_put(&d->mem, f->safe_names.at);
	mem_put(&d->mem, f);
}

void disk_init(struct disk *d)
{
	*d = (struct disk){.last_ino = 0};
	mem_init(&d->mem, 0);
	struct inode *root = disk_add(d, DISK_ROOT, FS_DIR);
	root->parent = DISK_ROOT;
	root->links = 1;
}

void disk_clear(struct disk *d)
{
	for (size_t i = 0; i < d->n; i++)
		inode_free(d, d->inode[i]);
	mem_put(&d->mem, d->inode);
	mem_put(&d->mem, d->pending);
	d->inode = NULL;
	d->pending = NULL;
	d->n = d->cap = d->pending_n = d->pending_cap = d->garbage = 0;
	d->last_ino = 0;
}

void disk_close(struct disk *d)
{
	disk_clear(d);
	*d = (struct disk){.n = 0};
}

static void mark(const struct disk *d, uint64_t ino)
{
	struct inode *f = ino ? disk_inode(d, ino) : NULL;
	if (!f || f->marked)
		return;
	f->marked = true;
	for (size_t i = 0; i < f->names.n; i++)
		mark(d, f->names.at[i].ino);
	for (size_t i = 0; i < f->safe_names.n; i++)
		mark(d, f->safe_names.at[i].ino);
}

void disk_collect(struct disk *d)
{
	mark(d, DISK_ROOT);
	for (size_t i = 0; i < d->pending_n; i++)
		for (unsigned h = 0; h < d->pending[i].n; h++) {
			mark(d, d->pending[i].half[h].dir);
			mark(d, d->pending[i].half[h].ino);
		}
	for (size_t i = 0; i < d->n; i++)
		if (d->inode[i]->handles)
			mark(d, d->inode[i]->ino);
	size_t kept = 0;
	for (size_t i = 0; i < d->n; i++) {
		struct inode *f = d->inode[i];
		if (!f->marked) {
			inode_free(d, f);
			continue;
		}
		f->marked = false;
		d->inode[kept++] = f;
	}
	d->n = kept;
	d->garbage = 0;
}

/* Paths. */

/* The next name of *path, or "" at its end. False: too long for a name. */
static bool next_name(const char **path, char name[DISK_NAME])
{
	const char *at = *path;
	while (*at == '/' || (at[0] == '.' && (at[1] == '/' || !at[1])))
		at++;
	size_t n = strcspn(at, "/");
	*path = at + n;
	if (n >= DISK_NAME)
		return false;
	memcpy(name, at, n);
	name[n] = '\0';
	return true;
}

struct inode *disk_child(struct disk *d, const struct inode *dir, const char *name)
{
	if (dir->kind != FS_DIR)
		return NULL;
	if (!*name)
		return disk_inode(d, dir->ino);
	if (!strcmp(name, ".."))
		return disk_inode(d, dir->parent);
	bool there;
	size_t i = place_of(&dir->names, name, &there);
	return there ? disk_inode(d, dir->names.at[i].ino) : NULL;
}

struct inode *disk_find_parent(struct disk *d, const char *path, char name[DISK_NAME])
{
	struct inode *dir = disk_inode(d, DISK_ROOT);
	if (!*path || !next_name(&path, name))
		return NULL;
	for (;;) {
		char after[DISK_NAME];
		if (!next_name(&path, after))
			return NULL;
		if (!*after)
			return dir->kind == FS_DIR ? dir : NULL;
		dir = disk_child(d, dir, name);
		if (!dir)
			return NULL;
		strcpy(name, after);
	}
}

struct inode *disk_find(struct disk *d, const char *path)
{
	char name[DISK_NAME];
	struct inode *dir = disk_find_parent(d, path, name);
	return dir ? disk_child(d, dir, name) : NULL;
}

bool disk_is_within(struct disk *d, const struct inode *dir, const struct inode *ancestor)
{
	while (dir != ancestor && dir->ino != DISK_ROOT)
		dir = disk_inode(d, dir->parent);
	return dir == ancestor;
}

/* Changes of directories. */

static void change_half(struct disk *d, struct change *c, struct inode *dir, const char *name,
			uint64_t ino)
{
	bool there;
	size_t i = place_of(&dir->names, name, &there);
	if (there)
		disk_inode(d, dir->names.at[i].ino)->links--;
	if (ino)
		disk_inode(d, ino)->links++;
	disk_set_name(d, &dir->names, name, ino);
	c->half[c->n].dir = dir->ino;
	c->half[c->n].ino = ino;
	strcpy(c->half[c->n++].name, name);
}

static void change_push(struct disk *d, const struct change *c)
{
	d->pending = disk_grown(d, d->pending, &d->pending_cap, d->pending_n + 1,
				sizeof *d->pending);
	d->pending[d->pending_n++] = *c;
}

struct inode *disk_make(struct disk *d, enum fs_kind kind, struct inode *dir, const char *name,
			int64_t now_us)
{
	struct inode *f = disk_add(d, d->last_ino + 1, kind);
	f->mtime_us = now_us;
	f->parent = dir->ino;
	disk_link(d, f, dir, name);
	return f;
}

void disk_link(struct disk *d, struct inode *f, struct inode *dir, const char *name)
{
	struct change c = {.n = 0};
	change_half(d, &c, dir, name, f->ino);
	change_push(d, &c);
}

enum { GARBAGE_MAX = 64 }; /* by feel: a collection walks all names */

void disk_unlink(struct disk *d, struct inode *dir, const char *name)
{
	struct change c = {.n = 0};
	change_half(d, &c, dir, name, 0);
	change_push(d, &c);
	d->garbage++;
}

void disk_rename(struct disk *d, struct inode *from, const char *from_name, struct inode *to,
		 const char *to_name)
{
	struct inode *f = disk_child(d, from, from_name);
	struct change c = {.n = 0};
	change_half(d, &c, to, to_name, f->ino);
	change_half(d, &c, from, from_name, 0);
	change_push(d, &c);
	if (f->kind == FS_DIR)
		f->parent = to->ino;
}

void disk_release(struct disk *d, struct inode *f)
{
	CHECK(f->handles > 0);
	f->handles--;
	d->garbage += !f->handles && !f->links;
	if (d->garbage > GARBAGE_MAX)
		disk_collect(d);
}

static bool share_a_name(const struct change *a, const struct change *b)
{
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++)
			if (a->half[i].dir == b->half[j].dir &&
			    !strcmp(a->half[i].name, b->half[j].name))
				return true;
	return false;
}

/* From last to first, so that what is marked on the way marks in its turn. */
void disk_keep_marked(struct disk *d)
{
	for (size_t k = d->pending_n; k-- > 0;)
		for (size_t j = 0; d->pending[k].kept && j < k; j++)
			if (!d->pending[j].kept && share_a_name(&d->pending[j], &d->pending[k]))
				d->pending[j].kept = true;
	size_t left = 0;
	for (size_t k = 0; k < d->pending_n; k++) {
		struct change *c = &d->pending[k];
		for (unsigned h = 0; c->kept && h < c->n; h++) {
			struct inode *dir = disk_inode(d, c->half[h].dir);
			disk_set_name(d, &dir->safe_names, c->half[h].name, c->half[h].ino);
		}
		if (!c->kept)
			d->pending[left++] = *c;
	}
	d->pending_n = left;
}

void disk_sync_dir(struct disk *d, struct inode *dir)
{
	for (size_t k = 0; k < d->pending_n; k++)
		for (unsigned h = 0; h < d->pending[k].n; h++)
			if (d->pending[k].half[h].dir == dir->ino)
				d->pending[k].kept = true;
	disk_keep_marked(d);
	if (d->garbage > GARBAGE_MAX)
		disk_collect(d);
}

/* Content. */

size_t disk_blocks(size_t bytes)
{
	return (bytes + DISK_BLOCK - 1) / DISK_BLOCK;
}

uint64_t disk_used_bytes(const struct disk *d)
{
	uint64_t blocks = 0;
	for (size_t i = 0; i < d->n; i++)
		if (d->inode[i]->links || d->inode[i]->handles)
			blocks += disk_blocks(d->inode[i]->now.size);
	return blocks * DISK_BLOCK;
}

static size_t fitting(const struct disk *d, const struct inode *f, size_t len, uint64_t off)
{
	if (!d->capacity_bytes || off + len <= disk_blocks(f->now.size) * DISK_BLOCK)
		return len;
	uint64_t used = disk_used_bytes(d);
	uint64_t room = used < d->capacity_bytes ? d->capacity_bytes - used : 0;
	uint64_t end = (disk_blocks(f->now.size) + room / DISK_BLOCK) * DISK_BLOCK;
	return end <= off ? 0 : off + len <= end ? len : (size_t)(end - off);
}

size_t disk_write(struct disk *d, struct inode *f, const void *from, size_t len, uint64_t off)
{
	len = fitting(d, f, len, off);
	if (!len)
		return 0;
	size_t end = (size_t)off + len;
	f->now.data = disk_grown(d, f->now.data, &f->now.cap, end, 1);
	f->block = disk_grown(d, f->block, &f->blocks_cap, disk_blocks(end), 1);
	memcpy(f->now.data + off, from, len);
	f->close_failed = false;
	/* A hole before off is zeros on either side: nothing of it is dirty but the length. */
	memset(f->block + off / DISK_BLOCK, BLOCK_DIRTY, disk_blocks(end) - off / DISK_BLOCK);
	if (end > f->now.size)
		f->now.size = end;
	if (end > f->most)
		f->most = end;
	return len;
}

void disk_truncate(struct disk *d, struct inode *f, size_t size)
{
	(void)d;
	/* What is cut off becomes zeros, which a later write beyond it shows, and which may reach the
	 * disk before the new length does. */
	if (size == f->now.size)
		return;
	memset(f->now.data + size, 0, f->now.size - size);
	memset(f->block + size / DISK_BLOCK, BLOCK_DIRTY,
	       disk_blocks(f->now.size) - size / DISK_BLOCK);
	f->now.size = size;
	if (size < f->least)
		f->least = size;
}

void disk_sync(struct disk *d, struct inode *f)
{
	struct content *now = &f->now, *safe = &f->safe;
	safe->data = disk_grown(d, safe->data, &safe->cap, now->size, 1);
	if (safe->size > now->size)
		memset(safe->data + now->size, 0, safe->size - now->size);
	safe->size = now->size;
	for (size_t b = 0; b < disk_blocks(f->most); b++) {
		if (f->block[b] != BLOCK_DIRTY)
			continue;
		size_t at = b * DISK_BLOCK, n = at < now->size ? now->size - at : 0;
		if (n)
			memcpy(safe->data + at, now->data + at, n < DISK_BLOCK ? n : DISK_BLOCK);
		f->block[b] = BLOCK_CLEAN;
	}
	f->least = f->most = now->size;
}

void disk_sync_failed(struct inode *f)
{
	for (size_t b = 0; b < disk_blocks(f->most); b++)
		if (f->block[b] == BLOCK_DIRTY)
			f->block[b] = BLOCK_GONE;
}

bool disk_is_doubtful(const struct inode *f)
{
	for (size_t b = 0; b < disk_blocks(f->most); b++)
		if (f->block[b] == BLOCK_GONE)
			return true;
	return f->close_failed;
}

bool disk_is_synced(const struct inode *f)
{
	for (size_t b = 0; b < disk_blocks(f->most); b++)
		if (f->block[b] != BLOCK_CLEAN)
			return false;
	return f->least == f->most;
}
