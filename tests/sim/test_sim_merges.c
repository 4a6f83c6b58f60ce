/* test_sim_merges.c - merging keeps its bounds over 10,000 checkpoints of about one key each: how
 * many runs a chain has, how many files and bytes there are, and what was written again for that.
 * Counted at the file seam, with the whole product above it; no clock but the virtual one. */
#include "tests/sim/world.h"

#include "base/check.h"
#include "checkpoint/layout.h"
#include "checkpoint/slots.h"
#include "runtime/merger.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define CHECKPOINTS 10000u
#define HOT_CHECKPOINTS 3000u
#define RETAIN 3u
/* Manifests that stand there at once: those retained, the fence, the next one's temporary name and
 * slot, one that is about to be unlinked. Each names at most a whole chain. */
#define MANIFESTS (RETAIN + 4)
#define MANIFEST_BYTES 4096u /* of one */
#define PARTS ((RETAIN + 1) * CHAIN_RUNS_MAX + 2) /* and one being written, one being merged */
#define FILE_BYTES 448u /* of a part with one row: header, section, block, index, footer */
#define ROW_BYTES 17u   /* a key, a value, and which of the two: before they are packed */
#define REWRITTEN 14u   /* times that a row is written again, of 50,000 equal ones (adr/0015) */

/* What is written where, as the job's file operations say it. */
enum kind { KIND_PART, KIND_MERGE, KIND_OTHER, KINDS };

struct counted {
	struct fs_ops ops;
	const struct fs_ops *real;
	uint8_t *kind; /* by handle: fs_sim gives no number twice */
	size_t handles;
	uint64_t bytes[KINDS], files[KINDS];
};

/* A handle that was not opened here (a lock's) is of KIND_OTHER. */
static uint8_t *kind_of(struct counted *c, int fd)
{
	size_t n = c->handles;
	if ((size_t)fd >= n) {
		c->handles = 2 * (size_t)fd + 64;
		c->kind = realloc(c->kind, c->handles);
		memset(c->kind + n, KIND_OTHER, c->handles - n);
	}
	return &c->kind[fd];
}

static RC count_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	struct counted *c = CONTAINER_OF(fs->ops, struct counted, ops);
	const char *name = strrchr(path, '/');
	struct part_name part;
	if (c->real->open(fs, path, how, fd, e) != OK)
		return e->code;
	enum kind k = !name || !layout_part_parse(name + 1, &part) ? KIND_OTHER
		      : part.merge                                 ? KIND_MERGE
								    : KIND_PART;
	*kind_of(c, *fd) = (uint8_t)k;
	c->files[k] += how == FS_CREATE || how == FS_CREATE_PRIVATE;
	return OK;
}

static RC count_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
		       struct err *e)
{
	struct counted *c = CONTAINER_OF(fs->ops, struct counted, ops);
	c->bytes[*kind_of(c, fd)] += len;
	return c->real->pwrite(fs, fd, from, len, off, e);
}

static void count_begin(struct counted *c, struct world *w)
{
	*c = (struct counted){.ops = *w->fs->ops, .real = w->fs->ops};
	c->ops.open = count_open;
	c->ops.pwrite = count_pwrite;
	w->fs->ops = &c->ops;
}

struct seen {
	uint32_t runs, merges;     /* of the newest chain; merged files that were ever named */
	uint32_t late;             /* checkpoints whose chain was longer than CHAIN_RUNS_MAX */
	uint64_t rows, rewritten;  /* of the newest chain; of all those merges */
	uint32_t newest_merge;     /* its number: they come one after another */
};

static size_t names_in(struct world *w, const char *folder, uint64_t *bytes)
{
	struct fs_names names;
	struct err e = {0};
	char path[LAYOUT_PATH_MAX];
	*bytes = 0;
	CHECK(layout_path(path, w->dir, NULL, folder));
	if (fs_list(w->fs, path, &names, &e) != OK)
		world_fail(w, "%s", e.text);
	size_t n = names.n;
	for (size_t i = 0; i < n; i++) {
		struct fs_stat st;
		CHECK(layout_path(path, w->dir, folder, names.name[i]));
		if (fs_stat(w->fs, path, &st, &e) != OK)
			world_fail(w, "%s", e.text);
		*bytes += st.size_bytes;
	}
	fs_names_close(&names);
	return n;
}

static void see_merge(struct seen *s, const char *name, uint64_t rows)
{
	struct part_name part;
	if (!layout_part_parse(name, &part) || part.merge <= s->newest_merge)
		return;
	s->newest_merge = part.merge;
	s->merges++;
	s->rewritten += rows;
}

/* The chain of the newest checkpoint. */
static void see(struct world *w, struct seen *s)
{
	struct slot_list l = {0};
	struct manifest m;
	struct err e = {0};
	if (slots_list(slots_in(w->fs, w->dir), &w->mem, &l, &e) != OK ||
	    slots_read(slots_in(w->fs, w->dir), &w->mem, l.slot[l.n - 1], &m, &e) != OK)
		world_fail(w, "%s", e.text);
	const struct manifest_op *op =
		m.slot_kind == SLOT_CHECKPOINT ? manifest_find_op(&m, "sum") : NULL;
	if (op && op->n_keyed) {
		const struct manifest_keyed *k = &op->keyed[0];
		s->runs = k->n_runs;
		s->late += s->runs > CHAIN_RUNS_MAX;
		s->rows = 0;
		for (uint32_t i = 0; i < k->n_runs; i++) {
			const struct section_ref *r = &k->run[i].ref;
			s->rows += r->rows;
			if (r->file != SECTION_INLINE)
				see_merge(s, m.file[r->file].name, r->rows);
		}
	}
	manifest_close(&m);
	slot_list_close(&l);
}

