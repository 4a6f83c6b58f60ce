/* test_retention.c - which slots and files stay. */
#include "job.h"

#include "checkpoint/retention.h"

/* A checkpoint or fence with the facts retention reads; its lists are borrowed. */
static struct manifest fact(enum slot_kind kind, uint64_t slot, uint64_t parent, uint64_t epoch,
			    uint64_t *retained, uint32_t n)
{
	return (struct manifest){.slot_kind = kind, .slot = slot, .parent = parent, .epoch = epoch,
				 .retained = retained, .n_retained = n};
}

#define COUNT(n) &(struct retention){.count = (n)}

TEST(retention_follows_parents_and_not_slot_order)
{
	/* 2 <- 3, 5 <- 7: 3's line was left; 4 and 6 are fences */
	uint64_t lists[] = {2, 3, 5};
	struct manifest a = fact(SLOT_CHECKPOINT, 2, 0, 1, NULL, 0);
	struct manifest b = fact(SLOT_CHECKPOINT, 3, 2, 1, NULL, 0);
	struct manifest c = fact(SLOT_CHECKPOINT, 5, 2, 4, NULL, 0);
	struct manifest top = fact(SLOT_CHECKPOINT, 7, 5, 6, lists, 3);
	const struct manifest *known[] = {&a, &b, &c, &top};
	uint64_t keep[8];
	EXPECT(retention_keep(&top, known, 4, 7, COUNT(3), keep) == 2);
	EXPECT(keep[0] == 5 && keep[1] == 7);
	EXPECT(retention_keep(&top, known, 4, 7, COUNT(8), keep) == 3);
	EXPECT(keep[0] == 2 && keep[1] == 5 && keep[2] == 7);
	EXPECT(retention_keep(&top, known, 4, 7, COUNT(1), keep) == 0);
	EXPECT(retention_keep(&top, known, 4, SLOT_NONE, COUNT(3), keep) == 0);
}

TEST(a_dead_slot_is_not_kept_though_it_exists)
{
	uint64_t lists[] = {5};
	struct manifest a = fact(SLOT_CHECKPOINT, 2, 0, 1, NULL, 0);
	struct manifest c = fact(SLOT_CHECKPOINT, 5, 2, 4, NULL, 0);
	struct manifest top = fact(SLOT_CHECKPOINT, 7, 5, 6, lists, 1);
	const struct manifest *known[] = {&a, &c, &top};
	uint64_t keep[8];
	EXPECT(retention_keep(&top, known, 3, 7, COUNT(8), keep) == 2);
	EXPECT(keep[0] == 5 && keep[1] == 7);
}

TEST(inv13_fences_pinned_and_quarantined_slots_are_never_retired)
{
	uint64_t retained[] = {5}, pinned[] = {3}, quarantined[] = {6};
	struct manifest top = fact(SLOT_CHECKPOINT, 9, 5, 8, retained, 1);
	top.pinned = pinned;
	top.n_pinned = 1;
	top.quarantined = quarantined;
	top.n_quarantined = 1;
	struct retention_facts f = {.epoch = 8, .attempt = 1, .top = &top};
	for (uint64_t slot = 1; slot < 12; slot++) {
		struct manifest c = fact(SLOT_CHECKPOINT, slot, 0, 1, NULL, 0);
		struct manifest fence = fact(SLOT_FENCE, slot, 0, slot, NULL, 0);
		bool goes = slot < 9 && slot != 5 && slot != 3 && slot != 6;
		EXPECT(retention_slot(&f, slot, &c) == (goes ? FATE_REMOVE : FATE_KEEP));
		EXPECT(retention_slot(&f, slot, &fence) == FATE_KEEP);
		EXPECT(retention_slot(&f, slot, NULL) == FATE_KEEP);
	}
	f.evidence_below = 8; /* inv 16: then only our own go */
	struct manifest c = fact(SLOT_CHECKPOINT, 7, 0, 1, NULL, 0);
	EXPECT(retention_slot(&f, 7, &c) == FATE_KEEP);
}

static void name_of(char to[LAYOUT_NAME_MAX + 1], uint64_t epoch, uint32_t attempt, uint64_t id)
{
	struct part_name n = {.lineage = 1, .epoch = epoch, .attempt = attempt, .checkpoint_id = id};
	layout_part(to, &n);
}

