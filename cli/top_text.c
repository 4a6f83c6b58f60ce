/* top_text.c - see top_text.h. */
#include "cli/top_text.h"

#include "cli/remote.h"
#include "cli/row.h"

#include <inttypes.h>
#include <math.h>

#define NAME_MOST 32 /* columns of a name; the rest of a longer one is cut */
#define ROWS_LEAST 5

static const char *const orders[] = {[TOP_BY_NAME] = "name", [TOP_BY_RATE] = "records",
				     [TOP_BY_BUSY] = "busy", [TOP_BY_STATE] = "state"};

const char *top_bar(double busy, double held, char to[TOP_BAR + 1])
{
	double b = busy < 0 ? 0 : busy > 1 ? 1 : busy, h = held < 0 ? 0 : held > 1 - b ? 1 - b : held;
	int n = (int)floor(b * TOP_BAR + 0.5), both = (int)floor((b + h) * TOP_BAR + 0.5);
	for (int i = 0; i < TOP_BAR; i++)
		to[i] = i < n ? '#' : i < both ? '=' : '.';
	to[TOP_BAR] = '\0';
	return to;
}

static enum paint_colour colour_of(const char *state)
{
	return !strcmp(state, "RUNNING")  ? PAINT_GREEN
	       : !strcmp(state, "FAILED") ? PAINT_RED
	       : remote_state_is_final(state) ? PAINT_PLAIN
					      : PAINT_YELLOW;
}

static void put_cell(struct row *r, const char *text, int width)
{
	if ((int)strlen(text) > width && width > 3)
		row_field(r, 1, PAINT_PLAIN, "%.*s...", width - 3, text);
	else
		row_field(r, 1, PAINT_PLAIN, "%-*s", width, text);
}

static void put_use(struct row *r, double busy, double held)
{
	char bar[TOP_BAR + 1];
	row_field(r, 2, busy >= 0.8 ? PAINT_YELLOW : PAINT_PLAIN, "%s", top_bar(busy, held, bar));
	row_field(r, 1, PAINT_PLAIN, "%3.0f %%", floor(busy * 100 + 0.5));
	row_field(r, 1, PAINT_PLAIN, "%4.0f %%", floor(held * 100 + 0.5));
}

static const char *rate(double per_second, bool known, char to[PAINT_TEXT])
{
	if (known)
		return text_rate(per_second, to);
	snprintf(to, PAINT_TEXT, "-");
	return to;
}

/* ---- all jobs ---- */

static int name_width(const struct top_jobs *t)
{
	size_t most = strlen("JOB");
	for (size_t i = 0; i < t->n; i++)
		most = strlen(t->job[i]->name) > most ? strlen(t->job[i]->name) : most;
	return most < NAME_MOST ? (int)most : NAME_MOST;
}

static void put_checkpoint(const struct top_view *v, const struct top_job *j, struct row *r)
{
	char ago[PAINT_TEXT], took[PAINT_TEXT], bytes[PAINT_TEXT], all[3 * PAINT_TEXT + 16] = "-";
	const struct facts_checkpoint *c = &j->facts.last;
	int64_t age_us = v->now_wall_us - c->wall_us;
	if (j->has_facts && c->id)
		snprintf(all, sizeof all, "%s ago, %s, %s",
			 text_ago(age_us > 0 ? (uint64_t)age_us : 0, ago),
			 text_us(c->total_us, took), text_bytes(c->bytes_written, bytes));
	else if (j->checkpoint)
		snprintf(all, sizeof all, "number %" PRId64, j->checkpoint);
	row_field(r, 2, PAINT_PLAIN, "%-28s", all);
}

static void put_job(const struct top_view *v, const struct top_job *j, bool chosen, int width,
		    struct bytes *to)
{
	struct row r;
	char in[PAINT_TEXT], out[PAINT_TEXT];
	bool known = j->has_facts && j->pace.known;
	row_begin(&r, to, v->paint, v->columns);
	row_field(&r, 0, PAINT_BOLD, "%c", chosen && v->keys ? '>' : ' ');
	put_cell(&r, j->name, width);
	row_field(&r, 1, colour_of(j->state), "%-10s", j->state);
	row_field(&r, 1, PAINT_PLAIN, "%8s", rate(j->in, known, in));
	row_field(&r, 1, PAINT_PLAIN, "%8s", rate(j->out, known, out));
	if (known)
		put_use(&r, j->busy, j->held);
	else
		row_field(&r, 2, PAINT_PLAIN, "%-*s", TOP_BAR + 13, "");
	put_checkpoint(v, j, &r);
	row_field(&r, 1, PAINT_PLAIN, "%8" PRId64, j->attempt > 0 ? j->attempt - 1 : 0);
	row_end(&r);
}

