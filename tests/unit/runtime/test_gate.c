/* test_gate.c - n channels as one: what comes out when inputs are held, cancelled, ended. The rules
 * of alignment themselves are test_aligner.c's. */
#include "runtime/gate.h"

#include "base/rng.h"
#include "tests/unit/runtime/batches.h"

#define INPUTS_MAX 4

struct fix {
	struct mem mem;
	struct pool *pool;
	struct channel *ch[INPUTS_MAX];
	struct gate g;
	uint64_t now_us;
	char line[256];
};

static void open_fix(struct fix *f, uint32_t n)
{
	struct err e = {0};
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &e), &e);
	for (uint32_t i = 0; i < INPUTS_MAX; i++) {
		f->ch[i] = mem_get_aligned(&f->mem, 64, sizeof(struct channel));
		channel_init(f->ch[i], CHANNEL_SLOTS, CHANNEL_BYTES, NULL, NULL);
	}
	gate_init(&f->g, f->ch, n, true, 0);
}

static void close_fix(struct fix *f)
{
	for (uint32_t i = 0; i < INPUTS_MAX; i++) {
		channel_close(f->ch[i]);
		mem_put(&f->mem, f->ch[i]);
	}
	pool_close(f->pool);
	EXPECT(f->mem.used_bytes == 0);
}

static void put(struct fix *f, uint32_t input, struct item it)
{
	EXPECT(channel_try_push(f->ch[input], &it));
}
static void value(struct fix *f, uint32_t input, int64_t v)
{
	put(f, input, (struct item){.kind = ITEM_BATCH, .batch = one_int(f->pool, v)});
}
static void barrier(struct fix *f, uint32_t input, uint64_t id)
{
	put(f, input, (struct item){.kind = ITEM_BARRIER, .barrier = {.id = id, .base_id = id - 1}});
}
static void end(struct fix *f, uint32_t input)
{
	put(f, input, (struct item){.kind = ITEM_END});
}

/* All that comes out until there is nothing: "1 2 |7 3 !8 end". */
static const char *drain(struct fix *f)
{
	size_t n = 0;
	f->line[0] = '\0';
	for (;;) {
		struct item it = {0};
		char word[32] = "";
		switch (gate_next(&f->g, ++f->now_us, &it)) {
		case GATE_NOTHING:
			if (n)
				f->line[n - 1] = '\0';
			return f->line;
		case GATE_BATCH:
			snprintf(word, sizeof word, "%d ", (int)it.batch->col[0]->i64[0]);
			batch_drop(&it.batch);
			break;
		case GATE_BARRIER:
			EXPECT(it.barrier.base_id == it.barrier.id - 1);
			snprintf(word, sizeof word, "|%d ", (int)it.barrier.id);
			break;
		case GATE_CANCEL:
			snprintf(word, sizeof word, "!%d ", (int)it.barrier.id);
			break;
		case GATE_END:
			snprintf(word, sizeof word, "end ");
			break;
		case GATE_MARK:
			break;
		}
		n += (size_t)snprintf(f->line + n, sizeof f->line - n, "%s", word);
	}
}

#define DRAINS(f, text)                                                                            \
	do {                                                                                       \
		drain(f);                                                                          \
		assert_string_equal((f)->line, text);                                              \
	} while (0)

TEST(inputs_take_turns_so_that_none_starves)
{
	struct fix f;
	open_fix(&f, 3);
	for (int i = 0; i < 3; i++) {
		value(&f, 0, i);
		value(&f, 2, 20 + i);
	}
	value(&f, 1, 10);
	DRAINS(&f, "0 10 20 1 21 2 22");
	close_fix(&f);
}

TEST(inv4_an_input_that_delivered_the_barrier_is_held_until_all_have)
{
	struct fix f;
	open_fix(&f, 2);
	value(&f, 0, 1);
	barrier(&f, 0, 7);
	value(&f, 0, 2);
	value(&f, 1, 11);
	value(&f, 1, 12);
	DRAINS(&f, "1 11 12");
	EXPECT(channel_fill(f.ch[0]) == 1);
	barrier(&f, 1, 7);
	value(&f, 1, 13);
	drain(&f);
	EXPECT(!strncmp(f.line, "|7 ", 3)); /* then what was held back, and the rest */
	EXPECT(strstr(f.line, "2") && strstr(f.line, "13"));
	close_fix(&f);
}

TEST(the_time_from_first_to_last_barrier_is_the_alignment)
{
	struct fix f;
	struct item it;
	open_fix(&f, 2);
	barrier(&f, 0, 7);
	EXPECT(gate_next(&f.g, 1000, &it) == GATE_MARK);
	EXPECT(gate_next(&f.g, 1200, &it) == GATE_NOTHING);
	barrier(&f, 1, 7);
	EXPECT(gate_next(&f.g, 1500, &it) == GATE_BARRIER);
	EXPECT(it.barrier.id == 7 && f.g.first_us == 1000 && f.g.last_us == 1500);
	EXPECT(f.g.first_input == 0 && f.g.last_input == 1);
	close_fix(&f);
}

