/* commits.pml - what a sink prepares becomes visible exactly once: intents stand in the manifest and
 * are performed after its publication, by whoever comes first, and settled again by every start.
 * One sink, of either kind: pieces that are renamed, or (`single`) that are copied to their place in
 * one file and then dropped. The process dies anywhere, in a power cut that takes any of what was
 * not synced, or it is only paused and wakes beside its successor. Somebody damages the newest
 * checkpoint (a fallback) and mends it, goes back behind it (a rewind), or takes a final file away.
 * tests/model/README.md. Invariants 1, 4, 12, 16, 17, 19, 26, 28. checkpoint/intent*.c,
 * choose.c, moves, store.
 *
 * Left out: who owns the directory (takeover.pml), sweeping, and a paused owner of a single file.
 * Each interval reads one record, number pos, and makes one piece of it, two cells long. A
 * checkpoint that is given up, or whose commit is late, leaves its piece to the next manifest.
 *
 * A mutant (-DM_...) takes one rule away; each must fail. */

#ifndef RECORDS
#define RECORDS 2
#endif
#define NP 5          /* pieces 1..NP-1, each made once */
#define NS 8          /* slots 1..NS-1 */
#define CELLS (2 * RECORDS + 2)
#ifndef CRASHES
#define CRASHES 2
#endif

#define FREE 0
#define FENCE 1
#define CHECKPOINT 2

/* Where a piece is. */
#define NOWHERE 0     /* not made, or dropped after its copy */
#define PENDING 1
#define FINAL 2
#define ASIDE 3
#define TAKEN 4       /* a final file that a consumer took away */

#define NOTHING 0     /* what a fence promises */
#define FALLBACK 1
#define REWIND 2

bool single;
byte kind[NS], pos_of[NS], parent_of[NS], list_of[NS], todo_of[NS], bad_of[NS];
bool durable[NS];          /* its name is */
bool damaged[NS];
byte place[NP], synced_place[NP], rec[NP];
byte cell[CELLS], synced_cell[CELLS], size, synced_size;
byte top, made, crashes = CRASHES;
bool meddled;              /* once, in any way */
byte zombie;               /* the checkpoint a paused owner still commits; 0: none */

#define HAS(set, p) ((set >> p) & 1)
#define OFFSET(p) (2 * (rec[p] - 1))

/* How often each record is visible is looked at after every step: never twice. */
inline sound()
{
	if
	:: !single ->
		x = 1;
		do
		:: x < NP ->
			y = x + 1;
			do
			:: y < NP ->
				assert(!((place[x] == FINAL || place[x] == TAKEN) &&
					 (place[y] == FINAL || place[y] == TAKEN) && rec[x] == rec[y]));
				y++
			:: else -> break
			od;
			x++
		:: else -> break
		od
	:: else -> skip
	fi;
	x = 0;
	y = 0
}

/* All up to n is visible, once, and nothing else (28). */
inline exact(n)
{
	x = 1;
	do
	:: x <= RECORDS ->
		y = 0;
		z = 1;
		do
		:: z < NP ->
			if
			:: (place[z] == FINAL || place[z] == TAKEN) && rec[z] == x -> y++
			:: else -> skip
			fi;
			z++
		:: else -> break
		od;
		assert(single || y == (x <= n -> 1 : 0));
		assert(!single || x > n || (cell[2 * x - 2] == x && cell[2 * x - 1] == x));
		x++
	:: else -> break
	od;
	assert(!single || size == 2 * n);
	x = 0;
	y = 0;
	z = 0
}

inline sync_names()
{
	d_step {
		x = 1;
		do
		:: x < NP -> synced_place[x] = place[x]; x++
		:: else -> break
		od;
		x = 0
	}
}

inline sync_slots()
{
	d_step {
		x = 1;
		do
		:: x < NS -> durable[x] = (kind[x] != FREE); x++
		:: else -> break
		od;
		x = 0
	}
}

