/* merge.c - see merge.h. Inputs are few, so the least head is found by looking at all: one pass
 * over their hashes, without a branch, says which is the least and what the next one's is. The
 * winner's rows go out as one span up to that: merging a large run with small ones costs little
 * more than decoding it. Where spans are short, rows are collected in a block of our own. */
#include "state/merge.h"

#include "base/check.h"
#include "base/planted.h"
#include "state/merge_order.h"

#include <string.h>

struct merge_head {
	uint64_t lo, hi;
	struct run_block block;
	uint32_t at, end;      /* rows still to come of the block */
	bool ended;            /* no further blocks */
	bool any;
	uint64_t last_hash;    /* of the block before */
	struct bytes last_key;
};

struct merge {
	struct mem *mem;
	struct keyed_shape shape;
	bool at_bottom;
	uint32_t n, room; /* room: heads there are */
	struct merge_head *head;
	uint64_t in, out;
	/* KEY_FIX8: the inputs that have rows, their next hashes beside each other. */
	uint32_t live;
	uint32_t live_input[MERGE_INPUTS];
	uint64_t live_hash[MERGE_INPUTS];
	struct run_block mixed; /* rows of several inputs; opened when first needed */
	struct merge_order *order; /* likewise */
	uint64_t spans_until;      /* rows consumed: until then spans are looked for, not windows */
	struct run_writer *w;   /* merge_step: opened when first needed */
	struct merge_span span; /* merge_step: rows on their way into w */
};

static RC heads_open(struct merge *m, const struct merge_input *inputs, uint32_t n, struct err *e)
{
	if (n > MERGE_INPUTS)
		return ERR(e, E_LIMIT, "a merge of %u runs, at most %u are possible", n,
			   MERGE_INPUTS);
	if (n > m->room) {
		struct merge_head *head = mem_resize(m->mem, m->head, n * sizeof *head);
		if (!head)
			return ERR(e, E_NO_MEMORY, "no memory for a merge of %u runs", n);
		memset(head + m->room, 0, (n - m->room) * sizeof *head);
		m->head = head;
		m->room = n;
	}
	for (m->n = 0; m->n < n; m->n++) {
		struct merge_head *h = &m->head[m->n];
		h->lo = inputs[m->n].lo;
		h->hi = inputs[m->n].hi;
		h->at = h->end = 0;
		h->ended = h->lo > h->hi;
		h->any = false;
		h->last_key.mem = m->mem;
		if (!h->block.hash && run_block_open(&h->block, &m->shape, m->mem, e) != OK)
			return E_NO_MEMORY;
	}
	return OK;
}

RC merge_open(struct merge **to, const struct keyed_shape *shape, const struct merge_input *inputs,
	      uint32_t n, bool at_bottom, struct mem *mem, struct err *e)
{
	struct merge *m = *to = mem_get(mem, sizeof *m);
	if (!m)
		return ERR(e, E_NO_MEMORY, "no memory for a merge");
	m->mem = mem;
	m->shape = *shape;
	m->at_bottom = at_bottom || PLANTED(deletion_forgotten_too_early);
	enum rc rc = heads_open(m, inputs, n, e);
	if (rc == OK)
		return OK;
	merge_close(m);
	*to = NULL;
	return rc;
}

RC merge_restart(struct merge *m, const struct merge_input *inputs, uint32_t n, struct err *e)
{
	CHECK(!m->w);
	m->in = m->out = m->spans_until = 0;
	m->live = 0;
	return heads_open(m, inputs, n, e);
}

void merge_close(struct merge *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->room; i++) {
		run_block_close(&m->head[i].block);
		bytes_close(&m->head[i].last_key);
	}
	run_block_close(&m->mixed);
	mem_put(m->mem, m->order);
	run_writer_close(m->w);
	mem_put(m->mem, m->head);
	mem_put(m->mem, m);
}

static int head_compare(const struct merge_head *a, const struct merge_head *b)
{
	uint64_t x = a->block.hash[a->at], y = b->block.hash[b->at];
	if (x != y)
		return x < y ? -1 : 1;
	uint32_t al, bl;
	const uint8_t *ak = run_key(&a->block, a->at, &al), *bk = run_key(&b->block, b->at, &bl);
	return key_compare(ak, al, bk, bl);
}

