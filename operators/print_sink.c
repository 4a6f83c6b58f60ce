/* print_sink.c - records to standard output, a line each: {"type":"print_sink","prefix":"> "}.
 * Standard output belongs to the control loop, so text goes there in letters and comes back when it
 * is written; a blocked pipe keeps both buffers out, and then this task takes no input. A
 * checkpoint waits until what was printed before it is written: at-least-once across restarts,
 * nothing is committed. */
#include "base/check.h"
#include "operators/operators.h"
#include "operators/row_text.h"

#include <errno.h>

#define BUFFERS 2
#define BUFFER_BYTES (64u << 10) /* what a pipe holds */

struct print_sink_conf {
	const struct row_format *format;
	struct row_names names;
	char *prefix;
};

struct print_sink {
	const struct print_sink_conf *conf;
	struct rows rows;
	struct {
		struct print_letter letter;
		uint8_t *data;
		bool out;
	} buffer[BUFFERS];
	uint32_t fill;       /* filled now, if it is not out */
	size_t used;         /* of buffer[fill] */
	uint64_t printed;    /* bytes that came back */
	uint64_t taken;      /* bytes that were formatted */
	uint64_t owed;       /* `taken` at the newest barrier */
	bool failed;
};

static const struct opt_def print_sink_opts[] = {
	{"prefix", OPT_STRING | OPT_EMPTY, .help = "stands before each line"},
	{"format", OPT_STRING, .one_of = "csv jsonl text",
	 .help = "csv, without a header (the default); jsonl: an object a line; text: one string "
		 "field as it is"},
	{0},
};

static void print_conf_close(void *conf, struct mem *mem)
{
	struct print_sink_conf *c = conf;
	if (!c)
		return;
	mem_put(mem, c->prefix);
	row_names_close(&c->names);
	mem_put(mem, c);
}

static bool print_plan(struct op_plan *p)
{
	const struct schema *in = p->in[0];
	if (opt_is(p->options, "format", "text") && (in->n != 1 || in->field[0].type != T_STRING)) {
		char fields[512];
		schema_text(in, fields, sizeof fields);
		opt_error(p->report, opt_json(p->options, "format"), "csv prints any fields",
			  "text needs one string field; it gets: %s", fields);
		return false;
	}
	struct print_sink_conf *c = mem_get(p->mem, sizeof *c);
	p->conf = c;
	if (c) {
		c->format = row_format_find(opt_string(p->options, "format", "csv"));
		c->prefix = mem_string(p->mem, opt_string(p->options, "prefix", ""));
	}
	if (!c || !c->prefix || !row_names_make(&c->names, c->format, in, p->mem)) {
		opt_error(p->report, p->options, NULL, "no memory to plan it");
		return false;
	}
	p->state_version = 1;
	p->shows = true;
	p->buffer_bytes = BUFFERS * BUFFER_BYTES;
	return true;
}

static RC print_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct print_sink *s = self;
	(void)state;
	(void)len;
	s->conf = ctx->conf;
	rows_init(&s->rows, s->conf->format, &s->conf->names, s->conf->prefix, ctx->mem);
	for (int i = 0; i < BUFFERS; i++) {
		s->buffer[i].letter = (struct print_letter){
			.mail.kind = LETTER_PRINT, .reply = ctx->mail, .reply_kind = OP_LETTER + i,
			.stage = ctx->stage};
		s->buffer[i].data = mem_get_aligned(ctx->mem, 64, BUFFER_BYTES);
		if (!s->buffer[i].data)
			return ERR(e, E_NO_MEMORY, "no memory to print");
	}
	return OK;
}

static bool is_waiting(const struct print_sink *s)
{
	return s->buffer[0].out && s->buffer[1].out;
}

