/* test_ask.c - what may be the name of a savepoint: a folder's, and never one that weir gives. */
#include "jobs/ask.h"
#include "tests/lib/test.h"

#include <string.h>

static bool may_be(const char *name)
{
	struct err e = {0};
	return ask_name_check(name, &e) == OK;
}

TEST(a_savepoint_is_named_as_a_folder_may_be)
{
	char name[ASK_NAME_MAX + 2];
	EXPECT(may_be("a") && may_be("before-v2") && may_be("2026-11-22.x") && may_be("_A.b-c"));
	EXPECT(!may_be("") && !may_be(".") && !may_be("..") && !may_be(".hidden") && !may_be("-x"));
	EXPECT(!may_be("a/b") && !may_be("a b") && !may_be("a\n") && !may_be("\xc3\xbc"));
	memset(name, 'n', sizeof name);
	name[ASK_NAME_MAX] = '\0';
	EXPECT(may_be(name));
	name[ASK_NAME_MAX] = 'n';
	name[ASK_NAME_MAX + 1] = '\0';
	EXPECT(!may_be(name));
}

TEST(names_that_weir_gives_and_numbers_of_checkpoints_cannot_be_taken)
{
	EXPECT(!may_be("savepoint-12") && !may_be("savepoint-") && !may_be("12"));
	EXPECT(may_be("savepoint-12a") && may_be("savepoint") && may_be("12a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_savepoint_is_named_as_a_folder_may_be),
		T(names_that_weir_gives_and_numbers_of_checkpoints_cannot_be_taken),
	};
	return RUN(tests);
}
