/* test_proof_crashes.c - a crash at every file operation of every shape of a job's life, and again
 * inside the recovery from it, and a third time; then the output is exact and the directory whole
 * (inv 28 and those under it). See crash.h; the shapes stand in crash_shapes.c.
 *
 *   proof_crashes SHAPE                        WEIR_PROOF=all: all of it
 *   proof_crashes SHAPE 57.3 12.0              one case: crashed at operation 57, then at 12 */
#include "tests/proof/crash.h"

#include "tests/lib/test.h"

static const struct shape *asked;

static const struct shape *find(const char *name)
{
	for (size_t i = 0; i < crash_shapes_n; i++)
		if (!strcmp(crash_shapes[i].name, name))
			return &crash_shapes[i];
	return NULL;
}

TEST(inv28_output_is_exact_after_a_crash_at_every_operation)
{
	crash_everywhere(asked);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	asked = argc > 1 ? find(argv[1]) : NULL;
	if (!asked) {
		fprintf(stderr, "usage: %s SHAPE [OPERATION.VARIANT ...]; shapes:", argv[0]);
		for (size_t i = 0; i < crash_shapes_n; i++)
			fprintf(stderr, " %s", crash_shapes[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	if (argc > 2) {
		crash_case(asked, argc - 2, argv + 2);
		return 0;
	}
	const struct CMUnitTest tests[] = {T(inv28_output_is_exact_after_a_crash_at_every_operation)};
	return RUN(tests);
}
