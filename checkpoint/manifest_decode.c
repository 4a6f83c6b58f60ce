/* manifest_decode.c - bytes to a manifest; manifest_encode.c is its mirror, key by key.
 * Everything is checked before it is believed: types, ranges, references, unknown keys. */
#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/base64.h"
#include "checkpoint/manifest_format.h"
#include "checkpoint/manifest_get.h"
#include "checkpoint/part_format.h"

/* By feel, far above what a job makes: they bound what a hostile text can make us allocate. */
enum { OPS_MAX = 1024, PARALLELISM_MAX = 32768, FILES_MAX = 65536, PATH_MAX_BYTES = 4095 };

/* --- the parts of a manifest, in the order of manifest_encode.c --- */
static uint64_t *get_slots(struct decoder *d, const struct json *o, const char *key, uint32_t *n)
{
	*n = 0;
	const struct json *list = mget(d, o, key, JSON_ARRAY, MAY);
	uint64_t *slot = manifest_alloc(d->m, mget_count(list) * sizeof *slot);
	if (!slot)
		mget_no_memory(d);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		slot[i] = mget_number(d, json_item(list, i), key);
		if (slot[i] >= d->m->slot || slot[i] <= (i ? slot[i - 1] : 0))
			WRONG(d, "'%s' does not ascend below its own slot", key);
		*n = (uint32_t)i + 1;
	}
	return slot;
}

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
		  "sections"))
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
	if (d->rc != OK)
		err_in(d->e, "operator '%s'", id);
}

static void get_ops(struct decoder *d, const struct json *o)
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

static void get_file(struct decoder *d, const struct json *o)
{
	if (!ONLY(d, o, "a file", "name", "len", "hash", "epoch"))
		return;
	struct part_file f = {.length = mget_uint(d, o, "len", MUST, UINT64_MAX),
			      .hash = mget_hex(d, o, "hash", MUST, 16, 0),
			      .epoch = mget_uint(d, o, "epoch", MUST, UINT64_MAX)};
	const char *name = mget_text(d, o, "name", MUST, LAYOUT_NAME_MAX);
	struct part_name is;
	if (d->rc != OK)
		return;
	if (!layout_part_parse(name, &is) || is.epoch != f.epoch || f.epoch > d->m->epoch || !f.epoch)
		WRONG(d, "'%s' is no part file of this directory", name);
	else if (f.length < PART_HEADER + PART_END)
		WRONG(d, "'%s' is too short", name);
	memcpy(f.name, name, strlen(name));
	struct part_file *own = manifest_add_file(d->m);
	if (own)
		*own = f;
	else
		mget_no_memory(d);
}

static void get_files(struct decoder *d, const struct json *o)
{
	const struct json *list = mget(d, o, "files", JSON_ARRAY, MAY);
	if (mget_count(list) > FILES_MAX)
		WRONG(d, "'files' lists more than %d", FILES_MAX);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++)
		get_file(d, json_item(list, i));
	const char **name = mem_get(d->m->mem, d->m->n_files * sizeof *name);
	if (!name) {
		mget_no_memory(d);
		return;
	}
	for (uint32_t i = 0; i < d->m->n_files; i++)
		name[i] = d->m->file[i].name;
	mget_distinct(d, name, d->m->n_files, "file");
	mem_put(d->m->mem, name);
}

static void get_intents(struct decoder *d, const struct json *o)
{
	const struct json *list = mget(d, o, "intents", JSON_ARRAY, MAY);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		const struct json *v = json_item(list, i);
		if (!ONLY(d, v, "an intent", "sink", "kind", "from", "to", "off", "len", "hash"))
			return;
		struct manifest_intent t = {
			.sink = mget_text(d, v, "sink", MUST, SECTION_NAME_MAX),
			.kind = mget_text(d, v, "kind", MUST, 32),
			.from = mget_text(d, v, "from", MUST, PATH_MAX_BYTES),
			.to = mget_text(d, v, "to", MUST, PATH_MAX_BYTES),
			.offset = mget_uint(d, v, "off", MAY, UINT64_MAX),
			.length = mget_uint(d, v, "len", MUST, UINT64_MAX),
			.hash = mget_hex(d, v, "hash", MUST, 16, 0),
		};
		struct manifest_intent *own = manifest_add_intent(d->m);
		if (own)
			*own = t;
		else
			mget_no_memory(d);
	}
}

