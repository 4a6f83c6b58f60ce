/* test_fs_sim_states.c - all legal states of a disk after a power cut: as many as one counts by
 * hand, each once, none that the rules forbid, and each that chance can draw. */
#include "base/fs_sim_states.h"
#include "tests/unit/base/fs_sim_rig.h"

enum { MANY = 4096 };

struct walk {
	uint64_t states, distinct;
	uint64_t hash[MANY];
};

static bool is_new(struct walk *k, uint64_t hash)
{
	for (uint64_t i = 0; i < k->distinct; i++)
		if (k->hash[i] == hash)
			return false;
	EXPECT(k->distinct < MANY);
	k->hash[k->distinct++] = hash;
	return true;
}

/* Of w's disk; each is looked at in w itself, which gets its disk back at the end. */
static void walk_states(struct world *w, struct walk *k, uint64_t at_most,
			void (*look)(struct world *w))
{
	struct fs_sim_states *st;
	struct fs_sim *from = w->sim;
	*k = (struct walk){0};
	fs_sim_states_open(&st, from, at_most, 1);
	for (bool more = true; more;) {
		MUST(*w, fs_sim_open(&w->sim, &w->mem, &w->e));
		w->fs = fs_sim_fs(w->sim);
		more = fs_sim_states_next(st, w->sim);
		if (more) {
			k->states++;
			is_new(k, fs_sim_hash(w->sim));
		}
		if (more && look)
			look(w);
		fs_sim_close(&w->sim);
	}
	EXPECT(k->states == fs_sim_states_made(st));
	fs_sim_states_close(&st);
	w->sim = from;
	w->fs = fs_sim_fs(from);
}

/* A file of two blocks on disk, of which the second and a third are written now. */
static void write_two(struct world *w)
{
	int fd = create(w, "f");
	write_fill(w, fd, 'A', 8192, 0);
	MUST(*w, fs_sync(w->fs, fd, &w->e));
	MUST(*w, fs_sync_dir(w->fs, ".", &w->e));
	write_fill(w, fd, 'B', 8192, 4096);
}

static void look_two(struct world *w)
{
	size_t len;
	uint8_t *data = content(w, "f", &len);
	EXPECT(len >= 8192 && len <= 12288 && count_of(data, 4096, 'A') == 4096);
	size_t b = count_of(data + 4096, 4096, 'B');
	EXPECT(b % 512 == 0 && count_of(data + 4096, b, 'B') == b);
	EXPECT(count_of(data + 4096, 4096, 'A') == 4096 - b);
	size_t more = count_of(data + 8192, len - 8192, 'B');
	EXPECT(more + count_of(data + 8192, len - 8192, 0) == len - 8192);
	mem_put(&w->mem, data);
}

TEST(each_block_and_the_length_survive_apart)
{
	struct world w;
	struct walk k;
	world_begin(&w, 1);
	write_two(&w);
	walk_states(&w, &k, MANY, look_two);
	/* Old, new, one byte less, the middle; each block old, new or torn at three places. The third
	 * block shows nothing at the old length, and no last tear at the middle. */
	EXPECT(k.states == 4 * 5 * 5 && k.distinct == 5 * (1 + 5 + 5 + 3));
	world_end(&w);
}

static unsigned seen_names[8];

static void look_names(struct world *w)
{
	unsigned a = is_there(w, "x/a"), b = is_there(w, "y/b"), c = is_there(w, "x/c");
	EXPECT(a + b <= 1);
	seen_names[a + 2 * b + 4 * c]++;
}

/* x/a is renamed to y/b, and apart from it x/c is made. */
TEST(directories_keep_any_subset_and_a_rename_is_one_change)
{
	struct world w;
	struct walk k;
	world_begin(&w, 1);
	MUST(w, fs_mkdir_all(w.fs, "x", &w.e));
	MUST(w, fs_mkdir_all(w.fs, "y", &w.e));
	MUST(w, fs_write_new(w.fs, "x/a", "1", 1, &w.e));
	MUST(w, fs_sync_dir(w.fs, "x", &w.e));
	MUST(w, fs_rename_new(w.fs, "x/a", "y/b", &w.e));
	MUST(w, fs_write_new(w.fs, "x/c", "2", 1, &w.e));
	memset(seen_names, 0, sizeof seen_names);
	walk_states(&w, &k, MANY, look_names);
	EXPECT(k.states == 4 && k.distinct == 4);
	for (unsigned i = 0; i < 8; i++)
		EXPECT(seen_names[i] == (i == 1 || i == 2 || i == 5 || i == 6));
	world_end(&w);
}

