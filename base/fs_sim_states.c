/* fs_sim_states.c - see fs_sim_states.h. Who answers the questions of disk_power_cut is a chooser
 * with a digit for each: how many answers each has is asked once, then the combinations are counted
 * off. */
#include "base/fs_sim_states.h"

#include "base/fs_sim_core.h"
#include "base/hash.h"

#include <string.h>

/* ---- copies ---- */

static void copy_content(struct disk *d, struct content *to, const struct content *from)
{
	to->data = disk_grown(d, to->data, &to->cap, from->size, 1);
	if (from->size)
		memcpy(to->data, from->data, from->size);
	to->size = from->size;
}

static void copy_entries(struct disk *d, struct entries *to, const struct entries *from)
{
	to->at = disk_grown(d, to->at, &to->cap, from->n, sizeof *to->at);
	if (from->n)
		memcpy(to->at, from->at, from->n * sizeof *to->at);
	to->n = from->n;
}

void disk_copy(struct disk *to, const struct disk *from)
{
	disk_clear(to);
	for (size_t i = 0; i < from->n; i++) {
		const struct inode *f = from->inode[i];
		struct inode *c = disk_add(to, f->ino, f->kind);
		c->parent = f->parent;
		c->links = f->links;
		c->mtime_us = f->mtime_us;
		c->close_failed = f->close_failed;
		copy_content(to, &c->now, &f->now);
		copy_content(to, &c->safe, &f->safe);
		c->least = f->least;
		c->most = f->most;
		size_t blocks = disk_blocks(f->most);
		c->block = disk_grown(to, c->block, &c->blocks_cap, blocks, 1);
		if (blocks)
			memcpy(c->block, f->block, blocks);
		copy_entries(to, &c->names, &f->names);
		copy_entries(to, &c->safe_names, &f->safe_names);
	}
	to->pending = disk_grown(to, to->pending, &to->pending_cap, from->pending_n,
				 sizeof *to->pending);
	if (from->pending_n)
		memcpy(to->pending, from->pending, from->pending_n * sizeof *to->pending);
	to->pending_n = from->pending_n;
	to->last_ino = from->last_ino;
	to->capacity_bytes = from->capacity_bytes;
	disk_collect(to);
}

static uint64_t hash_on(uint64_t h, const void *data, size_t len)
{
	uint64_t both[] = {h, len, len ? hash_bytes(data, len) : 0};
	return hash_bytes(both, sizeof both);
}

static uint64_t hash_of(const struct disk *d, const struct inode *f, uint64_t h)
{
	uint64_t facts[] = {h, f->ino, f->kind, f->links, f->names.n};
	h = hash_on(hash_bytes(facts, sizeof facts), f->now.data, f->now.size);
	for (size_t i = 0; i < f->names.n; i++) {
		const struct entry *x = &f->names.at[i];
		h = hash_on(h, x->name, strlen(x->name));
		h = hash_of(d, disk_inode(d, x->ino), h);
	}
	return h;
}

uint64_t disk_hash(const struct disk *d)
{
	return hash_of(d, disk_inode(d, DISK_ROOT), 0);
}

void fs_sim_copy(struct fs_sim *to, const struct fs_sim *from)
{
	lock_take(&to->lock);
	CHECK(!to->handles_n);
	disk_copy(&to->disk, &from->disk);
	to->ops = from->ops;
	atomic_store(&to->fs.count, from->ops);
	lock_drop(&to->lock);
}

uint64_t fs_sim_hash(const struct fs_sim *s)
{
	return disk_hash(&s->disk);
}

/* ---- the questions ---- */

enum { ANSWERS_MAX = 16 };

struct question {
	uint64_t ino;  /* 0: a change of directories, number `block` */
	size_t block;  /* SIZE_MAX: the length */
	unsigned answers, answer;
	unsigned kept; /* the answer "as in the cache"; 0 is "as on disk" */
	size_t bytes[ANSWERS_MAX];
};

enum stage { ALL, EXTREMES, ALONE_LOST, ALONE_KEPT, FIRST, FIRST_NAMES, PAIRS_LOST, PAIRS_KEPT,
	     DRAWN, OVER };

struct fs_sim_states {
	struct disk_chooser chooser;
	const struct fs_sim *from;
	struct mem mem;
	struct question *question;
	size_t n, cap, at; /* at: the next to be answered */
	size_t changes;    /* the first so many are of directories */
	bool asks;         /* it learns the questions */
	uint64_t all, at_most, done;
	struct rng rng;
	enum stage stage;
	size_t i, j; /* within the stage */
};

