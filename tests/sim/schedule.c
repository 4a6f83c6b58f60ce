/* schedule.c - see schedule.h. */
#include "tests/sim/schedule.h"

#include "base/check.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct run {
	struct world w;
	struct schedule_job j;
	struct seen_files seen;
	struct rules *rules;
	struct post *post[WORLD_HOSTS];
	struct rng rng;
	struct schedule_totals *t;
	bool calm;                     /* nothing happens any more */
	bool disturbed[WORLD_HOSTS];   /* its process may fail: disk, clock or another owner did it */
	bool runs[WORLD_HOSTS];
	uint64_t request;
	uint32_t savepoints;
	uint64_t committed[WORLD_HOSTS]; /* newest checkpoint whose commit its process reported */
	uint64_t committed_rows;       /* of the newest of all these */
	uint64_t bad_until;            /* step up to which the disk is full, or fails; 0: it is well */
	uint64_t fails_at;             /* the operation that was chosen last to fail */
	char context[3000];
};

static uint64_t below(struct run *r, uint64_t n)
{
	return rng_below(&r->rng, n);
}

static bool one_in(struct run *r, uint64_t n)
{
	return below(r, n) == 0;
}

/* ---- the world's hooks ---- */

static struct run *run_of(struct world *w)
{
	return w->hooks_arg;
}

static void on_before_step(struct world *w, uint32_t thread)
{
	post_before_step(run_of(w)->post[w->host], thread);
}

static bool on_nobody_moves(struct world *w)
{
	return post_nobody_moves(run_of(w)->post[w->host]);
}

static void on_attempt_ends(struct world *w)
{
	post_attempt_ends(run_of(w)->post[w->host]);
}

static void on_process_ends(struct world *w)
{
	post_process_ends(run_of(w)->post[w->host]);
}

static void on_checkpoint(struct world *w, const struct checkpoint_record *c)
{
	if (c->completed)
		rules_completed(run_of(w)->rules, c->id);
}

/* Whatever comes later, a power cut too, its rows are there. */
static void on_committed(void *arg, uint64_t checkpoint)
{
	struct run *r = arg;
	uint64_t rows = rules_received(r->rules, "count", checkpoint);
	WORLD_CHECK(&r->w, checkpoint > r->committed[r->w.host]); /* COORDINATOR 19 */
	r->committed[r->w.host] = checkpoint;
	if (rows > r->committed_rows) /* else who was taken over hears of his own late */
		r->committed_rows = rows;
}

static const struct world_hooks hooks = {
	.before_step = on_before_step,
	.nobody_moves = on_nobody_moves,
	.attempt_ends = on_attempt_ends,
	.process_ends = on_process_ends,
	.checkpoint = on_checkpoint,
};

/* ---- what holds whenever somebody looks ---- */

static void look_aside(struct run *r)
{
	struct world *w = &r->w;
	if (r->j.s.kind == SCENARIO_ONE_FILE)
		return; /* it grows; a power cut may leave half of what is not settled yet */
	seen_look(&r->seen, w);
	if (!r->j.exact || !r->j.updates)
		return;
	check_chains(w, &r->j.s.oracle);
	uint64_t rows = count_rows(w), newest = rules_received(r->rules, "count", 0);
	if (rows < r->committed_rows || rows > newest)
		world_fail(w, "inv 29: %" PRIu64 " rows are committed; the newest checkpoint has read %"
			   PRIu64 " records, one whose commit was reported %" PRIu64, rows, newest,
			   r->committed_rows);
}

/* No channel has more places than the job says. */
static void look_at_channels(struct world *w)
{
	uint32_t queued, room;
	for (uint32_t i = 0; w->job && i < w->plan->n_edges; i++) {
		const struct plan_edge *g = &w->plan->edge[i];
		uint32_t from = w->plan->stage[g->from].parallelism,
			 to = w->plan->stage[g->to].parallelism,
			 channels = g->kind == EDGE_FORWARD ? from : from * to;
		job_edge_fill(w->job, i, &queued, &room);
		WORLD_CHECK(w, queued <= room);
		WORLD_CHECK(w, room <= channels * w->spec->limits.channel_batches);
	}
}

static void look(struct run *r)
{
	look_at_channels(&r->w);
	fs_sim_aside(r->w.disk, true);
	look_aside(r);
	fs_sim_aside(r->w.disk, false);
}

/* ---- a process ---- */

/* The disk is well again. */
static void mend(struct run *r)
{
	fs_sim_fault_at(r->w.disk, 0, OK, false);
	fs_sim_capacity(r->w.disk, 0);
	r->bad_until = r->fails_at = 0;
}