static bool merge_wants(const struct merge *m, uint32_t *input)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->head[i].at == m->head[i].end && !m->head[i].ended) {
			*input = i;
			return true;
		}
	return false;
}

/* The winner's rows from its head up to where another input has something to say. */
static uint32_t span_end(const struct merge *m, uint32_t winner)
{
	const struct merge_head *w = &m->head[winner];
	uint64_t before = UINT64_MAX; /* rows with a lower hash are the winner's alone */
	bool others = false;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct merge_head *h = &m->head[i];
		if (i == winner || h->at == h->end)
			continue;
		others = true;
		if (h->block.hash[h->at] < before)
			before = h->block.hash[h->at];
	}
	uint32_t to = w->at + 1;
	if (!others)
		to = w->end;
	while (to < w->end && w->block.hash[to] < before)
		to++;
	return to;
}

#define SPAN_LONG 32u /* rows of one input in a row that are not worth copying, by feel */

static void live_look(struct merge *m)
{
	m->live = 0;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct merge_head *h = &m->head[i];
		if (h->at == h->end)
			continue;
		m->live_input[m->live] = i;
		m->live_hash[m->live++] = h->block.hash[h->at];
	}
}

/* Which of the live inputs has the least hash; *next: the least of the others' (the same hash, if
 * two have it; UINT64_MAX if there is no other). */
static inline uint32_t live_least(const struct merge *m, uint64_t *next)
{
	uint64_t best = m->live_hash[0], second = UINT64_MAX;
	uint32_t at = 0;
	for (uint32_t i = 1; i < m->live; i++) {
		uint64_t x = m->live_hash[i], above = x > best ? x : best;
		at = x < best ? i : at;
		best = x < best ? x : best;
		second = above < second ? above : second;
	}
	*next = second;
	return at;
}

static inline __attribute__((always_inline)) void row_put(struct run_block *to, uint32_t n,
							  const struct run_block *b, uint32_t at,
							  uint32_t words)
{
	to->hash[n] = b->hash[at];
	to->fix8[n] = b->fix8[at];
	to->op[n] = b->op[at];
	for (uint32_t i = 0; i < words; i++)
		((uint64_t *)to->value)[(size_t)n * words + i] =
			((const uint64_t *)b->value)[(size_t)at * words + i];
}

/* Rows whose hash no other input has, until a span is long enough to go out as it is, an input has
 * no more rows, or the block is full. None: the next rows need a closer look. */
static uint32_t merge_collect(struct merge *m)
{
	struct run_block *to = &m->mixed;
	const uint32_t words = m->shape.value_bytes / 8;
	uint32_t n = 0;
	bool ended = false;
	live_look(m);
	while (!ended && m->live && n < RUN_BLOCK_ROWS) {
		uint64_t next;
		uint32_t live = live_least(m, &next);
		struct merge_head *w = &m->head[m->live_input[live]];
		const struct run_block *b = &w->block;
		uint32_t from = w->at, at = from;
		if (at + SPAN_LONG < w->end && b->hash[at + SPAN_LONG] < next)
			break;
		for (; at < w->end && b->hash[at] < next && n < RUN_BLOCK_ROWS; at++) {
			if (m->at_bottom && b->op[at] == ROW_DELETE)
				continue;
			row_put(to, n++, b, at, words);
		}
		if (at == from)
			break;
		m->in += at - from;
		w->at = at;
		ended = at == w->end;
		if (!ended)
			m->live_hash[live] = b->hash[at];
	}
	to->rows = n;
	m->out += n;
	return n;
}

/* ---- windows: many rows of all inputs at once ---- */

#define WINDOW_LEAST 64u /* rows that are worth the trouble, by feel */

/* Rows below one hash, of the live inputs. */
struct window {
	uint32_t inputs, rows;
	const uint64_t *hash[ORDER_INPUTS];
	uint32_t n[ORDER_INPUTS], most; /* most: the input with the most rows */
};

static void window_count(const struct merge *m, struct window *w, uint64_t below)
{
	w->rows = w->most = 0;
	for (uint32_t i = 0; i < w->inputs; i++) {
		const struct merge_head *h = &m->head[m->live_input[i]];
		w->n[i] = hashes_below(w->hash[i], h->end - h->at, below);
		w->rows += w->n[i];
		if (w->n[i] > w->n[w->most])
			w->most = i;
	}
}