/* What holds after every one of them. received: records so far, each of which changes one key. */
static void check_bounds(struct world *w, const struct counted *c, const struct seen *s,
			 uint64_t keys, uint64_t received)
{
	uint64_t part_bytes, manifest_bytes;
	uint64_t parts = names_in(w, LAYOUT_PARTS, &part_bytes);
	uint64_t manifests = names_in(w, LAYOUT_MANIFEST, &manifest_bytes);
	/* A merge that comes late lets a run or two come meanwhile; a stage whose chain has twice as
	 * many writes everything. */
	WORLD_CHECK(w, s->runs <= 2 * CHAIN_RUNS_MAX);
	WORLD_CHECK(w, s->late * 50 <= w->completed + 50);
	WORLD_CHECK(w, parts <= PARTS && manifests <= MANIFESTS);
	WORLD_CHECK(w, manifest_bytes <= manifests * MANIFEST_BYTES);
	WORLD_CHECK(w, part_bytes <= parts * FILE_BYTES + MANIFESTS * keys * ROW_BYTES);
	/* Amortised: at no time was more written again than what came so far allows. */
	WORLD_CHECK(w, s->rewritten <= REWRITTEN * received);
	WORLD_CHECK(w, c->files[KIND_MERGE] <= w->completed);
	WORLD_CHECK(w, c->bytes[KIND_MERGE] <= c->files[KIND_MERGE] * FILE_BYTES +
						       REWRITTEN * received * ROW_BYTES);
	/* Everything is written where the chain is long for a merge that did not come in time: so
	 * seldom that it costs less than the merges do. */
	WORLD_CHECK(w, c->bytes[KIND_PART] <= c->files[KIND_PART] * FILE_BYTES +
						      REWRITTEN * received * ROW_BYTES);
}

static struct seen run_through(const char *key, uint64_t keys_most, uint64_t checkpoints)
{
	struct world *w = malloc(sizeof *w);
	struct counted c;
	struct seen s = {0};
	char job[1024];
	snprintf(job, sizeof job,
		 "{\"name\":\"merges\",\"checkpoint\":{\"interval\":\"10ms\",\"retain\":%u},"
		 "\"pipeline\":[{\"id\":\"gen\",\"type\":\"generator_source\",\"rate\":100,"
		 "\"fields\":{\"k\":\"%s\",\"v\":\"1\"}},{\"id\":\"sum\",\"type\":\"keyed_sum\","
		 "\"key\":\"k\",\"value\":\"v\"},{\"id\":\"out\",\"type\":\"blackhole_sink\"}]}",
		 RETAIN, key);
	world_open(w, 7, job);
	count_begin(&c, w);
	WORLD_CHECK(w, world_start(w, 0) == WORLD_RUNNING);
	for (uint64_t before = 0, from_us = w->clock.now_us; w->completed < checkpoints;) {
		WORLD_CHECK(w, world_run(w, 50) == WORLD_PAUSED);
		if (w->completed == before)
			continue;
		before = w->completed;
		uint64_t received = (w->clock.now_us - from_us) / 10000 + 1;
		see(w, &s);
		check_bounds(w, &c, &s, received < keys_most ? received : keys_most, received);
	}
	printf("%s: %" PRIu64 " checkpoints, %" PRIu64 " rows in %u runs, %u times more than %d; "
	       "parts: %" PRIu64 " files, %" PRIu64 " bytes; merges: %u, %" PRIu64 " bytes, %" PRIu64
	       " rows\n", key, w->completed, s.rows, s.runs, s.late, CHAIN_RUNS_MAX,
	       c.files[KIND_PART], c.bytes[KIND_PART], s.merges, c.bytes[KIND_MERGE], s.rewritten);
	world_stop(w);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_STOPPED);
	world_exit(w);
	w->fs->ops = c.real;
	free(c.kind);
	world_close(w);
	free(w);
	return s;
}

TEST(ten_thousand_checkpoints_of_a_new_key_each_keep_their_bounds)
{
	struct seen s = run_through("i", UINT64_MAX, CHECKPOINTS);
	EXPECT(s.merges >= CHECKPOINTS / CHAIN_RUNS_MAX && s.rows >= CHECKPOINTS);
}

TEST(checkpoints_of_hot_keys_above_others_keep_their_bounds)
{
	struct seen s = run_through("case when i < 500 then i else splitmix64(i, 50) end", 500,
				    HOT_CHECKPOINTS);
	EXPECT(s.merges >= HOT_CHECKPOINTS / CHAIN_RUNS_MAX && s.rows >= 500);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(ten_thousand_checkpoints_of_a_new_key_each_keep_their_bounds),
		T(checkpoints_of_hot_keys_above_others_keep_their_bounds),
	};
	return RUN(tests);
}
