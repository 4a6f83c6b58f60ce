/* show.c - `weir show`: everything a person wants to know of one job. */
#include "cli/job_view.h"
#include "cli/remote.h"

#include "base/check.h"
#include "jobs/facts.h"

#include <inttypes.h>
#include <poll.h>

static const struct arg_def options[] = {REMOTE_OPTIONS, {0}};

#define BETWEEN_MS 300 /* two facts this far apart give rates; by feel */

/* What the server said of the job at one instant. */
struct look {
	struct client_reply reply;
	struct json_doc *doc;
	struct job_view job; /* borrows doc */
	struct facts facts;
	bool has_facts;
};

static void look_close(struct look *l)
{
	if (l->has_facts)
		facts_close(&l->facts);
	json_close(l->doc);
	client_reply_close(&l->reply);
	*l = (struct look){0};
}

/* Names of stages go to the terminal as they are in a column of their width. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			*text = '?';
}

static enum rc look_get(struct look *l, struct remote *r, struct err *e)
{
	struct mem *mem = r->cli->env->mem;
	struct bytes path;
	struct err ignored = {0}; /* a job without facts that make sense is shown without */
	*l = (struct look){0};
	bytes_init(&path, mem);
	remote_path(r, &path, "");
	enum rc rc = remote_get(r, bytes_text(&path), &l->reply, e);
	bytes_close(&path);
	if (rc != OK)
		goto fail;
	rc = json_parse(&l->doc, bytes_text(&l->reply.body), l->reply.body.len, mem, NULL, e);
	if (rc != OK)
		goto fail;
	rc = job_view_read(&l->job, json_root(l->doc), e);
	if (rc != OK)
		goto fail;
	l->has_facts = l->job.facts && facts_read(&l->facts, l->job.facts, mem, &ignored) == OK;
	for (uint32_t i = 0; l->has_facts && i < l->facts.n_stages; i++) {
		make_plain(l->facts.stage[i].id);
		make_plain(l->facts.stage[i].type);
	}
	return OK;
fail:
	look_close(l);
	return rc;
}

/* ---- lines ---- */

static void put_key(struct bytes *to, const struct paint *p, const char *key)
{
	bytes_printf(to, "  %s%-11s%s ", paint_on(p, PAINT_DIM), key, paint_off(p));
}

static void put_text(struct bytes *to, const struct paint *p, const char *key, const char *text)
{
	if (!*text)
		return;
	put_key(to, p, key);
	remote_put_plain(to, text, 0);
	bytes_put_u8(to, '\n');
}

static const char *ago(int64_t then_us, int64_t now_us, char to[PAINT_TEXT])
{
	return text_ago(now_us > then_us ? (uint64_t)(now_us - then_us) : 0, to);
}

static void put_head(struct bytes *to, const struct paint *p, const struct look *l, int64_t now)
{
	const struct job_view *j = &l->job;
	char a[PAINT_TEXT], b[PAINT_TEXT];
	bytes_printf(to, "%s", paint_on(p, PAINT_BOLD));
	remote_put_plain(to, j->name, 0);
	bytes_printf(to, "%s  %s", paint_off(p), remote_state_colour(p, j->state));
	remote_put_plain(to, j->state, 0);
	bytes_put_text(to, paint_off(p));
	if (j->since_wall_us)
		bytes_printf(to, "  for %s", ago(j->since_wall_us, now, a));
	if (j->exit >= 0)
		bytes_printf(to, "  exit code %" PRId64, j->exit);
	bytes_put_u8(to, '\n');
	if (j->attempt > 0) {
		put_key(to, p, "attempt");
		bytes_printf(to, "%" PRId64, j->attempt);
		if (j->pid > 0)
			bytes_printf(to, ", pid %" PRId64, j->pid);
		if (l->has_facts && l->facts.now_us > l->facts.started_us && l->facts.started_us)
			bytes_printf(to, ", up %s", text_ago(l->facts.now_us - l->facts.started_us, b));
		if (l->has_facts && l->facts.wait_us)
			bytes_printf(to, ", the next one in %s", text_us(l->facts.wait_us, b));
		bytes_put_u8(to, '\n');
	}
	if (j->submitted_wall_us) {
		put_key(to, p, "submitted");
		bytes_printf(to, "%s (%s ago)\n", text_time(j->submitted_wall_us, a),
			     ago(j->submitted_wall_us, now, b));
	}
	put_text(to, p, "job file", j->file);
	put_text(to, p, "directory", j->dir);
	put_text(to, p, "log", j->log);
	if (j->parallelism > 0) {
		put_key(to, p, "parallelism");
		bytes_printf(to, "%" PRId64 ", by rescale\n", j->parallelism);
	}
}

