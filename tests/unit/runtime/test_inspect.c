/* test_inspect.c - a checkpoint read by somebody who is not its owner: keys, rows, differences. */
#include "inspect_rig.h"

static void ask_each(struct rig *r, uint64_t id)
{
	char at[24];
	struct inspect_state s;
	snprintf(at, sizeof at, "%llu", (unsigned long long)id);
	struct inspect *i = rig_inspect(r, at, &s);
	EXPECT(inspect_manifest(i)->id == id);
	for (uint32_t k = 0; k < r->keys; k++) {
		uint8_t key[32];
		uint64_t value[2];
		bool found;
		uint32_t len = rig_key(r, k, key);
		EXPECT_OK(inspect_get(i, &s, len ? key : NULL, len, value, &found, &r->e), &r->e);
		EXPECT(found == (r->at[id][k] != RIG_ABSENT));
		EXPECT(!found || (int64_t)value[0] == r->at[id][k]);
	}
	inspect_close(i);
}

TEST(inv7_each_key_of_each_checkpoint_is_found_with_its_value_or_not_at_all)
{
	for (int text = 0; text < 2; text++) {
		struct rig r;
		rig_open(&r, text, 300, 8);
		rig_change(&r, 200, true);
		for (int i = 0; i < 4; i++)
			rig_change(&r, 30, false);
		rig_change(&r, 30, true);
		rig_change(&r, 30, false);
		for (uint64_t id = 1; id <= r.id; id++)
			ask_each(&r, id);
		rig_close(&r);
	}
}

/* --- scan --- */

struct seen {
	struct rig *r;
	uint64_t id, rows, last_hash, most;
	uint8_t last[32];
	uint32_t last_len;
};

static bool see(void *arg, const struct inspect_row *row)
{
	struct seen *s = arg;
	bool known = false;
	for (uint32_t k = 0; k < s->r->keys && !known; k++) {
		uint8_t key[32];
		uint32_t len = rig_key(s->r, k, key);
		known = len == row->key_len && !memcmp(key, row->key, len);
		if (known)
			EXPECT((int64_t)load_u64(row->value) == s->r->at[s->id][k]);
	}
	EXPECT(known && (!s->rows || row->hash > s->last_hash));
	s->last_hash = row->hash;
	s->last_len = row->key_len;
	memcpy(s->last, row->key, row->key_len);
	return ++s->rows < s->most;
}

static uint64_t live_keys(const struct rig *r, uint64_t id)
{
	uint64_t n = 0;
	for (uint32_t k = 0; k < r->keys; k++)
		n += r->at[id][k] != RIG_ABSENT;
	return n;
}

TEST(a_scan_gives_every_row_once_in_order_and_goes_on_behind_a_key)
{
	for (int text = 0; text < 2; text++) {
		struct rig r;
		struct inspect_state s;
		rig_open(&r, text, 400, 8);
		rig_change(&r, 300, true);
		rig_change(&r, 50, false);
		rig_change(&r, 50, false);
		struct inspect *i = rig_inspect(&r, NULL, &s);
		struct seen all = {.r = &r, .id = r.id, .most = UINT64_MAX}, paged = all;
		EXPECT_OK(inspect_scan(i, &s, NULL, 0, see, &all, &r.e), &r.e);
		EXPECT(all.rows == live_keys(&r, r.id));
		for (uint64_t before = 1; before != paged.rows;) {
			before = paged.rows;
			paged.most = before + 7;
			EXPECT_OK(inspect_scan(i, &s, before ? paged.last : NULL, paged.last_len, see,
					       &paged, &r.e), &r.e);
		}
		EXPECT(paged.rows == all.rows);
		inspect_close(i);
		rig_close(&r);
	}
}

/* --- diff --- */

struct differences {
	struct rig *r;
	uint64_t a, b, n, last_hash;
};

static bool differs(void *arg, enum diff_kind kind, const struct inspect_row *was,
		    const struct inspect_row *is)
{
	struct differences *d = arg;
	const struct inspect_row *row = is ? is : was;
	uint32_t k = 0;
	for (;; k++) {
		uint8_t key[32];
		EXPECT(k < d->r->keys);
		uint32_t len = rig_key(d->r, k, key);
		if (len == row->key_len && !memcmp(key, row->key, len))
			break;
	}
	int64_t x = d->r->at[d->a][k], y = d->r->at[d->b][k];
	EXPECT(x != y && (!d->n || row->hash > d->last_hash));
	EXPECT(kind == (x == RIG_ABSENT ? DIFF_ADDED : y == RIG_ABSENT ? DIFF_REMOVED : DIFF_CHANGED));
	EXPECT(!was == (x == RIG_ABSENT) && !is == (y == RIG_ABSENT));
	EXPECT(!was || (int64_t)load_u64(was->value) == x);
	EXPECT(!is || (int64_t)load_u64(is->value) == y);
	d->last_hash = row->hash;
	d->n++;
	return true;
}