/* Below the last hash of each block that another follows: what comes then may have the same one. */
static void window_find(const struct merge *m, struct window *w)
{
	uint64_t below = UINT64_MAX;
	w->inputs = m->live;
	for (uint32_t i = 0; i < m->live; i++) {
		const struct merge_head *h = &m->head[m->live_input[i]];
		w->hash[i] = h->block.hash + h->at;
		if (!h->ended && h->block.hash[h->end - 1] < below)
			below = h->block.hash[h->end - 1];
	}
	window_count(m, w, below);
	while (w->rows > ORDER_ROWS) { /* an eighth less than would fit if all were spread alike */
		uint64_t keep = (uint64_t)w->n[w->most] * (ORDER_ROWS - ORDER_ROWS / 8) / w->rows;
		window_count(m, w, w->hash[w->most][keep]);
	}
}

/* Rows in their order, to the block; returns how many of them were seen to: less than all if one
 * hash has several keys, which is for a closer look. */
static inline __attribute__((always_inline)) uint32_t
window_gather(struct merge *m, const struct window *w, const uint64_t *hash, const uint32_t *ref,
	      uint32_t words)
{
	struct run_block *to = &m->mixed;
	const struct run_block *from[ORDER_INPUTS];
	uint32_t first[ORDER_INPUTS], n = 0, r = 0;
	for (uint32_t i = 0; i < w->inputs; i++) {
		from[i] = &m->head[m->live_input[i]].block;
		first[i] = m->head[m->live_input[i]].at;
	}
	for (; r < w->rows; r++) {
		const struct run_block *b = from[ORDER_INPUT(ref[r])];
		uint32_t at = first[ORDER_INPUT(ref[r])] + ORDER_AT(ref[r]);
		if (r + 1 < w->rows && hash[r] == hash[r + 1]) {
			uint32_t above = ORDER_INPUT(ref[r + 1]);
			if (from[above]->fix8[first[above] + ORDER_AT(ref[r + 1])] != b->fix8[at])
				break;
			continue;
		}
		if (m->at_bottom && b->op[at] == ROW_DELETE)
			continue;
		row_put(to, n++, b, at, words);
	}
	to->rows = n;
	return r;
}

/* Whether rows were collected this way, or at least consumed. Where one input has nearly all of
 * them, its spans go out as they are, which is cheaper. */
static bool merge_window(struct merge *m)
{
	const uint64_t *hash;
	const uint32_t *ref;
	struct window w;
	live_look(m);
	m->mixed.rows = 0;
	if (m->in < m->spans_until || m->live < 2 || m->live > ORDER_INPUTS)
		return false;
	window_find(m, &w);
	if (w.rows < WINDOW_LEAST || w.rows - w.n[w.most] < w.rows / SPAN_LONG) {
		m->spans_until = m->in + w.rows;
		return false;
	}
	merge_order(m->order, w.hash, w.n, w.inputs, &hash, &ref);
	uint32_t seen = m->shape.value_bytes == 8 ? window_gather(m, &w, hash, ref, 1)
						  : window_gather(m, &w, hash, ref, 2);
	if (seen == w.rows) {
		for (uint32_t i = 0; i < w.inputs; i++)
			m->head[m->live_input[i]].at += w.n[i];
	} else {
		for (uint32_t i = 0; i < seen; i++)
			m->head[m->live_input[ORDER_INPUT(ref[i])]].at++;
		m->spans_until = m->in + seen + WINDOW_LEAST;
	}
	m->in += seen;
	m->out += m->mixed.rows;
	return seen;
}

static RC collect_open(struct merge *m, struct err *e)
{
	if (!m->order && !(m->order = mem_get(m->mem, sizeof *m->order)))
		return ERR(e, E_NO_MEMORY, "no memory for a merge of %u runs", m->n);
	return m->mixed.hash ? OK : run_block_open(&m->mixed, &m->shape, m->mem, e);
}

