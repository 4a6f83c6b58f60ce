/* test_task_counts.c - the counts of a cut: both ends of an edge count the same records, and an
 * acknowledgement carries what was counted up to its barrier, nothing behind it. */
#include "tests/unit/runtime/task_rig.h"

#include "base/hash.h"
#include "base/rng.h"
#include "runtime/record_checksum.h"

/* ---- an outlet and its readers ---- */

#define READERS 5

struct wire {
	struct mem mem;
	struct pool *pool;
	struct channel *ch[READERS];
	struct edge edge[2];
	struct key_spec key;
	struct outlet o;
	struct snap_count got[2]; /* by the readers of each edge, as a task counts */
	struct err e;
};

static void wire_open(struct wire *w, enum edge_kind kind, uint32_t n, enum edge_kind other,
		      bool audit)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	EXPECT_OK(pool_open(&w->pool, &w->mem, &w->e), &w->e);
	for (uint32_t i = 0; i < READERS; i++) {
		w->ch[i] = mem_get_aligned(&w->mem, 64, sizeof(struct channel));
		channel_init(w->ch[i], CHANNEL_SLOTS, UINT32_MAX, NULL, NULL);
	}
	w->key = (struct key_spec){.form = KEY_FIX8, .n = 1, .type = {T_INT64}};
	w->edge[0] = (struct edge){.kind = kind, .n = n, .to = w->ch, .key = &w->key,
				   .max_parallelism = 128, .audit = audit};
	w->edge[1] = w->edge[0];
	w->edge[1].kind = other;
	w->edge[1].n = READERS - n;
	w->edge[1].to = w->ch + n;
	EXPECT_OK(outlet_open(&w->o, w->edge, 2, w->pool, &w->mem, &w->e), &w->e);
}

static void wire_take(struct wire *w, uint32_t n)
{
	for (uint32_t i = 0; i < READERS; i++) {
		struct item it;
		while (channel_try_pop(w->ch[i], &it)) {
			struct snap_count *c = &w->got[i >= n];
			c->n += batch_count(it.batch);
			c->hash += w->edge[0].audit ? record_checksum(it.batch) : 0;
			batch_drop(&it.batch);
		}
	}
}

static void wire_close(struct wire *w)
{
	outlet_close(&w->o);
	for (uint32_t i = 0; i < READERS; i++) {
		channel_close(w->ch[i]);
		mem_put(&w->mem, w->ch[i]);
	}
	pool_close(w->pool);
	EXPECT(w->mem.used_bytes == 0);
}

/* Some rows of two columns, perhaps selected, some texts long, some null. */
static struct batch *any_batch(struct pool *p, struct rng *r)
{
	int64_t v[BATCH_ROWS];
	const char *text[BATCH_ROWS];
	static const char *const words[] = {"a", "", "twelve bytes", "longer than what fits a view",
					    NULL};
	uint32_t n = 1 + (uint32_t)rng_below(r, 200);
	for (uint32_t i = 0; i < n; i++) {
		v[i] = (int64_t)rng_below(r, 30);
		text[i] = words[rng_below(r, ARRAY_LEN(words))];
	}
	struct batch *b = batch_of(p, ints(p, v, n), strings(p, text, n));
	b->selected = rng_below(r, 3) == 0;
	for (uint32_t i = 0; b->selected && i < n; i++)
		if (rng_below(r, 2))
			b->sel[b->n_sel++] = (uint16_t)i;
	return b;
}

TEST(inv4_both_ends_of_an_edge_count_the_same_records_whatever_the_exchange)
{
	static const enum edge_kind kinds[] = {EDGE_HASH, EDGE_REBALANCE, EDGE_BROADCAST};
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct wire w;
		struct rng r;
		rng_seed(&r, seed);
		uint32_t n = 1 + (uint32_t)rng_below(&r, READERS - 1);
		enum edge_kind first = kinds[rng_below(&r, 3)], second = kinds[rng_below(&r, 3)];
		bool audit = rng_below(&r, 2);
		uint64_t records = 0, hash = 0;
		wire_open(&w, first, n, second, audit);
		for (int i = 0; i < 30; i++) {
			struct batch *b = any_batch(w.pool, &r);
			uint32_t bad;
			records += batch_count(b);
			hash += record_checksum(b);
			EXPECT_OK(outlet_send(&w.o, &b, &bad, &w.e), &w.e);
			if (rng_below(&r, 4) == 0 || i % 10 == 9)
				wire_take(&w, n);
		}
		for (int k = 0; k < 2; k++) {
			const struct edge *g = &w.edge[k];
			uint64_t times = g->kind == EDGE_BROADCAST ? g->n : 1;
			if (g->sent.n != w.got[k].n || g->sent.hash != w.got[k].hash ||
			    g->sent.n != records * times || g->sent.hash != (audit ? hash * times : 0))
				fail_msg("seed %d, edge %d (%s to %u)", (int)seed, k, edge_kind_name(g->kind),
					 g->n);
		}
		EXPECT(w.o.records == records);
		wire_close(&w);
	}
}

