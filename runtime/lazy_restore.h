/* lazy_restore.h - a keyed state restored while its task already works: keys are read on demand and
 * in the background (state/lazy.h says what the table promises meanwhile).
 *
 *     task:   rows of a batch ──ready?──> work         missing ──lazy_want──> a load, at once
 *     lane:   load ──blocks, verified ──> merged rows ──letter──> task: lazy_take fills the table
 *             others go through everything once, in order: the background
 *
 * Why the background reads everything again that was fetched on demand: so it costs what an eager
 * restore costs, every block is verified by the time it ends (inv 33), and all that is owed between
 * the two is which stretches' rows to leave out. Demand has one load at a time and gives the
 * background turns in between: a batch of random keys wants hundreds of stretches, each of which
 * costs a block of every run.
 * Owns: the files and buffers, until it is over. Threads: everything but the loads' steps (bytes
 * lane) is the task's. Files are opened by lazy_open and closed on the lane. */
#pragma once
#include "checkpoint/manifest.h"
#include "runtime/ioqueue.h"
#include "runtime/restore.h"
#include "state/lazy.h"

struct lazy_options {
	struct fs *fs;
	struct mem *mem;
	const char *parts_dir;
	const struct manifest *m;       /* borrowed during lazy_open */
	const struct manifest_keyed *s; /* of m; borrowed until it is over */
	struct keyed_shape shape;
	struct keyed *k;                /* empty; borrowed */
	uint64_t hash_first, hash_last; /* what k owns */
	uint64_t expected;              /* keys */
	struct ioqueue *io;
	struct mailbox *reply;          /* the task's */
	int kind;                       /* of its letters */
};

struct lazy;
/* Verifies the headers and indexes of all runs that k needs; reads no block. E_CORRUPT. */
RC lazy_open(struct lazy **l, const struct lazy_options *o, struct err *e);
/* The background begins. Once, and not before letters can be received. */
void lazy_begin(struct lazy *l);
/* Rows of this stretch (keyed_ready's) are waited for. Asked again and again is no harm: false: not
 * now, or it is on its way already. */
bool lazy_want(struct lazy *l, uint32_t stretch);
/* A letter of kind o->kind: its rows go into k, and its load goes on. E_CORRUPT: a block is not
 * what was written; then, as after lazy_drop, nothing more is read. */
RC lazy_take(struct lazy *l, struct mail *m, struct err *e);
bool lazy_is_over(const struct lazy *l);   /* k is whole, the files are closed */
bool lazy_is_flying(const struct lazy *l); /* letters are still to come */
/* It is not wanted any more; letters that are under way still come. */
void lazy_drop(struct lazy *l);
/* What was restored, once it is over. */
const struct restored *lazy_restored(const struct lazy *l);
void lazy_close(struct lazy *l); /* not while it is flying; NULL is legal */
