/* test_lazy_restore.c - a checkpoint's runs into tables that are used meanwhile: whatever the order
 * of lanes, letters and records, what is there in the end is the checkpoint and those records; no
 * byte that is not what was written gets into a table. */
#include "runtime/lazy_restore.h"
#include "tests/unit/runtime/bridge.h"

#define ROWS 4242 /* kind of the letters */

struct loading {
	struct mailbox mb;
	struct lazy *lazy;
	uint16_t sel[MODEL_BATCH]; /* a batch, and how far it is done */
	uint32_t n, at;
	bool over;
};

static enum rc loading_open(struct bridge *b, uint32_t i, uint64_t expected, struct loading *g)
{
	*g = (struct loading){0};
	mailbox_init(&g->mb, NULL);
	struct lazy_options o = {.fs = b->fs, .mem = &b->mem, .parts_dir = PARTS, .m = &b->newest,
				 .s = &b->newest.op[0].keyed[0], .shape = b->m.shape, .k = b->t[i].k,
				 .hash_first = b->t[i].lo, .hash_last = b->t[i].hi,
				 .expected = expected, .io = b->io, .reply = &g->mb, .kind = ROWS};
	return lazy_open(&g->lazy, &o, &b->e);
}

static enum rc letters(struct bridge *b, struct loading *g)
{
	enum rc rc = OK;
	for (struct mail *m = mailbox_take_all(&g->mb), *next; m; m = next) {
		next = m->next;
		SAY(b, m->kind == ROWS);
		struct err e = {0};
		enum rc this = lazy_take(g->lazy, m, &e);
		if (this != OK && rc == OK) {
			rc = this;
			b->e = e;
		}
	}
	return rc;
}

static void batch(struct bridge *b, uint32_t i, struct loading *g, uint32_t most)
{
	uint32_t want = 1 + (uint32_t)rng_below(&b->r, most);
	g->n = g->at = 0;
	for (uint32_t tries = 0; g->n < want && tries < 8 * want; tries++) {
		uint32_t k = (uint32_t)rng_below(&b->r, b->m.keys);
		if (b->m.hash[k] >= b->t[i].lo && b->m.hash[k] <= b->t[i].hi)
			g->sel[g->n++] = (uint16_t)k;
	}
}

/* The rows that are ready; others are asked for, in the order of the batch. */
static void work(struct bridge *b, uint32_t i, struct loading *g)
{
	void *value[MODEL_BATCH];
	uint32_t missing = 0;
	struct key_rows rest = model_rows(&b->m, g->sel + g->at, g->n - g->at);
	uint32_t ready = keyed_ready(b->t[i].k, &rest, 0, &missing), n = rest.n;
	for (uint32_t at = ready; at < n; at = keyed_ready(b->t[i].k, &rest, at + 1, &missing))
		if (lazy_want(g->lazy, missing))
			SAY(b, !lazy_want(g->lazy, missing));
	rest.n = ready;
	SAY(b, keyed_upsert(b->t[i].k, &rest, value, &b->e) == OK);
	for (uint32_t k = 0; k < ready; k++) {
		struct model_entry *x = &b->m.entry[rest.sel[k]];
		SAY(b, memcmp(value[k], x->value, 8) == 0);
		*x = (struct model_entry){.present = true, .value = {x->value[0] + 1 + k}};
		memcpy(value[k], x->value, 8);
	}
	g->at += ready;
}

/* Until all are over, with records in between; the first fault, after which all is drained. */
static enum rc drive(struct bridge *b, struct loading *g, bool records)
{
	enum rc rc = OK;
	for (uint32_t i = 0; i < b->n; i++)
		lazy_begin(g[i].lazy);
	for (uint32_t busy = b->n; busy && rc == OK;) {
		uint32_t i = (uint32_t)rng_below(&b->r, b->n);
		for (uint32_t steps = (uint32_t)rng_below(&b->r, 4); steps-- > 0;)
			lane_step(b);
		if (rng_below(&b->r, 2))
			rc = letters(b, &g[i]);
		if (records && rc == OK && !g[i].over) {
			if (g[i].at == g[i].n)
				batch(b, i, &g[i], rng_below(&b->r, 2) ? 3 : 100);
			work(b, i, &g[i]);
		}
		if (!g[i].over && lazy_is_over(g[i].lazy)) {
			g[i].over = true;
			busy--;
			SAY(b, !lazy_is_flying(g[i].lazy) && keyed_is_whole(b->t[i].k));
		}
	}
	struct err first = b->e;
	for (uint32_t i = 0; rc != OK && i < b->n; i++) {
		lazy_drop(g[i].lazy);
		while (lazy_is_flying(g[i].lazy)) {
			lane_step(b);
			(void)letters(b, &g[i]);
		}
	}
	b->e = first;
	return rc;
}

