/* takeover.pml - who owns a directory, with no lock at all: owners start whenever they like, stand
 * still for as long as they like and wake, and die anywhere. What makes that safe is in the log of
 * slots alone: a slot is taken by link(2) (absent, or it fails), a start takes one for its fence,
 * a fence's slot is never unlinked, and no owner unlinks a name of a newer epoch.
 * tests/model/README.md. Invariants 1, 7, 12, 13, 17, 25, 26, 27.
 *
 * Left out: what a crash leaves of unsynced data (the simulated disk's task), several checkpoints
 * at once, more than one part file and one piece of output a checkpoint.
 * Each checkpoint reads one record more: number pos. Its part is named by its own manifest and by
 * the next one (a chain of two runs), so files are shared between manifests.
 *
 * A mutant (-DM_...) takes one rule away; each must fail. */

#define OWNERS 3
#define EACH 2                 /* checkpoints an owner takes at most */
#define NS 11                  /* slots 1..NS-1: more are never needed */
#define NP (OWNERS * EACH + 1) /* parts, pieces; 0: none */

#define FREE 0
#define FENCE 1
#define CHECKPOINT 2

byte kind[NS], epoch_of[NS], parent_of[NS], pos_of[NS], part_of[NS], shared_of[NS];
bool part_is[NP], pending_is[NP], final_is[NP];
byte part_epoch[NP], piece_pos[NP];
byte committed[NP]; /* by record: in how many final files */

/* The newest slot, as a listing shows it. */
inline newest(to)
{
	d_step {
		to = NS - 1;
		do
		:: to > 0 && kind[to] == FREE -> to--
		:: else -> break
		od
	}
}

/* What a start would find now: its checkpoint's files are there (12), no record is committed twice
 * or before its checkpoint (1, 17). Looked at after every step that changes a file. */
inline sound()
{
	s_i = NS - 1;
	do
	:: s_i > 0 && kind[s_i] == FREE -> s_i--
	:: else -> break
	od;
	if
	:: kind[s_i] == FENCE -> s_i = parent_of[s_i]
	:: else -> skip
	fi;
	if
	:: s_i > 0 ->
		assert(kind[s_i] == CHECKPOINT);
		assert(part_is[part_of[s_i]]);
		assert(shared_of[s_i] == 0 || part_is[shared_of[s_i]]);
		assert(pending_is[part_of[s_i]] || final_is[part_of[s_i]]);
		s_pos = pos_of[s_i]
	:: else -> s_pos = 0
	fi;
	s_i = 1;
	do
	:: s_i < NP ->
		assert(committed[s_i] <= 1);
		assert(s_i <= s_pos || committed[s_i] == 0);
		s_i++
	:: else -> break
	od;
	s_i = 0;
	s_pos = 0
}

/* rename(2) without replacing: by whoever comes first; who finds it done is content. */
inline commit(p)
{
	d_step {
		if
		:: p > 0 && pending_is[p] ->
			pending_is[p] = false;
			final_is[p] = true;
			committed[piece_pos[p]]++
		:: else -> skip
		fi;
		sound()
	}
}