static void crash(struct run *r, bool power_cut)
{
	world_crash(&r->w, power_cut);
	if (power_cut)
		rules_cut(r->rules);
	for (uint32_t i = 0; i < WORLD_HOSTS; i++)
		if (power_cut || i == r->w.host)
			r->runs[i] = r->disturbed[i] = false;
	mend(r);
	if (one_in(r, 2))
		look(r);
}

/* It ended as it wanted to, or because it had to. */
static void ended(struct run *r, enum world_end end)
{
	struct world *w = &r->w;
	uint32_t host = w->host;
	if (end == WORLD_CRASHED) {
		crash(r, one_in(r, 2));
		return;
	}
	if (end == WORLD_HALTED && w->error.code == E_FENCED) {
		rules_halted(r->rules, host);
		r->t->fenced++;
	}
	r->t->jobs_failed += end == WORLD_FAILED;
	r->t->halted += end == WORLD_HALTED;
	if ((end == WORLD_FAILED || end == WORLD_HALTED) && !r->disturbed[host])
		world_fail(w, "the job ended by itself: %s", w->error.text);
	world_exit(w);
	r->runs[host] = r->disturbed[host] = false;
	if (fs_sim_crashed(w->disk)) /* by the very last operation: a close */
		crash(r, one_in(r, 2));
}

/* At an operation to come, often one of recovery itself. */
static uint64_t soon(struct run *r)
{
	return fs_sim_count(r->w.disk) + 1 + below(r, one_in(r, 2) ? 60 : 600);
}

static void disk_error(struct run *r, enum happening h)
{
	static const enum rc codes[] = {E_IO, E_IO, E_NO_SPACE, E_LIMIT, E_PERMISSION};
	struct fs_sim_fault f = {.at = soon(r), .code = codes[below(r, 5)]};
	if (f.code == E_NO_SPACE)
		f.on = FS_SIM_SPACE;
	if (h == HAPPENS_LOST_ANSWER) {
		f.how = FAULT_AFTER;
	} else if (one_in(r, 4)) { /* for a while, some operations or all */
		f.persistent = true;
		f.on = one_in(r, 2) ? f.on : 1u << below(r, 9);
		r->bad_until = r->w.steps + 1 + below(r, 2000);
	} else if (one_in(r, 6)) {
		f.how = FAULT_SHORT;
		f.on = FS_SIM_READS;
	}
	r->fails_at = f.at;
	fs_sim_fault(r->w.disk, &f);
	for (uint32_t i = 0; i < WORLD_HOSTS; i++)
		r->disturbed[i] = true;
}

static enum world_end start(struct run *r)
{
	struct world *w = &r->w;
	bool crashes = !r->calm && one_in(r, 4);
	for (uint32_t i = 0; i < WORLD_HOSTS; i++) /* who runs elsewhere is taken over */
		r->disturbed[i] |= r->runs[i];
	r->disturbed[w->host] = r->fails_at > fs_sim_count(w->disk) || r->bad_until;
	if (crashes)
		fs_sim_crash_at(w->disk, soon(r));
	else if (!r->calm && one_in(r, 8))
		disk_error(r, one_in(r, 2) ? HAPPENS_DISK_ERROR : HAPPENS_LOST_ANSWER);
	enum world_end end = world_start(w, 1 + (unsigned)below(r, 3));
	r->t->starts++;
	r->t->refused += end == WORLD_FAILED;
	r->t->crashes_in_a_start += end == WORLD_CRASHED;
	r->runs[w->host] = end == WORLD_RUNNING;
	r->committed[w->host] = 0;
	if (end == WORLD_RUNNING)
		job_tell_to(w->job, &(struct job_hearer){.committed = on_committed, .arg = r});
	return end;
}

/* ---- what happens ---- */

static void ask(struct run *r, struct job_ask a)
{
	struct err e = {0};
	a.request = a.kind == ASK_STOP ? 0 : ++r->request;
	if (a.kind == ASK_SAVEPOINT || a.savepoint)
		snprintf(a.name, sizeof a.name, "sp%u", ++r->savepoints);
	(void)!job_ask(r->w.job, &a, &e); /* refused or not: whoever asked is answered */
}

static uint64_t some_checkpoint(struct run *r)
{
	size_t n;
	const struct checkpoint_record *c = job_history(r->w.job, &n);
	return n ? c[below(r, n)].id : 1 + below(r, 20);
}

/* What a server does to cancel it (server/life.h): its processes are killed, and are not started
 * again before somebody asks for it, a day later. What it had committed stands, and it goes on
 * there. (on_cancel: delete is the server's own: proof_server.) */
static void cancel(struct run *r)
{
	struct world *w = &r->w;
	uint32_t host = w->host;
	for (uint32_t i = 0; i < WORLD_HOSTS; i++) {
		world_host(w, i);
		if (r->runs[i])
			crash(r, false);
	}
	world_host(w, host);
	w->clock.now_us += (uint64_t)86400 * 1000000;
	look(r);
}