static void put_checkpoint(struct bytes *to, const struct paint *p, const struct look *l,
			   int64_t now)
{
	char a[PAINT_TEXT], b[PAINT_TEXT], c[PAINT_TEXT], d[PAINT_TEXT], k[PAINT_TEXT], s[PAINT_TEXT];
	const struct facts_checkpoint *last = &l->facts.last;
	if (l->has_facts && last->id) {
		put_key(to, p, "checkpoint");
		bytes_printf(to, "%" PRIu64 ", %s ago: %s written%s, %s changed, in %s\n", last->id,
			     ago(last->wall_us, now, a), text_bytes(last->bytes_written, b),
			     last->full ? " (all)" : "", text_many(last->keys_changed, "key", k),
			     text_us(last->total_us, d));
		put_key(to, p, "");
		bytes_printf(to, "longest stop of a task %s; %s completed, %s not, in this process\n",
			     text_us(last->sync_us_max, s), text_count(l->facts.completed, a),
			     text_count(l->facts.failed, b));
		put_key(to, p, "state");
		bytes_printf(to, "%s\n", text_bytes(last->state_bytes, c));
	} else if (l->job.checkpoint > 0) {
		put_key(to, p, "checkpoint");
		bytes_printf(to, "%" PRId64 "\n", l->job.checkpoint);
	}
}

/* ---- stages ---- */

/* What happened between two facts of the same process. before NULL: since the process began. */
static void put_stage(struct bytes *to, const struct facts_stage *s,
		      const struct facts_stage *before, double seconds, int id_width, int type_width)
{
	char in[PAINT_TEXT], out[PAINT_TEXT], rate[PAINT_TEXT], keys[PAINT_TEXT] = "";
	char number[PAINT_TEXT], done[PAINT_TEXT] = "";
	bool sink = s->role == OP_SINK;
	uint64_t was = !before ? 0 : sink ? before->records_in : before->records_out;
	uint64_t moved = (sink ? s->records_in : s->records_out) - was;
	uint64_t was_busy = before ? before->busy_us_max : 0;
	double busy = seconds > 0 && s->busy_us_max > was_busy
			      ? (double)(s->busy_us_max - was_busy) / 1e4 / seconds
			      : 0;
	if (s->work_total && s->work_done <= s->work_total)
		snprintf(done, sizeof done, "%.0f %%", (double)s->work_done * 100 / (double)s->work_total);
	if (s->keyed)
		snprintf(keys, sizeof keys, "%s", text_count(s->keys, number));
	bytes_printf(to, "  %-*s  %-*s %5u %11s %11s %7s %4.0f %% %8s %5s", id_width, s->id, type_width,
		     s->type, s->parallelism, s->role == OP_SOURCE ? "" : text_count(s->records_in, in),
		     sink ? "" : text_count(s->records_out, out),
		     text_rate(seconds > 0 ? (double)moved / seconds : 0, rate), busy > 100 ? 100 : busy,
		     keys, done);
	if (s->records_skipped)
		bytes_printf(to, "  skipped %s", text_count(s->records_skipped, number));
	while (to->len && to->data[to->len - 1] == ' ')
		to->len--;
	bytes_put_u8(to, '\n');
}

/* The same process told both, some time apart. */
static bool give_rates(const struct look *was, const struct look *is)
{
	return was->has_facts && was->facts.pid == is->facts.pid &&
	       was->facts.n_stages == is->facts.n_stages && is->facts.now_us > was->facts.now_us;
}

static void put_stages(struct bytes *to, const struct paint *p, const struct look *was,
		       const struct look *is)
{
	const struct facts *f = &is->facts;
	bool two = give_rates(was, is);
	uint64_t from = two ? was->facts.now_us : f->started_us;
	double seconds = f->now_us > from ? (double)(f->now_us - from) / 1e6 : 0;
	int id_width = 5, type_width = 4;
	char span[PAINT_TEXT];
	for (uint32_t i = 0; i < f->n_stages; i++) {
		int id = (int)strlen(f->stage[i].id), type = (int)strlen(f->stage[i].type);
		id_width = id > id_width ? id : id_width;
		type_width = type > type_width ? type : type_width;
	}
	bytes_printf(to, "\n  %s%-*s  %-*s %5s %11s %11s %7s %6s %8s %5s%s\n", paint_on(p, PAINT_BOLD),
		     id_width, "STAGE", type_width, "TYPE", "TASKS", "IN", "OUT", "EACH S", "BUSY", "KEYS",
		     "DONE", paint_off(p));
	for (uint32_t i = 0; i < f->n_stages; i++)
		put_stage(to, &f->stage[i], two ? &was->facts.stage[i] : NULL, seconds, id_width,
			  type_width);
	bytes_printf(to, "  %srecords of this process; each second and busy: over %s%s\n",
		     paint_on(p, PAINT_DIM), text_us((uint64_t)(seconds * 1e6), span), paint_off(p));
}

