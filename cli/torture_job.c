/* torture_job.c - see torture_job.h. */
#include "cli/torture_job.h"

#include "base/option.h"

#include <stdio.h>
#include <string.h>

/* ---- may it? ---- */

static RC source_check(const struct plan_stage *st, struct err *e)
{
	const char *id = st->spec->id, *type = st->ops->name;
	if (strcmp(type, "file_source") && strcmp(type, "generator_source"))
		return ERR(e, E_USAGE, "source '%s' is a %s, which cannot be read again from its "
			   "beginning for each life of the job", id, type);
	if (!st->p.bounded)
		return ERR(e, E_USAGE, "source '%s' never ends, and only a whole output can be compared: "
			   "give it an end, as in --set pipeline.%s.rows=100000", id, id);
	return OK;
}

static RC sink_check(const struct plan_stage *st, struct err *e)
{
	static const char *const known[] = {"file_sink", "print_sink", "blackhole_sink"};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (!strcmp(st->ops->name, known[i]))
			return OK;
	return ERR(e, E_USAGE, "sink '%s' is a %s, which cannot be led into a scratch folder: it would "
		   "write where your job writes; torture a copy of the job with a file_sink there",
		   st->spec->id, st->ops->name);
}

static RC job_check(const struct plan *p, struct err *e)
{
	const struct spec_checkpoint *c = &p->spec->checkpoint;
	const char *listener = c->on_complete ? "on_complete"
			       : c->on_abort  ? "on_abort"
			       : c->on_restore ? "on_restore"
					       : NULL;
	if (listener)
		return ERR(e, E_USAGE, "checkpoint.%s runs a program of yours, which would hear of a job "
			   "that is not yours: torture a copy of the job without it", listener);
	if (c->at_least_once)
		return ERR(e, E_USAGE, "the job is at_least_once, so records may come twice after a kill, "
			   "and torture looks for exactly once: add --set checkpoint.mode=exactly_once");
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		if (st->ops->role == OP_SOURCE && source_check(st, e) != OK)
			return e->code;
		if (st->ops->role == OP_SINK && sink_check(st, e) != OK)
			return e->code;
	}
	return OK;
}

/* ---- judged by what? ---- */

/* The order-dependent stages above stage i: how many, and the lowest of them. */
static uint32_t dependent_above(const struct plan *p, uint32_t i, const struct plan_stage **found)
{
	bool above[SPEC_STAGES_MAX] = {false};
	uint32_t n = 0;
	above[i] = true;
	for (uint32_t k = p->n_stages; k-- > 0;) { /* readers before what they read */
		uint32_t at = p->order[k];
		if (!above[at])
			continue;
		for (uint32_t edge = 0; edge < p->n_edges; edge++)
			if (p->edge[edge].to == at)
				above[p->edge[edge].from] = true;
		if (p->stage[at].order_dependent) {
			*found = n ? *found : &p->stage[at];
			n++;
		}
	}
	return n;
}

static const struct plan_stage *read_by(const struct plan *p, uint32_t i)
{
	const struct plan_stage *only = NULL;
	for (uint32_t edge = 0; edge < p->n_edges; edge++) {
		if (p->edge[edge].to != i)
			continue;
		if (only)
			return NULL;
		only = &p->stage[p->edge[edge].from];
	}
	return only;
}

/* Running sums that go straight into the sink: keys in front, the sum behind them. */
static bool judge_sums(struct torture_stage *to, const struct plan_stage *sums)
{
	const struct schema *out = &sums->p.out;
	const struct json *emit = opt_json(sums->spec->json, "emit");
	bool every = emit && json_kind(emit) == JSON_OBJECT;
	if (strcmp(sums->ops->name, "keyed_sum") || out->n != sums->p.key.n + 1 || sums->p.skip)
		return false;
	to->sink.real = out->field[out->n - 1].type == T_FLOAT64;
	bool at_end = emit && !every && !strcmp(json_string(emit, NULL), "end");
	to->sink.judge = every || at_end ? JUDGE_LAST : JUDGE_CHAINS;
	return true;
}

static void judge(struct torture_stage *to, const struct plan *p, uint32_t i)
{
	const struct plan_stage *cause = NULL;
	uint32_t n = dependent_above(p, i, &cause);
	bool csv = opt_is(p->stage[i].spec->json, "format", "csv") ||
		   !opt_has(p->stage[i].spec->json, "format");
	bool files = to->kind == SINK_FILES || to->kind == SINK_SINGLE;
	to->sink.format = (struct torture_format){.quotes = csv && files, .header = csv && files,
						  .torn_tail = to->kind == SINK_PRINT};
	to->sink.separator = csv ? ',' : ':';
	if (!n) {
		to->sink.judge = to->kind == SINK_PRINT       ? JUDGE_AT_LEAST
				 : to->kind == SINK_BLACKHOLE ? JUDGE_CHECKSUM
							      : JUDGE_RECORDS;
		return;
	}
	to->why = cause->order_dependent;
	to->sink.judge = JUDGE_NOTHING;
	if (!files)
		return;
	if (n == 1 && cause == read_by(p, i) && judge_sums(to, cause))
		return;
	/* Straight from a source: what a clock wrote into a field takes no record away. */
	if (n == 1 && cause == read_by(p, i) && cause->ops->role == OP_SOURCE)
		to->sink.judge = JUDGE_COUNT;
}