static void some_chain(struct bridge *b, uint32_t deltas)
{
	tables_open(b, 1 + (uint32_t)rng_below(&b->r, SUBTASKS_MAX));
	change_some(b, MODEL_BATCH, false);
	checkpoint(b, 0, true, NULL);
	for (uint32_t i = 0; i < deltas; i++) {
		change_some(b, 80, true);
		checkpoint(b, b->id, false, NULL);
		if (rng_below(&b->r, 3) == 0)
			restore_into(b, 1 + (uint32_t)rng_below(&b->r, SUBTASKS_MAX));
	}
}

static uint64_t some_size(struct bridge *b)
{
	/* Stretches go by the size that is expected: as if there were many more, or one. */
	return rng_below(&b->r, 4) ? (1 + rng_below(&b->r, 60)) << 12 : rng_below(&b->r, 300);
}

TEST(inv7_inv30_inv40_lazily_restored_and_used_is_what_was_restored_then_used_rescaled_or_not)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct bridge b;
		struct loading g[SUBTASKS_MAX];
		bridge_open(&b, seed, seed % 2 ? KEY_BYTES : KEY_FIX8, seed % 5 ? 1200 : 9000);
		some_chain(&b, (uint32_t)rng_below(&b.r, 12));
		tables_close(&b);
		tables_open(&b, 1 + (uint32_t)rng_below(&b.r, SUBTASKS_MAX));
		memcpy(b.m.entry, b.published, b.m.keys * sizeof *b.published);
		uint64_t keys = 0, present = 0;
		for (uint32_t i = 0; i < b.m.keys; i++)
			present += b.m.entry[i].present;
		for (uint32_t i = 0; i < b.n; i++)
			SAY(&b, loading_open(&b, i, some_size(&b), &g[i]) == OK);
		SAY(&b, drive(&b, g, rng_below(&b.r, 4) != 0) == OK);
		for (uint32_t i = 0; i < b.n; i++) {
			keys += lazy_restored(g[i].lazy)->keys;
			lazy_close(g[i].lazy);
			const char *wrong = model_differs(&b.m, b.m.entry, b.t[i].k, b.t[i].lo, b.t[i].hi);
			if (wrong)
				fail_msg("seed %llu: %s", (unsigned long long)seed, wrong);
		}
		SAY(&b, keys == present); /* of the checkpoint, whatever the records did */
		/* Its next checkpoint is a delta on it, and says what the tables hold. */
		change_some(&b, 30, true);
		checkpoint(&b, b.newest.id, false, NULL);
		restore_into(&b, 2);
		bridge_close(&b);
	}
}

TEST(inv33_a_flipped_bit_is_found_before_the_keys_of_its_block_are_used)
{
	struct bridge b;
	struct loading g;
	struct part_file file;
	uint32_t at_once = 0, later = 0;
	bridge_open(&b, 3, KEY_BYTES, 9000);
	tables_open(&b, 1);
	for (int i = 0; i < 30; i++)
		change_some(&b, MODEL_BATCH, false);
	checkpoint(&b, 0, true, &file);
	char path[256];
	snprintf(path, sizeof path, PARTS "/%s", file.name);
	struct model_entry *was = malloc(b.m.keys * sizeof *was);
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t bit = rng_below(&b.r, file.length * 8);
		EXPECT_OK(fs_sim_flip(b.disk, path, bit, &b.e), &b.e);
		tables_close(&b);
		tables_open(&b, 1);
		memcpy(b.m.entry, b.published, b.m.keys * sizeof *b.published);
		enum rc rc = loading_open(&b, 0, 40 << 12, &g);
		at_once += rc != OK;
		if (rc == OK) {
			/* work() compares each value that a record meets with the oracle's. */
			rc = drive(&b, &g, true);
			later += rc != OK;
			lazy_close(g.lazy);
		}
		if (rc == OK) /* a byte that belongs to no section */
			EXPECT(!model_differs(&b.m, b.m.entry, b.t[0].k, 0, UINT64_MAX));
		else
			EXPECT(rc == E_CORRUPT && strstr(b.e.text, file.name));
		err_clear(&b.e);
		EXPECT_OK(fs_sim_flip(b.disk, path, bit, &b.e), &b.e);
	}
	EXPECT(at_once > 0 && later > 150);
	free(was);
	restore_into(&b, 2);
	bridge_close(&b);
}

