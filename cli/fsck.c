/* fsck.c - `weir fsck DIR`: everything a job's directory holds, read and compared with what was
 * written. What is checked, and what counts as a fault: runtime/inspect_dir.h. */
#include "cli/cli.h"

#include "base/check.h"
#include "base/json.h"
#include "cli/job_dir.h"
#include "runtime/inspect_dir.h"

#include <inttypes.h>

static const struct arg_def options[] = {
	{"--json", ARG_FLAG, NULL, "the same facts as JSON"},
	{0},
};

static const char *const kinds[] = {[FAULT_MISSING] = "missing", [FAULT_CORRUPT] = "corrupt",
				    [FAULT_UNREADABLE] = "unreadable", [FAULT_VERSION] = "version"};

/* What was said on the way, as it is to be shown. */
struct said {
	struct cli *c;
	bool json;
	struct bytes faults, notes, checkpoints; /* JSON values, one behind the other */
};

/* Begins the next value of a list. */
static void begin(struct bytes *list, struct json_out *o)
{
	if (list->len)
		bytes_put_u8(list, ',');
	jout_begin(o, list, false);
	jout_object(o);
}

static void on_fault(void *arg, const struct inspect_fault *f)
{
	struct said *s = arg;
	const struct paint *p = &s->c->out;
	struct json_out o;
	if (!s->json) {
		fprintf(p->to, "%sfault%s  %s: %s\n", paint_on(p, PAINT_RED), paint_off(p), f->file,
			f->what);
		return;
	}
	begin(&s->faults, &o);
	jout_kv_string(&o, "kind", kinds[f->kind]);
	jout_kv_string(&o, "file", f->file);
	jout_kv_string(&o, "fault", f->what);
	jout_object_end(&o);
}

static void on_note(void *arg, const char *file, const char *what)
{
	struct said *s = arg;
	struct json_out o;
	if (!s->json) {
		fprintf(s->c->out.to, "note   %s%s%s\n", file, *file ? ": " : "", what);
		return;
	}
	begin(&s->notes, &o);
	jout_kv_string(&o, "file", file);
	jout_kv_string(&o, "note", what);
	jout_object_end(&o);
}

static void checkpoint_json(struct said *s, const struct dir_checkpoint *d)
{
	struct json_out o;
	begin(&s->checkpoints, &o);
	jout_kv_uint(&o, "id", d->m->id);
	jout_kv_uint(&o, "slot", d->m->slot);
	jout_kv_string(&o, "in", d->dir);
	jout_kv_string(&o, "kind", checkpoint_kind_name(d->m->kind));
	if (d->m->name)
		jout_kv_string(&o, "name", d->m->name);
	jout_kv_uint(&o, "keys", d->m->figures.keys);
	jout_kv_bool(&o, "keys_counted", d->checked.counted);
	jout_kv_uint(&o, "faults", d->checked.faults);
	jout_kv_bool(&o, "intact", d->intact);
	jout_kv_bool(&o, "chosen", d->chosen);
	jout_object_end(&o);
}

static void on_checkpoint(void *arg, const struct dir_checkpoint *d)
{
	struct said *s = arg;
	const struct paint *p = &s->c->out;
	char keys[PAINT_TEXT], faults[PAINT_TEXT], time[PAINT_TEXT];
	if (s->json) {
		checkpoint_json(s, d);
		return;
	}
	fprintf(p->to, "%s%scheckpoint %-6" PRIu64 " %s  %s  ", d->dir, *d->dir ? " " : "", d->m->id,
		text_time(d->m->wall_us, time), text_many(d->m->figures.keys, "key", keys));
	if (d->intact)
		fprintf(p->to, "%sintact%s%s\n", paint_on(p, PAINT_GREEN), paint_off(p),
			d->checked.counted ? ", counted" : "");
	else
		fprintf(p->to, "%sNOT INTACT: %s%s\n", paint_on(p, PAINT_RED),
			text_many(d->checked.faults, "fault", faults), paint_off(p));
}

static uint32_t faults_of(const struct dir_result *r)
{
	return r->missing + r->corrupt + r->unreadable + r->version;
}

static int code_of(const struct dir_result *r)
{
	if (r->missing || r->corrupt)
		return err_exit_code(E_CORRUPT);
	return err_exit_code(r->unreadable ? E_IO : r->version ? E_REFUSED : OK);
}

/* What can be restored, in a sentence or two. */
static void verdict(const struct dir_result *r, char *to, size_t size)
{
	if (!r->chosen)
		snprintf(to, size, "No checkpoint is there for a start to go on from.");
	else if (r->chosen_intact)
		snprintf(to, size, "A start goes on from checkpoint %" PRIu64 ", which is intact.",
			 r->chosen);
	else if (r->best)
		snprintf(to, size, "A start would go on from checkpoint %" PRIu64 ", which is NOT intact; "
			 "the newest that can be restored is %" PRIu64 ".", r->chosen, r->best);
	else
		snprintf(to, size, "A start would go on from checkpoint %" PRIu64 ", which is NOT intact, "
			 "and no other is: keep the directory as it is.", r->chosen);
	if (!r->chosen && r->best) /* the newest manifest cannot be read */
		snprintf(to, size, "The newest manifest cannot be read, so a start refuses; the newest "
			 "checkpoint that is intact is %" PRIu64 ".", r->best);
}

