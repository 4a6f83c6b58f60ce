/* sink_world.h - a file sink on a simulated disk, driven by hand through intervals, crashes and
 * faults, and what must then be on the disk: shared by the tests of rolling and of single files.
 * A checkpoint is published, here, by remembering its intents and state; settling them is the real
 * intent_settle. The sink is compiled with tiny buffers (small_sink.h). */
#pragma once
#include "tests/unit/operators/small_sink.h"

#include "base/rng.h"
#include "tests/unit/operators/op_driver.h"

#define ROWS_TOTAL 60
#define INTERVALS 4

struct world {
	struct mem mem, disk_mem;
	struct fs_sim *sim;
	struct fs *fs;
	struct rng rng;
	struct schema in;
	struct planned plan;
	bool single;
	/* the published checkpoint */
	uint64_t checkpoint;
	struct bytes intents, state;
	uint64_t rows;        /* 0..rows-1 came before its barrier */
	/* this attempt */
	uint64_t epoch;
	struct bytes orphans, fresh;
	char says[512];
	struct ioqueue *io;
	struct op_driver d;
	uint64_t pushed;
};

#define ROLLING "{\"path\":\"a/out\",\"format\":\"csv\"}"
#define SINGLE "{\"path\":\"a/out.csv\",\"format\":\"csv\",\"files\":\"single\"}"
#define SINGLE_FILE "a/out.csv"

static inline void world_open_with(struct world *w, uint64_t seed, const char *options)
{
	struct err e = {OK};
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	mem_init(&w->disk_mem, 0);
	rng_seed(&w->rng, seed);
	EXPECT_OK(fs_sim_open(&w->sim, &w->disk_mem, &e), &e);
	w->fs = fs_sim_fs(w->sim);
	EXPECT_OK(schema_add(&w->in, "n", T_INT64, false, &e), &e);
	EXPECT_OK(schema_add(&w->in, "s", T_STRING, false, &e), &e);
	bytes_init(&w->intents, &w->disk_mem);
	bytes_init(&w->state, &w->disk_mem);
	bytes_init(&w->orphans, &w->mem);
	bytes_init(&w->fresh, &w->mem);
	if (!plan_stage(&w->plan, &small_file_sink_ops, options, &w->in, &w->mem, &e))
		fail_msg("plan: %s", e.text);
	w->single = strstr(options, "single") != NULL;
	EXPECT(w->plan.plan.commits && w->plan.plan.one_subtask == w->single);
	EXPECT(!strcmp(w->plan.plan.path, w->single ? SINGLE_FILE : "a/out"));
	w->epoch = 1;
}

static inline void world_open(struct world *w, uint64_t seed)
{
	world_open_with(w, seed, ROLLING);
}

static inline void world_close(struct world *w)
{
	plan_close(&w->plan, &w->mem);
	bytes_close(&w->intents);
	bytes_close(&w->state);
	bytes_close(&w->orphans);
	bytes_close(&w->fresh);
	EXPECT(w->mem.used_bytes == 0);
	fs_sim_close(&w->sim);
}

/* ---- the oracle ---- */

static inline int row_text(uint64_t i, char *to, size_t size)
{
	return snprintf(to, size, "%llu,%.*s\n", (unsigned long long)i, (int)(1 + i * 7 % 100),
			"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
			"sssssssssssssssssssss");
}

static inline struct batch *batch_make(struct op_driver *d, uint64_t first, uint32_t n)
{
	struct batch *b = pool_batch(d->ctx.pool);
	struct column *num = b ? pool_column(d->ctx.pool, T_INT64) : NULL;
	struct column *str = num ? pool_column(d->ctx.pool, T_STRING) : NULL;
	struct text *t = str ? pool_text(d->ctx.pool, TEXT_BYTES) : NULL;
	if (!t) {
		column_drop(num);
		column_drop(str);
		batch_drop(&b);
		return NULL;
	}
	column_text_add(str, t);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = 1 + (uint32_t)((first + i) * 7 % 100);
		memset(t->data + t->used, 's', len);
		num->i64[i] = (int64_t)(first + i);
		str->str[i] = strview_of(t->data, 0, t->used, len);
		t->used += len;
	}
	text_drop(t);
	b->rows = num->rows = str->rows = n;
	b->n_cols = 2;
	b->col[0] = num;
	b->col[1] = str;
	return b;
}

/* ---- attempts ---- */

