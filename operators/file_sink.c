/* file_sink.c - writes records to files, each of which appears atomically, once, complete, and
 * never changes: {"type":"file_sink","path":"counts","format":"csv"}.
 * Why two buffers: while the bytes lane writes one, the task fills the other; when both are out,
 * the task takes no input. What was written since the last barrier is one piece (sink_piece.h); at
 * the barrier it is sealed, synced, and named in an intent: committing is not this file's work
 * (inv 17). */
#include "operators/file_sink.h"

#include "base/check.h"
#include "operators/operators.h"

#include <inttypes.h>
#include <stdio.h>

#define BUFFERS 2
#ifndef BUFFER_BYTES /* a test compiles all of the sink with small numbers */
#define BUFFER_BYTES (1u << 20)
#endif
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
	struct piece *open;     /* the interval's; NULL: nothing was written in it yet */
	struct piece *oldest, **newest; /* all pieces not known to be committed, in order */
	uint64_t counter;       /* of pending names */
	uint32_t letters;       /* owed by the lanes */
	bool failed;
};

static const struct opt_def file_sink_opts[] = {
	{"path", OPT_STRING | OPT_PATH, .required = true, .help = "the folder that files are made in"},
	{"format", OPT_STRING, .one_of = "csv jsonl text",
	 .help = "csv, with a header line (the default); jsonl: an object a line; text: one string "
		 "field, a line a record"},
	{"files", OPT_STRING, .one_of = "rolling", .later = "single",
	 .help = "rolling: one file a subtask and checkpoint"},
	{"roll", OPT_LATER, .help = "splits the files of one interval"},
	{0},
};

/* ---- planning ---- */

static void sink_conf_close(void *conf, struct mem *mem)
{
	struct file_sink_conf *c = conf;
	if (!c)
		return;
	mem_put(mem, c->path);
	mem_put(mem, c->shown);
	bytes_close(&c->header);
	row_names_close(&c->names);
	mem_put(mem, c);
}

static bool options_check(const struct op_plan *p, const char *path, char full[PATH_TEXT_MAX])
{
	unsigned before = p->report->errors;
	struct err e = {OK};
	/* The longest name below it is a pending file's. */
	if (path_join(p->base_dir ? p->base_dir : "", path, full, &e) != OK ||
	    strlen(full) > PATH_TEXT_MAX - 512)
		opt_error(p->report, opt_json(p->options, "path"), NULL, "the path is too long");
	const struct schema *in = p->in[0];
	if (opt_is(p->options, "format", "text") && (in->n != 1 || in->field[0].type != T_STRING)) {
		char fields[512];
		schema_text(in, fields, sizeof fields);
		opt_error(p->report, opt_json(p->options, "format"), "csv writes any fields",
			  "text needs one string field; it gets: %s", fields);
	}
	return p->report->errors == before;
}

static bool sink_plan(struct op_plan *p)
{
	const char *path = opt_string(p->options, "path", "");
	char full[PATH_TEXT_MAX];
	if (!options_check(p, path, full))
		return false;
	struct file_sink_conf *c = mem_get(p->mem, sizeof *c);
	p->conf = c;
	if (c) {
		bytes_init(&c->header, p->mem);
		c->path = mem_string(p->mem, full);
		c->shown = mem_string(p->mem, path);
		c->format = row_format_find(opt_string(p->options, "format", "csv"));
		if (c->format == &csv_format)
			csv_header_put(&c->header, p->in[0]);
	}
	if (!c || !c->path || !c->shown || !bytes_ok(&c->header) ||
	    !row_names_make(&c->names, c->format, p->in[0], p->mem)) {
		opt_error(p->report, p->options, NULL, "no memory to plan it");
		return false;
	}
	p->commits = true;
	p->state_version = 1;
	p->path = c->path;
	return true;
}

/* ---- names ---- */

static char *pending_dir_make(const struct file_sink *s, const struct op_ctx *ctx)
{
	char dir[PATH_TEXT_MAX];
	int n = snprintf(dir, sizeof dir, "%s/%s/%s", s->conf->path, PENDING_DIR, ctx->uuid);
	CHECK(n > 0 && (size_t)n < sizeof dir);
	return mem_string(ctx->mem, dir);
}