static void put_titles(const struct top_view *v, int width, struct bytes *to)
{
	struct row r;
	row_begin(&r, to, v->paint, v->columns);
	row_field(&r, 2, PAINT_DIM, "%-*s", width, "JOB");
	row_field(&r, 1, PAINT_DIM, "%-10s", "STATE");
	row_field(&r, 1, PAINT_DIM, "%8s", "IN/S");
	row_field(&r, 1, PAINT_DIM, "%8s", "OUT/S");
	row_field(&r, 2, PAINT_DIM, "%-*s", TOP_BAR + 6, "BUSY");
	row_field(&r, 1, PAINT_DIM, "%6s", "HELD");
	row_field(&r, 2, PAINT_DIM, "%-28s", "CHECKPOINT");
	row_field(&r, 1, PAINT_DIM, "%8s", "RESTARTS");
	row_end(&r);
}

/* As many as there is room for, the chosen one among them. */
static void put_jobs(const struct top_view *v, unsigned room, struct bytes *to)
{
	const struct top_jobs *t = v->jobs;
	size_t at = top_jobs_at(t), first = 0, shown = room > 1 ? room - 1 : 1;
	int width = name_width(t);
	struct row r;
	if (!t->n) {
		row_begin(&r, to, v->paint, v->columns);
		row_cut(&r, 2, PAINT_PLAIN, "no jobs");
		row_end(&r);
		return;
	}
	put_titles(v, width, to);
	if (shown < t->n)
		shown = shown > 1 ? shown - 1 : 1; /* the line that says so */
	if (at >= shown)
		first = at - shown + 1;
	for (size_t i = first; i < t->n && i < first + shown; i++)
		put_job(v, t->job[i], i == at, width, to);
	if (t->n <= shown)
		return;
	row_begin(&r, to, v->paint, v->columns);
	row_cut(&r, 2, PAINT_DIM, "and %zu more", t->n - shown);
	row_end(&r);
}

/* ---- one job ---- */

static void put_stage(const struct top_view *v, const struct top_job *j, uint32_t i, int width,
		      struct bytes *to)
{
	struct row r;
	char in[PAINT_TEXT], out[PAINT_TEXT], n[PAINT_TEXT];
	const struct facts_stage *s = &j->facts.stage[i];
	const struct pace_stage *p = &j->pace.stage[i];
	bool known = j->pace.known;
	row_begin(&r, to, v->paint, v->columns);
	row_field(&r, 0, PAINT_PLAIN, " ");
	put_cell(&r, s->id, width);
	put_cell(&r, s->type, 16);
	row_field(&r, 1, PAINT_PLAIN, "%5" PRIu32, s->parallelism);
	row_field(&r, 1, PAINT_PLAIN, "%8s", s->role == OP_SOURCE ? "" : rate(p->in, known, in));
	row_field(&r, 1, PAINT_PLAIN, "%8s", s->role == OP_SINK ? "" : rate(p->out, known, out));
	put_use(&r, known ? p->busy : 0, known ? p->held : 0);
	row_field(&r, 2, PAINT_PLAIN, "%11s", s->keyed ? text_count(s->keys, n) : "");
	row_field(&r, 1, PAINT_PLAIN, "%8s", s->keyed ? text_bytes(s->state_bytes, n) : "");
	if (s->records_skipped)
		row_field(&r, 2, PAINT_YELLOW, "skipped %s", text_count(s->records_skipped, n));
	row_end(&r);
}

static void put_stages(const struct top_view *v, const struct top_job *j, unsigned room,
		       struct bytes *to)
{
	struct row r;
	int width = (int)strlen("STAGE");
	uint32_t shown = room > 1 ? room - 1 : 1, n = j->has_facts ? j->facts.n_stages : 0;
	for (uint32_t i = 0; i < n; i++)
		if ((int)strlen(j->facts.stage[i].id) > width)
			width = (int)strlen(j->facts.stage[i].id);
	width = width < NAME_MOST ? width : NAME_MOST;
	row_begin(&r, to, v->paint, v->columns);
	if (!n) {
		row_cut(&r, 2, PAINT_PLAIN, "its stages are not known while it is %s", j->state);
		row_end(&r);
		return;
	}
	row_field(&r, 2, PAINT_DIM, "%-*s %-16s %5s %8s %8s  %-16s %6s  %11s %8s", width, "STAGE",
		  "TYPE", "TASKS", "IN/S", "OUT/S", "BUSY", "HELD", "KEYS", "STATE");
	row_end(&r);
	if (shown < n)
		shown = shown > 1 ? shown - 1 : 1;
	for (uint32_t i = 0; i < n && i < shown; i++)
		put_stage(v, j, i, width, to);
	if (n <= shown)
		return;
	row_begin(&r, to, v->paint, v->columns);
	row_cut(&r, 2, PAINT_DIM, "and %" PRIu32 " more", n - shown);
	row_end(&r);
}

/* ---- around them ---- */

