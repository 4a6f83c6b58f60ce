/* store.h - a job's directory as its owner sees it: look, own, publish, sweep.
 * Why two phases: everything that can refuse (plan, sink paths, sources, memory) is checked by the
 * caller after the look and before the fence, so a refused start has changed nothing.
 *
 *   store_open (look) -> caller's checks -> store_own -> store_publish, store_sweep_* ... -> close
 *        |                                    | E_EXISTS: the log moved; *out is new: check again
 *        final: store_make_durable, settle    | then store_todo_step until done
 *        its intents, close                   |
 *
 * Threads: one owner at a time. open and own: whoever starts the job, before it runs; publish,
 * sweep, discard and read: the durability lane only. The control thread keeps a copy of what
 * store_start says and never calls in here once the job runs.
 * After E_FENCED or E_UNKNOWN_OUTCOME every call returns that again, touching no file (inv 27). */
#pragma once
#include "checkpoint/slots.h"
#include "checkpoint/verify.h"

/* Which checkpoint to start from: the newest, or one that is kept, by id or by its name; or one of
 * another directory, which begins a line here (import.h). */
enum store_want_by { WANT_NEWEST, WANT_ID, WANT_NAME, WANT_IMPORT };
struct store_want {
	enum store_want_by by;
	uint64_t id;
	const char *name;                     /* borrowed as long as the store looks, as is origin */
	const struct manifest_origin *origin; /* of WANT_IMPORT: the checkpoint there */
};

struct store_options {
	const char *dir;
	/* Where the log and the part files stand; without ops: in dir. Paths are borrowed. The rest
	 * (owner.lock, job.json, moves of a fence's promise) is in dir in any case. */
	struct storage slots, parts;
	bool fresh;               /* begin a new lineage, whatever lies there */
	bool drops_evidence;      /* a gc: our fence lists no quarantined checkpoint that can be read
	                           * and that the line went on beyond; so it is swept */
	bool commits;             /* the job has a sink whose output is committed by intents: then a
	                           * newest manifest that cannot be read is no reason to go back, for
	                           * what it lists may have been committed (inv 16) */
	bool falls_back;          /* the caller plans the moves of a fallback (out->fell_back); else a
	                           * newest checkpoint that is not intact is E_CORRUPT */
	bool repairs;             /* somebody who runs no job, for store_repair (repair.h): open only
	                           * takes the lock, and reads nothing */
	bool looks;               /* changes nothing: makes no folder or lock file (but takes the lock
	                           * if there is one), and never calls store_own */
	bool imports;             /* the caller finishes an import that a fence promises (out->todo), or
	                           * gives it up (out->undoes, where it has moves) for a checkpoint of
	                           * the directory's own, another import or fresh; else: E_REFUSED */
	const char *claims_as;    /* the job that may take over a directory it took over before: its
	                           * uuid; or NULL */
	struct store_want want;
	uint32_t retain;          /* checkpoints kept, the newest included; at least 1 */
	uint64_t retain_age_us;   /* and everything younger, by the wall clock; 0: none. It only ever
	                           * keeps more (inv 23) */
	const char *job_text;     /* as submitted; kept in job.json; borrowed until store_own is OK */
	size_t job_len;
	const char *new_uuid;     /* the identity, if the directory has none yet (36 characters) */
	uint32_t new_lineage;     /* random; used when a lineage begins */
	uint64_t pid;             /* for owner.lock and messages */
	uint32_t cut_bytes;       /* of a large file that goes, so much a step; 0: SWEEP_CUT_BYTES */
	enum verify_depth verify; /* of the chosen checkpoint, during the look */
	/* The same for those whose state decides it: what is only verified by lengths now, the caller
	 * verifies before it uses it. NULL: verify. */
	enum verify_depth (*depth)(void *arg, const struct manifest *m);
	void *depth_arg;
};

/* What the look found. Pointers are borrowed from the store: valid until the first store_publish,
 * or until store_own returns E_EXISTS (which refills all of it). */
