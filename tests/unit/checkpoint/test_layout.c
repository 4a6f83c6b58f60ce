/* test_layout.c - names: what is written is parsed, and nothing else is ours. */
#include "base/check.h"
#include "checkpoint/layout.h"
#include "tests/lib/test.h"

TEST(names_are_parsed_back)
{
	char name[LAYOUT_NAME_MAX + 1];
	uint64_t slot, epoch, seq;
	layout_slot(name, 12);
	EXPECT(!strcmp(name, "00000000000000000012"));
	EXPECT(layout_slot_parse(name, &slot) && slot == 12);
	layout_slot(name, UINT64_MAX);
	EXPECT(layout_slot_parse(name, &slot) && slot == UINT64_MAX);
	layout_temporary(name, 12, 3);
	EXPECT(!strcmp(name, "tmp-00000000000000000012-3"));
	EXPECT(layout_temporary_parse(name, &epoch, &seq) && epoch == 12 && seq == 3);
	struct part_name n = {.lineage = 0xab, .epoch = 5, .attempt = 2, .checkpoint_id = 7}, m;
	layout_part(name, &n);
	EXPECT(!strcmp(name, "000000ab-5-2-00000000000000000007.part"));
	EXPECT(layout_part_parse(name, &m) && !memcmp(&n, &m, sizeof n));
	n = (struct part_name){UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT32_MAX};
	layout_part(name, &n);
	EXPECT(layout_part_parse(name, &m) && m.merge == UINT32_MAX && m.epoch == UINT64_MAX);
}

TEST(other_names_are_not_ours)
{
	static const char *const slots[] = {"", "1", "0000000000000000012", "00000000000000000000",
					    "000000000000000000012", "99999999999999999999",
					    "0000000000000000001x", "tmp-1-1", "../../../../etc/passw"};
	static const char *const parts[] = {
		"", "x", "000000ab-5-2-7.part", "000000AB-5-2-00000000000000000007.part",
		"000000ab-05-2-00000000000000000007.part", "000000ab-5-2-00000000000000000007",
		"000000ab-5-2-00000000000000000007.part.part", "000000ab-5-2-00000000000000000007-m0.part",
		"000000ab-5-4294967296-00000000000000000007.part", "../../000000ab-5-2-0000007.part",
		"000000ab-5-2-00000000000000000007-m.part",
		"000000ab-5--2-00000000000000000007.part"};
	static const char *const temporaries[] = {"tmp-", "tmp-1-1", "tmp-00000000000000000012",
						  "tmp-00000000000000000012-", "tmp-00000000000000000012-03"};
	uint64_t a, b;
	struct part_name n;
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		EXPECT(!layout_slot_parse(slots[i], &a));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		EXPECT(!layout_part_parse(parts[i], &n));
	for (size_t i = 0; i < ARRAY_LEN(temporaries); i++)
		EXPECT(!layout_temporary_parse(temporaries[i], &a, &b));
}

TEST(a_path_that_does_not_fit_is_said_so)
{
	char path[LAYOUT_PATH_MAX], dir[LAYOUT_PATH_MAX];
	memset(dir, 'd', sizeof dir);
	dir[sizeof dir - 3] = '\0';
	EXPECT(layout_path(path, dir, NULL, "x"));
	EXPECT(!layout_path(path, dir, NULL, "xy"));
	EXPECT(!layout_path(path, dir, "y", "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(names_are_parsed_back), T(other_names_are_not_ours),
					   T(a_path_that_does_not_fit_is_said_so)};
	return RUN(tests);
}
