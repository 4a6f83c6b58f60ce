/* manifest_decode.c - bytes to a manifest; manifest_encode.c is its mirror, key by key.
 * Everything is checked before it is believed: types, ranges, references, unknown keys. */
#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/manifest_format.h"
#include "checkpoint/part_format.h"

/* --- the parts of a manifest, in the order of manifest_encode.c --- */
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
	/* A name of a lineage that was taken over counts epochs of its own directory. */
	bool ours = layout_part_parse(name, &is) && (is.lineage == d->m->lineage ||
						      !manifest_accepts(d->m, is.lineage));
	if (!layout_part_parse(name, &is) || is.epoch != f.epoch || !f.epoch ||
	    (ours && f.epoch > d->m->epoch))
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
	ops_get(d, o);
	get_intents(d, o);
	get_figures(d, o);
	origin_get(d, o);
	counts_get(d, o);
	if (d->rc == OK && manifest_inline_bytes(m) > MANIFEST_INLINE_MAX)
		WRONG(d, "inline sections are longer than %d bytes", MANIFEST_INLINE_MAX);
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
	bool known = fence ? ONLY(d, o, "a fence", "is", "uuid", "lineage", "parent", "epoch", "top_id",
				  "retained", "pinned", "quarantined", "accepts", "todo")
			   : ONLY(d, o, "a checkpoint", "is", "uuid", "lineage", "parent", "epoch",
				  "top_id", "retained", "pinned", "quarantined", "id", "attempt",
				  "kind", "final", "name", "wall_us", "job", "files", "ops",
				  "intents", "figures", "accepts", "origin", "edges", "audit",
				  "checks");
	if (!known)
		return;
	m->slot_kind = fence ? SLOT_FENCE : SLOT_CHECKPOINT;
	mget_uuid(d, o, m->uuid);
	m->lineage = (uint32_t)mget_hex(d, o, "lineage", MUST, 8, 0);
	m->parent = mget_uint(d, o, "parent", MAY, m->slot - 1);
	m->epoch = mget_uint(d, o, "epoch", MUST, m->slot);
	m->top_id = mget_uint(d, o, "top_id", MAY, UINT64_MAX);
	slots_get(d, o);
	if (!m->epoch || (fence && m->epoch != m->slot))
		WRONG(d, "'epoch' cannot be");
	accepts_get(d, o);
	if (fence)
		todo_get(d, o);
	else
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
	if (features & ~(uint64_t)FEATURES_KNOWN)
		return ERR(e, E_REFUSED, "it needs feature %d, which this weir does not have",
			   __builtin_ctzll(features & ~(uint64_t)FEATURES_KNOWN));
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
	if (manifest_features(m) != load_u64((const uint8_t *)data + 40))
		WRONG(&d, "the header's features are not those of the body");
	if (d.rc != OK) {
		manifest_close(m);
		return ERR(e, d.rc, "%s", why.text);
	}
	return OK;
}