inline sync_file()
{
	d_step {
		x = 0;
		do
		:: x < CELLS -> synced_cell[x] = cell[x]; x++
		:: else -> break
		od;
		synced_size = size;
		x = 0
	}
}

/* The power is cut: of each name and cell that is not synced, what was or what is; of the file's
 * length too. A rename's halves persist together: a piece is in one place. kill -9 is the cut that
 * takes nothing. */
inline cut()
{
	x = 1;
	do
	:: x < NP ->
		if
		:: place[x] != synced_place[x] -> place[x] = synced_place[x]
		:: skip
		fi;
		synced_place[x] = place[x];
		x++
	:: else -> break
	od;
	if
	:: size != synced_size -> size = synced_size
	:: skip
	fi;
	x = 0;
	do
	:: x < CELLS ->
		if
		:: cell[x] != synced_cell[x] -> cell[x] = synced_cell[x]
		:: x < size -> skip
		:: x >= size -> cell[x] = 0
		fi;
		synced_cell[x] = cell[x];
		x++
	:: else -> break
	od;
	synced_size = size;
	x = 1;
	do
	:: x < NS ->
		if
		:: kind[x] != FREE && !durable[x] -> kind[x] = FREE
		:: skip
		fi;
		durable[x] = (kind[x] != FREE);
		x++
	:: else -> break
	od;
	x = 0
}

/* Here the process may die, or stand still, while another is started. */
inline perhaps_dies()
{
	atomic {
		if
		:: crashes > 0 -> crashes--; cut_now = true; goto look
		:: crashes > 0 && !single && zombie == 0 && newest > 0 && kind[newest] == CHECKPOINT ->
			crashes--;
			zombie = newest;
			goto look
		:: skip
		fi
	}
}

/* link(2); the folder's fsync is a step of its own. */
inline link(k, position, parent, list, todo, bad)
{
	atomic {
		top = NS - 1;
		do
		:: top > 0 && kind[top] == FREE -> top--
		:: else -> break
		od;
		top++;
		assert(top < NS);
		kind[top] = k;
		pos_of[top] = position;
		parent_of[top] = parent;
		list_of[top] = list;
		todo_of[top] = todo;
		bad_of[top] = bad
	}
}

/* One intent: done, or seen to be done. */
inline commit(p)
{
	if
	:: !single ->
		atomic {
			if
			:: place[p] == PENDING -> place[p] = FINAL
			:: else -> skip /* gone: done already, wherever it is now (17, 19) */
			fi;
			sound()
		}
		perhaps_dies();
		sync_names()
	:: single && place[p] == PENDING ->
		/* Somebody else's bytes are told by the length: nobody's are there. */
		assert(size >= OFFSET(p));
		c = 0;
		do
		:: c < 2 ->
			atomic {
#ifdef M_AT_ITS_END
				at = size;
#else
				at = OFFSET(p) + c;
#endif
				assert(at < CELLS);
				cell[at] = rec[p];
				size = (size > at + 1 -> size : at + 1);
				at = 0;
				c++
			}
			perhaps_dies()
		:: else -> break
		od;
		c = 0;
#ifndef M_DROP_UNSYNCED
		sync_file();
		perhaps_dies();
#endif
		place[p] = NOWHERE;
		perhaps_dies();
		sync_names()
	:: else ->
		/* Dropped: its bytes are where they belong. */
		assert(cell[OFFSET(p)] == rec[p] && cell[OFFSET(p) + 1] == rec[p])
	fi
}

inline commit_all(list)
{
	p = 1;
	do
	:: p < NP ->
		if
		:: HAS(list, p) -> commit(p)
		:: else -> skip
		fi;
		p++
	:: else -> break
	od;
	p = 0
}

/* Of what bad prepared and base did not: is a piece gone, so that bad may have committed; is one
 * moved already? */
