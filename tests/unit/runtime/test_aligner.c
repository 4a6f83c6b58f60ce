/* test_aligner.c - which inputs are held, when a barrier is aligned, what a cancel leads to.
 * Answers are read as words: !7 = pass a cancel of 7 on, =7 = aligned, ~ = inputs released.
 * Random graphs of gates are in test_aligner_graphs.c. */
#include "base/check.h"
#include "runtime/aligner.h"
#include "tests/lib/test.h"

#include <stdlib.h>

struct fix {
	struct aligner a;
	struct alignment out;
	uint64_t now_us;
	char line[512];
};

static void init(struct fix *f, uint32_t inputs, bool exactly_once)
{
	memset(f, 0, sizeof *f);
	aligner_init(&f->a, inputs, exactly_once, 4, 0);
}

static const char *says(struct fix *f)
{
	size_t n = 0;
	f->line[0] = '\0';
	for (uint32_t i = 0; i <= f->out.cancels; i++) {
		if (i == f->out.cancels_before && f->out.aligned)
			n += (size_t)snprintf(f->line + n, sizeof f->line - n, "=%u",
					      (unsigned)f->out.aligned);
		if (i < f->out.cancels)
			n += (size_t)snprintf(f->line + n, sizeof f->line - n, "!%u",
					      (unsigned)f->out.cancel[i]);
	}
	if (f->out.released)
		snprintf(f->line + n, sizeof f->line - n, "~");
	aligner_check(&f->a);
	return f->line;
}

static const char *barrier(struct fix *f, uint32_t input, uint64_t id)
{
	aligner_barrier(&f->a, input, id, ++f->now_us, &f->out);
	return says(f);
}

static const char *cancel(struct fix *f, uint32_t input, uint64_t id)
{
	aligner_cancel(&f->a, input, id, ++f->now_us, &f->out);
	return says(f);
}

static const char *give_up(struct fix *f, uint64_t id)
{
	aligner_abort(&f->a, id, &f->out);
	return says(f);
}

#define SAYS(got, want) assert_string_equal((got), (want))

TEST(rule10_one_input_is_never_aligned_nor_held)
{
	struct fix f;
	init(&f, 1, true);
	SAYS(barrier(&f, 0, 1), "=1");
	EXPECT(!aligner_is_held(&f.a, 0));
	SAYS(barrier(&f, 0, 1), "");
	SAYS(barrier(&f, 0, 2), "=2");
	SAYS(cancel(&f, 0, 3), "!3");
	SAYS(barrier(&f, 0, 4), "=4");
}

TEST(rule10_exactly_once_holds_from_an_inputs_barrier_to_the_last)
{
	struct fix f;
	init(&f, 3, true);
	SAYS(barrier(&f, 1, 7), "");
	EXPECT(!aligner_is_held(&f.a, 0) && aligner_is_held(&f.a, 1) && !aligner_is_held(&f.a, 2));
	SAYS(barrier(&f, 2, 7), "");
	uint32_t who[3];
	EXPECT(aligner_missing(&f.a, who, 3) == 1 && who[0] == 0);
	SAYS(barrier(&f, 0, 7), "=7~");
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(!aligner_is_held(&f.a, i));
	EXPECT(aligner_missing(&f.a, who, 3) == 0);
}

TEST(rule10_at_least_once_holds_nothing_and_counts_side_by_side)
{
	struct fix f;
	init(&f, 2, false);
	SAYS(barrier(&f, 0, 1), "");
	EXPECT(!aligner_is_held(&f.a, 0));
	SAYS(barrier(&f, 0, 2), "");
	SAYS(barrier(&f, 0, 3), "");
	SAYS(barrier(&f, 1, 1), "=1");
	SAYS(barrier(&f, 1, 2), "=2");
	SAYS(barrier(&f, 1, 3), "=3");
}

TEST(rule11_a_higher_id_cancels_the_lower_that_its_input_lacks)
{
	struct fix f;
	init(&f, 3, true);
	barrier(&f, 0, 5);
	SAYS(barrier(&f, 1, 6), "!5~");
	EXPECT(!aligner_is_held(&f.a, 0) && aligner_is_held(&f.a, 1));
	SAYS(barrier(&f, 2, 5), ""); /* late */
	SAYS(barrier(&f, 2, 6), "");
	SAYS(barrier(&f, 0, 6), "=6~");
	SAYS(barrier(&f, 2, 5), ""); /* lower than a completed one */
	SAYS(barrier(&f, 2, 6), ""); /* repeated */
}

TEST(rule11_a_repeated_barrier_of_a_running_id_counts_once)
{
	for (int exactly_once = 0; exactly_once < 2; exactly_once++) {
		struct fix f;
		init(&f, 3, exactly_once);
		SAYS(barrier(&f, 1, 7), "");
		SAYS(barrier(&f, 1, 7), "");
		SAYS(barrier(&f, 1, 7), "");
		SAYS(barrier(&f, 0, 7), "");
		SAYS(barrier(&f, 2, 7), exactly_once ? "=7~" : "=7");
	}
}

