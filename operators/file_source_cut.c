/* file_source_cut.c - blocks in, batches of lines out. See file_source.h.
 *
 *   |kept| block n ............ unfin|           the unfinished line moves in front of the next
 *                             |unfin| block n+1 ...............|     block
 *
 * A block was read behind room for that, so the lines themselves are never copied: views point into
 * the blocks. Only where a line is longer than the room does a larger text take both. What a
 * snapshot hashes, the bytes before the next line, may reach into the block before, which is kept
 * for that; where it is too short to hold them they move in front of the next block too. */
#include "operators/file_source.h"

#include "base/check.h"
#include "operators/skip.h"
#include "runtime/batch.h"
#include "runtime/pool.h"

static const struct split_file *file_of(const struct file_source *s, uint32_t run)
{
	return &s->left.file[s->left.run[run].file];
}

uint64_t file_source_next(const struct file_source *s)
{
	return s->base + s->lines.pos;
}

uint64_t file_source_tail(const struct file_source *s, uint64_t next)
{
	const struct split_file *f = file_of(s, s->at);
	uint64_t start = split_start(f->bound, f->splits, split_at(f->bound, f->splits, next));
	uint64_t from = file_tail_begin(start, next), here = s->base + s->first;
	if (from == next)
		return 0; /* it begins its split */
	if (from >= here)
		return file_tail_hash(s->text->data + (from - s->base), (size_t)(next - from));
	CHECK(s->before.text && from >= s->before.base + s->before.first);
	const uint8_t *before = s->before.text->data + (from - s->before.base);
	return file_tail_hash_two(before, (size_t)(here - from), s->text->data + s->first,
				  (size_t)(next - here));
}

static enum op_result fail(struct file_source *s)
{
	s->failed = true;
	return OP_FAILED;
}

static enum op_result fail_memory(struct file_source *s, struct op_ctx *ctx)
{
	(void)!ERR(&ctx->error, E_NO_MEMORY, "no memory for a block of %s", s->conf->path);
	return fail(s);
}

/* ---- reading ahead ---- */

/* Where a run is read from. Begun: what the tail hash covers comes first. Not begun: the byte
 * before it says whether its first byte begins a line. */
static uint64_t run_read_begin(const struct file_source *s, uint32_t run)
{
	const struct split_run *r = &s->left.run[run];
	const struct split_file *f = file_of(s, run);
	uint64_t start = split_start(f->bound, f->splits, r->first);
	if (r->next)
		return file_tail_begin(start, r->next);
	return start ? start - 1 : 0;
}

static uint64_t bounded(uint64_t off, uint64_t bound)
{
	return off < bound ? off : bound;
}

/* The next block to ask for; false: none for now. A run whose file is read to its bound is followed
 * by the next at once; else the last line may need more, and the cutter decides. */
static bool read_plan(struct file_source *s)
{
	if (s->read_run < s->at) {
		s->read_run = s->at;
		s->read_begun = false;
	}
	while (s->read_run < s->left.n_runs) {
		const struct split_file *f = file_of(s, s->read_run);
		if (!s->read_begun) {
			uint64_t end = run_end(&s->left, &s->left.run[s->read_run]);
			s->read_off = run_read_begin(s, s->read_run);
			s->read_end = bounded(end + LAST_LINE_BYTES, f->bound);
			s->read_begun = true;
		}
		if (s->read_off < s->read_end)
			return true;
		if (s->read_end < f->bound)
			return false;
		s->read_run++;
		s->read_begun = false;
	}
	return false;
}

static bool read_ask(struct file_source *s, struct op_ctx *ctx)
{
	struct file_read *rd = &s->ahead[s->ask].read;
	const struct split_run *r = &s->left.run[s->read_run];
	const struct split_file *f = file_of(s, s->read_run);
	uint64_t len = s->read_end - s->read_off;
	if (path_join(s->conf->base_dir, f->path, s->ahead[s->ask].full, &ctx->error) != OK)
		return false;
	rd->text = pool_text(ctx->pool, TEXT_BYTES);
	if (!rd->text) {
		fail_memory(s, ctx);
		return false;
	}
	rd->file = r->file;
	rd->full = s->ahead[s->ask].full;
	rd->name = f->path;
	rd->bound = f->bound;
	rd->counted = r->next;
	rd->has_head = f->has_head;
	rd->head = f->head;
	rd->at = KEEP_BYTES;
	rd->off = s->read_off;
	rd->len = len < READ_BYTES ? (uint32_t)len : READ_BYTES;
	s->read_off += rd->len;
	s->ahead[s->ask].run = s->read_run;
	s->ahead[s->ask].state = READ_OUT;
	s->ask = (s->ask + 1) % READS;
	ioqueue_submit(ctx->io, &rd->job);
	return true;
}

