/* intent.h - what a sink has prepared and the checkpoint's publication decides: data, never code.
 * Listed in the manifest; performed by the durability lane after publish, settled again by every
 * start (inv 17). Repeating one is harmless.
 *
 *   INTENT_RENAME  from -> to, without replacing. `from` gone: done already (somebody may have
 *                  taken the final file away). Both there: equal hash means done, else stop.
 *   INTENT_APPEND  length bytes of from at offset into to, which only ever grows; then from goes.
 *                  `from` there: whatever to holds at that place is written again, the same bytes.
 *                  `from` gone: done already, and to holds those bytes, or was taken away.
 *                  The listed ones of one file are looked at together: where it is shorter than the
 *                  first one's offset or longer than the last one's end (file_end) somebody else
 *                  wrote to it, and nothing is touched.
 *
 * An append is copied in steps, so that a large one does not keep the lane from the next
 * checkpoint. */
#pragma once
#include "base/bytes.h"
#include "base/fs.h"
#include "checkpoint/manifest.h"

/* INTENT_UNKNOWN: a kind of a later version; it is refused by whoever is to settle it. */
enum intent_kind { INTENT_UNKNOWN, INTENT_RENAME, INTENT_APPEND };

/* As it stands in a manifest. */
const char *intent_kind_name(enum intent_kind k);

#define INTENT_PATH_MAX 4096
#define INTENT_STEP_BYTES (256u << 10) /* copied or read in one step */
#define INTENT_SYNC_BYTES (4u << 20)   /* DESIGN 2.3: large files are synced as they are written */

struct intent {
	char sink[65];        /* stage id */
	enum intent_kind kind;
	char *from, *to;      /* paths; owned by whoever owns the list */
	uint64_t offset, length, hash; /* hash: checksum64 of the content */
	uint64_t file_end;    /* APPEND: the last end of all listed to the same file; not packed */
};

/* Packs one behind the others; intent_next unpacks (borrowing the text: from and to point into
 * r). */
void intent_put(struct bytes *to, const struct intent *in);
bool intent_next(struct reader *r, struct intent *in);

/* The i-th as a manifest lists it; the paths stay the manifest's. */
struct intent intent_of(const struct manifest *m, uint32_t i);

/* TAKEN: it was done, and somebody took the final file away since: no error (inv 17). */
enum intent_outcome { INTENT_COMMITTED, INTENT_WAS_DONE, INTENT_TAKEN };

/* What is said, by whoever sees it first, when the folder of `from` is not there: E_REFUSED. */
RC intent_folder_gone(const struct intent *in, const char *dir, struct err *e);

/* Whether a file of size_bytes (0 where gone) is one that weir wrote from byte `first` to at most
 * `end`; else E_REFUSED, with the cure. */
RC intent_length_fits(const char *path, bool gone, uint64_t size_bytes, uint64_t first,
		      uint64_t end, struct err *e);

/* How far the settling of one intent has come. Zeroed: not begun. */
struct intent_work {
	int phase;
	uint64_t at;
	struct checksum *sum;  /* owned; NULL where nothing is being read */
	enum intent_outcome out;
};

/* One bounded piece of the work; *done: w->out says how it came out. On an error the work is over
 * too: it may be begun again from the start. Nothing to close after *done or an error; whoever
 * stops in between closes. E_CORRUPT when from or to is not what was prepared. Syncs what it
 * touched: the file, the directory of `to` and that of `from`. Threads: the durability lane, or at
 * a start the control thread. */
RC intent_step(struct fs *fs, const struct intent *in, struct intent_work *w, bool *done,
	       struct err *e);
void intent_work_close(struct fs *fs, struct intent_work *w); /* legal on the empty value */

/* Whether `from`, where it is still there, is what was prepared; asked of all before the first is
 * settled, by a start: what a sink has just written itself is not read again. E_CORRUPT: no. */
RC intent_verify(struct fs *fs, const struct intent *in, struct err *e);

/* All steps. */
RC intent_settle(struct fs *fs, const struct intent *in, enum intent_outcome *out, struct err *e);

/* What the files say of it: pending, its `from` is there; committed, something of it can be seen
 * where it is committed. Asked before anything of its checkpoint is settled again: not pending, or
 * committed, it may have been performed, in part or as a whole (inv 16). */
RC intent_shows(struct fs *fs, const struct intent *in, bool *pending, bool *committed,
		struct err *e);
/* The folder of `from`. E_REFUSED: it is gone, and nothing can be said of what stood in it. */
RC intent_folder_is_there(struct fs *fs, const struct intent *in, struct err *e);
