/* directory_read.c - manifests and parts, byte by byte after docs/FORMAT.md. See directory.h. */
#include "tests/lib/directory.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void directory_fault(struct directory *d, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	d->fault(d->arg, text);
}

static uint64_t number(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)at[i] << 8 * i;
	return v;
}

static uint64_t hex_of(const struct json *v)
{
	size_t len;
	return v ? strtoull(json_string(v, &len), NULL, 16) : 0;
}

static uint64_t int_of(const struct json *object, const char *key, uint64_t otherwise)
{
	const struct json *v = json_get(object, key);
	size_t len;
	if (!v)
		return otherwise;
	return json_kind(v) == JSON_STRING ? strtoull(json_string(v, &len), NULL, 10)
					   : (uint64_t)json_int(v);
}

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);
	size_t len;
	return v && json_kind(v) == JSON_STRING ? json_string(v, &len) : "";
}

static size_t count_of(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);
	return v ? json_count(v) : 0;
}

/* ---- the header ---- */

static bool wrong(struct directory *d, bool quiet, uint64_t slot, const char *what)
{
	if (!quiet)
		directory_fault(d, "manifest %" PRIu64 ": %s (inv 3)", slot, what);
	return false;
}

static bool header_is_right(struct directory *d, const struct fs_sim_look *l, uint64_t slot,
			    bool quiet)
{
	const uint8_t *h = l->data;
	if (l->size < 64 || memcmp(h, "WEIRMANI", 8) || number(h + 8, 2) != 1 ||
	    number(h + 10, 2) != 0x0102 || number(h + 12, 4) != 64)
		return wrong(d, quiet, slot, "has no header");
	if (checksum64(h, 56) != number(h + 56, 8))
		return wrong(d, quiet, slot, "the header's checksum is another");
	if (number(h + 16, 8) != l->size - 64)
		return wrong(d, quiet, slot, "the body's length is another");
	if (checksum64(h + 64, l->size - 64) != number(h + 24, 8))
		return wrong(d, quiet, slot, "the body's checksum is another");
	if (number(h + 32, 8) != slot)
		return wrong(d, quiet, slot, "says it is another slot");
	return true;
}

static bool peek(const struct directory *d, const char *folder, const char *name,
		 struct fs_sim_look *l)
{
	char path[3 * DIR_NAME];
	if (folder)
		snprintf(path, sizeof path, "%s/%s/%s", d->dir, folder, name);
	else
		snprintf(path, sizeof path, "%s", name);
	return fs_sim_peek(d->sim, path, l);
}

static bool peek_slot(const struct directory *d, uint64_t slot, struct fs_sim_look *l)
{
	char name[24];
	snprintf(name, sizeof name, "%020" PRIu64, slot);
	return peek(d, "manifest", name, l);
}

/* ---- the body ---- */

static void add_slots(uint64_t (**to)[2], uint32_t *n, const struct json *list)
{
	size_t more = list ? json_count(list) : 0;
	if (!more)
		return;
	*to = realloc(*to, (*n + more) * sizeof **to);
	for (size_t i = 0; i < more; i++, ++*n) {
		const struct json *x = json_item(list, i);
		bool stretch = json_kind(x) == JSON_ARRAY;
		(*to)[*n][0] = (uint64_t)json_int(stretch ? json_item(x, 0) : x);
		(*to)[*n][1] = (uint64_t)json_int(stretch ? json_item(x, 1) : x);
	}
}

static void read_files(struct dir_manifest *m, const struct json *body)
{
	const struct json *list = json_get(body, "files");
	m->files = (uint32_t)count_of(body, "files");
	m->file = calloc(m->files + 1, sizeof *m->file);
	for (uint32_t i = 0; i < m->files; i++) {
		const struct json *x = json_item(list, i);
		snprintf(m->file[i].name, DIR_NAME, "%s", text_of(x, "name"));
		m->file[i].len = int_of(x, "len", 0);
		m->file[i].hash = hex_of(json_get(x, "hash"));
	}
}

static void read_intents(struct dir_manifest *m, const struct json *body)
{
	const struct json *list = json_get(body, "intents");
	m->intents = (uint32_t)count_of(body, "intents");
	m->intent = calloc(m->intents + 1, sizeof *m->intent);
	for (uint32_t i = 0; i < m->intents; i++) {
		const struct json *x = json_item(list, i);
		struct dir_intent *t = &m->intent[i];
		snprintf(t->from, sizeof t->from, "%s", text_of(x, "from"));
		snprintf(t->to, sizeof t->to, "%s", text_of(x, "to"));
		t->appends = !strcmp(text_of(x, "kind"), "append");
		t->off = int_of(x, "off", 0);
		t->len = int_of(x, "len", 0);
		t->hash = hex_of(json_get(x, "hash"));
	}
}

static struct json_doc *body_of(struct directory *d, const struct fs_sim_look *l)
{
	struct json_doc *doc = NULL;
	struct err e = {0};
	if (json_parse(&doc, (const char *)l->data + 64, l->size - 64, &d->mem, NULL, &e) != OK)
		return NULL;
	return doc;
}