TEST(rule11_at_least_once_cancels_only_what_cannot_come)
{
	struct fix f;
	init(&f, 2, false);
	barrier(&f, 0, 1);
	barrier(&f, 0, 2);
	SAYS(barrier(&f, 1, 2), "!1=2");
	barrier(&f, 0, 3);
	barrier(&f, 1, 4); /* 3 will never come on 1 */
	SAYS(barrier(&f, 0, 4), "=4");
	SAYS(barrier(&f, 1, 3), "");
}

TEST(rule11_a_cancel_is_passed_on_once_and_late_barriers_start_nothing)
{
	struct fix f;
	init(&f, 3, true);
	barrier(&f, 0, 7);
	SAYS(cancel(&f, 1, 7), "!7~");
	SAYS(cancel(&f, 2, 7), "");
	SAYS(barrier(&f, 0, 7), "");
	SAYS(give_up(&f, 7), "");
	EXPECT(!aligner_is_held(&f.a, 0));
	SAYS(cancel(&f, 0, 8), "!8"); /* before any barrier of it */
	SAYS(barrier(&f, 1, 8), "");
	SAYS(barrier(&f, 2, 8), "");
	EXPECT(!aligner_is_held(&f.a, 1));
	SAYS(barrier(&f, 1, 9), "");
	SAYS(barrier(&f, 0, 9), "");
	SAYS(barrier(&f, 2, 9), "=9~");
}

TEST(a_cancel_of_a_higher_id_cancels_the_lower_too)
{
	struct fix f;
	init(&f, 2, true);
	barrier(&f, 0, 5);
	SAYS(cancel(&f, 1, 6), "!5!6~");
	SAYS(barrier(&f, 1, 5), "");
	SAYS(barrier(&f, 0, 6), "");
	SAYS(barrier(&f, 0, 7), "");
	SAYS(barrier(&f, 1, 7), "=7~");
}

TEST(cancel_of_a_completed_id_is_none)
{
	struct fix f;
	init(&f, 2, true);
	barrier(&f, 0, 5);
	barrier(&f, 1, 5);
	SAYS(cancel(&f, 0, 5), "");
	SAYS(cancel(&f, 1, 4), "");
}

TEST(rule17_an_abort_releases_held_inputs_and_passes_a_cancel_on)
{
	struct fix f;
	init(&f, 2, true);
	barrier(&f, 0, 5);
	EXPECT(aligner_is_held(&f.a, 0));
	SAYS(give_up(&f, 5), "!5~");
	EXPECT(!aligner_is_held(&f.a, 0));
	SAYS(give_up(&f, 5), "");
	SAYS(barrier(&f, 1, 5), "");
	SAYS(barrier(&f, 1, 6), "");
	SAYS(barrier(&f, 0, 6), "=6~");
	SAYS(give_up(&f, 6), ""); /* its barrier has gone on already */
}

TEST(rule9_an_abort_before_the_first_mark_is_remembered_until_it_comes)
{
	struct fix f;
	init(&f, 2, true);
	barrier(&f, 0, 5);
	SAYS(give_up(&f, 6), ""); /* now it would overtake barrier 5 */
	SAYS(give_up(&f, 6), "");
	SAYS(barrier(&f, 1, 5), "=5~");
	SAYS(barrier(&f, 1, 6), "!6");
	EXPECT(!aligner_is_held(&f.a, 1));
	SAYS(barrier(&f, 0, 6), "");
	SAYS(give_up(&f, 8), "");
	SAYS(give_up(&f, 7), "");
	SAYS(cancel(&f, 0, 7), "!7");
	SAYS(barrier(&f, 0, 8), "!8");
	SAYS(barrier(&f, 1, 9), "");
	SAYS(barrier(&f, 0, 9), "=9~");
}

TEST(at_least_once_a_cancel_waits_for_lower_ids)
{
	struct fix f;
	init(&f, 2, false);
	barrier(&f, 0, 1);
	barrier(&f, 0, 2);
	SAYS(give_up(&f, 2), "");
	SAYS(cancel(&f, 0, 3), "");
	SAYS(barrier(&f, 1, 1), "=1!2!3");
	SAYS(barrier(&f, 1, 2), "");
	barrier(&f, 0, 4);
	barrier(&f, 0, 5);
	SAYS(give_up(&f, 5), "");
	SAYS(give_up(&f, 4), "!4!5");
}

TEST(more_ids_at_once_than_agreed_cancel_the_oldest)
{
	struct fix f;
	memset(&f, 0, sizeof f);
	aligner_init(&f.a, 2, false, 2, 0);
	barrier(&f, 0, 1);
	barrier(&f, 0, 2);
	SAYS(barrier(&f, 0, 3), "!1");
	SAYS(barrier(&f, 1, 1), "");
	SAYS(barrier(&f, 1, 2), "=2");
}