static void diff_two(struct rig *r, uint64_t a, uint64_t b)
{
	char text[2][24];
	struct inspect_state s;
	struct differences d = {.r = r, .a = a, .b = b};
	uint64_t want = 0;
	snprintf(text[0], sizeof text[0], "%llu", (unsigned long long)a);
	snprintf(text[1], sizeof text[1], "%llu", (unsigned long long)b);
	struct inspect *x = rig_inspect(r, text[0], &s), *y = rig_inspect(r, text[1], &s);
	EXPECT_OK(inspect_diff(x, y, "count", differs, &d, &r->e), &r->e);
	for (uint32_t k = 0; k < r->keys; k++)
		want += r->at[a][k] != r->at[b][k];
	EXPECT(d.n == want);
	inspect_close(x);
	inspect_close(y);
}

TEST(a_difference_is_each_key_that_differs_whatever_the_two_share)
{
	for (int text = 0; text < 2; text++) {
		struct rig r;
		rig_open(&r, text, 300, 16);
		rig_change(&r, 200, true);
		for (int i = 0; i < 5; i++)
			rig_change(&r, 40, i == 2);
		for (uint64_t a = 1; a <= r.id; a++)
			for (uint64_t b = 1; b <= r.id; b++)
				diff_two(&r, a, b);
		rig_close(&r);
	}
}

static bool none(void *arg, enum diff_kind k, const struct inspect_row *was,
		 const struct inspect_row *is)
{
	(void)arg, (void)k, (void)was, (void)is;
	return true;
}

/* --- how much is read --- */

static uint64_t largest_file(struct rig *r)
{
	uint64_t most = 0;
	for (uint32_t i = 0; i < r->last.n_files; i++)
		most = r->last.file[i].length > most ? r->last.file[i].length : most;
	return most;
}

TEST(one_key_of_a_million_is_found_by_a_few_reads_a_run)
{
	struct rig r;
	struct inspect_state s;
	rig_open(&r, false, 1000000, 3);
	for (uint32_t k = 0; k < r.keys; k++)
		r.value[k] = k;
	rig_change(&r, 0, true);
	rig_change(&r, 1000, false);
	rig_change(&r, 1000, false);
	EXPECT(r.last.op[1].keyed[0].run[0].ref.length / 48 > 200); /* blocks it could read */
	uint64_t most = 0, begun = fs_sim_count(r.sim);
	struct inspect *i = rig_inspect(&r, NULL, &s);
	uint64_t opened = fs_sim_count(r.sim) - begun;
	for (uint32_t ask = 0; ask < 2000; ask++) {
		uint32_t k = (uint32_t)rng_below(&r.rng, r.keys);
		uint8_t key[32];
		uint64_t value[2], before = fs_sim_count(r.sim);
		bool found;
		uint32_t len = rig_key(&r, k, key);
		EXPECT_OK(inspect_get(i, &s, key, len, value, &found, &r.e), &r.e);
		EXPECT(found == (r.value[k] != RIG_ABSENT) && (!found || (int64_t)value[0] == r.value[k]));
		uint64_t ops = fs_sim_count(r.sim) - before;
		most = ops > most ? ops : most;
	}
	/* a run: open, length, head, end, record, a block or two, close */
	printf("opened with %llu operations, at most %llu a key of three runs, of up to %llu bytes\n",
	       (unsigned long long)opened, (unsigned long long)most,
	       (unsigned long long)largest_file(&r));
	EXPECT(opened <= 8 && most <= 3 * 8);

	/* A difference of a thousand keys reads no more blocks than there are keys, and none twice. */
	struct inspect *was = rig_inspect(&r, "2", &s);
	uint64_t before = fs_sim_count(r.sim);
	EXPECT_OK(inspect_diff(was, i, NULL, none, NULL, &r.e), &r.e);
	EXPECT(fs_sim_count(r.sim) - before <= 300 + 64);
	inspect_close(was);
	inspect_close(i);
	rig_close(&r);
}

/* --- what goes wrong --- */

static bool count_rows(void *arg, const struct inspect_row *row)
{
	(void)row;
	++*(uint64_t *)arg;
	return true;
}

