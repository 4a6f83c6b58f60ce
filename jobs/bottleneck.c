/* bottleneck.c - see bottleneck.h. */
#include "jobs/bottleneck.h"

#include <math.h>

#define NAMED 3   /* stages that wait, by name; the others are counted: by feel */
#define WAITS 0.3 /* of its time, for room downstream: worth naming */

struct words {
	char *to;
	size_t len;
};

static void put(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct words *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(w->to + w->len, BOTTLENECK_TEXT - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len = w->len + (size_t)n < BOTTLENECK_TEXT ? w->len + (size_t)n : BOTTLENECK_TEXT - 1;
}

static double percent(double share)
{
	return floor(share * 100 + 0.5);
}

/* Marks the stages that `of` reads, directly or not, as far as inputs are known: each stands before
 * what reads it. */
static void mark_above(const struct facts *f, uint32_t of, bool above[SPEC_STAGES_MAX])
{
	memset(above, 0, SPEC_STAGES_MAX);
	above[of] = true;
	for (uint32_t i = of + 1; i-- > 0;)
		for (uint32_t n = 0; above[i] && n < f->stage[i].n_inputs && n < FACTS_INPUTS_MAX; n++)
			above[f->stage[i].input[n]] = true;
}

/* "lines and words wait for it"; nothing where nobody does. */
static void put_waiting(struct words *w, const struct facts *f, const struct pace *p,
			uint32_t slowest, const char *before)
{
	bool above[SPEC_STAGES_MAX];
	uint32_t waiting[NAMED], n = 0;
	mark_above(f, slowest, above);
	for (uint32_t i = 0; i < slowest; i++) {
		if (p->stage[i].held < WAITS || !above[i])
			continue;
		if (n < NAMED)
			waiting[n] = i;
		n++;
	}
	for (uint32_t i = 0; i < n && i < NAMED; i++)
		put(w, "%s%s", !i ? before : i + 1 == n ? " and " : ", ", f->stage[waiting[i]].id);
	if (n > NAMED)
		put(w, " and %u more", n - NAMED);
	if (n)
		put(w, n > 1 ? " wait for it" : " waits for it");
}

static void put_stage(struct words *w, const struct facts *f, const struct pace *p)
{
	const struct facts_stage *s = &f->stage[p->slowest];
	put(w, "%s is the bottleneck: busy %.0f %%", s->id, percent(p->stage[p->slowest].busy));
	if (p->second < f->n_stages)
		put(w, ", closely followed by %s (%.0f %%)", f->stage[p->second].id,
		    percent(p->stage[p->second].busy));
	put_waiting(w, f, p, p->slowest, "; ");
}

static void put_sink(struct words *w, const struct facts *f, const struct pace *p)
{
	const struct facts_stage *s = &f->stage[p->slowest];
	if (!strcmp(s->type, "print_sink"))
		put(w, "%s is the bottleneck: whoever reads standard output is slower than the job", s->id);
	else
		put(w, "%s is the bottleneck: it is not busy, it waits for %s", s->id,
		    !strcmp(s->type, "file_sink") ? "the disk" : "what it writes to");
	put_waiting(w, f, p, p->slowest, "; ");
}

bool bottleneck_text(const struct facts *f, const struct pace *p, char to[BOTTLENECK_TEXT])
{
	struct words w = {.to = to};
	to[0] = '\0';
	if (p->n_stages != f->n_stages || (p->limit != PACE_UNKNOWN && p->slowest >= f->n_stages))
		return false;
	const char *id = f->n_stages ? f->stage[p->slowest].id : "";
	switch (p->limit) {
	case PACE_UNKNOWN:
		return false;
	case PACE_STAGE:
		put_stage(&w, f, p);
		break;
	case PACE_SINK:
		put_sink(&w, f, p);
		break;
	case PACE_RATE:
		if (p->second < f->n_stages)
			put(&w, "no bottleneck: the sources are held to their rates, and every stage keeps up");
		else
			put(&w, "no bottleneck: %s is held to its rate, and every stage keeps up", id);
		break;
	case PACE_INPUT:
		put(&w, "no bottleneck: the job waits for input");
		break;
	case PACE_ENDING:
		put(&w, "no bottleneck: all input is read, and what is on its way goes through");
		break;
	case PACE_NONE:
		put(&w, "no bottleneck: no stage is at its limit; the busiest is %s (%.0f %%)", id,
		    percent(p->stage[p->slowest].busy));
		break;
	}
	return true;
}