TEST(aborts_beyond_memory_forget_the_oldest)
{
	struct fix f;
	init(&f, 2, true);
	for (uint64_t id = 2; id <= ALIGNER_IDS_MAX + 2; id++) /* one more than it keeps */
		give_up(&f, id);
	SAYS(give_up(&f, 1), "");
	SAYS(barrier(&f, 0, 2), ""); /* forgotten: it begins, and the next id ends it */
	SAYS(barrier(&f, 1, 3), "!2!3~");
	SAYS(barrier(&f, 1, ALIGNER_IDS_MAX + 2), "!18");
	SAYS(barrier(&f, 1, ALIGNER_IDS_MAX + 3), "");
	SAYS(barrier(&f, 0, ALIGNER_IDS_MAX + 3), "=19~");
	EXPECT(f.a.aborts == 0);
}

TEST(inv5_an_ended_input_goes_on_passing_barriers)
{
	struct fix f;
	init(&f, 2, true);
	EXPECT(!aligner_end(&f.a, 0));
	EXPECT(!aligner_end(&f.a, 0)); /* a repetition ends nothing more */
	EXPECT(aligner_is_ended(&f.a, 0) && !aligner_is_ended(&f.a, 1));
	SAYS(barrier(&f, 1, 3), "");
	SAYS(barrier(&f, 0, 3), "=3~");
	EXPECT(aligner_end(&f.a, 1));
	EXPECT(!aligner_end(&f.a, 1));
	SAYS(barrier(&f, 0, 4), "");
	EXPECT(aligner_is_held(&f.a, 0));
	SAYS(barrier(&f, 1, 4), "=4~");
}

TEST(end_of_input_while_aligning_ends_nothing_else)
{
	struct fix f;
	init(&f, 3, true);
	barrier(&f, 0, 3);
	EXPECT(!aligner_end(&f.a, 1) && !aligner_end(&f.a, 2));
	SAYS(barrier(&f, 1, 3), "");
	SAYS(barrier(&f, 2, 3), "=3~");
	EXPECT(aligner_end(&f.a, 0));
}

TEST(rule13_alignment_reports_first_and_last_input_and_times)
{
	struct fix f;
	init(&f, 3, true);
	f.now_us = 100;
	barrier(&f, 2, 9);
	f.now_us = 250;
	barrier(&f, 0, 9);
	f.now_us = 400;
	SAYS(barrier(&f, 1, 9), "=9~");
	EXPECT(f.out.first_us == 101 && f.out.last_us == 401);
	EXPECT(f.out.first_input == 2 && f.out.last_input == 1);
}

TEST(inv7_ids_up_to_the_restored_one_are_over)
{
	struct fix f;
	memset(&f, 0, sizeof f);
	aligner_init(&f.a, 2, true, 1, 40);
	SAYS(barrier(&f, 0, 40), "");
	SAYS(cancel(&f, 0, 39), "");
	SAYS(give_up(&f, 40), "");
	SAYS(barrier(&f, 0, 41), "");
	SAYS(barrier(&f, 1, 41), "=41~");
}

TEST(a_thousand_inputs_align)
{
	struct fix f;
	init(&f, ALIGNER_INPUTS_MAX, true);
	for (uint64_t id = 1; id <= 3; id++) {
		for (uint32_t i = 0; i < ALIGNER_INPUTS_MAX; i++) {
			uint32_t input = (i * 389 + (uint32_t)id) % ALIGNER_INPUTS_MAX;
			bool is_last = i == ALIGNER_INPUTS_MAX - 1;
			EXPECT(!aligner_is_held(&f.a, input));
			aligner_barrier(&f.a, input, id, i, &f.out);
			EXPECT(f.out.aligned == (is_last ? id : 0));
			EXPECT(aligner_is_held(&f.a, input) == !is_last);
		}
		aligner_check(&f.a);
	}
	for (uint32_t i = 0; i < ALIGNER_INPUTS_MAX; i++)
		EXPECT(aligner_end(&f.a, i) == (i == ALIGNER_INPUTS_MAX - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rule10_one_input_is_never_aligned_nor_held),
		T(rule10_exactly_once_holds_from_an_inputs_barrier_to_the_last),
		T(rule10_at_least_once_holds_nothing_and_counts_side_by_side),
		T(rule11_a_higher_id_cancels_the_lower_that_its_input_lacks),
		T(rule11_a_repeated_barrier_of_a_running_id_counts_once),
		T(rule11_at_least_once_cancels_only_what_cannot_come),
		T(rule11_a_cancel_is_passed_on_once_and_late_barriers_start_nothing),
		T(a_cancel_of_a_higher_id_cancels_the_lower_too),
		T(cancel_of_a_completed_id_is_none),
		T(rule17_an_abort_releases_held_inputs_and_passes_a_cancel_on),
		T(rule9_an_abort_before_the_first_mark_is_remembered_until_it_comes),
		T(at_least_once_a_cancel_waits_for_lower_ids),
		T(more_ids_at_once_than_agreed_cancel_the_oldest),
		T(aborts_beyond_memory_forget_the_oldest),
		T(inv5_an_ended_input_goes_on_passing_barriers),
		T(end_of_input_while_aligning_ends_nothing_else),
		T(rule13_alignment_reports_first_and_last_input_and_times),
		T(inv7_ids_up_to_the_restored_one_are_over),
		T(a_thousand_inputs_align),
	};
	return RUN(tests);
}
