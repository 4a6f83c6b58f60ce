/* inspect_dir_in.h - what inspect_dir.c (the log, checkpoints) and inspect_around.c (what stands
 * beside them) share. Not for others. */
#pragma once
#include "checkpoint/slots.h"
#include "runtime/inspect_dir.h"

/* What a slot holds, as far as the others depend on it. */
struct slot_fact {
	uint64_t slot, id, epoch;
	enum rc rc; /* OK: its manifest can be read */
	bool fence, live, quarantined;
};

/* One log and what stands around it. */
struct look {
	struct env *env;
	const char *dir;
	const char *prefix;  /* of it, below the job's directory: "" or "savepoints/NAME/" */
	const struct dir_listener *to;
	struct dir_result *out;
	struct check_seen *seen;
	struct manifest top; /* the newest that can be read; slot 0: none */
	bool top_reads;      /* and no newer one stands above it */
	struct slot_fact *fact; /* ascending */
	size_t n;
	struct bytes named;  /* files in parts/ that a manifest names: NUL-terminated, any order */
	struct err *e;       /* set: without memory nothing goes on */
};

void look_fault(struct look *k, enum fault_kind kind, const char *file, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void look_note(struct look *k, const char *file, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether the log has other slots on top than when it was listed: an owner is at work, and what
 * depends on the top says nothing. True where that cannot be seen. */
bool look_moved(struct look *k);
/* What sinks prepared for m: pending or committed, and what was written. */
RC look_pieces(struct look *k, const struct manifest *m, bool newest, bool *torn);
/* The audit's ledgers that m, the newest checkpoint, names. */
RC look_ledgers(struct look *k, const struct manifest *m);
/* job.json; names nobody knows; files nobody names. */
RC look_around(struct look *k);