static void get_figures(struct decoder *d, const struct json *o)
{
	const struct json *v = mget(d, o, "figures", JSON_OBJECT, MUST);
	if (!v || !ONLY(d, v, "figures", "trigger", "bytes_written", "state_bytes", "keys",
			"keys_changed", "align_us", "sync_us_max", "async_us", "total_us"))
		return;
	d->m->figures = (struct manifest_figures){
		.trigger = mget_text(d, v, "trigger", MAY, 255),
		.bytes_written = mget_uint(d, v, "bytes_written", MAY, UINT64_MAX),
		.state_bytes = mget_uint(d, v, "state_bytes", MAY, UINT64_MAX),
		.keys = mget_uint(d, v, "keys", MAY, UINT64_MAX),
		.keys_changed = mget_uint(d, v, "keys_changed", MAY, UINT64_MAX),
		.align_us = mget_uint(d, v, "align_us", MAY, UINT64_MAX),
		.sync_us_max = mget_uint(d, v, "sync_us_max", MAY, UINT64_MAX),
		.async_us = mget_uint(d, v, "async_us", MAY, UINT64_MAX),
		.total_us = mget_uint(d, v, "total_us", MAY, UINT64_MAX),
	};
}

static void get_checkpoint(struct decoder *d, const struct json *o)
{
	struct manifest *m = d->m;
	m->id = mget_uint(d, o, "id", MUST, m->top_id);
	m->attempt = (uint32_t)mget_uint(d, o, "attempt", MUST, UINT32_MAX);
	const char *kind = mget_text(d, o, "kind", MAY, 32);
	for (unsigned k = 0; *kind && k <= CHECKPOINT_KINDS; k++) {
		m->kind = k;
		if (k == CHECKPOINT_KINDS)
			WRONG(d, "'%s' is no kind of checkpoint", kind);
		else if (!strcmp(kind, checkpoint_kind_name(k)))
			break;
	}
	m->final = mget_true(d, o, "final");
	const char *name = mget_text(d, o, "name", MAY, SECTION_NAME_MAX);
	m->name = *name ? name : NULL;
	const struct json *wall = mget(d, o, "wall_us", JSON_INT, MUST);
	m->wall_us = wall ? json_int(wall) : 0;
	m->job_hash = mget_hex(d, o, "job", MUST, 16, 0);
	if (!m->id || m->epoch >= m->slot)
		WRONG(d, "'id' or 'epoch' cannot be");
	get_files(d, o);
	get_ops(d, o);
	get_intents(d, o);
	get_figures(d, o);
	if (d->rc == OK && manifest_inline_bytes(m) > MANIFEST_INLINE_MAX)
		WRONG(d, "inline sections are longer than %d bytes", MANIFEST_INLINE_MAX);
}

static void get_uuid(struct decoder *d, const struct json *o)
{
	const char *text = mget_text(d, o, "uuid", MUST, UUID_TEXT - 1);
	bool good = strlen(text) == UUID_TEXT - 1;
	for (size_t i = 0; good && i < UUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		good = dash ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL;
	}
	if (good)
		memcpy(d->m->uuid, text, UUID_TEXT);
	else
		WRONG(d, "'uuid' is no identity");
}

