/* snap.h - one subtask's part of one checkpoint, on its way: made by the task at the barrier,
 * filled by the task and the packing lane, sent to the control thread as the acknowledgement.
 * Owner: the task until its letter is put, then the control thread, which closes it.
 * The lane writes `run` and `error` between the first pack job and the last one's letter; the task
 * reads them after it. */
#pragma once
#include "checkpoint/section.h"
#include "runtime/channel.h"
#include "runtime/mailbox.h"
#include "state/keyed.h"

struct snap_run {
	struct section_ref ref; /* .file is not set */
	bool delta;
};

/* What an acknowledgement says beyond "done": times are microseconds. */
struct snap_figures {
	uint64_t barrier_us, align_us, frozen_us, encoded_us, packed_us, done_us, sync_us_max;
	uint64_t keys_changed, keys, state_bytes;
};

struct snap {
	struct mail mail;           /* LETTER_ACK to the control thread */
	struct mem *mem;
	uint32_t task;              /* the task's number in the job */
	uint64_t attempt;
	struct barrier barrier;
	bool ended;                 /* the task's input has ended, and all was flushed */
	bool aborted;               /* given up meanwhile: nothing in it counts but the memory */
	bool full;                  /* the runs replace the chain */
	struct section head;        /* for its keyed sections */
	struct snap_run *run;       /* in chain order: later ones above */
	uint32_t n_runs;
	struct bytes state;         /* the operator's own */
	struct bytes intents;
	struct snap_figures figures;
	enum rc rc;                 /* not OK: declined */
	struct err error;
};

struct snap *snap_open(struct mem *mem, const struct barrier *b); /* NULL: no memory */
void snap_close(struct snap *s); /* legal on NULL */