TEST(inv12_inv13_inv14_the_fate_of_each_file)
{
	struct part_file named = {0};
	name_of(named.name, 2, 1, 10);
	char dropped[LAYOUT_NAME_MAX + 1], name[LAYOUT_NAME_MAX + 1];
	name_of(dropped, 5, 3, 20);
	const char *const drops[] = {named.name, dropped}; /* ascending */
	struct manifest top = fact(SLOT_CHECKPOINT, 9, 0, 5, NULL, 0);
	top.file = &named;
	top.n_files = 1;
	const char *const names[] = {named.name};
	top.lineage = 1;
	struct retention_facts f = {.epoch = 5, .attempt = 3, .top = &top, .named = names, .n_named = 1,
				    .dropped = drops, .n_dropped = 2};
	EXPECT(retention_part(&f, named.name) == FATE_KEEP); /* named, though dropped elsewhere */
	EXPECT(retention_part(&f, dropped) == FATE_REMOVE);
	name_of(name, 5, 3, 21);
	EXPECT(retention_part(&f, name) == FATE_KEEP); /* of the running attempt */
	name_of(name, 5, 2, 21);
	EXPECT(retention_part(&f, name) == FATE_REMOVE); /* of a dead attempt */
	name_of(name, 4, 9, 21);
	EXPECT(retention_part(&f, name) == FATE_REMOVE); /* of a dead owner */
	name_of(name, 6, 1, 1);
	EXPECT(retention_part(&f, name) == FATE_KEEP); /* of a newer owner */
	EXPECT(retention_part(&f, "README") == FATE_KEEP);
	EXPECT(retention_temporary(&f, "tmp-00000000000000000004-0") == FATE_REMOVE);
	EXPECT(retention_temporary(&f, "tmp-00000000000000000005-0") == FATE_REMOVE);
	EXPECT(retention_temporary(&f, "tmp-00000000000000000006-0") == FATE_KEEP);
	EXPECT(retention_temporary(&f, "00000000000000000001") == FATE_KEEP);
	f.evidence_below = 5;
	EXPECT(retention_temporary(&f, "tmp-00000000000000000004-0") == FATE_KEEP);
	name_of(name, 4, 9, 21);
	EXPECT(retention_part(&f, name) == FATE_KEEP); /* inv 16: it may be that slot's */
	name_of(name, 5, 2, 21);
	EXPECT(retention_part(&f, name) == FATE_REMOVE); /* younger than the quarantine */
	f.evidence_below = 3;
	name_of(name, 4, 9, 21);
	EXPECT(retention_part(&f, name) == FATE_REMOVE); /* of an owner after it, and dead */
}

TEST(inv11_names_of_a_lineage_taken_over_are_older_than_all_of_ours)
{
	uint32_t accepts[] = {0xbeef0001};
	struct part_name n = {.lineage = 0xbeef0001, .epoch = 900, .attempt = 1, .checkpoint_id = 4};
	struct manifest top = fact(SLOT_CHECKPOINT, 9, 0, 5, NULL, 0);
	char foreign[LAYOUT_NAME_MAX + 1], stranger[LAYOUT_NAME_MAX + 1];
	layout_part(foreign, &n);
	n.lineage = 0xbeef0002;
	layout_part(stranger, &n);
	top.lineage = 1;
	top.accepts = accepts;
	top.n_accepts = 1;
	const char *const named[] = {foreign};
	struct retention_facts f = {.epoch = 5, .attempt = 1, .top = &top, .named = named,
				    .n_named = 1};
	EXPECT(retention_part(&f, foreign) == FATE_KEEP);
	EXPECT(retention_part(&f, stranger) == FATE_KEEP); /* of an epoch we know nothing of */
	f.n_named = 0;
	EXPECT(retention_part(&f, foreign) == FATE_REMOVE);
	EXPECT(retention_part(&f, stranger) == FATE_KEEP);
	f.evidence_below = 3;
	EXPECT(retention_part(&f, foreign) == FATE_KEEP);
}

/* A line of ten checkpoints, one a day; the clock says what it likes. */
TEST(inv23_an_age_only_ever_keeps_more_than_the_count_whatever_the_clock_says)
{
	enum { N = 10 };
	const int64_t day = 86400000000, last = 1700000000000000;
	uint64_t lists[N], keep[N];
	struct manifest m[N];
	const struct manifest *known[N];
	for (int i = 0; i < N; i++) {
		lists[i] = (uint64_t)i + 1;
		m[i] = fact(SLOT_CHECKPOINT, (uint64_t)i + 1, (uint64_t)i, 1, NULL, 0);
		m[i].wall_us = last - (N - 1 - i) * day;
		known[i] = &m[i];
	}
	struct manifest *top = &m[N - 1];
	top->retained = lists;
	top->n_retained = N - 1;
	for (int64_t jump = -10; jump <= 10; jump++) {
		struct retention r = {.count = 3, .age_us = (uint64_t)(5 * day),
				      .now_wall_us = last + jump * day};
		uint32_t kept = retention_keep(top, known, N, N, &r, keep);
		/* those with an age below five days, and two in any case; the child is the third */
		uint32_t young = jump >= 5 ? 0 : (uint32_t)(5 - jump);
		EXPECT(kept == (young < 2 ? 2 : young > N ? N : young));
		EXPECT(kept && keep[kept - 1] == N);
		r.age_us = 0;
		EXPECT(retention_keep(top, known, N, N, &r, keep) == 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(retention_follows_parents_and_not_slot_order),
		T(a_dead_slot_is_not_kept_though_it_exists),
		T(inv13_fences_pinned_and_quarantined_slots_are_never_retired),
		T(inv12_inv13_inv14_the_fate_of_each_file),
		T(inv11_names_of_a_lineage_taken_over_are_older_than_all_of_ours),
		T(inv23_an_age_only_ever_keeps_more_than_the_count_whatever_the_clock_says),
	};
	return RUN(tests);
}