/* The listed intents, as a manifest would give them. */
static inline size_t intents_listed(const struct world *w, struct intent *in, size_t max)
{
	size_t n = 0;
	uint64_t end = 0;
	struct reader r = reader_of(w->intents.data, w->intents.len);
	while (n < max && intent_next(&r, &in[n])) {
		EXPECT(!strcmp(in[n].sink, "stage"));
		EXPECT(in[n].kind == (w->single ? INTENT_APPEND : INTENT_RENAME));
		end = in[n].offset + in[n].length;
		n++;
	}
	EXPECT(!r.failed && (n < max || !reader_left(&r)));
	for (size_t i = 0; i < n; i++)
		in[i].file_end = end;
	return n;
}

#define INTENTS_MAX 256

static inline enum rc settle(struct world *w, struct err *e)
{
	struct intent in[INTENTS_MAX];
	size_t n = intents_listed(w, in, INTENTS_MAX);
	for (size_t i = 0; i < n; i++) {
		enum intent_outcome out;
		if (intent_settle(w->fs, &in[i], &out, e) != OK)
			return e->code;
	}
	return OK;
}

static inline void attempt_close(struct world *w)
{
	driver_close(&w->d);
	if (w->io)
		ioqueue_close(w->io);
	w->io = NULL;
}

/* A start: begin, settle, open. */
static inline enum rc attempt_open(struct world *w, struct err *e)
{
	struct intent listed[INTENTS_MAX];
	size_t n = intents_listed(w, listed, INTENTS_MAX);
	bytes_clear(&w->orphans);
	bytes_clear(&w->fresh);
	struct op_begin b = {.mem = &w->mem, .fs = w->fs, .stage = "stage", .uuid = "the-uuid",
			     .lineage = 0xabcd1234, .epoch = w->epoch, .restored = w->checkpoint > 0,
			     .parallelism = 1, .max_parallelism = 8, .intents = listed,
			     .n_intents = n, .orphans = w->orphans, .old = &w->state,
			     .n_old = w->state.len > 0, .fresh = &w->fresh};
	enum rc rc = small_file_sink_ops.begin(w->plan.plan.conf, &b, e);
	w->orphans = b.orphans;
	memcpy(w->says, b.says, sizeof w->says);
	if (rc == OK)
		rc = settle(w, e);
	if (rc == OK)
		rc = ioqueue_open(&w->io, w->fs, &w->mem, e);
	if (rc == OK) {
		driver_init(&w->d, &small_file_sink_ops, w->plan.plan.conf, w->io, &w->mem);
		w->d.ctx.in = &w->in;
		w->d.ctx.epoch = w->epoch;
		rc = driver_start(&w->d, &w->fresh, e);
	}
	w->pushed = w->rows;
	if (rc != OK)
		attempt_close(w);
	return rc;
}

static inline enum rc failed(struct world *w, struct err *e)
{
	EXPECT(w->d.ctx.error.code != OK);
	*e = w->d.ctx.error;
	return e->code;
}

/* A lane, or the letters. */
static inline void something_else(struct world *w)
{
	switch (rng_below(&w->rng, 3)) {
	case 0:
		ioqueue_step(w->io, LANE_BYTES);
		break;
	case 1:
		ioqueue_step(w->io, LANE_DURABILITY);
		break;
	default:
		driver_letters(&w->d);
	}
}

static inline enum rc push(struct world *w, uint32_t n, struct err *e)
{
	struct batch *b = batch_make(&w->d, w->pushed, n);
	if (!b)
		return ERR(e, E_NO_MEMORY, "batch");
	enum op_result r = OP_WAIT;
	for (int i = 0; r == OP_WAIT; i++) {
		EXPECT(i < 100000);
		r = w->d.failed ? OP_FAILED : w->d.ops->batch(w->d.self, &w->d.ctx, b);
		if (r == OP_WAIT)
			something_else(w);
	}
	batch_drop(&b);
	w->pushed += n;
	return r == OP_FAILED ? failed(w, e) : OK;
}

/* Barrier, records of the next interval, prepared, published, settled, committed. `lost`: the
 * checkpoint is given up once it is prepared. */
