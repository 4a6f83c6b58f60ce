/* snap.h - one subtask's part of one checkpoint, on its way: made by the task at the barrier,
 * filled by the task and the packing lane, sent to the control thread as the acknowledgement.
 * Owner: the task until its letter is put, then the control thread, which closes it.
 * The lane writes `run` and `error` between the first pack job and the last one's letter; the task
 * reads them after it. */
#pragma once
#include "checkpoint/section.h"
#include "runtime/channel.h"
#include "runtime/counts.h"
#include "runtime/mailbox.h"
#include "state/keyed.h"

struct snap_run {
	struct section_ref ref; /* .file is not set */
	bool delta;
};

/* What an acknowledgement says beyond "done". */
struct snap_figures {
	uint64_t sync_us_max; /* CPU time, see sync_meter.h */
	uint64_t keys_changed, keys, state_bytes;
};

/* Its way as instants of the monotonic clock, microseconds, in this order; 0: does not apply. */
struct snap_spans {
	uint64_t triggered_us; /* the control thread asked for it (set there) */
	uint64_t first_us;     /* the first input delivered the barrier; a source took the trigger */
	uint64_t aligned_us;   /* the last one did; prepare() follows */
	uint64_t frozen_us;    /* passed on, keyed state frozen, the operator's own taken */
	uint64_t sliced_us;    /* keyed: the first slice began */
	uint64_t encoded_us;   /* keyed: the last one ended */
	uint64_t packed_us;    /* keyed: its sections are in the part */
	uint64_t prepared_us;  /* the operator's pieces are written and synced */
	uint64_t acked_us;     /* the acknowledgement was put */
	uint32_t first_input, last_input; /* number of the fastest and the slowest input channel */
};

struct snap {
	struct mail mail;           /* LETTER_ACK to the control thread */
	struct mail frozen_mail;    /* LETTER_FROZEN, put before mail or not at all: who takes it may
	                             * read task, attempt and barrier.id, and owns nothing */
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
	struct snap_spans spans;
	struct snap_counts counts;
	struct keyed_totals totals; /* of the keyed state as frozen */
	enum rc rc;                 /* not OK: declined */
	struct err error;
};

struct snap *snap_open(struct mem *mem, const struct barrier *b); /* NULL: no memory */
/* Room for so many counts, all zero. False: no memory. */
bool snap_count_room(struct snap *s, uint32_t n_sent, uint32_t n_received);
void snap_close(struct snap *s); /* legal on NULL */
