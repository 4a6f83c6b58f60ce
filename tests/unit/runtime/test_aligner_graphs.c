/* test_aligner_graphs.c - random graphs of gates: whatever is cancelled, aborted or ended, every
 * snapshot is a consistent cut and nobody waits for ever. A failure prints its seed; WEIR_SEED=n
 * runs that one. */
#include "base/check.h"
#include "base/rng.h"
#include "runtime/aligner.h"
#include "tests/lib/test.h"

#include <stdlib.h>

/* Layers of gates; each gate of a layer reads every gate of the layer before: SOURCES have no
 * gate. What flows: records (counted), barriers, cancels, the end. */
#define WIDTH_MAX 4
#define DEPTH_MAX 3
#define IDS 40
#define QUEUE 512

enum item_kind { RECORD, BARRIER, CANCEL, END };
struct item {
	enum item_kind kind;
	uint64_t id;   /* of a record: the last id its source had injected */
};

struct pipe {
	struct item item[QUEUE];
	uint32_t head, tail;
	uint64_t highest; /* of the marks taken from it */
};

struct node {
	struct aligner a;
	struct pipe in[WIDTH_MAX];
	bool answered[IDS + 1]; /* aligned or cancelled */
	bool aligned[IDS + 1];
	bool told_abort[IDS + 1];
	uint64_t last_answer, last_aligned;
	uint64_t newest_record; /* one more than the highest tag of a record taken */
	bool has_ended;
};

struct graph {
	uint64_t seed;
	struct rng rng;
	uint32_t width, depth;
	bool exactly_once, ended[WIDTH_MAX];
	uint64_t injected[WIDTH_MAX]; /* by each source: the last id, barrier or cancel */
	bool source_knows_abort[WIDTH_MAX][IDS + 1];
	bool aborted[IDS + 1];
	struct node node[DEPTH_MAX][WIDTH_MAX];
	uint64_t alignments, cancels;
};

#define OUGHT(g, cond)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("%s:%d: seed %llu: %s", __FILE__, __LINE__,                       \
				 (unsigned long long)(g)->seed, #cond);                            \
	} while (0)

static void flow(struct graph *g, uint32_t layer, uint32_t from, struct item it)
{
	if (layer == g->depth)
		return;
	for (uint32_t i = 0; i < g->width; i++) {
		struct pipe *p = &g->node[layer][i].in[from];
		OUGHT(g, p->tail - p->head < QUEUE);
		p->item[p->tail++ % QUEUE] = it;
	}
}

static void answer_one(struct graph *g, uint32_t layer, uint32_t at, enum item_kind kind,
		       uint64_t id)
{
	struct node *n = &g->node[layer][at];
	OUGHT(g, id <= IDS && !n->answered[id] && id > n->last_answer); /* aligner's inv 1, 2 */
	n->answered[id] = true;
	n->last_answer = id;
	flow(g, layer + 1, at, (struct item){kind, id});
	if (kind == CANCEL) {
		OUGHT(g, g->aborted[id]); /* a healthy one is never cancelled */
		g->cancels++;
		return;
	}
	OUGHT(g, !n->told_abort[id]);
	for (uint32_t i = 0; i < g->width; i++) {
		OUGHT(g, n->in[i].highest >= id);
		OUGHT(g, !g->exactly_once || n->in[i].highest == id);
	}
	OUGHT(g, !g->exactly_once || n->newest_record <= id); /* inv 4: nothing after the barrier */
	n->aligned[id] = true;
	n->last_aligned = id;
	g->alignments++;
}

static void answer(struct graph *g, uint32_t layer, uint32_t at, const struct alignment *out)
{
	for (uint32_t i = 0; i <= out->cancels; i++) {
		if (out->aligned && i == out->cancels_before)
			answer_one(g, layer, at, BARRIER, out->aligned);
		if (i < out->cancels)
			answer_one(g, layer, at, CANCEL, out->cancel[i]);
	}
	aligner_check(&g->node[layer][at].a);
}

static void read_input(struct graph *g, uint32_t layer, uint32_t at, uint32_t input)
{
	struct node *n = &g->node[layer][at];
	struct pipe *p = &n->in[input];
	struct alignment out;
	if (p->head == p->tail || aligner_is_held(&n->a, input))
		return;
	struct item it = p->item[p->head++ % QUEUE];
	switch (it.kind) {
	case RECORD:
		OUGHT(g, it.id >= n->last_aligned); /* inv 4: the cut has all before it */
		if (it.id + 1 > n->newest_record)
			n->newest_record = it.id + 1;
		flow(g, layer + 1, at, it);
		break;
	case BARRIER:
		p->highest = it.id;
		aligner_barrier(&n->a, input, it.id, 1, &out);
		answer(g, layer, at, &out);
		break;
	case CANCEL:
		p->highest = it.id;
		aligner_cancel(&n->a, input, it.id, 1, &out);
		answer(g, layer, at, &out);
		break;
	case END:
		if (aligner_end(&n->a, input)) {
			OUGHT(g, !n->has_ended);
			n->has_ended = true;
			flow(g, layer + 1, at, (struct item){END, 0});
		}
		break;
	}
}

