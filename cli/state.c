/* state.c - `weir state`: a look into the keyed state of a checkpoint, and its first word, `ls`.
 * Why without a lock: it is asked while the job runs (runtime/inspect.h). */
#include "cli/state.h"

#include "base/check.h"
#include "base/json.h"
#include "base/schema.h"
#include "cli/job_dir.h"
#include "cli/remote.h"

#include <inttypes.h>
#include <string.h>

static const struct arg_def options[] = {
	{"--at", ARG_TEXT, "ID", "the checkpoint of this number, or the savepoint of this name "
				 "(default: the one a start would go on from)"},
	{"--stage", ARG_TEXT, "ID", "which stage's state (default: the only one that has any)"},
	{"--format", ARG_WORD, "FORMAT", "csv or jsonl (default: csv; of export: by the file's name)",
	 .one_of = "csv jsonl"},
	{"--limit", ARG_NUMBER, "N", "scan, export, diff: so many rows at most", 0, INT64_MAX,
	 .letter = 'n'},
	{"--after", ARG_TEXT, "KEY", "scan, export: only what comes behind this key"},
	{"--live", ARG_FLAG, NULL, "get: as the running job has it now; JOB at a server, or the DIR of "
				   "a `weir run`"},
	{"--dir", ARG_TEXT, "DIR", "of the server (default: $WEIR_DIR, else " REMOTE_DIR ")"},
	{"--server", ARG_TEXT, "URL", "http://HOST:PORT or https://HOST:PORT instead"},
	{"--token-file", ARG_TEXT, "FILE", "its token (default: $WEIR_TOKEN_FILE); mode 600"},
	{"--tls-ca", ARG_TEXT, "FILE", "PEM: whose certificates to believe for https"},
	{"--json", ARG_FLAG, NULL, "the same as JSON: an object of `ls`, else one a row"},
	{0},
};

RC state_open(struct cli *c, const struct args *a, struct inspect **i, struct err *e)
{
	char verb[64];
	snprintf(verb, sizeof verb, "state %s", a->place[0]);
	if (job_dir_check(c->env, a->place[1], verb, e) != OK)
		return e->code;
	return inspect_open(i, c->env, a->place[1], args_text(a, "--at", NULL), e);
}

/* --- ls --- */

struct totals {
	uint64_t rows, bytes;
	uint32_t full, delta;
};

static struct totals totals_of(const struct manifest_keyed *k)
{
	struct totals t = {0};
	for (uint32_t r = 0; r < k->n_runs; r++) {
		t.rows += k->run[r].ref.rows;
		t.bytes += k->run[r].ref.bytes;
		k->run[r].delta ? t.delta++ : t.full++;
	}
	return t;
}

static uint64_t section_bytes(const struct manifest_op *op)
{
	uint64_t bytes = 0;
	for (uint32_t s = 0; s < op->n_sections; s++)
		bytes += op->section[s].ref.bytes;
	return bytes;
}