TEST(inv5_barriers_follow_the_end_of_input)
{
	struct fix f;
	open_fix(&f, 2);
	end(&f, 0);
	barrier(&f, 0, 7);
	value(&f, 1, 1);
	DRAINS(&f, "1");
	barrier(&f, 1, 7);
	DRAINS(&f, "|7");
	end(&f, 1);
	DRAINS(&f, "end");
	barrier(&f, 0, 8);
	barrier(&f, 1, 8);
	DRAINS(&f, "|8");
	close_fix(&f);
}

TEST(an_abort_releases_what_was_held_and_is_passed_on_once)
{
	struct fix f;
	open_fix(&f, 2);
	barrier(&f, 0, 7);
	value(&f, 0, 1);
	DRAINS(&f, "");
	gate_abort(&f.g, 7);
	drain(&f);
	EXPECT(strstr(f.line, "1"));
	EXPECT(!strstr(f.line, "|7"));
	barrier(&f, 1, 7); /* comes late: none */
	barrier(&f, 0, 8);
	barrier(&f, 1, 8);
	drain(&f);
	EXPECT(!strstr(f.line, "|7") && strstr(f.line, "|8"));
	close_fix(&f);
}

TEST(a_cancel_mark_is_passed_on_and_the_next_barrier_goes_through)
{
	struct fix f;
	open_fix(&f, 2);
	barrier(&f, 0, 7);
	put(&f, 1, (struct item){.kind = ITEM_CANCEL, .barrier.id = 7});
	value(&f, 0, 1);
	drain(&f);
	EXPECT(strstr(f.line, "!7") && strstr(f.line, "1"));
	barrier(&f, 0, 8);
	barrier(&f, 1, 8);
	DRAINS(&f, "|8");
	close_fix(&f);
}

TEST(an_id_restored_from_is_over_and_its_barrier_is_none)
{
	struct fix f;
	open_fix(&f, 1);
	gate_init(&f.g, f.ch, 1, true, 7);
	barrier(&f, 0, 7);
	barrier(&f, 0, 8);
	DRAINS(&f, "|8");
	close_fix(&f);
}

/* Values carry the number of barriers pushed before them on their input: between two barriers
 * handed out only values of that interval may come. */
TEST(inv4_no_value_crosses_a_barrier_whatever_the_interleaving)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct fix f;
		struct rng r;
		uint32_t n = 1 + (uint32_t)(seed % INPUTS_MAX);
		uint64_t pushed[INPUTS_MAX] = {0}, handed = 0;
		rng_seed(&r, seed);
		open_fix(&f, n);
		for (int i = 0; i < 3000; i++) {
			uint32_t in = (uint32_t)rng_below(&r, n);
			struct item it;
			if (rng_below(&r, 2)) {
				enum gate_got got = gate_next(&f.g, ++f.now_us, &it);
				if (got == GATE_BATCH) {
					EXPECT((uint64_t)it.batch->col[0]->i64[0] == handed);
					batch_drop(&it.batch);
				} else if (got == GATE_BARRIER) {
					EXPECT(it.barrier.id == handed + 1);
					handed++;
				}
				EXPECT(got != GATE_CANCEL && got != GATE_END);
				continue;
			}
			if (!channel_has_room(f.ch[in]))
				continue;
			if (rng_below(&r, 4))
				value(&f, in, (int64_t)pushed[in]);
			else
				barrier(&f, in, ++pushed[in]);
		}
		EXPECT(handed > 20);
		close_fix(&f);
	}
}

/* With inputs that do not wait, 8 is seen before 7 is handed out: drain() checks the bases. */
TEST(inv4_each_barrier_keeps_its_own_base_when_several_are_under_way)
{
	struct fix f;
	open_fix(&f, 2);
	gate_init(&f.g, f.ch, 2, false, 0);
	for (uint64_t id = 7; id < 7 + 12; id++)
		barrier(&f, 0, id);
	assert_string_equal(drain(&f), "");
	barrier(&f, 1, 7);
	barrier(&f, 1, 8);
	assert_string_equal(drain(&f), "|7 |8");
	for (uint64_t id = 9; id < 7 + 12; id++)
		barrier(&f, 1, id);
	assert_string_equal(drain(&f), "|9 |10 |11 |12 |13 |14 |15 |16 |17 |18");
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inputs_take_turns_so_that_none_starves),
		T(inv4_an_input_that_delivered_the_barrier_is_held_until_all_have),
		T(the_time_from_first_to_last_barrier_is_the_alignment),
		T(inv5_barriers_follow_the_end_of_input),
		T(an_abort_releases_what_was_held_and_is_passed_on_once),
		T(a_cancel_mark_is_passed_on_and_the_next_barrier_goes_through),
		T(an_id_restored_from_is_over_and_its_barrier_is_none),
		T(inv4_no_value_crosses_a_barrier_whatever_the_interleaving),
		T(inv4_each_barrier_keeps_its_own_base_when_several_are_under_way),
	};
	return RUN(tests);
}
