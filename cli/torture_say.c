/* torture_say.c - what people and programs read of `weir torture`. See torture.h. */
#include "cli/torture.h"

#include <inttypes.h>
#include <string.h>

static const char *name(const struct torture *t)
{
	return t->text.spec->name;
}

/* ---- on the way: standard error ---- */

static void say_judged(const struct paint *p, const struct torture_stage *sink)
{
	enum torture_judge judge = sink->sink.judge, rescaled = sink->rescaled.judge;
	fprintf(p->to, "\n  sink '%s' is judged by: %s", sink->id, torture_judge_says(judge));
	if (rescaled != judge)
		fprintf(p->to, ";\n    in lives at several parallelisms: %s", torture_judge_says(rescaled));
	if (judge == JUDGE_COUNT || judge == JUDGE_NOTHING)
		fprintf(p->to, ": a stage above it %s", sink->why);
}

void torture_say_begin(const struct torture *t)
{
	char took[PAINT_TEXT], every[PAINT_TEXT];
	const struct paint *p = &t->cli->err;
	const char *stage, *why = plan_order_dependent(t->text.plan, &stage);
	fprintf(p->to, "%sweir torture%s: %s, %" PRIu64 " kills and faults, seed %" PRIu64 "\n"
		       "  left alone it takes %s", paint_on(p, PAINT_BOLD), paint_off(p), name(t),
		t->wanted, t->seed, text_us(t->facts.took_us, took));
	if (t->rates)
		fprintf(p->to, ", its source%s slowed down, so that there is a middle to be killed in",
			t->rates == 1 ? "" : "s");
	if (t->interval_us)
		fprintf(p->to, "\n  a checkpoint each %s here", text_us(t->interval_us, every));
	if (t->job.n_parallel > 1) {
		fprintf(p->to, "\n  each second life at parallelism");
		for (uint32_t i = 0; i < t->job.n_parallel; i++)
			fprintf(p->to, "%s %u", i ? "," : "", t->job.parallel[i]);
	} else {
		fprintf(p->to, "\n  always at parallelism %u: at others its output means something else",
			t->job.parallel[0]);
	}
	if (why)
		fprintf(p->to, "\n  order-dependent: stage '%s' %s", stage, why);
	for (uint32_t i = 0; i < t->job.n_sinks; i++)
		say_judged(p, &t->job.sink[i]);
	fprintf(p->to, "\n");
	fflush(p->to);
}

void torture_say_life(const struct torture *t, const struct torture_life *l)
{
	char kills[PAINT_TEXT], faults[PAINT_TEXT], starts[PAINT_TEXT], checkpoints[PAINT_TEXT];
	const struct paint *p = &t->cli->err;
	fprintf(p->to, "  %-8s %s, %s, %s, %s: %s%s%s\n", l->name,
		text_many(l->done.kills, "kill", kills), text_many(l->done.faults, "fault", faults),
		text_many(l->done.starts, "start", starts),
		text_many(l->done.checkpoints, "checkpoint", checkpoints),
		paint_on(p, l->right ? PAINT_GREEN : PAINT_RED), l->right ? "right" : "NOT RIGHT",
		paint_off(p));
	fflush(p->to);
}

/* ---- the verdict: standard output ---- */

static void say_difference(const struct torture *t, const struct torture_difference *d)
{
	const struct paint *p = &t->cli->out;
	char often[PAINT_TEXT];
	uint64_t by = (uint64_t)(d->by < 0 ? -d->by : d->by);
	if (d->says[0])
		fprintf(p->to, "      %s%s%s\n", d->says, d->record[0] ? ": " : "", d->record);
	else
		fprintf(p->to, "      %s %-9s %s\n", text_many(by, "time", often),
			d->by < 0 ? "missing" : "too often", d->record);
}

static void say_sinks(const struct torture *t, bool all)
{
	const struct paint *p = &t->cli->out;
	char n[PAINT_TEXT];
	for (uint32_t i = 0; i < t->job.n_sinks; i++) {
		const struct torture_comparison *c = &t->right[i].last;
		const struct torture_stage *sink = &t->job.sink[i];
		if (!c->differing && !all)
			continue;
		if (!c->differing) {
			fprintf(p->to, "  sink '%s': %s%s%s\n", sink->id,
				sink->kind == SINK_BLACKHOLE ? "" : text_many(c->records, "record", n),
				sink->kind == SINK_BLACKHOLE ? "" : "; ",
				torture_judge_says(sink->sink.judge));
			continue;
		}
		fprintf(p->to, "  sink '%s' differs from the undisturbed run in %s:\n", sink->id,
			text_many(c->differing, "place", n));
		for (uint64_t k = 0; k < c->told; k++)
			say_difference(t, &c->first[k]);
		if (c->differing > c->told)
			fprintf(p->to, "      and %s more\n", text_count(c->differing - c->told, n));
	}
}

static void say_wrong(const struct torture *t, const struct torture_life *l)
{
	const struct paint *p = &t->cli->out;
	if (l->trouble[0])
		fprintf(p->to, "  %s\n", l->trouble);
	say_sinks(t, false);
	if (l->last[0])
		fprintf(p->to, "  what struck it last: %s\n", l->last);
}