bool dir_manifest_read(struct directory *d, struct dir_manifest *m, uint64_t slot, bool quiet)
{
	struct fs_sim_look l;
	*m = (struct dir_manifest){.slot = slot};
	if (!peek_slot(d, slot, &l))
		return wrong(d, quiet, slot, "is not there");
	if (!header_is_right(d, &l, slot, quiet))
		return false;
	struct json_doc *doc = body_of(d, &l);
	if (!doc)
		return wrong(d, quiet, slot, "the body is no JSON");
	const struct json *body = json_root(doc);
	m->ino = l.ino;
	m->is_fence = !strcmp(text_of(body, "is"), "fence");
	m->id = int_of(body, "id", 0);
	m->parent = int_of(body, "parent", 0);
	m->epoch = int_of(body, "epoch", 0);
	m->is_final = json_get(body, "final") && json_bool(json_get(body, "final"));
	read_files(m, body);
	read_intents(m, body);
	add_slots(&m->kept, &m->kept_n, json_get(body, "retained"));
	add_slots(&m->kept, &m->kept_n, json_get(body, "pinned"));
	add_slots(&m->quarantined, &m->quarantined_n, json_get(body, "quarantined"));
	json_close(doc);
	return true;
}

void dir_manifest_close(struct directory *d, struct dir_manifest *m)
{
	(void)d;
	free(m->file);
	free(m->intent);
	free(m->kept);
	free(m->quarantined);
	*m = (struct dir_manifest){0};
}

/* ---- the parts ---- */

static bool block_is_right(const struct fs_sim_look *l, const uint8_t *x, uint32_t section,
			   uint64_t *rows)
{
	uint64_t at = number(x, 8), packed = number(x + 8, 4);
	const uint8_t *b = l->data + at;
	*rows += number(x + 16, 4);
	return at + 48 + packed <= l->size && !memcmp(b, "WBLK", 4) && number(b + 4, 4) == packed &&
	       number(b + 16, 4) == section && number(b + 24, 4) == number(x + 16, 4) &&
	       number(b + 28, 4) == number(x + 12, 4) && number(b + 8, 8) == number(x + 40, 8) &&
	       checksum64(b + 16, 32 + packed) == number(b + 8, 8);
}

/* What of it is wrong; NULL: nothing. */
static const char *section_fault(const struct fs_sim_look *l, const struct json *run)
{
	uint64_t at = int_of(run, "at", 0), len = int_of(run, "len", 0), rows = 0;
	if (len < 48 || at + len > l->size || memcmp(l->data + at, "WSEC", 4))
		return "is not where it should be";
	const uint8_t *s = l->data + at;
	uint64_t head = number(s + 20, 4), blocks = number(s + 24, 4);
	if (number(s + 4, 4) != len || 48 + head + 48 * blocks != len)
		return "has another length";
	if (checksum64(s + 16, len - 16) != number(s + 8, 8) ||
	    number(s + 8, 8) != hex_of(json_get(run, "sum")))
		return "has another checksum";
	for (uint64_t i = 0; i < blocks; i++)
		if (!block_is_right(l, s + 48 + head + 48 * i, (uint32_t)number(s + 16, 4), &rows))
			return "has a block that is another";
	if (rows != number(s + 32, 8) || rows != int_of(run, "rows", 0))
		return "has another number of rows";
	return NULL;
}

/* A run of a chain or a section, which stands in the manifest or in a part. */
static void verify_section(struct directory *d, const struct dir_manifest *m, const char *op,
			   const struct json *run)
{
	struct fs_sim_look l;
	uint64_t f = int_of(run, "f", 0);
	if (json_get(run, "data"))
		return; /* the body's checksum covers it */
	if (f >= m->files)
		directory_fault(d, "manifest %" PRIu64 ": %s names file %" PRIu64 " of %u (inv 3)", m->slot,
				op, f, m->files);
	if (f >= m->files || !peek(d, "parts", m->file[f].name, &l))
		return; /* told as a file that is missing */
	const char *fault = section_fault(&l, run);
	d->sections_read++;
	if (fault)
		directory_fault(d, "manifest %" PRIu64 ": a section of %s in %s %s (inv 3)", m->slot, op,
				m->file[f].name, fault);
}

static void verify_file(struct directory *d, const struct dir_manifest *m, const struct dir_file *f)
{
	struct fs_sim_look l;
	d->files_read++;
	if (!peek(d, "parts", f->name, &l)) {
		directory_fault(d, "manifest %" PRIu64 ": parts/%s is named and missing (inv 1, 12)",
				m->slot, f->name);
		return;
	}
	if (l.size != f->len)
		directory_fault(d, "manifest %" PRIu64 ": parts/%s has %zu bytes, not %" PRIu64 " (inv 3)",
				m->slot, f->name, l.size, f->len);
	else if (checksum64(l.data, l.size) != f->hash)
		directory_fault(d, "manifest %" PRIu64 ": parts/%s has another hash (inv 3)", m->slot,
				f->name);
	else if (l.size < 104 || memcmp(l.data, "WEIRPART", 8) ||
		 checksum64(l.data, 56) != number(l.data + 56, 8) ||
		 memcmp(l.data + l.size - 40, "WEIREND", 8) ||
		 number(l.data + l.size - 24, 8) != l.size ||
		 checksum64(l.data + l.size - 40, 32) != number(l.data + l.size - 8, 8))
		directory_fault(d, "parts/%s has no header or no end (inv 3)", f->name);
	else if (!l.content_is_safe || !l.name_is_safe)
		directory_fault(d, "manifest %" PRIu64 ": parts/%s may be lost in a power cut (inv 1)",
				m->slot, f->name);
}

