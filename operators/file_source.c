/* file_source.c - reads lines of files, each once: {"type":"file_source","path":"words.txt"}.
 * A file, a folder or a glob is cut into splits (splits.h), which are state; blocks are read ahead
 * on the bytes lane; lines are views into the blocks. A snapshot records the line after the last
 * one emitted, never a half-parsed block. Files are append-only or immutable: what is behind the
 * size they had at the beginning is not read, any other change is an error that says where. */
#include "operators/file_source.h"

#include "base/check.h"
#include "base/planted.h"
#include "operators/file_listing.h"
#include "operators/operators.h"

static const struct opt_def file_source_opts[] = {
	{"path", OPT_STRING | OPT_PATH, .required = true,
	 .help = "a file, a folder (its files) or a glob"},
	{"format", OPT_STRING, .one_of = "text", .later = "csv jsonl",
	 .help = "what the files hold; text: one field `line` a line"},
	{"rate", OPT_REAL, .help = "lines a second, all subtasks together; absent: no limit"},
	{0},
};

static void source_conf_close(void *conf, struct mem *mem)
{
	struct file_source_conf *c = conf;
	if (!c)
		return;
	mem_put(mem, c->path);
	mem_put(mem, c->base_dir);
	mem_put(mem, c);
}

static bool options_check(const struct op_plan *p, const char *path, double rate)
{
	unsigned before = p->report->errors;
	bool bad;
	path_is_glob(path, &bad);
	if (bad)
		opt_error(p->report, opt_json(p->options, "path"), "like data/*.txt",
			  "wild cards stand in the last part of a path only");
	if (opt_has(p->options, "rate") && !(rate > 0 && rate <= 1e12))
		opt_error(p->report, opt_json(p->options, "rate"), "leave it out for no limit",
			  "rate is a positive number of lines a second");
	return p->report->errors == before;
}

static bool source_plan(struct op_plan *p)
{
	const char *path = opt_string(p->options, "path", "");
	double rate = opt_real(p->options, "rate", 0);
	struct err e = {OK};
	if (!options_check(p, path, rate))
		return false;
	struct file_source_conf *c = mem_get(p->mem, sizeof *c);
	p->conf = c;
	if (c) {
		c->path = mem_string(p->mem, path);
		c->base_dir = mem_string(p->mem, p->base_dir ? p->base_dir : "");
		c->rate = rate;
	}
	if (!c || !c->path || !c->base_dir ||
	    schema_add(&p->out, "line", T_STRING, false, &e) != OK) {
		opt_error(p->report, p->options, NULL, "no memory to plan it");
		return false;
	}
	p->bounded = true;
	p->state_version = SPLITS_VERSION;
	p->path = c->path;
	return true;
}

static RC source_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct file_source *s = self;
	s->conf = ctx->conf;
	file_reader_init(&s->reader);
	for (int i = 0; i < READS; i++)
		file_read_init(&s->ahead[i].read, &s->reader, OP_LETTER + i, ctx->mail);
	uint64_t limit = ctx->record_limit_bytes;
	s->lines.simd = simd_have();
	s->lines.limit = limit && limit < LINE_LIMIT_MAX ? (uint32_t)limit : LINE_LIMIT_MAX;
	splits_init(&s->left, ctx->mem, ctx->max_parallelism);
	if (splits_decode(&s->left, state, len, e) != OK)
		return e->code;
	if (splits_settle(&s->left, e) != OK)
		return e->code;
	s->done = ctx->work_done = s->left.total - splits_left(&s->left);
	ctx->work_total = s->left.total;
	return OK;
}

/* Positions as of the last line emitted. The run that is being cut shrinks to what is left of it;
 * the bytes before its next line are in the text still (file_source_cut.c keeps them), or they were
 * hashed in time. A line that is being left out is met again after a restore. */
static enum op_result source_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct file_source *s = self;
	(void)ctx;
	bool left_out = s->left_out.is;
	bool reached = s->at < s->left.n_runs && s->text && (!s->skipping || left_out);
	uint64_t next = left_out ? s->left_out.at : reached ? file_source_next(s) : 0;
	next += reached && PLANTED(offset_off_by_one);
	struct split_run *r = reached ? &s->left.run[s->at] : NULL;
	struct split_run before = {0};
	if (reached && next != run_begin(&s->left, r)) {
		const struct split_file *f = &s->left.file[r->file];
		before = *r;
		r->first = split_at(f->bound, f->splits, next);
		bool at_start = split_start(f->bound, f->splits, r->first) == next;
		r->next = at_start ? 0 : next;
		if (!at_start)
			r->tail = left_out ? s->left_out.tail : file_source_tail(s, next);
	}
	splits_encode(&s->left, s->at + (reached && PLANTED(offset_from_stat)), &o->state);
	if (before.end)
		*r = before;
	return OP_DONE;
}

static bool source_busy(void *self, struct op_ctx *ctx)
{
	struct file_source *s = self;
	(void)ctx;
	for (int i = 0; i < READS; i++)
		if (s->ahead[i].state == READ_OUT)
			return true;
	return false;
}

static void source_close(void *self, struct op_ctx *ctx)
{
	struct file_source *s = self;
	if (!s->conf)
		return; /* never opened */
	CHECK(!source_busy(s, ctx));
	for (int i = 0; i < READS; i++)
		text_drop(s->ahead[i].read.text);
	text_drop(s->text);
	text_drop(s->before.text);
	file_reader_close(&s->reader);
	splits_close(&s->left);
}

const struct op_ops file_source_ops = {
	.name = "file_source",
	.summary = "lines of files, each once",
	.role = OP_SOURCE,
	.self_size = sizeof(struct file_source),
	.opts = file_source_opts,
	.plan = source_plan,
	.conf_close = source_conf_close,
	.begin = file_source_begin,
	.open = source_open,
	.produce = file_source_produce,
	.event = file_source_event,
	.snapshot = source_snapshot,
	.busy = source_busy,
	.close = source_close,
};