static void source_step(struct graph *g, uint32_t s, uint64_t triggered)
{
	if (g->injected[s] < triggered && rng_below(&g->rng, 2)) {
		uint64_t id = ++g->injected[s];
		bool gone = g->source_knows_abort[s][id];
		flow(g, 0, s, (struct item){gone ? CANCEL : BARRIER, id});
	} else if (!g->ended[s] && rng_below(&g->rng, 40) == 0) {
		g->ended[s] = true;
		flow(g, 0, s, (struct item){END, 0});
	} else if (!g->ended[s] && rng_below(&g->rng, 4) == 0) {
		flow(g, 0, s, (struct item){RECORD, g->injected[s]});
	}
}

/* A letter about an abort reaches a gate at some time, or a source before it injects. */
static void letter_step(struct graph *g)
{
	uint64_t id = 1 + rng_below(&g->rng, IDS);
	if (!g->aborted[id])
		return;
	uint32_t at = (uint32_t)rng_below(&g->rng, g->width);
	uint32_t layer = (uint32_t)rng_below(&g->rng, g->depth + 1);
	if (layer == g->depth) {
		g->source_knows_abort[at][id] = true;
		return;
	}
	struct node *n = &g->node[layer][at];
	struct alignment out;
	bool is_full = n->a.aborts == ALIGNER_IDS_MAX; /* then it may forget one */
	aligner_abort(&n->a, id, &out);
	if (is_full)
		memset(n->told_abort, 0, sizeof n->told_abort);
	else
		n->told_abort[id] |= !n->answered[id];
	answer(g, layer, at, &out);
}

static void run_graph(uint64_t seed, bool exactly_once, uint64_t *alignments, uint64_t *cancels)
{
	struct graph *g = calloc(1, sizeof *g);
	assert_non_null(g);
	g->seed = seed;
	rng_seed(&g->rng, seed);
	g->width = 1 + (uint32_t)rng_below(&g->rng, WIDTH_MAX);
	g->depth = 1 + (uint32_t)rng_below(&g->rng, DEPTH_MAX);
	g->exactly_once = exactly_once;
	uint32_t concurrent = 1 + (uint32_t)rng_below(&g->rng, 3);
	for (uint32_t l = 0; l < g->depth; l++)
		for (uint32_t i = 0; i < g->width; i++)
			aligner_init(&g->node[l][i].a, g->width, exactly_once,
				     ALIGNER_IDS_MAX, 0);
	uint64_t triggered = 0;
	bool calm = false;
	for (uint32_t step = 0; step < 200000; step++) {
		/* The coordinator: at most `concurrent` that are neither aborted nor through. */
		uint32_t pending = 0;
		uint64_t through = 0;
		for (uint64_t id = 1; id <= triggered; id++) {
			bool all = true;
			for (uint32_t i = 0; i < g->width; i++)
				all &= g->node[g->depth - 1][i].aligned[id];
			pending += !all && !g->aborted[id];
			through += all || g->aborted[id];
		}
		calm |= triggered == IDS - 2;
		if (pending < concurrent && triggered < IDS && rng_below(&g->rng, 10) == 0)
			triggered++;
		if (!calm && triggered && rng_below(&g->rng, 60) == 0) {
			uint64_t id = 1 + rng_below(&g->rng, triggered);
			bool all = true;
			for (uint32_t i = 0; i < g->width; i++)
				all &= g->node[g->depth - 1][i].aligned[id];
			g->aborted[id] |= !all;
		}
		if (through == IDS)
			break;
		switch (rng_below(&g->rng, 5)) {
		case 0:
			source_step(g, (uint32_t)rng_below(&g->rng, g->width), triggered);
			break;
		case 1:
			letter_step(g);
			break;
		default:
			read_input(g, (uint32_t)rng_below(&g->rng, g->depth),
				   (uint32_t)rng_below(&g->rng, g->width),
				   (uint32_t)rng_below(&g->rng, g->width));
			break;
		}
	}
	for (uint32_t i = 0; i < g->width; i++) { /* the last one, with nothing aborted any more */
		OUGHT(g, g->node[g->depth - 1][i].aligned[IDS]);
		OUGHT(g, !aligner_is_held(&g->node[g->depth - 1][i].a, 0));
	}
	*alignments += g->alignments;
	*cancels += g->cancels;
	free(g);
}

TEST(inv4_inv5_random_graphs_cut_consistently_and_nobody_waits_for_ever)
{
	const char *one = getenv("WEIR_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	uint64_t last = one ? first : 300;
	uint64_t alignments = 0, cancels = 0;
	for (uint64_t seed = first; seed <= last; seed++) {
		run_graph(seed, true, &alignments, &cancels);
		run_graph(seed, false, &alignments, &cancels);
	}
	print_message("seeds %llu to %llu: %llu alignments, %llu cancels\n",
		      (unsigned long long)first, (unsigned long long)last,
		      (unsigned long long)alignments, (unsigned long long)cancels);
	EXPECT(one || (alignments > 1000 && cancels > 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_inv5_random_graphs_cut_consistently_and_nobody_waits_for_ever),
	};
	return RUN(tests);
}