TEST(one_record_less_or_another_shows_in_an_audited_edge)
{
	struct wire w;
	uint32_t bad;
	int64_t v[3] = {1, 2, 3};
	wire_open(&w, EDGE_FORWARD, 1, EDGE_HASH, true);
	struct batch *b = int_batch(w.pool, v, 3);
	EXPECT_OK(outlet_send(&w.o, &b, &bad, &w.e), &w.e);
	v[1] = 4;
	b = int_batch(w.pool, v, 3);
	EXPECT(w.edge[0].sent.n == 3 && w.edge[0].sent.hash != record_checksum(b));
	batch_drop(&b);
	wire_close(&w);
}

/* ---- a task's acknowledgement ---- */

TEST(inv4_what_a_held_input_has_behind_its_barrier_is_counted_in_the_next_cut)
{
	struct fix f;
	static const uint32_t edge_of[2] = {0, 1};
	open_fix(&f, &transform_ops, 2, false);
	f.c.edge_of_input = edge_of;
	f.c.n_in_edges = 2;
	start(&f);
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push(&f, 0, 2);
	push(&f, 0, 3);
	push(&f, 1, 4);
	push(&f, 1, 5);
	push(&f, 1, 6);
	run(&f);
	told_nothing(&f);
	EXPECT(task_stats(f.t)->snap_phase == SNAP_ALIGN && task_stats(f.t)->snap_id == 7);
	EXPECT(task_stats(f.t)->waits_input == 1 && task_stats(f.t)->waits_inputs == 1);
	push_mark(&f, 1, ITEM_BARRIER, 7);
	run(&f);
	EXPECT(task_stats(f.t)->snap_phase == SNAP_NONE && task_stats(f.t)->snap_id == 0);
	struct snap *s = acknowledged(&f, 7);
	EXPECT(s->counts.n_received == 2 && s->counts.n_sent == 1);
	EXPECT(s->counts.received[0].n == 1 && s->counts.received[1].n == 3);
	EXPECT(s->counts.sent[0].n == 4 && s->counts.in == 4 && s->counts.out == 4);
	EXPECT(s->counts.skipped == 0 && s->counts.sent[0].hash == 0);
	EXPECT(s->spans.first_input == 0 && s->spans.last_input == 1);
	EXPECT(s->spans.first_us && s->spans.first_us < s->spans.aligned_us);
	EXPECT(s->spans.frozen_us >= s->spans.aligned_us && s->spans.acked_us >= s->spans.frozen_us);
	snap_close(s);
	push_mark(&f, 0, ITEM_BARRIER, 8);
	push_mark(&f, 1, ITEM_BARRIER, 8);
	run(&f);
	s = acknowledged(&f, 8);
	EXPECT(s->counts.received[0].n == 3 && s->counts.received[1].n == 3 && s->counts.in == 6);
	snap_close(s);
	close_fix(&f);
}

TEST(inv4_what_prepare_gives_is_counted_before_the_barrier_and_what_follows_is_not)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	f.c.audit = f.edge.audit = true;
	start(&f);
	f.conf.prepares = 2;
	f.conf.prepared = false; /* the acknowledgement waits while records flow on */
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push(&f, 0, 2);
	push(&f, 0, 3);
	run(&f);
	EXPECT(task_stats(f.t)->snap_phase == SNAP_SYNC && task_stats(f.t)->snap_id == 7);
	f.conf.prepared = true;
	run(&f);
	struct snap *s = acknowledged(&f, 7);
	EXPECT(s->counts.n_received == 1 && s->counts.received[0].n == 1);
	EXPECT(s->counts.sent[0].n == 3 && s->counts.out == 3 && s->counts.in == 1);
	struct batch *b = one_int(f.pool, 1);
	EXPECT(s->counts.received[0].hash == record_checksum(b));
	batch_drop(&b);
	snap_close(s);
	close_fix(&f);
}

