/* test_pages.c - a table's memory asked for ahead: all of it, and nothing else changes. */
#include "model.h"
#include "state/keyed_in.h"
#include "state/pages.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPECTED 3000000u

static size_t present(const uint8_t *from, size_t bytes, size_t *pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
	uintptr_t at = ((uintptr_t)from + page - 1) / page * page;
	*pages = ((uintptr_t)from + bytes - at) / page;
	unsigned char *in = malloc(*pages);
	EXPECT(mincore((void *)at, *pages * page, in) == 0);
	for (size_t i = 0; i < *pages; i++)
		n += in[i] & 1;
	free(in);
	return n;
}

TEST(all_pages_of_slots_and_tags_are_there_and_the_table_is_empty)
{
	struct mem mem;
	struct err e = {0};
	struct keyed *k;
	struct keyed_pages p;
	mem_init(&mem, 0);
	struct keyed_config c = {model_shape(KEY_FIX8, 8, MODEL_FROZEN), 0, UINT64_MAX, NULL, &mem};
	EXPECT_OK(keyed_open(&k, &c, &e), &e);
	EXPECT_OK(keyed_restore_begin(k, EXPECTED, &e), &e);
	keyed_pages_begin(k, &p);
	size_t pages, bytes = k->t.cap * k->t.slot_bytes;
	uint32_t asked = 0;
	EXPECT(p.pieces == (bytes + p.slot_bytes - 1) / p.slot_bytes);
	while (asked < p.pieces && keyed_pages_ask(&p, p.pieces - 1 - asked))
		asked++;
	if (!asked) { /* a kernel that does not do such a thing: nobody waits for it */
		print_message("no pages are asked for here\n");
	} else {
		EXPECT(asked == p.pieces);
		EXPECT(present(k->t.slots, bytes, &pages) == pages && pages);
		EXPECT(present(k->t.tags, k->t.cap, &pages) == pages && pages);
	}
	for (uint64_t s = 0; s < k->t.total; s++)
		EXPECT(k->t.tags[s] == TAG_EMPTY);
	EXPECT(keyed_count(k) == 0);
	keyed_close(k);
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

TEST(a_hash_leads_to_the_piece_where_its_home_lies)
{
	struct mem mem;
	struct err e = {0};
	struct keyed *k;
	struct keyed_pages p;
	mem_init(&mem, 0);
	struct keyed_config c = {model_shape(KEY_FIX8, 8, MODEL_FROZEN), 1000, UINT64_MAX - 5, NULL,
				 &mem};
	EXPECT_OK(keyed_open(&k, &c, &e), &e);
	EXPECT_OK(keyed_restore_begin(k, EXPECTED, &e), &e);
	keyed_pages_begin(k, &p);
	EXPECT(keyed_pages_of(&p, 1000) == 0);
	EXPECT(keyed_pages_of(&p, UINT64_MAX - 5) == p.pieces - 1);
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t hash = 1000 + i * (UINT64_MAX / 1000);
		size_t at = (size_t)(table_slot(&k->t, table_home(&k->t, hash)) - k->t.slots);
		EXPECT(keyed_pages_of(&p, hash) == at / p.slot_bytes);
	}
	keyed_close(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_pages_of_slots_and_tags_are_there_and_the_table_is_empty),
		T(a_hash_leads_to_the_piece_where_its_home_lies),
	};
	return RUN(tests);
}
