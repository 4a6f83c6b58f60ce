/* lookup.h - one key of a task's keyed state, looked up by the task itself, for somebody outside: a
 * letter to the task, and the same letter back.
 * Why a letter: the state has one owner, and what nobody asks for costs nothing.
 *
 *   asker ──LETTER_LOOKUP──> task, between two batches: found | absent | ended
 *         <────── kind ───── at once; while a lazy restore has not read the key's stretch: when it
 *                            has, which is hurried on
 *
 * Inv: a task that is stepped gives each back exactly once. One that was put to a task which is
 * closed does not come back: after task_close its memory is the asker's again.
 * Owns: nothing. Threads: the asker's until it is put, the task's until it is back. */
#pragma once
#include "runtime/mailbox.h"

enum lookup_said {
	LOOKUP_FOUND,
	LOOKUP_ABSENT, /* there is no such key */
	LOOKUP_ENDED,  /* the task has failed, or is being closed */
};

struct lookup {
	struct mail mail;         /* kind LETTER_LOOKUP; back: `kind` */
	struct mailbox *reply;
	int kind;
	uint64_t hash;            /* in the task's own range (CHECKed) */
	const uint8_t *key;       /* canonical bytes (keys.h); borrowed until it is back */
	uint32_t len;
	/* back: */
	enum lookup_said said;
	uint64_t value[2];        /* value_bytes of them */
	uint64_t records;         /* that this attempt's subtask had worked on */
	uint64_t barrier;         /* the newest it had passed, or what it was restored from; 0: none */
	uint64_t at_us;           /* when, on the monotonic clock */
};
