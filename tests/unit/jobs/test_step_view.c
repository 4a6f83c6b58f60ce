/* test_step_view.c - the picture of the step mode: it agrees with itself after every event, is the
 * same again after going back, and fails whole where there is no memory. */
#include "jobs/step_view.h"
#include "tests/unit/jobs/step_rig.h"

#include <inttypes.h>
#include <stdlib.h>

/* Two sources of different pace, two subtasks that both of them feed. */
static const char job[] =
	"{ \"name\": \"view\", \"checkpoint\": { \"interval\": \"40ms\" }, \"chaining\": \"none\","
	"  \"pipeline\": ["
	"  { \"id\": \"quick\", \"type\": \"generator_source\", \"rows\": 300, \"rate\": 3000,"
	"    \"fields\": { \"k\": \"splitmix64(i, 20)\" } },"
	"  { \"id\": \"slow\", \"type\": \"generator_source\", \"rows\": 60, \"rate\": 300,"
	"    \"fields\": { \"k\": \"splitmix64(i + 1000, 20)\" } },"
	"  { \"id\": \"both\", \"type\": \"union\", \"inputs\": [\"quick\", \"slow\"] },"
	"  { \"id\": \"count\", \"type\": \"keyed_sum\", \"key\": \"k\", \"as\": \"n\","
	"    \"parallelism\": 2 },"
	"  { \"id\": \"out\", \"type\": \"blackhole_sink\" } ] }";

/* The whole picture as text. The caller's. */
static char *picture(struct stage *x)
{
	struct step_view v;
	struct bytes to;
	struct json_out o;
	EXPECT_OK(step_view_open(&v, x->s, &x->mem, &x->e), &x->e);
	bytes_init(&to, &x->mem);
	jout_begin(&o, &to, false);
	jout_object(&o);
	step_view_write(&v, &o);
	jout_object_end(&o);
	char *text = mem_string(&x->mem, bytes_text(&to));
	bytes_close(&to);
	step_view_close(&v);
	return text;
}

static uint64_t check_lanes(const struct step_view *v, const struct step_task *t)
{
	uint64_t held = 0;
	for (uint32_t i = 0; i < t->n_lanes; i++) {
		const struct step_lane *l = &v->lane[t->first_lane + i];
		char why[400];
		EXPECT(&v->task[l->to] == t && l->from < v->n_tasks);
		EXPECT(v->task[l->from].stage != t->stage);
		held += l->held;
		if (!l->held) /* what is missing is named, by those that are held */
			continue;
		step_lane_why(v, l, why, sizeof why);
		EXPECT(t->look.aligning && strstr(why, t->missing));
		for (uint32_t k = 0; k < t->n_lanes; k++) {
			const struct step_lane *other = &v->lane[t->first_lane + k];
			EXPECT(other->held == !strstr(t->missing, v->task[other->from].name));
		}
	}
	EXPECT(held == 0 || held < t->n_lanes);
	return held;
}

TEST(after_every_event_lanes_and_tasks_agree)
{
	struct stage x;
	struct step_event ev;
	struct step_view v;
	uint64_t held = 0, parts = 0, n = 0;
	stage_open(&x, job, 3);
	while (stepper_next(x.s, &ev)) {
		EXPECT_OK(step_view_open(&v, x.s, &x.mem, &x.e), &x.e);
		EXPECT(v.events == ev.n && v.process != STEP_KILLED && v.state);
		uint32_t lanes = 0;
		for (uint32_t i = 0; i < v.n_tasks; i++) {
			EXPECT(v.task[i].first_lane == lanes);
			lanes += v.task[i].n_lanes;
			held += check_lanes(&v, &v.task[i]);
			parts += v.task[i].part == STEP_PART_THERE;
			EXPECT(v.pending || v.task[i].part == STEP_PART_NONE);
		}
		EXPECT(lanes == v.n_lanes);
		step_view_close(&v);
		n++;
	}
	printf("%" PRIu64 " events, %" PRIu64 " held, %" PRIu64 " parts\n", n, held, parts);
	EXPECT(n > 200 && held > 10 && parts > 10);
	stage_close(&x);
}

TEST(back_the_picture_is_the_same_and_killed_there_are_no_tasks)
{
	struct stage x;
	struct step_event ev;
	char *was[400];
	uint64_t n = 0;
	stage_open(&x, job, 3);
	was[0] = picture(&x);
	while (n < 399 && stepper_next(x.s, &ev))
		was[++n] = picture(&x);
	for (uint64_t at = n; at > 5; at -= 1 + at / 3) {
		EXPECT_OK(stepper_back(x.s, at, &ev, &x.e), &x.e);
		char *now = picture(&x);
		EXPECT(!strcmp(now, was[at]));
		mem_put(&x.mem, now);
	}
	stepper_kill(x.s);
	struct step_view v;
	EXPECT_OK(step_view_open(&v, x.s, &x.mem, &x.e), &x.e);
	EXPECT(v.process == STEP_KILLED && !v.state && !v.n_tasks && !v.n_lanes);
	step_view_close(&v);
	for (uint64_t i = 0; i <= n; i++)
		mem_put(&x.mem, was[i]);
	stage_close(&x);
}

TEST(without_memory_there_is_no_picture_and_nothing_is_left)
{
	struct stage x;
	struct step_event ev;
	struct step_view v;
	stage_open(&x, job, 3);
	for (int i = 0; i < 50; i++)
		EXPECT(stepper_next(x.s, &ev));
	for (uint64_t nth = 1; nth <= 2; nth++) {
		size_t used = x.mem.used_bytes;
		x.mem.fail_at = x.mem.calls + nth;
		EXPECT(step_view_open(&v, x.s, &x.mem, &x.e) == E_NO_MEMORY);
		x.mem.fail_at = 0;
		EXPECT(!v.task && !v.lane && x.mem.used_bytes == used);
		step_view_close(&v);
		err_clear(&x.e);
	}
	stage_close(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(after_every_event_lanes_and_tasks_agree),
		T(back_the_picture_is_the_same_and_killed_there_are_no_tasks),
		T(without_memory_there_is_no_picture_and_nothing_is_left),
	};
	return RUN(tests);
}
