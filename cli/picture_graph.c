/* picture_graph.c - the stages of a job: a chain with the rates on its edges, or a table. */
#include "cli/picture_in.h"

#include <inttypes.h>

#define RATE_WIDTH 9      /* "999.9 k/s" */
#define TABLE_LINES 16    /* stages a table shows at most: by feel */
#define RATES_SHOWN 6     /* stages in a status line */
#define ID_COLUMNS 24

static const char *rate_of(double per_second, char to[PAINT_TEXT])
{
	char n[PAINT_TEXT];
	snprintf(to, PAINT_TEXT, "%.20s/s", text_rate(per_second, n));
	return to;
}

/* "count x4" */
static const char *label_of(const struct facts_stage *s, char to[FACTS_ID_MAX + 16])
{
	if (s->parallelism > 1)
		snprintf(to, FACTS_ID_MAX + 16, "%s x%" PRIu32, s->id, s->parallelism);
	else
		snprintf(to, FACTS_ID_MAX + 16, "%s", s->id);
	return to;
}

static const char *busy_of(const struct picture *v, uint32_t stage, char to[PAINT_TEXT])
{
	snprintf(to, PAINT_TEXT, "%.0f %%", v->pace->stage[stage].busy * 100);
	return v->pace->known ? to : "-";
}

static bool at_its_limit(const struct picture *v, uint32_t stage)
{
	return (v->pace->limit == PACE_STAGE || v->pace->limit == PACE_SINK) &&
	       stage == v->pace->slowest;
}

static enum paint_colour colour_of(const struct picture *v, uint32_t stage)
{
	return at_its_limit(v, stage) ? PAINT_YELLOW : PAINT_PLAIN;
}

/* ---- a chain ---- */

/* Each stage reads the one before it. */
static bool is_chain(const struct facts *f)
{
	for (uint32_t i = 0; i < f->n_stages; i++)
		if (f->stage[i].n_inputs != (i > 0) || (i && f->stage[i].input[0] != i - 1))
			return false;
	return f->n_stages > 0;
}

/* The arrow out of a stage; always as wide, so that nothing jumps: "---3.1 M/s-->". */
static void put_arrow(const struct picture *v, uint32_t stage, struct row *r)
{
	char rate[PAINT_TEXT], line[] = "-----------";
	if (v->pace->known)
		rate_of(v->pace->stage[stage].out, rate);
	else
		rate[0] = '\0';
	unsigned len = (unsigned)strlen(rate);
	row_field(r, 1, PAINT_DIM, "--%.*s", len < RATE_WIDTH ? (int)(RATE_WIDTH - len) : 0, line);
	row_field(r, 0, PAINT_PLAIN, "%s", rate);
	row_field(r, 0, PAINT_DIM, "-->");
}

static unsigned chain_width(const struct facts *f)
{
	char label[FACTS_ID_MAX + 16];
	unsigned width = 0;
	for (uint32_t i = 0; i < f->n_stages; i++)
		width += (unsigned)strlen(label_of(&f->stage[i], label)) + 1;
	return width + (f->n_stages - 1) * (1 + 2 + RATE_WIDTH + 3);
}

static void put_chain(const struct picture *v, struct bytes *to)
{
	struct row names, busy;
	struct bytes below;
	char label[FACTS_ID_MAX + 16], share[PAINT_TEXT];
	bytes_init(&below, to->mem);
	row_begin(&names, to, v->paint, v->columns);
	row_begin(&busy, &below, v->paint, v->columns);
	for (uint32_t i = 0; i < v->f->n_stages; i++) {
		/* The first share stands behind the word that says what they are. */
		if (i)
			row_tab(&busy, names.at + 1);
		else
			row_field(&busy, 1, PAINT_DIM, "busy ");
		row_field(&names, 1, colour_of(v, i), "%s", label_of(&v->f->stage[i], label));
		row_field(&busy, 0, colour_of(v, i), "%s", busy_of(v, i, share));
		if (i + 1 < v->f->n_stages)
			put_arrow(v, i, &names);
	}
	row_end(&names);
	row_end(&busy);
	bytes_put(to, below.data, below.len);
	bytes_close(&below);
}

/* ---- a table ---- */

/* What is shown when not all can be: the ends, where things come in and go out, and then the
 * busiest. */
static double weight_of(const struct picture *v, uint32_t stage)
{
	bool end = v->f->stage[stage].role != OP_TRANSFORM;
	return v->pace->stage[stage].busy + (at_its_limit(v, stage) ? 4 : 0) + (end ? 2 : 0);
}

/* How many come before it in that order. */
static uint32_t rank_of(const struct picture *v, uint32_t stage)
{
	double own = weight_of(v, stage);
	uint32_t rank = 0;
	for (uint32_t i = 0; i < v->f->n_stages; i++) {
		double w = weight_of(v, i);
		rank += w > own || (w >= own && i < stage);
	}
	return rank;
}

