/* stale.c - see stale.h. */
#include "jobs/stale.h"

/* Pieces of one section, cut by a rescale, stand one behind the other: it is counted once. */
static bool is_cut_piece(const struct manifest_keyed *k, uint32_t i)
{
	return i && k->run[i].ref.file == k->run[i - 1].ref.file &&
	       k->run[i].ref.offset == k->run[i - 1].ref.offset;
}

static void name(struct stale *s, const struct section_ref *ref)
{
	if (ref->file == SECTION_INLINE)
		return;
	s->named[ref->file] += ref->bytes;
	s->all += ref->bytes;
}

bool stale_open(struct stale *s, const struct manifest *m, struct mem *mem)
{
	*s = (struct stale){.m = m};
	s->named = mem_get(mem, (m->n_files + 1) * sizeof *s->named);
	if (!s->named)
		return false;
	for (uint32_t o = 0; o < m->n_ops; o++) {
		const struct manifest_op *op = &m->op[o];
		for (uint32_t i = 0; i < op->n_sections; i++)
			name(s, &op->section[i].ref);
		for (uint32_t j = 0; j < op->n_keyed; j++)
			for (uint32_t i = 0; i < op->keyed[j].n_runs; i++)
				if (!is_cut_piece(&op->keyed[j], i))
					name(s, &op->keyed[j].run[i].ref);
	}
	return true;
}

void stale_close(struct stale *s, struct mem *mem)
{
	mem_put(mem, s->named);
	*s = (struct stale){0};
}

bool stale_file(const struct stale *s, uint32_t file)
{
	if (!s->named || file == SECTION_INLINE)
		return false;
	uint64_t length = s->m->file[file].length;
	return length >= STALE_BYTES_LEAST && s->named[file] < length / 2;
}

bool stale_widen(const struct stale *s, const struct manifest_keyed *k, const uint32_t *link,
		 uint32_t n, bool wanted, uint32_t *first, uint32_t *count)
{
	uint32_t from = n, before = SECTION_INLINE;
	uint64_t dead = 0;
	for (uint32_t i = n; i-- > 0;) {
		uint32_t file = k->run[link[i]].ref.file;
		if (!stale_file(s, file))
			continue;
		from = i;
		if (file != before)
			dead += s->m->file[file].length - s->named[file];
		before = file;
	}
	if (from == n || (!wanted && dead <= s->all / 2 + STALE_BYTES_KEPT))
		return wanted;
	if (!wanted || from < *first) {
		*first = from;
		*count = n - from;
	}
	return true;
}