inline look_at_moves(bad, base)
{
	d_step {
		gone = false;
		done = false;
		x = 1;
		do
		:: x < NP ->
			if
			:: HAS(list_of[bad], x) && !HAS(list_of[base], x) ->
				gone = gone || (place[x] != PENDING && place[x] != ASIDE) ||
				       (single && size > OFFSET(x));
				done = done || place[x] == ASIDE
			:: else -> skip
			fi;
			x++
		:: else -> break
		od;
		x = 0
	}
}

/* A fallback: what bad prepared goes aside, so that nobody can commit it; if some of it was
 * committed meanwhile, the rest goes back, and bad stands. */
inline fall_back(bad, base)
{
	p = 1;
	do
	:: p < NP ->
		atomic {
			if
			:: HAS(list_of[bad], p) && !HAS(list_of[base], p) && place[p] == PENDING ->
				place[p] = ASIDE
			:: else -> skip
			fi;
			p++
		}
		perhaps_dies()
	:: else -> break
	od;
	p = 0;
	sync_names();
	look_at_moves(bad, base);
#ifdef M_GUESS
	gone = false;
#endif
	if
	:: gone ->
		p = 1;
		do
		:: p < NP ->
			atomic {
				if
				:: HAS(list_of[bad], p) && place[p] == ASIDE -> place[p] = PENDING
				:: else -> skip
				fi;
				p++
			}
			perhaps_dies()
		:: else -> break
		od;
		p = 0;
		sync_names();
		goto stop
	:: else -> skip
	fi
}

/* Somebody asked for it: all that is later than base goes aside, committed or not. Of a single file
 * what is behind base's end is cut off. */
inline go_back(base)
{
	p = 1;
	do
	:: p < NP ->
		atomic {
			if
			:: rec[p] > pos_of[base] && (place[p] == PENDING || place[p] == FINAL) ->
				place[p] = ASIDE
			:: else -> skip
			fi;
			p++
		}
		perhaps_dies()
	:: else -> break
	od;
	p = 0;
	if
	:: single && size > 2 * pos_of[base] ->
		d_step {
			size = 2 * pos_of[base];
			x = size;
			do
			:: x < CELLS -> cell[x] = 0; x++
			:: else -> break
			od;
			x = 0
		}
		perhaps_dies();
		sync_file()
	:: else -> skip
	fi;
	sync_names()
}

inline keep_promise()
{
	if
	:: todo == FALLBACK -> fall_back(bad, base)
	:: todo == REWIND -> go_back(base)
	:: else -> skip
	fi
}

