/* fs_sim_cut.c - the end of a process and the end of the power on the simulated disk, and the
 * invariants of what is left. See fs_sim_disk.h. */
#include "base/fs_sim_disk.h"

#include "base/check.h"

#include <string.h>

/* ---- by chance ---- */

/* How much of what was not synced survives: the extremes are as likely as the middle, because that
 * is where the bugs are. */
enum fate { FATE_NONE, FATE_ALL, FATE_HALF, FATE_BEGINNING, N_FATES };

static bool chance_keeps(struct disk_chooser *c, size_t k)
{
	struct disk_chance *x = CONTAINER_OF(c, struct disk_chance, chooser);
	bool coin = rng_below(x->rng, 2);
	return x->fate == FATE_ALL || (x->fate == FATE_HALF && coin) ||
	       (x->fate == FATE_BEGINNING && k < x->until);
}

static size_t chance_length(struct disk_chooser *c, const struct inode *f)
{
	struct disk_chance *x = CONTAINER_OF(c, struct disk_chance, chooser);
	x->fate = (int)rng_below(x->rng, N_FATES);
	x->until = (size_t)rng_below(x->rng, disk_blocks(f->most));
	uint64_t size_fate = rng_below(x->rng, 3), between = rng_below(x->rng, f->most - f->least + 1);
	return x->fate == FATE_ALL || size_fate == 0 ? f->now.size
	       : size_fate == 1                      ? f->safe.size
						     : f->least + (size_t)between;
}

/* None, all, or up to a sector's border. */
static size_t chance_bytes(struct disk_chooser *c, const struct inode *f, size_t b)
{
	(void)f;
	struct disk_chance *x = CONTAINER_OF(c, struct disk_chance, chooser);
	uint64_t coin = rng_below(x->rng, 4), sectors = rng_below(x->rng, DISK_BLOCK / DISK_SECTOR);
	bool whole = x->fate == FATE_ALL || (x->fate == FATE_BEGINNING && b < x->until) ||
		     (x->fate == FATE_HALF && coin < 2);
	bool torn = (x->fate == FATE_BEGINNING && b == x->until) ||
		    (x->fate == FATE_HALF && coin == 2);
	return whole ? DISK_BLOCK : torn ? (size_t)sectors * DISK_SECTOR : 0;
}

void disk_chance_init(struct disk_chance *c, const struct disk *d, struct rng *r)
{
	*c = (struct disk_chance){.chooser = {chance_keeps, chance_length, chance_bytes}, .rng = r};
	c->fate = (int)rng_below(r, N_FATES);
	c->until = (size_t)rng_below(r, d->pending_n + 1);
}

/* ---- the cut ---- */

static void cut_names(struct disk *d, struct disk_chooser *c)
{
	for (size_t k = 0; k < d->pending_n; k++)
		d->pending[k].kept = c->keeps_change(c, k);
	disk_keep_marked(d);
	d->pending_n = 0;
}

static void cut_content(struct disk *d, struct inode *f, struct disk_chooser *c)
{
	struct content *now = &f->now, *safe = &f->safe;
	size_t size = c->length(c, f);
	safe->data = disk_grown(d, safe->data, &safe->cap, size, 1);
	if (safe->size > size)
		memset(safe->data + size, 0, safe->size - size);
	safe->size = size;
	for (size_t b = 0; b < disk_blocks(f->most); b++) {
		size_t at = b * DISK_BLOCK;
		size_t n = f->block[b] == BLOCK_CLEAN ? 0 : c->bytes_kept(c, f, b);
		f->block[b] = BLOCK_CLEAN;
		if (at < size && n)
			memcpy(safe->data + at, now->data + at, n < size - at ? n : size - at);
	}
	/* The cache is read anew from the disk. */
	f->close_failed = false;
	memset(now->data, 0, now->cap);
	if (size)
		memcpy(now->data, safe->data, size);
	now->size = size;
	f->least = f->most = size;
}

void disk_power_cut(struct disk *d, struct disk_chooser *c)
{
	cut_names(d, c);
	for (size_t i = 0; i < d->n; i++) {
		struct inode *f = d->inode[i];
		if (f->kind == FS_FILE && f->most)
			cut_content(d, f, c);
		f->names.n = 0;
		const struct entries *safe = &f->safe_names;
		for (size_t k = 0; k < safe->n; k++)
			disk_set_name(d, &f->names, safe->at[k].name, safe->at[k].ino);
		f->links = f->ino == DISK_ROOT;
	}
	disk_collect(d);
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->inode[i]->names.n; k++) {
			struct inode *f = disk_inode(d, d->inode[i]->names.at[k].ino);
			f->links++;
			if (f->kind == FS_DIR)
				f->parent = d->inode[i]->ino;
		}
}

bool disk_is_pending(const struct disk *d, const struct inode *dir, const char *name)
{
	for (size_t i = 0; i < d->pending_n; i++)
		for (unsigned h = 0; h < d->pending[i].n; h++)
			if (d->pending[i].half[h].dir == dir->ino &&
			    !strcmp(d->pending[i].half[h].name, name))
				return true;
	return false;
}

/* Each name of a that is not pending stands in b alike. */
static void check_names(const struct disk *d, const struct inode *dir, const struct entries *a,
			const struct entries *b)
{
	for (size_t k = 0; k < a->n; k++) {
		CHECK(k == 0 || strcmp(a->at[k - 1].name, a->at[k].name) < 0); /* inv 2 */
		if (disk_is_pending(d, dir, a->at[k].name))
			continue;
		bool same = false;
		for (size_t m = 0; m < b->n && !same; m++)
			same = a->at[k].ino == b->at[m].ino &&
			       !strcmp(a->at[k].name, b->at[m].name);
		CHECK(same); /* inv 3 */
	}
}

static void check_content(const struct inode *f)
{
	CHECK(f->least <= f->now.size && f->now.size <= f->most); /* inv 6 */
	CHECK(f->least <= f->safe.size && f->safe.size <= f->most);
	for (size_t b = 0; b < disk_blocks(f->now.size); b++) { /* inv 4 */
		size_t at = b * DISK_BLOCK, end = at + DISK_BLOCK;
		end = end < f->safe.size ? end : f->safe.size;
		CHECK(f->block[b] != BLOCK_CLEAN || at >= end ||
		      !memcmp(f->now.data + at, f->safe.data + at, end - at));
	}
}

void disk_check(const struct disk *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct inode *f = d->inode[i];
		CHECK(i == 0 || d->inode[i - 1]->ino < f->ino); /* inv 1 */
		check_names(d, f, &f->names, &f->safe_names);
		check_names(d, f, &f->safe_names, &f->names);
		check_content(f);
		uint64_t links = f->ino == DISK_ROOT; /* inv 5 */
		for (size_t k = 0; k < d->n; k++)
			for (size_t m = 0; m < d->inode[k]->names.n; m++)
				links += d->inode[k]->names.at[m].ino == f->ino;
		CHECK(links == f->links);
	}
}
