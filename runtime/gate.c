/* gate.c - see gate.h. */
#include "runtime/gate.h"

#include "base/check.h"
#include "base/planted.h"

void gate_init(struct gate *g, struct channel **in, uint32_t n, bool exactly_once,
	       uint64_t after_id)
{
	*g = (struct gate){.in = in, .n = n};
	aligner_init(&g->aligner, n, exactly_once, ALIGNER_IDS_MAX, after_id);
}

/* The place of the barrier called id; else the oldest one's. */
static struct barrier *gate_seen(struct gate *g, uint64_t id)
{
	struct barrier *oldest = &g->seen[0];
	for (uint32_t i = 0; i < ARRAY_LEN(g->seen); i++) {
		if (g->seen[i].id == id)
			return &g->seen[i];
		if (g->seen[i].id < oldest->id)
			oldest = &g->seen[i];
	}
	return oldest;
}

/* More ids than there are places are never under way: the aligner gives up the oldest. */
static void gate_see(struct gate *g, const struct barrier *b)
{
	struct barrier *place = gate_seen(g, b->id);
	if (place->id < b->id)
		*place = *b;
}

/* What the last mark led to is handed out before anything else is taken: cancels, then the
 * barrier. */
static enum gate_got gate_answer(struct gate *g, struct item *it)
{
	if (g->cancels_given < g->answer.cancels) {
		*it = (struct item){.kind = ITEM_CANCEL};
		it->barrier.id = g->answer.cancel[g->cancels_given++];
		return GATE_CANCEL;
	}
	if (!g->answer.aligned)
		return GATE_NOTHING;
	*it = (struct item){.kind = ITEM_BARRIER, .barrier = *gate_seen(g, g->answer.aligned)};
	g->first_us = g->answer.first_us;
	g->last_us = g->answer.last_us;
	g->first_input = g->answer.first_input;
	g->last_input = g->answer.last_input;
	g->answer = (struct alignment){0};
	g->cancels_given = 0;
	return GATE_BARRIER;
}

static enum gate_got gate_mark(struct gate *g, uint32_t input, struct item *it, uint64_t now_us)
{
	switch (it->kind) {
	case ITEM_BARRIER:
		gate_see(g, &it->barrier);
		aligner_barrier(&g->aligner, input, it->barrier.id, now_us, &g->answer);
		break;
	case ITEM_CANCEL:
		aligner_cancel(&g->aligner, input, it->barrier.id, now_us, &g->answer);
		break;
	case ITEM_END:
		return aligner_end(&g->aligner, input) ? GATE_END : GATE_MARK;
	default:
		return GATE_MARK; /* watermarks and idleness come with event time */
	}
	g->cancels_given = 0;
	enum gate_got got = gate_answer(g, it);
	return got == GATE_NOTHING ? GATE_MARK : got;
}

enum gate_got gate_next(struct gate *g, uint64_t now_us, struct item *it)
{
	enum gate_got got = gate_answer(g, it);
	if (got != GATE_NOTHING)
		return got;
	for (uint32_t tried = 0; tried < g->n; tried++) {
		uint32_t input = g->turn;
		g->turn = g->turn + 1 == g->n ? 0 : g->turn + 1;
		bool held = aligner_is_held(&g->aligner, input) && !PLANTED(held_input_is_read);
		if (held || !channel_try_pop(g->in[input], it))
			continue;
		if (it->kind == ITEM_BATCH) {
			g->input = input;
			return GATE_BATCH;
		}
		return gate_mark(g, input, it, now_us);
	}
	return GATE_NOTHING;
}

void gate_settle(struct gate *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		channel_settle_popper(g->in[i]);
}

void gate_abort(struct gate *g, uint64_t id)
{
	struct alignment a;
	aligner_abort(&g->aligner, id, &a);
	/* An answer being handed out is older than this one; its cancels go first. */
	if (g->answer.aligned == id)
		g->answer.aligned = 0;
	for (uint32_t i = 0; i < a.cancels && g->answer.cancels < ALIGNER_IDS_MAX + 1; i++)
		g->answer.cancel[g->answer.cancels++] = a.cancel[i];
	if (!a.aligned)
		return;
	g->answer.aligned = a.aligned;
	g->answer.first_us = a.first_us;
	g->answer.last_us = a.last_us;
	g->answer.first_input = a.first_input;
	g->answer.last_input = a.last_input;
}
