/* screen_text.c - the prose of `weir run`: lines that stand for themselves, also in a file, and the
 * status, which a terminal has below them (board.h). */
#include "cli/screen.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define TELL_EVERY_US 1000000 /* completed checkpoints are told at most this often */

static const struct paint *paint(const struct screen *s)
{
	return &s->cli->err;
}

static uint64_t now_us(const struct screen *s)
{
	return clock_mono_us(s->cli->env->clock);
}

static bool redraws(const struct screen *s)
{
	return s->board && board_redraws(s->board);
}

/* ---- the status ---- */

static void text_status(struct screen *s)
{
	struct facts f;
	struct err ignored = {0};
	/* Without memory for it the next one will do. */
	if (!s->board || facts_take(&f, s->job, s->cli->started_us, s->cli->env->clock,
				    s->cli->env->mem, &ignored) != OK)
		return;
	if (s->stopping && job_state(s->job) == JOB_RUNNING)
		snprintf(f.state, sizeof f.state, "STOPPING");
	board_update(s->board, &f);
	facts_close(&f);
}

/* Where it is redrawn it follows what happens. */
static void status_now(struct screen *s)
{
	if (redraws(s))
		text_status(s);
}

/* ---- the beginning ---- */

static void text_changed(struct screen *s, const char *difference)
{
	fprintf(paint(s)->to, "%s  %sthe job file has changed%s since it last ran in %s:\n%s",
		s->plan->spec->name, paint_on(paint(s), PAINT_YELLOW), paint_off(paint(s)), s->dir,
		difference);
}

static void text_opened(struct screen *s)
{
	const struct paint *p = paint(s);
	const struct job_recovery *r = job_recovery(s->job);
	if (!redraws(s)) /* there it is the first line of the status */
		fprintf(p->to, "%s%s%s  RUNNING  attempt 1  dir %s   %s(try: kill -9 %ld)%s\n",
			paint_on(p, PAINT_BOLD), s->plan->spec->name, paint_off(p), s->dir,
			paint_on(p, PAINT_DIM), (long)getpid(), paint_off(p));
	if (!r->restored && r->below_id)
		fprintf(p->to,
			" a fresh start: the state of checkpoint %" PRIu64
			" lies below it and is no longer used\n",
			r->below_id);
	status_now(s);
}

static void text_finished_before(struct screen *s, int64_t wall_us)
{
	char when[PAINT_TEXT];
	fprintf(paint(s)->to,
		"%s  %sFINISHED%s at %s, exit 0: every record is counted and committed; nothing was done\n"
		"  to run it again from the beginning: --fresh with another sink path, or another "
		"--dir\n",
		s->plan->spec->name, paint_on(paint(s), PAINT_GREEN), paint_off(paint(s)),
		text_time(wall_us, when));
}

static void text_began(struct screen *s)
{
	struct bytes text;
	char took[PAINT_TEXT];
	if (!job_recovery(s->job)->restored) {
		uint64_t us = job_recovery_us(s->job);
		if (us)
			fprintf(paint(s)->to, " a fresh start, first record after %s\n", text_us(us, took));
		return;
	}
	bytes_init(&text, s->cli->env->mem);
	screen_recovery(s, paint(s), &text);
	fputs(bytes_text(&text), paint(s)->to);
	bytes_close(&text);
}

/* ---- checkpoints ---- */

static void tell(struct screen *s)
{
	char bytes[PAINT_TEXT], keys[PAINT_TEXT], took[PAINT_TEXT], stop[PAINT_TEXT];
	if (!s->untold.n)
		return;
	text_bytes(s->untold.bytes, bytes);
	text_many(s->untold.keys_changed, "key", keys);
	text_us(s->untold.total_us_max, took);
	text_us(s->untold.sync_us_max, stop);
	if (s->untold.n == 1)
		log_line(s->log, LOG_INFO,
			 "checkpoint %" PRIu64 " completed: %s, %s, %s, longest stop of a task %s",
			 s->untold.last, bytes, keys, took, stop);
	else
		log_line(s->log, LOG_INFO,
			 "checkpoints %" PRIu64 " to %" PRIu64 ", %" PRIu64
			 " completed: %s, %s, at most %s, longest stop of a task %s",
			 s->untold.first, s->untold.last, s->untold.n, bytes, keys, took, stop);
	memset(&s->untold, 0, sizeof s->untold);
	s->told_us = now_us(s);
}

