/* fsck.c - `weir fsck DIR`: everything a job's directory holds, read and compared with what was
 * written. What is checked, and what counts as a fault: runtime/inspect_dir.h. */
#include "cli/cli.h"

#include "base/check.h"
#include "base/json.h"
#include "cli/fsck_repair.h"
#include "cli/job_dir.h"

#include <inttypes.h>

static const struct arg_def options[] = {
	{"--repair", ARG_FLAG, NULL, "set aside what is damaged, so that a run can go on"},
	{"--json", ARG_FLAG, NULL, "the same facts as JSON"},
	{0},
};

static const char *const kinds[] = {[FAULT_MISSING] = "missing", [FAULT_CORRUPT] = "corrupt",
				    [FAULT_UNREADABLE] = "unreadable", [FAULT_VERSION] = "version"};

/* What was said on the way, as it is to be shown. */
struct said {
	struct cli *c;
	bool json;
	struct bytes faults, notes, checkpoints, did; /* JSON values, one behind the other */
	struct fsck_repair *repair;                   /* NULL: not asked for */
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
	fsck_repair_fault(s->repair, f);
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

static void on_repaired(void *arg, const char *file, const char *what)
{
	struct said *s = arg;
	struct json_out o;
	if (!s->json) {
		fprintf(s->c->out.to, "repair %s: %s\n", file, what);
		return;
	}
	begin(&s->did, &o);
	jout_kv_string(&o, "file", file);
	jout_kv_string(&o, "did", what);
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
	fsck_repair_checkpoint(s->repair, d);
	if (s->json) {
		checkpoint_json(s, d);
		return;
	}
	fprintf(p->to, "%s%scheckpoint %-6" PRIu64 " %s  %s  ", d->dir, *d->dir ? " " : "", d->m->id,
		text_time(d->m->wall_us, time), text_many(d->m->figures.keys, "key", keys));
	if (d->intact)
		fprintf(p->to, "%sintact%s%s\n", paint_on(p, PAINT_GREEN), paint_off(p),
			d->checked.counted ? ", keys counted" : ", keys not counted");
	else if (d->torn && !d->checked.faults)
		fprintf(p->to, "%sNOT INTACT: what a sink prepared for it is damaged%s\n",
			paint_on(p, PAINT_RED), paint_off(p));
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
	if (s->repair)
		fsck_repair_json(s->repair, &o, &s->did);
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

static void print_text(struct cli *c, const struct said *s, const struct dir_result *r)
{
	char says[256], a[PAINT_TEXT], b[PAINT_TEXT], d[PAINT_TEXT], f[PAINT_TEXT];
	const struct paint *p = &c->out;
	if (s->repair)
		fsck_repair_text(s->repair, p);
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

/* Reads all; repairs, and reads all again: what is said of the whole is how it is afterwards. */
static enum rc look_and_repair(struct said *s, const char *dir, struct dir_result *r, struct err *e)
{
	struct env *env = s->c->env;
	struct dir_listener to = {s, on_fault, on_note, on_checkpoint};
	enum rc rc = s->repair ? fsck_repair_open(s->repair, env, dir, e) : OK;
	if (rc == OK)
		rc = inspect_dir_check(env, dir, &to, r, e);
	if (rc == OK && s->repair)
		rc = fsck_repair_do(s->repair, r, on_repaired, s, e);
	if (rc == OK && s->repair && s->repair->did.fence)
		rc = inspect_dir_check(env, dir, &fsck_silent, r, e);
	fsck_repair_close(s->repair);
	return rc;
}

static int fsck(struct cli *c, const struct args *a)
{
	struct fsck_repair repair = {0};
	struct said s = {.c = c, .json = args_has(a, "--json"),
			 .repair = args_has(a, "--repair") ? &repair : NULL};
	struct bytes *const lists[] = {&s.faults, &s.notes, &s.checkpoints, &s.did};
	struct dir_result r;
	struct err e = {0};
	const char *dir = a->place[0];
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		bytes_init(lists[i], c->env->mem);
	enum rc rc = job_dir_check(c->env, dir, "fsck", &e);
	if (rc == OK)
		rc = look_and_repair(&s, dir, &r, &e);
	if (rc == OK && s.json)
		print_json(c, &s, dir, &r);
	else if (rc == OK)
		print_text(c, &s, &r);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		bytes_close(lists[i]);
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
		"--repair deletes nothing. It sets what is damaged aside with one more manifest, a\n"
		"fence: a start goes on from the newest checkpoint that is intact; what no manifest\n"
		"names is moved to DIR/lost/<the fence's number>. If newer checkpoints are given up\n"
		"that may have committed output, the next run says what --restore --rewind moves\n"
		"aside. The job must not be running. Twice is as good as once; the exit code is that\n"
		"of the directory as it is afterwards.\n"
		"\n"
		"    weir fsck weir-data/word-count --repair\n"
		"\n"
		"--json prints {intact, says, chosen, chosen_intact, newest_intact, ..., faults:\n"
		"[{kind, file, fault}], notes: [{file, note}], checkpoints: [{id, intact, ...}]},\n"
		"with --repair also repair: {fence, goes_on_from, goes_back, quarantined, moved, did}.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = fsck,
};
