/* file_sink.c - writes records to files, each of which appears atomically, once, complete, and
 * never changes; or, with "files":"single", to one that only ever grows. What it is told:
 * file_sink_plan.c.
 * Why two buffers: while the bytes lane writes one, the task fills the other; when both are out,
 * the task takes no input. What was written since the last barrier is one piece (sink_piece.h), or
 * with `roll` several; at the barrier the last one is sealed, and all are named in intents when
 * they are synced: committing is not this file's work (inv 17). */
#include "operators/file_sink.h"

#include "base/check.h"
#include "base/planted.h"
#include "operators/operators.h"
#include "runtime/record_checksum.h"

#include <stdio.h>

/* Of one interval: then the last one grows, so that a manifest stays small; by feel. */
#define ROLLED_MAX 1000
/* Kinds of letters: a buffer's number, then a piece's. */
#define LETTER_PIECE (OP_LETTER + BUFFERS)

enum buffer_state {
	BUFFER_FREE,
	BUFFER_FULL, /* waits for its turn: an earlier one, or a sync of its piece */
	BUFFER_OUT,
};

struct file_sink {
	const struct file_sink_conf *conf;
	struct rows rows;
	struct {
		struct piece_write write;
		enum buffer_state state;
	} buffer[BUFFERS];
	uint32_t fill;          /* filled now, if it is free; handed over in turns */
	uint32_t send;          /* the next to be submitted */
	size_t used;            /* of buffer[fill] */
	struct piece *open;     /* being written; NULL: nothing was since the last one was sealed */
	uint32_t rolled;        /* pieces of this interval that are sealed */
	uint64_t next;          /* single: where the next piece goes in the file */
	struct piece *oldest, **newest; /* all pieces not known to be committed, in order */
	uint64_t counter;       /* of pending names */
	uint32_t letters;       /* owed by the lanes */
	bool failed;
};

/* ---- faults ---- */

static enum op_result fail(struct file_sink *s)
{
	s->failed = true;
	return OP_FAILED;
}

static enum op_result fail_memory(struct file_sink *s, struct op_ctx *ctx)
{
	(void)!ERR(&ctx->error, E_NO_MEMORY, "no memory for a file of %s", s->conf->shown);
	return fail(s);
}

/* ---- to the lanes ---- */

static void submit(struct file_sink *s, struct op_ctx *ctx, struct io_job *j)
{
	for (const struct io_job *i = j; i; i = i->then)
		s->letters++;
	ioqueue_submit(ctx->io, j);
}

static void write_submit(struct file_sink *s, struct op_ctx *ctx, struct piece_write *w)
{
	struct piece *p = w->piece;
	p->unsent--;
	p->unsynced += w->len;
	w->job.then = NULL;
	if (p->unsynced >= SINK_SYNC_BYTES && !(p->sealed && !p->unsent)) {
		p->unsynced = 0;
		p->syncing = true;
		w->job.then = &p->early;
	}
	submit(s, ctx, &w->job);
}

/* Submits what may be submitted, in order. A piece belongs to one lane at a time, so while it is
 * synced in the middle, what follows waits. */
static void pump(struct file_sink *s, struct op_ctx *ctx)
{
	while (s->buffer[s->send].state == BUFFER_FULL && !s->buffer[s->send].write.piece->syncing) {
		s->buffer[s->send].state = BUFFER_OUT;
		write_submit(s, ctx, &s->buffer[s->send].write);
		s->send = (s->send + 1) % BUFFERS;
	}
	for (struct piece *p = s->oldest; p; p = p->next)
		if (p->sealed && !p->ending && !p->unsent && !p->syncing) {
			p->ending = true;
			submit(s, ctx, &p->tail);
		}
}

/* Hands buffer[fill] over. */
static void buffer_hand_over(struct file_sink *s, struct op_ctx *ctx)
{
	struct piece *p = s->open;
	struct piece_write *w = &s->buffer[s->fill].write;
	checksum_add(&p->sum, w->data, s->used);
	w->piece = p;
	w->len = s->used;
	w->done = 0;
	w->off = p->length;
	p->length += s->used;
	p->unsent++;
	s->buffer[s->fill].state = BUFFER_FULL;
	s->used = 0;
	s->fill = (s->fill + 1) % BUFFERS;
	pump(s, ctx);
}

/* The first record makes a piece, and the header is a file's first line. A header is far smaller
 * than a buffer, and the buffer is empty: a new piece begins with a new one. */