static void json_schema(struct json_out *o, const char *name, const struct schema *s)
{
	jout_key(o, name);
	jout_array(o);
	for (uint32_t f = 0; f < s->n; f++) {
		jout_object(o);
		jout_kv_string(o, "name", s->field[f].name);
		jout_kv_string(o, "type", type_name(s->field[f].type));
		jout_kv_bool(o, "nullable", s->field[f].nullable);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void json_op(struct json_out *o, const struct manifest_op *op)
{
	jout_object(o);
	jout_kv_string(o, "stage", op->id);
	jout_kv_string(o, "type", op->type);
	jout_kv_uint(o, "parallelism", op->parallelism);
	if (op->n_keyed) {
		struct totals t = totals_of(&op->keyed[0]);
		json_schema(o, "key", &op->keyed[0].key);
		json_schema(o, "value", &op->keyed[0].value);
		jout_kv_uint(o, "rows", t.rows);
		jout_kv_uint(o, "full_runs", t.full);
		jout_kv_uint(o, "delta_runs", t.delta);
		jout_kv_uint(o, "bytes", t.bytes);
	}
	jout_kv_uint(o, "sections", op->n_sections);
	jout_kv_uint(o, "section_bytes", section_bytes(op));
	jout_object_end(o);
}

static void ls_json(struct cli *c, const struct inspect *i)
{
	const struct manifest *m = inspect_manifest(i);
	struct bytes text;
	struct json_out o;
	bytes_init(&text, c->env->mem);
	jout_begin(&o, &text, true);
	jout_object(&o);
	jout_kv_string(&o, "dir", inspect_dir(i));
	jout_kv_uint(&o, "checkpoint", m->id);
	if (m->name)
		jout_kv_string(&o, "name", m->name);
	jout_kv_int(&o, "wall_us", m->wall_us);
	jout_kv_uint(&o, "keys", m->figures.keys);
	jout_key(&o, "states");
	jout_array(&o);
	for (uint32_t n = 0; n < m->n_ops; n++)
		json_op(&o, &m->op[n]);
	jout_array_end(&o);
	jout_object_end(&o);
	fprintf(c->out.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

static void ls_op(struct cli *c, const struct manifest_op *op)
{
	char key[256], value[256], a[PAINT_TEXT], b[PAINT_TEXT];
	FILE *to = c->out.to;
	if (op->n_keyed) {
		struct totals t = totals_of(&op->keyed[0]);
		schema_text(&op->keyed[0].key, key, sizeof key);
		schema_text(&op->keyed[0].value, value, sizeof value);
		fprintf(to, "  %-16s (%s) -> (%s)\n", op->id, key, value);
		fprintf(to, "  %-16s %s in %u full + %u delta run%s, %s\n", "", text_many(t.rows, "row", a),
			t.full, t.delta, t.full + t.delta == 1 ? "" : "s", text_bytes(t.bytes, b));
	}
	if (op->n_sections)
		fprintf(to, "  %-16s %s's own, of %u subtask%s, %s\n", op->n_keyed ? "" : op->id, op->type,
			op->n_sections, op->n_sections == 1 ? "" : "s",
			text_bytes(section_bytes(op), a));
}

static void ls_text(struct cli *c, const struct inspect *i)
{
	const struct manifest *m = inspect_manifest(i);
	char a[PAINT_TEXT], b[PAINT_TEXT];
	fprintf(c->out.to, "%scheckpoint %" PRIu64 "%s of %s%s%s%s, %s, %s\n",
		paint_on(&c->out, PAINT_BOLD), m->id, paint_off(&c->out), inspect_dir(i),
		m->name ? ", savepoint '" : "", m->name ? m->name : "", m->name ? "'" : "",
		text_time(m->wall_us, a), text_many(m->figures.keys, "key", b));
	for (uint32_t n = 0; n < m->n_ops; n++)
		ls_op(c, &m->op[n]);
}

static int ls(struct cli *c, const struct args *a)
{
	struct inspect *i = NULL;
	struct err e = {0};
	if (state_open(c, a, &i, &e) != OK)
		return cli_fail(c, &e);
	args_has(a, "--json") ? ls_json(c, i) : ls_text(c, i);
	inspect_close(i);
	return 0;
}

/* --- the words --- */

static const struct word {
	const char *name, *use;
	unsigned places; /* itself and DIR among them */
	int (*run)(struct cli *c, const struct args *a);
	const char *options; /* that mean something here, each between blanks */
} words[] = {
	{"ls", "ls DIR [--at ID]", 2, ls, " --at "},
	{"get", "get DIR KEY [--at ID | --live] [--stage ID]", 3, state_get,
	 " --at --stage --format --live --dir --server --token-file --tls-ca "},
	{"scan", "scan DIR [--after KEY] [--limit N]", 2, state_scan,
	 " --at --stage --format --limit --after "},
	{"export", "export DIR FILE.csv|FILE.jsonl", 3, state_export,
	 " --at --stage --format --limit --after "},
	{"diff", "diff DIR ID ID [--stage ID]", 4, state_diff, " --stage --format --limit "},
};

static RC word_check(const struct word *w, const struct args *a, struct err *e)
{
	static const char *const asks[] = {"--dir", "--server", "--token-file", "--tls-ca"};
	if (a->n_places < w->places)
		return ERR(e, E_USAGE, "needs more: weir state %s", w->use);
	if (a->n_places > w->places)
		return ERR(e, E_USAGE, "'%s' is one argument too many: weir state %s (a key of several "
			   "fields is one argument: a,b)", a->place[w->places], w->use);
	for (unsigned i = 0; i < ARRAY_LEN(asks) && !args_has(a, "--live"); i++)
		if (args_has(a, asks[i]))
			return ERR(e, E_USAGE, "%s says whom to ask, which is for --live", asks[i]);
	for (unsigned o = 0; o < a->n_options; o++) {
		char name[64];
		snprintf(name, sizeof name, " %s ", a->option[o].def->name);
		if (strcmp(name, " --json ") && !strstr(w->options, name))
			return ERR(e, E_USAGE, "%s is not for `weir state %s`", a->option[o].def->name,
				   w->name);
	}
	return OK;
}

static int state(struct cli *c, const struct args *a)
{
	const char *names[ARRAY_LEN(words)];
	struct err e = {0};
	for (size_t w = 0; w < ARRAY_LEN(words); w++) {
		names[w] = words[w].name;
		if (strcmp(a->place[0], words[w].name))
			continue;
		return word_check(&words[w], a, &e) == OK ? words[w].run(c, a) : cli_fail(c, &e);
	}
	const char *close = closest_name(a->place[0], names, ARRAY_LEN(names));
	(void)!ERR(&e, E_USAGE, "'%.100s' is no word of `weir state`%s%s%s; it has: ls, get, scan, "
		   "export, diff", a->place[0], close ? "; did you mean '" : "", close ? close : "",
		   close ? "'?" : "");
	return cli_fail(c, &e);
}

const struct verb verb_state = {
	.name = "state",
	.arguments = "ls|get|scan|export|diff DIR [ARGUMENT]... [OPTION]...",
	.summary = "looks into a checkpoint: keys and sums, one, all, or what changed",
	.help = "Reads the keyed state of a checkpoint; changes nothing, and the job may be running.\n"
		"\n"
		"    weir state ls DIR                 what states there are, and of which types\n"
		"    weir state get DIR KEY            one key, found by the index: milliseconds\n"
		"    weir state scan DIR --limit 20    rows, in the order of their hashes\n"
		"    weir state export DIR all.csv     all of them, into a new file\n"
		"    weir state diff DIR 5 7           what became of the keys from 5 to 7\n"
		"\n"
		"    weir run examples/word-count.json\n"
		"    weir state get weir-data/word-count the\n"
		"    weir state get word-count the --live     of the job as it runs, at a server\n"
		"\n"
		"--at takes a checkpoint's number (weir checkpoints DIR lists them) or a savepoint's\n"
		"name. A key of one text is written as it is; anything else as in a line of csv: a,b\n"
		"of two fields, 2026-01-31T23:59:59Z of a time, nothing of a null, \"\" of an empty\n"
		"text; one that begins with - stands behind --. Rows are csv with a header line, or\n"
		"JSON Lines (--json, --format jsonl; of export, a name that ends in .jsonl). A field\n"
		"of the state that is called like one of the key has a _ behind it. `sum` is null\n"
		"where nothing but nulls came (`count` is 0). diff says added, removed or changed, and\n"
		"was_sum before sum.\n"
		"get --live asks the running job instead: JOB at a server, or the directory of a `weir\n"
		"run`. What it says is ahead of the newest checkpoint by what came since.\n"
		"Exit code 4 if there is no such key or checkpoint, 6 if a block that was read is\n"
		"corrupt.",
	.least = 2,
	.most = 4,
	.options = options,
	.run = state,
};
