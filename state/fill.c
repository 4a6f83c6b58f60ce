/* fill.c - restoring a table by several threads: a stretch of hashes is a stretch of slots, because
 * slots are in hash order, so threads write side by side and share nothing. What runs over the end
 * of a stretch belongs into the next one, and is put there when all are done: from its home
 * forward, as any other key (keyed_in.h, K2). Stretches end between groups of slots. */
#include "state/keyed_in.h"

void keyed_fill_begin(struct keyed *k, uint32_t part, uint32_t parts, struct keyed_fill *f)
{
	CHECK(k->restoring && k->t.slots && k->shape.form == KEY_FIX8 && part < parts);
	uint64_t groups = k->t.cap / GROUP_SLOTS;
	uint64_t to = groups * (part + 1) / parts * GROUP_SLOTS, after;
	*f = (struct keyed_fill){.k = k, .lo = k->lo, .hi = k->hi};
	bytes_init(&f->late, k->mem);
	f->next = groups * part / parts * GROUP_SLOTS;
	f->end = part + 1 == parts ? k->t.total : to;
	f->room = ((part + 1 == parts ? k->t.cap : to) - f->next) / 8 * 7;
	if (part && !table_hash_at(&k->t, k->hi, f->next, &f->lo))
		f->lo = UINT64_MAX, f->hi = 0;
	if (part + 1 < parts && f->lo <= f->hi && table_hash_at(&k->t, k->hi, to, &after)) {
		f->hi = after - 1;
		if (!after)
			f->lo = UINT64_MAX, f->hi = 0;
	}
	f->last_hash = f->lo;
}

static inline __attribute__((always_inline)) void fill(struct keyed_fill *f,
						       const struct run_block *b, uint32_t from,
						       uint32_t to, uint32_t words)
{
	const struct table *t = &f->k->t;
	const uint64_t *value = (const uint64_t *)b->value;
	uint64_t next = f->next, rows = f->rows;
	for (; from < to; from++) {
		if (b->op[from] == ROW_DELETE)
			continue;
		uint64_t s = table_home(t, b->hash[from]);
		s = s < next ? next : s;
		if (s >= f->end || rows >= f->room) {
			bytes_put_u64(&f->late, b->fix8[from]);
			bytes_put(&f->late, value + (size_t)from * words, 8 * words);
			continue;
		}
		table_put8(t, s, b->fix8[from], value + (size_t)from * words, words);
		t->tags[s] = TAG_LIVE;
		t->sums[s / GROUP_SLOTS] = 1;
		next = s + 1;
		rows++;
	}
	f->next = next;
	f->rows = rows;
}

RC keyed_fill_rows(struct keyed_fill *f, const struct run_block *b, uint32_t from, uint32_t to,
		   struct err *e)
{
	CHECK(to <= b->rows);
	if (from == to)
		return OK;
	/* A block's rows ascend: its ends say where all of them are. */
	if (b->hash[from] < f->last_hash || b->hash[from] < f->lo || b->hash[to - 1] > f->hi)
		return ERR(e, E_CORRUPT, "a row's hash is out of %s",
			   b->hash[from] < f->last_hash ? "order" : "this stretch's range");
	f->last_hash = b->hash[to - 1];
	if (f->k->watch.words)
		totals_add_rows(f->k, b, from, to, f->sum);
	if (f->k->shape.value_bytes == 8)
		fill(f, b, from, to, 1);
	else
		fill(f, b, from, to, 2);
	return bytes_ok(&f->late) ? OK : ERR(e, E_NO_MEMORY, "no memory for rows of a full stretch");
}

static RC late_put(struct keyed *k, const uint8_t *row, struct err *e)
{
	struct table *t = &k->t;
	if (t->used >= t->cap / 8 * 7 && grow_to(k, grow_cap_for(k->live * 2 + 1), e) != OK)
		return E_NO_MEMORY;
	uint64_t s = table_empty_from(t, table_home(t, shape_hash(&k->shape, row, 8)));
	while (s >= t->total)
		if (!table_extend(t))
			return ERR(e, E_NO_MEMORY, "no memory for overflow slots");
	memcpy(table_slot(t, s), row, 8);
	memcpy(slot_value(table_slot(t, s), &k->shape), row + 8, k->shape.value_bytes);
	t->tags[s] = TAG_LIVE;
	t->sums[s / GROUP_SLOTS] |= 1;
	table_took(t, s);
	k->list[0].count++;
	k->live++;
	k->live_key_bytes += 8;
	return OK;
}

RC keyed_fill_end(struct keyed_fill *all, uint32_t parts, struct err *e)
{
	enum rc rc = OK;
	for (uint32_t i = 0; i < parts; i++) {
		struct keyed_fill *f = &all[i];
		struct keyed *k = f->k;
		if (f->rows && f->next > k->t.tail)
			k->t.tail = f->next;
		k->t.used += f->rows;
		k->list[0].count += f->rows;
		k->live += f->rows;
		k->live_key_bytes += 8 * f->rows;
		for (unsigned w = 0; w < ARRAY_LEN(f->sum); w++)
			keyed_note_sum(k, w, f->sum[w]);
	}
	for (uint32_t i = 0; i < parts; i++) {
		struct bytes *late = &all[i].late;
		uint32_t row = 8 + all[i].k->shape.value_bytes;
		if (rc == OK && !bytes_ok(late))
			rc = ERR(e, E_NO_MEMORY, "no memory for rows of a full stretch");
		for (size_t at = 0; at < late->len && rc == OK; at += row)
			rc = late_put(all[i].k, late->data + at, e);
		bytes_close(late);
	}
	return rc;
}
