/* test_fsck_repair.c - what is no verdict is no reason to give a checkpoint up (inv 15). */
#include "cli/fsck_repair.h"

#include "tests/lib/test.h"

#include <string.h>

/* One checkpoint is not intact: `kind` stands in its part. There is no store: it is not come to. */
static enum rc repair(enum fault_kind kind, struct err *e)
{
	struct mem mem;
	struct manifest m = {.slot = 7, .id = 3};
	struct fsck_repair f = {0};
	struct dir_result found = {.version = kind == FAULT_VERSION,
				   .unreadable = kind == FAULT_UNREADABLE};
	mem_init(&mem, 0);
	bytes_init(&f.slots, &mem);
	fsck_repair_fault(&f, &(struct inspect_fault){kind, "parts/one.part", "is odd"});
	fsck_repair_fault(&f, &(struct inspect_fault){kind, "parts/two.part", "is odd"});
	fsck_repair_checkpoint(&f, &(struct dir_checkpoint){.m = &m, .dir = "", .intact = false});
	enum rc rc = fsck_repair_do(&f, &found, NULL, NULL, e);
	EXPECT(!f.did.fence && !f.did.quarantined);
	fsck_repair_close(&f);
	EXPECT(mem.used_bytes == 0);
	return rc;
}

TEST(inv15_a_part_of_a_later_version_is_not_given_up)
{
	struct err e = {0};
	EXPECT(repair(FAULT_VERSION, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "parts/one.part") && strstr(e.text, "later version"));
}

TEST(inv15_what_cannot_be_read_is_not_given_up)
{
	struct err e = {0};
	EXPECT(repair(FAULT_UNREADABLE, &e) == E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv15_a_part_of_a_later_version_is_not_given_up),
		T(inv15_what_cannot_be_read_is_not_given_up),
	};
	return RUN(tests);
}