/* Of each sink that measures it. */
static void put_latencies(struct bytes *to, const struct paint *p, const struct facts *f)
{
	char p50[PAINT_TEXT], p99[PAINT_TEXT], p99_9[PAINT_TEXT], max[PAINT_TEXT];
	for (uint32_t i = 0; i < f->n_stages; i++) {
		const struct latency_figures *l = &f->stage[i].latency;
		if (!l->records)
			continue;
		put_key(to, p, "latency");
		bytes_printf(to, "%s: p50 %s, p99 %s, p99.9 %s, longest %s, in this process\n",
			     f->stage[i].id, text_us(l->p50_us, p50), text_us(l->p99_us, p99),
			     text_us(l->p99_9_us, p99_9), text_us(l->max_us, max));
	}
}

/* What it is held up by, and what is to be expected. */
static void put_outlook(struct bytes *to, const struct paint *p, const struct outlook *o)
{
	put_text(to, p, "speed", o->bottleneck);
	for (uint32_t i = 0; i < o->n_forecasts; i++)
		put_text(to, p, i ? "" : "outlook", o->forecast[i]);
}

/* What a person does next. */
static void put_cure(struct bytes *to, const struct remote *r, const struct job_view *j)
{
	char command[REMOTE_COMMAND], logs[REMOTE_COMMAND], from[48] = "start again";
	remote_command(r, command, "restart", j->name);
	remote_command(r, logs, "logs", j->name);
	if (j->checkpoint > 0)
		snprintf(from, sizeof from, "go on from checkpoint %" PRId64, j->checkpoint);
	if (!strcmp(j->state, "FAILED"))
		bytes_printf(to, "\n  what it said: %s\n  once the cause is gone, to %s: %s\n", logs, from,
			     command);
	else if (!strcmp(j->state, "STOPPED") || !strcmp(j->state, "CANCELLED"))
		bytes_printf(to, "\n  to %s: %s\n", from, command);
}

static enum rc print(struct remote *r, const struct look *was, const struct look *is, struct err *e)
{
	const struct paint *p = &r->cli->out;
	struct bytes text;
	int64_t now = clock_wall_us(r->cli->env->clock);
	bytes_init(&text, r->cli->env->mem);
	put_head(&text, p, is, now);
	put_checkpoint(&text, p, is, now);
	if (is->job.error[0]) {
		put_key(&text, p, "last error");
		bytes_put_text(&text, paint_on(p, PAINT_RED));
		remote_put_plain(&text, is->job.error, 0);
		bytes_printf(&text, "%s\n", paint_off(p));
	}
	if (is->has_facts && is->facts.n_stages)
		put_stages(&text, p, was, is);
	if (is->has_facts)
		put_latencies(&text, p, &is->facts);
	put_outlook(&text, p, &is->job.outlook);
	put_cure(&text, r, &is->job);
	enum rc rc = OK;
	if (bytes_ok(&text))
		fwrite(text.data, 1, text.len, p->to);
	else
		rc = ERR(e, E_NO_MEMORY, "no memory to show '%s'", r->job);
	bytes_close(&text);
	return rc;
}

static enum rc show_job(struct remote *r, struct err *e)
{
	struct look first = {0}, second = {0};
	enum rc rc = look_get(&first, r, e);
	if (rc != OK)
		return rc;
	if (r->json) {
		remote_print(r, &first.reply);
	} else if (first.has_facts && !remote_state_is_final(first.job.state)) {
		struct err ignored = {0};
		poll(NULL, 0, BETWEEN_MS);
		/* What cannot be had twice is shown once. */
		if (look_get(&second, r, &ignored) == OK)
			rc = print(r, &first, &second, e);
		else
			rc = print(r, &second, &first, e);
	} else {
		rc = print(r, &second, &first, e);
	}
	look_close(&first);
	look_close(&second);
	return rc;
}

static int show(struct cli *c, const struct args *a)
{
	struct remote r = {0};
	struct err e = {0};
	int code = 0;
	if (remote_open(&r, c, a, &e) != OK || remote_job(&r, &e) != OK || show_job(&r, &e) != OK)
		code = remote_fail(&r, &e);
	remote_close(&r);
	return code;
}

const struct verb verb_show = {
	.name = "show",
	.arguments = "[JOB] [OPTION]...",
	.summary = "everything about one job: state, stages, checkpoint, what to do",
	.help = "Shows one job: its state and attempt, where its files are, its newest checkpoint,\n"
		"its last error and the cure, and, while it runs, what each stage does. JOB may be\n"
		"left out where there is only one, as in the directory of a `weir run`.\n"
		"\n"
		"    weir show word-count --dir data\n"
		"    weir show --dir weir-data/word-count\n"
		"    weir show word-count --dir data --json | jq .facts.stages",
	.most = 1,
	.options = options,
	.run = show,
};