TEST(inv31_inv32_every_fault_of_memory_or_disk_is_an_error_and_leaks_nothing)
{
	struct rig r;
	rig_open(&r, true, 200, 4);
	rig_change(&r, 150, true);
	rig_change(&r, 20, false);
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1;; n++) {
			size_t used = r.mem.used_bytes;
			uint64_t faults = fs_sim_faults(r.sim), rows = 0;
			struct inspect *a = NULL, *b = NULL;
			struct inspect_state s;
			struct err e = {OK};
			r.mem.fail_at = io ? 0 : r.mem.calls + n;
			fs_sim_fault_at(r.sim, io ? fs_sim_count(r.sim) + n : 0, E_IO, false);
			enum rc rc = inspect_open(&a, &r.env, RIG_DIR, "1", &e);
			if (rc == OK)
				rc = inspect_open(&b, &r.env, RIG_DIR, NULL, &e);
			if (rc == OK)
				rc = inspect_find(b, "count", &s, &e);
			if (rc == OK)
				rc = inspect_scan(b, &s, NULL, 0, count_rows, &rows, &e);
			if (rc == OK)
				rc = inspect_diff(a, b, NULL, none, NULL, &e);
			bool hit = io ? fs_sim_faults(r.sim) > faults : r.mem.calls >= r.mem.fail_at;
			r.mem.fail_at = 0;
			fs_sim_fault_at(r.sim, 0, OK, false);
			EXPECT(rc == OK || rc == (io ? E_IO : E_NO_MEMORY));
			EXPECT(rc != OK || rows == live_keys(&r, r.id));
			inspect_close(a);
			inspect_close(b);
			EXPECT(r.mem.used_bytes == used);
			if (!hit)
				break;
		}
	rig_close(&r);
}

TEST(what_is_not_there_is_said_with_what_is)
{
	struct rig r;
	struct inspect *i;
	struct inspect_state s;
	rig_open(&r, true, 50, 4);
	EXPECT(inspect_open(&i, &r.env, RIG_DIR, NULL, &r.e) == E_NOT_FOUND);
	err_clear(&r.e);
	rig_change(&r, 40, true);
	rig_change(&r, 10, false);
	EXPECT(inspect_open(&i, &r.env, RIG_DIR, "7", &r.e) == E_NOT_FOUND);
	EXPECT(strstr(r.e.text, "it has: 2, 1"));
	err_clear(&r.e);
	EXPECT(inspect_open(&i, &r.env, RIG_DIR, "nightly", &r.e) == E_NOT_FOUND);
	EXPECT(strstr(r.e.text, "named 'nightly'"));
	err_clear(&r.e);
	i = rig_inspect(&r, "1", &s);
	EXPECT(inspect_find(i, "lines", &s, &r.e) == E_NOT_FOUND && strstr(r.e.text, "count"));
	err_clear(&r.e);
	inspect_close(i);
	rig_close(&r);
}

TEST(a_checkpoint_retired_under_its_reader_is_not_called_corrupt)
{
	struct rig r;
	struct inspect_state s;
	uint64_t rows = 0;
	bool done = false;
	rig_open(&r, true, 200, 1);
	rig_change(&r, 150, true);
	rig_commit(&r);
	struct inspect *i = rig_inspect(&r, NULL, &s);
	rig_change(&r, 10, true); /* the first one's file is needed by nobody any more */
	rig_commit(&r);
	EXPECT_OK(store_sweep_begin(r.store, 1, &r.e), &r.e);
	while (!done)
		EXPECT_OK(store_sweep_step(r.store, &done, &r.e), &r.e);
	EXPECT(inspect_scan(i, &s, NULL, 0, count_rows, &rows, &r.e) == E_NOT_FOUND);
	EXPECT(strstr(r.e.text, "was retired"));
	err_clear(&r.e);
	inspect_close(i);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv7_each_key_of_each_checkpoint_is_found_with_its_value_or_not_at_all),
		T(a_scan_gives_every_row_once_in_order_and_goes_on_behind_a_key),
		T(a_difference_is_each_key_that_differs_whatever_the_two_share),
		T(one_key_of_a_million_is_found_by_a_few_reads_a_run),
		T(inv31_inv32_every_fault_of_memory_or_disk_is_an_error_and_leaks_nothing),
		T(what_is_not_there_is_said_with_what_is),
		T(a_checkpoint_retired_under_its_reader_is_not_called_corrupt),
	};
	return RUN(tests);
}
