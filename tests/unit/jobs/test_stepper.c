/* test_stepper.c - the step mode: played again it comes out the same, forwards and back; killed
 * anywhere it ends with the same output; what it shows of held inputs is what the rule says. */
#include "base/hash.h"
#include "runtime/task_look.h"
#include "tests/unit/jobs/step_rig.h"

#include <inttypes.h>
#include <stdlib.h>

static const char job[] =
	"{ \"name\": \"step\", \"checkpoint\": { \"interval\": \"40ms\" }, \"chaining\": \"none\","
	"  \"pipeline\": ["
	"  { \"id\": \"quick\", \"type\": \"generator_source\", \"rows\": 300, \"rate\": 3000,"
	"    \"fields\": { \"k\": \"splitmix64(i, 20)\" } },"
	"  { \"id\": \"slow\", \"type\": \"generator_source\", \"rows\": 60, \"rate\": 300,"
	"    \"fields\": { \"k\": \"splitmix64(i + 1000, 20)\" } },"
	"  { \"id\": \"both\", \"type\": \"union\", \"inputs\": [\"quick\", \"slow\"] },"
	"  { \"id\": \"count\", \"type\": \"keyed_sum\", \"key\": \"k\", \"as\": \"n\" },"
	"  { \"id\": \"out\", \"type\": \"file_sink\", \"path\": \"/out\", \"format\": \"jsonl\" } ] }";

static uint64_t event_hash(const struct step_event *e)
{
	return hash_bytes(e->what, strlen(e->what)) ^ hash_bytes(e->who, strlen(e->who)) ^ e->n ^
	       e->at_us << 20 ^ (uint64_t)e->barrier << 60;
}

/* The committed lines, in no order: a sum of hashes, and how many. */
static uint64_t output_of(struct stage *x, uint64_t *lines)
{
	struct fs *fs = stepper_disk(x->s);
	struct fs_names l;
	uint64_t sum = 0;
	*lines = 0;
	EXPECT_OK(fs_list(fs, "/out", &l, &x->e), &x->e);
	for (size_t i = 0; i < l.n; i++) {
		char path[300];
		uint8_t *data;
		size_t len;
		if (l.name[i][0] == '.')
			continue;
		snprintf(path, sizeof path, "/out/%s", l.name[i]);
		struct fs_stat st;
		EXPECT_OK(fs_stat(fs, path, &st, &x->e), &x->e);
		if (st.kind != FS_FILE)
			continue;
		EXPECT_OK(fs_read_all(fs, path, 1 << 20, &data, &len, &x->e), &x->e);
		for (size_t at = 0; at < len; (*lines)++) {
			size_t n = (size_t)((uint8_t *)memchr(data + at, '\n', len - at) - data) - at;
			sum += hash_bytes(data + at, n);
			at += n + 1;
		}
		mem_put(fs->mem, data);
	}
	fs_names_close(&l);
	return sum;
}

enum { MOST = 20000 };
static uint64_t told[MOST];

TEST(inv38_back_and_forth_every_event_is_the_same)
{
	struct stage x;
	struct step_event e;
	struct rng r;
	uint64_t n = 0;
	stage_open(&x, job, 7);
	rng_seed(&r, 11);
	while (n < MOST && stepper_next(x.s, &e)) {
		EXPECT(e.n == n + 1 && e.who[0] && e.what[0]);
		told[n++] = event_hash(&e);
	}
	EXPECT(n > 200 && n < MOST);
	EXPECT(strstr(e.what, "finished") != NULL);
	for (int round = 0; round < 12; round++) {
		uint64_t to = 1 + rng_below(&r, n);
		EXPECT_OK(stepper_back(x.s, to, &e, &x.e), &x.e);
		EXPECT(stepper_events(x.s) == to && event_hash(&e) == told[to - 1]);
		for (uint64_t i = to; i < n && i < to + 50; i++) {
			EXPECT(stepper_next(x.s, &e));
			EXPECT(event_hash(&e) == told[i]);
		}
	}
	stage_close(&x);
}

TEST(killed_anywhere_it_ends_with_the_same_output)
{
	struct stage x;
	struct step_event e;
	uint64_t n = 0, lines, want_lines, want;
	stage_open(&x, job, 7);
	while (stepper_next(x.s, &e))
		n++;
	want = output_of(&x, &want_lines);
	printf("%" PRIu64 " lines\n", want_lines);
	EXPECT(want_lines == 360);
	unsigned kills = 0;
	for (uint64_t at = 5; at < n; at += 17, kills++) {
		EXPECT_OK(stepper_back(x.s, at, &e, &x.e), &x.e);
		stepper_kill(x.s);
		while (stepper_next(x.s, &e))
			;
		EXPECT(strstr(e.what, "finished") != NULL);
		if (output_of(&x, &lines) != want || lines != want_lines)
			fail_msg("killed after event %" PRIu64 ": another output", at);
		/* What the user did is forgotten when one goes back behind it. */
		EXPECT_OK(stepper_back(x.s, at > 3 ? at - 3 : 1, &e, &x.e), &x.e);
	}
	printf("%u kills\n", kills);
	EXPECT(kills > 10);
	stage_close(&x);
}

/* An input is held exactly from its barrier until the other's: and it is seen. */
TEST(a_held_input_is_one_whose_barrier_came_first)
{
	struct stage x;
	struct step_event e;
	uint64_t held = 0, cuts = 0;
	stage_open(&x, job, 7);
	stepper_checkpoint(x.s);
	while (stepper_next(x.s, &e)) {
		struct attempt *a = stepper_attempt(x.s);
		cuts += strstr(e.what, "is published") != NULL;
		for (uint32_t i = 0; a && i < attempt_tasks(a); i++) {
			const struct task *t = attempt_task(a, i);
			const struct task_config *c = task_config(t);
			struct task_look l;
			uint32_t n = 0;
			task_look(t, stepper_published(x.s), &l);
			for (uint32_t k = 0; k < c->n_inputs; k++)
				n += task_holds_input(t, k);
			EXPECT(n == 0 || (l.aligning && n < c->n_inputs));
			held += n;
		}
	}
	EXPECT(held > 0 && cuts >= 3);
	stage_close(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv38_back_and_forth_every_event_is_the_same),
		T(killed_anywhere_it_ends_with_the_same_output),
		T(a_held_input_is_one_whose_barrier_came_first),
	};
	return RUN(tests);
}
