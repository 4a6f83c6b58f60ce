/* lazy.c - see lazy.h. A row goes to its home or to the next free slot, like an inserted key, but
 * clean: what runs over the end of a stretch stands among the next one's slots, loaded or not yet,
 * and keeps K2 either way. */
#include "state/lazy.h"

#include "state/keyed_in.h"

struct lazy_part {
	struct key_stretches stretches;
	uint32_t missing;
	uint64_t loaded[]; /* a bit a stretch */
};

/* ---- stretches ---- */

struct key_stretches key_stretches_of(uint64_t lo, uint64_t hi, uint32_t most)
{
	CHECK(lo <= hi && most);
	struct key_stretches s = {.lo = lo, .hi = hi};
	uint64_t span = hi - lo;
	while (s.shift < 63 && (span >> s.shift) >= most)
		s.shift++;
	s.n = (uint32_t)(span >> s.shift) + 1;
	return s;
}

void key_stretch_hashes(const struct key_stretches *s, uint32_t i, uint64_t *lo, uint64_t *hi)
{
	CHECK(i < s->n);
	*lo = s->lo + ((uint64_t)i << s->shift);
	*hi = i + 1 == s->n ? s->hi : s->lo + ((uint64_t)(i + 1) << s->shift) - 1;
}

static bool is_loaded(const struct lazy_part *l, uint32_t stretch)
{
	return l->loaded[stretch / 64] >> (stretch % 64) & 1;
}

RC keyed_lazy_begin(struct keyed *k, uint64_t expected, uint64_t checkpoint, uint32_t stretches,
		    struct err *e)
{
	CHECK(k->live + k->dead == 0 && !k->f.running && !k->restoring && !k->lazy);
	CHECK(stretches && stretches <= LAZY_STRETCHES_MAX);
	struct key_stretches s = key_stretches_of(k->lo, k->hi, stretches);
	k->lazy = mem_get(k->mem, sizeof *k->lazy + (s.n + 63) / 64 * sizeof *k->lazy->loaded);
	if (!k->lazy)
		return ERR(e, E_NO_MEMORY, "no memory for %u stretches of keys", s.n);
	k->lazy->stretches = s;
	k->lazy->missing = s.n;
	k->floor = k->last_id = checkpoint;
	return expected ? keyed_reserve(k, expected, e) : OK;
}

struct key_stretches keyed_stretches(const struct keyed *k)
{
	CHECK(k->lazy);
	return k->lazy->stretches;
}

uint32_t keyed_ready(const struct keyed *k, const struct key_rows *r, uint32_t from,
		     uint32_t *missing)
{
	const struct lazy_part *l = k->lazy;
	for (uint32_t i = from; l && i < r->n; i++) {
		uint32_t s = key_stretch(&l->stretches, r->hashes[r->sel ? r->sel[i] : i]);
		if (is_loaded(l, s))
			continue;
		*missing = s;
		return i;
	}
	return r->n;
}

void keyed_loaded(struct keyed *k, uint32_t stretch)
{
	struct lazy_part *l = k->lazy;
	if (!l)
		return;
	CHECK(stretch < l->stretches.n);
	if (is_loaded(l, stretch))
		return;
	l->loaded[stretch / 64] |= 1ull << (stretch % 64);
	if (--l->missing)
		return;
	mem_put(k->mem, l);
	k->lazy = NULL;
}

bool keyed_is_whole(const struct keyed *k)
{
	return !k->lazy;
}

void keyed_lazy_check(const struct keyed *k, const struct key_rows *r)
{
	uint32_t missing;
	CHECK(keyed_ready(k, r, 0, &missing) == r->n);
}

void keyed_lazy_close(struct keyed *k)
{
	mem_put(k->mem, k->lazy);
	k->lazy = NULL;
}

/* ---- rows ---- */

static RC check_block(const struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		      struct err *e)
{
	const struct lazy_part *l = k->lazy;
	uint64_t last = b->hash[from], lo, hi = 0;
	for (uint32_t i = from; i < to; i++) {
		uint64_t hash = b->hash[i];
		if (hash - k->lo > k->hi - k->lo || hash < last)
			return ERR(e, E_CORRUPT, "a row's hash is out of %s",
				   hash < last ? "order" : "this subtask's range");
		last = hash;
		if (i > from && hash <= hi)
			continue;
		uint32_t s = key_stretch(&l->stretches, hash);
		CHECK(!is_loaded(l, s)); /* its rows would stand there twice */
		key_stretch_hashes(&l->stretches, s, &lo, &hi);
	}
	return OK;
}

/* Where a row of this hash goes; next: behind the row before it. Extends the table if need be:
 * UINT64_MAX: no memory. */
static uint64_t place(struct table *t, uint64_t hash, uint64_t next)
{
	uint64_t s = table_home(t, hash);
	s = table_empty_from(t, s < next ? next : s);
	while (s >= t->total)
		if (!table_extend(t))
			return UINT64_MAX;
	return s;
}

/* Numbers, while nothing is special: the row where something is. */
static inline __attribute__((always_inline)) uint32_t load_fast(struct keyed *k,
								const struct run_block *b,
								uint32_t from, uint32_t to,
								uint64_t *next, uint32_t words)
{
	struct table *t = &k->t;
	const uint64_t *value = (const uint64_t *)b->value;
	uint64_t at = *next, n = 0;
	for (; from < to && b->op[from] == ROW_PUT; from++) {
		uint64_t s = table_home(t, b->hash[from]);
		s = table_empty_from(t, s < at ? at : s);
		if (s >= t->cap)
			break;
		table_put8(t, s, b->fix8[from], value + (size_t)from * words, words);
		t->tags[s] = TAG_LIVE;
		t->sums[s / GROUP_SLOTS] |= 1;
		at = s + 1;
		n++;
	}
	*next = at;
	t->used += n;
	k->list[0].count += n;
	k->live += n;
	k->live_key_bytes += 8 * n;
	return from;
}

RC keyed_load_rows(struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		   struct err *e)
{
	if (from == to)
		return OK;
	CHECK(k->lazy && to <= b->rows);
	if (check_block(k, b, from, to, e) != OK)
		return E_CORRUPT;
	if (grow_for(k, to - from, e) != OK)
		return E_NO_MEMORY;
	if (k->watch.words)
		totals_add_rows(k, b, from, to, k->watch.sum);
	uint64_t next = 0;
	for (uint32_t row = from; row < to; row++) {
		if (k->shape.form == KEY_FIX8)
			row = k->shape.value_bytes == 8 ? load_fast(k, b, row, to, &next, 1)
							: load_fast(k, b, row, to, &next, 2);
		if (row == to)
			break;
		if (b->op[row] == ROW_DELETE)
			continue;
		uint64_t s = place(&k->t, b->hash[row], next);
		if (s == UINT64_MAX)
			return ERR(e, E_NO_MEMORY, "no memory for overflow slots");
		if (restore_put(k, &k->t, s, b, row, e) != OK)
			return E_NO_MEMORY;
		next = s + 1;
	}
	return OK;
}