static struct fs_sim_states *states_of(struct disk_chooser *c)
{
	return CONTAINER_OF(c, struct fs_sim_states, chooser);
}

/* Its number, which may be that of an equal one. */
static unsigned add_answer(struct question *q, size_t bytes)
{
	for (unsigned i = 0; i < q->answers; i++)
		if (q->bytes[i] == bytes)
			return i;
	if (q->answers < ANSWERS_MAX)
		q->bytes[q->answers++] = bytes;
	return q->answers - 1;
}

static void ask_length(struct question *q, const struct inode *f)
{
	add_answer(q, f->safe.size);
	q->kept = add_answer(q, f->now.size);
	if (f->now.size > f->least)
		add_answer(q, f->now.size - 1);
	add_answer(q, f->least);
	add_answer(q, f->most);
	add_answer(q, f->least + (f->most - f->least) / 2);
	for (size_t at = disk_blocks(f->least) * DISK_BLOCK; at < f->most; at += DISK_BLOCK)
		add_answer(q, at);
}

static void ask_block(struct question *q, const struct inode *f, size_t b)
{
	size_t at = b * DISK_BLOCK, len = f->most - at < DISK_BLOCK ? f->most - at : DISK_BLOCK;
	size_t sectors = (len + DISK_SECTOR - 1) / DISK_SECTOR;
	add_answer(q, 0);
	q->kept = add_answer(q, DISK_BLOCK);
	if (sectors > 1) {
		add_answer(q, DISK_SECTOR);
		add_answer(q, sectors / 2 * DISK_SECTOR);
		add_answer(q, (sectors - 1) * DISK_SECTOR);
	}
}

/* The question's answer; the first time it is only written down. */
static size_t answer(struct fs_sim_states *st, const struct inode *f, size_t block)
{
	if (!st->asks) {
		CHECK(st->at < st->n);
		const struct question *q = &st->question[st->at++];
		CHECK(q->ino == (f ? f->ino : 0) && q->block == block);
		return q->bytes[q->answer];
	}
	struct question q = {.ino = f ? f->ino : 0, .block = block};
	if (!f) {
		add_answer(&q, 0);
		q.kept = add_answer(&q, 1);
		st->changes++;
	} else if (block == SIZE_MAX) {
		ask_length(&q, f);
	} else {
		ask_block(&q, f, block);
	}
	if (st->n == st->cap) {
		st->cap = st->cap ? 2 * st->cap : 64;
		st->question = mem_resize(&st->mem, st->question, st->cap * sizeof q);
		CHECK(st->question);
	}
	st->question[st->n++] = q;
	return q.bytes[0];
}

static bool states_keeps(struct disk_chooser *c, size_t k)
{
	return answer(states_of(c), NULL, k);
}

static size_t states_length(struct disk_chooser *c, const struct inode *f)
{
	return f->least == f->most ? f->most : answer(states_of(c), f, SIZE_MAX);
}

static size_t states_bytes(struct disk_chooser *c, const struct inode *f, size_t b)
{
	return answer(states_of(c), f, b);
}

void fs_sim_states_open(struct fs_sim_states **out, const struct fs_sim *from, uint64_t at_most,
			uint64_t seed)
{
	struct mem mem;
	struct disk scratch;
	mem_init(&mem, 0);
	struct fs_sim_states *st = *out = mem_get(&mem, sizeof *st);
	CHECK(st);
	*st = (struct fs_sim_states){.chooser = {states_keeps, states_length, states_bytes},
				     .from = from, .mem = mem, .asks = true, .all = 1,
				     .at_most = at_most};
	rng_seed(&st->rng, seed);
	disk_init(&scratch);
	disk_copy(&scratch, &from->disk);
	disk_power_cut(&scratch, &st->chooser);
	disk_close(&scratch);
	st->asks = false;
	for (size_t i = 0; i < st->n; i++)
		if (__builtin_mul_overflow(st->all, st->question[i].answers, &st->all))
			st->all = UINT64_MAX;
	st->stage = st->all <= at_most ? ALL : EXTREMES;
}

void fs_sim_states_close(struct fs_sim_states **st)
{
	if (!*st)
		return;
	struct mem mem = (*st)->mem;
	mem_put(&mem, (*st)->question);
	mem_put(&mem, *st);
	*st = NULL;
}

uint64_t fs_sim_states_all(const struct fs_sim_states *st)
{
	return st->all;
}

