/* manifest_format.h - what a manifest's encoder and decoder share, and nobody else: the fixed
 * places of its header, and the groups of keys that have files of their own, where both
 * directions stand side by side. Layout: docs/FORMAT.md, "Manifest". */
#pragma once
#include "checkpoint/manifest_get.h"

#define MANIFEST_VERSION 1
#define MANIFEST_BYTE_ORDER 0x0102
#define MANIFEST_HEADER 64

static const char manifest_magic[8] = {'W', 'E', 'I', 'R', 'M', 'A', 'N', 'I'};

/* By feel, far above what a job makes: they bound what a hostile text can make us allocate. */
enum { OPS_MAX = 1024, PARALLELISM_MAX = 32768, FILES_MAX = 65536, PATH_MAX_BYTES = 4095 };

/* Defaults are left out: a checkpoint in which nothing changed is mostly its manifest. */
static inline void put_uint(struct json_out *o, const char *key, uint64_t v)
{
	if (v)
		jout_kv_uint(o, key, v);
}

static inline void put_true(struct json_out *o, const char *key, bool v)
{
	if (v)
		jout_kv_bool(o, key, true);
}

static inline void put_text(struct json_out *o, const char *key, const char *v)
{
	if (v && *v)
		jout_kv_string(o, key, v);
}

/* manifest_counts.c: what was counted on the cut, and what was proved of it */
void counts_put_op(struct json_out *o, const struct manifest_op *op);
void counts_get_op(struct decoder *d, const struct json *o, struct manifest_op *op);
void counts_put(struct json_out *o, const struct manifest *m); /* edges, audit, checks */
void counts_get(struct decoder *d, const struct json *o);
/* Parts of it, for the ledger. */
void counts_put_edges(struct json_out *o, const struct manifest *m);
void counts_get_edges(struct decoder *d, const struct json *o);
void ledger_put(struct json_out *o, const char *key, const struct manifest_ledger *l);
void ledger_get(struct decoder *d, const struct json *o, const char *key); /* to d->m->ledger */

/* manifest_slots.c: retained, pinned, quarantined */
bool slots_have_stretch(const struct manifest *m);
void slots_put(struct json_out *o, const struct manifest *m);
void slots_get(struct decoder *d, const struct json *o);

/* manifest_todo.c: where a line came from, and what its fence promised */
void origin_put(struct json_out *o, const struct manifest *m);
void origin_get(struct decoder *d, const struct json *o);
void accepts_put(struct json_out *o, const struct manifest *m);
void accepts_get(struct decoder *d, const struct json *o);
void todo_put(struct json_out *o, const struct manifest_todo *t);
void todo_get(struct decoder *d, const struct json *o);

/* manifest_decode_ops.c */
void ops_get(struct decoder *d, const struct json *o);
/* manifest_encode_ops.c */
void ops_put(struct json_out *o, const struct manifest *m);
