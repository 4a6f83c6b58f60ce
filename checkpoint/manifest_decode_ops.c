/* manifest_decode_ops.c - the operators of a manifest out of its JSON: chains of runs, sections,
 * inline data. manifest_encode_ops.c is its mirror. Everything is checked before it is believed. */
#include "base/hash.h"
#include "checkpoint/base64.h"
#include "checkpoint/manifest_format.h"
#include "checkpoint/part_format.h"

static void get_schema(struct decoder *d, const struct json *o, const char *key, struct schema *s)
{
	const struct json *v = mget(d, o, key, JSON_OBJECT, MAY);
	for (size_t i = 0; i < mget_count(v) && d->rc == OK; i++) {
		const struct json *t = json_value(v, i);
		size_t len = 0;
		const char *text = json_kind(t) == JSON_STRING ? json_string(t, &len) : "";
		char name[32] = "";
		if (len < sizeof name)
			memcpy(name, text, len);
		bool nullable = len && len < sizeof name && name[len - 1] == '?';
		if (nullable)
			name[len - 1] = '\0';
		enum type type;
		struct err why = {OK};
		if (!type_parse(name, &type))
			WRONG(d, "'%s': '%.32s' is no type", key, text);
		else if (schema_add(s, json_key(v, i), type, nullable, &why) != OK)
			WRONG(d, "'%s': %s", key, why.text);
	}
}

static void get_inline(struct decoder *d, const struct json *v, struct section_ref *ref,
		       const uint8_t **data)
{
	size_t len, size = SIZE_MAX;
	const char *text = json_string(v, &len);
	if (strlen(text) == len)
		size = base64_size(text, len);
	uint8_t *own = size <= MANIFEST_INLINE_MAX ? manifest_alloc(d->m, size) : NULL;
	if (size > MANIFEST_INLINE_MAX)
		WRONG(d, "'data' is too long or not base64");
	else if (!own)
		mget_no_memory(d);
	else if (!base64_get(own, text, len))
		WRONG(d, "'data' is not base64");
	ref->file = SECTION_INLINE;
	ref->bytes = size;
	*data = own;
}

static void get_ref(struct decoder *d, const struct json *o, struct section_ref *ref,
		    const uint8_t **data)
{
	ref->rows = mget_uint(d, o, "rows", MAY, UINT64_MAX);
	const struct json *v = mget(d, o, "data", JSON_STRING, MAY);
	if (v) {
		if (json_get(o, "f") || json_get(o, "at") || json_get(o, "len") ||
		    json_get(o, "sum") || json_get(o, "bytes"))
			WRONG(d, "a section stands inline and in a file");
		if (ref->rows > UINT32_MAX)
			WRONG(d, "'rows' is too large");
		get_inline(d, v, ref, data);
		return;
	}
	ref->file = (uint32_t)mget_uint(d, o, "f", MAY, UINT32_MAX);
	ref->offset = mget_uint(d, o, "at", MUST, UINT64_MAX);
	ref->length = (uint32_t)mget_uint(d, o, "len", MUST, RECORD_MAX);
	ref->checksum = mget_hex(d, o, "sum", MUST, 16, 0);
	ref->bytes = mget_uint(d, o, "bytes", MUST, UINT64_MAX);
	if (d->rc != OK)
		return;
	if (ref->file >= d->m->n_files) {
		WRONG(d, "a section names file %u of %u", ref->file, d->m->n_files);
		return;
	}
	uint64_t end = d->m->file[ref->file].length - PART_END;
	if (ref->length < RECORD_FIXED || ref->offset < PART_HEADER || ref->offset > end ||
	    ref->length > end - ref->offset || ref->bytes < ref->length ||
	    ref->bytes - ref->length > ref->offset - PART_HEADER)
		WRONG(d, "a section does not stand within '%s'", d->m->file[ref->file].name);
}

static void get_run(struct decoder *d, const struct json *o, struct manifest_keyed *k)
{
	struct manifest_run run = {0};
	if (!ONLY(d, o, "a run", "f", "at", "len", "sum", "bytes", "rows", "data", "lo", "hi", "delta"))
		return;
	get_ref(d, o, &run.ref, &run.data);
	run.hash_first = mget_hex(d, o, "lo", MAY, 16, 0);
	run.hash_last = mget_hex(d, o, "hi", MAY, 16, UINT64_MAX);
	run.delta = mget_true(d, o, "delta");
	if (run.hash_first > run.hash_last)
		WRONG(d, "a run's 'lo' is above its 'hi'");
	struct manifest_run *own = manifest_add_run(d->m, k);
	if (own)
		*own = run;
	else
		mget_no_memory(d);
}

