/* inspect_check.c - see inspect_check.h. */
#include "runtime/inspect_check.h"

#include "base/hash.h"
#include "checkpoint/verify.h"
#include "runtime/keys_decode.h"
#include "runtime/walk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { SECTION_FAULTS = 8 }; /* told of one section, by feel; the rest are counted */

struct check {
	struct inspect *i;
	const struct manifest *m;
	struct env *env;
	struct check_seen *seen;
	inspect_on_fault *on;
	void *arg;
	struct inspect_checked *out;
	bool *broken;     /* files that no section of can be read */
	const char *folder; /* of what is being looked at */
	uint32_t section_faults;
	struct err *e;    /* set: without memory nothing goes on */
};

/* --- what was seen --- */

void check_seen_init(struct check_seen *s, struct mem *mem)
{
	*s = (struct check_seen){.mem = mem};
}

void check_seen_close(struct check_seen *s)
{
	if (s->mem)
		mem_put(s->mem, s->set);
	check_seen_init(s, s->mem);
}

static size_t seen_place(const uint64_t *set, size_t cap, uint64_t what)
{
	size_t at = what & (cap - 1);
	while (set[at] && set[at] != what)
		at = (at + 1) & (cap - 1);
	return at;
}

static bool seen_has(const struct check_seen *s, uint64_t what)
{
	return s->cap && s->set[seen_place(s->set, s->cap, what)] == what;
}

/* Without memory it is checked once more. */
static void seen_add(struct check_seen *s, uint64_t what)
{
	if (s->n * 2 >= s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		uint64_t *set = mem_get(s->mem, cap * sizeof *set);
		if (!set)
			return;
		for (size_t i = 0; i < s->cap; i++)
			if (s->set[i])
				set[seen_place(set, cap, s->set[i])] = s->set[i];
		mem_put(s->mem, s->set);
		s->set = set;
		s->cap = cap;
	}
	size_t at = seen_place(s->set, s->cap, what);
	s->n += !s->set[at];
	s->set[at] = what;
}

enum { SEEN_FILE = 1, SEEN_BAD_FILE, SEEN_SECTION, SEEN_BAD_SECTION };

static uint64_t print_of(unsigned kind, const char *name, const uint64_t *fact, size_t n)
{
	uint64_t all[12] = {kind, hash_bytes(name, strlen(name))};
	memcpy(all + 2, fact, n * sizeof *fact);
	uint64_t h = hash_bytes(all, (n + 2) * sizeof *all);
	return h ? h : 1;
}

static uint64_t file_print(unsigned kind, const struct part_file *f)
{
	return print_of(kind, f->name, (uint64_t[]){f->length, f->hash, f->epoch}, 3);
}

static uint64_t section_print(unsigned kind, const struct part_file *f, const char *stage,
			      const struct section_ref *ref)
{
	return print_of(kind, f->name,
			(uint64_t[]){f->length, f->hash, ref->offset, ref->length, ref->checksum,
				     ref->rows, ref->bytes, hash_bytes(stage, strlen(stage))}, 8);
}

/* --- faults --- */

static enum fault_kind kind_of(enum rc rc)
{
	return rc == E_CORRUPT ? FAULT_CORRUPT
	       : rc == E_NOT_FOUND ? FAULT_MISSING
	       : rc == E_REFUSED ? FAULT_VERSION : FAULT_UNREADABLE;
}

/* Whoever is retired meanwhile has no faults. */
static bool is_gone(struct check *c)
{
	struct err why = {OK};
	bool there = true;
	if (!c->out->retired && inspect_still(c->i, &there, &why) == OK && !there)
		c->out->retired = true;
	return c->out->retired;
}

