/* source_world.h - files on a simulated disk, any number of subtasks of the small source reading
 * them, in an order that a seed chooses; what they emitted, and what a naive reader finds. */
#pragma once
#include "tests/unit/operators/small_source.h"

#include "base/rng.h"
#include "tests/unit/operators/op_driver.h"

#define SUBTASKS_MAX 5

/* A line and where it begins. */
struct got {
	const char *name; /* of a struct world's files */
	uint64_t at;
	char *text;
	uint32_t len;
};
struct gots {
	struct got *v;
	size_t n, cap;
};

static inline void gots_add(struct gots *g, const char *name, uint64_t at, const char *text,
			    uint32_t len)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		g->v = realloc(g->v, g->cap * sizeof *g->v);
	}
	char *copy = malloc(len + 1);
	memcpy(copy, text, len);
	copy[len] = 0;
	g->v[g->n++] = (struct got){strdup(name), at, copy, len};
}
static inline void gots_cut(struct gots *g, size_t n)
{
	for (size_t i = n; i < g->n; i++) {
		free(g->v[i].text);
		free((char *)g->v[i].name);
	}
	g->n = n;
}
static inline void gots_close(struct gots *g)
{
	gots_cut(g, 0);
	free(g->v);
	*g = (struct gots){0};
}
static inline int by_name_and_place(const void *a, const void *b)
{
	const struct got *x = a, *y = b;
	int c = strcmp(x->name, y->name);
	return c ? c : x->at < y->at ? -1 : x->at > y->at;
}

struct world {
	struct mem mem;      /* the operator's: what leaks is seen */
	struct mem disk_mem;
	struct fs_sim *sim;
	struct fs *fs;
	struct rng rng;
	struct planned plan;
	struct bytes state[SUBTASKS_MAX]; /* of the last snapshot */
	uint32_t n_states;
	struct gots out;     /* counted: emitted before that snapshot */
	struct gots want;
	uint64_t now_us;
	uint32_t record_limit;
	bool skip;           /* on_error */
	uint64_t skipped;    /* by the attempts that were closed */
	char says[512];
};

static inline void world_open(struct world *w, uint64_t seed)
{
	struct err e = {OK};
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	mem_init(&w->disk_mem, 0);
	rng_seed(&w->rng, seed);
	EXPECT_OK(fs_sim_open(&w->sim, &w->disk_mem, &e), &e);
	w->fs = fs_sim_fs(w->sim);
	w->now_us = 1000;
	w->record_limit = 1 << 20;
}

static inline void world_states_close(struct world *w)
{
	for (uint32_t i = 0; i < w->n_states; i++)
		bytes_close(&w->state[i]);
	w->n_states = 0;
}

static inline void world_close(struct world *w)
{
	world_states_close(w);
	gots_close(&w->out);
	gots_close(&w->want);
	if (w->plan.ops)
		plan_close(&w->plan, &w->mem);
	EXPECT(w->mem.used_bytes == 0);
	fs_sim_close(w->sim ? &w->sim : NULL);
}

/* A file, and what is to be read of it. */
static inline void world_file(struct world *w, const char *path, const char *text, size_t len)
{
	file_make(w->fs, path, text, len);
	for (size_t at = 0; at < len;) {
		size_t nl = at;
		while (nl < len && text[nl] != '\n')
			nl++;
		size_t end = nl > at && text[nl - 1] == '\r' ? nl - 1 : nl;
		gots_add(&w->want, path, at, text + at, (uint32_t)(end - at));
		at = nl + 1;
	}
}

static inline void world_plan(struct world *w, const char *options)
{
	struct err e = {OK};
	if (!plan_stage(&w->plan, &small_file_source_ops, options, NULL, &w->mem, &e))
		fail_msg("plan: %s", e.text);
}

void op_driver_emit(struct op_ctx *ctx, struct batch **b)
{
	struct op_driver *d = ctx->task;
	d->emit(d, *b);
	batch_drop(b);
}

static inline void source_emitted(struct op_driver *d, const struct batch *b)
{
	struct gots *g = d->user;
	EXPECT(!b->selected && b->n_cols == 1 && b->rows > 0);
	EXPECT(b->rows <= pool_rows(d->ctx.pool));
	EXPECT(b->col[0]->rows == b->rows && b->col[0]->type == T_STRING && !b->col[0]->has_valid);
	EXPECT(b->origin.at && b->origin.at->rows == b->rows);
	EXPECT(b->origin.first == (uint64_t)b->origin.at->i64[0]);
	EXPECT(b->origin.end > (uint64_t)b->origin.at->i64[b->rows - 1]);
	for (uint32_t i = 0; i < b->rows; i++) {
		const struct strview *v = &b->col[0]->str[i];
		gots_add(g, b->origin.name, (uint64_t)b->origin.at->i64[i], column_str(b->col[0], v),
			 v->len);
	}
}

struct attempt {
	struct ioqueue *io;
	uint32_t n;
	struct op_driver d[SUBTASKS_MAX];
	struct gots got[SUBTASKS_MAX];
	bool ended[SUBTASKS_MAX];
};

static inline enum rc attempt_begin(struct world *w, uint32_t parallelism, struct bytes *fresh,
				    struct err *e)
{
	struct op_begin b = {.mem = &w->mem, .fs = w->fs, .stage = "stage", .uuid = "the-uuid",
			     .lineage = 1, .epoch = 3, .restored = w->n_states > 0, .old = w->state,
			     .n_old = w->n_states, .parallelism = parallelism, .max_parallelism = 8,
			     .fresh = fresh};
	enum rc rc = small_file_source_ops.begin(w->plan.plan.conf, &b, e);
	snprintf(w->says, sizeof w->says, "%s", b.says);
	return rc;
}