static bool reads_ask(struct file_source *s, struct op_ctx *ctx)
{
	while (s->ahead[s->ask].state == READ_FREE && read_plan(s))
		if (!read_ask(s, ctx))
			return false;
	return true;
}

enum op_result file_source_event(void *self, struct op_ctx *ctx, struct mail *m)
{
	struct file_source *s = self;
	struct file_read *rd = CONTAINER_OF(m, struct file_read, job.mail);
	uint32_t i = (uint32_t)(m->kind - OP_LETTER);
	CHECK(i < READS && rd == &s->ahead[i].read && s->ahead[i].state == READ_OUT);
	s->ahead[i].state = READ_READY;
	if (rd->job.rc != OK) {
		if (ctx->error.code == OK)
			ctx->error = rd->job.error;
		return fail(s);
	}
	struct split_file *f = &s->left.file[rd->file];
	f->has_head = true;
	f->head = rd->head;
	return OP_DONE;
}

/* ---- from block to block ---- */

static void text_leave(struct file_source *s)
{
	text_drop(s->text);
	text_drop(s->before.text);
	s->text = s->before.text = NULL;
}

/* The text now holds [first, end) of the block's bytes; it takes the reference. */
static void text_enter(struct file_source *s, struct text *t, uint64_t base, uint32_t first,
		       uint32_t end)
{
	s->text = t;
	s->base = base;
	s->first = first;
	s->shared = false;
	s->lines.data = t->data;
	s->lines.end = end;
	t->used = end;
}

/* The first block of a run. A begun one: what is counted is hashed again, since the file may have
 * changed after the start looked at it. */
static bool run_enter(struct file_source *s, struct op_ctx *ctx, struct file_read *rd)
{
	const struct split_run *r = &s->left.run[s->at];
	text_enter(s, rd->text, rd->off - rd->at, rd->at, rd->at + rd->len);
	rd->text = NULL;
	uint64_t stop = run_end(&s->left, r) - s->base;
	s->lines.stop = stop < UINT32_MAX ? (uint32_t)stop : UINT32_MAX;
	s->lines.pos = s->lines.scanned = s->first;
	s->skipping = !r->next && rd->off < run_begin(&s->left, r);
	if (!r->next)
		return true;
	s->lines.pos = s->lines.scanned = (uint32_t)(r->next - s->base);
	const uint8_t *tail = s->text->data + s->first;
	if (s->lines.pos - s->first <= rd->len &&
	    file_tail_hash(tail, s->lines.pos - s->first) == r->tail)
		return true;
	file_changed(&ctx->error, file_of(s, s->at)->path, r->next);
	return false;
}

/* How many bytes at the end of what there is move in front of the next block: the unfinished line.
 * *stays: what a snapshot hashes before it stands in the text that is left now. If not, it moves
 * too. */
static uint32_t keep_bytes(const struct file_source *s, bool *stays)
{
	uint64_t have = s->base + s->first, end = s->base + s->lines.end;
	uint64_t from = s->before.text ? s->before.base + s->before.first : have;
	uint64_t line = end;
	if (s->skipping) {
		from = end - from < TAIL_BYTES ? from : end - TAIL_BYTES;
	} else {
		line = file_source_next(s);
		const struct split_file *f = file_of(s, s->at);
		uint32_t split = split_at(f->bound, f->splits, line);
		uint64_t tail = file_tail_begin(split_start(f->bound, f->splits, split), line);
		from = tail > from ? tail : from;
	}
	*stays = from >= have && line > have;
	return (uint32_t)(end - (*stays ? line : from));
}

/* The last bytes there are, of the text and of the one before. */
static void kept_copy(const struct file_source *s, uint32_t bytes, uint8_t *to)
{
	uint32_t here = s->lines.end - s->first, some = bytes < here ? bytes : here;
	uint64_t from = s->base + s->lines.end - bytes;
	if (bytes > some)
		memcpy(to, s->before.text->data + (from - s->before.base), bytes - some);
	memcpy(to + bytes - some, s->text->data + s->lines.end - some, some);
}

/* Before another text is entered: this one is kept if it is needed. */
static void text_pass(struct file_source *s, bool stays)
{
	text_drop(s->before.text);
	s->before.text = NULL;
	if (!stays) {
		text_drop(s->text);
		return;
	}
	s->before.text = s->text;
	s->before.base = s->base;
	s->before.first = s->first;
}

/* A line longer than the room: both go into a text of twice the size, to be filled by what follows.
 * */
