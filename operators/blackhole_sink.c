/* blackhole_sink.c - takes everything and keeps nothing but its number and, if asked, a checksum:
 *     {"type":"blackhole_sink","checksum":true}
 * Both are state, over the whole life of the job: after a kill and a restart they are what they
 * would have been without (inv 28). State, version 1: u64 records, u64 checksum, little-endian.
 * Subtask 0 goes on from the sum of all. The checksum: record_checksum.h. */
#include "operators/operators.h"
#include "operators/record_checksum.h"

#define STATE_BYTES 16

static const struct opt_def blackhole_sink_opts[] = {
	{"checksum", OPT_BOOL,
	 .help = "a checksum of all records, whatever their order, in the report"},
	{"latency_of", OPT_LATER, .help = "a field with the creation time: a histogram of latencies"},
	{0},
};

struct blackhole_conf {
	bool checksum;
};

struct blackhole {
	uint64_t records;
};

static void blackhole_conf_close(void *conf, struct mem *mem)
{
	mem_put(mem, conf);
}

static bool blackhole_plan(struct op_plan *p)
{
	struct blackhole_conf *c = p->conf = mem_get(p->mem, sizeof *c);
	if (!c) {
		opt_error(p->report, p->options, NULL, "no memory to plan it");
		return false;
	}
	c->checksum = opt_bool(p->options, "checksum", false);
	return true;
}

static RC add_state(const void *state, size_t len, uint64_t *records, uint64_t *checksum,
		    struct err *e)
{
	struct reader r = reader_of(state, len);
	*records += reader_u64(&r);
	*checksum += reader_u64(&r);
	if (r.failed || reader_left(&r))
		return ERR(e, E_CORRUPT, "a count of %zu bytes; it has %d", len, STATE_BYTES);
	return OK;
}

static RC blackhole_begin(const void *conf, struct op_begin *b, struct err *e)
{
	uint64_t records = 0, checksum = 0;
	(void)conf;
	for (uint32_t i = 0; b->restored && i < b->n_old; i++)
		if (add_state(b->old[i].data, b->old[i].len, &records, &checksum, e) != OK)
			return e->code;
	for (uint32_t i = 0; i < b->parallelism; i++) {
		bytes_put_u64(&b->fresh[i], i ? 0 : records);
		bytes_put_u64(&b->fresh[i], i ? 0 : checksum);
		if (!bytes_ok(&b->fresh[i]))
			return ERR(e, E_NO_MEMORY, "no memory for a count");
	}
	return OK;
}

static RC blackhole_open(void *self, struct op_ctx *ctx, const void *state, size_t len,
			 struct err *e)
{
	struct blackhole *s = self;
	ctx->checksum = 0;
	return add_state(state, len, &s->records, &ctx->checksum, e);
}

static enum op_result blackhole_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct blackhole *s = self;
	const struct blackhole_conf *c = ctx->conf;
	s->records += batch_count(b);
	if (c->checksum)
		ctx->checksum += record_checksum(b);
	return OP_DONE;
}

static enum op_result blackhole_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct blackhole *s = self;
	bytes_put_u64(&o->state, s->records);
	bytes_put_u64(&o->state, ctx->checksum);
	return OP_DONE;
}

const struct op_ops blackhole_sink_ops = {
	.name = "blackhole_sink",
	.summary = "counts records and drops them",
	.role = OP_SINK,
	.self_size = sizeof(struct blackhole),
	.opts = blackhole_sink_opts,
	.plan = blackhole_plan,
	.conf_close = blackhole_conf_close,
	.begin = blackhole_begin,
	.open = blackhole_open,
	.batch = blackhole_batch,
	.snapshot = blackhole_snapshot,
};