static void get_body(struct decoder *d, const struct json *o)
{
	struct manifest *m = d->m;
	if (json_kind(o) != JSON_OBJECT) {
		WRONG(d, "the body is no object");
		return;
	}
	const char *is = mget_text(d, o, "is", MUST, 32);
	bool fence = !strcmp(is, "fence");
	if (!fence && strcmp(is, "checkpoint"))
		WRONG(d, "'is' is '%s'", is);
	if (fence && json_get(o, "todo") && d->rc == OK)
		d->rc = ERR(d->e, E_REFUSED, "a rewind or import was begun and not finished; this "
			    "weir cannot finish it: start the version that began it");
	bool known = fence ? ONLY(d, o, "a fence", "is", "uuid", "lineage", "parent", "epoch", "top_id",
				  "retained", "pinned", "quarantined")
			   : ONLY(d, o, "a checkpoint", "is", "uuid", "lineage", "parent", "epoch",
				  "top_id", "retained", "pinned", "quarantined", "id", "attempt",
				  "kind", "final", "name", "wall_us", "job", "files", "ops",
				  "intents", "figures");
	if (!known)
		return;
	m->slot_kind = fence ? SLOT_FENCE : SLOT_CHECKPOINT;
	get_uuid(d, o);
	m->lineage = (uint32_t)mget_hex(d, o, "lineage", MUST, 8, 0);
	m->parent = mget_uint(d, o, "parent", MAY, m->slot - 1);
	m->epoch = mget_uint(d, o, "epoch", MUST, m->slot);
	m->top_id = mget_uint(d, o, "top_id", MAY, UINT64_MAX);
	m->retained = get_slots(d, o, "retained", &m->n_retained);
	m->pinned = get_slots(d, o, "pinned", &m->n_pinned);
	m->quarantined = get_slots(d, o, "quarantined", &m->n_quarantined);
	if (!m->epoch || (fence && m->epoch != m->slot))
		WRONG(d, "'epoch' cannot be");
	if (!fence)
		get_checkpoint(d, o);
}

static enum rc check_header(const uint8_t *data, size_t len, uint64_t slot, struct err *e)
{
	if (len < MANIFEST_HEADER || memcmp(data, manifest_magic, 8))
		return ERR(e, E_CORRUPT, "no manifest begins here");
	if (load_u64(data + 56) != checksum64(data, 56))
		return ERR(e, E_CORRUPT, "the header does not fit its checksum");
	struct reader r = reader_of(data + 8, MANIFEST_HEADER - 8);
	uint32_t version = reader_u16(&r), order = reader_u16(&r), header = reader_u32(&r);
	uint64_t body = reader_u64(&r), sum = reader_u64(&r), at_slot = reader_u64(&r);
	uint64_t features = reader_u64(&r), zero = reader_u64(&r);
	if (version != MANIFEST_VERSION)
		return ERR(e, E_REFUSED, "format %u; this weir reads %d", version, MANIFEST_VERSION);
	if (features)
		return ERR(e, E_REFUSED, "it needs feature %d, which this weir does not have",
			   __builtin_ctzll(features));
	if (order != MANIFEST_BYTE_ORDER || header != MANIFEST_HEADER || zero)
		return ERR(e, E_CORRUPT, "the header cannot be");
	if (body != len - MANIFEST_HEADER)
		return ERR(e, E_CORRUPT, "the body says %llu bytes, %zu are there",
			   (unsigned long long)body, len - MANIFEST_HEADER);
	if (checksum64(data + MANIFEST_HEADER, body) != sum)
		return ERR(e, E_CORRUPT, "the body does not fit its checksum");
	if (at_slot != slot)
		return ERR(e, E_CORRUPT, "it says that it is slot %llu", (unsigned long long)at_slot);
	return OK;
}

enum rc manifest_decode(struct manifest *m, struct mem *mem, uint64_t slot, const void *data,
			size_t len, struct err *e)
{
	manifest_init(m, mem);
	enum rc rc = check_header(data, len, slot, e);
	if (rc != OK)
		return rc;
	struct json_doc *doc = NULL;
	struct err why = {OK};
	rc = json_parse(&doc, (const char *)data + MANIFEST_HEADER, len - MANIFEST_HEADER, mem, NULL,
			&why);
	if (rc != OK)
		return ERR(e, rc == E_NO_MEMORY ? rc : E_CORRUPT, "%s", why.text);
	m->slot = slot;
	m->size_bytes = len;
	struct decoder d = {.m = m, .e = &why};
	get_body(&d, json_root(doc));
	json_close(doc);
	if (d.rc != OK) {
		manifest_close(m);
		return ERR(e, d.rc, "%s", why.text);
	}
	return OK;
}