enum merge_did merge_rows(struct merge *m, struct merge_span *span, struct err *e)
{
	for (;;) {
		if (merge_wants(m, &span->input))
			return MERGE_WANT;
		if (m->shape.form == KEY_FIX8 && m->n > 1) {
			if (collect_open(m, e) != OK)
				return MERGE_FAULT;
			uint64_t in = m->in;
			span->block = &m->mixed;
			span->from = 0;
			span->to = merge_window(m) ? m->mixed.rows : merge_collect(m);
			if (span->to)
				return MERGE_ROWS;
			if (m->in != in)
				continue; /* all of them were deletions */
		}
		uint32_t winner = m->n;
		for (uint32_t i = 0; i < m->n; i++) {
			if (m->head[i].at == m->head[i].end)
				continue;
			/* Equal keys: the newest, which has the highest number. */
			if (winner == m->n || head_compare(&m->head[i], &m->head[winner]) <= 0)
				winner = i;
		}
		if (winner == m->n)
			return MERGE_END;
		struct merge_head *w = &m->head[winner];
		uint32_t from = w->at, to = span_end(m, winner);
		for (uint32_t i = 0; i < winner; i++) {
			struct merge_head *h = &m->head[i];
			if (h->at == h->end || head_compare(h, w) != 0)
				continue;
			h->at++;
			m->in++;
		}
		if (m->at_bottom) {
			/* Deletions part spans; a span of them is nothing. */
			uint32_t same = from + 1;
			while (same < to && w->block.op[same] == w->block.op[from])
				same++;
			to = same;
		}
		w->at = to;
		m->in += to - from;
		if (m->at_bottom && w->block.op[from] == ROW_DELETE)
			continue;
		m->out += to - from;
		span->block = &w->block;
		span->from = from;
		span->to = to;
		return MERGE_ROWS;
	}
}

enum merge_did merge_step(struct merge *m, struct merge_span *span, struct err *e)
{
	struct merge_span *s = &m->span;
	if (!m->w && run_writer_open(&m->w, &m->shape, m->mem, e) != OK)
		return MERGE_FAULT;
	for (;;) {
		while (s->from < s->to)
			if (run_add_rows(m->w, s->block, &s->from, s->to, &span->out) == RUN_BLOCK)
				return MERGE_BLOCK;
		enum merge_did did = merge_rows(m, s, e);
		if (did == MERGE_ROWS)
			continue;
		s->from = s->to = 0;
		span->input = s->input;
		if (did != MERGE_END)
			return did;
		return run_finish(m->w, &span->out) == RUN_BLOCK ? MERGE_BLOCK : MERGE_END;
	}
}

RC merge_feed(struct merge *m, uint32_t input, const uint8_t *bytes, size_t len, struct err *e)
{
	struct merge_head *h = &m->head[input];
	CHECK(input < m->n && h->at == h->end && !h->ended);
	h->at = h->end = 0;
	if (run_decode(&h->block, bytes, len, e) != OK)
		return E_CORRUPT;
	uint32_t rows = h->block.rows, key_len;
	const uint8_t *key = run_key(&h->block, 0, &key_len);
	bool ascends = !h->any || h->block.hash[0] > h->last_hash ||
		       (h->block.hash[0] == h->last_hash &&
			key_compare(h->last_key.data, h->last_key.len, key, key_len) < 0);
	if (!ascends)
		return ERR(e, E_CORRUPT, "a block of keyed state is not above the last one");
	h->any = true;
	h->last_hash = h->block.hash[rows - 1];
	key = run_key(&h->block, rows - 1, &key_len);
	bytes_clear(&h->last_key);
	bytes_put(&h->last_key, key, key_len);
	if (!bytes_ok(&h->last_key))
		return ERR(e, E_NO_MEMORY, "no memory for a key of %u bytes", key_len);
	h->at = run_row_from(&h->block, h->lo);
	h->end = h->hi == UINT64_MAX ? rows : run_row_from(&h->block, h->hi + 1);
	if (h->end < h->at)
		h->end = h->at;
	if (h->last_hash > h->hi)
		h->ended = true;
	return OK;
}

void merge_feed_end(struct merge *m, uint32_t input)
{
	CHECK(input < m->n && m->head[input].at == m->head[input].end);
	m->head[input].ended = true;
}

uint64_t merge_rows_in(const struct merge *m)
{
	return m->in;
}

uint64_t merge_rows_out(const struct merge *m)
{
	return m->out;
}
