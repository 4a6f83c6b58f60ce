/* test_listing.c - what one who is not the owner reads of the log: what counts, and no more. */
#include "life.h"

/* An owner's life of n checkpoints, of which `retain` are kept. */
static void lived(struct disk *d, int n, uint32_t retain)
{
	struct owner o = {.at = place_of(d->fs), .mem = &d->mem};
	struct store_options so = store_options_of(DIR);
	so.retain = retain;
	manifest_init(&o.last, &d->mem);
	EXPECT_OK(store_open(&o.s, d->fs, &d->mem, &so, &o.start, &d->e), &d->e);
	EXPECT_OK(store_own(o.s, &o.start, &d->e), &d->e);
	o.next_id = o.start.next_id;
	EXPECT_OK(store_newest(o.s, &o.last, &d->e), &d->e);
	EXPECT_OK(live(&o, &d->w, n, &d->e), &d->e);
	owner_close(&o);
}

TEST(the_newest_kept_are_read_and_the_rest_is_counted)
{
	struct disk d;
	struct slot_entries l;
	disk_open(&d);
	for (int i = 0; i < 20; i++)
		lived(&d, 1, 9); /* a fence each */
	lived(&d, 5, 9);
	EXPECT_OK(slots_read_kept(slots_in(d.fs, DIR), &d.mem, 4, &l, &d.e), &d.e);
	EXPECT(l.n == 4 && l.older == 5 && !l.top_unreadable);
	for (size_t i = 0; i < l.n; i++)
		EXPECT(l.entry[i].rc == OK && l.entry[i].live && l.entry[i].m.id == 25 - i);
	slot_entries_close(&l);
	EXPECT_OK(slots_read_kept(slots_in(d.fs, DIR), &d.mem, SIZE_MAX, &l, &d.e), &d.e);
	EXPECT(l.n == 9 && !l.older && l.entry[8].m.id == 17);
	slot_entries_close(&l);
	disk_close(&d);
}

/* The same operations for a look at the newest few, whatever is kept below them. */
TEST(a_look_at_the_newest_does_not_grow_with_what_is_kept)
{
	uint64_t before = 0;
	for (int n = 20; n <= 80; n *= 2) {
		struct disk d;
		struct slot_entries l;
		disk_open(&d);
		lived(&d, n, 100);
		uint64_t at = fs_sim_count(d.sim);
		EXPECT_OK(slots_read_kept(slots_in(d.fs, DIR), &d.mem, 5, &l, &d.e), &d.e);
		at = fs_sim_count(d.sim) - at;
		EXPECT(l.n == 5 && l.older == (size_t)n - 5 && (!before || at == before));
		before = at;
		slot_entries_close(&l);
		disk_close(&d);
	}
}

TEST(an_id_is_found_in_few_reads_past_fences_and_what_cannot_be_read)
{
	struct disk d;
	struct slot_entries l;
	disk_open(&d);
	for (int i = 0; i < 10; i++)
		lived(&d, 5, 100); /* 10 fences, 50 checkpoints */
	for (int damaged = 0; damaged < 2; damaged++) {
		for (uint64_t id = 0; id <= 52; id++) {
			uint64_t at = fs_sim_count(d.sim);
			EXPECT_OK(slots_read_id(slots_in(d.fs, DIR), &d.mem, id, &l, &d.e), &d.e);
			EXPECT(l.n == (id && id <= 50 && !(damaged && id >= 30 && id <= 33)));
			EXPECT(!l.n || (l.entry[0].m.id == id && l.entry[0].live));
			EXPECT(damaged || fs_sim_count(d.sim) - at < 50); /* 6 reads of 60, and the top */
			slot_entries_close(&l);
		}
		for (uint64_t slot = 36; slot <= 40 && !damaged; slot++) { /* ids 30 to 33 */
			char path[LAYOUT_PATH_MAX], name[LAYOUT_NAME_MAX + 1];
			layout_slot(name, slot);
			layout_path(path, DIR, LAYOUT_MANIFEST, name);
			EXPECT_OK(fs_sim_flip(d.sim, path, 999, &d.e), &d.e);
		}
	}
	/* Listed all the same, each with its error. */
	size_t bad = 0;
	EXPECT_OK(slots_read_kept(slots_in(d.fs, DIR), &d.mem, SIZE_MAX, &l, &d.e), &d.e);
	for (size_t i = 0; i < l.n; i++)
		bad += l.entry[i].rc == E_CORRUPT && l.entry[i].err.text[0];
	EXPECT(l.n == 50 && bad == 4);
	slot_entries_close(&l);
	disk_close(&d);
}

TEST(above_an_unreadable_top_all_there_is_is_shown)
{
	struct disk d;
	struct slot_entries l;
	disk_open(&d);
	lived(&d, 4, 3);
	EXPECT_OK(fs_sim_flip(d.sim, DIR "/manifest/00000000000000000005", 999, &d.e), &d.e);
	EXPECT_OK(slots_read_kept(slots_in(d.fs, DIR), &d.mem, SIZE_MAX, &l, &d.e), &d.e);
	EXPECT(l.top_unreadable && l.n == 3 && l.entry[0].rc == E_CORRUPT && l.entry[1].m.id == 3);
	slot_entries_close(&l);
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_kept_are_read_and_the_rest_is_counted),
		T(a_look_at_the_newest_does_not_grow_with_what_is_kept),
		T(an_id_is_found_in_few_reads_past_fences_and_what_cannot_be_read),
		T(above_an_unreadable_top_all_there_is_is_shown),
	};
	return RUN(tests);
}
