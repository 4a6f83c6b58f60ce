/* checkpoint_text.h - checkpoints as a table, one in detail, and both as JSON. */
#pragma once
#include "base/env.h"
#include "checkpoint/listing.h"
#include "checkpoint/verify.h"
#include "cli/paint.h"
#include "cli/timeline_text.h"

struct shown_checkpoint {
	uint64_t slot;
	const struct manifest *m; /* NULL: its manifest cannot be read */
	bool live;                /* the newest manifest lists it */
	bool pinned;              /* it says so (`weir pin`, or a savepoint on its way) */
	bool intact, bad;         /* bad: corrupt or missing, for certain */
	bool unreadable;          /* reading failed, which is no verdict */
	struct verify_result verified;
	char why[ERR_TEXT_MAX];   /* when it is not intact */
};

/* older: so many more are kept. */
void checkpoints_print_table(const struct paint *p, struct env *env, const char *dir,
			     const struct shown_checkpoint *s, size_t n, size_t older, bool json);
/* t: its timeline; NULL: none is known (any more). */
void checkpoint_print_one(const struct paint *p, struct env *env, const char *dir,
			  const struct shown_checkpoint *s, const struct timeline *t, bool json);
