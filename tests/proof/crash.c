/* crash.c - see crash.h. */
#include "tests/proof/crash.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <stdlib.h>

/* Of each shape: with all of them, 15,000 first crashes and 37,000 second ones in `make proof`,
 * 1,200 and 2,000 in `make test`. The first are all there are, of most shapes; each life of those
 * with a large state takes three times as long. */
#define FIRST_ALL 1100
#define SECOND_ALL 3350
#define SECOND_ALL_LARGE 750
#define LACKING 20 /* of these one in so many may lack: how many there are is guessed */
#define FIRST_LEAST 86
#define SECOND_LEAST 144
#define SECOND_EACH 3     /* second crashes behind a first at least, if recovery has as many */
#define SECOND_SAMPLE 2   /* and of those so many in a sample, about */
#define THIRD_EVERY 8     /* second crashes, of which one is followed by a third */

/* Memory's faults are found by fewer, and under ASan each takes three times as long: it has a
 * quarter of a sample in either case. */
#ifdef __SANITIZE_ADDRESS__
#define SLOWER 4
#else
#define SLOWER 1
#endif

static bool does_all(void)
{
	return SLOWER == 1 && proof_all();
}

/* Of a life: its operations that changed the disk, numbered as crash points are. */
struct changes {
	uint32_t *operation;
	uint32_t n;
};

static void changes_close(struct changes *c)
{
	free(c->operation);
	*c = (struct changes){0};
}

static void changes_of(const struct life *l, struct changes *c)
{
	uint64_t last = fs_sim_count(l->w.disk);
	c->operation = calloc((size_t)(last - l->begun) + 1, sizeof *c->operation);
	c->n = 0;
	for (uint64_t n = l->begun + 1; n <= last; n++)
		if (fs_sim_was_change(l->w.disk, n))
			c->operation[c->n++] = (uint32_t)(n - l->begun);
}

/* ---- one life ---- */

static uint64_t shape_seed(const struct shape *shape)
{
	uint64_t seed = proof_seed();
	for (const char *c = shape->name; *c; c++)
		seed = splitmix64(seed + (unsigned char)*c);
	return 1 + seed % 1000000;
}

unsigned life_parallelism(const struct life *l)
{
	return l->came ? 1 + (unsigned)(splitmix64(l->chance + l->processes) % 3) : 2;
}

enum world_end life_process(struct life *l)
{
	return world_process(&l->w, life_parallelism(l));
}

void life_open(struct life *l, const struct shape *shape)
{
	uint64_t seed = shape_seed(shape);
	struct rng r;
	l->shape = shape;
	rng_seed(&r, seed);
	scenario_open(&l->s, shape->kind, &r, shape->size);
	if (shape->checkpoint)
		scenario_checkpoint(&l->s, shape->checkpoint);
	world_open(&l->w, seed, l->s.job);
	l->w.context = l->context;
	scenario_files(&l->s, &l->w);
	world_directory(&l->w, &l->dir);
	fs_sim_watch(l->w.disk, directory_saw, &l->dir);
}

/* From here on the next crash is waited for. */
static void life_begin(struct life *l)
{
	l->begun = fs_sim_count(l->w.disk);
	l->processes = 0;
	l->untidy = false;
	if (l->came == l->crashes)
		return;
	const struct crash_point *p = &l->crash[l->came];
	if (p->variant & 1)
		fs_sim_crash_after(l->w.disk, l->begun + p->operation);
	else
		fs_sim_crash_at(l->w.disk, l->begun + p->operation);
}

enum world_end life_go_on(struct life *l)
{
	for (;;) {
		enum world_end end = (l->shape->process ? l->shape->process : life_process)(l);
		if (end == WORLD_CRASHED || end == WORLD_FINISHED)
			return end;
		if (end != WORLD_STOPPED)
			world_fail(&l->w, "a process ended %d: %s", (int)end, l->w.error.text);
		world_exit(&l->w);
		l->processes++;
		WORLD_CHECK(&l->w, l->processes < 8); /* by feel: nobody asks for so many */
	}
}

static void life_crash(struct life *l)
{
	const struct crash_point *p = &l->crash[l->came++];
	l->chance = splitmix64(l->chance + ((uint64_t)p->operation << 32) + p->variant);
	rng_seed(&l->w.rng, l->chance);
	world_crash(&l->w, p->variant >> 1);
	directory_look(&l->dir);
	scenario_check_now(&l->s, &l->w);
	/* A process after another's end does not see a slot whose removal is not durable yet, and may
	 * sweep its files; a power cut then brings back the slot, which no newer one lists. */
	if (l->came == 1 && !l->processes && !l->shape->before)
		check_named(&l->w);
}

/* The life with these crashes. after: what changed since the last one, if it is asked for. Whether
 * it met what the shape is there for. */
