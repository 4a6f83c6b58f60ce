/* evolve.h - what becomes of each stage's state when a checkpoint meets a job that was changed
 * since: restored, dropped, begun from nothing, or not fitting. One table that a start obeys, `weir
 * explain
 * --against` prints and a refusal quotes.
 * Pure: manifest and plan in, rows out. */
#pragma once
#include "checkpoint/manifest.h"
#include "jobs/plan.h"

enum fate_of_state {
	STATE_RESTORED, /* as it stands in the checkpoint; maybe there is none */
	STATE_EMPTY,    /* a stage that the checkpoint does not know: begins from nothing */
	STATE_DROPPED,  /* by name; or it had none, and its stage is gone */
	STATE_MISFIT,   /* cannot be the stage's, and was not dropped by name: the start is refused */
};
const char *fate_name(enum fate_of_state f); /* "restored" */

struct evolve_row {
	const char *stage;   /* borrowed from the plan or the manifest */
	enum fate_of_state fate;
	bool is_in_job;      /* DROPPED: the job has the stage, which begins from nothing */
	bool has_state;      /* the checkpoint holds some of it */
	bool keys_known;     /* keys are exact; else their number lies at or below rows */
	uint64_t keys, rows; /* of keyed state; rows: of all its runs */
	uint64_t bytes;      /* as they stand in files and manifest */
	uint32_t files;      /* in parts/ that hold some of it */
	char why[320];       /* of a MISFIT: all reasons; else what there is to say, or "" */
};

struct evolution {
	struct evolve_row *row; /* stages of the checkpoint in its order, then those only the job has */
	uint32_t n, misfits;
	struct mem *mem;
};

/* drops: ids of stages whose state is not wanted. E_INVALID: one that the checkpoint has no state
 * of (the text names those it has); E_NO_MEMORY. */
RC evolve(struct evolution *ev, const struct plan *p, const struct manifest *m,
	  const char *const *drops, uint32_t n_drops, struct mem *mem, struct err *e);
void evolution_close(struct evolution *ev); /* legal on the empty value */
/* E_REFUSED with every reason when something does not fit. */
RC evolution_check(const struct evolution *ev, const struct manifest *m, struct err *e);

/* figures.keys of a manifest without some stages, where it is not known how many were theirs. */
#define EVOLVE_KEYS_UNKNOWN UINT64_MAX
/* `from` as it would be without the state of these stages: what their start goes on from. Its
 * intents stay: what was prepared is settled whoever keeps its state. to is closed on error. */
RC evolve_without(struct manifest *to, const struct manifest *from, const char *const *drops,
		  uint32_t n_drops, struct mem *mem, struct err *e);
