/* torture_strike.c - see torture_strike.h. */
#include "cli/torture_strike.h"

#include "base/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In [1, most], small ones as likely as large ones: each power of two is. */
static uint64_t small_or_large(struct rng *r, uint64_t most)
{
	uint64_t bits = 0;
	while (most >> bits > 1)
		bits++;
	uint64_t top = UINT64_C(1) << rng_below(r, bits + 1);
	uint64_t n = top + rng_below(r, top);
	return n > most ? most : n;
}

/* An operation that the undisturbed run had, mostly one of those that make something durable. */
static enum fs_op operation(struct rng *r, const struct strike_facts *f)
{
	static const enum fs_op often[] = {FS_OP_LINK, FS_OP_RENAME, FS_OP_SYNC, FS_OP_SYNC_DIR,
					   FS_OP_UNLINK, FS_OP_WRITE, FS_OP_OPEN};
	for (int tries = 0; tries < 20; tries++) {
		enum fs_op op = rng_below(r, 4) ? often[rng_below(r, ARRAY_LEN(often))]
						: (enum fs_op)rng_below(r, FS_OPS);
		if (f->ops[op])
			return op;
	}
	return FS_OP_ANY;
}

static struct fs_fault_plan fault(struct rng *r, const struct strike_facts *f, bool dies)
{
	static const enum fs_fault_how ways[] = {FS_FAULT_DIE_BEFORE, FS_FAULT_DIE_AFTER,
						 FS_FAULT_DIE_TORN};
	struct fs_fault_plan p = {.how = FS_FAULT_FAIL, .op = operation(r, f)};
	if (dies)
		p.how = ways[rng_below(r, ARRAY_LEN(ways))];
	if (p.how == FS_FAULT_DIE_TORN)
		p.op = FS_OP_WRITE;
	p.at = small_or_large(r, f->ops[p.op] ? f->ops[p.op] : 1);
	if (dies)
		return p;
	p.errnum = rng_below(r, 2) ? EIO : ENOSPC;
	p.times = rng_below(r, 3) ? 1 : small_or_large(r, 30); /* a disk may be full for a while */
	return p;
}

struct strike strike_choose(struct rng *r, const struct strike_facts *f)
{
	uint64_t dice = rng_below(r, 100);
	struct strike s = {0};
	if (dice < 20) {
		s.kind = STRIKE_TIME;
		s.after_us = rng_below(r, f->took_us + f->took_us / 4 + 1000);
	} else if (dice < 45) {
		s.kind = STRIKE_CHECKPOINT;
		s.checkpoint = 1 + (unsigned)rng_below(r, 4);
		/* at once, while it is committed and swept; or at any time up to the next one */
		s.after_us = rng_below(r, rng_below(r, 2) ? 2000 : f->interval_us + 1);
	} else {
		s.kind = STRIKE_FAULT;
		s.fault = fault(r, f, dice < 85);
	}
	return s;
}

static const char *which(uint64_t n, char to[24])
{
	static const char *const ends[] = {"th", "st", "nd", "rd"};
	unsigned last = n % 10 > 3 || (n % 100 > 10 && n % 100 < 14) ? 0 : (unsigned)(n % 10);
	snprintf(to, 24, "%" PRIu64 "%s", n, ends[last]);
	return to;
}

const char *strike_text(const struct strike *s, char to[STRIKE_TEXT])
{
	char n[24];
	const struct fs_fault_plan *p = &s->fault;
	const char *op = p->op == FS_OP_ANY ? "file operation" : fs_op_name(p->op);
	switch (s->kind) {
	case STRIKE_NONE:
		snprintf(to, STRIKE_TEXT, "left alone");
		break;
	case STRIKE_TIME:
		snprintf(to, STRIKE_TEXT, "kill -9 after %.1f ms", (double)s->after_us / 1e3);
		break;
	case STRIKE_CHECKPOINT:
		snprintf(to, STRIKE_TEXT, "kill -9 %.1f ms after its %s checkpoint",
			 (double)s->after_us / 1e3, which(s->checkpoint, n));
		break;
	case STRIKE_FAULT:
		if (p->how == FS_FAULT_FAIL)
			snprintf(to, STRIKE_TEXT, "%s at its %s %s%s", strerror(p->errnum), which(p->at, n), op,
				 p->times > 1 ? " and some that follow" : "");
		else
			snprintf(to, STRIKE_TEXT, "killed %s its %s %s",
				 p->how == FS_FAULT_DIE_AFTER    ? "right after"
				 : p->how == FS_FAULT_DIE_BEFORE ? "right before"
								 : "in the middle of",
				 which(p->at, n), op);
		break;
	}
	return to;
}
