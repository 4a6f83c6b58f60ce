/* aligner.c - see aligner.h. Every mark takes the same four steps: what the input has passed over
 * is cancelled, the id is found or begun, it is marked delivered or cancelled, and what stands
 * lowest and is cancelled leaves. */
#include "runtime/aligner.h"

#include <string.h>

#include "base/check.h"
#include "base/planted.h"

static bool bit_is_set(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void bit_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

void aligner_init(struct aligner *a, uint32_t inputs, bool exactly_once, uint32_t max_concurrent,
		  uint64_t after_id)
{
	CHECK(inputs > 0 && inputs <= ALIGNER_INPUTS_MAX);
	CHECK(max_concurrent > 0 && max_concurrent <= ALIGNER_IDS_MAX);
	memset(a, 0, sizeof *a);
	a->inputs = inputs;
	a->exactly_once = exactly_once;
	a->newest = after_id;
	/* With inputs held there is nothing to count side by side (11). */
	a->ids_max = exactly_once ? 1 : max_concurrent;
}

static struct aligner_id *find(struct aligner *a, uint64_t id)
{
	for (uint32_t i = 0; i < a->ids; i++)
		if (a->running[i].id == id)
			return &a->running[i];
	return NULL;
}

static void take_out(struct aligner *a, uint32_t at)
{
	a->ids--;
	memmove(&a->running[at], &a->running[at + 1], (a->ids - at) * sizeof a->running[0]);
}

/* Cancelled ids that nothing lower holds up are answered (inv 2). */
static void settle(struct aligner *a, struct alignment *out)
{
	while (a->ids && a->running[0].cancelled) {
		CHECK(out->cancels < sizeof out->cancel / sizeof out->cancel[0]);
		out->cancel[out->cancels++] = a->running[0].id;
		out->cancels_before += !out->aligned;
		out->released |= a->exactly_once && a->running[0].delivered > 0;
		take_out(a, 0);
	}
}

/* The input shows a mark of id: lower ones that it has not delivered will never come (11). */
static void pass_over(struct aligner *a, uint32_t input, uint64_t id)
{
	for (uint32_t i = 0; i < a->ids; i++)
		if (a->running[i].id < id && !bit_is_set(a->running[i].seen, input))
			a->running[i].cancelled = true;
}

/* Whether the coordinator has given id up already. What lies at or below newest needs no memory. */
static bool was_aborted(struct aligner *a, uint64_t id)
{
	bool found = false;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < a->aborts; i++) {
		found |= a->aborted[i] == id;
		if (a->aborted[i] > a->newest)
			a->aborted[kept++] = a->aborted[i];
	}
	a->aborts = kept;
	return found;
}

/* The running id of a mark, begun if it is new; NULL if it is over (14: late marks are none). */
static struct aligner_id *seen_on(struct aligner *a, uint32_t input, uint64_t id, uint64_t now_us,
				  struct alignment *out)
{
	memset(out, 0, sizeof *out);
	CHECK(id > 0 && input < a->inputs);
	pass_over(a, input, id);
	settle(a, out);
	struct aligner_id *r = find(a, id);
	if (r || id <= a->newest)
		return r;
	if (a->ids == a->ids_max) { /* more at once than agreed: the oldest gives way */
		a->running[0].cancelled = true;
		settle(a, out);
	}
	a->newest = id;
	r = &a->running[a->ids++];
	*r = (struct aligner_id){.id = id, .first_input = input, .first_us = now_us};
	r->cancelled = was_aborted(a, id);
	return r;
}

