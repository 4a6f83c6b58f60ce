/* inflight.c - see inflight.h. */
#include "checkpoint/inflight.h"

#include <string.h>

#include "base/check.h"

static const unsigned may[] = {
	[INFLIGHT_FREE] = IN(INFLIGHT_TRIGGERED),
	[INFLIGHT_TRIGGERED] = IN(INFLIGHT_COMPLETE) | IN(INFLIGHT_FREE),
	[INFLIGHT_COMPLETE] = IN(INFLIGHT_PUBLISHING) | IN(INFLIGHT_FREE),
	[INFLIGHT_PUBLISHING] = IN(INFLIGHT_COMMITTING) | IN(INFLIGHT_FREE),
	[INFLIGHT_COMMITTING] = IN(INFLIGHT_FREE),
};

static uint32_t words_of(const struct inflight_table *t)
{
	return (t->subtasks + 63) / 64;
}

RC inflight_open(struct inflight_table *t, uint32_t max_concurrent, uint32_t subtasks,
		struct mem *mem, struct err *e)
{
	memset(t, 0, sizeof *t);
	t->subtasks = subtasks;
	t->places = 2 * max_concurrent;
	CHECK(t->places > 0 && t->places <= ARRAY_LEN(t->place) && subtasks > 0);
	size_t words = words_of(t);
	t->bits = mem_get(mem, 2 * words * t->places * sizeof *t->bits);
	if (!t->bits)
		return ERR(e, E_NO_MEMORY, "checkpoints of %u subtasks", subtasks);
	for (uint32_t i = 0; i < t->places; i++) {
		t->place[i].acked = t->bits + 2 * words * i;
		t->place[i].frozen = t->bits + 2 * words * i + words;
	}
	return OK;
}

void inflight_close(struct inflight_table *t, struct mem *mem)
{
	mem_put(mem, t->bits);
	memset(t, 0, sizeof *t);
}

uint32_t inflight_count(const struct inflight_table *t, unsigned states)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->places; i++)
		n += (states & IN(t->place[i].state)) != 0;
	return n;
}

struct inflight *inflight_oldest(struct inflight_table *t, unsigned states, uint64_t above)
{
	struct inflight *found = NULL;
	for (uint32_t i = 0; i < t->places; i++) {
		struct inflight *p = &t->place[i];
		if ((states & IN(p->state)) && p->id > above && (!found || p->id < found->id))
			found = p;
	}
	return found;
}

struct inflight *inflight_find(struct inflight_table *t, uint64_t id, unsigned states)
{
	for (uint32_t i = 0; i < t->places; i++)
		if (t->place[i].id == id && (states & IN(t->place[i].state)))
			return &t->place[i];
	return NULL;
}

bool inflight_is_freezing(const struct inflight_table *t)
{
	for (uint32_t i = 0; i < t->places; i++)
		if (t->place[i].state == INFLIGHT_TRIGGERED && t->place[i].unfrozen)
			return true;
	return false;
}

struct inflight *inflight_begin(struct inflight_table *t, const struct co_asked *asked, uint64_t id,
				uint64_t now_us)
{
	struct inflight *p = NULL;
	for (uint32_t i = 0; !p && i < t->places; i++)
		if (t->place[i].state == INFLIGHT_FREE)
			p = &t->place[i];
	CHECK(p);
	inflight_move(p, INFLIGHT_TRIGGERED);
	p->asked = *asked;
	p->id = id;
	p->base_id = 0;
	p->created_us = p->sent_us = now_us;
	p->unacked = p->unfrozen = t->subtasks;
	memset(p->acked, 0, words_of(t) * sizeof *p->acked);
	memset(p->frozen, 0, words_of(t) * sizeof *p->frozen);
	return p;
}

void inflight_move(struct inflight *p, enum inflight_state to)
{
	CHECK(may[p->state] & IN(to));
	p->state = to;
}

static bool bit_take(uint64_t *bits, uint32_t i)
{
	uint64_t bit = (uint64_t)1 << (i % 64);
	bool was_clear = !(bits[i / 64] & bit);
	bits[i / 64] |= bit;
	return was_clear;
}

bool inflight_ack(struct inflight *p, uint32_t subtask)
{
	if (!bit_take(p->acked, subtask))
		return false;
	p->unacked--;
	(void)inflight_freeze(p, subtask); /* who acknowledges has ended encoding */
	return true;
}

bool inflight_freeze(struct inflight *p, uint32_t subtask)
{
	if (!bit_take(p->frozen, subtask))
		return false;
	p->unfrozen--;
	return true;
}

uint32_t inflight_missing(const struct inflight_table *t, const struct inflight *p,
			 uint32_t *subtasks, uint32_t n)
{
	uint32_t missing = 0;
	for (uint32_t i = 0; i < t->subtasks; i++) {
		if (p->acked[i / 64] >> (i % 64) & 1)
			continue;
		if (missing < n)
			subtasks[missing] = i;
		missing++;
	}
	return missing;
}

void inflight_check(const struct inflight_table *t)
{
	uint32_t freezing = 0, publishing = 0;
	uint64_t committing = 0, publish = UINT64_MAX;
	for (uint32_t i = 0; i < t->places; i++) {
		const struct inflight *p = &t->place[i];
		if (p->state == INFLIGHT_FREE)
			continue;
		CHECK(p->id > 0 && p->base_id < p->id);
		CHECK(p->unfrozen <= p->unacked && p->unacked <= t->subtasks);
		CHECK((p->state == INFLIGHT_TRIGGERED) == (p->unacked > 0));
		freezing += p->unfrozen > 0;
		publishing += p->state == INFLIGHT_PUBLISHING;
		if (p->state == INFLIGHT_COMMITTING && p->id > committing)
			committing = p->id;
		else if (p->state != INFLIGHT_COMMITTING && p->id < publish)
			publish = p->id;
	}
	CHECK(freezing <= 1 && publishing <= 1);
	CHECK(committing < publish);
}