TEST(inv31_inv32_faults_while_loading_are_errors_and_leak_nothing)
{
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1;; n++) {
			struct bridge b;
			struct loading g[SUBTASKS_MAX];
			bridge_open(&b, 4 + n % 2, n % 2 ? KEY_BYTES : KEY_FIX8, 600);
			some_chain(&b, 2);
			tables_close(&b);
			tables_open(&b, 1);
			memcpy(b.m.entry, b.published, b.m.keys * sizeof *b.published);
			uint64_t faults = fs_sim_faults(b.disk);
			b.mem.fail_at = io ? 0 : b.mem.calls + n;
			fs_sim_fault_at(b.disk, io ? fs_sim_count(b.disk) + n : 0, E_IO, false);
			enum rc rc = loading_open(&b, 0, 5 << 12, &g[0]);
			if (rc == OK) {
				rc = drive(&b, g, false);
				lazy_close(g[0].lazy);
			}
			bool hit = io ? fs_sim_faults(b.disk) > faults : b.mem.calls >= b.mem.fail_at;
			b.mem.fail_at = 0;
			fs_sim_fault_at(b.disk, 0, OK, false);
			if (rc == OK)
				EXPECT(!model_differs(&b.m, b.published, b.t[0].k, 0, UINT64_MAX));
			else
				EXPECT(rc == (io ? E_IO : E_NO_MEMORY));
			err_clear(&b.e);
			bridge_close(&b);
			if (!hit)
				break;
		}
}

TEST(what_a_record_waits_for_comes_before_the_background_has_come_there)
{
	struct bridge b;
	struct loading g;
	bridge_open(&b, 9, KEY_FIX8, 60000);
	tables_open(&b, 1);
	for (int i = 0; i < 100; i++)
		change_some(&b, MODEL_BATCH, false);
	checkpoint(&b, 0, true, NULL);
	tables_close(&b);
	tables_open(&b, 1);
	memcpy(b.m.entry, b.published, b.m.keys * sizeof *b.published);
	SAY(&b, loading_open(&b, 0, 64 << 12, &g) == OK);
	lazy_begin(g.lazy);
	/* The last key there is: the background comes there last. */
	uint32_t last = 0;
	for (uint32_t i = 0; i < b.m.keys; i++)
		last = b.m.hash[i] > b.m.hash[last] ? i : last;
	g.sel[0] = (uint16_t)last;
	g.n = 1;
	uint32_t steps = 0;
	for (; g.at < g.n; steps++) {
		work(&b, 0, &g);
		ioqueue_step(b.io, LANE_BYTES);
		SAY(&b, letters(&b, &g) == OK);
	}
	EXPECT(steps < 20 && !keyed_is_whole(b.t[0].k));
	lazy_drop(g.lazy);
	while (lazy_is_flying(g.lazy)) {
		lane_step(&b);
		SAY(&b, letters(&b, &g) == OK);
	}
	lazy_close(g.lazy);
	bridge_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv7_inv30_inv40_lazily_restored_and_used_is_what_was_restored_then_used_rescaled_or_not),
		T(inv33_a_flipped_bit_is_found_before_the_keys_of_its_block_are_used),
		T(inv31_inv32_faults_while_loading_are_errors_and_leak_nothing),
		T(what_a_record_waits_for_comes_before_the_background_has_come_there),
	};
	return RUN(tests);
}
