/* torture_strike.h - where the next start of a tortured job is struck. Pure: a seed in, a strike
 * out.
 * Why so many kinds: a signal at any moment meets what takes long, an operation what is short: the
 * link that publishes, the rename that commits, the first read of a restore. */
#pragma once
#include "base/fs_fault.h"
#include "base/rng.h"

enum strike_kind {
	STRIKE_NONE,       /* it runs to its end */
	STRIKE_TIME,       /* SIGKILL so long after its start */
	STRIKE_CHECKPOINT, /* SIGKILL so long after its n-th checkpoint was told */
	STRIKE_FAULT,      /* dies or fails at an operation */
};

struct strike {
	enum strike_kind kind;
	uint64_t after_us;
	unsigned checkpoint; /* the n-th, from 1 */
	struct fs_fault_plan fault;
};

/* What an undisturbed run was like. */
struct strike_facts {
	uint64_t took_us;       /* from its start to its end */
	uint64_t interval_us;   /* between its checkpoints */
	uint64_t ops[FS_OPS];
};

struct strike strike_choose(struct rng *r, const struct strike_facts *f);
/* "killed after the 3rd rename", as people read it; to has STRIKE_TEXT bytes. */
#define STRIKE_TEXT 160
const char *strike_text(const struct strike *s, char to[STRIKE_TEXT]);