static void tell(struct check *c, enum fault_kind kind, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void tell(struct check *c, enum fault_kind kind, const char *name, const char *fmt, ...)
{
	char file[LAYOUT_NAME_MAX + 16], what[ERR_TEXT_MAX];
	va_list ap;
	if (is_gone(c))
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(file, sizeof file, "%s/%s", c->folder, name);
	c->out->faults++;
	c->on(c->arg, &(struct inspect_fault){.kind = kind, .file = file, .what = what});
}

static void tell_manifest(struct check *c, enum fault_kind kind, const char *what)
{
	char name[LAYOUT_NAME_MAX + 1];
	layout_slot(name, c->m->slot);
	c->folder = LAYOUT_MANIFEST;
	tell(c, kind, name, "%s", what);
}

/* An error of reading: told as a fault, unless it is ours. False: no memory, stop. */
static bool tell_err(struct check *c, const char *name, const char *stage, enum rc rc,
		     const struct err *why)
{
	if (rc == E_NO_MEMORY) {
		ERR(c->e, rc, "%s", why->text);
		return false;
	}
	if (c->section_faults++ < SECTION_FAULTS)
		tell(c, kind_of(rc), name, "%s%s%s%s", stage ? "stage '" : "",
		     stage ? stage : "", stage ? "': " : "", why->text);
	else if (c->section_faults == SECTION_FAULTS + 1)
		tell(c, kind_of(rc), name, "stage '%s': and more of this section",
		     stage ? stage : "?");
	return true;
}

/* --- files --- */

static RC check_file(struct check *c, uint32_t n)
{
	struct part_file *f = &c->m->file[n];
	struct manifest one = {.file = f, .n_files = 1};
	struct verify_result r;
	struct part_reader *part = NULL;
	struct err why = {OK}, part_why = {OK};
	if (seen_has(c->seen, file_print(SEEN_FILE, f)))
		return OK;
	if (seen_has(c->seen, file_print(SEEN_BAD_FILE, f))) {
		c->out->faults++;
		c->broken[n] = true; /* its sections were told of then */
		return OK;
	}
	c->out->files++;
	c->folder = LAYOUT_PARTS;
	struct storage parts = parts_in(c->env->fs, inspect_dir(c->i));
	enum rc rc = verify_manifest(parts, c->env->mem, &one, VERIFY_HASHES, &r, &why);
	c->out->bytes += r.bytes;
	enum rc opened = part_reader_open(&part, parts, c->env->mem, f, &part_why);
	part_reader_close(part);
	if (rc == E_NO_MEMORY || opened == E_NO_MEMORY)
		return ERR(c->e, E_NO_MEMORY, "%s", rc == E_NO_MEMORY ? why.text : part_why.text);
	c->broken[n] = opened != OK;
	bool bad = rc != OK || r.verdict != VERIFY_INTACT || opened != OK;
	seen_add(c->seen, file_print(bad ? SEEN_BAD_FILE : SEEN_FILE, f));
	if (rc != OK)
		tell(c, kind_of(rc), f->name, "%s", why.text);
	else if (r.verdict == VERIFY_MISSING)
		tell(c, FAULT_MISSING, f->name, "is missing");
	else if (opened != OK)
		tell(c, kind_of(opened), f->name, "%s", part_why.text);
	else if (bad)
		tell(c, FAULT_CORRUPT, f->name,
		     "its %" PRIu64 " bytes are not those that were written: another hash", f->length);
	return OK;
}

/* --- sections --- */

/* What a section must be. */
struct wanted {
	const struct manifest_op *op;
	const struct inspect_state *state; /* of keyed ones; NULL: of another kind */
	enum section_kind kind;
	uint32_t subtask;
	const struct section_ref *ref;
	const struct part_file *file;      /* NULL: inline */
	bool delta;
};

static const char *head_differs(const struct section *h, const struct wanted *w)
{
	struct part_name of;
	if (strcmp(h->stage, w->op->id) || strcmp(h->op_type, w->op->type))
		return "is of another stage";
	if (h->kind != w->kind || (!w->state && h->subtask != w->subtask))
		return "is of another kind or subtask";
	if (h->state_version > w->op->state_version)
		return "is of a later version than its stage";
	if (layout_part_parse(w->file->name, &of) &&
	    (h->lineage != of.lineage || h->epoch != of.epoch || h->attempt != of.attempt))
		return "was written by another start than its file";
	if (!w->state)
		return NULL;
	if (h->hash_id != w->state->keyed->hash_id)
		return "has its keys placed by another hash";
	if (!schema_equal(&h->key, &w->state->keyed->key) ||
	    !schema_equal(&h->value, &w->state->keyed->value))
		return "has other keys or values than its stage";
	return NULL;
}

/* The last row of the block before: rows ascend through all of a run. */
struct last_row {
	bool any;
	uint64_t hash;
	struct bytes key;
};

static const char *rows_differ(const struct wanted *w, const struct section *h,
			       const struct block_view *v, const struct run_block *b,
			       struct last_row *last)
{
	uint32_t len;
	struct key_field field[KEY_FIELDS_MAX];
	const uint8_t *key = run_key(b, 0, &len);
	if (b->rows != v->rows && h)
		return "has other rows than its index says";
	if (last->any && (b->hash[0] < last->hash ||
			  (b->hash[0] == last->hash &&
			   key_compare(last->key.data, last->key.len, key, len) >= 0)))
		return "does not ascend from the block before";
	if (h && (b->hash[0] != v->first_hash || b->hash[b->rows - 1] != v->last_hash))
		return "has other hashes than its index says";
	if (h && (b->hash[0] < h->hash_first || b->hash[b->rows - 1] > h->hash_last))
		return "has rows outside the range of its section";
	for (uint32_t row = 0; row < b->rows; row++) {
		key = run_key(b, row, &len);
		if (!key_fields(&w->state->key, key, len, field))
			return "holds a key that is malformed";
		if (b->op[row] == ROW_DELETE && h && !(h->row_ops & ROWS_DELETE))
			return "deletes a key, which its section says it does not";
	}
	key = run_key(b, b->rows - 1, &len);
	last->any = true;
	last->hash = b->hash[b->rows - 1];
	bytes_clear(&last->key);
	bytes_put(&last->key, key, len);
	return NULL;
}

static bool check_block(struct check *c, const struct wanted *w, const struct section *h,
			const struct block_view *v, struct run_block *b, struct last_row *last,
			const char *name)
{
	struct err why = {OK};
	enum rc rc = OK;
	c->out->blocks++;
	c->out->rows += v->rows;
	if (w->state)
		rc = run_decode(b, v->raw, v->len, &why);
	const char *wrong = w->state && rc == OK ? rows_differ(w, h, v, b, last) : NULL;
	if (!bytes_ok(&last->key))
		rc = ERR(&why, E_NO_MEMORY, "no memory to compare keys");
	else if (wrong)
		rc = ERR(&why, E_CORRUPT, "a block of hashes %016" PRIx64 " to %016" PRIx64 " %s",
			 v->first_hash, v->last_hash, wrong);
	return rc == OK || tell_err(c, name, w->op->id, rc, &why);
}

static RC check_blocks(struct check *c, const struct wanted *w, struct section_reader *s,
		       const char *name)
{
	const struct section *h = section_head(s);
	struct run_block b = {0};
	struct last_row last = {0};
	struct block_view v;
	bytes_init(&last.key, c->env->mem);
	enum rc rc = w->state ? run_block_open(&b, &w->state->shape, c->env->mem, c->e) : OK;
	for (bool more = rc == OK; more;) {
		struct err why = {OK};
		enum rc got = section_next(s, &v, &why);
		if (got == OK && !v.raw)
			break;
		bool on = got == OK ? check_block(c, w, h, &v, &b, &last, name)
				    : tell_err(c, name, w->op->id, got, &why);
		if (!on)
			rc = E_NO_MEMORY;
		/* What cannot be read at all is not tried block by block. */
		more = on && !c->out->retired && (got == OK || got == E_CORRUPT);
	}
	run_block_close(&b);
	bytes_close(&last.key);
	return rc;
}

static RC check_section(struct check *c, const struct wanted *w, const uint8_t *data)
{
	struct section_reader *s = NULL;
	struct part_reader *part = NULL;
	struct err why = {OK};
	enum rc rc;
	char slot[LAYOUT_NAME_MAX + 1];
	layout_slot(slot, c->m->slot);
	const char *name = w->file ? w->file->name : slot;
	c->folder = w->file ? LAYOUT_PARTS : LAYOUT_MANIFEST;
	c->section_faults = 0;
	c->out->sections++;
	if (w->file) {
		rc = part_reader_open(&part, parts_in(c->env->fs, inspect_dir(c->i)), c->env->mem, w->file,
				      &why);
		if (rc == OK)
			rc = section_open(&s, part, w->ref, 0, UINT64_MAX, &why);
	} else {
		rc = section_open_inline(&s, c->env->mem, data, w->ref->bytes, w->ref->rows, 0,
					 UINT64_MAX, &why);
	}
	const char *wrong = rc == OK && w->file ? head_differs(section_head(s), w) : NULL;
	if (wrong)
		rc = ERR(&why, E_CORRUPT, "the section at byte %" PRIu64 " %s", w->ref->offset, wrong);
	if (rc != OK)
		rc = tell_err(c, name, w->op->id, rc, &why) ? OK : E_NO_MEMORY;
	else
		rc = check_blocks(c, w, s, name);
	section_close(s);
	part_reader_close(part);
	return rc;
}

/* Once each, whoever names it. */
static RC check_ref(struct check *c, struct wanted *w, const uint8_t *data)
{
	if (w->ref->file == SECTION_INLINE)
		return check_section(c, w, data);
	w->file = &c->m->file[w->ref->file];
	if (c->broken[w->ref->file] ||
	    seen_has(c->seen, section_print(SEEN_SECTION, w->file, w->op->id, w->ref)))
		return OK;
	if (seen_has(c->seen, section_print(SEEN_BAD_SECTION, w->file, w->op->id, w->ref))) {
		c->out->faults++;
		return OK;
	}
	uint32_t before = c->out->faults;
	enum rc rc = check_section(c, w, NULL);
	seen_add(c->seen, section_print(c->out->faults > before ? SEEN_BAD_SECTION : SEEN_SECTION,
					w->file, w->op->id, w->ref));
	return rc;
}

/* --- states --- */

/* A run that stands for everything above another one: what lies below would come back. */
static bool chain_is_sound(const struct manifest_keyed *k)
{
	for (uint32_t i = 1; i < k->n_runs; i++)
		for (uint32_t j = 0; j < i && !k->run[i].delta; j++)
			if (k->run[j].hash_first <= k->run[i].hash_last &&
			    k->run[j].hash_last >= k->run[i].hash_first)
				return false;
	return true;
}

static RC check_keyed(struct check *c, const struct manifest_op *op, const struct manifest_keyed *k)
{
	struct inspect_state s;
	struct err why = {OK};
	if (inspect_state_of(op, k, &s, &why) != OK) {
		tell_manifest(c, FAULT_VERSION, why.text);
		return OK;
	}
	if (!chain_is_sound(k))
		tell_manifest(c, FAULT_CORRUPT, "a full run lies above another one in a chain");
	for (uint32_t r = 0; r < k->n_runs && !c->out->retired; r++) {
		struct wanted w = {.op = op, .state = &s, .kind = SECTION_KEYED, .ref = &k->run[r].ref,
				   .delta = k->run[r].delta};
		if (check_ref(c, &w, k->run[r].data) != OK)
			return c->e->code;
	}
	return OK;
}

static RC check_op(struct check *c, const struct manifest_op *op)
{
	for (uint32_t k = 0; k < op->n_keyed; k++)
		if (check_keyed(c, op, &op->keyed[k]) != OK)
			return c->e->code;
	for (uint32_t n = 0; n < op->n_sections && !c->out->retired; n++) {
		struct wanted w = {.op = op, .kind = op->section[n].kind,
				   .subtask = op->section[n].subtask, .ref = &op->section[n].ref};
		if (check_ref(c, &w, op->section[n].data) != OK)
			return c->e->code;
	}
	return OK;
}

/* What the rows of a state come to. */
struct counted {
	uint64_t keys;
	__int128 sum[2]; /* of each value word, as an int64 */
};

static void count_rows(struct counted *n, const struct merge_span *x)
{
	uint32_t words = x->block->shape.value_bytes / 8;
	const int64_t *value = (const int64_t *)x->block->value;
	n->keys += x->to - x->from;
	for (uint32_t row = x->from; row < x->to; row++)
		for (uint32_t w = 0; w < words; w++)
			n->sum[w] += value[(size_t)row * words + w];
}

static RC count_state(struct check *c, const struct inspect_state *s, struct counted *n)
{
	struct walk *w;
	struct merge_span x;
	struct err why = {OK};
	struct walk_options o = {.fs = c->env->fs, .mem = c->env->mem,
				 .parts_dir = inspect_parts_dir(c->i), .m = c->m, .state = s->keyed,
				 .shape = &s->shape, .hash_last = UINT64_MAX};
	enum rc rc = walk_open(&w, &o, &why);
	while (rc == OK && (rc = walk_next(w, &x, &why)) == OK && x.block)
		count_rows(n, &x);
	walk_close(w);
	if (rc == E_NO_MEMORY)
		return ERR(c->e, rc, "%s", why.text);
	if (rc != OK)
		tell_manifest(c, kind_of(rc), why.text);
	return OK;
}

/* What the manifest says of one stage's state, where it says something. */
static void compare_op(struct check *c, const struct manifest_op *op, const struct counted *n)
{
	char what[SECTION_NAME_MAX + 256];
	snprintf(what, sizeof what, "stage '%s' had %" PRIu64 " keys, its runs hold %" PRIu64, op->id,
		 op->keys, n->keys);
	if (op->counted && op->keys != n->keys)
		tell_manifest(c, FAULT_CORRUPT, what);
	for (uint32_t i = 0; op->counted && i < op->n_sums; i++) {
		int f = schema_find(&op->keyed[0].value, op->sum[i].field);
		snprintf(what, sizeof what, "the values '%s' of stage '%s' do not sum to what it says",
			 op->sum[i].field, op->id);
		if (f >= 0 && f < 2 && op->sum[i].sum != n->sum[f])
			tell_manifest(c, FAULT_CORRUPT, what);
	}
}

static RC count_keys(struct check *c)
{
	char what[128];
	for (uint32_t o = 0; o < c->m->n_ops; o++) {
		const struct manifest_op *op = &c->m->op[o];
		struct counted n = {0};
		for (uint32_t k = 0; k < op->n_keyed; k++) {
			struct inspect_state s;
			if (inspect_state_of(op, &op->keyed[k], &s, c->e) != OK ||
			    count_state(c, &s, &n) != OK)
				return c->e->code;
		}
		if (op->n_keyed == 1 && !c->out->faults)
			compare_op(c, op, &n);
		c->out->keys += n.keys;
	}
	c->out->counted = !c->out->faults;
	snprintf(what, sizeof what,
		 "it was taken of %" PRIu64 " keys, its runs hold %" PRIu64, c->m->figures.keys,
		 c->out->keys);
	if (c->out->counted && c->out->keys != c->m->figures.keys)
		tell_manifest(c, FAULT_CORRUPT, what);
	return OK;
}

RC inspect_check(struct inspect *i, struct check_seen *seen, bool count, inspect_on_fault *on,
		 void *arg, struct inspect_checked *out, struct err *e)
{
	struct check c = {.i = i, .m = inspect_manifest(i), .env = inspect_env(i), .seen = seen,
			  .on = on, .arg = arg, .out = out, .e = e};
	*out = (struct inspect_checked){0};
	c.broken = mem_get(c.env->mem, c.m->n_files + 1);
	if (!c.broken)
		return ERR(e, E_NO_MEMORY, "no memory to check a checkpoint");
	enum rc rc = OK;
	for (uint32_t n = 0; n < c.m->n_files && rc == OK && !out->retired; n++)
		rc = check_file(&c, n);
	for (uint32_t o = 0; o < c.m->n_ops && rc == OK && !out->retired; o++)
		rc = check_op(&c, &c.m->op[o]);
	if (rc == OK && count && !out->faults && !out->retired)
		rc = count_keys(&c);
	mem_put(c.env->mem, c.broken);
	return rc;
}