static void buffer_send(struct print_sink *s, struct op_ctx *ctx)
{
	struct print_letter *l = &s->buffer[s->fill].letter;
	l->data = s->buffer[s->fill].data;
	l->len = s->used;
	l->mail.kind = LETTER_PRINT;
	l->error = 0;
	s->taken += s->used;
	s->used = 0;
	s->buffer[s->fill].out = true;
	s->fill = (s->fill + 1) % BUFFERS;
	mailbox_put(ctx->control, &l->mail);
}

/* Lines are shown at once unless some are on their way; then they go together. */
static void buffer_send_if_alone(struct print_sink *s, struct op_ctx *ctx)
{
	if (s->used && !s->buffer[0].out && !s->buffer[1].out)
		buffer_send(s, ctx);
}

static enum op_result print_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct print_sink *s = self;
	for (bool all = false; !all;) {
		if (is_waiting(s)) {
			ctx->wake_at_us = UINT64_MAX;
			return OP_WAIT;
		}
		if (rows_fill(&s->rows, b, s->buffer[s->fill].data, BUFFER_BYTES, &s->used, &all,
			      &ctx->error) != OK)
			return OP_FAILED;
		if (!all)
			buffer_send(s, ctx);
	}
	buffer_send_if_alone(s, ctx);
	return OP_DONE;
}

/* Lines that could not be written are lost to nobody: the attempt fails, and its successor prints
 * them again. Where nobody reads any more there is none: that is not mended by trying. */
static enum op_result fail(struct print_sink *s, struct op_ctx *ctx, int error)
{
	s->failed = true;
	if (error == EPIPE)
		(void)!ERR(&ctx->error, E_PERMISSION, "standard output: broken pipe: nobody reads it");
	else
		(void)!err_errno(&ctx->error, error, "standard output");
	return OP_FAILED;
}

static enum op_result print_event(void *self, struct op_ctx *ctx, struct mail *m)
{
	struct print_sink *s = self;
	uint32_t i = (uint32_t)(m->kind - OP_LETTER);
	CHECK(i < BUFFERS && s->buffer[i].out);
	if (is_waiting(s))
		s->fill = i;
	s->buffer[i].out = false;
	if (s->buffer[i].letter.error)
		return fail(s, ctx, s->buffer[i].letter.error);
	if (s->failed)
		return OP_DONE;
	s->printed += s->buffer[i].letter.len;
	buffer_send_if_alone(s, ctx);
	return OP_DONE;
}

static enum op_result print_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct print_sink *s = self;
	(void)ctx;
	(void)o;
	s->owed = s->taken + s->used;
	return OP_DONE;
}

/* A checkpoint that waits while a newer one was begun waits for that one's lines too: never too
 * few. */
static enum op_result print_prepared(void *self, struct op_ctx *ctx, uint64_t checkpoint)
{
	const struct print_sink *s = self;
	(void)ctx;
	(void)checkpoint;
	return s->printed >= s->owed ? OP_DONE : OP_WAIT;
}

static bool print_busy(void *self, struct op_ctx *ctx)
{
	const struct print_sink *s = self;
	(void)ctx;
	return s->buffer[0].out || s->buffer[1].out;
}

static void print_close(void *self, struct op_ctx *ctx)
{
	struct print_sink *s = self;
	if (!s->conf)
		return; /* never opened */
	CHECK(!print_busy(s, ctx));
	for (int i = 0; i < BUFFERS; i++)
		mem_put(ctx->mem, s->buffer[i].data);
	rows_close(&s->rows);
}

const struct op_ops print_sink_ops = {
	.name = "print_sink",
	.summary = "lines on standard output; at-least-once across restarts",
	.role = OP_SINK,
	.self_size = sizeof(struct print_sink),
	.opts = print_sink_opts,
	.plan = print_plan,
	.conf_close = print_conf_close,
	.open = print_open,
	.batch = print_batch,
	.event = print_event,
	.snapshot = print_snapshot,
	.prepared = print_prepared,
	.busy = print_busy,
	.close = print_close,
};
