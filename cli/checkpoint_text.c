/* checkpoint_text.c - see checkpoint_text.h. */
#include "cli/checkpoint_text.h"

#include "base/json.h"
#include "cli/row.h"

#include <inttypes.h>

#define TIMELINE_COLUMNS 100u
#define TRIGGER_COLUMNS_MIN 9u /* the usual ones: "interval" */
#define TRIGGER_COLUMNS_MAX 28u /* a condition may be long; by ID all of it is shown */

static const char *trigger_of(const struct manifest *m)
{
	return m->figures.trigger && *m->figures.trigger ? m->figures.trigger
							 : checkpoint_kind_name(m->kind);
}

static void print_verdict(const struct paint *p, const struct shown_checkpoint *s)
{
	if (s->intact)
		fprintf(p->to, "%sintact%s%s\n", paint_on(p, PAINT_GREEN), paint_off(p),
			s->pinned ? ", pinned" : "");
	else
		fprintf(p->to, "%s%s: %s%s\n", paint_on(p, PAINT_RED),
			s->bad ? "NOT INTACT" : "not readable", s->why, paint_off(p));
}

static unsigned trigger_columns(const struct shown_checkpoint *s, size_t n)
{
	unsigned columns = TRIGGER_COLUMNS_MIN;
	for (size_t i = 0; i < n; i++) {
		unsigned width = s[i].m ? row_width(trigger_of(s[i].m)) : 0;
		columns = width > columns ? width : columns;
	}
	return columns < TRIGGER_COLUMNS_MAX ? columns : TRIGGER_COLUMNS_MAX;
}

/* Cut where it is too wide. to: emptied first. */
static const char *trigger_text(const struct manifest *m, unsigned columns, const struct paint *p,
				struct bytes *to)
{
	struct row r;
	bytes_clear(to);
	row_begin(&r, to, p, columns);
	row_cut(&r, 0, PAINT_PLAIN, "%s", trigger_of(m));
	for (unsigned at = r.at; at < columns; at++)
		bytes_put_u8(to, ' ');
	return bytes_text(to);
}

static void table_row(const struct paint *p, const struct shown_checkpoint *s, unsigned columns,
		      struct bytes *trigger)
{
	char time[PAINT_TEXT], a[PAINT_TEXT], b[PAINT_TEXT], c[PAINT_TEXT], d[PAINT_TEXT];
	char e[PAINT_TEXT];
	if (!s->m) {
		fprintf(p->to, "%6s  slot %" PRIu64 "  ", "?", s->slot);
		print_verdict(p, s);
		return;
	}
	const struct manifest_figures *f = &s->m->figures;
	fprintf(p->to, "%6" PRIu64 "  %-9s  %s  %s  %8s  %8s  %11s  %8s  %8s  ", s->m->id,
		checkpoint_kind_name(s->m->kind), trigger_text(s->m, columns, p, trigger),
		text_time(s->m->wall_us, time),
		text_bytes(f->bytes_written, a), text_bytes(f->state_bytes, b),
		text_count(f->keys_changed, c), text_us(f->total_us, d), text_us(f->sync_us_max, e));
	print_verdict(p, s);
}

/* ---- JSON ---- */

static void json_facts(struct json_out *o, const struct shown_checkpoint *s)
{
	char time[PAINT_TEXT];
	if (!s->m) {
		jout_key(o, "id");
		jout_null(o);
	} else {
		const struct manifest_figures *f = &s->m->figures;
		jout_kv_uint(o, "id", s->m->id);
		jout_kv_string(o, "kind", checkpoint_kind_name(s->m->kind));
		jout_kv_string(o, "trigger", trigger_of(s->m));
		jout_kv_string(o, "time", text_time(s->m->wall_us, time));
		jout_kv_int(o, "wall_us", s->m->wall_us);
		jout_kv_uint(o, "bytes_written", f->bytes_written);
		jout_kv_uint(o, "state_bytes", f->state_bytes);
		jout_kv_uint(o, "keys", f->keys);
		jout_kv_uint(o, "keys_changed", f->keys_changed);
		jout_kv_real(o, "align_ms", (double)f->align_us / 1e3);
		jout_kv_real(o, "async_ms", (double)f->async_us / 1e3);
		jout_kv_real(o, "total_ms", (double)f->total_us / 1e3);
		jout_kv_uint(o, "sync_us_max", f->sync_us_max);
		jout_kv_uint(o, "epoch", s->m->epoch);
		jout_kv_uint(o, "attempt", s->m->attempt);
	}
	jout_kv_uint(o, "slot", s->slot);
	jout_kv_bool(o, "pinned", s->pinned);
	jout_kv_bool(o, "intact", s->intact);
	if (!s->intact)
		jout_kv_string(o, "fault", s->why);
}