struct store_start {
	const struct manifest *chosen; /* the checkpoint to start from; NULL: from nothing */
	bool final;                    /* chosen is final: settle its intents, never call store_own */
	bool existed;                  /* the log had slots */
	uint64_t below_slot, below_id; /* from nothing, and this state lies below (or SLOT_NONE) */
	uint64_t next_id;              /* first free checkpoint id */
	uint64_t epoch;                /* 0 until store_own */
	uint32_t lineage;              /* of the run that begins; with chosen, its own */
	char uuid[UUID_TEXT];
	const char *job_before;        /* job.json as it stood, or NULL */
	size_t job_before_len;
	uint64_t previous_pid;         /* of owner.lock before us, 0: none */
	int64_t previous_seen_us;      /* wall clock: its last sign of life on disk, 0: none */
	struct verify_result verified; /* of chosen */

	bool rewinds;                  /* chosen was asked for, and newer ones stand above it */
	bool repaired;                 /* then: nobody asked; `weir fsck --repair` went back to it, and
	                                * what the newer ones committed is not known */
	bool fell_back;                /* the newest cannot be restored: chosen is its ancestor, or what
	                                * is left of its line */
	uint64_t bad_slot, bad_id;     /* then: the newest; id 0: its manifest cannot be read */
	char bad_why[256];
	/* Readable checkpoints that chosen goes back behind, newest first: what they prepared and
	 * chosen did not must never be committed. */
	const struct manifest *const *passed;
	size_t n_passed;
	/* Begun by an owner before us, and carried on by our fence; NULL: nothing. Moves are finished
	 * by store_todo_step; an import is the caller's. */
	const struct manifest_todo *todo;
	bool undoes;                   /* an import was begun, output was moved aside for it, and
	                                * something else is asked for: the caller owns, makes the steps
	                                * that bring all of it back, closes, and opens once more */
	const struct manifest_todo *left; /* of a begun import, with fresh, where nothing of our own is
	                                * kept: what was moved aside for it stays there; or NULL */
	bool imports;                  /* the caller brings the state in, between fence and first
	                                * checkpoint; chosen is NULL */
	bool imported;                 /* what WANT_IMPORT names was brought in before: chosen is the
	                                * newest of the line that began with it */
	const uint32_t *accepts;       /* lineages whose files are this line's too; of an import that
	                                * begins, its source's are the caller's to know */
	uint32_t n_accepts;
};

struct store;

/* Phase 1. Makes dir if need be and takes owner.lock; otherwise changes nothing.
 *   E_REFUSED   another live process holds the directory (its pid is named); or the newest manifest
 *               is of a later version
 *   E_CORRUPT   the newest manifest cannot be read and the job commits; or no checkpoint is left to
 *               fall back to (inv 16; the file is named); or files without any manifest (inv 24)
 *   E_REFUSED   another job took the directory over, or an import was begun (see imports); or one
 *               is asked for, and the directory has state of its own
 *   E_NOT_FOUND the checkpoint asked for is not kept: says which are
 *   E_IO ...    a read failed: never a start from nothing (inv 15) */
RC store_open(struct store **s, struct fs *fs, struct mem *mem, const struct store_options *o,
	      struct store_start *out, struct err *e);

/* Phase 2: makes the top durable and links the fence. Sets out->epoch.
 *   E_EXISTS    somebody else took the slot: *out holds what stands there now; check and call again
 *   E_FENCED    lost STORE_TRIES times
 *   E_REFUSED   no hard links here: says where to put the directory */
#define STORE_TRIES 8
RC store_own(struct store *s, struct store_start *out, struct err *e);

/* Between the look and store_own: what the fence will promise besides what it carries on; replaces
 * what was planned before. Moves are of a rewind or a fallback, as *out says, and performed in this
 * order by store_todo_step: what could still be committed first. Copied.
 *   E_CORRUPT   of a fallback: neither name of a move is there, so the checkpoint gone back behind
 *               may have been committed; nothing was changed */
RC store_plan_moves(struct store *s, const struct manifest_move *m, uint32_t n, struct err *e);
/* The same for an import, or, into the other's log, a claim: all of t, its moves too. accepts: the
 * lineages that files of the import may be named by. */
RC store_plan_import(struct store *s, const struct manifest_todo *t, const uint32_t *accepts,
		     uint32_t n_accepts, struct err *e);

/* After store_own, before anything else: one move of what the fence promises; call until *done.
 * Repeating moves is harmless.
 *   E_CORRUPT   of a fallback: a piece is gone, so its checkpoint may have been committed; the
 *               others are where they were, and the next start says the same without a change */