static void sink_read(struct torture_stage *to, const struct plan *p, uint32_t i)
{
	const struct plan_stage *st = &p->stage[i];
	*to = (struct torture_stage){.id = st->spec->id, .kind = SINK_BLACKHOLE};
	if (!strcmp(st->ops->name, "file_sink"))
		to->kind = opt_is(st->spec->json, "files", "single") ? SINK_SINGLE : SINK_FILES;
	else if (!strcmp(st->ops->name, "print_sink"))
		to->kind = SINK_PRINT;
	judge(to, p, i);
}

RC torture_job_read(struct torture_job *j, const struct plan *plan, struct mem *mem, struct err *e)
{
	*j = (struct torture_job){.mem = mem, .plan = plan, .n_parallel = 1,
				  .parallel = {plan->spec->parallelism}};
	if (job_check(plan, e) != OK)
		return e->code;
	j->sink = mem_get(mem, plan->n_stages * sizeof *j->sink);
	if (!j->sink)
		return ERR(e, E_NO_MEMORY, "no memory for the job's sinks");
	for (uint32_t i = 0; i < plan->n_stages; i++) {
		if (plan->stage[i].ops->role != OP_SINK)
			continue;
		sink_read(&j->sink[j->n_sinks], plan, i);
		j->sink[j->n_sinks].rescaled = j->sink[j->n_sinks].sink;
		j->prints |= j->sink[j->n_sinks].kind == SINK_PRINT;
		j->n_sinks++;
	}
	return OK;
}

void torture_job_close(struct torture_job *j)
{
	if (j->mem)
		mem_put(j->mem, j->sink);
	*j = (struct torture_job){0};
}

/* ---- at which parallelism? ---- */

/* Whether a sink that is judged by a in one parallelism may be judged by b in several. */
static bool is_nearly(enum torture_judge a, enum torture_judge b)
{
	return a == b || (a == JUDGE_RECORDS && (b == JUDGE_CHAINS || b == JUDGE_LAST));
}

/* Whether each sink can still be judged; then that is noted. */
static bool means_the_same(const struct torture_job *j, const struct plan *other)
{
	for (int noting = 0; noting < 2; noting++) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < other->n_stages; i++) {
			struct torture_stage st, *to = &j->sink[n];
			if (other->stage[i].ops->role != OP_SINK)
				continue;
			n++;
			sink_read(&st, other, i);
			if (!is_nearly(to->sink.judge, st.sink.judge))
				return false;
			if (noting && st.sink.judge != to->sink.judge)
				to->rescaled = st.sink;
		}
	}
	return true;
}

RC torture_job_rescales(struct torture_job *j, struct env *env, const struct job_text_source *from,
			struct err *e)
{
	static const unsigned others[] = {1, 2, 3, 4};
	const char **sets = mem_get(env->mem, (from->n_sets + 1) * sizeof *sets);
	if (!sets)
		return ERR(e, E_NO_MEMORY, "no memory for settings");
	if (from->n_sets)
		memcpy(sets, from->sets, from->n_sets * sizeof *sets);
	enum rc rc = OK;
	for (size_t i = 0; rc == OK && i < sizeof others / sizeof others[0]; i++) {
		char set[40];
		struct job_text text;
		struct job_text_source at = *from;
		struct err why = {OK};
		if (others[i] == j->parallel[0])
			continue;
		snprintf(set, sizeof set, "parallelism=%u", others[i]);
		sets[from->n_sets] = set;
		at.sets = sets;
		at.n_sets = from->n_sets + 1;
		/* Where a job may not be so, it is not so. */
		if (job_text_open(&text, env, &at, &why) == OK && means_the_same(j, text.plan))
			j->parallel[j->n_parallel++] = others[i];
		else if (why.code == E_NO_MEMORY)
			rc = ERR(e, why.code, "%s", why.text);
		job_text_close(&text);
	}
	mem_put(env->mem, sets);
	return rc;
}

const char *torture_judge_says(enum torture_judge judge)
{
	static const char *const says[] = {
		[JUDGE_RECORDS] = "each record, exactly once",
		[JUDGE_CHAINS] = "each key's updates: an unbroken chain to the same sum",
		[JUDGE_LAST] = "each key's last value",
		[JUDGE_AT_LEAST] = "each line, at least once",
		[JUDGE_COUNT] = "the number of records",
		[JUDGE_CHECKSUM] = "the checksum of all records",
		[JUDGE_NOTHING] = "not judged",
	};
	return says[judge];
}
