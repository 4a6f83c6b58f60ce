/* totals.c - sums over a whole state, kept by difference: a check at a checkpoint asks for them,
 * and a walk over ten million keys between two records is what snapshots are made to avoid.
 * What keeps them honest: a freeze that writes every row sums the rows that go out, from the
 * entries themselves, and both must agree. */
#include "state/keyed_in.h"

void keyed_watch_sums(struct keyed *k, unsigned words)
{
	CHECK(k->live + k->dead == 0 && !k->f.running && words >> k->shape.value_bytes / 8 == 0);
	k->watch = (struct watch){.words = words};
}

unsigned keyed_watched(const struct keyed *k)
{
	return k->watch.words;
}

void keyed_note_sum(struct keyed *k, unsigned word, __int128 delta)
{
	if (k->watch.words >> word & 1)
		k->watch.sum[word] += delta;
}

/* The two halves of each number are summed apart, so that no carry is looked for. */
__int128 totals_of(const int64_t *add, const uint16_t *sel, uint32_t n)
{
	uint64_t low = 0;
	int64_t high = 0;
	for (uint32_t i = 0; i < n; i++) {
		int64_t x = add[sel ? sel[i] : i];
		low += (uint32_t)x;
		high += x >> 32;
	}
	return (__int128)high * (1ll << 32) + low;
}

static void add_value(const struct keyed *k, const uint8_t *value, int sign, __int128 sum[2])
{
	for (unsigned w = 0; w < k->shape.value_bytes / 8; w++)
		if (k->watch.words >> w & 1)
			sum[w] += sign * (__int128)(int64_t)load_u64(value + 8 * w);
}

void totals_add_rows(const struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		     __int128 sum[2])
{
	for (uint32_t row = from; row < to; row++)
		if (b->op[row] != ROW_DELETE)
			add_value(k, b->value + (size_t)row * k->shape.value_bytes, 1, sum);
}

void totals_drop(struct keyed *k, const uint8_t *slot)
{
	add_value(k, slot_value(slot, &k->shape), -1, k->watch.sum);
}

/* By looking at every entry. */
static void recount(const struct keyed *k, __int128 sum[2])
{
	struct keyed_iter it = {0};
	struct keyed_entry x[64];
	uint32_t n;
	sum[0] = sum[1] = 0;
	while ((n = keyed_next(k, &it, x, ARRAY_LEN(x))))
		for (uint32_t i = 0; i < n; i++)
			add_value(k, x[i].value, 1, sum);
}

struct keyed_totals keyed_totals(const struct keyed *k)
{
	struct keyed_totals t = {k->live, {k->watch.sum[0], k->watch.sum[1]}};
	if (k->watch.lost)
		recount(k, t.sum);
	return t;
}

struct keyed_totals totals_freeze(struct keyed *k)
{
	struct keyed_totals t = keyed_totals(k);
	struct watch *w = &k->watch;
	w->lost = false;
	for (unsigned i = 0; i < ARRAY_LEN(w->sum); i++) {
		w->sum[i] = w->frozen[i] = t.sum[i];
		w->seen[i] = 0;
	}
	return t;
}

static void seen_texts(struct keyed *k, const struct chunk *c)
{
	const uint8_t *row = c->data;
	for (uint32_t i = 0; i < c->rows; i++) {
		uint32_t head = load_u32(row + 8), len = head & ~(1u << 31);
		row += CHUNK_TEXT_HEAD + len;
		if (!(head >> 31))
			add_value(k, row, 1, k->watch.seen);
		row += k->shape.value_bytes;
	}
}

void totals_seen(struct keyed *k, struct chunk *c)
{
	if (k->shape.form == KEY_BYTES) {
		seen_texts(k, c);
		return;
	}
	struct chunk_columns x = chunk_columns(c, k->shape.value_bytes);
	for (uint32_t i = 0; i < c->rows; i++)
		if (x.op[i] != ROW_DELETE)
			add_value(k, (const uint8_t *)x.value + (size_t)i * k->shape.value_bytes, 1,
				  k->watch.seen);
}

void totals_check(const struct keyed *k)
{
	const struct watch *w = &k->watch;
	CHECK(w->seen[0] == w->frozen[0] && w->seen[1] == w->frozen[1]);
}
