/* test_proof_sample.c - what an enumeration takes of its cases (tests/lib/proof.h): as many as it
 * says, spread evenly, each of them by some seed; and what WEIR_PROOF_CAP makes of a number. */
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

static void set_env(const char *cap, const char *how, uint64_t seed)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, seed);
	EXPECT(!unsetenv("WEIR_SEEDS") && !setenv("WEIR_SEED", text, 1));
	EXPECT(!setenv("WEIR_PROOF", how, 1));
	EXPECT(cap ? !setenv("WEIR_PROOF_CAP", cap, 1) : !unsetenv("WEIR_PROOF_CAP"));
}

/* Of `rounds` times out_of cases. Each stretch of a case's share has exactly one. */
static void take(struct proof *p, uint64_t takes, uint64_t out_of, uint64_t rounds, uint32_t *hits)
{
	uint64_t in_round = 0;
	p->takes = takes;
	p->out_of = out_of;
	for (uint64_t i = 0; i < rounds * out_of; i++) {
		bool taken = proof_takes(p);
		hits[i % out_of] += taken;
		in_round += taken;
		if ((i + 1) % out_of == 0) {
			EXPECT(in_round == takes);
			in_round = 0;
		}
	}
	EXPECT(p->done == rounds * takes && p->of == rounds * out_of);
}

TEST(of_each_stretch_as_many_are_taken_as_is_said_and_all_by_some_seed)
{
	for (uint64_t out_of = 1; out_of <= 40; out_of++)
		for (uint64_t takes = 1; takes <= out_of; takes++) {
			uint32_t hits[40] = {0};
			for (uint64_t seed = 1; seed <= 8; seed++) {
				struct proof p;
				set_env(NULL, "sample", seed);
				proof_open(&p, "cases", 1);
				take(&p, takes, out_of, 100, hits);
			}
			for (uint64_t i = 0; i < out_of; i++)
				if (!hits[i])
					fail_msg("%" PRIu64 " of %" PRIu64 ": case %" PRIu64 " never", takes,
						 out_of, i);
		}
}

TEST(a_proof_does_what_it_states_times_the_cap_and_never_more_than_all)
{
	struct proof p;
	set_env(NULL, "all", 1);
	EXPECT(proof_cap(100, 1000) == 100 && proof_cap(100, 70) == 70);
	EXPECT(proof_many(10, 100, 1000) == 100);
	proof_open_large(&p, "cases", 50, 8);
	EXPECT(p.takes == 1 && p.out_of == 8);
	set_env("4", "all", 1);
	EXPECT(proof_cap(100, 1000) == 400 && proof_cap(100, 250) == 250);
	proof_open_large(&p, "cases", 50, 8);
	EXPECT(p.takes == 4 && p.out_of == 8);
	proof_open_large(&p, "cases", 50, 3);
	EXPECT(p.takes == 3 && p.out_of == 3);
	set_env("none", "all", 1);
	EXPECT(proof_cap(100, 1000) == 1000 && proof_many(10, 100, 1000) == 1000);
	proof_open_large(&p, "cases", 50, 8);
	EXPECT(p.takes == p.out_of);
	set_env("none", "sample", 1);
	EXPECT(proof_many(10, 100, 1000) == 10);
	proof_open_large(&p, "cases", 50, 8);
	EXPECT(p.takes == 1 && p.out_of == 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_each_stretch_as_many_are_taken_as_is_said_and_all_by_some_seed),
		T(a_proof_does_what_it_states_times_the_cap_and_never_more_than_all),
	};
	return RUN(tests);
}