static void json_run(struct json_out *o, const struct manifest *m, const struct section_ref *ref)
{
	if (ref->file == SECTION_INLINE)
		jout_kv_string(o, "in", "manifest");
	else
		jout_kv_string(o, "in", m->file[ref->file].name);
	jout_kv_uint(o, "rows", ref->rows);
	jout_kv_uint(o, "bytes", ref->bytes);
}

static void json_op(struct json_out *o, const struct manifest *m, const struct manifest_op *op)
{
	jout_object(o);
	jout_kv_string(o, "id", op->id);
	jout_kv_string(o, "type", op->type);
	jout_kv_uint(o, "parallelism", op->parallelism);
	jout_key(o, "runs");
	jout_array(o);
	for (uint32_t k = 0; k < op->n_keyed; k++)
		for (uint32_t r = 0; r < op->keyed[k].n_runs; r++) {
			const struct manifest_run *run = &op->keyed[k].run[r];
			jout_object(o);
			jout_kv_bool(o, "full", !run->delta);
			jout_kv_hex64(o, "hash_first", run->hash_first);
			jout_kv_hex64(o, "hash_last", run->hash_last);
			json_run(o, m, &run->ref);
			jout_object_end(o);
		}
	jout_array_end(o);
	jout_key(o, "sections");
	jout_array(o);
	for (uint32_t i = 0; i < op->n_sections; i++) {
		jout_object(o);
		jout_kv_uint(o, "subtask", op->section[i].subtask);
		jout_kv_string(o, "kind", section_kind_name(op->section[i].kind));
		json_run(o, m, &op->section[i].ref);
		jout_object_end(o);
	}
	jout_array_end(o);
	jout_object_end(o);
}

static void json_details(struct json_out *o, const struct manifest *m)
{
	jout_key(o, "stages");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_ops; i++)
		json_op(o, m, &m->op[i]);
	jout_array_end(o);
	jout_key(o, "files");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_files; i++) {
		jout_object(o);
		jout_kv_string(o, "name", m->file[i].name);
		jout_kv_uint(o, "bytes", m->file[i].length);
		jout_object_end(o);
	}
	jout_array_end(o);
	jout_key(o, "intents");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_intents; i++) {
		jout_object(o);
		jout_kv_string(o, "sink", m->intent[i].sink);
		jout_kv_string(o, "to", m->intent[i].to);
		jout_kv_uint(o, "bytes", m->intent[i].length);
		jout_object_end(o);
	}
	jout_array_end(o);
}

/* ---- the table ---- */

void checkpoints_print_table(const struct paint *p, struct env *env, const char *dir,
			     const struct shown_checkpoint *s, size_t n, size_t older, bool json)
{
	if (json) {
		struct bytes text;
		struct json_out o;
		bytes_init(&text, env->mem);
		jout_begin(&o, &text, true);
		jout_object(&o);
		jout_kv_string(&o, "dir", dir);
		jout_key(&o, "checkpoints");
		jout_array(&o);
		for (size_t i = 0; i < n; i++) {
			jout_object(&o);
			json_facts(&o, &s[i]);
			jout_object_end(&o);
		}
		jout_array_end(&o);
		jout_kv_uint(&o, "older", older);
		jout_object_end(&o);
		fprintf(p->to, "%s\n", bytes_text(&text));
		bytes_close(&text);
		return;
	}
	unsigned columns = trigger_columns(s, n);
	struct bytes trigger;
	bytes_init(&trigger, env->mem);
	fprintf(p->to, "%s%6s  %-9s  %-*s  %-27s  %8s  %8s  %11s  %8s  %8s%s\n",
		paint_on(p, PAINT_BOLD), "id", "kind", (int)columns, "trigger", "time", "written", "state",
		"keys changed", "took", "stopped", paint_off(p));
	for (size_t i = 0; i < n; i++)
		table_row(p, &s[i], columns, &trigger);
	bytes_close(&trigger);
	if (older)
		fprintf(p->to, "%zu older one%s kept too: --all shows %s\n", older,
			older == 1 ? " is" : "s are", older == 1 ? "it" : "them");
}

/* ---- one ---- */

