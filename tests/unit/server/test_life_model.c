/* test_life_model.c - the life of a job in a small world (tests/lib/life_world.h): every state that
 * can be reached, by every event that can happen there, and long walks at random.
 * A failure prints the way to it; WEIR_SEED=n runs that walk alone. */
#include "tests/lib/life_rests.h"

#include <stdlib.h>

#include "base/rng.h"
#include "server/life_in.h"

/* ---- long walks ---- */

#define WALKS 4000
#define WALK_STEPS 200 /* fewer than a path holds */

static enum choice choose(struct world *w, struct rng *r)
{
	for (;;) {
		enum choice c = (enum choice)rng_below(r, N_CHOICES);
		/* Rarer, or there would be little else. */
		bool rare = c <= CHOICE_REMOVE || c == CHOICE_SHUTDOWN || c >= CHOICE_CRASH;
		if (choice_is_possible(w, c) && (!rare || rng_below(r, 8) == 0))
			return c;
	}
}

static void walk(uint64_t seed, struct mem *mem, struct world *sum)
{
	struct rng r;
	rng_seed(&r, seed);
	struct world w;
	enum standing first = (enum standing)rng_below(&r, STANDING_REMOVED + 1);
	bool deletes = rng_below(&r, 2), erase = first == STANDING_CANCELLED && rng_below(&r, 2);
	world_open(&w, mem, first, erase, deletes, rng_below(&r, 2) ? 2 : RESTART_UNLIMITED);
	w.seed = seed;
	for (unsigned i = 0; i < WALK_STEPS && life_state(w.l) != LIFE_REMOVED; i++)
		world_step(&w, choose(&w, &r));
	world_rests(&w);
	sum->answered += w.answered;
	sum->accepted += w.accepted;
	sum->refused += w.refused;
	sum->crashes += w.crashes;
	sum->spawned += w.spawned;
	world_close(&w);
}

TEST(walks_at_random_keep_the_invariants_and_come_to_rest)
{
	const char *only = getenv("WEIR_SEED");
	uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only ? first : WALKS;
	struct world sum = {0};
	struct mem mem;
	mem_init(&mem, 0);
	for (uint64_t seed = first; seed <= last; seed++)
		walk(seed, &mem, &sum);
	EXPECT(mem.used_bytes == 0);
	print_message("walks of seeds %llu to %llu: %u requests accepted, %u refused, %u answered, %u "
		      "processes, %u crashes of the server\n", (unsigned long long)first,
		      (unsigned long long)last, sum.accepted, sum.refused, sum.answered, sum.spawned,
		      sum.crashes);
	/* It was a test of something. */
	EXPECT(only || (sum.answered > WALKS && sum.crashes > WALKS && sum.spawned > WALKS));
}

/* ---- every state ---- */

/* What makes two situations the same for all that can follow: numbers and times are left out but
 * for whether they are due. */
struct print {
	unsigned char disk[4], under_way[5], process[5], asked[2], may, world[2];
	unsigned char life[32];
};

static void take_print(const struct world *w, struct print *p)
{
	const struct life *l = w->l;
	memset(p, 0, sizeof *p);
	unsigned char *d = p->disk, *u = p->under_way, *q = p->process, *x = p->life;
	*d++ = w->disk.standing;
	*d++ = w->disk.erase;
	*d++ = w->disk.files | w->known << 1;
	*d++ = (w->disk.version != w->version) | (w->version != w->next_version) << 1 |
	       (w->disk.version != w->next_version) << 2;
	*u++ = w->saving;
	*u++ = w->saving ? w->saving_standing : 0;
	*u++ = w->saving && w->saving_erase;
	*u++ = w->erasing;
	*u++ = w->dropping;
	*q++ = w->process;
	if (w->process)
		*q++ = w->told | w->killed << 1 | w->owned << 2 | w->renewed << 3;
	*q++ = w->process == SAID ? w->said : 0;
	*q++ = w->process && w->runs_version == w->disk.version;
	for (unsigned i = 0; i < 2; i++)
		p->asked[i] = w->asked[i].open ? w->asked[i].kind : 0;
	*q++ = w->asked[0].open && w->spawns > w->asked[0].spawns;
	p->may = (unsigned char)w->may;
	p->world[0] = w->shutdown;
	p->world[1] = w->unsure | w->spared << 1 | w->erase_due << 2;
	*x++ = l->state;
	*x++ = l->goal;
	*x++ = l->holds;
	*x++ = l->erase | l->owed << 1 | l->saving << 2 | l->saving_erase << 3 | l->erased << 4 |
	       l->over << 5;
	*x++ = l->erasing;
	*x++ = l->disk.standing;
	*x++ = l->disk.erase | l->disk.sure << 1;
	*x++ = l->asked ? l->asked->kind : 0;
	*x++ = l->asked ? 1 | l->asked->saved << 1 | (l->asked->error.code != OK) << 2 : 0;
	*x++ = l->saving ? l->saving_standing : 0;
	*x++ = l->saving_action && l->asked && l->saving_action == l->asked->action;
	*x++ = l->saving_action != 0;
	*x++ = l->process;
	*x++ = l->fate | (l->fate && l->lost) << 3 | l->renew << 4;
	if (l->process) /* else left behind, and set anew with the next one */
		*x++ = l->was_up | l->told << 1 | l->killed << 2 | l->ended << 3 |
		       l->waits_inside << 4 | (l->ended ? l->ended_unsaved << 5 | l->ended_how << 6 : 0);
	*x++ = (l->again_us > l->now_us) | (l->wait_until_us != 0) << 1 |
	       (l->wait_until_us > l->now_us) << 2 | (l->restarts.restarts > 0) << 3;
}