static unsigned id_columns(const struct picture *v)
{
	char label[FACTS_ID_MAX + 16];
	unsigned width = (unsigned)strlen("stage"), most = ID_COLUMNS;
	if (v->columns && v->columns / 2 < most)
		most = v->columns / 2;
	for (uint32_t i = 0; i < v->f->n_stages; i++) {
		unsigned n = (unsigned)strlen(label_of(&v->f->stage[i], label));
		if (n > width)
			width = n;
	}
	return width < most ? width : most;
}

static void put_label(const struct picture *v, uint32_t stage, unsigned width, struct row *r)
{
	char label[FACTS_ID_MAX + 16];
	label_of(&v->f->stage[stage], label);
	if (strlen(label) > width)
		row_field(r, 1, colour_of(v, stage), "%.*s...", (int)width - 3, label);
	else
		row_field(r, 1, colour_of(v, stage), "%-*s", (int)width, label);
}

static void put_inputs(const struct picture *v, const struct facts_stage *s, struct row *r)
{
	for (uint32_t i = 0; i < s->n_inputs && i < FACTS_INPUTS_MAX; i++)
		row_field(r, i ? 0 : 2, PAINT_PLAIN, "%s%s", i ? ", " : "", v->f->stage[s->input[i]].id);
	if (s->n_inputs > FACTS_INPUTS_MAX)
		row_field(r, 0, PAINT_PLAIN, " and %" PRIu32 " more", s->n_inputs - FACTS_INPUTS_MAX);
}

static void put_table_line(const struct picture *v, uint32_t stage, unsigned width,
			   struct bytes *to)
{
	const struct facts_stage *s = &v->f->stage[stage];
	const struct pace_stage *p = &v->pace->stage[stage];
	struct row r;
	char in[PAINT_TEXT], out[PAINT_TEXT], share[PAINT_TEXT];
	row_begin(&r, to, v->paint, v->columns);
	put_label(v, stage, width, &r);
	row_field(&r, 1, colour_of(v, stage), "%5s", busy_of(v, stage, share));
	row_field(&r, 1, PAINT_PLAIN, "%9s", s->role == OP_SOURCE ? "" : rate_of(p->in, in));
	row_field(&r, 1, PAINT_PLAIN, "%9s", s->role == OP_SINK ? "" : rate_of(p->out, out));
	put_inputs(v, s, &r);
	row_end(&r);
}

static void put_table(const struct picture *v, unsigned room, struct bytes *to)
{
	uint32_t n = v->f->n_stages, shown = room - 1;
	unsigned width = id_columns(v);
	struct row r;
	if (shown > TABLE_LINES)
		shown = TABLE_LINES;
	if (shown < n)
		shown--; /* the line that says so */
	row_begin(&r, to, v->paint, v->columns);
	row_field(&r, 1, PAINT_DIM, "%-*s", (int)width, "stage");
	row_field(&r, 1, PAINT_DIM, " busy");
	row_field(&r, 1, PAINT_DIM, "%9s", "in");
	row_field(&r, 1, PAINT_DIM, "%9s", "out");
	row_field(&r, 2, PAINT_DIM, "reads");
	row_end(&r);
	for (uint32_t i = 0; i < n; i++)
		if (shown >= n || rank_of(v, i) < shown)
			put_table_line(v, i, width, to);
	if (shown >= n)
		return;
	row_begin(&r, to, v->paint, v->columns);
	row_cut(&r, 1, PAINT_DIM, "and %" PRIu32 " more, less busy", n - shown);
	row_end(&r);
}

void picture_graph(const struct picture *v, unsigned room, struct bytes *to)
{
	if (is_chain(v->f) && (!v->columns || chain_width(v->f) <= v->columns))
		put_chain(v, to);
	else
		put_table(v, room, to);
}

/* ---- in a line ---- */

void picture_rates(const struct picture *v, struct row *r, unsigned gap)
{
	const char *between = is_chain(v->f) ? " -> " : ", ";
	uint32_t shown = 0;
	char rate[PAINT_TEXT];
	for (uint32_t i = 0; i < v->f->n_stages && shown < RATES_SHOWN; i++) {
		const struct facts_stage *s = &v->f->stage[i];
		/* With many stages: the ends. */
		if (v->f->n_stages > RATES_SHOWN && s->role == OP_TRANSFORM)
			continue;
		rate_of(s->role == OP_SINK ? v->pace->stage[i].in : v->pace->stage[i].out, rate);
		row_field(r, shown ? 0 : gap, PAINT_PLAIN, "%s%s %s", shown ? between : "", s->id,
			  v->pace->known ? rate : "-");
		shown++;
	}
}
