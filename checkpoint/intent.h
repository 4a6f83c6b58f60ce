/* intent.h - what a sink has prepared and the checkpoint's publication decides: data, never code.
 * Listed in the manifest; performed by the durability lane after publish, settled again by every
 * start (inv 17). Repeating one is harmless.
 *
 *   INTENT_RENAME  from -> to, without replacing. `from` gone: done already (somebody may have
 *                  taken the final file away). Both there: equal hash means done, else stop.
 *   INTENT_APPEND  (`single`, later) length bytes of from at offset into to. */
#pragma once
#include "base/bytes.h"
#include "base/fs.h"
#include "checkpoint/manifest.h"

enum intent_kind { INTENT_RENAME = 1, INTENT_APPEND = 2 };

#define INTENT_PATH_MAX 4096

struct intent {
	char sink[65];        /* stage id */
	enum intent_kind kind;
	char *from, *to;      /* paths; owned by whoever owns the list */
	uint64_t offset, length, hash; /* hash: checksum64 of the content */
};

/* Packs one behind the others; intent_next unpacks (borrowing the text: from and to point into
 * r). */
void intent_put(struct bytes *to, const struct intent *in);
bool intent_next(struct reader *r, struct intent *in);

/* As a manifest lists it; the paths stay the manifest's. */
struct intent intent_of(const struct manifest_intent *m);

/* TAKEN: it was done, and somebody took the final file away since: no error (inv 17). */
enum intent_outcome { INTENT_COMMITTED, INTENT_WAS_DONE, INTENT_TAKEN };

/* What is said, by whoever sees it first, when the folder of `from` is not there: E_REFUSED. */
RC intent_folder_gone(const struct intent *in, const char *dir, struct err *e);

/* Performs one on the durability lane or, at a start, on the control thread. Syncs what it touched:
 * the directory of `to` and that of `from`. E_CORRUPT when both exist and differ. */
RC intent_settle(struct fs *fs, const struct intent *in, enum intent_outcome *out, struct err *e);