RC store_todo_step(struct store *s, bool *done, struct err *e);

/* Changes what the next manifest or fence lists as pinned; durable only with it. Durability lane,
 * or before the job runs. E_NOT_FOUND: no such checkpoint is kept. */
RC store_pin(struct store *s, uint64_t slot, bool on, struct err *e);
/* The same of a checkpoint by its id. *news: the newest manifest or fence does not say so yet.
 *   E_NOT_FOUND  no such checkpoint is kept: says which are
 *   E_REFUSED    it is being exported as a savepoint, which pins it for now */
RC store_pin_id(struct store *s, uint64_t id, bool on, bool *news, struct err *e);
/* The same for a savepoint's checkpoint, as long as its export is not durable. */
RC store_exporting(struct store *s, uint64_t slot, bool on, struct err *e);

/* A start on a final checkpoint links no fence, but it too makes the newest slot durable before it
 * believes it (inv 1): whoever linked it may have been killed before the folder was synced. */
RC store_make_durable(struct store *s, struct err *e);

/* Publishes a checkpoint: fills in identity, slot, parent and what is retained; syncs parts/ if m
 * names new files (themselves sealed already, as is every pending piece it lists and its folder);
 * then slots_publish. m->id must be above every id published. Errors as slots_publish; on OK, m
 * is what stands in the log. */
RC store_publish(struct store *s, struct manifest *m, struct err *e);

/* Afterwards: one step of retiring old slots and removing files nobody names, at most one durable
 * operation a call. attempt: the running one (its unpublished files are left alone). Call until
 * *done; a new begin restarts it. Errors are reported, harmless, and end this sweep: the next one
 * goes on. */
RC store_sweep_begin(struct store *s, uint32_t attempt, struct err *e);
RC store_sweep_step(struct store *s, bool *done, struct err *e);
/* Until a checkpoint stands above our fence, all that was alive still is: a sweep that begins then
 * is done at once, without a look at the directory. */
bool store_may_sweep(const struct store *s);
/* Whether only large files are left: whoever has published meanwhile may begin anew. */
bool store_sweep_is_long(const struct store *s);
/* Whether the newest sweep has listed the log, and found that the directory is still ours. */
bool store_sweep_listed(const struct store *s);
/* Bytes that the sweeps of this store have freed so far: what a step frees has a price. A large
 * file goes SWEEP_CUT_BYTES a step, from its end, so that no step keeps the disk from a checkpoint
 * for long. */
uint64_t store_freed(const struct store *s);
#define SWEEP_CUT_BYTES (16u << 20) /* some milliseconds of a disk */

/* Hears of each file that a sweep removes, or would, and why: path from dir on, and its size. */
struct sweep_ear {
	void (*hear)(void *arg, const char *path, uint64_t size_bytes, const char *why);
	void *arg;
};
/* After a begin: until that sweep is done. */
void store_sweep_tells(struct store *s, struct sweep_ear ear);

/* The same, below a fence too, as `weir gc` does on a directory nobody runs: what stood alive
 * stays, what no slot names goes. E_REFUSED: something was begun that a run has to finish first. */
RC store_gc_begin(struct store *s, struct err *e);
/* Tells what a sweep would remove; changes nothing, and needs no fence. attempt: the running one;
 * 0: none runs. */
RC store_gc_plan(struct store *s, uint32_t attempt, struct sweep_ear ear, struct err *e);

/* A part of ours that will never be published (aborted checkpoint, dropped merge): the next sweep
 * removes it. E_NO_MEMORY is harmless (a later start removes it). */
RC store_discard(struct store *s, const char *part_name, struct err *e);

/* The newest published checkpoint of this line, read again and verified as store_open would: what
 * an attempt after a failure starts from. *m stays empty (id 0) when there is none. The caller
 * closes it. */
RC store_newest(struct store *s, struct manifest *m, struct err *e);

uint64_t store_slot(const struct store *s); /* the newest we linked or found */
/* What stands there; valid until the next publication or sweep. NULL: nothing. */
const struct manifest *store_top(const struct store *s);
const char *store_dir(const struct store *s);
const char *store_parts_dir(const struct store *s); /* <dir>/parts */

/* Gives up the lock. Legal on NULL. */
void store_close(struct store *s);
