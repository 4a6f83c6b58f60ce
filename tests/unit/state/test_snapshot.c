/* test_snapshot.c - random schedules against the model: whatever is changed, grown, frozen, sliced,
 * aborted and published in whatever order, what a checkpoint's runs restore to is the state at its
 * freeze (inv 4, 7), and a delta has the keys changed since its base and no others. In half of them
 * sums are watched, and are those of the model at every freeze, however it is restored. */
#include "model.h"

#define CHECKPOINTS 400
#define ROUNDS 400

struct checkpoint {
	bool written, published, full;
	uint64_t base, freezes; /* freezes before it */
	struct model_entry *entry;
	struct model_run *run;
	uint32_t runs;
	uint64_t present;
};

struct run_state {
	uint64_t seed;
	unsigned words; /* value words whose sums are watched */
	struct rng rng;
	struct mem mem;
	struct chunk_pool pool;
	struct model m;
	struct keyed *k;
	struct model_lane lane;
	uint64_t lo, hi;
	struct checkpoint cp[CHECKPOINTS];
	uint64_t id;       /* the newest */
	uint64_t freezing; /* the id being encoded, or 0 */
	uint64_t newest_base, restored;
	uint32_t slice_rows;
	struct keyed_frozen frozen;
	struct err e;
};

#define SAY_NO(s, text)                                                                            \
	do {                                                                                       \
		const char *wrong_ = (text);                                                       \
		if (wrong_)                                                                        \
			fail_msg("%s:%d: seed %llu: %s", __FILE__, __LINE__,                       \
				 (unsigned long long)(s)->seed, wrong_);                           \
	} while (0)

static void state_check(struct run_state *s)
{
	const char *broken;
	SAY_NO(s, keyed_check(s->k, &broken) ? NULL : broken);
}

static void state_open(struct run_state *s)
{
	struct keyed_config c = {s->m.shape, s->lo, s->hi, &s->pool, &s->mem};
	SAY(s, keyed_open(&s->k, &c, &s->e) == OK);
	keyed_watch_sums(s->k, s->words);
}

/* By looking at every key of the model. */
static struct keyed_totals model_totals(const struct run_state *s, const struct model_entry *entry)
{
	struct keyed_totals t = {0};
	for (uint32_t i = 0; i < s->m.keys; i++) {
		t.keys += entry[i].present;
		for (unsigned w = 0; w < 2; w++)
			if (entry[i].present && s->words >> w & 1)
				t.sum[w] += (int64_t)entry[i].value[w];
	}
	return t;
}

static bool totals_equal(const struct keyed_totals *a, const struct keyed_totals *b)
{
	return a->keys == b->keys && a->sum[0] == b->sum[0] && a->sum[1] == b->sum[1];
}

static uint32_t pick(struct run_state *s, uint16_t *sel)
{
	uint32_t most = rng_below(&s->rng, 4) ? 40 : MODEL_BATCH;
	uint32_t n = 0, want = 1 + (uint32_t)rng_below(&s->rng, most);
	uint32_t hot = rng_below(&s->rng, 2) ? s->m.keys : 1 + s->m.keys / 10;
	for (uint32_t tries = 0; n < want && tries < want * 4; tries++) {
		uint32_t i = (uint32_t)rng_below(&s->rng, hot);
		if (s->m.hash[i] >= s->lo && s->m.hash[i] <= s->hi)
			sel[n++] = (uint16_t)i;
	}
	return n;
}

static void do_upsert(struct run_state *s)
{
	uint16_t sel[MODEL_BATCH];
	void *value[MODEL_BATCH];
	uint32_t n = pick(s, sel);
	uint64_t key_bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		key_bytes += s->m.len[sel[i]];
	if (!keyed_can_change(s->k, n, key_bytes) && rng_below(&s->rng, 8))
		return;
	struct key_rows rows = model_rows(&s->m, sel, n);
	SAY(s, keyed_upsert(s->k, &rows, value, &s->e) == OK);
	for (uint32_t i = 0; i < n; i++) {
		struct model_entry *x = &s->m.entry[sel[i]];
		SAY(s, memcmp(value[i], x->value, s->m.shape.value_bytes) == 0);
		SAY(s, (uintptr_t)value[i] % 8 == 0);
		for (uint32_t w = 0; w < s->m.shape.value_bytes / 8; w++) {
			int64_t was = (int64_t)x->value[w];
			x->value[w] += rng_next(&s->rng) >> rng_below(&s->rng, 64);
			keyed_note_sum(s->k, w, (__int128)(int64_t)x->value[w] - was);
		}
		memcpy(value[i], x->value, s->m.shape.value_bytes);
		x->present = true;
		x->touched = s->id + 1;
	}
}