TEST(of_one_name_the_earlier_change_is_kept_with_the_later)
{
	struct world w;
	struct walk k;
	world_begin(&w, 1);
	MUST(w, fs_write_new(w.fs, "f", "1", 1, &w.e));
	MUST(w, fs_unlink(w.fs, "f", &w.e));
	MUST(w, fs_write_new(w.fs, "f", "2", 1, &w.e));
	walk_states(&w, &k, MANY, NULL);
	EXPECT(k.states == 8 && k.distinct == 3); /* nothing, the first, the second: gone is nothing */
	world_end(&w);
}

TEST(what_is_synced_leaves_one_state)
{
	struct world w;
	struct walk k;
	world_begin(&w, 1);
	MUST(w, fs_write_new(w.fs, "f", "1", 1, &w.e));
	MUST(w, fs_sync_dir(w.fs, ".", &w.e));
	walk_states(&w, &k, MANY, NULL);
	EXPECT(k.states == 1 && k.distinct == 1);
	world_end(&w);
}

/* Names and lengths as any; content of whole blocks, where chance has no other tears. */
static void busy(struct world *w)
{
	int fd = create(w, "f"), g = create(w, "g");
	write_fill(w, fd, 'A', 512, 0);
	write_fill(w, g, 'A', 512, 0);
	MUST(*w, fs_rename_new(w->fs, "g", "h", &w->e));
}

TEST(chance_draws_no_state_that_is_not_made)
{
	struct world w;
	struct walk k;
	unsigned hits = 0;
	world_begin(&w, 1);
	busy(&w);
	walk_states(&w, &k, MANY, NULL);
	world_end(&w);
	EXPECT(k.states == 8u * 64);
	EACH_SEED(w, seed) {
		busy(&w);
		cut(&w);
		/* Of a length that chance drew between, the enumeration has three. */
		static const char *const name[] = {"f", "g", "h"};
		bool between = false;
		for (unsigned i = 0; i < 3; i++) {
			struct fs_stat st = {0};
			if (fs_stat(w.fs, name[i], &st, NULL) == OK)
				between |= st.size_bytes != 0 && st.size_bytes != 512 &&
					   st.size_bytes != 511 && st.size_bytes != 256;
		}
		hits += !between;
		uint64_t before = k.distinct;
		EXPECT(between || !is_new(&k, fs_sim_hash(w.sim)));
		EXPECT(k.distinct == before);
	}
	EXPECT(hits > SEEDS / 2);
}

static unsigned all_there, none_there, one_lost, one_kept;

static void look_ten(struct world *w)
{
	unsigned n = 0;
	for (char name[] = "a"; *name <= 't'; ++*name)
		n += is_there(w, name);
	all_there += n == 20;
	none_there += n == 0;
	one_lost += n == 19;
	one_kept += n == 1;
}

TEST(of_too_many_the_telling_ones_come_first)
{
	struct world w;
	struct walk k;
	world_begin(&w, 1);
	for (char name[] = "a"; *name <= 't'; ++*name)
		MUST(w, fs_write_new(w.fs, name, "1", 1, &w.e));
	all_there = none_there = one_lost = one_kept = 0;
	walk_states(&w, &k, 1000, look_ten);
	EXPECT(k.states == 1000 && k.distinct > 800);
	EXPECT(all_there && none_there && one_lost >= 20 && one_kept >= 20);
	struct fs_sim_states *st;
	fs_sim_states_open(&st, w.sim, 1000, 1);
	EXPECT(fs_sim_states_all(st) == 1u << 20);
	fs_sim_states_close(&st);
	world_end(&w);
}

TEST(a_copy_is_what_kill_9_leaves)
{
	struct world w;
	struct fs_sim *copy;
	world_begin(&w, 1);
	write_two(&w);
	MUST(w, fs_mkdir(w.fs, "d", NULL, &w.e));
	MUST(w, fs_sim_open(&copy, &w.mem, &w.e));
	fs_sim_copy(copy, w.sim);
	EXPECT(fs_sim_hash(copy) == fs_sim_hash(w.sim));
	MUST(w, fs_mkdir(fs_sim_fs(copy), "e", NULL, &w.e));
	EXPECT(!is_there(&w, "e") && fs_sim_hash(copy) != fs_sim_hash(w.sim));
	/* What was not synced may be lost there, too. */
	struct rng same = w.rng;
	fs_sim_kill(w.sim);
	MUST(w, fs_mkdir(w.fs, "e", NULL, &w.e));
	fs_sim_crash(copy, &same);
	cut(&w);
	EXPECT(fs_sim_hash(copy) == fs_sim_hash(w.sim));
	fs_sim_close(&copy);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_block_and_the_length_survive_apart),
		T(directories_keep_any_subset_and_a_rename_is_one_change),
		T(of_one_name_the_earlier_change_is_kept_with_the_later),
		T(what_is_synced_leaves_one_state),
		T(chance_draws_no_state_that_is_not_made),
		T(of_too_many_the_telling_ones_come_first),
		T(a_copy_is_what_kill_9_leaves),
	};
	return RUN(tests);
}
