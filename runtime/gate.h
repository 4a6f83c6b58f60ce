/* gate.h - a task's n input channels as one.
 * Why: the operator sees one stream of batches and, now and then, one barrier; which input is held
 * until the others have caught up is decided here (aligner.h, pure) and seen nowhere else.
 * Takes turns among the inputs that are not held, one batch each, so none starves.
 * Owns: nothing; borrows the channels. Threads: its task's. */
#pragma once
#include "runtime/aligner.h"
#include "runtime/channel.h"

struct gate {
	struct channel **in; /* borrowed */
	uint32_t n, turn;
	struct aligner aligner;
	struct alignment answer; /* being handed out */
	uint32_t cancels_given;
	/* Base and options of the barriers seen last: with inputs that do not wait, several are under
	 * way, and the older ones are handed out after the newer ones were seen. */
	struct barrier seen[ALIGNER_IDS_MAX];
	uint32_t input;          /* of the batch handed out last */
	uint64_t first_us, last_us; /* of the barrier handed out last: its alignment, */
	uint32_t first_input, last_input; /* and who came first, and for whom was waited */
};

enum gate_got {
	GATE_NOTHING,  /* every open input is empty or held */
	GATE_BATCH,    /* *it is a batch; the caller's */
	GATE_BARRIER,  /* *it is the barrier, aligned */
	GATE_CANCEL,   /* *it is a cancel mark to pass on */
	GATE_END,      /* every input has ended; once. Barriers may still follow */
	GATE_MARK,     /* something was consumed that leads to nothing: call again */
};

void gate_init(struct gate *g, struct channel **in, uint32_t n, bool exactly_once,
	       uint64_t after_id);
enum gate_got gate_next(struct gate *g, uint64_t now_us, struct item *it);
/* Which input the batch came from that was handed out last. */
static inline uint32_t gate_input(const struct gate *g)
{
	return g->input;
}
/* Before the task waits or goes idle: wakes the pushers that are owed it. */
void gate_settle(struct gate *g);
/* The coordinator gave id up: held inputs are released; cancels to pass on come from gate_next. */
void gate_abort(struct gate *g, uint64_t id);