static void do_delete(struct run_state *s)
{
	uint16_t sel[MODEL_BATCH];
	uint32_t n = pick(s, sel);
	uint64_t deleted, expected = 0;
	struct key_rows rows = model_rows(&s->m, sel, n);
	SAY(s, keyed_delete(s->k, &rows, &deleted, &s->e) == OK);
	for (uint32_t i = 0; i < n; i++) {
		struct model_entry *x = &s->m.entry[sel[i]];
		if (!x->present)
			continue;
		expected++;
		memset(x, 0, sizeof *x);
		x->touched = s->id + 1;
	}
	SAY(s, deleted == expected);
}

static uint32_t chain_length(const struct run_state *s, uint64_t id)
{
	const struct checkpoint *c = &s->cp[id];
	return c->runs + (c->full ? 0 : chain_length(s, c->base));
}

static void do_freeze(struct run_state *s)
{
	if (s->freezing || s->id + 1 >= CHECKPOINTS)
		return;
	/* Any published id that is not older than an earlier base; none before the first. */
	uint64_t base = s->newest_base;
	for (uint64_t i = base + 1; i <= s->id; i++)
		if (s->cp[i].published && rng_below(&s->rng, 2))
			base = i;
	s->newest_base = base;
	uint64_t id = ++s->id;
	struct checkpoint *c = &s->cp[id];
	c->base = base;
	c->entry = malloc(s->m.keys * sizeof *c->entry);
	memcpy(c->entry, s->m.entry, s->m.keys * sizeof *c->entry);
	uint64_t changed = 0;
	for (uint32_t i = 0; i < s->m.keys; i++) {
		c->present += c->entry[i].present;
		changed += c->entry[i].touched > base;
	}
	bool full = rng_below(&s->rng, 10) == 0 || (base && chain_length(s, base) > 100);
	keyed_freeze(s->k, id, base, full, &s->frozen);
	c->full = s->frozen.full;
	s->freezing = id;
	SAY(s, !c->full || s->frozen.rows == c->present);
	SAY(s, base || c->full);
	struct keyed_totals want = model_totals(s, c->entry);
	SAY(s, totals_equal(&s->frozen.totals, &want));
	/* Exactly the keys changed since the base, unless lists had to be joined. */
	SAY(s, c->full || s->frozen.rows >= changed);
	SAY(s, c->full || id - base > 8 || s->frozen.rows == changed);
}

static void do_take(struct run_state *s, bool all)
{
	struct chunk *c;
	while ((c = keyed_take(s->k))) {
		model_lane_pack(&s->lane, c);
		if (!all)
			break;
	}
}

static void do_slice(struct run_state *s)
{
	enum keyed_slice at;
	if (!s->freezing)
		return;
	uint32_t rows = 1 + (uint32_t)rng_below(&s->rng, s->slice_rows);
	SAY(s, keyed_slice(s->k, rows, &at, &s->e) == OK);
	if (at == KEYED_NO_ROOM) {
		do_take(s, true);
		return;
	}
	if (at == KEYED_MORE)
		return;
	do_take(s, true);
	SAY(s, !keyed_is_freezing(s->k));
	model_lane_finish(&s->lane);
	struct checkpoint *c = &s->cp[s->freezing];
	SAY(s, s->lane.rows == s->frozen.rows);
	c->run = s->lane.run;
	c->runs = s->lane.runs;
	c->written = true;
	s->lane.run = NULL;
	s->lane.runs = 0;
	s->lane.rows = 0;
	s->freezing = 0;
}