/* The stage stands in it for people; only the numbers make it unique. */
static char *pending_make(struct file_sink *s, const struct op_ctx *ctx)
{
	char path[PATH_TEXT_MAX], stage[65];
	size_t i = 0;
	for (; ctx->stage[i] && i < sizeof stage - 1; i++)
		stage[i] = ctx->stage[i] == '/' ? '_' : ctx->stage[i];
	stage[i] = '\0';
	int n = snprintf(path, sizeof path, "%s/%s/%s/%" PRIu64 "-%" PRIu64 "-%s-%" PRIu32 "-%" PRIu64
			 ".%s", s->conf->path, PENDING_DIR, ctx->uuid, ctx->epoch, ctx->attempt, stage,
			 ctx->subtask, s->counter++, s->conf->format->ext);
	CHECK(n > 0 && (size_t)n < sizeof path);
	return mem_string(ctx->mem, path);
}

static char *final_make(const struct file_sink *s, const struct op_ctx *ctx, uint64_t checkpoint)
{
	char path[PATH_TEXT_MAX];
	int n = snprintf(path, sizeof path,
			 "%s/part-%08" PRIx32 "-%020" PRIu64 "-%" PRIu64 "-%" PRIu32 "-0.%s",
			 s->conf->path, ctx->lineage, checkpoint, ctx->epoch, ctx->subtask,
			 s->conf->format->ext);
	CHECK(n > 0 && (size_t)n < sizeof path);
	return mem_string(ctx->mem, path);
}

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
	if (p->unsynced >= SINK_SYNC_BYTES && !(p->checkpoint && !p->unsent)) {
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
		if (p->checkpoint && !p->ending && !p->unsent && !p->syncing) {
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

/* The interval's first record makes its piece, and the header is its first line. A header is far
 * smaller than a buffer, and the buffer is empty: a new piece begins with a new one. */
static bool piece_begin(struct file_sink *s, struct op_ctx *ctx)
{
	char *pending = pending_make(s, ctx), *dir = pending_dir_make(s, ctx);
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
	if (header->len)
		memcpy(s->buffer[s->fill].write.data, header->data, header->len);
	s->used = header->len;
	return true;
}

/* ---- the operator ---- */

static RC sink_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct file_sink *s = self;
	(void)state;
	(void)len;
	s->conf = ctx->conf;
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

static void intents_put(const struct file_sink *s, const struct op_ctx *ctx, struct bytes *to)
{
	for (const struct piece *p = s->oldest; p; p = p->next) {
		struct intent in = {.kind = INTENT_RENAME, .from = p->pending, .to = p->final,
				    .length = p->length, .hash = p->hash};
		snprintf(in.sink, sizeof in.sink, "%s", ctx->stage);
		intent_put(to, &in);
	}
}

/* Seals the interval's piece, if there is one: an empty interval makes no file (inv 18). */
static enum op_result sink_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct file_sink *s = self;
	struct piece *p = s->open;
	CHECK(s->rows.at == 0 && s->rows.spill.len == 0); /* barriers stand between batches */
	if (s->failed)
		return OP_FAILED;
	if (p) {
		p->final = final_make(s, ctx, o->checkpoint);
		if (!p->final)
			return fail_memory(s, ctx);
		p->checkpoint = o->checkpoint;
		if (s->used)
			buffer_hand_over(s, ctx);
		p->hash = checksum_end(&p->sum);
		s->open = NULL;
		pump(s, ctx);
	}
	intents_put(s, ctx, &o->intents);
	return OP_DONE;
}

static enum op_result sink_prepared(void *self, struct op_ctx *ctx, uint64_t checkpoint)
{
	struct file_sink *s = self;
	(void)ctx;
	if (s->failed)
		return OP_FAILED;
	/* What it lists: its own piece, and those of checkpoints before it that were given up. */
	for (const struct piece *p = s->oldest; p && p != s->open; p = p->next)
		if (p->checkpoint <= checkpoint && !p->synced)
			return OP_WAIT;
	return OP_DONE;
}

static void sink_committed(void *self, struct op_ctx *ctx, uint64_t checkpoint)
{
	struct file_sink *s = self;
	while (s->oldest && s->oldest != s->open && s->oldest->checkpoint <= checkpoint &&
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

const struct op_ops file_sink_ops = {
	.name = "file_sink",
	.summary = "files that appear atomically, once, complete",
	.role = OP_SINK,
	.self_size = sizeof(struct file_sink),
	.opts = file_sink_opts,
	.plan = sink_plan,
	.conf_close = sink_conf_close,
	.begin = file_sink_begin,
	.open = sink_open,
	.batch = sink_batch,
	.event = sink_event,
	.snapshot = sink_snapshot,
	.prepared = sink_prepared,
	.committed = sink_committed,
	.busy = sink_busy,
	.close = sink_close,
};
