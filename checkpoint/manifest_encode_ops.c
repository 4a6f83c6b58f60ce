/* manifest_encode_ops.c - the operators of a manifest as JSON; manifest_decode_ops.c is its
 * mirror, key by key. */
#include "base/check.h"
#include "checkpoint/base64.h"
#include "checkpoint/manifest_format.h"

static void put_schema(struct json_out *o, const char *key, const struct schema *s)
{
	if (!s->n)
		return;
	jout_key(o, key);
	jout_object(o);
	for (uint32_t i = 0; i < s->n; i++) {
		char type[32];
		size_t len = strlen(type_name(s->field[i].type));
		CHECK(len + 2 <= sizeof type);
		memcpy(type, type_name(s->field[i].type), len);
		type[len] = s->field[i].nullable ? '?' : '\0';
		type[len + 1] = '\0';
		jout_kv_string(o, s->field[i].name, type);
	}
	jout_object_end(o);
}

static void put_ref(struct json_out *o, const struct manifest *m, const struct section_ref *ref,
		    const uint8_t *data)
{
	if (ref->file == SECTION_INLINE) {
		struct bytes text;
		bytes_init(&text, o->to->mem);
		base64_put(&text, data, ref->bytes);
		jout_kv_string(o, "data", bytes_text(&text));
		o->to->failed |= !bytes_ok(&text);
		bytes_close(&text);
	} else {
		CHECK(ref->file < m->n_files);
		put_uint(o, "f", ref->file);
		jout_kv_uint(o, "at", ref->offset);
		jout_kv_uint(o, "len", ref->length);
		jout_kv_hex64(o, "sum", ref->checksum);
		jout_kv_uint(o, "bytes", ref->bytes);
	}
	put_uint(o, "rows", ref->rows);
}

static void put_keyed(struct json_out *o, const struct manifest *m, const struct manifest_keyed *k)
{
	jout_object(o);
	put_text(o, "name", k->name);
	put_schema(o, "key", &k->key);
	put_schema(o, "value", &k->value);
	jout_kv_uint(o, "hash", k->hash_id);
	jout_key(o, "chain");
	jout_array(o);
	for (uint32_t i = 0; i < k->n_runs; i++) {
		const struct manifest_run *run = &k->run[i];
		jout_object(o);
		put_ref(o, m, &run->ref, run->data);
		if (run->hash_first)
			jout_kv_hex64(o, "lo", run->hash_first);
		if (run->hash_last != UINT64_MAX)
			jout_kv_hex64(o, "hi", run->hash_last);
		put_true(o, "delta", run->delta);
		jout_object_end(o);
	}
	jout_array_end(o);
	jout_object_end(o);
}

static void put_ended(struct json_out *o, const struct manifest_op *op)
{
	uint32_t ended = 0;
	for (uint32_t i = 0; i < op->parallelism; i++)
		ended += op->ended[i];
	if (!ended)
		return;
	jout_key(o, "ended");
	jout_array(o);
	for (uint32_t i = 0; i < op->parallelism; i++)
		if (op->ended[i])
			jout_uint(o, i);
	jout_array_end(o);
}

static void put_op(struct json_out *o, const struct manifest *m, const struct manifest_op *op)
{
	jout_object(o);
	jout_kv_string(o, "id", op->id);
	jout_kv_string(o, "type", op->type);
	put_uint(o, "version", op->state_version);
	if (op->parallelism != 1)
		jout_kv_uint(o, "par", op->parallelism);
	jout_kv_uint(o, "max_par", op->max_parallelism);
	put_ended(o, op);
	if (op->n_keyed) {
		jout_key(o, "keyed");
		jout_array(o);
		for (uint32_t i = 0; i < op->n_keyed; i++)
			put_keyed(o, m, &op->keyed[i]);
		jout_array_end(o);
	}
	if (op->n_sections) {
		jout_key(o, "sections");
		jout_array(o);
		for (uint32_t i = 0; i < op->n_sections; i++) {
			const struct manifest_section *s = &op->section[i];
			jout_object(o);
			put_uint(o, "sub", s->subtask);
			jout_kv_string(o, "kind", section_kind_name(s->kind));
			put_text(o, "name", s->name);
			put_ref(o, m, &s->ref, s->data);
			jout_object_end(o);
		}
		jout_array_end(o);
	}
	counts_put_op(o, op);
	jout_object_end(o);
}

void ops_put(struct json_out *o, const struct manifest *m)
{
	jout_key(o, "ops");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_ops; i++)
		put_op(o, m, &m->op[i]);
	jout_array_end(o);
}
