/* keep.c - `weir pin`, `weir unpin` and `weir gc`: which old checkpoints stay, and that what nobody
 * needs goes. A running job is asked where it runs (action.h); a directory that nobody runs is
 * changed here (jobs/idle.h). Which of the two: whether DIR is a job's directory in which nobody
 * answers. */
#include "cli/action.h"

#include "cli/job_dir.h"
#include "cli/remote.h"
#include "jobs/idle.h"

#include "checkpoint/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static const struct arg_def pin_options[] = {REMOTE_OPTIONS, {0}};
static const struct arg_def gc_options[] = {
	{"--dry-run", ARG_FLAG, NULL, "only say what would be removed; changes nothing"},
	REMOTE_OPTIONS,
	{0},
};

/* ---- who is to be asked ---- */

static bool has_folder(struct cli *c, const char *dir, const char *name)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_stat st;
	struct err ignored = {0};
	return layout_path(path, dir, NULL, name) && fs_stat(c->env->fs, path, &st, &ignored) == OK;
}

/* A socket without anybody behind it is what a killed run leaves. */
static bool somebody_answers(struct cli *c, const struct args *a)
{
	struct remote r;
	struct client_reply reply = {0};
	struct err e = {0};
	enum rc rc = remote_open_job(&r, c, a, &e);
	if (rc == OK)
		rc = remote_get(&r, "/v1", &reply, &e);
	client_reply_close(&reply);
	remote_close(&r);
	return rc != E_UNREACHABLE;
}

static bool nobody_runs(struct cli *c, const struct args *a)
{
	const char *dir = a->n_places ? a->place[0] : "";
	if (!*dir || args_has(a, "--dir") || args_has(a, "--server") ||
	    !has_folder(c, dir, LAYOUT_MANIFEST))
		return false;
	return !has_folder(c, dir, "weir.sock") || !somebody_answers(c, a);
}

/* A path that is no job's directory, and in which no server is: said here, where it is known what
 * was meant. */
static RC place_check(struct cli *c, const struct args *a, const char *verb, struct err *e)
{
	const char *dir = a->n_places ? a->place[0] : "";
	bool is_path = strchr(dir, '/') && !args_has(a, "--dir") && !args_has(a, "--server");
	if (!is_path || has_folder(c, dir, "weir.sock"))
		return OK;
	return job_dir_check(c->env, dir, verb, e);
}

/* Whoever holds the directory has no socket in it: the process of a server's job. */
static int fail(struct cli *c, struct err *e, const char *verb)
{
	size_t n = strlen(e->text);
	if (e->code == E_REFUSED && strstr(e->text, "is in use by process") && n < sizeof e->text)
		snprintf(e->text + n, sizeof e->text - n,
			 "; or, if it is a server's job, ask there: weir %s JOB ... --dir SERVER_DIR", verb);
	return cli_fail(c, e);
}

/* ---- pin ---- */

static void print_pinned(struct cli *c, const struct args *a, uint64_t id, bool on, bool news)
{
	FILE *to = c->out.to;
	if (args_has(a, "--json")) {
		fprintf(to, "{\"checkpoint\": %" PRIu64 ", \"pinned\": %s, \"changed\": %s}\n", id,
			on ? "true" : "false", news ? "true" : "false");
	} else if (!news) {
		fprintf(to, "checkpoint %" PRIu64 " was %s already\n", id, on ? "pinned" : "not pinned");
	} else if (on) {
		fprintf(to, "checkpoint %" PRIu64 " is pinned: it stays until `weir unpin %s %" PRIu64
			    "`\n", id, a->place[0], id);
	} else {
		fprintf(to, "checkpoint %" PRIu64 " is not pinned any more: `retain` decides how long it "
			    "stays\n", id);
	}
}

static int pin_or_not(struct cli *c, const struct args *a, bool on)
{
	const char *verb = on ? "pin" : "unpin";
	struct err e = {0};
	char *end, query[40];
	uint64_t id = strtoull(a->place[1], &end, 10);
	bool news = false;
	if (a->place[1][0] < '0' || a->place[1][0] > '9' || *end || !id) {
		ERR(&e, E_USAGE, "'%s' is not the number of a checkpoint: weir %s %s ID; which there are: "
		    "weir checkpoints DIR", a->place[1], verb, a->place[0]);
		return cli_fail(c, &e);
	}
	if (place_check(c, a, verb, &e) != OK)
		return cli_fail(c, &e);
	if (!nobody_runs(c, a)) {
		snprintf(query, sizeof query, "?id=%" PRIu64, id);
		return action_run(c, a, verb, "", query);
	}
	if (idle_pin(c->env, a->place[0], (uint64_t)getpid(), id, on, &news, &e) != OK)
		return fail(c, &e, verb);
	print_pinned(c, a, id, on, news);
	return 0;
}

static int pin(struct cli *c, const struct args *a)
{
	return pin_or_not(c, a, true);
}

static int unpin(struct cli *c, const struct args *a)
{
	return pin_or_not(c, a, false);
}

/* ---- gc ---- */

static const char *text_of(const struct json *v, const char *key)
{
	size_t len;
	const struct json *m = json_get(v, key);
	return m && json_kind(m) == JSON_STRING ? json_string(m, &len) : "";
}

static uint64_t number_of(const struct json *v, const char *key)
{
	const struct json *m = json_get(v, key);
	return m && json_kind(m) == JSON_INT && json_int(m) > 0 ? (uint64_t)json_int(m) : 0;
}

