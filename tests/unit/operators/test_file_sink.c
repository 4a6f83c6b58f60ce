/* test_file_sink.c - what is committed is exactly what came before the barrier, whatever crashes,
 * fails or takes its time. The sink is compiled with tiny buffers. A checkpoint is published, in
 * this test, by remembering its intents; settling them is the real intent_settle. */
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
	/* the published checkpoint */
	uint64_t checkpoint;
	struct bytes intents;
	uint64_t rows;        /* 0..rows-1 came before its barrier */
	/* this attempt */
	uint64_t epoch;
	struct bytes orphans;
	char says[512];
	struct ioqueue *io;
	struct op_driver d;
	uint64_t pushed;
};

static void world_open(struct world *w, uint64_t seed)
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
	bytes_init(&w->orphans, &w->mem);
	if (!plan_stage(&w->plan, &small_file_sink_ops,
			"{\"path\":\"a/out\",\"format\":\"csv\"}", &w->in, &w->mem, &e))
		fail_msg("plan: %s", e.text);
	EXPECT(w->plan.plan.commits && !strcmp(w->plan.plan.path, "a/out"));
	w->epoch = 1;
}

static void world_close(struct world *w)
{
	plan_close(&w->plan, &w->mem);
	bytes_close(&w->intents);
	bytes_close(&w->orphans);
	EXPECT(w->mem.used_bytes == 0);
	fs_sim_close(&w->sim);
}

/* ---- the oracle ---- */

static int row_text(uint64_t i, char *to, size_t size)
{
	return snprintf(to, size, "%llu,%.*s\n", (unsigned long long)i, (int)(1 + i * 7 % 100),
			"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
			"sssssssssssssssssssss");
}

static struct batch *batch_make(struct op_driver *d, uint64_t first, uint32_t n)
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

static enum rc settle(struct world *w, struct err *e)
{
	struct reader r = reader_of(w->intents.data, w->intents.len);
	struct intent in;
	while (intent_next(&r, &in)) {
		enum intent_outcome out;
		EXPECT(!strcmp(in.sink, "stage"));
		if (intent_settle(w->fs, &in, &out, e) != OK)
			return e->code;
	}
	EXPECT(!r.failed);
	return OK;
}

static void attempt_close(struct world *w)
{
	driver_close(&w->d);
	if (w->io)
		ioqueue_close(w->io);
	w->io = NULL;
}

/* A start: begin, settle, open. */
static enum rc attempt_open(struct world *w, struct err *e)
{
	struct intent listed[16];
	size_t n = 0;
	struct reader r = reader_of(w->intents.data, w->intents.len);
	while (n < 16 && intent_next(&r, &listed[n]))
		n++;
	bytes_clear(&w->orphans);
	struct op_begin b = {.mem = &w->mem, .fs = w->fs, .stage = "stage", .uuid = "the-uuid",
			     .lineage = 0xabcd1234, .epoch = w->epoch, .restored = w->checkpoint > 0,
			     .parallelism = 1, .max_parallelism = 8, .intents = listed,
			     .n_intents = n, .orphans = w->orphans};
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
		rc = driver_start(&w->d, NULL, e);
	}
	w->pushed = w->rows;
	if (rc != OK)
		attempt_close(w);
	return rc;
}

static enum rc failed(struct world *w, struct err *e)
{
	EXPECT(w->d.ctx.error.code != OK);
	*e = w->d.ctx.error;
	return e->code;
}

/* A lane, or the letters. */
static void something_else(struct world *w)
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

static enum rc push(struct world *w, uint32_t n, struct err *e)
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
static enum rc checkpoint(struct world *w, uint64_t id, bool lost, struct err *e)
{
	struct op_snapshot o = {.checkpoint = id};
	bytes_init(&o.state, &w->disk_mem);
	bytes_init(&o.intents, &w->disk_mem);
	uint64_t rows = w->pushed;
	enum op_result r = w->d.ops->snapshot(w->d.self, &w->d.ctx, &o);
	EXPECT(o.state.len == 0);
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
		w->intents = o.intents;
		w->checkpoint = id;
		w->rows = rows;
		bytes_init(&o.intents, &w->disk_mem);
		rc = settle(w, e);
		if (rc == OK)
			w->d.ops->committed(w->d.self, &w->d.ctx, id);
	}
	bytes_close(&o.intents);
	return rc;
}