static inline enum rc checkpoint(struct world *w, uint64_t id, bool lost, struct err *e)
{
	struct op_snapshot o = {.checkpoint = id};
	bytes_init(&o.state, &w->disk_mem);
	bytes_init(&o.intents, &w->disk_mem);
	uint64_t rows = w->pushed;
	enum op_result r = w->d.ops->snapshot(w->d.self, &w->d.ctx, &o);
	EXPECT((o.state.len > 0) == (w->single && r == OP_DONE));
	enum rc rc = r == OP_FAILED ? failed(w, e) : OK;
	if (rc == OK && rng_below(&w->rng, 2))
		rc = push(w, 2, e);
	for (r = OP_WAIT; rc == OK && r != OP_DONE;) {
		r = w->d.failed ? OP_FAILED : w->d.ops->prepared(w->d.self, &w->d.ctx, id);
		if (r == OP_FAILED)
			rc = failed(w, e);
		else if (r == OP_WAIT)
			something_else(w);
	}
	if (rc == OK && !lost) {
		bytes_close(&w->intents);
		bytes_close(&w->state);
		w->intents = o.intents;
		w->state = o.state;
		w->checkpoint = id;
		w->rows = rows;
		bytes_init(&o.intents, &w->disk_mem);
		bytes_init(&o.state, &w->disk_mem);
		rc = settle(w, e);
		if (rc == OK)
			w->d.ops->committed(w->d.self, &w->d.ctx, id);
	}
	bytes_close(&o.intents);
	bytes_close(&o.state);
	return rc;
}

/* Everything from the last published checkpoint on; an interval is empty, a checkpoint is given up.
 * */
static inline enum rc run(struct world *w, struct err *e)
{
	enum rc rc = attempt_open(w, e);
	if (rc != OK)
		return rc;
	uint64_t id = w->checkpoint + 1;
	for (int i = 0; rc == OK && w->pushed < ROWS_TOTAL; i++) {
		for (int n = 0; rc == OK && n < 3 && w->pushed < ROWS_TOTAL; n++)
			rc = push(w, 4, e);
		if (rc == OK && i % 3 != 1)
			rc = checkpoint(w, id++, i % 4 == 2, e);
		if (rc == OK && i == 0)
			rc = checkpoint(w, id++, false, e); /* perhaps empty */
	}
	if (rc == OK)
		rc = checkpoint(w, id++, false, e);
	if (rc == OK && w->rows < w->pushed)
		rc = checkpoint(w, id++, false, e);
	attempt_close(w);
	return rc;
}

/* ---- what is on the disk ---- */

/* Each record below w->rows exactly once, in whole files with a header; nothing else. */
static inline void expect_rolling(struct world *w, const char *what, uint64_t seed)
{
	struct err e = {OK};
	struct fs_names names;
	unsigned seen[ROWS_TOTAL + 64] = {0};
	EXPECT_OK(fs_list(w->fs, "a/out", &names, &e), &e);
	for (size_t i = 0; i < names.n; i++) {
		char path[256];
		uint8_t *data;
		size_t len;
		if (!strcmp(names.name[i], ".weir-pending"))
			continue;
		snprintf(path, sizeof path, "a/out/%s", names.name[i]);
		EXPECT(!strncmp(names.name[i], "part-abcd1234-000000000000000000", 32));
		EXPECT_OK(fs_read_all(w->fs, path, 1 << 20, &data, &len, &e), &e);
		EXPECT(len > 4 && !memcmp(data, "n,s\n", 4));
		for (size_t at = 4; at < len;) {
			char want[256], *end;
			uint64_t n = strtoull((char *)data + at, &end, 10);
			size_t size = (size_t)row_text(n, want, sizeof want);
			if (n >= w->rows || at + size > len || memcmp(data + at, want, size))
				fail_msg("%s, seed %llu: %s holds '%.40s' at %zu of %zu; %llu are committed",
					 what, (unsigned long long)seed, path, data + at, at, len,
					 (unsigned long long)w->rows);
			seen[n]++;
			at += size;
		}
		mem_put(w->fs->mem, data);
	}
	fs_names_close(&names);
	for (uint64_t i = 0; i < w->rows; i++)
		if (seen[i] != 1)
			fail_msg("%s, seed %llu: record %llu is there %u times", what,
				 (unsigned long long)seed, (unsigned long long)i, seen[i]);
}

/* The header and then each record below w->rows, in order; an attempt that died in the middle of a
 * commit may have left part of what was to come. */
static inline void expect_single(struct world *w, const char *what, uint64_t seed)
{
	struct err e = {OK};
	uint8_t *data = NULL;
	size_t len = 0, at = 4;
	enum rc rc = fs_read_all(w->fs, SINGLE_FILE, 1 << 20, &data, &len, &e);
	if (rc == E_NOT_FOUND && !w->rows)
		return;
	EXPECT_OK(rc, &e);
	EXPECT(len >= 4 && !memcmp(data, "n,s\n", 4));
	for (uint64_t n = 0; n < w->rows; n++) {
		char want[256];
		size_t size = (size_t)row_text(n, want, sizeof want);
		if (at + size > len || memcmp(data + at, want, size))
			fail_msg("%s, seed %llu: at byte %zu of %zu stands '%.40s', not record %llu", what,
				 (unsigned long long)seed, at, len, data + at, (unsigned long long)n);
		at += size;
	}
	if (at != len)
		fail_msg("%s, seed %llu: %zu bytes of %llu records, and %zu more: '%.40s'", what,
			 (unsigned long long)seed, at, (unsigned long long)w->rows, len - at, data + at);
	mem_put(w->fs->mem, data);
}