static void text_checkpoint(struct screen *s, const struct checkpoint_record *r)
{
	/* What failed was told when it failed; what was overtaken, or ended with its attempt, is no
	 * news. */
	if (!r->completed) {
		log_line(s->log, LOG_DEBUG, "checkpoint %" PRIu64 " given up: %s", r->id, r->error);
		return;
	}
	/* The status shows the newest one; told is what somebody asked for. */
	if (redraws(s) && r->kind != CO_MANUAL && r->kind != CO_SAVEPOINT)
		return;
	if (!s->untold.n++)
		s->untold.first = r->id;
	s->untold.last = r->id;
	s->untold.bytes += r->bytes_written;
	s->untold.keys_changed += r->keys_changed;
	if (r->total_us > s->untold.total_us_max)
		s->untold.total_us_max = r->total_us;
	if (r->sync_us_max > s->untold.sync_us_max)
		s->untold.sync_us_max = r->sync_us_max;
	if (!s->told_us || now_us(s) - s->told_us >= TELL_EVERY_US)
		tell(s);
}

static void text_failed(struct screen *s, const struct err *e, const struct restart_decision *d)
{
	char after[PAINT_TEXT];
	tell(s);
	if (!d->restart)
		return; /* the last line says it */
	if (d->after_us)
		log_line(s->log, LOG_WARN, "attempt %u failed: %s; the next one in %s",
			 job_attempt_number(s->job), e->text, text_us(d->after_us, after));
	else
		log_line(s->log, LOG_WARN, "attempt %u failed: %s; the next one at once",
			 job_attempt_number(s->job), e->text);
}

/* ---- the end ---- */

static void text_stopping(struct screen *s, int signal)
{
	tell(s);
	s->stopping = true;
	fprintf(paint(s)->to, "%s: taking a checkpoint, then stopping (once more: stop at once)\n",
		signal ? strsignal(signal) : "asked to stop");
	status_now(s);
}

static void text_summary(struct screen *s)
{
	char took[PAINT_TEXT], read[PAINT_TEXT], written[PAINT_TEXT], done[PAINT_TEXT];
	char keys[PAINT_TEXT];
	uint64_t in = 0, out = 0, n_keys = 0;
	bool keyed = false;
	for (uint32_t i = 0; i < s->plan->n_stages; i++) {
		const struct plan_stage *st = &s->plan->stage[i];
		if (st->ops->role == OP_SOURCE)
			in += screen_count(s, i).out;
		if (st->ops->role == OP_SINK)
			out += screen_count(s, i).in;
		if (st->p.keyed) {
			keyed = true;
			n_keys += screen_keys(s, i);
		}
	}
	fprintf(paint(s)->to, " in %s: %s read, %s written, %s",
		text_us(clock_mono_us(s->cli->env->clock) - s->cli->started_us, took),
		text_many(in, "record", read), text_count(out, written),
		text_many(job_completed(s->job), "checkpoint", done));
	if (job_failed_checkpoints(s->job))
		fprintf(paint(s)->to, " (%s not completed)",
			text_count(job_failed_checkpoints(s->job), done));
	if (keyed)
		fprintf(paint(s)->to, ", %s", text_many(n_keys, "key", keys));
	fputc('\n', paint(s)->to);
}

static void text_ended(struct screen *s, enum drive_end end)
{
	const struct paint *p = paint(s);
	enum job_state state = job_state(s->job);
	status_now(s);
	tell(s);
	screen_leave(s);
	if (end == DRIVE_SIGNALLED) {
		fprintf(p->to,
			"%sSTOPPED AT ONCE%s %s: as after a kill, the next run goes on from the "
			"newest checkpoint\n",
			paint_on(p, PAINT_YELLOW), paint_off(p), s->plan->spec->name);
		return;
	}
	if (end == DRIVE_ABANDONED) {
		fprintf(p->to,
			"%sABANDONED%s %s: it did not stop within limits.stop; the next run goes on "
			"from the newest checkpoint\n",
			paint_on(p, PAINT_RED), paint_off(p), s->plan->spec->name);
		return;
	}
	if (state == JOB_FINISHED || state == JOB_STOPPED) {
		fprintf(p->to, "%s%s%s %s", paint_on(p, PAINT_GREEN), job_state_name(state), paint_off(p),
			s->plan->spec->name);
		text_summary(s);
		if (state == JOB_STOPPED)
			fprintf(p->to, " everything so far is committed; the same command goes on from here\n");
		return;
	}
	bool fenced = job_error(s->job)->code == E_FENCED;
	if (s->log->format == LOG_JSON) { /* of what is read by programs the level says it */
		log_line(s->log, LOG_ERROR, "%s: %s", fenced ? "FENCED" : job_state_name(state),
			 job_error(s->job)->text);
		return;
	}
	fprintf(p->to, "%s%s%s %s: %s\n", paint_on(p, PAINT_RED),
		fenced ? "FENCED" : job_state_name(state), paint_off(p), s->plan->spec->name,
		job_error(s->job)->text);
	if (fenced)
		fprintf(p->to, " another process has taken %s over; this one touches nothing more\n",
			s->dir);
}

const struct screen_ops screen_text = {
	.changed = text_changed,
	.opened = text_opened,
	.finished_before = text_finished_before,
	.began = text_began,
	.checkpoint = text_checkpoint,
	.failed = text_failed,
	.status = text_status,
	.stopping = text_stopping,
	.ended = text_ended,
};
