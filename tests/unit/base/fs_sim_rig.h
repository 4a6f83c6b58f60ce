/* fs_sim_rig.h - a simulated disk with its memory and its chance, and what the tests do to it. */
#pragma once
#include "base/fs_sim.h"
#include "tests/lib/test.h"

enum { SEEDS = 200, BIG = 5 * 4096 + 100 };

struct world {
	struct mem mem;
	struct fs_sim *sim;
	struct fs *fs;
	struct rng rng;
	struct err e;
};

static inline void world_begin(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	rng_seed(&w->rng, seed);
	EXPECT_OK(fs_sim_open(&w->sim, &w->mem, &w->e), &w->e);
	w->fs = fs_sim_fs(w->sim);
}

static inline void world_end(struct world *w)
{
	fs_sim_close(&w->sim);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

#define EACH_SEED(w, seed)                                                                         \
	for (uint64_t seed = 1; seed <= SEEDS && (world_begin(&(w), seed), true);                  \
	     world_end(&(w)), seed++)

#define MUST(w, call) EXPECT_OK(call, &(w).e)

static inline int create(struct world *w, const char *path)
{
	int fd;
	MUST(*w, fs_open(w->fs, path, FS_CREATE, &fd, &w->e));
	return fd;
}

static inline void write_fill(struct world *w, int fd, char with, size_t len, uint64_t off)
{
	static char block[BIG];
	EXPECT(len <= sizeof block);
	memset(block, with, len);
	MUST(*w, fs_pwrite(w->fs, fd, block, len, off, &w->e));
}

static inline bool is_there(struct world *w, const char *path)
{
	struct fs_stat st;
	enum rc rc = fs_stat(w->fs, path, &st, NULL);
	EXPECT(rc == OK || rc == E_NOT_FOUND);
	return rc == OK;
}

/* The file's bytes; the caller puts them back. */
static inline uint8_t *content(struct world *w, const char *path, size_t *len)
{
	uint8_t *data;
	MUST(*w, fs_read_all(w->fs, path, 1 << 20, &data, len, &w->e));
	return data;
}

static inline size_t count_of(const uint8_t *data, size_t len, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += data[i] == (uint8_t)c;
	return n;
}

static inline void cut(struct world *w)
{
	fs_sim_crash(w->sim, &w->rng);
}