static void do_abort(struct run_state *s)
{
	if (!s->freezing)
		return;
	keyed_abort(s->k);
	model_lane_drop(&s->lane);
	s->freezing = 0;
}

static uint32_t chain_of(struct run_state *s, uint64_t id, const struct model_run **run,
			 uint32_t max)
{
	const struct checkpoint *c = &s->cp[id];
	uint32_t n = c->full ? 0 : chain_of(s, c->base, run, max);
	for (uint32_t i = 0; i < c->runs; i++) {
		CHECK(n < max);
		run[n++] = &c->run[i];
	}
	return n;
}

/* Into one or several subtasks. */
static void check_restore(struct run_state *s, uint64_t id)
{
	const struct model_run *run[MERGE_INPUTS];
	uint32_t n = chain_of(s, id, run, MERGE_INPUTS);
	uint32_t parts = 1 + (uint32_t)rng_below(&s->rng, 3);
	struct keyed_totals all = {0}, want = model_totals(s, s->cp[id].entry);
	for (uint32_t p = 0; p < parts; p++) {
		uint64_t step = (s->hi - s->lo) / parts;
		uint64_t lo = s->lo + p * step + (p > 0);
		uint64_t hi = p + 1 == parts ? s->hi : s->lo + (p + 1) * step;
		struct keyed_config c = {s->m.shape, lo, hi, &s->pool, &s->mem};
		struct keyed *k;
		const char *broken;
		SAY(s, keyed_open(&k, &c, &s->e) == OK);
		keyed_watch_sums(k, s->words);
		uint64_t expected = s->cp[id].present;
		if (rng_below(&s->rng, 3) == 0)
			expected = rng_below(&s->rng, 50);
		SAY(s, model_restore(k, &s->m.shape, run, n, lo, hi, expected, id, &s->mem,
				     &s->e) == OK);
		SAY_NO(s, keyed_check(k, &broken) ? NULL : broken);
		SAY_NO(s, model_differs(&s->m, s->cp[id].entry, k, lo, hi));
		struct keyed_totals part = keyed_totals(k);
		all.keys += part.keys;
		all.sum[0] += part.sum[0];
		all.sum[1] += part.sum[1];
		keyed_close(k);
	}
	SAY(s, totals_equal(&all, &want));
}

static void do_publish(struct run_state *s)
{
	for (uint64_t id = s->newest_base + 1; id <= s->id; id++) {
		struct checkpoint *c = &s->cp[id];
		if (!c->written || c->published || rng_below(&s->rng, 3))
			continue;
		check_restore(s, id);
		c->published = true;
	}
}

/* The process dies and comes back on a published checkpoint. */
static void do_restart(struct run_state *s)
{
	uint64_t id = s->id;
	while (id && !s->cp[id].published)
		id--;
	if (!id)
		return;
	do_abort(s);
	keyed_close(s->k);
	state_open(s);
	const struct model_run *run[MERGE_INPUTS];
	uint32_t n = chain_of(s, id, run, MERGE_INPUTS);
	SAY(s, model_restore(s->k, &s->m.shape, run, n, s->lo, s->hi, s->cp[id].present, id,
			     &s->mem, &s->e) == OK);
	memcpy(s->m.entry, s->cp[id].entry, s->m.keys * sizeof *s->m.entry);
	for (uint64_t i = id + 1; i <= s->id; i++)
		s->cp[i].written = s->cp[i].published = false;
	s->newest_base = id;
}

/* Many keys at once: from here the table grows in many steps, between which all else happens. */
static void prefill(struct run_state *s, uint32_t n)
{
	void **value = malloc(n * sizeof *value);
	uint16_t *sel = malloc(n * sizeof *sel);
	uint32_t m = 0; /* every other one of 2 n */
	for (uint32_t i = 0; i < 2 * n; i += 2)
		if (s->m.hash[i] >= s->lo && s->m.hash[i] <= s->hi)
			sel[m++] = (uint16_t)i;
	struct key_rows rows = model_rows(&s->m, sel, m);
	SAY(s, keyed_upsert(s->k, &rows, value, &s->e) == OK);
	for (uint32_t i = 0; i < m; i++) {
		struct model_entry *x = &s->m.entry[sel[i]];
		*x = (struct model_entry){.present = true, .value = {i}, .touched = 1};
		memcpy(value[i], x->value, 8);
		keyed_note_sum(s->k, 0, i);
	}
	free(value);
	free(sel);
}

