/* aligner.h - which inputs a gate holds back, and when a barrier has come from all of them.
 * Why apart from the gate: this is where small re-implementations hang or tear a snapshot, so it
 * is pure: marks in, answers out; no channel, no clock, no memory to get. COORDINATOR 9 to 13.
 *
 * Marks of one input come in ascending order of ids, so an input that shows a higher id will never
 * deliver a lower one. End of input is a mark like others: barriers still come after it.
 *
 * Invariants (aligner_check):
 *   1 an id is answered at most once: aligned, or one cancel to pass on
 *   2 answers come in ascending order of ids (a cancel that overtook a lower barrier would cancel
 *     that one downstream)
 *   3 exactly_once: at most one id runs; held = the inputs that delivered it
 *   4 not running and <= newest: over, its late marks are none
 * Threads: its task's. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define ALIGNER_INPUTS_MAX 1024 /* the largest parallelism times a few edges, by feel */
#define ALIGNER_IDS_MAX 16      /* ids counted side by side: max_concurrent is at most this */

struct aligner_id {
	uint64_t id;
	bool cancelled;     /* its cancel waits for lower ids to be answered (inv 2) */
	uint32_t delivered; /* how many bits of seen are set */
	uint32_t first_input;
	uint64_t first_us;
	uint64_t seen[ALIGNER_INPUTS_MAX / 64];
};

struct aligner {
	uint32_t inputs, ended;
	bool exactly_once;
	uint64_t newest;            /* the highest id a mark has shown */
	uint32_t ids, ids_max;
	struct aligner_id running[ALIGNER_IDS_MAX]; /* ascending */
	uint32_t aborts;
	uint64_t aborted[ALIGNER_IDS_MAX]; /* ascending: faster than their marks */
	uint64_t end_seen[ALIGNER_INPUTS_MAX / 64];
};

/* What one event led to, in this order: cancels_before of the cancels, the aligned, the rest. */
struct alignment {
	uint32_t cancels, cancels_before; /* equal in exactly_once: then no cancel comes after */
	uint64_t cancel[ALIGNER_IDS_MAX + 1]; /* ascending: pass these cancel marks on */
	uint64_t aligned;           /* every input delivered it: forward, freeze; 0: none */
	bool released;              /* inputs that were held no longer are */
	uint32_t first_input, last_input; /* of the aligned: the fastest, the slowest input */
	uint64_t first_us, last_us; /* its alignment lasted from first_us to last_us */
};

/* inputs 1..ALIGNER_INPUTS_MAX, max_concurrent 1..ALIGNER_IDS_MAX (read in at_least_once only).
 * after_id: ids up to this one are over, 0: none (the checkpoint restored). Nothing to close. */
void aligner_init(struct aligner *a, uint32_t inputs, bool exactly_once, uint32_t max_concurrent,
		  uint64_t after_id);
/* A barrier came on input (never one that is held, except a repetition of its own id). *out is
 * overwritten. id > 0. A second one for a running or finished id is none. */
void aligner_barrier(struct aligner *a, uint32_t input, uint64_t id, uint64_t now_us,
		     struct alignment *out);
/* A cancel mark came on input. */
void aligner_cancel(struct aligner *a, uint32_t input, uint64_t id, uint64_t now_us,
		    struct alignment *out);
/* The coordinator gave id up. If no mark of it has come yet, its first one will be answered by a
 * cancel to pass on: now it might overtake a lower barrier. */
void aligner_abort(struct aligner *a, uint64_t id, struct alignment *out);
/* End of input came. True: it was the last open input, the operator may finish. Again: false. */
bool aligner_end(struct aligner *a, uint32_t input);
bool aligner_is_ended(const struct aligner *a, uint32_t input);
/* Nothing may be taken from this input now. Always false in at_least_once. */
bool aligner_is_held(const struct aligner *a, uint32_t input);
/* For reports: writes up to n inputs that have not delivered the lowest running id; returns how
 * many they are in all. */
uint32_t aligner_missing(const struct aligner *a, uint32_t *inputs, uint32_t n);
/* CHECKs the invariants that can be seen from the struct. */
void aligner_check(const struct aligner *a);