static bool texts_join(struct file_source *s, struct op_ctx *ctx, struct file_read *rd,
		       uint32_t keep, bool stays)
{
	struct text *old = s->text;
	uint32_t end = s->lines.end, len = rd->len;
	if (!s->shared && old->cap - end >= len) {
		memcpy(old->data + end, rd->text->data + rd->at, len);
		s->lines.end = old->used = end + len;
	} else {
		struct text *t = pool_text(ctx->pool, 2 * (keep + len));
		if (!t)
			return false;
		kept_copy(s, keep, t->data);
		memcpy(t->data + keep, rd->text->data + rd->at, len);
		text_pass(s, stays);
		text_enter(s, t, s->base + end - keep, 0, keep + len);
		s->lines.pos -= end - keep; /* modulo 2^32: keep may be the larger */
		s->lines.scanned = keep;
	}
	text_drop(rd->text);
	rd->text = NULL;
	return true;
}

/* What is kept moves in front of the new block. */
static bool block_enter(struct file_source *s, struct op_ctx *ctx, struct file_read *rd)
{
	CHECK(rd->off == s->base + s->lines.end);
	uint64_t stop = run_end(&s->left, &s->left.run[s->at]);
	bool stays;
	uint32_t keep = keep_bytes(s, &stays);
	if (s->skipping)
		s->lines.pos = s->lines.end;
	if (keep > rd->at) {
		if (!texts_join(s, ctx, rd, keep, stays))
			return false;
	} else {
		uint32_t moved = s->lines.end - rd->at; /* modulo 2^32: either may be the larger */
		kept_copy(s, keep, rd->text->data + rd->at - keep);
		s->lines.pos -= moved;
		s->lines.scanned = rd->at;
		text_pass(s, stays);
		text_enter(s, rd->text, rd->off - rd->at, rd->at - keep, rd->at + rd->len);
		rd->text = NULL;
	}
	stop -= s->base;
	s->lines.stop = stop < UINT32_MAX ? (uint32_t)stop : UINT32_MAX;
	return true;
}

/* Takes the next block of this run. OP_WAIT: none came yet. */
static enum op_result block_take(struct file_source *s, struct op_ctx *ctx)
{
	while (s->ahead[s->take].state == READ_READY) {
		uint32_t i = s->take;
		struct file_read *rd = &s->ahead[i].read;
		CHECK(s->ahead[i].run <= s->at);
		bool mine = s->ahead[i].run == s->at, ok = true;
		if (mine)
			ok = s->text ? block_enter(s, ctx, rd) : run_enter(s, ctx, rd);
		text_drop(rd->text); /* of a run that ended before its last block */
		rd->text = NULL;
		s->ahead[i].state = READ_FREE;
		s->take = (i + 1) % READS;
		if (!ok)
			return ctx->error.code == OK ? fail_memory(s, ctx) : fail(s);
		if (mine)
			return OP_MORE;
	}
	/* The last line goes on behind what was planned to be read. */
	if (s->ahead[s->take].state == READ_FREE && s->read_run == s->at && s->read_begun &&
	    s->read_off == s->read_end)
		s->read_end = bounded(s->read_end + READ_BYTES, file_of(s, s->at)->bound);
	return reads_ask(s, ctx) ? OP_WAIT : fail(s);
}

/* ---- lines ---- */

static void run_leave(struct file_source *s)
{
	const struct split_run *r = &s->left.run[s->at++];
	text_leave(s);
	s->left_out.is = false;
	s->done += run_end(&s->left, r) - run_begin(&s->left, r);
}

/* Once a batch. The last line may end behind the run: those bytes are another's. */
static void progress(const struct file_source *s, struct op_ctx *ctx)
{
	ctx->work_done = s->done;
	if (s->at == s->left.n_runs || !s->text || s->skipping)
		return;
	const struct split_run *r = &s->left.run[s->at];
	uint64_t next = bounded(file_source_next(s), run_end(&s->left, r));
	ctx->work_done += next - run_begin(&s->left, r);
}

/* Goes on to the first line that begins in the run. False: more bytes are needed. */
static bool skip(struct file_source *s)
{
	struct lines *l = &s->lines;
	uint32_t nl = line_end_find(l->data, l->scanned, l->end);
	l->scanned = nl;
	if (nl == l->end)
		return false;
	l->pos = l->scanned = nl + 1;
	s->skipping = s->left_out.is = false;
	return true;
}

/* Its bytes are passed over until its end is found, however many they are. */
static void leave_out(struct file_source *s, struct op_ctx *ctx, const struct err *e)
{
	skip_count(ctx, NULL, 0, e);
	s->left_out.is = s->skipping = true;
	s->left_out.at = file_source_next(s);
	s->left_out.tail = file_source_tail(s, s->left_out.at);
}

