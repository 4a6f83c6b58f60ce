/* generator_positions.c - see generator_positions.h. */
#include "operators/generator_positions.h"

#include "base/check.h"

RC positions_open(struct positions *p, uint32_t n, struct mem *mem, struct err *e)
{
	CHECK(n);
	*p = (struct positions){.mem = mem, .n = n, .next = mem_get(mem, n * sizeof *p->next)};
	if (!p->next)
		return ERR(e, E_NO_MEMORY, "no memory for the splits of a generator");
	memset(p->next, 0xFF, n * sizeof *p->next);
	return OK;
}

void positions_close(struct positions *p)
{
	if (p->mem)
		mem_put(p->mem, p->next);
	*p = (struct positions){0};
}

void positions_begin(struct positions *p)
{
	for (uint32_t s = 0; s < p->n; s++)
		p->next[s] = (uint64_t)s * GENERATOR_BLOCK;
}

/* Blocks of its own that split s has behind it, and rows of the next one. */
static uint64_t blocks_done(const struct positions *p, uint32_t s)
{
	return (p->next[s] / GENERATOR_BLOCK - s) / p->n;
}

static uint32_t rows_done(const struct positions *p, uint32_t s)
{
	return (uint32_t)(p->next[s] % GENERATOR_BLOCK);
}

static RC malformed(struct err *e)
{
	return ERR(e, E_CORRUPT, "the positions of a generator are malformed");
}

/* Row numbers are int64. */
#define BLOCKS_MAX ((uint64_t)INT64_MAX / GENERATOR_BLOCK)

RC positions_decode(struct positions *p, const void *state, size_t len, struct err *e)
{
	struct reader r = reader_of(state, len);
	uint32_t n = reader_u32(&r), first = reader_u32(&r), step = reader_u32(&r);
	uint32_t sharers = reader_u32(&r), groups = reader_u32(&r);
	uint64_t s = first;
	if (r.failed || !step || reader_left(&r) / 16 < groups || reader_left(&r) != groups * 16ull)
		return malformed(e);
	if (n != p->n)
		return ERR(e, E_REFUSED,
			   "max_parallelism was %u and is now %u: it is fixed for the life of the state", n,
			   p->n);
	p->sharers = sharers;
	while (groups--) {
		uint32_t splits = reader_u32(&r), rows = reader_u32(&r);
		uint64_t blocks = reader_u64(&r);
		if (!splits || rows >= GENERATOR_BLOCK || blocks > BLOCKS_MAX / n)
			return malformed(e);
		for (; splits; splits--, s += step) {
			if (s >= n || p->next[s] != POSITION_NONE)
				return malformed(e);
			p->next[s] = (blocks * n + s) * GENERATOR_BLOCK + rows;
		}
	}
	return OK;
}

void positions_encode(const struct positions *p, uint32_t first, uint32_t step, struct bytes *to)
{
	uint32_t groups = 0;
	size_t head = to->len;
	bytes_put_u32(to, p->n);
	bytes_put_u32(to, first);
	bytes_put_u32(to, step);
	bytes_put_u32(to, p->sharers);
	bytes_put_u32(to, 0);
	for (uint64_t s = first; s < p->n;) {
		uint64_t blocks = blocks_done(p, (uint32_t)s);
		uint32_t rows = rows_done(p, (uint32_t)s), splits = 0;
		for (; s < p->n; s += step, splits++) {
			CHECK(p->next[s] != POSITION_NONE);
			if (blocks_done(p, (uint32_t)s) != blocks || rows_done(p, (uint32_t)s) != rows)
				break;
		}
		bytes_put_u32(to, splits);
		bytes_put_u32(to, rows);
		bytes_put_u64(to, blocks);
		groups++;
	}
	if (bytes_ok(to))
		memcpy(to->data + head + 16, &groups, 4);
}

bool positions_are_complete(const struct positions *p)
{
	for (uint32_t s = 0; s < p->n; s++)
		if (p->next[s] == POSITION_NONE)
			return false;
	return true;
}

uint32_t positions_lowest(const struct positions *p)
{
	uint32_t low = p->n;
	uint64_t row = POSITION_NONE;
	for (uint32_t s = 0; s < p->n; s++)
		if (p->next[s] < row) {
			row = p->next[s];
			low = s;
		}
	return low;
}

void positions_move(struct positions *p, uint32_t s, uint64_t to)
{
	uint64_t end = position_block_end(p->next[s]);
	CHECK(to >= p->next[s] && to <= end);
	p->next[s] = to < end ? to : to + (uint64_t)(p->n - 1) * GENERATOR_BLOCK;
}

uint32_t positions_sharers(const struct positions *p, uint32_t subtasks, uint64_t rows)
{
	uint32_t sharers = 0;
	for (uint32_t i = 0; i < subtasks; i++)
		for (uint64_t s = i; s < p->n; s += subtasks)
			if (p->next[s] < rows) {
				sharers++;
				break;
			}
	return sharers ? sharers : 1;
}

uint64_t positions_done(const struct positions *p)
{
	uint64_t rows = 0;
	for (uint32_t s = 0; s < p->n; s++)
		if (p->next[s] != POSITION_NONE)
			rows += blocks_done(p, s) * GENERATOR_BLOCK + rows_done(p, s);
	return rows;
}

uint64_t positions_total(const struct positions *p, uint64_t rows)
{
	uint64_t blocks = rows / GENERATOR_BLOCK, total = 0;
	for (uint32_t s = 0; s < p->n; s++) {
		if (p->next[s] == POSITION_NONE)
			continue;
		total += (blocks > s ? (blocks - s - 1) / p->n + 1 : 0) * GENERATOR_BLOCK;
		total += blocks % p->n == s ? rows % GENERATOR_BLOCK : 0;
	}
	return total;
}
