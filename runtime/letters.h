/* letters.h - every kind of letter between tasks and the control thread, in one place. */
#pragma once
#include "runtime/channel.h"
#include "runtime/mailbox.h"

enum letter_kind {
	/* control -> task: struct task_letter, allocated by the sender, freed by the task */
	LETTER_TRIGGER = 1, /* sources: inject this barrier */
	LETTER_RELEASE,     /* sources: the initial checkpoint is published, read on */
	LETTER_ABORT,       /* barrier.id was given up */
	LETTER_COMMITTED,   /* barrier.id is durable and its intents are settled */
	LETTER_CHAIN,       /* chain_rows, chain_runs: how long the published chain is */
	LETTER_DRAIN,       /* sources: that is the end of the input, as if there were no more */
	LETTER_RESTORED,    /* the restore of barrier.id is confirmed; old_parallelism */
	LETTER_CLOSE,       /* end: finish what is under way, close the operator, say CLOSED */
	LETTER_LOOKUP,      /* struct lookup, the asker's: a key's value is wanted, and that back */
	/* lane -> task */
	LETTER_PACKED,      /* struct pack_done */
	LETTER_STRETCH,     /* rows of a lazy restore, or why there are none */
	/* task -> control */
	LETTER_ACK = 100,   /* struct snap: the control thread's now */
	LETTER_ENDED,       /* struct task_report: end of input, all flushed and passed on */
	LETTER_FAILED,      /* struct task_report: rc and error */
	LETTER_CLOSED,      /* struct task_report */
	LETTER_SKIPPED,     /* struct task_report: the first record it left out, and why */
	LETTER_FROZEN,      /* struct snap's frozen_mail, not the receiver's: all of its state is
	                     * encoded, a later barrier may come. Not sent where LETTER_ACK, which
	                     * says as much, follows at once, nor once it was given up */
	LETTER_LOADED,      /* struct task_report: a lazy restore has all of its state, verified */
	LETTER_PASSED,      /* struct task_report: a record has passed that a tap waits for (tap.h) */
	/* lanes -> control: the control thread's own jobs */
	LETTER_JOB = 200,
};

struct task_letter {
	struct mail mail;
	struct barrier barrier;
	uint64_t chain_rows;
	uint32_t chain_runs;
	uint32_t old_parallelism;
};

/* From a task to the control thread. Embedded in the task: each kind is sent once at most,
 * LETTER_PASSED again when its tap was rearmed. */
struct task_report {
	struct mail mail;
	uint32_t task;
	uint64_t attempt;
	enum rc rc;
	struct err error;
};