TEST(an_abort_takes_no_counts_back)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	for (int64_t i = 0; i < 10; i++)
		push(&f, 0, i);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	run(&f);
	letter(&f, LETTER_ABORT, 7, 0);
	run(&f);
	run_lanes(&f);
	run(&f);
	snap_close(CONTAINER_OF(told(&f, LETTER_ACK), struct snap, mail));
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 8);
	run(&f);
	run_lanes(&f);
	run(&f);
	struct snap *s = acknowledged(&f, 8);
	EXPECT(s->counts.in == 11 && s->counts.received[0].n == 11 && s->counts.sent[0].n == 11);
	snap_close(s);
	close_fix(&f);
}

TEST(what_changed_since_the_newest_completed_checkpoint_is_told_where_it_is_asked_for)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	f.c.wants_changed = true;
	start(&f);
	for (int64_t i = 0; i < 6; i++)
		push(&f, 0, i);
	run(&f);
	EXPECT(task_stats(f.t)->keys_changed == 6); /* without a base everything is */
	EXPECT(task_stats(f.t)->bytes_changed == keyed_live_bytes(task_keyed(f.t)));
	push_mark(&f, 0, ITEM_BARRIER, 7);
	run(&f);
	run_lanes(&f);
	run(&f);
	snap_close(acknowledged(&f, 7));
	EXPECT(task_stats(f.t)->keys_changed == 6); /* not completed yet */
	letter(&f, LETTER_COMMITTED, 7, 0);
	run(&f);
	EXPECT(task_stats(f.t)->keys_changed == 0 && task_stats(f.t)->bytes_changed == 0);
	push(&f, 0, 2);
	push(&f, 0, 2);
	push(&f, 0, 100);
	run(&f);
	EXPECT(task_stats(f.t)->keys_changed == 2);
	EXPECT(task_stats(f.t)->bytes_changed == 2 * keyed_live_bytes(task_keyed(f.t)) / 7);
	close_fix(&f);
}

TEST(since_when_it_does_what_it_does_is_told)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.now_us = 100;
	run(&f);
	uint64_t idle = task_stats(f.t)->doing_since_us;
	EXPECT(task_stats(f.t)->doing == TASK_IDLE && idle > 100);
	f.now_us = 500;
	run(&f);
	EXPECT(task_stats(f.t)->doing_since_us == idle);
	push(&f, 0, 1);
	f.now_us = 600;
	step(&f);
	EXPECT(task_stats(f.t)->doing == TASK_BUSY && task_stats(f.t)->doing_since_us == 601);
	close_fix(&f);
}

TEST(inv31_a_barrier_without_memory_for_its_counts_fails_the_task_and_leaks_nothing)
{
	for (uint64_t n = 1; n <= 2; n++) {
		struct fix f;
		open_fix(&f, &transform_ops, 1, false);
		start(&f);
		run(&f);
		push_mark(&f, 0, ITEM_BARRIER, 7);
		f.mem.fail_at = f.mem.calls + n;
		run(&f);
		struct task_report *r = CONTAINER_OF(told(&f, LETTER_FAILED), struct task_report, mail);
		EXPECT(r->rc == E_NO_MEMORY);
		f.mem.fail_at = 0;
		close_fix(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_both_ends_of_an_edge_count_the_same_records_whatever_the_exchange),
		T(one_record_less_or_another_shows_in_an_audited_edge),
		T(inv4_what_a_held_input_has_behind_its_barrier_is_counted_in_the_next_cut),
		T(inv4_what_prepare_gives_is_counted_before_the_barrier_and_what_follows_is_not),
		T(an_abort_takes_no_counts_back),
		T(what_changed_since_the_newest_completed_checkpoint_is_told_where_it_is_asked_for),
		T(since_when_it_does_what_it_does_is_told),
		T(inv31_a_barrier_without_memory_for_its_counts_fails_the_task_and_leaks_nothing),
	};
	return RUN(tests);
}
