/* screen_recovery.c - the recovery report: from which checkpoint, how much of it was read and
 * verified, what is there again, where the sources go on, and where the time went.
 *
 *   RECOVERED word-count in 7.4 ms          previous process: pid 4211, gone 1.2 s ago
 *    checkpoint  26 (38 ms before its last sign of life), 9 of 9 sections verified
 *    state       count: 5,204 keys, 61 kB (1 full + 3 deltas)
 *    sources     lines: words.txt from byte 81,402
 *    replays     at least 712 records put out after checkpoint 26, once more
 *    sinks       out: committed files in place
 *    time        find and verify 2.7 | own 1.1 | tables 0.4 | first record 3.2 ms
 */
#include "cli/screen.h"

#include <inttypes.h>

#define TELL_ESTIMATE_US 10000 /* what takes less was not waited for */

static void put_head(const struct screen *s, const struct paint *p, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	char took[PAINT_TEXT], gone[PAINT_TEXT];
	uint64_t us = job_recovery_us(s->job);
	bytes_printf(to, "%s%s %s%s", paint_on(p, PAINT_GREEN), s->resumed ? "RESUMED" : "RECOVERED",
		     s->plan->spec->name, paint_off(p));
	if (us)
		bytes_printf(to, " in %s", text_us(us, took));
	if (job_attempt_number(s->job) > 1) {
		bytes_printf(to, "          attempt %u of this process\n", job_attempt_number(s->job));
		return;
	}
	if (r->previous_pid)
		bytes_printf(to, "          previous process: pid %" PRIu64, r->previous_pid);
	if (r->previous_pid && r->last_sign_wall_us && s->opened_wall_us > r->last_sign_wall_us)
		bytes_printf(to, ", gone %s ago",
			     text_ago((uint64_t)(s->opened_wall_us - r->last_sign_wall_us), gone));
	bytes_put_u8(to, '\n');
}

static void put_checkpoint(const struct screen *s, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	char ago[PAINT_TEXT], size[PAINT_TEXT];
	int64_t before = r->last_sign_wall_us - r->checkpoint_wall_us;
	int64_t taken = clock_wall_us(s->cli->env->clock) - r->checkpoint_wall_us;
	bool again = job_attempt_number(s->job) > 1;
	bytes_printf(to, " checkpoint  %" PRIu64, r->checkpoint);
	if (again || !r->last_sign_wall_us || before <= 0)
		bytes_printf(to, " (taken %s ago)", text_ago(taken > 0 ? (uint64_t)taken : 0, ago));
	else
		bytes_printf(to, " (%s before its last sign of life)", text_ago((uint64_t)before, ago));
	if (again)
		bytes_put_text(to, ", verified once more\n");
	else
		bytes_printf(to, ", %u of %u sections verified, %u file%s, %s\n", r->sections,
			     r->sections, r->files, r->files == 1 ? "" : "s",
			     text_bytes(r->bytes, size));
}

/* Where it comes from; or why it is not the newest one. */
static void put_going_back(const struct screen *s, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	if (r->imported && job_attempt_number(s->job) == 1)
		bytes_printf(to, " %-11s checkpoint %" PRIu64 " of %s\n", "taken from", r->imported,
			     r->imported_from);
	if (r->fell_back && r->bad_id)
		bytes_printf(to, " %-11s checkpoint %" PRIu64 " cannot be restored: %s\n", "fell back",
			     r->bad_id, r->bad_why);
	else if (r->fell_back)
		bytes_printf(to, " %-11s %s\n", "fell back", r->bad_why);
	if (r->moved)
		bytes_printf(to, " %-11s %u file%s of later checkpoints moved to .superseded/\n",
			     r->fell_back ? "" : "went back", r->moved, r->moved == 1 ? "" : "s");
}