static void print_json(struct cli *c, struct said *s, const char *dir, const struct dir_result *r)
{
	struct bytes text;
	struct json_out o;
	char says[256];
	struct {
		const char *name;
		struct bytes *list;
	} lists[] = {{"faults", &s->faults}, {"notes", &s->notes}, {"checkpoints", &s->checkpoints}};
	verdict(r, says, sizeof says);
	bytes_init(&text, c->env->mem);
	jout_begin(&o, &text, true);
	jout_object(&o);
	jout_kv_string(&o, "dir", dir);
	jout_kv_bool(&o, "intact", !faults_of(r));
	jout_kv_string(&o, "says", says);
	jout_kv_uint(&o, "chosen", r->chosen);
	jout_kv_bool(&o, "chosen_intact", r->chosen_intact);
	jout_kv_uint(&o, "newest_intact", r->best);
	jout_kv_uint(&o, "manifests", r->manifests);
	jout_kv_uint(&o, "files", r->files);
	jout_kv_uint(&o, "sections", r->sections);
	jout_kv_uint(&o, "blocks", r->blocks);
	jout_kv_uint(&o, "rows", r->rows);
	jout_kv_uint(&o, "pieces", r->pieces);
	jout_kv_uint(&o, "bytes", r->bytes);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		jout_key(&o, lists[i].name);
		bytes_put_u8(lists[i].list, ']');
		jout_raw(&o, "[", 1);
		bytes_put(&text, lists[i].list->data, lists[i].list->len);
	}
	jout_object_end(&o);
	fprintf(c->out.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

static void print_text(struct cli *c, const struct dir_result *r)
{
	char says[256], a[PAINT_TEXT], b[PAINT_TEXT], d[PAINT_TEXT], f[PAINT_TEXT];
	const struct paint *p = &c->out;
	verdict(r, says, sizeof says);
	fprintf(p->to, "%s, %s, %s, %s read: ", text_many(r->manifests, "manifest", a),
		text_many(r->files, "file", b), text_many(r->sections, "section", d),
		text_bytes(r->bytes, f));
	if (faults_of(r))
		fprintf(p->to, "%s%s%s. ", paint_on(p, PAINT_RED), text_many(faults_of(r), "fault", a),
			paint_off(p));
	else
		fprintf(p->to, "%sno fault%s. ", paint_on(p, PAINT_GREEN), paint_off(p));
	fprintf(p->to, "%s\n", says);
}

static int fsck(struct cli *c, const struct args *a)
{
	struct said s = {.c = c, .json = args_has(a, "--json")};
	struct dir_listener to = {&s, on_fault, on_note, on_checkpoint};
	struct dir_result r;
	struct err e = {0};
	const char *dir = a->place[0];
	bytes_init(&s.faults, c->env->mem);
	bytes_init(&s.notes, c->env->mem);
	bytes_init(&s.checkpoints, c->env->mem);
	enum rc rc = job_dir_check(c->env, dir, "fsck", &e);
	if (rc == OK)
		rc = inspect_dir_check(c->env, dir, &to, &r, &e);
	if (rc == OK && s.json)
		print_json(c, &s, dir, &r);
	else if (rc == OK)
		print_text(c, &r);
	bytes_close(&s.faults);
	bytes_close(&s.notes);
	bytes_close(&s.checkpoints);
	return rc == OK ? code_of(&r) : cli_fail(c, &e);
}

const struct verb verb_fsck = {
	.name = "fsck",
	.arguments = "DIR [OPTION]...",
	.summary = "reads everything a job's directory holds, and tells every fault",
	.help = "Reads every manifest, every byte of every file that a checkpoint names, what sinks\n"
		"prepared and committed for them, job.json and the savepoints; compares lengths,\n"
		"hashes and checksums; decodes every row, and counts the keys of the newest eight\n"
		"checkpoints. Goes on after a fault and tells all of them; says what a start would\n"
		"go on from, and what else can be restored. Changes nothing; the job may be running\n"
		"(what it retires meanwhile is no fault).\n"
		"\n"
		"    weir run examples/word-count.json\n"
		"    weir fsck weir-data/word-count\n"
		"\n"
		"Exit code 6 if anything is corrupt or missing, 1 if something could not be read, 5\n"
		"if something is of a later version, 4 if there is no checkpoint. A `note` is no\n"
		"fault: files nobody names (a sweep takes them), committed files that somebody took\n"
		"away. A committed file that was changed since is a fault.\n"
		"--json prints {intact, says, chosen, chosen_intact, newest_intact, ..., faults:\n"
		"[{kind, file, fault}], notes: [{file, note}], checkpoints: [{id, intact, ...}]}.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = fsck,
};
