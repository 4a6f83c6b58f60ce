/* blackhole_sink.c - takes everything and keeps nothing but its number and, if asked, a checksum:
 *     {"type":"blackhole_sink","checksum":true,"latency_of":"created"}
 * Both are state, over the whole life of the job: after a kill and a restart they are what they
 * would have been without (inv 28). State, version 1: u64 records, u64 checksum, little-endian.
 * Subtask 0 goes on from the sum of all. The checksum: record_checksum.h. Latencies are a
 * measurement of this process and no state: latency.h. */
#include "operators/latency.h"
#include "operators/operators.h"
#include "runtime/record_checksum.h"
#include "operators/stage_expr.h"

#include "base/check.h"

#define STATE_BYTES 16

static const struct opt_def blackhole_sink_opts[] = {
	{"checksum", OPT_BOOL,
	 .help = "a checksum of all records, whatever their order, in the report"},
	{"latency_of", OPT_STRING,
	 .help = "a timestamp, when a record was made (created_as): latencies in the report"},
	{0},
};

struct blackhole_conf {
	bool checksum;
	uint32_t made;           /* the field with the creation time, with latency */
	struct latency *latency; /* of each subtask, its own to write; NULL: not asked for */
	uint32_t n_latency;
};

struct blackhole {
	uint64_t records;
};

static void blackhole_conf_close(void *conf, struct mem *mem)
{
	struct blackhole_conf *c = conf;
	if (!c)
		return;
	mem_put(mem, c->latency);
	mem_put(mem, c);
}

static bool plan_latency(struct op_plan *p, struct blackhole_conf *c)
{
	const struct json *at = opt_json(p->options, "latency_of");
	const char *name = opt_string(p->options, "latency_of", NULL);
	int field = name ? stage_field(p, at, name, p->in[0]) : -1;
	if (field < 0)
		return !name;
	if (p->in[0]->field[field].type != T_TIMESTAMP) {
		opt_error(p->report, at, "made by a generator's created_as, or by a cast to timestamp",
			  "a time is needed, but '%s' is %s", name,
			  type_name(p->in[0]->field[field].type));
		return false;
	}
	size_t size = p->parallelism * sizeof *c->latency;
	c->latency = mem_get_aligned(p->mem, 64, size);
	if (!c->latency)
		return stage_no_memory(p);
	memset(c->latency, 0, size);
	c->made = (uint32_t)field;
	c->n_latency = p->parallelism;
	p->latency = c->latency;
	return true;
}

static bool blackhole_plan(struct op_plan *p)
{
	struct blackhole_conf *c = p->conf = mem_get(p->mem, sizeof *c);
	if (!c)
		return stage_no_memory(p);
	c->checksum = opt_bool(p->options, "checksum", false);
	return plan_latency(p, c);
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
	const struct blackhole_conf *c = ctx->conf;
	CHECK(!c->latency || ctx->subtask < c->n_latency);
	ctx->checksum = 0;
	return add_state(state, len, &s->records, &ctx->checksum, e);
}

static enum op_result blackhole_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct blackhole *s = self;
	const struct blackhole_conf *c = ctx->conf;
	s->records += batch_count(b);
	ctx->kept.n += batch_count(b);
	if (ctx->audit)
		ctx->kept.hash += record_checksum(b);
	if (c->checksum)
		ctx->checksum += record_checksum(b);
	if (c->latency)
		latency_count(&c->latency[ctx->subtask], b, c->made, ctx->wall_us);
	return OP_DONE;
}

static enum op_result blackhole_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct blackhole *s = self;
	bytes_put_u64(&o->state, s->records);
	bytes_put_u64(&o->state, ctx->checksum);
	return OP_DONE;
}

static enum op_law blackhole_law(const void *conf)
{
	(void)conf;
	return OP_LAW_SINK;
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
	.law = blackhole_law,
};