/* Everything from the last published checkpoint on; an interval is empty, a checkpoint is given up.
 * */
static enum rc run(struct world *w, struct err *e)
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
static void expect_committed(struct world *w, const char *what, uint64_t seed)
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

/* A next start lists what the last attempt left unfinished; without it nothing is left that nobody
 * knows of (inv 14). */
static void expect_no_rest(struct world *w)
{
	struct err e = {OK};
	struct fs_names names;
	w->epoch++;
	EXPECT_OK(attempt_open(w, &e), &e);
	attempt_close(w);
	for (size_t at = 0; at < w->orphans.len; at += strlen((char *)w->orphans.data + at) + 1)
		EXPECT_OK(fs_unlink(w->fs, (char *)w->orphans.data + at, &e), &e);
	EXPECT_OK(fs_list(w->fs, "a/out/.weir-pending/the-uuid", &names, &e), &e);
	if (names.n)
		fail_msg("%s is left over", names.name[0]);
	fs_names_close(&names);
}

TEST(each_record_is_in_one_file_and_an_empty_interval_makes_none)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world w;
		struct err e = {OK};
		world_open(&w, seed);
		EXPECT_OK(run(&w, &e), &e);
		EXPECT(w.rows >= ROWS_TOTAL);
		EXPECT(!strcmp(w.says, "no files yet"));
		expect_committed(&w, "quiet", seed);
		expect_no_rest(&w);
		world_close(&w);
	}
}

/* How a process ends in mid-operation. */
enum ending { KILLED, POWER_CUT, POWER_CUT_OTHERWISE, ENDINGS };

/* One run that ends at operation n (or behind it), two starts that find it, one that does the rest.
 * False: the run was over before. */
static bool crash_and_recover(uint64_t n, bool after, enum ending how)
{
	struct world w;
	struct err e = {OK};
	struct rng power;
	world_open(&w, n);
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

TEST(inv4_inv17_a_crash_at_any_operation_loses_and_doubles_nothing)
{
	for (int after = 0; after < 2; after++)
		for (enum ending how = 0; how < ENDINGS; how++) {
			uint64_t n = 1;
			while (crash_and_recover(n, after, how))
				n++;
			EXPECT(n > 100);
		}
}

TEST(inv32_an_operation_that_fails_ends_the_attempt_and_the_next_one_goes_on)
{
	const enum rc codes[] = {E_IO, E_NO_SPACE};
	for (size_t c = 0; c < 2; c++) {
		unsigned failures = 0;
		for (uint64_t n = 1;; n++) {
			struct world w;
			struct err e = {OK};
			world_open(&w, n);
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

TEST(inv31_an_allocation_that_fails_ends_the_attempt_and_leaks_nothing)
{
	unsigned failures = 0;
	for (uint64_t n = 1;; n++) {
		struct world w;
		struct err e = {OK};
		world_open(&w, 5);
		w.mem.fail_at = w.mem.calls + n;
		enum rc rc = run(&w, &e);
		bool hit = w.mem.calls >= w.mem.fail_at;
		w.mem.fail_at = 0;
		failures += rc != OK;
		EXPECT(rc == OK || (hit && rc == E_NO_MEMORY));
		err_clear(&e);
		bytes_clear(&w.orphans);
		w.epoch++;
		EXPECT_OK(run(&w, &e), &e);
		expect_committed(&w, "after no memory", n);
		world_close(&w);
		if (!hit)
			break;
	}
	EXPECT(failures > 10);
}

TEST(a_full_disk_names_the_path)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	fs_sim_capacity(w.sim, 4096);
	EXPECT(run(&w, &e) == E_NO_SPACE);
	EXPECT(strstr(e.text, "a/out"));
	fs_sim_capacity(w.sim, 0);
	err_clear(&e);
	w.epoch++;
	EXPECT_OK(run(&w, &e), &e);
	expect_committed(&w, "space again", 1);
	world_close(&w);
}

TEST(with_both_buffers_out_no_input_is_taken)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	EXPECT_OK(attempt_open(&w, &e), &e);
	struct batch *b = batch_make(&w.d, 0, 40);
	EXPECT(w.d.ops->batch(w.d.self, &w.d.ctx, b) == OP_WAIT);
	EXPECT(w.d.ctx.wake_at_us == UINT64_MAX);
	EXPECT(w.d.ops->batch(w.d.self, &w.d.ctx, b) == OP_WAIT);
	while (ioqueue_step(w.io, LANE_BYTES))
		;
	EXPECT(w.d.ops->busy(w.d.self, &w.d.ctx));
	batch_drop(&b);
	/* an attempt that ends here leaves a file behind, and no descriptor */
	attempt_close(&w);
	w.epoch = 2;
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(!strcmp((char *)w.orphans.data, "a/out/.weir-pending/the-uuid/1-1-stage-0-0.csv"));
	EXPECT(!strcmp(w.says, "1 uncommitted file dropped"));
	attempt_close(&w);
	/* a newer owner's file is not an older one's to judge */
	w.epoch = 0;
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(w.orphans.len > 0);
	attempt_close(&w);
	file_make(w.fs, "a/out/.weir-pending/the-uuid/9-1-stage-0-0.csv", "x", 1);
	file_make(w.fs, "a/out/.weir-pending/the-uuid/somebody's", "x", 1);
	w.epoch = 2;
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(w.orphans.len == strlen((char *)w.orphans.data) + 1);
	attempt_close(&w);
	world_close(&w);
}

TEST(another_lineages_files_are_refused_with_the_cure)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	EXPECT_OK(fs_mkdir_all(w.fs, "a/out", &e), &e);
	file_make(w.fs, "a/out/notes.txt", "x", 1);
	file_make(w.fs, "a/out/part-abcd1234-00000000000000000001-1-0-0.csv", "x", 1);
	EXPECT_OK(attempt_open(&w, &e), &e);
	attempt_close(&w);
	file_make(w.fs, "a/out/part-00c0ffee-00000000000000000001-1-0-0.csv", "x", 1);
	uint64_t before = fs_sim_count(w.sim);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(fs_sim_count(w.sim) == before + 2); /* it only looked */
	EXPECT(strstr(e.text, "a/out holds 1 file of another run"));
	EXPECT(strstr(e.text, "mv a/out/part-00c0ffee* ELSEWHERE"));
	world_close(&w);
}

TEST(a_path_that_is_a_file_is_refused)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	EXPECT_OK(fs_mkdir_all(w.fs, "a", &e), &e);
	file_make(w.fs, "a/out", "x", 1);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "a/out is a file"));
	world_close(&w);
}