static struct life *life_copy(const struct life *l)
{
	struct life *to = mem_get(l->mem, sizeof *to);
	EXPECT(to && !l->n_todo);
	*to = *l;
	if (l->asked) {
		to->asked = mem_get(l->mem, sizeof *to->asked);
		*to->asked = *l->asked;
	}
	return to;
}

/* Situations seen, as hashes of their prints: 64 bits are as good as the prints themselves. All of
 * them are 1.2 million (more where a cancel deletes), some 30 events away; WEIR_DEPTH=99 visits
 * them, in some minutes and 2 GB. */
#define DEPTH 8
#define SEEN_SLOTS (1u << 22)
#define STATES_MAX 400000 /* of one depth, and of the next */

static bool is_new(uint64_t *seen, const struct print *p)
{
	uint64_t h = 1469598103934665603u;
	for (size_t i = 0; i < sizeof *p; i++)
		h = (h ^ ((const unsigned char *)p)[i]) * 1099511628211u;
	h = splitmix64(h) | 1;
	for (uint64_t i = h % SEEN_SLOTS;; i = (i + 1) % SEEN_SLOTS) {
		if (seen[i] == h)
			return false;
		if (!seen[i]) {
			seen[i] = h;
			return true;
		}
	}
}

struct search {
	uint64_t *seen;
	struct world *open; /* a ring: breadth first, so that the shortest way to a fault is found */
	unsigned first, n_open;
	unsigned states, moves, depth, max_depth;
};

static void keep(struct search *s, struct world *w)
{
	struct print p;
	take_print(w, &p);
	if (!is_new(s->seen, &p)) {
		world_close(w);
		return;
	}
	s->states++;
	if (w->n_path > s->depth)
		s->depth = w->n_path;
	/* From here a good world must come to rest, and one that crashed and found it so too. */
	struct world rest = *w;
	rest.l = life_copy(w->l);
	world_rests(&rest);
	world_close(&rest);
	EXPECT(s->n_open < STATES_MAX);
	s->open[(s->first + s->n_open++) % STATES_MAX] = *w;
}

static void expand(struct search *s)
{
	struct world from = s->open[s->first];
	s->first = (s->first + 1) % STATES_MAX;
	s->n_open--;
	for (unsigned c = 0; c < N_CHOICES; c++) {
		if (from.n_path == s->max_depth || !choice_is_possible(&from, (enum choice)c))
			continue;
		struct world w = from;
		w.l = life_copy(from.l);
		world_step(&w, (enum choice)c);
		s->moves++;
		keep(s, &w);
	}
	world_close(&from);
}

static void search_from(struct search *s, struct mem *mem, enum standing first, bool deletes)
{
	struct world w;
	world_open(&w, mem, first, false, deletes, 1);
	keep(s, &w);
	while (s->n_open)
		expand(s);
}

TEST(every_state_that_can_be_reached_keeps_the_invariants)
{
	const char *depth = getenv("WEIR_DEPTH");
	struct mem mem;
	mem_init(&mem, 0);
	for (unsigned deletes = 0; deletes < 2; deletes++) {
		struct search s = {.seen = calloc(SEEN_SLOTS, sizeof *s.seen),
				   .open = calloc(STATES_MAX, sizeof *s.open),
				   .max_depth = depth ? (unsigned)atoi(depth) : DEPTH};
		EXPECT(s.seen && s.open);
		for (unsigned first = 0; first <= STANDING_REMOVED; first++)
			search_from(&s, &mem, (enum standing)first, deletes);
		print_message("cancel %s: %u states, %u moves, the farthest %u events away\n",
			      deletes ? "deletes" : "retains", s.states, s.moves, s.depth);
		EXPECT(s.states > 1000);
		free(s.seen);
		free(s.open);
	}
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(walks_at_random_keep_the_invariants_and_come_to_rest),
		T(every_state_that_can_be_reached_keeps_the_invariants),
	};
	return RUN(tests);
}