static inline void attempt_close(struct world *w, struct attempt *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		w->skipped += a->d[i].ctx.skipped;
		driver_close(&a->d[i]);
		gots_close(&a->got[i]);
	}
	ioqueue_close(a->io);
	*a = (struct attempt){0};
}

static inline enum rc attempt_open(struct world *w, struct attempt *a, uint32_t parallelism,
				   struct err *e)
{
	static const uint32_t batch_rows[] = {1, 2, 7, BATCH_ROWS};
	struct bytes fresh[SUBTASKS_MAX];
	*a = (struct attempt){0};
	for (uint32_t i = 0; i < parallelism; i++)
		bytes_init(&fresh[i], &w->mem);
	enum rc rc = attempt_begin(w, parallelism, fresh, e);
	if (rc == OK)
		rc = ioqueue_open(&a->io, w->fs, &w->mem, e);
	for (uint32_t i = 0; i < parallelism && rc == OK; i++) {
		struct op_driver *d = &a->d[a->n++];
		driver_init(d, &small_file_source_ops, w->plan.plan.conf, a->io, &w->mem);
		if (d->ctx.pool)
			pool_set_rows(d->ctx.pool, batch_rows[rng_below(&w->rng, 4)]);
		d->ctx.subtask = i;
		d->ctx.parallelism = parallelism;
		d->ctx.record_limit_bytes = w->record_limit;
		d->ctx.skip = w->skip;
		d->ctx.now_us = w->now_us;
		d->emit = source_emitted;
		d->user = &a->got[i];
		rc = driver_start(d, &fresh[i], e);
	}
	if (rc == OK) { /* the first checkpoint is taken before the first record */
		world_states_close(w);
		w->n_states = parallelism;
		memcpy(w->state, fresh, sizeof fresh);
		return OK;
	}
	for (uint32_t i = 0; i < parallelism; i++)
		bytes_close(&fresh[i]);
	attempt_close(w, a);
	return rc;
}

/* All subtasks at one instant, as a checkpoint does; what they emitted until now counts. */
static inline enum rc attempt_snapshot(struct world *w, struct attempt *a, struct err *e)
{
	struct bytes state[SUBTASKS_MAX];
	enum rc rc = OK;
	for (uint32_t i = 0; i < a->n; i++) {
		struct op_snapshot o = {.checkpoint = 1};
		bytes_init(&o.state, &w->mem);
		bytes_init(&o.intents, &w->mem);
		if (a->d[i].ops->snapshot(a->d[i].self, &a->d[i].ctx, &o) != OP_DONE ||
		    !bytes_ok(&o.state))
			rc = ERR(e, E_NO_MEMORY, "snapshot");
		state[i] = o.state;
	}
	if (rc != OK) {
		for (uint32_t i = 0; i < a->n; i++)
			bytes_close(&state[i]);
		return rc;
	}
	world_states_close(w);
	memcpy(w->state, state, sizeof state);
	w->n_states = a->n;
	for (uint32_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < a->got[i].n; k++)
			gots_add(&w->out, a->got[i].v[k].name, a->got[i].v[k].at, a->got[i].v[k].text,
				 a->got[i].v[k].len);
		gots_cut(&a->got[i], 0);
	}
	return OK;
}

/* Random steps of subtasks and lanes; true when all have ended. */
static inline bool attempt_steps(struct world *w, struct attempt *a, uint64_t steps, enum rc *rc,
				 struct err *e)
{
	uint32_t ended = 0;
	for (uint32_t i = 0; i < a->n; i++)
		ended += a->ended[i];
	for (uint64_t s = 0; s < steps && ended < a->n; s++) {
		uint64_t what = rng_below(&w->rng, a->n + 2);
		if (what >= a->n) {
			ioqueue_step(a->io, what == a->n ? LANE_BYTES : LANE_DURABILITY);
			continue;
		}
		struct op_driver *d = &a->d[what];
		d->ctx.now_us = w->now_us;
		driver_letters(d);
		enum op_result r = d->failed ? OP_FAILED
				   : a->ended[what]
					   ? OP_WAIT
					   : d->ops->produce(d->self, &d->ctx);
		if (r == OP_FAILED) {
			EXPECT(d->ctx.error.code != OK);
			*e = d->ctx.error;
			*rc = e->code;
			return false;
		}
		if (r == OP_DONE) {
			a->ended[what] = true;
			ended++;
		}
		if (r == OP_WAIT && d->ctx.wake_at_us != UINT64_MAX && d->ctx.wake_at_us > w->now_us &&
		    !a->ended[what])
			w->now_us = d->ctx.wake_at_us;
	}
	return ended == a->n;
}

static inline bool gots_are_equal(struct gots *got, struct gots *want, char *why, size_t size)
{
	if (got->n)
		qsort(got->v, got->n, sizeof *got->v, by_name_and_place);
	if (want->n)
		qsort(want->v, want->n, sizeof *want->v, by_name_and_place);
	for (size_t i = 0; i < got->n || i < want->n; i++) {
		const struct got *x = i < got->n ? &got->v[i] : NULL;
		const struct got *y = i < want->n ? &want->v[i] : NULL;
		if (x && y && !by_name_and_place(x, y) && x->len == y->len &&
		    !memcmp(x->text, y->text, x->len))
			continue;
		snprintf(why, size, "line %zu: got %s:%llu '%s', want %s:%llu '%s'", i,
			 x ? x->name : "nothing", x ? (unsigned long long)x->at : 0, x ? x->text : "",
			 y ? y->name : "nothing", y ? (unsigned long long)y->at : 0, y ? y->text : "");
		return false;
	}
	return true;
}