static bool live(const struct shape *shape, const struct crash_point *crash, uint32_t crashes,
		 struct changes *after)
{
	struct life *l = calloc(1, sizeof *l);
	*l = (struct life){.crashes = crashes};
	int at = snprintf(l->context, sizeof l->context, "WEIR_SEED=%" PRIu64 " proof_crashes %s",
			  proof_seed(), shape->name);
	for (uint32_t i = 0; i < crashes; i++) {
		l->crash[i] = crash[i];
		at += snprintf(l->context + at, sizeof l->context - (size_t)at, " %u.%u",
			       crash[i].operation, crash[i].variant);
	}
	life_open(l, shape);
	if (shape->before)
		shape->before(l);
	for (life_begin(l); l->came < crashes; life_begin(l)) {
		if (life_go_on(l) != WORLD_CRASHED)
			world_fail(&l->w, "crash %u did not come", l->came + 1);
		life_crash(l);
	}
	uint64_t completed = l->w.completed;
	if (life_go_on(l) != WORLD_FINISHED)
		world_fail(&l->w, "a crash that nobody asked for");
	if (after)
		changes_of(l, after);
	scenario_check_end(&l->s, &l->w);
	directory_look(&l->dir);
	if (l->w.completed > completed && !l->untidy)
		directory_tidy(&l->dir);
	if (shape->end)
		shape->end(l);
	bool met = l->met;
	world_exit(&l->w);
	fs_sim_watch(l->w.disk, NULL, NULL);
	directory_close(&l->dir);
	world_close(&l->w);
	scenario_close(&l->s);
	free(l);
	return met;
}

/* ---- all of them ---- */

struct tally {
	struct proof first, second, third;
	uint32_t variants; /* of a crash at one operation */
	uint64_t firsts;   /* of these so many are done in `make proof` */
	uint64_t seconds;  /* likewise, about */
	uint64_t met;      /* lives that met what the shape is there for */
};

/* The first crashes at one operation, `variants` of them, share the recovery's operations among
 * them: all of these follow some first crash there. Where there are few, each has some of them. */
static void second_crashes(const struct shape *shape, struct crash_point *crash, uint32_t variant,
			   const struct changes *after, struct tally *t)
{
	uint32_t step = after->n / SECOND_EACH;
	step = step > t->variants ? t->variants : step ? step : 1;
	uint32_t behind = after->n / step;
	uint64_t all = (uint64_t)behind * t->firsts;
	t->second.out_of = behind > SECOND_SAMPLE ? behind / SECOND_SAMPLE : 1;
	if (does_all()) {
		t->second.out_of = all ? all : 1;
		t->second.takes = proof_cap(t->seconds, t->second.out_of);
	}
	for (uint32_t j = variant % step; j < after->n; j += step) {
		if (!proof_takes(&t->second))
			continue;
		struct changes then = {0};
		crash[1].operation = after->operation[j];
		crash[1].variant = (uint32_t)(splitmix64(t->second.of) % t->variants);
		bool third = proof_takes(&t->third);
		t->met += live(shape, crash, 2, third ? &then : NULL);
		if (then.n) {
			uint64_t drawn = splitmix64(t->third.of);
			crash[2].operation = then.operation[drawn % then.n];
			crash[2].variant = (uint32_t)((drawn >> 32) % t->variants);
			t->met += live(shape, crash, 3, NULL);
		}
		changes_close(&then);
	}
}

void crash_everywhere(const struct shape *shape)
{
	struct changes all = {0};
	bool large = shape->kind == SCENARIO_KEYS;
	struct tally t = {.variants = 8, .seconds = large ? SECOND_ALL_LARGE : SECOND_ALL};
	char what[3][80];
	live(shape, NULL, 0, &all);
	EXPECT(all.n >= shape->least_changes);
	while (t.variants * all.n < FIRST_ALL) /* of a power cut, more that it may leave */
		t.variants += 2;
	snprintf(what[0], sizeof what[0], "a crash, %s", shape->name);
	snprintf(what[1], sizeof what[1], "a second crash, %s", shape->name);
	snprintf(what[2], sizeof what[2], "a third crash, %s", shape->name);
	uint64_t firsts = (uint64_t)all.n * t.variants;
	t.firsts = large ? proof_cap(FIRST_ALL, firsts) : firsts;
	proof_open(&t.first, what[0], 1);
	t.first.takes = does_all() ? t.firsts : 1;
	t.first.out_of = does_all() ? firsts : firsts / (FIRST_LEAST / SLOWER);
	proof_open(&t.second, what[1], 1);
	proof_open(&t.third, what[2], THIRD_EVERY);
	t.third.out_of = THIRD_EVERY; /* each is a life more, and there is no end to them */
	for (uint32_t i = 0; i < all.n; i++)
		for (uint32_t v = 0; v < t.variants; v++) {
			if (!proof_takes(&t.first))
				continue;
			struct crash_point crash[CRASHES_MAX] = {{all.operation[i], v}};
			struct changes after = {0};
			t.met += live(shape, crash, 1, &after);
			second_crashes(shape, crash, v, &after, &t);
			changes_close(&after);
		}
	changes_close(&all);
	proof_close(&t.first);
	proof_close(&t.second);
	proof_close(&t.third);
	EXPECT(t.first.done >= (does_all() ? t.firsts : FIRST_LEAST / SLOWER));
	EXPECT(t.second.done >=
	       (does_all() ? t.seconds - t.seconds / LACKING : SECOND_LEAST / SLOWER));
	EXPECT(t.third.done > 0);
	uint64_t lives = t.first.done + t.second.done + t.third.done;
	if (shape->meets)
		printf("%" PRIu64 " of %" PRIu64 " lives met %s\n", t.met, lives, shape->meets);
	EXPECT(!shape->meets || t.met >= lives / 4);
}

void crash_case(const struct shape *shape, int n, char **points)
{
	struct crash_point crash[CRASHES_MAX] = {{0}};
	CHECK(n <= CRASHES_MAX);
	for (int i = 0; i < n; i++)
		if (sscanf(points[i], "%u.%u", &crash[i].operation, &crash[i].variant) != 2)
			fail_msg("'%s' is no OPERATION.VARIANT", points[i]);
	live(shape, crash, (uint32_t)n, NULL);
}
