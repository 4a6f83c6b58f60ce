/* manifest_decode.c - bytes to a manifest; manifest_encode.c is its mirror, key by key.
 * Everything is checked before it is believed: types, ranges, references, unknown keys. The first
 * thing found wrong stands in `e`; from then on every getter returns its empty value. */
#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "checkpoint/base64.h"
#include "checkpoint/manifest.h"
#include "checkpoint/manifest_format.h"
#include "checkpoint/part_format.h"

#include <stdlib.h>

/* By feel, far above what a job makes: they bound what a hostile text can make us allocate. */
enum { OPS_MAX = 1024, PARALLELISM_MAX = 32768, FILES_MAX = 65536, PATH_MAX_BYTES = 4095 };

struct decoder {
	struct manifest *m;
	enum rc rc;
	struct err *e;
};

#define WRONG(d, ...)                                                                              \
	((void)((d)->rc == OK ? ((d)->rc = ERR((d)->e, E_CORRUPT, __VA_ARGS__)) : OK))

static void no_memory(struct decoder *d)
{
	if (d->rc == OK)
		d->rc = ERR(d->e, E_NO_MEMORY, "no memory for a manifest");
}

/* --- getters: a key that is not there gives the default, unless it is needed --- */
enum need { MAY, MUST };

static const struct json *get(struct decoder *d, const struct json *o, const char *key,
			      enum json_kind kind, enum need need)
{
	const struct json *v = d->rc == OK ? json_get(o, key) : NULL;
	if (!v) {
		if (need == MUST)
			WRONG(d, "'%s' is missing", key);
		return NULL;
	}
	if (json_kind(v) != kind) {
		WRONG(d, "'%s' is %s", key, json_kind_name(json_kind(v)));
		return NULL;
	}
	return v;
}

static uint64_t uint_of(struct decoder *d, const struct json *v, const char *key)
{
	if (json_kind(v) == JSON_INT && json_int(v) >= 0)
		return (uint64_t)json_int(v);
	uint64_t n = 0;
	if (json_kind(v) != JSON_STRING) {
		WRONG(d, "'%s' is not a whole number from 0 on", key);
		return 0;
	}
	size_t len;
	const char *text = json_string(v, &len);
	bool good = len > 0 && text[0] != '0';
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');
		good &= text[i] >= '0' && text[i] <= '9' && n <= (UINT64_MAX - digit) / 10;
		n = n * 10 + digit;
	}
	if (!good || n <= INT64_MAX)
		WRONG(d, "'%s' is not a whole number", key);
	return d->rc == OK ? n : 0;
}

static uint64_t get_uint(struct decoder *d, const struct json *o, const char *key, enum need need,
			 uint64_t most)
{
	const struct json *v = d->rc == OK ? json_get(o, key) : NULL;
	if (!v) {
		if (need == MUST)
			WRONG(d, "'%s' is missing", key);
		return 0;
	}
	uint64_t n = uint_of(d, v, key);
	if (n > most)
		WRONG(d, "'%s' is too large", key);
	return d->rc == OK ? n : 0;
}

/* The manifest's own copy, or "" when it is not there. */
static const char *get_text(struct decoder *d, const struct json *o, const char *key,
			    enum need need, size_t most)
{
	const struct json *v = get(d, o, key, JSON_STRING, need);
	if (!v)
		return "";
	size_t len;
	const char *text = json_string(v, &len);
	if (strlen(text) != len || len > most || (need == MUST && !len)) {
		WRONG(d, "'%s' is empty, too long or holds a NUL", key);
		return "";
	}
	const char *own = manifest_text(d->m, text);
	if (!own)
		no_memory(d);
	return own ? own : "";
}