/* Its successor is on another host; it stands still in between, and its steps are mixed with the
 * successor's. */
static void second_owner(struct run *r)
{
	world_host(&r->w, (r->w.host + 1 + (uint32_t)below(r, WORLD_HOSTS - 1)) % WORLD_HOSTS);
}

static void happen(struct run *r)
{
	struct world *w = &r->w;
	enum happening h = (enum happening)below(r, HAPPENINGS);
	static const int64_t ten_days_us = (int64_t)10 * 86400 * 1000000;
	r->t->happened[h]++;
	if (w->trace)
		fprintf(stderr, "-- %s (host %u, step %" PRIu64 ")\n", happening_name(h), w->host,
			w->steps);
	switch (h) {
	case HAPPENS_KILL:
	case HAPPENS_POWER_CUT:
		crash(r, h == HAPPENS_POWER_CUT);
		break;
	case HAPPENS_CANCEL:
		cancel(r);
		break;
	case HAPPENS_STOP:
		world_stop(w);
		break;
	case HAPPENS_CHECKPOINT:
		ask(r, (struct job_ask){.kind = ASK_CHECKPOINT, .full = one_in(r, 2)});
		break;
	case HAPPENS_SAVEPOINT:
		ask(r, (struct job_ask){.kind = ASK_SAVEPOINT});
		break;
	case HAPPENS_STOP_WITH_SAVEPOINT:
		ask(r, (struct job_ask){.kind = ASK_STOP, .savepoint = true});
		break;
	case HAPPENS_PIN:
		ask(r, (struct job_ask){.kind = one_in(r, 2) ? ASK_PIN : ASK_UNPIN,
					.id = some_checkpoint(r)});
		break;
	case HAPPENS_GC:
		ask(r, (struct job_ask){.kind = ASK_GC, .dry_run = one_in(r, 4)});
		break;
	case HAPPENS_OTHER_CLOCK:
		w->clock.wall_ahead_us += one_in(r, 2) ? ten_days_us : -ten_days_us;
		break;
	case HAPPENS_FREEZE: /* the machine stood still: what is timed has run out */
		w->clock.now_us += below(r, one_in(r, 2) ? 1000000 : 1200000000);
		for (uint32_t i = 0; i < WORLD_HOSTS; i++)
			r->disturbed[i] = true;
		break;
	case HAPPENS_DISK_ERROR:
	case HAPPENS_LOST_ANSWER:
		disk_error(r, h);
		break;
	case HAPPENS_DISK_FULL:
		fs_sim_capacity(w->disk, fs_sim_used_bytes(w->disk) + 4096 * below(r, 8));
		r->bad_until = w->steps + 1 + below(r, 2000);
		for (uint32_t i = 0; i < WORLD_HOSTS; i++)
			r->disturbed[i] = true;
		break;
	case HAPPENS_SECOND_OWNER:
		second_owner(r);
		break;
	default:
		look(r);
	}
}

/* The world goes on at a host whose process runs. */
static void next_host(struct run *r)
{
	uint32_t host = (uint32_t)below(r, WORLD_HOSTS);
	if (r->runs[host] && one_in(r, 2))
		world_host(&r->w, host);
}

static enum world_end go_on(struct run *r, uint64_t steps)
{
	enum world_end end = world_run(&r->w, steps);
	if (r->bad_until && r->w.steps >= r->bad_until)
		mend(r);
	return end;
}

static void turbulent(struct run *r)
{
	struct world *w = &r->w;
	for (uint64_t left = 1 + below(r, 20); left; left--) {
		enum world_end end = WORLD_PAUSED;
		if (!r->runs[w->host])
			end = start(r);
		if (end == WORLD_RUNNING || end == WORLD_PAUSED)
			end = go_on(r, 1 + below(r, one_in(r, 2) ? 200 : 1500));
		if (end != WORLD_PAUSED)
			ended(r, end);
		if (end == WORLD_FINISHED)
			break;
		if (end != WORLD_PAUSED)
			continue;
		happen(r);
		next_host(r);
	}
}

/* No new fault: whoever still runs comes to an end of his own, or is killed. */
static void settle(struct run *r)
{
	struct world *w = &r->w;
	r->calm = true;
	mend(r);
	fs_sim_crash_at(w->disk, 0);
	for (uint32_t i = 0; i < WORLD_HOSTS; i++) {
		world_host(w, i);
		if (!r->runs[i])
			continue;
		if (one_in(r, 3))
			crash(r, false);
		else
			ended(r, world_run(w, UINT64_MAX));
	}
	world_host(w, (uint32_t)below(r, WORLD_HOSTS));
	for (uint32_t i = 0; i < WORLD_HOSTS; i++)
		r->disturbed[i] = false;
}

