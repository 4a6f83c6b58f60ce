/* catalogue_rig.h - a catalogue on a real or on the simulated disk, and what tests do to it. */
#pragma once
#include "server/catalogue.h"

#include "base/check.h"
#include "base/fs_sim.h"
#include "tests/lib/test.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
	char name[ENTRY_NAME_MAX + 1];
	uint64_t version;
	enum standing standing;
	bool corrupt;
	char error[ERR_TEXT_MAX];
};

struct world {
	struct mem mem;
	struct fs_real real;
	struct fs_sim *sim;
	struct env env;
	struct fs *fs;
	struct catalogue *cat;
	char root[32], data[64];
	struct seen seen[8];
	size_t n_seen;
	struct err e;
};

static inline void world_begin(struct world *w, bool simulated)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	strcpy(w->root, simulated ? "sim" : "/tmp/weir-test-XXXXXX");
	if (simulated) {
		EXPECT_OK(fs_sim_open(&w->sim, &w->mem, &w->e), &w->e);
		w->fs = fs_sim_fs(w->sim);
	} else {
		EXPECT(mkdtemp(w->root) != NULL);
		fs_real_init(&w->real, &w->mem);
		w->fs = &w->real.fs;
	}
	w->env = (struct env){.clock = clock_real(), .fs = w->fs, .mem = &w->mem};
	snprintf(w->data, sizeof w->data, "%s/some/data", w->root);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void world_end(struct world *w)
{
	catalogue_close(w->cat);
	if (w->sim)
		fs_sim_close(&w->sim);
	else
		EXPECT(nftw(w->root, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

#define EACH_DISK(w)                                                                               \
	for (int disk_ = 0; disk_ < 2 && (world_begin(&(w), disk_), true); world_end(&(w)), disk_++)

static inline void on_found(void *arg, struct catalogue_found *f)
{
	struct world *w = arg;
	if (w->n_seen < ARRAY_LEN(w->seen)) {
		struct seen *s = &w->seen[w->n_seen];
		*s = (struct seen){.version = f->version, .standing = f->entry.standing,
				   .corrupt = f->corrupt};
		snprintf(s->name, sizeof s->name, "%s", f->entry.name);
		snprintf(s->error, sizeof s->error, "%s", f->entry.error ? f->entry.error : "");
	}
	EXPECT(!f->entry.job && (f->corrupt || f->entry.job_len));
	w->n_seen++;
}

static inline enum rc try_open(struct world *w)
{
	catalogue_close(w->cat);
	w->n_seen = 0;
	err_clear(&w->e);
	return catalogue_open(&w->cat, &w->env, w->data, 4711, on_found, w, &w->e);
}

static inline void reopen(struct world *w)
{
	EXPECT_OK(try_open(w), &w->e);
}

static inline struct entry entry_of(const char *name, enum standing s, char *job)
{
	struct entry en = {.standing = s, .job = job, .job_len = job ? strlen(job) : 0};
	snprintf(en.name, sizeof en.name, "%s", name);
	return en;
}

static inline uint64_t put(struct world *w, const char *name, uint64_t version, enum standing s,
			   char *job)
{
	struct entry en = entry_of(name, s, job);
	err_clear(&w->e);
	EXPECT_OK(catalogue_put(w->cat, &en, &version, &w->e), &w->e);
	return version;
}

static inline enum rc put_rc(struct world *w, const char *name, uint64_t version)
{
	char job[] = "x";
	struct entry en = entry_of(name, STANDING_RUNNING, job);
	uint64_t now = version;
	err_clear(&w->e);
	enum rc rc = catalogue_put(w->cat, &en, &now, &w->e);
	EXPECT(rc == OK || now == version); /* refused: nothing was tried */
	return rc;
}

static inline void expect_job(struct world *w, const char *name, uint64_t version, const char *job)
{
	struct entry en;
	EXPECT_OK(catalogue_read(w->cat, name, version, &en, &w->e), &w->e);
	EXPECT(!strcmp(en.job, job) && !strcmp(en.name, name));
	entry_close(&en);
}

static inline char *at(const struct world *w, const char *file)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", w->data, file);
	return path;
}

static inline bool is_there(struct world *w, const char *file)
{
	struct fs_stat st;
	return fs_stat(w->fs, at(w, file), &st, NULL) == OK;
}

static inline void make_file(struct world *w, const char *file, const char *text)
{
	EXPECT_OK(fs_write_new(w->fs, at(w, file), text, strlen(text), &w->e), &w->e);
}

static inline void make_dir(struct world *w, const char *dir)
{
	EXPECT_OK(fs_mkdir_all(w->fs, at(w, dir), &w->e), &w->e);
}

static inline void make_job(struct world *w)
{
	make_dir(w, "jobs/a/manifest");
	make_dir(w, "jobs/a/parts/more");
	make_file(w, "jobs/a/owner.lock", "99                  \n");
	make_file(w, "jobs/a/manifest/00000000000000000001", "m");
	make_file(w, "jobs/a/parts/p", "p");
	make_file(w, "jobs/a/parts/more/p", "p");
	make_file(w, "logs/a.log", "l");
	make_file(w, "logs/a.log.1", "l");
	make_file(w, "logs/a-b.log", "l");
	static const char *const folders[] = {"jobs/a/manifest", "jobs/a/parts/more", "jobs/a/parts",
					      "jobs/a", "jobs", "logs"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		EXPECT_OK(fs_sync_dir(w->fs, at(w, folders[i]), &w->e), &w->e);
}