static bool piece_begin(struct file_sink *s, struct op_ctx *ctx)
{
	char *pending = file_sink_pending(s->conf, ctx, s->counter++);
	char *dir = file_sink_pending_dir(s->conf, ctx);
	struct piece *p = pending && dir ? piece_open(ctx->mem, pending, dir, LETTER_PIECE, ctx->mail)
					 : NULL;
	if (!p) {
		mem_put(ctx->mem, pending);
		mem_put(ctx->mem, dir);
		return false;
	}
	*s->newest = p;
	s->newest = &p->next;
	s->open = p;
	const struct bytes *header = &s->conf->header;
	CHECK(s->used == 0 && header->len <= BUFFER_BYTES);
	if (s->conf->single && s->next)
		return true;
	if (header->len)
		memcpy(s->buffer[s->fill].write.data, header->data, header->len);
	s->used = header->len;
	return true;
}

/* The open piece is complete: what of it stands in a buffer follows the rest, then its end. */
static void piece_seal(struct file_sink *s, struct op_ctx *ctx)
{
	struct piece *p = s->open;
	p->sealed = true;
	if (s->used)
		buffer_hand_over(s, ctx);
	p->hash = checksum_end(&p->sum);
	p->offset = s->next;
	s->next += s->conf->single ? p->length : 0;
	s->open = NULL;
	pump(s, ctx);
}

static bool is_rolled(const struct file_sink *s)
{
	return s->open && s->conf->roll_bytes && s->open->length + s->used >= s->conf->roll_bytes &&
	       s->rolled < ROLLED_MAX;
}

/* ---- the operator ---- */

static RC sink_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct file_sink *s = self;
	bool ours;
	s->conf = ctx->conf;
	if (s->conf->single && single_state_get(s->conf, state, len, &s->next, &ours, e) != OK)
		return e->code;
	s->newest = &s->oldest;
	rows_init(&s->rows, s->conf->format, &s->conf->names, "", ctx->mem);
	for (int i = 0; i < BUFFERS; i++) {
		struct piece_write *w = &s->buffer[i].write;
		piece_write_init(w, OP_LETTER + i, ctx->mail);
		w->data = mem_get_aligned(ctx->mem, 4096, BUFFER_BYTES);
		if (!w->data)
			return ERR(e, E_NO_MEMORY, "no memory for a buffer of %s", s->conf->shown);
	}
	return OK;
}

static enum op_result sink_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct file_sink *s = self;
	bool all = !batch_count(b);
	while (!all) {
		if (s->failed)
			return OP_FAILED;
		if (s->buffer[s->fill].state != BUFFER_FREE) {
			ctx->wake_at_us = UINT64_MAX;
			return OP_WAIT;
		}
		if (!s->open && !piece_begin(s, ctx))
			return fail_memory(s, ctx);
		if (rows_fill(&s->rows, b, s->buffer[s->fill].write.data, BUFFER_BYTES, &s->used, &all,
			      &ctx->error) != OK)
			return fail(s);
		if (!all)
			buffer_hand_over(s, ctx);
	}
	ctx->kept.n += batch_count(b);
	if (ctx->audit)
		ctx->kept.hash += record_checksum(b);
	if (is_rolled(s)) {
		s->rolled++;
		piece_seal(s, ctx);
	}
	return OP_DONE;
}

static struct piece *piece_of(struct mail *m)
{
	struct io_job *j = CONTAINER_OF(m, struct io_job, mail);
	switch (m->kind - LETTER_PIECE) {
	case PIECE_EARLY:
		return CONTAINER_OF(j, struct piece, early);
	case PIECE_TAIL:
		return CONTAINER_OF(j, struct piece, tail);
	case PIECE_SYNCED:
		return CONTAINER_OF(j, struct piece, sync);
	}
	CHECK(!"a letter of a file sink");
	return NULL;
}

static enum op_result sink_event(void *self, struct op_ctx *ctx, struct mail *m)
{
	struct file_sink *s = self;
	struct io_job *j = CONTAINER_OF(m, struct io_job, mail);
	CHECK(s->letters > 0);
	s->letters--;
	if (m->kind < LETTER_PIECE) {
		s->buffer[m->kind - OP_LETTER].state = BUFFER_FREE;
	} else {
		struct piece *p = piece_of(m);
		if (m->kind == LETTER_PIECE + PIECE_EARLY)
			p->syncing = false;
		if (m->kind == LETTER_PIECE + PIECE_SYNCED && j->rc == OK)
			p->synced = true;
	}
	if (j->rc != OK) {
		if (ctx->error.code == OK) {
			ctx->error = j->error;
			err_in(&ctx->error, "%s", s->conf->shown);
		}
		return fail(s);
	}
	if (s->failed)
		return OP_FAILED;
	pump(s, ctx);
	return OP_DONE;
}