static void put_states(const struct screen *s, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	char keys[PAINT_TEXT], size[PAINT_TEXT];
	uint32_t keyed = 0, at = 0;
	for (uint32_t i = 0; i < s->plan->n_stages; i++)
		keyed += s->plan->stage[i].p.keyed;
	if (!keyed)
		return;
	bytes_put_text(to, " state       ");
	if (r->mode == RESTORE_LAZY && !r->keys) {
		bytes_printf(to, "read while records flow: %s\n", r->why_so);
		return;
	}
	/* Runs are counted for the whole job; of one stage alone they are its own. */
	for (uint32_t i = 0; i < s->plan->n_stages && keyed > 1; i++)
		if (s->plan->stage[i].p.keyed)
			bytes_printf(to, "%s%s: %s", at++ ? "; " : "", s->plan->stage[i].spec->id,
				     text_many(screen_keys(s, i), "key", keys));
	for (uint32_t i = 0; i < s->plan->n_stages && keyed == 1; i++)
		if (s->plan->stage[i].p.keyed)
			bytes_printf(to, "%s: %s", s->plan->stage[i].spec->id,
				     text_many(r->keys, "key", keys));
	bytes_printf(to, ", %s read (%u full + %u delta%s), %s\n", text_bytes(r->bytes_read, size),
		     r->full_runs, r->delta_runs, r->delta_runs == 1 ? "" : "s",
		     restore_mode_name(r->mode));
}

static void put_role(const struct screen *s, enum op_role role, const char *label, struct bytes *to)
{
	const struct begun *b = job_begun(s->job);
	bool first = true;
	for (uint32_t i = 0; i < s->plan->n_stages && i < b->n; i++) {
		if (s->plan->stage[i].ops->role != role || !b->stage[i].says[0])
			continue;
		bytes_printf(to, " %-11s %s: %s\n", first ? label : "", s->plan->stage[i].spec->id,
			     b->stage[i].says);
		first = false;
	}
}

/* A stop in order leaves nothing to replay. */
static void put_replays(const struct screen *s, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	char records[PAINT_TEXT];
	if (r->knows_replays && r->replays)
		bytes_printf(to, " %-11s at least %s put out after checkpoint %" PRIu64 ", once more\n",
			     "replays", text_many(r->replays, "record", records), r->checkpoint);
}

static void put_commits(const struct screen *s, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	if (r->intents_committed)
		bytes_printf(to, " %-11s %u file%s of checkpoint %" PRIu64 " committed now\n", "",
			     r->intents_committed, r->intents_committed == 1 ? "" : "s", r->checkpoint);
	if (r->intents_taken)
		bytes_printf(to, " %-11s %u committed file%s of checkpoint %" PRIu64
			     " taken away since: not written again\n", "", r->intents_taken,
			     r->intents_taken == 1 ? "" : "s", r->checkpoint);
}

static void put_times(const struct screen *s, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(s->job);
	uint64_t us = job_recovery_us(s->job), known = r->tables_us;
	bool first = job_attempt_number(s->job) <= 1;
	bytes_put_text(to, " time        ");
	if (first) {
		known += r->find_us + r->verify_us;
		bytes_printf(to, "find and verify %.1f | own and settle %.1f | ", (double)r->find_us / 1e3,
			     (double)r->verify_us / 1e3);
	}
	bytes_printf(to, "tables %.1f", (double)r->tables_us / 1e3);
	if (r->estimate_us >= TELL_ESTIMATE_US && r->mode != RESTORE_LAZY) /* else told at its end */
		bytes_printf(to, " (about %.0f expected)", (double)r->estimate_us / 1e3);
	if (us > known)
		bytes_printf(to, " | %s %.1f", first ? "first record" : "waiting, then first record",
			     (double)(us - known) / 1e3);
	bytes_put_text(to, " ms\n");
}

void screen_recovery(const struct screen *s, const struct paint *p, struct bytes *to)
{
	put_head(s, p, to);
	put_checkpoint(s, to);
	put_going_back(s, to);
	put_states(s, to);
	put_role(s, OP_SOURCE, "sources", to);
	put_replays(s, to);
	put_role(s, OP_SINK, "sinks", to);
	put_commits(s, to);
	put_times(s, to);
}