/* large: 60,000 keys, of which half are there at the beginning. */
static void schedule(uint64_t seed)
{
	bool large = seed % 20 == 0;
	struct run_state *s = calloc(1, sizeof *s);
	s->seed = seed;
	rng_seed(&s->rng, seed);
	mem_init(&s->mem, 0);
	enum model_hash hash =
		large || rng_below(&s->rng, 3) ? MODEL_FROZEN : 1 + rng_below(&s->rng, 3);
	struct keyed_shape shape = model_shape(rng_below(&s->rng, 2) ? KEY_FIX8 : KEY_BYTES,
					       rng_below(&s->rng, 2) ? 8 : 16, hash);
	uint32_t keys = hash != MODEL_FROZEN ? 250 : rng_below(&s->rng, 2) ? 200 : 4000;
	if (large)
		keys = 60000;
	model_open(&s->m, shape, keys, 16 + (uint32_t)rng_below(&s->rng, large ? 9 : 900),
		   &s->rng);
	chunk_pool_init(&s->pool, &s->mem, 4 + (uint32_t)rng_below(&s->rng, 8));
	s->pool.chunk_bytes = rng_below(&s->rng, 3) ? 4096 : CHUNK_BYTES;
	s->lo = rng_below(&s->rng, 2) ? 0 : rng_next(&s->rng) >> 2;
	s->hi = rng_below(&s->rng, 2) ? UINT64_MAX : s->lo + (rng_next(&s->rng) >> 1);
	if (hash != MODEL_FROZEN) {
		s->lo = 0;
		s->hi = UINT64_MAX;
	}
	for (uint32_t i = 0; i < keys; i++)
		s->m.entry[i].touched = 0;
	s->words = seed % 2 ? shape.value_bytes == 16 ? 3 : 1 : 0;
	state_open(s);
	SAY(s, model_lane_open(&s->lane, &shape, &s->mem, &s->e) == OK);
	s->slice_rows = large ? 4000 : 200;
	if (large)
		prefill(s, 30000);
	uint32_t upserts = 3 + (uint32_t)rng_below(&s->rng, 20);
	uint32_t deletes = (uint32_t)rng_below(&s->rng, 4);
	uint32_t aborts = (uint32_t)rng_below(&s->rng, 4);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t what = rng_below(&s->rng, upserts + deletes + aborts + 20);
		if (what < upserts)
			do_upsert(s);
		else if ((what -= upserts) < deletes)
			do_delete(s);
		else if ((what -= deletes) < aborts)
			do_abort(s);
		else if ((what -= aborts) < 4)
			do_freeze(s);
		else if (what < 15)
			do_slice(s);
		else if (what < 17)
			do_take(s, false);
		else if (what < 19)
			do_publish(s);
		else if (rng_below(&s->rng, 10) == 0)
			do_restart(s);
		if (round % (large ? 64 : 16) == 0)
			state_check(s);
	}
	state_check(s);
	SAY_NO(s, model_differs(&s->m, s->m.entry, s->k, s->lo, s->hi));
	do_abort(s);
	keyed_close(s->k);
	model_lane_close(&s->lane);
	chunk_pool_close(&s->pool);
	SAY(s, atomic_load(&s->mem.used_bytes) == 0);
	for (uint64_t i = 0; i <= s->id; i++) {
		free(s->cp[i].entry);
		model_runs_free(s->cp[i].run, s->cp[i].runs);
	}
	model_close(&s->m);
	free(s);
}

TEST(inv4_inv7_what_a_checkpoint_restores_is_the_state_at_its_freeze)
{
	each_seed(400, schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_inv7_what_a_checkpoint_restores_is_the_state_at_its_freeze),
	};
	return RUN(tests);
}