static void print_op(const struct paint *p, const struct manifest_op *op)
{
	char a[PAINT_TEXT], b[PAINT_TEXT];
	uint64_t rows = 0, bytes = 0, state = 0;
	uint32_t runs = 0, full = 0, inlined = 0, ended = 0;
	for (uint32_t k = 0; k < op->n_keyed; k++)
		for (uint32_t r = 0; r < op->keyed[k].n_runs; r++) {
			const struct manifest_run *run = &op->keyed[k].run[r];
			rows += run->ref.rows;
			bytes += run->ref.bytes;
			full += !run->delta;
			inlined += run->ref.file == SECTION_INLINE;
			runs++;
		}
	for (uint32_t i = 0; i < op->n_sections; i++)
		state += op->section[i].ref.bytes;
	for (uint32_t i = 0; i < op->parallelism; i++)
		ended += op->ended[i];
	fprintf(p->to, "  %-16s %-16s x%-3u", op->id, op->type, op->parallelism);
	if (runs)
		fprintf(p->to, "  %u full + %u delta run%s: %s, %s", full, runs - full,
			runs - full == 1 ? "" : "s", text_many(rows, "row", a), text_bytes(bytes, b));
	if (inlined)
		fprintf(p->to, " (%u in the manifest)", inlined);
	if (op->n_sections)
		fprintf(p->to, "  %u section%s, %s", op->n_sections, op->n_sections == 1 ? "" : "s",
			text_bytes(state, a));
	if (ended)
		fprintf(p->to, "  %u of %u ended", ended, op->parallelism);
	fputc('\n', p->to);
}

static void print_files(const struct paint *p, const struct manifest *m)
{
	char a[PAINT_TEXT];
	fprintf(p->to, "%sfiles%s\n", paint_on(p, PAINT_BOLD), paint_off(p));
	for (uint32_t i = 0; i < m->n_files; i++)
		fprintf(p->to, "  %s/%s  %s\n", LAYOUT_PARTS, m->file[i].name,
			text_bytes(m->file[i].length, a));
	if (!m->n_files)
		fprintf(p->to, "  none: everything stands in the manifest\n");
	if (m->n_intents)
		fprintf(p->to, "%scommits%s\n", paint_on(p, PAINT_BOLD), paint_off(p));
	for (uint32_t i = 0; i < m->n_intents; i++)
		fprintf(p->to, "  %s: %s  %s\n", m->intent[i].sink, m->intent[i].to,
			text_bytes(m->intent[i].length, a));
}

void checkpoint_print_one(const struct paint *p, struct env *env, const char *dir,
			  const struct shown_checkpoint *s, const struct timeline *t, bool json)
{
	const struct manifest *m = s->m;
	if (json) {
		struct bytes text;
		struct json_out o;
		bytes_init(&text, env->mem);
		jout_begin(&o, &text, true);
		jout_object(&o);
		json_facts(&o, s);
		json_details(&o, m);
		if (t)
			timeline_json(&o, t);
		jout_object_end(&o);
		fprintf(p->to, "%s\n", bytes_text(&text));
		bytes_close(&text);
		return;
	}
	const struct manifest_figures *f = &m->figures;
	char a[PAINT_TEXT], b[PAINT_TEXT], c[PAINT_TEXT], d[PAINT_TEXT];
	fprintf(p->to, "%scheckpoint %" PRIu64 "%s  %s, %s, ", paint_on(p, PAINT_BOLD), m->id,
		paint_off(p), checkpoint_kind_name(m->kind), text_time(m->wall_us, a));
	print_verdict(p, s);
	fprintf(p->to, "  triggered by %s; attempt %u of epoch %" PRIu64 "; %s/%s/%020" PRIu64 ", %s\n",
		trigger_of(m), m->attempt, m->epoch, dir, LAYOUT_MANIFEST, m->slot,
		text_bytes(m->size_bytes, a));
	fprintf(p->to, "  wrote %s; state %s; %s of %s changed\n", text_bytes(f->bytes_written, a),
		text_bytes(f->state_bytes, b), text_count(f->keys_changed, c),
		text_many(f->keys, "key", d));
	fprintf(p->to, "  took %s: alignment %s, writing %s; longest stop of a task %s\n",
		text_us(f->total_us, a), text_us(f->align_us, b), text_us(f->async_us, c),
		text_us(f->sync_us_max, d));
	fprintf(p->to, "%sstages%s  %u files, %u sections read\n", paint_on(p, PAINT_BOLD),
		paint_off(p), s->verified.files, s->verified.sections);
	for (uint32_t i = 0; i < m->n_ops; i++)
		print_op(p, &m->op[i]);
	print_files(p, m);
	if (t) {
		fputc('\n', p->to);
		timeline_print(p, t, TIMELINE_COLUMNS);
	}
}
