/* pace.h - so many records a second: when a source may hand over how many.
 * Record k (from 0) is due k / rate after the first one. Whenever the source looks, all that are
 * due go out; but between two looks lies a gap of at least 20 us, so that a rate of millions is not
 * a wake-up for each record. So a record waits for its group at most that long, and at low rates
 * each goes when it is due. Where the machine is so busy that the source comes late again and
 * again, the gap grows, up to 20 ms: many paced jobs on few cores would else spend them on waking
 * up. Pure: the time comes in.
 * Why doubles: rates are fractions, and at 1e12 rows 53 bits still count single rows. */
#pragma once
#include "runtime/column.h"

struct pace {
	bool begun;
	uint64_t from_us;
	uint64_t sent;
	uint64_t asked_us; /* of the last call */
	uint64_t hold_us;  /* nothing goes out before */
	uint64_t wake_us;  /* what the last call asked for; 0: nothing */
	double late_us;    /* how late such calls come, on the average */
};

/* How many records may go out now, at most BATCH_ROWS; 0: none before *wake_at_us (after now_us).
 * share: records a second, positive. At most a second's worth is made up for after a stop. */
uint32_t pace_room(struct pace *p, double share, uint64_t now_us, uint64_t *wake_at_us);
/* So many, of those that might, were handed over. */
void pace_sent(struct pace *p, uint32_t records);
/* When the record after `ahead` more is due, in microseconds of the clock of now_us. */
static inline double pace_due_us(const struct pace *p, double share, uint32_t ahead)
{
	return (double)p->from_us + ((double)p->sent + ahead) * 1e6 / share;
}