void aligner_barrier(struct aligner *a, uint32_t input, uint64_t id, uint64_t now_us,
		     struct alignment *out)
{
	/* A held input is not read: whoever pops from it has torn the snapshot already. */
	CHECK(input < a->inputs && (!aligner_is_held(a, input) || a->running[0].id == id));
	struct aligner_id *r = seen_on(a, input, id, now_us, out);
	if (!r || r->cancelled || bit_is_set(r->seen, input)) {
		settle(a, out);
		return;
	}
	bit_set(r->seen, input);
	r->delivered++;
	if (r->delivered < a->inputs && !PLANTED(barrier_before_alignment))
		return;
	/* All inputs have passed every lower id, so this is the lowest. */
	CHECK(r == &a->running[0]);
	out->aligned = id;
	out->released |= a->exactly_once && a->inputs > 1;
	out->first_input = r->first_input;
	out->first_us = r->first_us;
	out->last_input = input;
	out->last_us = now_us;
	take_out(a, 0);
	settle(a, out); /* higher ones that were cancelled while this one ran */
}

void aligner_cancel(struct aligner *a, uint32_t input, uint64_t id, uint64_t now_us,
		    struct alignment *out)
{
	CHECK(input < a->inputs && !aligner_is_held(a, input));
	struct aligner_id *r = seen_on(a, input, id, now_us, out);
	if (r)
		r->cancelled = true;
	settle(a, out);
}

void aligner_abort(struct aligner *a, uint64_t id, struct alignment *out)
{
	memset(out, 0, sizeof *out);
	struct aligner_id *r = find(a, id);
	if (r) {
		r->cancelled = true;
		settle(a, out);
		return;
	}
	if (id <= a->newest)
		return; /* it is over here: aligned, or cancelled before */
	uint32_t at = 0;
	while (at < a->aborts && a->aborted[at] < id)
		at++;
	if (at < a->aborts && a->aborted[at] == id)
		return;
	/* Full: the oldest is forgotten. Its barrier would begin an alignment for nothing, which
	 * the next id or an upstream cancel ends. */
	if (a->aborts == ALIGNER_IDS_MAX) {
		if (at == 0)
			return;
		memmove(&a->aborted[0], &a->aborted[1], --a->aborts * sizeof a->aborted[0]);
		at--;
	}
	memmove(&a->aborted[at + 1], &a->aborted[at], (a->aborts - at) * sizeof a->aborted[0]);
	a->aborted[at] = id;
	a->aborts++;
}

bool aligner_end(struct aligner *a, uint32_t input)
{
	CHECK(input < a->inputs);
	if (bit_is_set(a->end_seen, input))
		return false;
	bit_set(a->end_seen, input);
	return ++a->ended == a->inputs;
}

bool aligner_is_ended(const struct aligner *a, uint32_t input)
{
	CHECK(input < a->inputs);
	return bit_is_set(a->end_seen, input);
}

bool aligner_is_held(const struct aligner *a, uint32_t input)
{
	CHECK(input < a->inputs);
	return a->exactly_once && a->ids && bit_is_set(a->running[0].seen, input);
}

uint32_t aligner_missing(const struct aligner *a, uint32_t *inputs, uint32_t n)
{
	uint32_t missing = 0;
	for (uint32_t i = 0; a->ids && i < a->inputs; i++) {
		if (bit_is_set(a->running[0].seen, i))
			continue;
		if (missing < n)
			inputs[missing] = i;
		missing++;
	}
	return missing;
}

void aligner_check(const struct aligner *a)
{
	CHECK(a->ids <= a->ids_max && a->aborts <= ALIGNER_IDS_MAX && a->ended <= a->inputs);
	CHECK(!a->ids || !a->running[0].cancelled); /* inv 2: it would have left */
	CHECK(!a->exactly_once || a->ids <= 1);     /* inv 3 */
	for (uint32_t i = 0; i < a->ids; i++) {
		const struct aligner_id *r = &a->running[i];
		uint32_t bits = 0;
		for (size_t w = 0; w < ARRAY_LEN(r->seen); w++)
			bits += (uint32_t)__builtin_popcountll(r->seen[w]);
		CHECK(bits == r->delivered);
		CHECK(r->id <= a->newest);
		CHECK(i == 0 || a->running[i - 1].id < r->id);
		CHECK(r->cancelled || r->delivered < a->inputs);
	}
	for (uint32_t i = 0; i < a->aborts; i++)
		CHECK(a->aborted[i] > a->newest && (i == 0 || a->aborted[i - 1] < a->aborted[i]));
}