static void check_end(struct run *r, bool swept)
{
	fs_sim_aside(r->w.disk, true);
	if (r->j.exact)
		scenario_check_end_counted(&r->j.s, &r->w, rules_received(r->rules, "count", 0));
	else
		r->t->counted_twice += (uint64_t)check_at_least(&r->w, &r->j.s.oracle);
	seen_look(&r->seen, &r->w);
	if (swept)
		check_directory(&r->w);
	fs_sim_aside(r->w.disk, false);
}

static void to_the_end(struct run *r)
{
	struct world *w = &r->w;
	uint64_t completed = w->completed;
	enum world_end end = start(r);
	if (end == WORLD_FAILED)
		world_fail(w, "the last start was refused: %s", w->error.text);
	look(r);
	end = world_run(w, UINT64_MAX);
	if (end != WORLD_FINISHED)
		world_fail(w, "did not finish: %s", w->error.text);
	/* Else it was finished, and a power cut may undo unlinks. */
	check_end(r, w->completed > completed);
	world_exit(w);
	/* A finished job run again changes nothing (inv 20). */
	completed = w->completed;
	WORLD_CHECK(w, world_start(w, 1) == WORLD_RUNNING && world_run(w, 10) == WORLD_FINISHED);
	WORLD_CHECK(w, w->completed == completed);
	world_exit(w);
	fs_sim_aside(w->disk, true);
	seen_look(&r->seen, w);
	fs_sim_aside(w->disk, false);
}

/* ---- a seed ---- */

/* Whatever ends the test, a check of the product or a sanitizer: which seed it was. */
static const struct run *the_run;

static void say_seed(void)
{
	const struct run *r = the_run;
	the_run = NULL;
	if (r)
		(void)!write(STDERR_FILENO, r->context, strlen(r->context));
}

static void on_signal(int number)
{
	say_seed();
	signal(number, SIG_DFL);
	raise(number);
}

void on_death(void (*f)(void)) __asm__("__sanitizer_set_death_callback") __attribute__((weak));

static void say_seed_if_it_dies(const struct run *r)
{
	the_run = r;
	signal(SIGABRT, on_signal);
	if (on_death)
		on_death(say_seed);
	else
		signal(SIGSEGV, on_signal);
}

static void count(struct run *r)
{
	struct schedule_totals *t = r->t;
	const struct rules_seen *s = rules_seen(r->rules);
	t->seeds++;
	t->steps += r->w.steps;
	t->attempts_failed += r->w.failed_attempts;
	t->checkpoints += r->w.completed;
	t->changes += s->changes;
	t->commits += s->commits;
	t->removals += s->removals;
	t->merges += r->w.merges;
	t->trace_hash = r->w.trace_hash ^ fs_sim_trace_hash(r->w.disk);
	t->traces = splitmix64(t->traces ^ t->trace_hash);
	for (uint32_t i = 0; i < WORLD_HOSTS; i++) {
		const struct post_seen *p = post_seen(r->post[i]);
		t->letters += p->letters;
		t->late += p->late;
		t->twice += p->twice;
		t->lost += p->lost;
		t->old += p->old;
	}
}

void schedule_run(uint64_t seed, const char *commit, struct schedule_totals *t)
{
	struct run *r = calloc(1, sizeof *r);
	struct world *w = &r->w;
	r->t = t;
	rng_seed(&r->rng, splitmix64(seed ^ 0x5C4ED));
	schedule_draw(&r->j, &r->rng);
	const struct post_options *letters = &r->j.letters;
	snprintf(r->context, sizeof r->context,
		 "schedule of seed %" PRIu64 ", commit %s\n"
		 "letters: one in %u late, by up to %u steps; one in %u twice, one in %u lost (0: none)\n"
		 "job: %s\nagain: proof_schedules --replay %" PRIu64 "\n", seed, commit,
		 letters->late_in, letters->steps, letters->twice_in, letters->lost_in, r->j.s.job, seed);
	say_seed_if_it_dies(r);
	world_open(w, seed, r->j.s.job);
	w->hooks = &hooks;
	w->hooks_arg = r;
	for (uint32_t i = 0; i < WORLD_HOSTS; i++)
		r->post[i] = post_open(w, letters, splitmix64(seed + i));
	scenario_files(&r->j.s, w);
	r->rules = rules_open(w);
	turbulent(r);
	settle(r);
	to_the_end(r);
	count(r);
	for (uint32_t i = 0; i < WORLD_HOSTS; i++)
		post_close(r->post[i]);
	rules_close(r->rules);
	world_close(w);
	the_run = NULL;
	scenario_close(&r->j.s);
	free(r);
}