static inline void expect_committed(struct world *w, const char *what, uint64_t seed)
{
	if (w->single)
		expect_single(w, what, seed);
	else
		expect_rolling(w, what, seed);
}

/* A next start lists what the last attempt left unfinished; without it nothing is left that nobody
 * knows of (inv 14). */
static inline void expect_no_rest(struct world *w)
{
	struct err e = {OK};
	struct fs_names names;
	w->epoch++;
	EXPECT_OK(attempt_open(w, &e), &e);
	attempt_close(w);
	for (size_t at = 0; at < w->orphans.len; at += strlen((char *)w->orphans.data + at) + 1)
		EXPECT_OK(fs_unlink(w->fs, (char *)w->orphans.data + at, &e), &e);
	const char *dir = w->single ? "a/.weir-pending/the-uuid" : "a/out/.weir-pending/the-uuid";
	EXPECT_OK(fs_list(w->fs, dir, &names, &e), &e);
	if (names.n)
		fail_msg("%s is left over", names.name[0]);
	fs_names_close(&names);
}

/* How a process ends in mid-operation. */
enum ending { KILLED, POWER_CUT, POWER_CUT_OTHERWISE, ENDINGS };

/* One run that ends at operation n (or behind it), two starts that find it, one that does the rest.
 * False: the run was over before. */
static inline bool crash_and_recover(const char *options, uint64_t n, bool after, enum ending how)
{
	struct world w;
	struct err e = {OK};
	struct rng power;
	world_open_with(&w, n, options);
	rng_seed(&power, n * ENDINGS + how);
	if (after)
		fs_sim_crash_after(w.sim, n);
	else
		fs_sim_crash_at(w.sim, n);
	enum rc rc = run(&w, &e);
	bool crashed = fs_sim_crashed(w.sim);
	EXPECT(crashed ? rc == E_CRASHED || after : rc == OK);
	fs_sim_crash_at(w.sim, 0);
	fs_sim_crash_after(w.sim, 0);
	if (crashed && how == KILLED)
		fs_sim_kill(w.sim);
	else if (crashed)
		fs_sim_crash(w.sim, &power);
	for (int again = 0; crashed && again < 2; again++) {
		err_clear(&e);
		w.epoch++;
		EXPECT_OK(attempt_open(&w, &e), &e);
		expect_committed(&w, "after a crash", n);
		attempt_close(&w);
	}
	w.epoch++;
	err_clear(&e);
	EXPECT_OK(run(&w, &e), &e);
	expect_committed(&w, "after the end", n);
	expect_no_rest(&w);
	world_close(&w);
	return crashed;
}

/* Before and after each operation, and each way of ending. */
static inline void crash_everywhere(const char *options)
{
	for (int after = 0; after < 2; after++)
		for (enum ending how = 0; how < ENDINGS; how++) {
			uint64_t n = 1;
			while (crash_and_recover(options, n, after, how))
				n++;
			EXPECT(n > 100);
		}
}

/* The n-th operation fails, for every n: the attempt ends with its reason, and the next one goes
 * on. */
static inline void fail_everywhere(const char *options)
{
	const enum rc codes[] = {E_IO, E_NO_SPACE};
	for (size_t c = 0; c < 2; c++) {
		unsigned failures = 0;
		for (uint64_t n = 1;; n++) {
			struct world w;
			struct err e = {OK};
			world_open_with(&w, n, options);
			fs_sim_fault_at(w.sim, n, codes[c], codes[c] == E_NO_SPACE);
			enum rc rc = run(&w, &e);
			bool hit = fs_sim_faults(w.sim) > 0;
			fs_sim_fault_at(w.sim, 0, OK, false);
			failures += rc != OK;
			EXPECT(rc == OK || (hit && rc == codes[c]));
			if (rc != OK && !strstr(e.text, "a"))
				fail_msg("no path: %s", e.text);
			err_clear(&e);
			w.epoch++;
			EXPECT_OK(run(&w, &e), &e);
			expect_committed(&w, "after a fault", n);
			expect_no_rest(&w);
			world_close(&w);
			if (!hit)
				break;
		}
		EXPECT(failures > 50);
	}
}
