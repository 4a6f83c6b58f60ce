/* test_step_marks.c - going back finds the barrier before, also when the oldest are forgotten. */
#include "cli/step_marks.h"
#include "tests/lib/test.h"

static struct step_marks m;

TEST(before_an_event_is_the_newest_mark_that_is_smaller)
{
	m = (struct step_marks){0};
	EXPECT(step_marks_before(&m, 100) == 0);
	for (uint64_t i = 10; i <= 50; i += 10)
		step_marks_add(&m, i);
	EXPECT(step_marks_before(&m, 10) == 0);
	EXPECT(step_marks_before(&m, 11) == 10);
	EXPECT(step_marks_before(&m, 50) == 40);
	EXPECT(step_marks_before(&m, 99) == 50);
	step_marks_back(&m, 30);
	EXPECT(step_marks_before(&m, 99) == 30);
	step_marks_back(&m, 9);
	EXPECT(step_marks_before(&m, 99) == 0);
}

TEST(of_too_many_the_newest_half_stays)
{
	m = (struct step_marks){0};
	for (uint64_t i = 1; i <= 3 * STEP_MARKS_MAX; i++) {
		step_marks_add(&m, i);
		EXPECT(step_marks_before(&m, i + 1) == i);
		EXPECT(m.n <= STEP_MARKS_MAX);
		if (i > STEP_MARKS_MAX)
			EXPECT(step_marks_before(&m, i - STEP_MARKS_MAX / 2 + 2) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(before_an_event_is_the_newest_mark_that_is_smaller),
		T(of_too_many_the_newest_half_stays),
	};
	return RUN(tests);
}