uint64_t fs_sim_states_made(const struct fs_sim_states *st)
{
	return st->all < st->at_most ? st->all : st->at_most;
}

/* ---- one after the other ---- */

static void set(struct fs_sim_states *st, size_t i, bool keeps)
{
	st->question[i].answer = keeps ? st->question[i].kept : 0;
}

static void set_all(struct fs_sim_states *st, bool keeps)
{
	for (size_t i = 0; i < st->n; i++)
		set(st, i, keeps);
}

/* As an odometer: false after the last. */
static bool count_on(struct fs_sim_states *st)
{
	if (!st->done)
		return true; /* all are 0 */
	for (size_t i = 0; i < st->n; i++) {
		if (++st->question[i].answer < st->question[i].answers)
			return true;
		st->question[i].answer = 0;
	}
	return false;
}

/* Each answer of one question, the others being like the rest; i and j count them. */
static bool alone(struct fs_sim_states *st, bool rest)
{
	while (st->i < st->n && st->j >= st->question[st->i].answers) {
		st->i++;
		st->j = 0;
	}
	if (st->i == st->n)
		return false;
	set_all(st, rest);
	st->question[st->i].answer = (unsigned)st->j++;
	return true;
}

/* The first so many are kept, up to `until`, then with all from there on. */
static bool first(struct fs_sim_states *st, size_t until)
{
	if (st->i > until)
		return false;
	for (size_t i = 0; i < st->n; i++)
		set(st, i, i < st->i || i >= until);
	st->i++;
	return true;
}

static bool pairs(struct fs_sim_states *st, bool rest)
{
	if (++st->j >= st->n) {
		st->i++;
		st->j = st->i + 1;
	}
	if (st->j >= st->n)
		return false;
	set_all(st, rest);
	set(st, st->i, !rest);
	set(st, st->j, !rest);
	return true;
}

/* Of what there is little is kept, or half, or most. */
static void draw(struct fs_sim_states *st)
{
	uint64_t kept = 1 + rng_below(&st->rng, 7);
	for (size_t i = 0; i < st->n; i++) {
		struct question *q = &st->question[i];
		set(st, i, rng_below(&st->rng, 8) < kept);
		if (q->answers > 2 && rng_below(&st->rng, 4) == 0)
			q->answer = (unsigned)rng_below(&st->rng, q->answers);
	}
}

static bool stage_next(struct fs_sim_states *st)
{
	switch (st->stage) {
	case EXTREMES:
		set_all(st, st->i);
		return st->i++ < 2;
	case ALONE_LOST:
		return alone(st, true);
	case ALONE_KEPT:
		return alone(st, false);
	case FIRST:
		return first(st, st->n);
	case FIRST_NAMES:
		return first(st, st->changes);
	case PAIRS_LOST:
		return pairs(st, true);
	case PAIRS_KEPT:
		return pairs(st, false);
	default:
		draw(st);
		return true;
	}
}

static bool advance(struct fs_sim_states *st)
{
	if (st->stage == OVER || st->done == st->at_most)
		return false;
	if (st->stage == ALL)
		return count_on(st);
	while (!stage_next(st)) {
		st->stage++;
		st->i = st->j = 0;
	}
	return true;
}

bool fs_sim_states_next(struct fs_sim_states *st, struct fs_sim *to)
{
	if (!advance(st)) {
		st->stage = OVER;
		return false;
	}
	st->done++;
	st->at = 0;
	fs_sim_copy(to, st->from);
	disk_power_cut(&to->disk, &st->chooser);
	CHECK(st->at == st->n);
	return true;
}

void fs_sim_states_tell(const struct fs_sim_states *st, FILE *to)
{
	for (size_t i = 0; i < st->n; i++) {
		const struct question *q = &st->question[i];
		if (q->answer == q->kept)
			continue;
		if (!q->ino) {
			const struct change *c = &st->from->disk.pending[q->block];
			fprintf(to, "  lost: %s of '%s'\n",
				c->n == 2           ? "the rename to the name"
				: c->half[0].ino ? "the name"
						    : "the end of the name",
				c->half[0].name);
		} else if (q->block == SIZE_MAX) {
			fprintf(to, "  file %llu has %zu bytes, not %zu\n",
				(unsigned long long)q->ino, q->bytes[q->answer], q->bytes[q->kept]);
		} else {
			fprintf(to, "  file %llu: %zu bytes of block %zu are new\n",
				(unsigned long long)q->ino, q->bytes[q->answer], q->block);
		}
	}
}