static void say_right(const struct torture *t)
{
	const struct paint *p = &t->cli->out;
	const struct torture_totals *d = &t->done;
	char kills[PAINT_TEXT], faults[PAINT_TEXT], lives[PAINT_TEXT], starts[PAINT_TEXT],
		checkpoints[PAINT_TEXT], rescales[PAINT_TEXT];
	fprintf(p->to,
		"%sRIGHT%s: %s was killed %s and had %s, in %s of %s %s: its committed output was that "
		"of an undisturbed run each time\n",
		paint_on(p, PAINT_GREEN), paint_off(p), name(t), text_many(d->kills, "time", kills),
		text_many(d->faults, "fault", faults), text_many(d->starts, "start", starts),
		text_count(d->lives, lives), d->lives == 1 ? "life" : "lives");
	say_sinks(t, true);
	fprintf(p->to, "  %s, %s of the parallelism, seed %" PRIu64 "\n",
		text_many(d->checkpoints, "checkpoint", checkpoints),
		text_many(d->rescales, "change", rescales), t->seed);
}

static void say_text(const struct torture *t, const struct torture_life *l)
{
	const struct paint *p = &t->cli->out;
	if (l->right) {
		say_right(t);
		return;
	}
	if (!l->strikes)
		fprintf(p->to, "%sCANNOT BE JUDGED%s: %s\n", paint_on(p, PAINT_YELLOW), paint_off(p),
			l->trouble[0] ? "the job fails without being tortured"
				      : "two undisturbed runs of the job differ, so its output is no "
					"function of its input");
	else
		fprintf(p->to, "%sNOT RIGHT%s: %s, %s, seed %" PRIu64 "\n", paint_on(p, PAINT_RED),
			paint_off(p), name(t), l->name, l->seed);
	say_wrong(t, l);
	if (l->strikes)
		fprintf(p->to, "  again (threads take turns as they like: try a few times):\n"
			       "    weir torture %s --seed %" PRIu64 " --kills %" PRIu64 "%s\n",
			t->args->place[0], l->seed, l->strikes,
			args_has(t->args, "--set") ? ", and each --set" : "");
	fprintf(p->to, "  kept: %s (`weir fsck` and `weir checkpoints` read each job/ in it)\n",
		t->scratch);
}

static void put_sink(const struct torture *t, uint32_t i, struct json_out *o)
{
	const struct torture_comparison *c = &t->right[i].last;
	jout_object(o);
	jout_kv_string(o, "id", t->job.sink[i].id);
	jout_kv_string(o, "judged_by", torture_judge_says(t->job.sink[i].sink.judge));
	jout_kv_uint(o, "records", c->records);
	jout_kv_uint(o, "differing", c->differing);
	jout_key(o, "differences");
	jout_array(o);
	for (uint64_t k = 0; k < c->told; k++) {
		jout_object(o);
		jout_kv_int(o, "by", c->first[k].by);
		jout_kv_string(o, "record", c->first[k].record);
		jout_kv_string(o, "says", c->first[k].says);
		jout_object_end(o);
	}
	jout_array_end(o);
	jout_object_end(o);
}

static void say_json(const struct torture *t, const struct torture_life *l)
{
	struct bytes text;
	struct json_out o;
	const char *stage;
	bytes_init(&text, t->cli->env->mem);
	jout_begin(&o, &text, true);
	jout_object(&o);
	jout_kv_string(&o, "job", name(t));
	jout_kv_string(&o, "verdict", l->right      ? "right"
				      : !l->strikes ? "cannot be judged"
						    : "not right");
	jout_kv_uint(&o, "seed", t->seed);
	jout_kv_uint(&o, "kills", t->done.kills);
	jout_kv_uint(&o, "faults", t->done.faults);
	jout_kv_uint(&o, "starts", t->done.starts);
	jout_kv_uint(&o, "lives", t->done.lives);
	jout_kv_uint(&o, "checkpoints", t->done.checkpoints);
	jout_kv_uint(&o, "rescales", t->done.rescales);
	jout_kv_bool(&o, "order_dependent", plan_order_dependent(t->text.plan, &stage) != NULL);
	jout_key(&o, "sinks");
	jout_array(&o);
	for (uint32_t i = 0; i < t->job.n_sinks; i++)
		put_sink(t, i, &o);
	jout_array_end(&o);
	if (!l->right) {
		jout_kv_uint(&o, "failing_seed", l->seed);
		jout_kv_string(&o, "life", l->name);
		jout_kv_string(&o, "trouble", l->trouble);
		jout_kv_string(&o, "struck_last", l->last);
		jout_kv_string(&o, "kept", t->scratch);
	}
	jout_object_end(&o);
	fprintf(t->cli->out.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

void torture_say_verdict(const struct torture *t, const struct torture_life *l, bool json)
{
	if (json)
		say_json(t, l);
	else
		say_text(t, l);
}
