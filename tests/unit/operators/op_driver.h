/* op_driver.h - one subtask of an operator, driven by hand: no task, no channel, no thread. A test
 * says which lane steps and when the operator is called; what it emits goes to a function of the
 * test. An operator that emits is compiled into its test, with op_emit renamed to op_driver_emit.
 * */
#pragma once
#include "base/check.h"
#include "base/fs_sim.h"
#include "runtime/batch.h"
#include "runtime/operator.h"
#include "tests/lib/test.h"

#include <stdlib.h>

struct op_driver {
	const struct op_ops *ops;
	struct op_ctx ctx;
	void *self;
	struct mailbox mail, control;
	struct mem *mem;
	void (*emit)(struct op_driver *d, const struct batch *b);
	void *user;
	bool failed;
};

void op_driver_emit(struct op_ctx *ctx, struct batch **b);

/* Everything but the operator. ctx's fixed fields may be changed before driver_start. */
static inline void driver_init(struct op_driver *d, const struct op_ops *ops, const void *conf,
			       struct ioqueue *io, struct mem *mem)
{
	struct err e = {OK};
	*d = (struct op_driver){.ops = ops, .mem = mem};
	mailbox_init(&d->mail, NULL);
	mailbox_init(&d->control, NULL);
	d->ctx = (struct op_ctx){.stage = "stage", .parallelism = 1, .max_parallelism = 8, .conf = conf,
				 .record_limit_bytes = 1 << 20, .epoch = 3, .attempt = 1,
				 .lineage = 0xabcd1234, .uuid = "the-uuid", .mem = mem, .io = io,
				 .mail = &d->mail, .control = &d->control, .now_us = 1000};
	if (pool_open(&d->ctx.pool, mem, &e) != OK)
		d->ctx.pool = NULL;
	d->self = calloc(1, ops->self_size);
	d->ctx.task = d;
}

static inline enum rc driver_start(struct op_driver *d, const struct bytes *state, struct err *e)
{
	if (!d->ctx.pool)
		return ERR(e, E_NO_MEMORY, "no pool");
	return d->ops->open(d->self, &d->ctx, state ? state->data : NULL, state ? state->len : 0, e);
}

/* Delivers letters. */
static inline void driver_letters(struct op_driver *d)
{
	for (struct mail *m = mailbox_take_all(&d->mail), *next; m; m = next) {
		next = m->next;
		if (d->ops->event(d->self, &d->ctx, m) == OP_FAILED)
			d->failed = true;
	}
}

static inline void drain(struct ioqueue *io)
{
	while (!ioqueue_is_idle(io)) {
		ioqueue_step(io, LANE_BYTES);
		ioqueue_step(io, LANE_DURABILITY);
	}
}

/* Ends it as a task does: letters until it is not busy, then close. */
static inline void driver_close(struct op_driver *d)
{
	if (!d->self)
		return;
	if (d->ctx.io)
		drain(d->ctx.io);
	driver_letters(d);
	if (d->ops->busy) {
		/* events may have submitted more */
		while (d->ops->busy(d->self, &d->ctx)) {
			drain(d->ctx.io);
			driver_letters(d);
		}
	}
	d->ops->close(d->self, &d->ctx);
	free(d->self);
	d->self = NULL;
	pool_close(d->ctx.pool);
}

/* A planned stage. */
struct planned {
	struct json_doc *doc;
	struct op_plan plan;
	struct opt_report_err report;
	const struct op_ops *ops;
};
static inline bool plan_stage(struct planned *p, const struct op_ops *ops, const char *options,
			      const struct schema *in, struct mem *mem, struct err *e)
{
	memset(p, 0, sizeof *p);
	p->ops = ops;
	if (json_parse(&p->doc, options, strlen(options), mem, NULL, e) != OK)
		return false;
	p->plan = (struct op_plan){.mem = mem, .stage = "stage", .options = json_root(p->doc),
				   .report = opt_report_to_err(&p->report, e), .base_dir = "",
				   .n_in = in ? 1 : 0, .in = {in}, .parallelism = 1,
				   .max_parallelism = 8, .record_limit_bytes = 1 << 20};
	return opt_check(ops->opts, p->plan.options, NULL, NULL, p->plan.report) &&
	       ops->plan(&p->plan);
}
static inline void plan_close(struct planned *p, struct mem *mem)
{
	if (p->ops && p->ops->conf_close)
		p->ops->conf_close(p->plan.conf, mem);
	json_close(p->doc);
}

/* ---- a disk ---- */

static inline void file_make(struct fs *fs, const char *path, const void *data, size_t len)
{
	struct err e = {OK};
	EXPECT_OK(fs_write_new(fs, path, data, len, &e), &e);
}