static void get_keyed(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	if (!ONLY(d, o, "a keyed state", "name", "key", "value", "hash", "chain"))
		return;
	struct manifest_keyed *k = manifest_add_keyed(d->m, op);
	if (!k) {
		mget_no_memory(d);
		return;
	}
	k->name = mget_text(d, o, "name", MAY, SECTION_NAME_MAX);
	get_schema(d, o, "key", &k->key);
	get_schema(d, o, "value", &k->value);
	k->hash_id = (uint32_t)mget_uint(d, o, "hash", MUST, UINT32_MAX);
	if (k->hash_id < HASH_XXH3_64 || k->hash_id > HASH_STRING)
		WRONG(d, "'hash' %u is unknown", k->hash_id);
	for (uint32_t i = 0; i + 1 < op->n_keyed; i++)
		if (!strcmp(op->keyed[i].name, k->name))
			WRONG(d, "keyed state '%s' stands twice", k->name);
	const struct json *chain = mget(d, o, "chain", JSON_ARRAY, MUST);
	for (size_t i = 0; i < mget_count(chain) && d->rc == OK; i++)
		get_run(d, json_item(chain, i), k);
}

static void get_section(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	if (!ONLY(d, o, "a section", "sub", "kind", "name", "f", "at", "len", "sum", "bytes", "rows",
		  "data"))
		return;
	struct manifest_section s = {0};
	s.subtask = (uint32_t)mget_uint(d, o, "sub", MAY, op->parallelism - 1);
	const char *kind = mget_text(d, o, "kind", MUST, 32);
	if (!section_kind_parse(kind, &s.kind) || s.kind == SECTION_KEYED)
		WRONG(d, "'%s' is no kind of section", kind);
	s.name = mget_text(d, o, "name", MAY, SECTION_NAME_MAX);
	get_ref(d, o, &s.ref, &s.data);
	struct manifest_section *own = manifest_add_section(d->m, op);
	if (own)
		*own = s;
	else
		mget_no_memory(d);
}

static void get_ended(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	const struct json *list = mget(d, o, "ended", JSON_ARRAY, MAY);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		uint64_t subtask = mget_number(d, json_item(list, i), "ended");
		if (subtask >= op->parallelism || op->ended[subtask])
			WRONG(d, "'ended' names a subtask twice, or one that is not there");
		else
			op->ended[subtask] = true;
	}
}

static void get_op(struct decoder *d, const struct json *o)
{
	if (!ONLY(d, o, "an operator", "id", "type", "version", "par", "max_par", "ended", "keyed",
		  "sections", "counts"))
		return;
	const char *id = mget_text(d, o, "id", MUST, SECTION_NAME_MAX);
	const char *type = mget_text(d, o, "type", MUST, SECTION_NAME_MAX);
	uint64_t version = mget_uint(d, o, "version", MAY, UINT32_MAX);
	uint64_t max = mget_uint(d, o, "max_par", MUST, PARALLELISM_MAX);
	uint64_t par = json_get(o, "par") ? mget_uint(d, o, "par", MAY, PARALLELISM_MAX) : 1;
	if (!par || par > max)
		WRONG(d, "operator '%s' has parallelism %llu of at most %llu", id,
		      (unsigned long long)par, (unsigned long long)max);
	struct manifest_op *op = d->rc == OK ? manifest_add_op(d->m, id, type, (uint32_t)par) : NULL;
	if (!op) {
		mget_no_memory(d);
		return;
	}
	op->state_version = (uint32_t)version;
	op->max_parallelism = (uint32_t)max;
	get_ended(d, o, op);
	const struct json *keyed = mget(d, o, "keyed", JSON_ARRAY, MAY);
	for (size_t i = 0; i < mget_count(keyed) && d->rc == OK; i++)
		get_keyed(d, json_item(keyed, i), op);
	const struct json *sections = mget(d, o, "sections", JSON_ARRAY, MAY);
	for (size_t i = 0; i < mget_count(sections) && d->rc == OK; i++)
		get_section(d, json_item(sections, i), op);
	counts_get_op(d, o, op);
	if (d->rc != OK)
		err_in(d->e, "operator '%s'", id);
}

void ops_get(struct decoder *d, const struct json *o)
{
	const struct json *list = mget(d, o, "ops", JSON_ARRAY, MUST);
	if (list && (!mget_count(list) || mget_count(list) > OPS_MAX))
		WRONG(d, "'ops' lists none, or more than %d operators", OPS_MAX);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++)
		get_op(d, json_item(list, i));
	const char *id[OPS_MAX];
	for (uint32_t i = 0; d->rc == OK && i < d->m->n_ops; i++)
		id[i] = d->m->op[i].id;
	mget_distinct(d, id, d->m->n_ops, "operator");
}
