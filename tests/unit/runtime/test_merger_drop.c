/* test_merger_drop.c - a merge that is not wanted any more: it is not waited for, and what it has
 * written is named, so that it can be discarded. */
#include "tests/unit/runtime/bridge.h"

static struct merger *merge_of_all(struct bridge *b, uint32_t n)
{
	const struct manifest_keyed *k = &b->newest.op[0].keyed[0];
	const struct manifest_run *chosen[64];
	SAY(b, k->n_runs <= 64);
	for (uint32_t i = 0; i < k->n_runs; i++)
		chosen[i] = &k->run[i];
	struct merger_options o = {
		.fs = b->fs, .mem = &b->mem, .parts_dir = PARTS, .stage = "count",
		.name = {.lineage = 1, .attempt = b->attempt, .epoch = 2, .checkpoint_id = b->newest.id,
			 .merge = n},
		.head = section_of(b, 0), .shape = b->m.shape, .hash_first = b->t[0].lo,
		.hash_last = b->t[0].hi, .at_bottom = true};
	struct merger *g;
	SAY(b, merger_open(&g, &o, &b->newest, chosen, k->n_runs, &b->mb, MERGED, &b->e) == OK);
	return g;
}

static uint32_t steps_to_the_letter(struct bridge *b, uint32_t most)
{
	uint32_t n = 0;
	while (n < most && mailbox_is_empty(&b->mb)) {
		SAY(b, ioqueue_step(b->io, LANE_BYTES) | ioqueue_step(b->io, LANE_DURABILITY));
		n++;
	}
	return n;
}

TEST(inv14_a_dropped_merge_comes_back_at_once_and_names_what_it_wrote)
{
	struct bridge b;
	bool some_file = false;
	bridge_open(&b, 5, KEY_BYTES, 60000);
	tables_open(&b, 1);
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 40; k++)
			change_some(&b, 1000, false);
		checkpoint(&b, i ? b.id : 0, i == 0, NULL);
	}
	for (uint32_t before = 0;; before += 3) {
		struct merger *g = merge_of_all(&b, before + 1);
		uint32_t files = parts_on_disk(&b);
		merger_submit(g, b.io);
		(void)steps_to_the_letter(&b, before);
		if (!mailbox_is_empty(&b.mb)) { /* it was through already */
			SAY(&b, wait_for(&b)->kind == MERGED && g->seal.rc == OK);
			merger_close(g);
			break;
		}
		merger_drop(g);
		SAY(&b, steps_to_the_letter(&b, 3) <= 2);
		SAY(&b, wait_for(&b)->kind == MERGED && g->seal.rc == E_STOPPED);
		bool made = parts_on_disk(&b) > files;
		SAY(&b, made == (g->file.name[0] != '\0'));
		some_file |= made;
		merger_close(g);
	}
	EXPECT(some_file);
	bridge_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv14_a_dropped_merge_comes_back_at_once_and_names_what_it_wrote),
	};
	return RUN(tests);
}
