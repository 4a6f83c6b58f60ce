/* picture.c - see picture.h. The graph is drawn by picture_graph.c. */
#include "cli/picture_in.h"

#include <inttypes.h>

/* ---- what more than one line says ---- */

static const char *clock_of(const struct picture *v, char to[PAINT_TEXT])
{
	const struct facts *f = v->f;
	return text_clock(f->now_us > f->started_us ? f->now_us - f->started_us : 0, to);
}

static enum paint_colour colour_of(const char *state)
{
	static const struct {
		const char *state;
		enum paint_colour colour;
	} of[] = {{"RUNNING", PAINT_GREEN}, {"FINISHED", PAINT_GREEN}, {"STOPPED", PAINT_GREEN},
		  {"FAILED", PAINT_RED}, {"HALTED", PAINT_RED}, {"WAITING", PAINT_YELLOW},
		  {"STOPPING", PAINT_YELLOW}, {"CANCELLING", PAINT_YELLOW}};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		if (!strcmp(state, of[i].state))
			return of[i].colour;
	return PAINT_PLAIN;
}

static void put_progress(const struct picture *v, struct row *r, unsigned gap)
{
	char eta[PAINT_TEXT];
	if (v->pace->done < 0)
		return;
	/* 100 % is what is done, not what is nearly done. */
	row_field(r, gap, PAINT_BOLD, "%.0f %%", floor(v->pace->done * 100));
	if (v->pace->eta_us >= 500000)
		row_field(r, 2, PAINT_BOLD, "ETA %s", text_clock(v->pace->eta_us + 500000, eta));
}

static const char *id_of(const struct picture *v, uint32_t stage)
{
	return v->f->stage[stage].id;
}

/* Why it goes no faster, in words; the tail is for whoever has room for it. */
static void put_limit(const struct picture *v, struct row *r, unsigned gap, bool tail)
{
	const struct pace *p = v->pace;
	const char *id = p->slowest < v->f->n_stages ? id_of(v, p->slowest) : "";
	char wait[PAINT_TEXT];
	if (v->f->wait_us)
		row_cut(r, gap, PAINT_YELLOW, "the next attempt in %s", text_us(v->f->wait_us, wait));
	switch (p->limit) {
	case PACE_UNKNOWN:
		break;
	case PACE_STAGE:
		row_cut(r, gap, PAINT_PLAIN, "slowest: %s%s%s", id,
			p->second < v->f->n_stages ? ", closely followed by "
			: !tail			   ? ""
			: v->f->n_stages == 2	   ? "; the other waits for it"
						   : "; the others wait for it",
			p->second < v->f->n_stages ? id_of(v, p->second) : "");
		break;
	case PACE_SINK:
		row_cut(r, gap, PAINT_PLAIN, "slowest: %s%s", id,
			!tail ? ""
			: !strcmp(v->f->stage[p->slowest].type, "print_sink")
				? "; whoever reads standard output is slower than the job"
				: "; it waits for what it writes to");
		break;
	case PACE_RATE:
		row_cut(r, gap, PAINT_PLAIN, "%s%s%s",
			p->second < v->f->n_stages ? "the sources" : id,
			p->second < v->f->n_stages ? " are held to their rates" : " is held to its rate",
			tail ? "; every stage keeps up" : "");
		break;
	case PACE_INPUT:
		row_cut(r, gap, PAINT_PLAIN, "waiting for input");
		break;
	case PACE_ENDING:
		row_cut(r, gap, PAINT_PLAIN, "all input is read%s", tail ? "; the rest goes through" : "");
		break;
	case PACE_NONE:
		row_cut(r, gap, PAINT_PLAIN, "busiest: %s%s", id,
			tail ? "; no stage is at its limit" : "");
		break;
	}
}

static void put_checkpoint(const struct picture *v, struct row *r, unsigned gap)
{
	const struct facts_checkpoint *c = &v->f->last;
	char a[PAINT_TEXT];
	if (!c->id) {
		row_field(r, gap, PAINT_PLAIN, "no checkpoint yet");
	} else {
		int64_t ago_us = v->f->wall_us - c->wall_us;
		row_field(r, gap, PAINT_PLAIN, "checkpoint %" PRIu64 " ok %s ago", c->id,
			  text_ago(ago_us > 0 ? (uint64_t)ago_us : 0, a));
		row_field(r, 0, PAINT_PLAIN, ": %s", text_bytes(c->bytes_written, a));
		if (c->state_bytes > c->bytes_written)
			row_field(r, 0, PAINT_PLAIN, " of %s", text_bytes(c->state_bytes, a));
		row_field(r, 0, PAINT_PLAIN, " in %s", text_us(c->total_us, a));
		row_field(r, 0, PAINT_PLAIN, ", longest stop %s", text_us(c->sync_us_max, a));
	}
	if (v->f->failed)
		row_field(r, 2, PAINT_YELLOW, "%s failed", text_count(v->f->failed, a));
}

