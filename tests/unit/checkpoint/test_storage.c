/* test_storage.c - what a storage promises, of each there is: files in a folder, objects in memory.
 * An object store to come is one row more in places[]. */
#include "life.h"

enum { PLACES = 2 };

static void open_place(struct disk *d, int which)
{
	if (which)
		disk_open_objects(d);
	else
		disk_open(d);
	if (!which) {
		EXPECT_OK(fs_mkdir_all(d->fs, DIR "/manifest", &d->e), &d->e);
		EXPECT_OK(fs_mkdir_all(d->fs, DIR "/parts", &d->e), &d->e);
	}
}

static bool lists(struct disk *d, struct storage st, const char *name)
{
	struct fs_names names;
	bool found = false;
	EXPECT_OK(storage_list(st, &names, &d->e), &d->e);
	for (size_t i = 0; i < names.n; i++)
		found |= !strcmp(names.name[i], name);
	for (size_t i = 1; i < names.n; i++)
		EXPECT(strcmp(names.name[i - 1], names.name[i]) < 0);
	fs_names_close(&names);
	return found;
}

static bool holds(struct storage st, const char *name, const char *text)
{
	struct blob b;
	struct err e = {OK};
	bool same = storage_get(st, name, 1000, &b, &e) == OK && b.len == strlen(text) &&
		    !memcmp(b.data, text, b.len);
	blob_close(&b);
	return same;
}

TEST(inv25_a_name_is_put_once_and_all_learn_who_has_it)
{
	for (int which = 0; which < PLACES; which++) {
		struct disk d;
		struct err e = {OK};
		uint64_t seq = 0;
		open_place(&d, which);
		struct storage st = disk_place(&d).slots;
		EXPECT(!lists(&d, st, "7"));
		EXPECT(storage_put(st, "7", "one", 3, 1, &seq, &e) == PUT_DONE);
		EXPECT(holds(st, "7", "one") && lists(&d, st, "7") && !lists(&d, st, "8"));
		EXPECT(storage_put(st, "7", "two", 3, 2, &seq, &e) == PUT_TAKEN && e.code != OK);
		EXPECT(storage_put(st, "7", "one", 3, 1, &seq, &e) == PUT_TAKEN); /* its own, too */
		EXPECT(holds(st, "7", "one"));
		disk_close(&d);
	}
}

/* At each operation of a put: the disk says no, or does it and loses the answer, or dies. What the
 * outcome claims is what a crash then leaves. */
TEST(inv19_the_outcome_of_a_put_never_says_more_than_is_known)
{
	unsigned seen[4] = {0};
	for (int which = 0; which < PLACES; which++)
		for (int way = 0; way < 4; way++) /* fault or crash, before or after */
			for (uint64_t n = 1, more = 1; more; n++) {
				struct disk d;
				struct rng r;
				struct err e = {OK};
				uint64_t seq = 0;
				rng_seed(&r, n * 10 + (uint64_t)way);
				open_place(&d, which);
				struct storage st = disk_place(&d).slots;
				EXPECT_OK(storage_settle(st, &e), &e);
				uint64_t at = disk_count(&d) + n;
				if (way < 2)
					disk_fault_in(&d, n, E_IO, way);
				else
					disk_crash_in(&d, n, way == 3);
				enum put_outcome out = storage_put(st, "7", "one", 3, 1, &seq, &e);
				more = disk_count(&d) >= at;
				seen[out]++;
				EXPECT(out != PUT_TAKEN && (out == PUT_DONE || e.code != OK));
				disk_crash(&d, &r);
				err_clear(&e);
				EXPECT(out != PUT_DONE || holds(st, "7", "one"));
				EXPECT(out != PUT_FAILED || !lists(&d, st, "7"));
				EXPECT(!lists(&d, st, "7") || holds(st, "7", "one")); /* never a part */
				disk_close(&d);
			}
	EXPECT(seen[PUT_DONE] > 4 && seen[PUT_UNKNOWN] > 4 && seen[PUT_FAILED] > 4);
}

TEST(what_was_synced_and_settled_is_not_lost_and_the_rest_may_be)
{
	unsigned lost = 0, kept = 0;
	for (int which = 0; which < PLACES; which++)
		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct disk d;
			struct rng r;
			struct object o;
			struct err e = {OK};
			rng_seed(&r, seed);
			open_place(&d, which);
			struct storage st = disk_place(&d).parts;
			for (int settled = 1; settled >= 0; settled--) {
				const char *name = settled ? "a" : "b";
				EXPECT_OK(storage_create(st, name, &o, &e), &e);
				EXPECT(storage_create(st, name, &(struct object){0}, &e) == E_EXISTS);
				EXPECT_OK(object_write(&o, "front", 5, 0, &e), &e);
				if (settled)
					EXPECT_OK(object_sync(&o, &e), &e);
				EXPECT_OK(object_write(&o, "back", 4, 5, &e), &e);
				EXPECT_OK(object_close(&o, &e), &e);
				if (settled)
					EXPECT_OK(storage_settle(st, &e), &e);
			}
			disk_crash(&d, &r);
			uint64_t size;
			char text[10];
			size_t got;
			EXPECT_OK(storage_open(st, "a", &o, &size, &e), &e);
			EXPECT_OK(object_read(&o, text, sizeof text, 0, &got, &e), &e);
			EXPECT(got == size && size >= 5 && size <= 9 && !memcmp(text, "front", 5));
			EXPECT_OK(object_close(&o, &e), &e);
			bool there = lists(&d, st, "b");
			lost += !there;
			kept += there;
			disk_close(&d);
		}
	EXPECT(lost > 10 && kept > 10); /* of 80: the loss is real, and so is luck */
}