proctype owner(byte me)
{
	byte top = 0, base = 0, epoch = 0, slot = 0, p = 0, n = 0, i = 0;
	byte s_i = 0, s_pos = 0;

look:
	newest(top);
	if
	:: true -> goto dead
	:: true -> skip
	fi;

	d_step {
		slot = top + 1;
		base = (kind[top] == CHECKPOINT -> top : parent_of[top])
	}

	/* Own: a fence in the next slot, or somebody else was faster. */
	atomic {
#ifndef M_NO_FENCE
		if
		:: kind[slot] == FREE ->
			kind[slot] = FENCE;
			epoch_of[slot] = slot;
			parent_of[slot] = base
		:: else -> goto look
		fi;
#endif
		epoch = slot;
#ifndef M_NO_FENCE
		slot++;
#endif
		d_step { sound() }
	}
#ifndef M_NO_LOOK_AGAIN
	/* The slot may have been free because it was swept: then there are newer ones. weir looks again a
	 * few times; here it gives up, and another owner is another try. */
	newest(top);
	if
	:: top > epoch -> goto dead
	:: else -> skip
	fi;
#endif

	/* Settle what the checkpoint it goes on from had prepared. */
#ifndef M_NO_SETTLE
	if
	:: base > 0 -> commit(part_of[base])
	:: else -> skip
	fi;
#endif

	do
	:: n < EACH ->
		/* Prepare: a part and a piece, under names of its own epoch. */
		p = me * EACH + n + 1;
		n++;
		d_step {
			part_is[p] = true;
			part_epoch[p] = epoch;
			pending_is[p] = true;
			piece_pos[p] = (base > 0 -> pos_of[base] : 0) + 1;
			sound()
		}
		if
		:: true -> goto dead
		:: true -> skip
		fi;
#ifdef M_COMMIT_FIRST
		commit(p);
#endif
#ifdef M_SWEEP_FIRST
		d_step {
			if
			:: base > 0 -> part_is[part_of[base]] = false
			:: else -> skip
			fi;
			sound()
		}
#endif
		/* Publish: link(2). Everything before a fence it did not see is refused here. */
link:
		atomic {
			if
#ifdef M_REPLACE
			:: true ->
#else
			:: kind[slot] == FREE ->
#endif
				/* One line: it goes on from what is the newest checkpoint (7, 25, 26). */
				top = slot;
				do
				:: top > 0 && (top == slot || kind[top] != CHECKPOINT) ->
					assert(top == slot || kind[top] != FENCE || top <= epoch);
					top--
				:: else -> break
				od;
				assert(top == base);
				i = slot + 1;
				do
				:: i < NS -> assert(kind[i] == FREE); i++
				:: else -> break
				od;
				i = 0;
				top = 0;
				kind[slot] = CHECKPOINT;
				epoch_of[slot] = epoch;
				parent_of[slot] = base;
				pos_of[slot] = piece_pos[p];
				part_of[slot] = p;
				shared_of[slot] = (base > 0 -> part_of[base] : 0);
				base = slot;
				slot++;
				d_step { sound() }
			:: else ->
#ifdef M_NEXT_SLOT
				slot++;
				goto link
#else
				goto dead /* fenced: not one operation more (27) */
#endif
			fi
		}
		commit(part_of[base]);

		/* Sweep, an unlink a step: slots below the parent; then what nobody names. */
		i = 1;
		do
		:: i < base ->
			d_step {
				if
				:: kind[i] == CHECKPOINT && i != parent_of[base] -> kind[i] = FREE
#ifdef M_SWEEP_FENCE
				:: kind[i] == FENCE && i != epoch -> kind[i] = FREE
#endif
				:: else -> skip
				fi;
				i++;
				sound()
			}
		:: else -> break
		od;
		i = 1;
		do
		:: i < NP ->
			d_step {
				if
				:: part_is[i] && i != part_of[base] && i != shared_of[base] &&
				   (parent_of[base] == 0 || (i != part_of[parent_of[base]] &&
							     i != shared_of[parent_of[base]])) &&
#ifdef M_SWEEP_NEWER
				   true ->
#else
				   part_epoch[i] <= epoch ->
#endif
					part_is[i] = false
				:: else -> skip
				fi;
				/* A piece nobody names was prepared by a dead owner; by ours it is next. */
				if
				:: pending_is[i] && i != part_of[base] &&
#ifdef M_SWEEP_NEWER
				   true ->
#else
				   part_epoch[i] <= epoch ->
#endif
					pending_is[i] = false
				:: else -> skip
				fi;
				i++;
				sound()
			}
		:: else -> break
		od;
		i = 0
	:: true -> break
	od;

	/* Its line is settled: each record of the newest checkpoint it published stands once (17), if
	 * nobody went on since. */
	skip;
	d_step {
		i = 1;
		do
		:: base > 0 && i <= pos_of[base] && kind[base] == CHECKPOINT ->
			assert(committed[i] == 1);
			i++
		:: else -> break
		od;
		i = 0
	}
dead:
	true
}

init {
	atomic {
		byte o = 0;
		do
		:: o < OWNERS -> run owner(o); o++
		:: else -> break
		od
	}
}