/* Hexadecimal, exactly that many small digits. */
static uint64_t get_hex(struct decoder *d, const struct json *o, const char *key, enum need need,
			size_t digits, uint64_t otherwise)
{
	const struct json *v = get(d, o, key, JSON_STRING, need);
	if (!v)
		return otherwise;
	size_t len;
	const char *text = json_string(v, &len);
	uint64_t n = 0;
	bool good = len == digits;
	for (size_t i = 0; good && i < len; i++) {
		char c = text[i];
		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		n = n << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (!good)
		WRONG(d, "'%s' is not %zu hexadecimal digits", key, digits);
	return n;
}

static bool get_true(struct decoder *d, const struct json *o, const char *key)
{
	const struct json *v = get(d, o, key, JSON_BOOL, MAY);
	return v && json_bool(v);
}

static size_t count_of(const struct json *list)
{
	return list ? json_count(list) : 0;
}

/* Refuses keys that are not among `names`, and things that are no object. */
static bool only(struct decoder *d, const struct json *o, const char *what,
		 const char *const *names, size_t n)
{
	if (d->rc != OK)
		return false;
	if (json_kind(o) != JSON_OBJECT) {
		WRONG(d, "%s is %s", what, json_kind_name(json_kind(o)));
		return false;
	}
	for (size_t i = 0; i < json_count(o); i++) {
		size_t at = 0;
		while (at < n && strcmp(json_key(o, i), names[at]))
			at++;
		if (at == n) {
			WRONG(d, "%s: unknown key '%s'", what, json_key(o, i));
			return false;
		}
	}
	return true;
}
#define ONLY(d, o, what, ...)                                                                      \
	only(d, o, what, (const char *const[]){__VA_ARGS__},                                       \
	     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts names; a name twice is wrong. */
static void need_distinct(struct decoder *d, const char **name, size_t n, const char *what)
{
	if (d->rc != OK || n < 2)
		return;
	qsort(name, n, sizeof *name, by_text);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(name[i - 1], name[i]))
			WRONG(d, "%s '%s' stands twice", what, name[i]);
}

/* --- the parts of a manifest, in the order of manifest_encode.c --- */
static uint64_t *get_slots(struct decoder *d, const struct json *o, const char *key, uint32_t *n)
{
	*n = 0;
	const struct json *list = get(d, o, key, JSON_ARRAY, MAY);
	uint64_t *slot = manifest_alloc(d->m, count_of(list) * sizeof *slot);
	if (!slot)
		no_memory(d);
	for (size_t i = 0; i < count_of(list) && d->rc == OK; i++) {
		slot[i] = uint_of(d, json_item(list, i), key);
		if (slot[i] >= d->m->slot || slot[i] <= (i ? slot[i - 1] : 0))
			WRONG(d, "'%s' does not ascend below its own slot", key);
		*n = (uint32_t)i + 1;
	}
	return slot;
}

static void get_schema(struct decoder *d, const struct json *o, const char *key, struct schema *s)
{
	const struct json *v = get(d, o, key, JSON_OBJECT, MAY);
	for (size_t i = 0; i < count_of(v) && d->rc == OK; i++) {
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
		no_memory(d);
	else if (!base64_get(own, text, len))
		WRONG(d, "'data' is not base64");
	ref->file = SECTION_INLINE;
	ref->bytes = size;
	*data = own;
}

static void get_ref(struct decoder *d, const struct json *o, struct section_ref *ref,
		    const uint8_t **data)
{
	ref->rows = get_uint(d, o, "rows", MAY, UINT64_MAX);
	const struct json *v = get(d, o, "data", JSON_STRING, MAY);
	if (v) {
		if (json_get(o, "f") || json_get(o, "at") || json_get(o, "len") ||
		    json_get(o, "sum") || json_get(o, "bytes"))
			WRONG(d, "a section stands inline and in a file");
		if (ref->rows > UINT32_MAX)
			WRONG(d, "'rows' is too large");
		get_inline(d, v, ref, data);
		return;
	}
	ref->file = (uint32_t)get_uint(d, o, "f", MAY, UINT32_MAX);
	ref->offset = get_uint(d, o, "at", MUST, UINT64_MAX);
	ref->length = (uint32_t)get_uint(d, o, "len", MUST, RECORD_MAX);
	ref->checksum = get_hex(d, o, "sum", MUST, 16, 0);
	ref->bytes = get_uint(d, o, "bytes", MUST, UINT64_MAX);
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
	run.hash_first = get_hex(d, o, "lo", MAY, 16, 0);
	run.hash_last = get_hex(d, o, "hi", MAY, 16, UINT64_MAX);
	run.delta = get_true(d, o, "delta");
	if (run.hash_first > run.hash_last)
		WRONG(d, "a run's 'lo' is above its 'hi'");
	struct manifest_run *own = manifest_add_run(d->m, k);
	if (own)
		*own = run;
	else
		no_memory(d);
}

static void get_keyed(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	if (!ONLY(d, o, "a keyed state", "name", "key", "value", "hash", "chain"))
		return;
	struct manifest_keyed *k = manifest_add_keyed(d->m, op);
	if (!k) {
		no_memory(d);
		return;
	}
	k->name = get_text(d, o, "name", MAY, SECTION_NAME_MAX);
	get_schema(d, o, "key", &k->key);
	get_schema(d, o, "value", &k->value);
	k->hash_id = (uint32_t)get_uint(d, o, "hash", MUST, UINT32_MAX);
	if (k->hash_id != HASH_XXH3_64 && k->hash_id != HASH_FOLD64)
		WRONG(d, "'hash' %u is unknown", k->hash_id);
	for (uint32_t i = 0; i + 1 < op->n_keyed; i++)
		if (!strcmp(op->keyed[i].name, k->name))
			WRONG(d, "keyed state '%s' stands twice", k->name);
	const struct json *chain = get(d, o, "chain", JSON_ARRAY, MUST);
	for (size_t i = 0; i < count_of(chain) && d->rc == OK; i++)
		get_run(d, json_item(chain, i), k);
}

static void get_section(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	if (!ONLY(d, o, "a section", "sub", "kind", "name", "f", "at", "len", "sum", "bytes", "rows",
		  "data"))
		return;
	struct manifest_section s = {0};
	s.subtask = (uint32_t)get_uint(d, o, "sub", MAY, op->parallelism - 1);
	const char *kind = get_text(d, o, "kind", MUST, 32);
	if (!section_kind_parse(kind, &s.kind) || s.kind == SECTION_KEYED)
		WRONG(d, "'%s' is no kind of section", kind);
	s.name = get_text(d, o, "name", MAY, SECTION_NAME_MAX);
	get_ref(d, o, &s.ref, &s.data);
	struct manifest_section *own = manifest_add_section(d->m, op);
	if (own)
		*own = s;
	else
		no_memory(d);
}

static void get_ended(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	const struct json *list = get(d, o, "ended", JSON_ARRAY, MAY);
	for (size_t i = 0; i < count_of(list) && d->rc == OK; i++) {
		uint64_t subtask = uint_of(d, json_item(list, i), "ended");
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
	const char *id = get_text(d, o, "id", MUST, SECTION_NAME_MAX);
	const char *type = get_text(d, o, "type", MUST, SECTION_NAME_MAX);
	uint64_t version = get_uint(d, o, "version", MAY, UINT32_MAX);
	uint64_t max = get_uint(d, o, "max_par", MUST, PARALLELISM_MAX);
	uint64_t par = json_get(o, "par") ? get_uint(d, o, "par", MAY, PARALLELISM_MAX) : 1;
	if (!par || par > max)
		WRONG(d, "operator '%s' has parallelism %llu of at most %llu", id,
		      (unsigned long long)par, (unsigned long long)max);
	struct manifest_op *op = d->rc == OK ? manifest_add_op(d->m, id, type, (uint32_t)par) : NULL;
	if (!op) {
		no_memory(d);
		return;
	}
	op->state_version = (uint32_t)version;
	op->max_parallelism = (uint32_t)max;
	get_ended(d, o, op);
	const struct json *keyed = get(d, o, "keyed", JSON_ARRAY, MAY);
	for (size_t i = 0; i < count_of(keyed) && d->rc == OK; i++)
		get_keyed(d, json_item(keyed, i), op);
	const struct json *sections = get(d, o, "sections", JSON_ARRAY, MAY);
	for (size_t i = 0; i < count_of(sections) && d->rc == OK; i++)
		get_section(d, json_item(sections, i), op);
	if (d->rc != OK)
		err_in(d->e, "operator '%s'", id);
}

static void get_ops(struct decoder *d, const struct json *o)
{
	const struct json *list = get(d, o, "ops", JSON_ARRAY, MUST);
	if (list && (!count_of(list) || count_of(list) > OPS_MAX))
		WRONG(d, "'ops' lists none, or more than %d operators", OPS_MAX);
	for (size_t i = 0; i < count_of(list) && d->rc == OK; i++)
		get_op(d, json_item(list, i));
	const char *id[OPS_MAX];
	for (uint32_t i = 0; d->rc == OK && i < d->m->n_ops; i++)
		id[i] = d->m->op[i].id;
	need_distinct(d, id, d->m->n_ops, "operator");
}

static void get_file(struct decoder *d, const struct json *o)
{
	if (!ONLY(d, o, "a file", "name", "len", "hash", "epoch"))
		return;
	struct part_file f = {.length = get_uint(d, o, "len", MUST, UINT64_MAX),
			      .hash = get_hex(d, o, "hash", MUST, 16, 0),
			      .epoch = get_uint(d, o, "epoch", MUST, UINT64_MAX)};
	const char *name = get_text(d, o, "name", MUST, LAYOUT_NAME_MAX);
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
		no_memory(d);
}

static void get_files(struct decoder *d, const struct json *o)
{
	const struct json *list = get(d, o, "files", JSON_ARRAY, MAY);
	if (count_of(list) > FILES_MAX)
		WRONG(d, "'files' lists more than %d", FILES_MAX);
	for (size_t i = 0; i < count_of(list) && d->rc == OK; i++)
		get_file(d, json_item(list, i));
	const char **name = mem_get(d->m->mem, d->m->n_files * sizeof *name);
	if (!name) {
		no_memory(d);
		return;
	}
	for (uint32_t i = 0; i < d->m->n_files; i++)
		name[i] = d->m->file[i].name;
	need_distinct(d, name, d->m->n_files, "file");
	mem_put(d->m->mem, name);
}

static void get_intents(struct decoder *d, const struct json *o)
{
	const struct json *list = get(d, o, "intents", JSON_ARRAY, MAY);
	for (size_t i = 0; i < count_of(list) && d->rc == OK; i++) {
		const struct json *v = json_item(list, i);
		if (!ONLY(d, v, "an intent", "sink", "kind", "from", "to", "off", "len", "hash"))
			return;
		struct manifest_intent t = {
			.sink = get_text(d, v, "sink", MUST, SECTION_NAME_MAX),
			.kind = get_text(d, v, "kind", MUST, 32),
			.from = get_text(d, v, "from", MUST, PATH_MAX_BYTES),
			.to = get_text(d, v, "to", MUST, PATH_MAX_BYTES),
			.offset = get_uint(d, v, "off", MAY, UINT64_MAX),
			.length = get_uint(d, v, "len", MUST, UINT64_MAX),
			.hash = get_hex(d, v, "hash", MUST, 16, 0),
		};
		struct manifest_intent *own = manifest_add_intent(d->m);
		if (own)
			*own = t;
		else
			no_memory(d);
	}
}

static void get_figures(struct decoder *d, const struct json *o)
{
	const struct json *v = get(d, o, "figures", JSON_OBJECT, MUST);
	if (!v || !ONLY(d, v, "figures", "trigger", "bytes_written", "state_bytes", "keys",
			"keys_changed", "align_us", "sync_us_max", "async_us", "total_us"))
		return;
	d->m->figures = (struct manifest_figures){
		.trigger = get_text(d, v, "trigger", MAY, 255),
		.bytes_written = get_uint(d, v, "bytes_written", MAY, UINT64_MAX),
		.state_bytes = get_uint(d, v, "state_bytes", MAY, UINT64_MAX),
		.keys = get_uint(d, v, "keys", MAY, UINT64_MAX),
		.keys_changed = get_uint(d, v, "keys_changed", MAY, UINT64_MAX),
		.align_us = get_uint(d, v, "align_us", MAY, UINT64_MAX),
		.sync_us_max = get_uint(d, v, "sync_us_max", MAY, UINT64_MAX),
		.async_us = get_uint(d, v, "async_us", MAY, UINT64_MAX),
		.total_us = get_uint(d, v, "total_us", MAY, UINT64_MAX),
	};
}

static void get_checkpoint(struct decoder *d, const struct json *o)
{
	struct manifest *m = d->m;
	m->id = get_uint(d, o, "id", MUST, m->top_id);
	m->attempt = (uint32_t)get_uint(d, o, "attempt", MUST, UINT32_MAX);
	const char *kind = get_text(d, o, "kind", MAY, 32);
	for (unsigned k = 0; *kind && k <= CHECKPOINT_KINDS; k++) {
		m->kind = k;
		if (k == CHECKPOINT_KINDS)
			WRONG(d, "'%s' is no kind of checkpoint", kind);
		else if (!strcmp(kind, checkpoint_kind_name(k)))
			break;
	}
	m->final = get_true(d, o, "final");
	const char *name = get_text(d, o, "name", MAY, SECTION_NAME_MAX);
	m->name = *name ? name : NULL;
	const struct json *wall = get(d, o, "wall_us", JSON_INT, MUST);
	m->wall_us = wall ? json_int(wall) : 0;
	m->job_hash = get_hex(d, o, "job", MUST, 16, 0);
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
	const char *text = get_text(d, o, "uuid", MUST, UUID_TEXT - 1);
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
	const char *is = get_text(d, o, "is", MUST, 32);
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
	m->lineage = (uint32_t)get_hex(d, o, "lineage", MUST, 8, 0);
	m->parent = get_uint(d, o, "parent", MAY, m->slot - 1);
	m->epoch = get_uint(d, o, "epoch", MUST, m->slot);
	m->top_id = get_uint(d, o, "top_id", MAY, UINT64_MAX);
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