TEST(what_was_removed_is_gone_and_comes_back_only_before_it_is_settled)
{
	unsigned back = 0;
	for (int which = 0; which < PLACES; which++)
		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct disk d;
			struct rng r;
			struct err e = {OK};
			uint64_t seq = 0, size;
			rng_seed(&r, seed);
			open_place(&d, which);
			struct storage st = disk_place(&d).slots;
			for (int i = 0; i < 2; i++)
				EXPECT(storage_put(st, i ? "2" : "1", "text", 4, 1, &seq, &e) == PUT_DONE);
			EXPECT_OK(storage_remove(st, "1", &e), &e);
			EXPECT_OK(storage_settle(st, &e), &e);
			EXPECT_OK(storage_size(st, "2", &size, &e), &e);
			EXPECT(size == 4);
			EXPECT_OK(storage_remove(st, "2", &e), &e);
			EXPECT(storage_remove(st, "2", &e) == E_NOT_FOUND && !lists(&d, st, "2"));
			EXPECT(storage_size(st, "2", &size, &e) == E_NOT_FOUND);
			disk_crash(&d, &r);
			EXPECT(!lists(&d, st, "1"));
			back += holds(st, "2", "text");
			disk_close(&d);
		}
	EXPECT(back > 10 && back < 70); /* of 80 */
}

TEST(what_is_not_there_is_said_so_and_a_limit_holds)
{
	for (int which = 0; which < PLACES; which++) {
		struct disk d;
		struct object o;
		struct blob b;
		struct err e = {OK};
		uint64_t seq = 0, size;
		char text[4];
		size_t got;
		open_place(&d, which);
		struct storage st = disk_place(&d).slots;
		EXPECT(storage_get(st, "1", 10, &b, &e) == E_NOT_FOUND);
		EXPECT(storage_open(st, "1", &o, &size, &e) == E_NOT_FOUND);
		EXPECT(storage_harden(st, "1", &e) == E_NOT_FOUND);
		EXPECT(storage_put(st, "1", "0123456789", 10, 1, &seq, &e) == PUT_DONE);
		EXPECT(storage_get(st, "1", 9, &b, &e) == E_CORRUPT);
		EXPECT_OK(storage_harden(st, "1", &e), &e);
		EXPECT_OK(storage_open(st, "1", &o, &size, &e), &e);
		EXPECT_OK(object_read(&o, text, 4, 8, &got, &e), &e);
		EXPECT(size == 10 && got == 2 && !memcmp(text, "89", 2));
		EXPECT_OK(object_read(&o, text, 4, 10, &got, &e), &e);
		EXPECT(got == 0);
		EXPECT_OK(object_close(&o, &e), &e);
		EXPECT_OK(object_close(&o, &e), &e);
		disk_close(&d);
	}
}

/* inv 25, 26: two owners who do not know of each other, neither held back by a lock. */
TEST(inv26_who_is_overtaken_in_a_storage_publishes_nothing_more)
{
	struct disk d, other;
	struct owner a, b;
	disk_open_objects(&d);
	disk_open(&other); /* another host: its own lock, the same storage */
	struct place there = disk_place(&d);
	there.fs = other.fs;
	EXPECT_OK(owner_begin_at(&a, disk_place(&d), &d.mem, false, &d.e), &d.e);
	EXPECT_OK(owner_checkpoint(&a, &d.w, &d.e), &d.e);
	EXPECT_OK(owner_begin_at(&b, there, &d.mem, false, &d.e), &d.e);
	EXPECT(b.last.id == 1 && b.start.epoch > a.start.epoch);
	struct err e = {OK};
	struct witness not_seen = {0};
	EXPECT(owner_checkpoint(&a, &not_seen, &e) == E_FENCED && !not_seen.acked);
	uint64_t count = disk_count(&d);
	EXPECT(owner_sweep(&a, &e) == E_FENCED && disk_count(&d) == count);
	d.w.offered = 2;
	EXPECT_OK(live(&b, &d.w, 3, &d.e), &d.e);
	owner_close(&a);
	owner_close(&b);
	expect_sound_at(disk_place(&d), &d.mem, &d.w);
	disk_close(&other);
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv25_a_name_is_put_once_and_all_learn_who_has_it),
		T(inv19_the_outcome_of_a_put_never_says_more_than_is_known),
		T(what_was_synced_and_settled_is_not_lost_and_the_rest_may_be),
		T(what_was_removed_is_gone_and_comes_back_only_before_it_is_settled),
		T(what_is_not_there_is_said_so_and_a_limit_holds),
		T(inv26_who_is_overtaken_in_a_storage_publishes_nothing_more),
	};
	return RUN(tests);
}