void keep_print_gone(struct cli *c, const struct json *gone)
{
	const struct paint *p = &c->out;
	char n[PAINT_TEXT], b[PAINT_TEXT];
	const struct json *list = json_get(gone, "removed"), *dry = json_get(gone, "dry_run");
	bool would = dry && json_kind(dry) == JSON_BOOL && json_bool(dry);
	uint64_t files = number_of(gone, "files");
	size_t shown = list && json_kind(list) == JSON_ARRAY ? json_count(list) : 0;
	for (size_t i = 0; i < shown; i++) {
		const struct json *v = json_item(list, i);
		struct bytes path;
		bytes_init(&path, c->env->mem);
		remote_put_plain(&path, text_of(v, "path"), 0);
		fprintf(p->to, "  %-9s  %s  (%s)\n", text_bytes(number_of(v, "bytes"), b),
			bytes_text(&path), text_of(v, "why"));
		bytes_close(&path);
	}
	if (files > shown)
		fprintf(p->to, "  and %" PRIu64 " more\n", files - shown);
	if (!files)
		fprintf(p->to, "nothing to remove: every file is needed\n");
	else
		fprintf(p->to, "%s %s, %s%s\n", would ? "would remove" : "removed",
			text_many(files, "file", n), text_bytes(number_of(gone, "bytes"), b),
			would ? "; nothing was changed" : "");
}

static RC print_gone(struct cli *c, const struct args *a, struct gone *g, struct err *e)
{
	struct bytes text;
	struct json_doc *doc = NULL;
	bytes_init(&text, c->env->mem);
	gone_write(g, args_has(a, "--dry-run"), &text);
	enum rc rc = ERR(e, E_NO_MEMORY, "no memory for the list of what went");
	if (bytes_ok(&text)) {
		err_clear(e);
		rc = json_parse(&doc, bytes_text(&text), text.len, c->env->mem, NULL, e);
	}
	if (rc == OK && args_has(a, "--json"))
		fprintf(c->out.to, "%s\n", bytes_text(&text));
	else if (rc == OK)
		keep_print_gone(c, json_root(doc));
	json_close(doc);
	bytes_close(&text);
	return rc;
}

static int gc(struct cli *c, const struct args *a)
{
	bool dry = args_has(a, "--dry-run");
	struct err e = {0};
	struct gone g;
	if (place_check(c, a, "gc", &e) != OK)
		return cli_fail(c, &e);
	if (!nobody_runs(c, a))
		return action_run(c, a, "gc", "", dry ? "?dry_run=1" : "");
	gone_open(&g, c->env->mem, 0);
	enum rc rc = idle_gc(c->env, a->place[0], (uint64_t)getpid(), dry, &g, &e);
	if (rc == OK)
		rc = print_gone(c, a, &g, &e);
	gone_close(&g);
	return rc == OK ? 0 : fail(c, &e, "gc");
}

#define WHERE                                                                                      \
	"DIR is the directory of a job, whether it runs under `weir run` or nobody runs it; JOB is\n" \
	"one at a server. A running job's answer comes when it is durable."

const struct verb verb_pin = {
	.name = "pin",
	.arguments = "DIR|JOB ID [OPTION]...",
	.summary = "keeps a checkpoint, whatever `retain` says, until it is unpinned",
	.help = "Keeps checkpoint ID and every file it needs until `weir unpin`, however many come\n"
		"after it: to go back to (`weir run --restore ID`), to compare with (`weir state\n"
		"diff`), as evidence. Its files take room as long. A running job takes a checkpoint,\n"
		"whose manifest says so. `weir checkpoints DIR` shows which are pinned.\n"
		"\n"
		"    weir run examples/word-count.json\n"
		"    weir checkpoints weir-data/word-count\n"
		"    weir pin weir-data/word-count 1\n"
		"\n" WHERE "\n"
		"--json prints {checkpoint, pinned, changed}; of a running job its events, a line each.",
	.least = 2,
	.most = 2,
	.options = pin_options,
	.run = pin,
};

const struct verb verb_unpin = {
	.name = "unpin",
	.arguments = "DIR|JOB ID [OPTION]...",
	.summary = "takes a pin back: `retain` decides again how long it stays",
	.help = "Takes back what `weir pin` said: the checkpoint is treated as others of its age,\n"
		"and goes with the next checkpoint or `weir gc` if it is too old.\n"
		"\n"
		"    weir unpin weir-data/word-count 1\n"
		"\n" WHERE "\n"
		"--json prints {checkpoint, pinned, changed}; of a running job its events, a line each.",
	.least = 2,
	.most = 2,
	.options = pin_options,
	.run = unpin,
};

const struct verb verb_gc = {
	.name = "gc",
	.arguments = "DIR|JOB [OPTION]...",
	.summary = "removes files that no checkpoint needs, and says which and why",
	.help = "Removes what no checkpoint that is kept names: what a crash left, what a checkpoint\n"
		"that was given up had written, old checkpoints themselves. A running job does that\n"
		"by itself after each checkpoint; this is for a directory that nobody runs, and to\n"
		"see (--dry-run: nothing is changed, not even the time of a file). On such a directory\n"
		"it also takes a damaged checkpoint that a start went back behind, once the job has\n"
		"gone on beyond it; until then it is evidence. One whose manifest cannot be read stays.\n"
		"\n"
		"    weir run examples/word-count.json\n"
		"    weir gc weir-data/word-count --dry-run\n"
		"\n" WHERE "\n"
		"--json prints {dry_run, files, bytes, removed: [{path, bytes, why}]}; of a running job\n"
		"its events, a line each, that object being the `gone` of the last.",
	.least = 1,
	.most = 1,
	.options = gc_options,
	.run = gc,
};
