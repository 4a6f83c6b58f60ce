/* metrics.c - see metrics.h; what there is stands in metrics_table.h. */
#include "server/metrics.h"

#include "base/check.h"
#include "base/usage.h"
#include "server/api.h"
#include "server/metrics_table.h"

#include <inttypes.h>
#include <stdio.h>

#define FAMILY_ID(id, level, kind, unit, name, help) M_##id,
#define FAMILY_ROW(id, level, kind, unit, name, help)                                              \
	{METRICS_##level, kind, unit, "weir_" name, help},

enum family { METRICS_FAMILIES(FAMILY_ID) FAMILIES };

struct metrics_family {
	enum metrics_level level;
	const char *kind, *unit, *name, *help;
};

static const struct metrics_family families[] = {METRICS_FAMILIES(FAMILY_ROW)};

#define HOST_ROOM 64 /* series of the host itself; there are about 20 */
#define JOB_SERIES_MAX (METRICS_SERIES_MAX - HOST_ROOM)

/* ---- a sample ---- */

/* What a sample is of; NULL: not that. Their names are the labels'. */
struct of {
	const char *job, *stage;
	const char *key, *value; /* one more */
	const char *to;          /* of an edge: the stage it leads to */
};

/* As the format has it: these three, and nothing else. Control bytes stay: a name of a job or stage
 * has none. */
static void put_escaped(struct bytes *to, const char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			bytes_put_text(to, "\\n");
		else if (*text == '"' || *text == '\\')
			bytes_printf(to, "\\%c", *text);
		else
			bytes_put_u8(to, (uint8_t)*text);
}

static void put_label(struct bytes *to, bool *any, const char *key, const char *value)
{
	if (!value)
		return;
	bytes_printf(to, "%s%s=\"", *any ? "," : "{", key);
	put_escaped(to, value);
	bytes_put_u8(to, '"');
	*any = true;
}

/* Room for one more series of the family, and its name and labels in it; NULL: it is left out. */
static struct bytes *begin(struct metrics *m, enum family f, const char *suffix,
			  const struct of *of)
{
	const struct metrics_family *family = &families[f];
	struct bytes *to = &m->text[f];
	bool any = false;
	uint64_t most = family->level == METRICS_JOB ? JOB_SERIES_MAX : METRICS_SERIES_MAX;
	if (m->series[family->level]++ >= most)
		return NULL;
	bytes_printf(to, "%s%s", family->name, suffix);
	put_label(to, &any, "job", of->job);
	put_label(to, &any, of->to ? "from" : "stage", of->stage);
	put_label(to, &any, "to", of->to);
	if (of->key)
		put_label(to, &any, of->key, of->value);
	bytes_put_text(to, any ? "} " : " ");
	return to;
}

static const char *suffix_of(enum family f)
{
	return !strcmp(families[f].kind, "counter") ? "_total"
	       : !strcmp(families[f].kind, "info")  ? "_info"
						     : "";
}

static void number(struct metrics *m, enum family f, const struct of *of, uint64_t n)
{
	struct bytes *to = begin(m, f, suffix_of(f), of);
	if (to)
		bytes_printf(to, "%" PRIu64 "\n", n);
}

/* Microseconds as seconds, exactly. */
static void seconds(struct metrics *m, enum family f, const struct of *of, uint64_t us)
{
	struct bytes *to = begin(m, f, suffix_of(f), of);
	if (to)
		bytes_printf(to, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

static uint64_t wall(int64_t us)
{
	return us > 0 ? (uint64_t)us : 0;
}

/* ---- the host ---- */

RC metrics_begin(struct metrics *m, struct mem *mem, struct err *e)
{
	*m = (struct metrics){.mem = mem, .text = mem_get(mem, FAMILIES * sizeof *m->text)};
	if (!m->text)
		return ERR(e, E_NO_MEMORY, "no memory for metrics");
	for (size_t i = 0; i < FAMILIES; i++)
		bytes_init(&m->text[i], mem);
	return OK;
}

void metrics_host(struct metrics *m, const struct metrics_host *h)
{
	struct usage u;
	const struct of none = {0}, build = {.key = "version", .value = h->version};
	usage_take(&u);
	number(m, M_BUILD, &build, 1);
	seconds(m, M_HOST_START, &none, wall(h->started_wall_us));
	seconds(m, M_HOST_CPU, &none, u.cpu_us);
	number(m, M_HOST_RSS, &none, u.resident_bytes);
	for (uint32_t i = 0; i < h->n_states; i++)
		number(m, M_JOBS, &(struct of){.key = "state", .value = h->state[i]}, h->in_state[i]);
	number(m, M_CONNECTIONS, &none, h->connections);
	number(m, M_REQUESTS, &none, h->requests);
	number(m, M_REFUSED, &none, h->refused);
}

/* ---- a job ---- */

static void put_checkpoints(struct metrics *m, const struct of *of, const struct facts *f)
{
	const struct facts_checkpoint *c = &f->last;
	number(m, M_COMPLETED, of, f->completed);
	number(m, M_FAILED, of, f->failed);
	if (f->full.id)
		number(m, M_FULL_WRITTEN, of, f->full.bytes_written);
	if (!c->id)
		return;
	seconds(m, M_LAST_TIME, of, wall(c->wall_us));
	seconds(m, M_LAST_DURATION, of, c->total_us);
	seconds(m, M_LAST_ALIGN, of, c->align_us);
	seconds(m, M_LAST_STOP, of, c->sync_us_max);
	number(m, M_LAST_WRITTEN, of, c->bytes_written);
	number(m, M_LAST_STATE, of, c->state_bytes);
	number(m, M_LAST_KEYS, of, c->keys_changed);
}

static void put_process(struct metrics *m, const struct of *of, const struct outlook *o)
{
	seconds(m, M_JOB_CPU, of, o->cpu_us);
	number(m, M_JOB_RSS, of, o->resident_bytes);
	number(m, M_JOB_MEMORY, of, o->memory_bytes);
	if (o->memory_limit_bytes)
		number(m, M_JOB_LIMIT, of, o->memory_limit_bytes);
	if (o->room_bytes)
		number(m, M_DISK, of, o->room_bytes);
	if (o->restored)
		number(m, M_RESTORED, of, o->restored);
}

static void put_latency(struct metrics *m, const struct of *of, const struct latency_figures *l)
{
	const struct {
		const char *quantile;
		uint64_t us;
	} at[] = {{"0.5", l->p50_us}, {"0.99", l->p99_us}, {"0.999", l->p99_9_us}, {"1", l->max_us}};
	struct bytes *to;
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		struct of one = *of;
		one.key = "quantile";
		one.value = at[i].quantile;
		seconds(m, M_LATENCY, &one, at[i].us);
	}
	if ((to = begin(m, M_LATENCY, "_count", of)))
		bytes_printf(to, "%" PRIu64 "\n", l->records);
}

static void put_stage(struct metrics *m, const char *job, const struct facts_stage *s)
{
	const struct of of = {.job = job, .stage = s->id};
	struct bytes *to;
	number(m, M_SUBTASKS, &of, s->parallelism);
	if (s->role != OP_SOURCE)
		number(m, M_IN, &of, s->records_in);
	if (s->role != OP_SINK)
		number(m, M_OUT, &of, s->records_out);
	number(m, M_SKIPPED, &of, s->records_skipped);
	seconds(m, M_BUSY, &of, s->busy_us);
	seconds(m, M_IDLE, &of, s->idle_us);
	seconds(m, M_HELD, &of, s->backpressured_us);
	if (s->keyed) {
		number(m, M_KEYS, &of, s->keys);
		number(m, M_KEPT, &of, s->state_bytes);
	}
	if (s->work_total && (to = begin(m, M_PROGRESS, "", &of)))
		bytes_printf(to, "%.6f\n", s->work_done < s->work_total
						   ? (double)s->work_done / (double)s->work_total : 1.0);
	if (s->latency.records)
		put_latency(m, &of, &s->latency);
}

static void put_subtasks(struct metrics *m, const char *job, const struct facts *f, uint32_t stage)
{
	const struct facts_stage *s = &f->stage[stage];
	const struct facts_subtask *t = facts_subtasks(f, stage);
	for (uint32_t i = 0; t && i < s->parallelism; i++, t++) {
		char n[12];
		const struct of of = {.job = job, .stage = s->id, .key = "subtask", .value = n};
		snprintf(n, sizeof n, "%" PRIu32, i);
		if (s->role != OP_SOURCE)
			number(m, M_TASK_IN, &of, t->records_in);
		if (s->role != OP_SINK)
			number(m, M_TASK_OUT, &of, t->records_out);
		seconds(m, M_TASK_BUSY, &of, t->busy_us);
		seconds(m, M_TASK_IDLE, &of, t->idle_us);
		seconds(m, M_TASK_HELD, &of, t->backpressured_us);
		if (s->keyed) {
			number(m, M_TASK_KEYS, &of, t->keys);
			number(m, M_TASK_KEPT, &of, t->state_bytes);
		}
	}
}

static void put_edge(struct metrics *m, const char *job, const struct facts *f,
		     const struct facts_edge *edge)
{
	const struct of of = {.job = job, .stage = f->stage[edge->from].id,
			      .to = f->stage[edge->to].id};
	number(m, M_EDGE_RECORDS, &of, edge->records);
	number(m, M_EDGE_QUEUED, &of, edge->queued);
	number(m, M_EDGE_ROOM, &of, edge->room);
}

void metrics_job(struct metrics *m, const struct metrics_job *j)
{
	const struct of of = {.job = j->name}, state = {.job = j->name, .key = "state",
							.value = j->state};
	const struct facts *f = j->facts;
	number(m, M_STATE, &state, 1);
	seconds(m, M_STATE_SECONDS, &of,
		j->now_wall_us > j->since_wall_us ? (uint64_t)(j->now_wall_us - j->since_wall_us) : 0);
	number(m, M_RESTARTS, &of, j->attempts ? j->attempts - 1 : 0);
	if (j->checkpoint)
		number(m, M_LAST_ID, &of, j->checkpoint);
	if (j->outlook)
		put_process(m, &of, j->outlook);
	if (!f)
		return;
	uint64_t age_us = f->now_us > f->started_us ? f->now_us - f->started_us : 0;
	seconds(m, M_PROCESS_START, &of, wall(f->wall_us - (int64_t)age_us));
	seconds(m, M_FACTS_TIME, &of, wall(f->wall_us));
	if (f->recovery_us)
		seconds(m, M_RECOVERY, &of, f->recovery_us);
	put_checkpoints(m, &of, f);
	for (uint32_t i = 0; i < f->n_stages; i++) {
		put_stage(m, j->name, &f->stage[i]);
		put_subtasks(m, j->name, f, i);
	}
	for (uint32_t i = 0; i < f->n_edges; i++)
		put_edge(m, j->name, f, &f->edge[i]);
}

/* ---- the text ---- */

static void put_family(struct metrics *m, size_t i, struct bytes *to)
{
	const struct metrics_family *f = &families[i];
	if (!m->text[i].len)
		return;
	bytes_printf(to, "# TYPE %s %s\n", f->name, f->kind);
	if (f->unit[0])
		bytes_printf(to, "# UNIT %s %s\n", f->name, f->unit);
	bytes_printf(to, "# HELP %s %s\n", f->name, f->help);
	bytes_put(to, m->text[i].data, m->text[i].len);
}

/* From what goes last to what goes first: a level is there as a whole, or not at all; but of jobs,
 * as many as there is room for. */
void metrics_end(struct metrics *m, struct bytes *to)
{
	bool told[METRICS_LEVELS] = {true, true};
	const struct of none = {0};
	uint64_t jobs = m->series[METRICS_JOB], left = METRICS_SERIES_MAX - HOST_ROOM, omitted = 0;
	if (jobs > JOB_SERIES_MAX)
		omitted = jobs - JOB_SERIES_MAX;
	left -= jobs - omitted;
	for (int level = METRICS_STAGE; level < METRICS_LEVELS; level++) {
		told[level] = told[level - 1] && m->series[level] <= left;
		if (told[level])
			left -= m->series[level];
		else
			omitted += m->series[level];
	}
	number(m, M_OMITTED, &none, omitted);
	CHECK(m->series[METRICS_HOST] <= HOST_ROOM);
	for (size_t i = 0; i < FAMILIES; i++) {
		if (told[families[i].level])
			put_family(m, i, to);
		to->failed |= m->text[i].failed;
		bytes_close(&m->text[i]);
	}
	bytes_put_text(to, "# EOF\n");
	mem_put(m->mem, m->text);
	*m = (struct metrics){0};
}

void metrics_answer(struct http_request *r, const struct bytes *text)
{
	struct err e = {0};
	if (bytes_ok(text)) {
		http_answer(r, 200, METRICS_TYPE, (const char *)text->data, text->len);
		return;
	}
	ERR(&e, E_NO_MEMORY, "no memory for the metrics");
	api_fail(r, &e);
}

const char *metrics_name(size_t i)
{
	return i < FAMILIES ? families[i].name : NULL;
}