static void put_head(const struct top_view *v, const struct top_job *j, struct bytes *to)
{
	struct row r;
	char ago[PAINT_TEXT];
	row_begin(&r, to, v->paint, v->columns);
	row_field(&r, 0, PAINT_BOLD, "weir top");
	if (v->mode == TOP_STAGES && j) {
		int64_t us = v->now_wall_us - j->since_wall_us;
		row_field(&r, 2, PAINT_BOLD, "%s", j->name);
		row_field(&r, 2, colour_of(j->state), "%s", j->state);
		row_field(&r, 1, PAINT_PLAIN, "for %s", text_ago(us > 0 ? (uint64_t)us : 0, ago));
		if (j->attempt > 1)
			row_field(&r, 2, PAINT_YELLOW, "%" PRId64 " restart%s", j->attempt - 1,
				  j->attempt == 2 ? "" : "s");
	} else {
		row_field(&r, 2, PAINT_PLAIN, "%zu job%s, %zu running", v->jobs->n,
			  v->jobs->n == 1 ? "" : "s", v->jobs->running);
	}
	row_cut(&r, 2, PAINT_DIM, "%s", v->where);
	row_end(&r);
}

static void put_sentence(const struct top_view *v, enum paint_colour c, const char *text,
			 unsigned *room, struct bytes *to)
{
	struct row r;
	if (!*text || !*room)
		return;
	row_begin(&r, to, v->paint, v->columns);
	row_cut(&r, 2, c, "%s", text);
	row_end(&r);
	--*room;
}

/* What is to be said of the chosen one: its trouble first. */
static void put_words(const struct top_view *v, const struct top_job *j, unsigned room,
		      struct bytes *to)
{
	char text[3 * PAINT_TEXT + 64], a[PAINT_TEXT], b[PAINT_TEXT];
	const struct facts_checkpoint *c = &j->facts.last;
	put_sentence(v, PAINT_RED, j->error, &room, to);
	put_sentence(v, PAINT_BOLD, j->outlook.bottleneck, &room, to);
	for (uint32_t i = 0; i < j->outlook.n_forecasts; i++)
		put_sentence(v, PAINT_YELLOW, j->outlook.forecast[i], &room, to);
	if (v->mode != TOP_STAGES || !j->has_facts || !c->id)
		return;
	int64_t age_us = v->now_wall_us - c->wall_us;
	snprintf(text, sizeof text, "checkpoint %" PRIu64 " %s ago: %s", c->id,
		 text_ago(age_us > 0 ? (uint64_t)age_us : 0, a), text_bytes(c->bytes_written, b));
	snprintf(text + strlen(text), sizeof text - strlen(text), " in %s, longest stop %s",
		 text_us(c->total_us, a), text_us(c->sync_us_max, b));
	put_sentence(v, PAINT_PLAIN, text, &room, to);
}

static const char *const help[] = {
	"up, down, k, j   choose a job         Enter, right     its stages",
	"left, Esc        all jobs             s                sort by name, records, busy, state",
	"?                these keys           q                quit",
	"",
	"IN/S     records a second that its sources give; OUT/S: that its sinks take",
	"BUSY     of its busiest stage: # works, = waits for room downstream (HELD), . waits for input",
	"RESTARTS attempts after the first one since the server started it",
};

static void put_help(const struct top_view *v, unsigned room, struct bytes *to)
{
	struct row r;
	for (size_t i = 0; i < sizeof help / sizeof *help && i < room; i++) {
		row_begin(&r, to, v->paint, v->columns);
		row_cut(&r, 2, PAINT_PLAIN, "%s", help[i]);
		row_end(&r);
	}
}

static void put_foot(const struct top_view *v, struct bytes *to)
{
	struct row r;
	row_begin(&r, to, v->paint, v->columns);
	if (*v->trouble)
		row_cut(&r, 0, PAINT_RED, "%s", v->trouble);
	else if (v->mode == TOP_JOBS)
		row_cut(&r, 0, PAINT_DIM, "q quit  arrows choose  Enter stages  s sort (by %s)  ? help",
			orders[v->jobs->order]);
	else
		row_cut(&r, 0, PAINT_DIM, "q quit  Esc back  ? help");
	row_end(&r);
}

void top_text(const struct top_view *v, struct bytes *to)
{
	const struct top_jobs *t = v->jobs;
	const struct top_job *j = t->n ? t->job[top_jobs_at(t)] : NULL;
	unsigned rows = v->rows ? v->rows : UINT32_MAX;
	if (rows < ROWS_LEAST)
		rows = ROWS_LEAST;
	bool foot = v->keys || *v->trouble;
	unsigned words = 0;
	if (j)
		words = (*j->error != 0) + (j->outlook.bottleneck[0] != 0) + j->outlook.n_forecasts +
			(v->mode == TOP_STAGES);
	unsigned left = rows - 1 - foot;
	if (words > left / 3 || left < 4) /* the table is what one looks at */
		words = left < 4 ? 0 : left / 3;
	put_head(v, j, to);
	if (v->mode == TOP_HELP)
		put_help(v, left, to);
	else if (v->mode == TOP_STAGES && j)
		put_stages(v, j, left - words, to);
	else
		put_jobs(v, left - words, to);
	if (v->mode != TOP_HELP && j)
		put_words(v, j, words, to);
	if (foot)
		put_foot(v, to);
}