static uint64_t skipped(const struct facts *f)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < f->n_stages; i++)
		n += f->stage[i].records_skipped;
	return n;
}

static void put_skipped(const struct picture *v, struct row *r, unsigned gap)
{
	char n[PAINT_TEXT];
	const char *before = ": ";
	row_field(r, gap, PAINT_YELLOW, "skipped %s", text_many(skipped(v->f), "record", n));
	for (uint32_t i = 0; i < v->f->n_stages; i++) {
		if (!v->f->stage[i].records_skipped)
			continue;
		row_field(r, 0, PAINT_YELLOW, "%s%s %s", before, id_of(v, i),
			  text_count(v->f->stage[i].records_skipped, n));
		before = ", ";
	}
}

/* ---- the block ---- */

static void put_head(const struct picture *v, struct bytes *to)
{
	const struct facts *f = v->f;
	struct row r;
	char at[PAINT_TEXT];
	row_begin(&r, to, v->paint, v->columns);
	row_cut(&r, 0, PAINT_BOLD, "%s", f->name);
	row_field(&r, 2, colour_of(f->state), "%s", f->state);
	row_field(&r, 1, PAINT_PLAIN, "%s", clock_of(v, at));
	row_field(&r, 2, PAINT_PLAIN, "attempt %u", f->attempt);
	row_field(&r, 2, PAINT_PLAIN, "dir %s", f->dir);
	if (!strcmp(f->state, "RUNNING"))
		row_field(&r, 3, PAINT_DIM, "(try: kill -9 %" PRIu64 ")", f->pid);
	row_end(&r);
}

static void put_how(const struct picture *v, struct bytes *to)
{
	struct row r;
	row_begin(&r, to, v->paint, v->columns);
	put_progress(v, &r, 1);
	put_limit(v, &r, r.at ? 2 : 1, true);
	if (!r.at)
		row_field(&r, 1, PAINT_PLAIN, "%s",
			  strcmp(v->f->state, "RUNNING") ? "" : "no record has gone through yet");
	row_end(&r);
}

/* Lines that are there only when there is something to tell. */
static unsigned n_extra(const struct picture *v)
{
	return (skipped(v->f) > 0) + (v->f->error[0] != '\0');
}

static void put_extra(const struct picture *v, struct bytes *to)
{
	struct row r;
	if (skipped(v->f)) {
		row_begin(&r, to, v->paint, v->columns);
		put_skipped(v, &r, 1);
		row_end(&r);
	}
	if (v->f->error[0]) {
		row_begin(&r, to, v->paint, v->columns);
		row_cut(&r, 1, PAINT_RED, "last failure: %s", v->f->error);
		row_end(&r);
	}
}

#define LINES_AROUND 3 /* head, how it goes, checkpoint */

void picture_block(const struct picture *v, struct bytes *to)
{
	struct row r;
	unsigned around = LINES_AROUND + n_extra(v);
	unsigned room = v->rows > around ? v->rows - around : 0;
	if (room < GRAPH_LINES_LEAST || (v->columns && v->columns < COLUMNS_LEAST)) {
		picture_line(v, to);
		return;
	}
	put_head(v, to);
	picture_graph(v, room, to);
	put_how(v, to);
	row_begin(&r, to, v->paint, v->columns);
	put_checkpoint(v, &r, 1);
	row_end(&r);
	put_extra(v, to);
}

/* ---- the line ---- */

void picture_line(const struct picture *v, struct bytes *to)
{
	struct row r;
	char at[PAINT_TEXT];
	row_begin(&r, to, v->paint, v->columns);
	row_cut(&r, 0, PAINT_PLAIN, "%s %s", clock_of(v, at), v->f->state);
	put_progress(v, &r, 2);
	picture_rates(v, &r, 2);
	put_limit(v, &r, 2, false);
	if (v->pace->limit == PACE_STAGE || v->pace->limit == PACE_NONE)
		row_field(&r, 1, PAINT_PLAIN, "%.0f %%", v->pace->stage[v->pace->slowest].busy * 100);
	put_checkpoint(v, &r, 2);
	if (skipped(v->f))
		put_skipped(v, &r, 2);
	row_end(&r);
}