static void intents_put(const struct file_sink *s, const struct op_ctx *ctx, struct op_snapshot *o)
{
	for (const struct piece *p = s->oldest; p; p = p->next) {
		bool ours = p->checkpoint == o->checkpoint;
		if ((PLANTED(prepared_forgotten_at_an_abort) && !ours) ||
		    (PLANTED(final_piece_is_left_behind) && ours && o->final))
			continue;
		struct intent in = {.kind = s->conf->single ? INTENT_APPEND : INTENT_RENAME,
				    .from = p->pending, .to = p->final, .offset = p->offset,
				    .length = p->length, .hash = p->hash};
		snprintf(in.sink, sizeof in.sink, "%s", ctx->stage);
		intent_put(&o->intents, &in);
	}
}

/* Seals the interval's last piece, if there is one: an empty interval makes no file (inv 18). */
static enum op_result sink_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct file_sink *s = self;
	uint32_t part = 0;
	CHECK(s->rows.at == 0 && s->rows.spill.len == 0); /* barriers stand between batches */
	if (s->failed)
		return OP_FAILED;
	if (!s->open && PLANTED(empty_interval_is_skipped))
		return OP_DONE;
	if (s->open)
		piece_seal(s, ctx);
	s->rolled = 0;
	for (struct piece *p = s->oldest; p; p = p->next) {
		if (p->checkpoint)
			continue;
		p->final = file_sink_final(s->conf, ctx, o->checkpoint, part++);
		if (!p->final)
			return fail_memory(s, ctx);
		p->checkpoint = o->checkpoint;
	}
	intents_put(s, ctx, o);
	if (s->conf->single)
		single_state_put(&o->state, s->conf, s->next);
	return OP_DONE;
}

static enum op_result sink_prepared(void *self, struct op_ctx *ctx, uint64_t checkpoint)
{
	struct file_sink *s = self;
	(void)ctx;
	if (s->failed)
		return OP_FAILED;
	/* What it lists: its own piece, and those of checkpoints before it that were given up. */
	for (const struct piece *p = s->oldest; p && p->checkpoint; p = p->next)
		if (p->checkpoint <= checkpoint && !p->synced)
			return OP_WAIT;
	return OP_DONE;
}

static void sink_committed(void *self, struct op_ctx *ctx, uint64_t checkpoint)
{
	struct file_sink *s = self;
	while (s->oldest && s->oldest->checkpoint && s->oldest->checkpoint <= checkpoint &&
	       s->oldest->synced) {
		struct piece *p = s->oldest;
		s->oldest = p->next;
		piece_close(p, ctx->mem);
	}
	if (!s->oldest)
		s->newest = &s->oldest;
}

static bool sink_busy(void *self, struct op_ctx *ctx)
{
	(void)ctx;
	return ((struct file_sink *)self)->letters > 0;
}

static void sink_close(void *self, struct op_ctx *ctx)
{
	struct file_sink *s = self;
	if (!s->conf)
		return; /* never opened */
	CHECK(!s->letters);
	for (struct piece *p = s->oldest, *next; p; p = next) {
		next = p->next;
		piece_close(p, ctx->mem);
	}
	for (int i = 0; i < BUFFERS; i++)
		mem_put(ctx->mem, s->buffer[i].write.data);
	rows_close(&s->rows);
}

static enum op_law file_sink_law(const void *conf)
{
	(void)conf;
	return OP_LAW_SINK;
}

const struct op_ops file_sink_ops = {
	.name = "file_sink",
	.summary = "files that appear atomically, once, complete",
	.role = OP_SINK,
	.self_size = sizeof(struct file_sink),
	.opts = file_sink_opts,
	.plan = file_sink_plan,
	.conf_close = file_sink_conf_close,
	.begin = file_sink_begin,
	.later = file_sink_later,
	.left = file_sink_left,
	.open = sink_open,
	.batch = sink_batch,
	.event = sink_event,
	.snapshot = sink_snapshot,
	.prepared = sink_prepared,
	.committed = sink_committed,
	.busy = sink_busy,
	.close = sink_close,
	.law = file_sink_law,
};
