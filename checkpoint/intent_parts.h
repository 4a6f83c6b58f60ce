/* intent_parts.h - the inside of intents, shared by intent.c (packing, renames) and intent_append.c
 * only. */
#pragma once
#include "checkpoint/intent.h"

#include <string.h>

/* Of the folder that path stands in. */
RC intent_sync_dir_of(struct fs *fs, const char *path, struct err *e);
/* Those of `to` and of `from`. */
RC intent_sync_dirs(struct fs *fs, const struct intent *in, struct err *e);
/* Of a file that may not be there: *gone, and *st is zero. */
RC intent_look(struct fs *fs, const char *path, bool *gone, struct fs_stat *st, struct err *e);
/* One step of an INTENT_APPEND. */
RC intent_append_step(struct fs *fs, const struct intent *in, struct intent_work *w, bool *done,
		      struct err *e);
