/* changes.pml - what an incremental checkpoint must hold: the keys changed since its base, as they
 * were at its barrier, whatever is changed while it is written, and whatever became of those before
 * it. Several are in writing at once; each is published or given up, in any order; the process dies
 * anywhere and goes on from the newest published one.
 * tests/model/README.md. Invariants 4, 7, 9, 10. state/lists.c, state/snapshot.c,
 * runtime/task_barrier.c, checkpoint/coordinator.c.
 *
 * Left out: several subtasks, merging of runs, and how a list is kept. One task, whose keys have a
 * version each.
 * A mutant (-DM_...) takes one rule away; each must fail. */

#define KEYS 2
#define IDS 5        /* checkpoints 1..IDS-1; 0: the empty beginning */
#define CONCURRENT 3 /* in writing at once */
#define CHANGES 4    /* in all */
#define CRASHES 1

#define NONE 0
#define WRITING 1
#define PUBLISHED 2
#define GIVEN_UP 3

byte now[KEYS];            /* the state: the version of each key */
byte changed[IDS];         /* set of keys, by interval: that before the barrier of this id */
byte state_of[IDS], base_of[IDS];
byte owed[IDS];            /* keys of it that are not written yet */
byte in_delta[IDS];        /* keys that are in its run */
byte delta[IDS * KEYS];    /* their versions there */
byte at_barrier[IDS * KEYS]; /* the oracle: all of the state at the barrier */
byte content[IDS * KEYS];  /* what restores from it, by following bases when it was published */
byte last, newest, freezing, writing;

#define HAS(set, k) ((set >> k) & 1)

/* The row of key k goes into the run of id, as the key stands now. */
inline write_row(id, k)
{
	delta[id * KEYS + k] = now[k];
	owed[id] = owed[id] & ~(1 << k)
}

active proctype task()
{
	byte k, i, left = CHANGES, crashes = CRASHES;
	do
	/* A record changes a key. What a freeze still owes of it is saved first. */
	:: left > 0 ->
		atomic {
			left--;
			if
			:: k = 0
			:: k = 1
			fi;
#ifndef M_NO_SAVE
			if
			:: freezing > 0 && HAS(owed[freezing], k) -> write_row(freezing, k)
			:: else -> skip
			fi;
#endif
			now[k]++;
			changed[last + 1] = changed[last + 1] | (1 << k);
			k = 0
		}

	/* A barrier: one freezes at a time, others may still be in writing. */
	:: last + 2 < IDS && freezing == 0 && writing < CONCURRENT ->
		d_step {
			last++;
			writing++;
			freezing = last;
			state_of[last] = WRITING;
#ifdef M_BASE_NOT_PUBLISHED
			base_of[last] = last - 1;
#else
			base_of[last] = newest;
#endif
#ifdef M_LAST_INTERVAL_ONLY
			owed[last] = changed[last];
#else
			i = base_of[last] + 1;
			do
			:: i <= last -> owed[last] = owed[last] | changed[i]; i++
			:: else -> break
			od;
#endif
			in_delta[last] = owed[last];
			k = 0;
			do
			:: k < KEYS -> at_barrier[last * KEYS + k] = now[k]; k++
			:: else -> break
			od;
#ifdef M_DROP_AT_FREEZE
			changed[last] = 0;
#endif
			k = 0;
			i = 0
		}

	/* A slice. */
	:: freezing > 0 && owed[freezing] ->
		d_step {
			if
			:: HAS(owed[freezing], 0) -> write_row(freezing, 0)
			:: else -> write_row(freezing, 1)
			fi
		}
	:: freezing > 0 && !owed[freezing] -> freezing = 0

	/* One that is written is published. It subsumes those before it (9). */
	:: writing > 0 ->
		d_step {
			/* the oldest, or a later one: both orders are possible, and chosen by `skip` below */
			i = newest + 1;
			do
			:: i <= last && (state_of[i] != WRITING || owed[i] || freezing == i) -> i++
			:: else -> break
			od
		}
		if
		:: true -> skip
		:: i < last && state_of[last] == WRITING && !owed[last] && freezing != last -> i = last
		fi;
		d_step {
			if
			:: i <= last && state_of[i] == WRITING && !owed[i] && freezing != i ->
				state_of[i] = PUBLISHED;
				writing--;
				k = 0;
				do
				:: k < KEYS ->
					if
					:: HAS(in_delta[i], k) -> content[i * KEYS + k] = delta[i * KEYS + k]
					:: else -> content[i * KEYS + k] = content[base_of[i] * KEYS + k]
					fi;
					/* What a start would restore is the state at its barrier (4, 7). */
					assert(content[i * KEYS + k] == at_barrier[i * KEYS + k]);
					k++
				:: else -> break
				od;
				k = newest + 1;
				do
				:: k < i && state_of[k] == WRITING ->
					state_of[k] = GIVEN_UP;
					if
					:: freezing == k -> freezing = 0
					:: else -> skip
					fi;
					writing--;
					k++
				:: k < i && state_of[k] != WRITING -> k++
				:: else -> break
				od;
				newest = i;
#ifdef M_DROP_ALL
				k = 0;
				do
				:: k < IDS -> changed[k] = 0; k++
				:: else -> break
				od;
#else
				/* Lists up to its own are of no use any more, later ones are. */
				k = 0;
				do
				:: k <= i -> changed[k] = 0; k++
				:: else -> break
				od;
#endif
			:: else -> skip
			fi;
			k = 0;
			i = 0
		}

	/* One is given up: timed out, declined, no space. Its lists stay for the next. */
	:: writing > 0 ->
		atomic {
			if
			:: i = last
			:: i = newest + 1
			fi;
			if
			:: i <= last && state_of[i] == WRITING ->
				state_of[i] = GIVEN_UP;
				writing--;
				owed[i] = 0;
				if
				:: freezing == i -> freezing = 0
				:: else -> skip
				fi;
#ifdef M_DROP_AT_ABORT
				changed[i] = 0;
#endif
			:: else -> skip
			fi;
			i = 0
		}

	/* kill -9, and a start: the newest published one is the state. */
	:: crashes > 0 ->
		d_step {
			crashes--;
			k = 0;
			do
			:: k < KEYS ->
				now[k] = content[newest * KEYS + k];
				assert(now[k] == at_barrier[newest * KEYS + k]);
				k++
			:: else -> break
			od;
			k = 0;
			i = 0;
			do
			:: i < IDS ->
				changed[i] = 0;
				if
				:: state_of[i] == WRITING -> state_of[i] = GIVEN_UP; owed[i] = 0
				:: else -> skip
				fi;
				i++
			:: else -> break
			od;
			i = 0;
			writing = 0;
			freezing = 0
		}
	:: left == 0 && crashes == 0 && writing == 0 -> break
	od
}