TEST(options_that_make_no_sense_or_come_later_are_named)
{
	const struct {
		const char *options, *says;
	} cases[] = {
		{"{}", "path"},
		{"{\"path\":\"a\",\"format\":\"json\"}", "did you mean 'jsonl'?"},
		{"{\"path\":\"a\",\"files\":\"single\"}", "single"},
		{"{\"path\":\"a\",\"roll\":{\"size\":\"1MB\"}}", "roll"},
		{"{\"path\":\"a\",\"format\":\"text\"}",
		 "text needs one string field; it gets: n int64, s string"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mem mem;
		struct planned p;
		struct schema in = {0};
		struct err e = {OK};
		mem_init(&mem, 0);
		EXPECT_OK(schema_add(&in, "n", T_INT64, false, &e), &e);
		EXPECT_OK(schema_add(&in, "s", T_STRING, false, &e), &e);
		EXPECT(!plan_stage(&p, &small_file_sink_ops, cases[i].options, &in, &mem, &e));
		if (!strstr(e.text, cases[i].says))
			fail_msg("%s: %s", cases[i].options, e.text);
		plan_close(&p, &mem);
		EXPECT(mem.used_bytes == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_record_is_in_one_file_and_an_empty_interval_makes_none),
		T(inv4_inv17_a_crash_at_any_operation_loses_and_doubles_nothing),
		T(inv32_an_operation_that_fails_ends_the_attempt_and_the_next_one_goes_on),
		T(inv31_an_allocation_that_fails_ends_the_attempt_and_leaks_nothing),
		T(a_full_disk_names_the_path),
		T(with_both_buffers_out_no_input_is_taken),
		T(another_lineages_files_are_refused_with_the_cure),
		T(a_path_that_is_a_file_is_refused),
		T(options_that_make_no_sense_or_come_later_are_named),
	};
	return RUN(tests);
}
