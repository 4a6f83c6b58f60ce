/* restore_choose.h - which way a checkpoint's keyed state comes into the tables: all of it before
 * the first record, by one thread a subtask or by several, or while records flow.
 * Why a choice at all: reading everything first verifies everything first, and is what nobody
 * notices as long as it is short; the lazy way begins at once at any size, and publishes nothing
 * until it has read as much.
 * Pure: facts in, a way and the reason for it out. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum restore_mode { RESTORE_EAGER, RESTORE_PARALLEL, RESTORE_LAZY };
const char *restore_mode_name(enum restore_mode m); /* "eager" */

#define RESTORE_WAIT_US 100000u  /* auto: what is worth more trouble, by feel: it is noticed */
#define RESTORE_FILES_MAX 256u   /* open at once for a lazy one, by feel: a quarter of 1,024 */
#define RESTORE_RUNS_MAX 64u     /* a merge of more costs demand too much, by feel */

struct restore_facts {
	bool automatic;          /* else `asked` is what the job says */
	enum restore_mode asked;
	uint64_t rows, bytes;    /* of all keyed runs, as they stand in the files */
	uint32_t subtasks;       /* with keyed state; at least 1 */
	uint32_t width;          /* threads that each may have (restore_width); at least 1 */
	uint32_t cores;          /* more threads than that do not help; at least 1 */
	uint32_t files, runs;    /* that hold them; runs: of one subtask at most */
	const char *early_sink;  /* a stage that shows records before they are committed; NULL: none */
	bool changed_plan;       /* a checkpoint is due before the first record */
	bool goes_back;          /* a rewind, or a fallback: not the newest checkpoint */
};

/* About how long reading everything first takes: what auto goes by, what `weir explain --against`
 * says, and what the recovery report shows beside the truth. Microseconds. */
uint64_t restore_estimate_us(const struct restore_facts *f);
/* why: for the recovery report, in words. */
enum restore_mode restore_choose(const struct restore_facts *f, char why[160]);