active proctype job()
{
	byte newest, base, carry, pos, p, c, at, i, x, y, z;
	byte todo, bad;
	bool gone, done, cut_now;

	if
	:: single = true
	:: single = false
	fi;

look:
	atomic {
		if
		:: cut_now -> cut(); sound(); cut_now = false
		:: else -> skip
		fi
	}

	/* Nothing changes yet. */
	atomic {
		newest = 0;
		base = 0;
		carry = 0;
		pos = 0;
		p = 0;
		c = 0;
		at = 0;
		i = 0;
		todo = NOTHING;
		bad = 0;
		gone = false;
		done = false;
		x = NS - 1;
		do
		:: x > 0 && kind[x] == FREE -> x--
		:: else -> break
		od;
		top = x;
		x = 0;
		durable[top] = (top > 0); /* made durable again before it is believed (1) */
		if
		:: top > 0 && kind[top] == CHECKPOINT -> base = top
		:: top > 0 && kind[top] == FENCE ->
			base = parent_of[top];
#ifndef M_NO_RESUME
			todo = todo_of[top];
			bad = bad_of[top]
#endif
		:: else -> skip
		fi;
		newest = 0 /* it may commit nothing before its fence stands */
	}

	/* Somebody meddles, once: damages the newest, wants to go back, takes a file away, mends. */
	atomic {
		if
		:: !meddled && base > 0 && kind[top] == CHECKPOINT -> meddled = true; damaged[base] = true
		:: !meddled && base > 0 && todo == NOTHING && parent_of[base] > 0 ->
			meddled = true;
			todo = REWIND;
			bad = base;
			base = parent_of[base]
		:: !meddled && !single ->
			p = 1;
			do
			:: p < NP && place[p] == FINAL && synced_place[p] == FINAL ->
				place[p] = TAKEN;
				synced_place[p] = TAKEN;
				meddled = true;
				break
			:: p < NP - 1 -> p++
			:: else -> break
			od;
			p = 0
		:: damaged[base] -> damaged[base] = false
		:: skip
		fi
	}

	/* A fallback that was begun: bad may have committed, and can be read again. */
	if
	:: todo == FALLBACK ->
		look_at_moves(bad, base);
		if
		:: gone && !done && damaged[bad] -> goto stop
		:: gone && !done && !damaged[bad] -> base = bad; todo = NOTHING
		:: else -> skip
		fi
	:: else -> skip
	fi;

	/* A newest one that cannot be read: its parent, if it is certain that it has not committed and
	 * never will (16). */
	if
	:: damaged[base] && todo == NOTHING ->
		if
		:: parent_of[base] == 0 -> goto stop /* no older one */
		:: else -> skip
		fi;
		bad = base;
		base = parent_of[base];
		todo = FALLBACK;
		look_at_moves(bad, base);
#ifndef M_GUESS
		if
		:: gone -> goto stop /* exit 6: it may have */
		:: else -> skip
		fi
#endif
	:: else -> skip
	fi;
	pos = pos_of[base];

	/* The fence: what is to be moved is promised before the first is (12, 16). */
#ifdef M_MOVE_FIRST
	keep_promise();
#endif
	link(FENCE, 0, base, 0, todo, bad);
	perhaps_dies();
	sync_slots();
	perhaps_dies();
#ifndef M_NO_MOVES
	keep_promise();
#endif
	newest = base;

	/* Settle. */
#ifndef M_NO_SETTLE
	commit_all(list_of[base]);
#endif
	d_step { exact(pos) }

	do
	:: pos < RECORDS && made < NP - 1 ->
		/* Prepare: a piece of its own name, synced before it is acknowledged. */
		atomic {
			made++;
			i = made;
			rec[i] = pos + 1;
			place[i] = PENDING;
			carry = carry | (1 << i);
			pos++
		}
		perhaps_dies();
#ifndef M_PIECE_UNSYNCED
		sync_names();
#endif
#ifdef M_COMMIT_FIRST
		commit_all(carry);
#endif
		if
		:: pos < RECORDS && made < NP - 1 -> /* it is given up: the next one lists its piece too */
#ifdef M_FORGET
			carry = 0
#else
			skip
#endif
		:: true ->
			perhaps_dies();
			link(CHECKPOINT, pos, newest, carry, NOTHING, 0);
			perhaps_dies();
#ifndef M_SLOT_UNSYNCED
			sync_slots();
#endif
			newest = top;
			perhaps_dies();
			if
			:: pos < RECORDS && made < NP - 1 -> skip /* its commit is late */
			:: true ->
				commit_all(carry);
				carry = 0;
				d_step { exact(pos) }
			fi
		fi
	:: else -> break
	od;
stop:
	/* Whoever is told so may mend it, and start once more. */
	if
	:: bad > 0 && damaged[bad] -> damaged[bad] = false; goto look
	:: true -> skip
	fi
}

/* A paused owner wakes: it knows its checkpoint was published, and commits it. */
active proctype paused()
{
	byte x, y, q;
end:
	do
	:: zombie > 0 ->
		q = 1;
		do
		:: q < NP ->
			atomic {
				if
				:: HAS(list_of[zombie], q) && place[q] == PENDING -> place[q] = FINAL; sound()
				:: else -> skip
				fi;
				q++
			}
		:: else -> break
		od;
		atomic {
			zombie = 0;
			q = 0
		}
	od
}
