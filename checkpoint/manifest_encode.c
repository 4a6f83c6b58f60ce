/* manifest_encode.c - a manifest to bytes; manifest_decode.c is its mirror, key by key.
 * Defaults are left out: a checkpoint in which nothing changed is mostly its manifest. */
#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "checkpoint/manifest_format.h"

#include <stdio.h>

static void put_files(struct json_out *o, const struct manifest *m)
{
	if (!m->n_files)
		return;
	jout_key(o, "files");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_files; i++) {
		jout_object(o);
		jout_kv_string(o, "name", m->file[i].name);
		jout_kv_uint(o, "len", m->file[i].length);
		jout_kv_hex64(o, "hash", m->file[i].hash);
		jout_kv_uint(o, "epoch", m->file[i].epoch);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void put_intents(struct json_out *o, const struct manifest *m)
{
	if (!m->n_intents)
		return;
	jout_key(o, "intents");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_intents; i++) {
		const struct manifest_intent *t = &m->intent[i];
		jout_object(o);
		jout_kv_string(o, "sink", t->sink);
		jout_kv_string(o, "kind", t->kind);
		jout_kv_string(o, "from", t->from);
		jout_kv_string(o, "to", t->to);
		put_uint(o, "off", t->offset);
		jout_kv_uint(o, "len", t->length);
		jout_kv_hex64(o, "hash", t->hash);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void put_figures(struct json_out *o, const struct manifest_figures *f)
{
	jout_key(o, "figures");
	jout_object(o);
	put_text(o, "trigger", f->trigger);
	put_uint(o, "bytes_written", f->bytes_written);
	put_uint(o, "state_bytes", f->state_bytes);
	put_uint(o, "keys", f->keys);
	put_uint(o, "keys_changed", f->keys_changed);
	put_uint(o, "align_us", f->align_us);
	put_uint(o, "sync_us_max", f->sync_us_max);
	put_uint(o, "async_us", f->async_us);
	put_uint(o, "total_us", f->total_us);
	jout_object_end(o);
}

static void put_checkpoint(struct json_out *o, const struct manifest *m)
{
	jout_kv_uint(o, "id", m->id);
	jout_kv_uint(o, "attempt", m->attempt);
	if (m->kind != CHECKPOINT_PERIODIC)
		jout_kv_string(o, "kind", checkpoint_kind_name(m->kind));
	put_true(o, "final", m->final);
	put_text(o, "name", m->name);
	jout_kv_int(o, "wall_us", m->wall_us);
	jout_kv_hex64(o, "job", m->job_hash);
	put_files(o, m);
	ops_put(o, m);
	put_intents(o, m);
	put_figures(o, &m->figures);
	origin_put(o, m);
	counts_put(o, m);
}

static void put_body(struct bytes *to, const struct manifest *m)
{
	char lineage[16];
	snprintf(lineage, sizeof lineage, "%08x", m->lineage);
	struct json_out o;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_string(&o, "is", m->slot_kind == SLOT_FENCE ? "fence" : "checkpoint");
	jout_kv_string(&o, "uuid", m->uuid);
	jout_kv_string(&o, "lineage", lineage);
	put_uint(&o, "parent", m->parent);
	jout_kv_uint(&o, "epoch", m->epoch);
	put_uint(&o, "top_id", m->top_id);
	slots_put(&o, m);
	accepts_put(&o, m);
	if (m->slot_kind == SLOT_CHECKPOINT)
		put_checkpoint(&o, m);
	else
		todo_put(&o, &m->todo);
	jout_object_end(&o);
}

static void check_sane(const struct manifest *m)
{
	CHECK(m->slot != SLOT_NONE && m->parent < m->slot && strlen(m->uuid) == UUID_TEXT - 1);
	CHECK(m->slot_kind == SLOT_FENCE ? m->epoch == m->slot && !m->n_files && !m->n_ops
					 : m->epoch && m->epoch < m->slot && m->id && m->n_ops &&
						   m->todo.kind == TODO_NONE);
	CHECK(manifest_inline_bytes(m) <= MANIFEST_INLINE_MAX);
}

enum rc manifest_encode(struct manifest *m, struct bytes *to, struct err *e)
{
	check_sane(m);
	m->stretches = slots_have_stretch(m);
	struct bytes body;
	bytes_init(&body, to->mem);
	put_body(&body, m);
	size_t start = to->len;
	bytes_put(to, manifest_magic, 8);
	bytes_put_u16(to, MANIFEST_VERSION);
	bytes_put_u16(to, MANIFEST_BYTE_ORDER);
	bytes_put_u32(to, MANIFEST_HEADER);
	bytes_put_u64(to, body.len);
	bytes_put_u64(to, checksum64(body.data, body.len));
	bytes_put_u64(to, m->slot);
	bytes_put_u64(to, manifest_features(m));
	bytes_put_u64(to, 0);
	if (bytes_ok(to))
		bytes_put_u64(to, checksum64(to->data + start, MANIFEST_HEADER - 8));
	bytes_put(to, body.data, body.len);
	enum rc rc = OK;
	if (!bytes_ok(to) || !bytes_ok(&body))
		rc = ERR(e, E_NO_MEMORY, "no memory for a manifest");
	else if (to->len - start > MANIFEST_MAX)
		rc = ERR(e, E_LIMIT, "a manifest of %zu bytes is too long", to->len - start);
	m->size_bytes = to->len - start;
	bytes_close(&body);
	return rc;
}
