/* audit.c - `weir audit DIR`: proves from the files alone that no record was lost, doubled or moved
 * between the intervals of a job's checkpoints. What is proved and how: checkpoint/audit.h.
 * Takes no lock and changes nothing; the job may be running. */
#include "base/json.h"
#include "checkpoint/audit.h"
#include "checkpoint/listing.h"
#include "cli/cli.h"

#include <inttypes.h>

static const struct arg_def options[] = {
	{"--json", ARG_FLAG, NULL, "the same facts as JSON"},
	{0},
};

#define FAULTS_SHOWN 100 /* the rest is counted */

struct faults {
	struct bytes text; /* lines, or strings of a JSON list */
	struct json_out out;
	bool json;
	uint64_t n;
};

static void on_fault(void *arg, const char *text)
{
	struct faults *f = arg;
	if (f->n++ >= FAULTS_SHOWN)
		return;
	if (f->json)
		jout_string(&f->out, text);
	else
		bytes_printf(&f->text, "  FAULT %s\n", text);
}

/* The newest checkpoint of the line that the newest readable manifest goes on with. */
static const struct manifest *newest(const struct slot_entries *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->entry[i].rc == OK && l->entry[i].live &&
		    l->entry[i].m.slot_kind == SLOT_CHECKPOINT)
			return &l->entry[i].m;
	return NULL;
}

static void say(struct cli *c, const char *dir, const struct manifest *m,
		const struct audit_report *r, struct faults *f)
{
	FILE *to = c->out.to;
	fprintf(to, "%s: %" PRIu64 " intervals, from checkpoint %" PRIu64 " to %" PRIu64 "\n", dir,
		r->intervals, r->from_id, m->id);
	fprintf(to, "  edges   %" PRIu64 ", over which %" PRIu64 " records went: %s\n", r->edges,
		r->records, r->hashed ? "counted and summed at both ends" : "counted at both ends");
	fprintf(to, "  pieces  %" PRIu64 ", %" PRIu64 " bytes read%s", r->pieces, r->piece_bytes,
		r->pieces_gone ? "" : "\n");
	if (r->pieces_gone)
		fprintf(to, "; %" PRIu64 " are not there (taken away, or not committed yet)\n",
			r->pieces_gone);
	fputs(bytes_text(&f->text), to);
	if (f->n > FAULTS_SHOWN)
		fprintf(to, "  ... and %" PRIu64 " more\n", f->n - FAULTS_SHOWN);
	if (r->faults)
		fprintf(to, "%" PRIu64 " faults: what these files say of the job's records does not "
			    "hold\n", r->faults);
	else
		fprintf(to, "every edge received what was sent, every stage's law held, in each "
			    "interval\n");
}

static void say_json(struct cli *c, const struct manifest *m, const struct audit_report *r,
		     struct faults *f)
{
	struct bytes text;
	struct json_out o;
	bytes_init(&text, c->env->mem);
	jout_begin(&o, &text, true);
	jout_object(&o);
	jout_kv_uint(&o, "checkpoint", m->id);
	jout_kv_uint(&o, "intervals", r->intervals);
	jout_kv_uint(&o, "edges", r->edges);
	jout_kv_uint(&o, "records", r->records);
	jout_kv_bool(&o, "hashed", r->hashed);
	jout_kv_uint(&o, "pieces", r->pieces);
	jout_kv_uint(&o, "pieces_gone", r->pieces_gone);
	jout_kv_uint(&o, "piece_bytes", r->piece_bytes);
	jout_kv_uint(&o, "faults", r->faults);
	jout_array_end(&f->out);
	jout_key(&o, "fault");
	jout_raw(&o, (const char *)f->text.data, f->text.len);
	jout_object_end(&o);
	fprintf(c->out.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

static int audit(struct cli *c, const struct args *a)
{
	const char *dir = a->place[0];
	struct slot_entries l = {0};
	struct err e = {0};
	struct faults f = {.json = args_has(a, "--json")};
	struct audit_report r = {.fault = on_fault, .arg = &f};
	const struct manifest *m = NULL;
	bytes_init(&f.text, c->env->mem);
	jout_begin(&f.out, &f.text, false);
	if (f.json)
		jout_array(&f.out);
	enum rc rc = slots_read_all(slots_in(c->env->fs, dir), c->env->mem, &l, &e);
	if (rc == OK && l.n && l.entry[0].rc != OK)
		rc = ERR(&e, l.entry[0].rc, "%s", l.entry[0].err.text);
	if (rc == OK && !(m = newest(&l)))
		rc = ERR(&e, E_NOT_FOUND, "'%s' has no checkpoint", dir);
	if (rc == OK)
		rc = audit_check(c->env->fs, c->env->mem, dir, m, &r, &e);
	int code = rc != OK ? cli_fail(c, &e) : err_exit_code(r.faults ? E_CORRUPT : OK);
	if (rc == OK && f.json)
		say_json(c, m, &r, &f);
	else if (rc == OK)
		say(c, dir, m, &r, &f);
	slot_entries_close(&l);
	bytes_close(&f.text);
	return code;
}

const struct verb verb_audit = {
	.name = "audit",
	.arguments = "DIR [OPTION]...",
	.summary = "proves that no record was lost, doubled or moved between checkpoints",
	.help = "For a job with \"checkpoint\": {\"audit\": true}. Each edge counts its records at\n"
		"both ends and sums their hashes; each sink does so with what it writes; the ledger in\n"
		"DIR/audit keeps a line of it a checkpoint, and the newest manifest names the ledger\n"
		"by length and hash. This reads all of that again, and every committed file:\n"
		"\n"
		"    weir run job.json --dir data\n"
		"    weir audit data\n"
		"\n"
		"Interval by interval: what was sent was received, what went into a stage came out as\n"
		"its kind says, what a sink was given is what it wrote, each file is the one that\n"
		"was written, and there is no other. Files that a consumer took away are counted,\n"
		"not missed. Changes nothing; the job may be running. Exit code 6 if anything does\n"
		"not hold, 4 if the job was not audited.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = audit,
};