/* ---- the operators ---- */

static const struct json *find_op(const struct json *ops, const char *id, size_t *times)
{
	const struct json *found = NULL;
	*times = 0;
	for (size_t i = 0; ops && i < json_count(ops); i++)
		if (!strcmp(text_of(json_item(ops, i), "id"), id)) {
			found = json_item(ops, i);
			++*times;
		}
	return found;
}

/* As many as the job has, each once; none of whose subtasks is missing where they have sections. */
static void verify_ops(struct directory *d, const struct dir_manifest *m, const struct json *body)
{
	struct json_doc *job = NULL;
	struct err e = {0};
	const struct json *ops = json_get(body, "ops");
	if (!d->job_text ||
	    json_parse(&job, d->job_text, strlen(d->job_text), &d->mem, NULL, &e) != OK)
		return;
	const struct json *stages = json_get(json_root(job), "pipeline");
	for (size_t i = 0; i < json_count(stages); i++) {
		const char *id = text_of(json_item(stages, i), "id");
		size_t times;
		find_op(ops, id, &times);
		if (times != 1)
			directory_fault(d, "manifest %" PRIu64 ": operator '%s' stands there %zu times (inv 2)",
					m->slot, id, times);
	}
	if (count_of(body, "ops") != json_count(stages))
		directory_fault(d, "manifest %" PRIu64 ": %zu operators, not %zu (inv 2)", m->slot,
				count_of(body, "ops"), json_count(stages));
	json_close(job);
}

static void verify_subtasks(struct directory *d, const struct dir_manifest *m,
			    const struct json *op)
{
	const struct json *list = json_get(op, "sections");
	uint64_t par = int_of(op, "par", 1), seen = 0;
	for (size_t i = 0; list && i < json_count(list); i++) {
		uint64_t sub = int_of(json_item(list, i), "sub", 0);
		if (sub >= par || sub >= 64)
			directory_fault(d, "manifest %" PRIu64 ": subtask %" PRIu64 " of %" PRIu64
					" of '%s' (inv 2)", m->slot, sub, par, text_of(op, "id"));
		seen |= UINT64_C(1) << (sub & 63);
	}
	if (list && json_count(list) && seen != (par >= 64 ? UINT64_MAX : (UINT64_C(1) << par) - 1))
		directory_fault(d, "manifest %" PRIu64 ": a subtask of '%s' is missing (inv 2)", m->slot,
				text_of(op, "id"));
}

static void verify_op(struct directory *d, const struct dir_manifest *m, const struct json *op)
{
	const struct json *keyed = json_get(op, "keyed"), *sections = json_get(op, "sections");
	for (size_t i = 0; keyed && i < json_count(keyed); i++) {
		const struct json *chain = json_get(json_item(keyed, i), "chain");
		for (size_t k = 0; chain && k < json_count(chain); k++)
			verify_section(d, m, text_of(op, "id"), json_item(chain, k));
	}
	for (size_t i = 0; sections && i < json_count(sections); i++)
		verify_section(d, m, text_of(op, "id"), json_item(sections, i));
	verify_subtasks(d, m, op);
}

static void verify_ledger(struct directory *d, const struct dir_manifest *m,
			  const struct json *audit)
{
	struct fs_sim_look l;
	uint64_t len = int_of(audit, "len", 0);
	const char *name = text_of(audit, "file");
	if (!peek(d, "audit", name, &l) || l.size < len ||
	    checksum64(l.data, len) != hex_of(json_get(audit, "hash")))
		directory_fault(d, "manifest %" PRIu64 ": audit/%s is not what it was (inv 3)", m->slot,
				name);
}

void dir_manifest_verify(struct directory *d, uint64_t slot)
{
	struct fs_sim_look l;
	struct dir_manifest m;
	struct json_doc *doc = NULL;
	if (dir_manifest_read(d, &m, slot, true) && peek_slot(d, slot, &l))
		doc = body_of(d, &l);
	if (doc && !m.is_fence) {
		const struct json *body = json_root(doc), *ops = json_get(body, "ops");
		for (uint32_t i = 0; i < m.files; i++)
			verify_file(d, &m, &m.file[i]);
		verify_ops(d, &m, body);
		for (size_t i = 0; ops && i < json_count(ops); i++)
			verify_op(d, &m, json_item(ops, i));
		if (json_get(body, "audit"))
			verify_ledger(d, &m, json_get(body, "audit"));
	}
	json_close(doc);
	dir_manifest_close(d, &m);
}