static enum op_result line_is_long(struct file_source *s, struct op_ctx *ctx)
{
	char at[COMMAS_TEXT], limit[COMMAS_TEXT];
	struct err e = {OK};
	(void)!ERR(&e, E_RECORD,
		   "%s, byte %s: a line is longer than limits.record allows (%s bytes)",
		   file_of(s, s->at)->path, number_text(file_source_next(s), at),
		   number_text(s->lines.limit, limit));
	if (ctx->skip) {
		leave_out(s, ctx, &e);
		return OP_MORE;
	}
	ctx->error = e;
	return fail(s);
}

/* Cuts up to room lines out of the text into a batch; *b stays NULL when there is no whole one. */
static enum op_result batch_cut(struct file_source *s, struct op_ctx *ctx, uint32_t room,
				struct batch **b)
{
	struct lines *l = &s->lines;
	struct column *line = pool_column(ctx->pool, T_STRING);
	struct column *at = pool_column(ctx->pool, T_INT64);
	uint64_t first = file_source_next(s);
	uint32_t n = 0;
	enum op_result r = OP_DONE;
	if (!line || !at) {
		r = fail_memory(s, ctx);
		goto out;
	}
	n = lines_cut(l, line->str, at->i64, s->base, room);
	if (!n && s->base + l->end == file_of(s, s->at)->bound)
		n = lines_cut_last(l, line->str, at->i64, s->base);
	/* Lines before the one that is too long go out first, so that what fails does not depend on
	 * how they were grouped. One byte more than the limit may still be a '\r'. */
	bool partial = l->pos < l->stop && l->end - l->pos > (uint64_t)l->limit + 1 &&
		       l->scanned >= l->end;
	if (!n) {
		if (l->too_long || partial)
			r = line_is_long(s, ctx);
		goto out;
	}
	*b = pool_batch(ctx->pool);
	if (!*b) {
		r = fail_memory(s, ctx);
		goto out;
	}
	if (l->long_views) {
		column_text_add(line, s->text);
		s->shared = true;
	}
	line->rows = at->rows = n;
	(*b)->rows = n;
	(*b)->n_cols = 1;
	(*b)->col[0] = line;
	(*b)->origin = (struct origin){.name = file_of(s, s->at)->path, .first = first,
				       .end = file_source_next(s), .at = at};
	return OP_DONE;
out:
	l->too_long = false;
	column_drop(line);
	column_drop(at);
	return r;
}

/* Whether no further line of the run is there: the next one begins in another split. */
static bool run_is_over(const struct file_source *s)
{
	uint64_t end = run_end(&s->left, &s->left.run[s->at]);
	if (s->skipping)
		return s->base + s->lines.scanned + 1 >= end;
	return file_source_next(s) >= end;
}

/* How many lines may go out now; 0: none before ctx->wake_at_us. */
static uint32_t lines_room(struct file_source *s, struct op_ctx *ctx)
{
	uint32_t most = pool_rows(ctx->pool);
	if (s->conf->rate <= 0)
		return most;
	double share = s->conf->rate / (s->left.sharers ? s->left.sharers : 1);
	uint32_t room = pace_room(&s->pace, share, ctx->now_us, &ctx->wake_at_us);
	return room < most ? room : most;
}

/* ---- the step ---- */

static enum op_result lines_emit(struct file_source *s, struct op_ctx *ctx, uint32_t room)
{
	struct batch *b = NULL;
	enum op_result r = batch_cut(s, ctx, room, &b);
	if (!b)
		return r;
	pace_sent(&s->pace, b->rows);
	if (run_is_over(s))
		run_leave(s);
	progress(s, ctx);
	op_emit(ctx, &b);
	return OP_MORE;
}

enum op_result file_source_produce(void *self, struct op_ctx *ctx)
{
	struct file_source *s = self;
	if (s->failed)
		return OP_FAILED;
	for (;;) {
		if (!reads_ask(s, ctx))
			return fail(s);
		if (s->at == s->left.n_runs)
			return OP_DONE;
		if (s->text) {
			if (s->skipping)
				skip(s);
			if (run_is_over(s)) {
				run_leave(s);
				progress(s, ctx);
				continue;
			}
			uint32_t room = lines_room(s, ctx);
			if (!room)
				return OP_WAIT;
			enum op_result r = s->skipping ? OP_DONE : lines_emit(s, ctx, room);
			if (r != OP_DONE)
				return r;
		}
		enum op_result r = block_take(s, ctx);
		if (r != OP_MORE) {
			ctx->wake_at_us = UINT64_MAX;
			return r;
		}
	}
}
