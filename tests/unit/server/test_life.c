/* test_life.c - each rule of a job's life under a server, as what it does in answer to what
 * happens. Actions are compared as text: "tell, save stopped"; what is not in it did not happen. */
#include "tests/lib/test.h"

#include "server/life.h"

#define SECOND UINT64_C(1000000)

struct t {
	struct mem mem;
	struct life *l;
	uint64_t now;
	struct err e;
	struct err answer;            /* of the last ANSWER */
	struct restart_state spawned; /* of the last SPAWN */
	struct err saved;             /* of the last SAVE */
	char did[512];
};

/* What it asks for now, in order. */
static const char *does(struct t *t)
{
	struct life_do d;
	size_t n = 0;
	t->did[0] = '\0';
	while (life_next(t->l, &d)) {
		static const char *const names[] = {
			[LIFE_SAVE] = "save", [LIFE_SPAWN] = "spawn", [LIFE_TELL_STOP] = "tell stop",
			[LIFE_KILL] = "kill", [LIFE_ERASE] = "erase", [LIFE_DROP] = "drop",
			[LIFE_ANSWER] = "answer", [LIFE_TELL] = "tell"};
		n += (size_t)snprintf(t->did + n, sizeof t->did - n, "%s%s", n ? ", " : "",
				      names[d.kind]);
		if (d.kind == LIFE_SAVE)
			n += (size_t)snprintf(t->did + n, sizeof t->did - n, " %s%s",
					      standing_name(d.standing), d.erase ? " erase" : "");
		if (d.kind == LIFE_ERASE && d.removing)
			n += (size_t)snprintf(t->did + n, sizeof t->did - n, " all");
		if (d.kind == LIFE_ANSWER)
			n += (size_t)snprintf(t->did + n, sizeof t->did - n, " %u %s",
					      (unsigned)d.action, err_name(d.error.code));
		if (d.kind == LIFE_ANSWER)
			t->answer = d.error;
		if (d.kind == LIFE_SAVE)
			t->saved = d.error;
		if (d.kind == LIFE_SPAWN)
			t->spawned = d.restarts;
	}
	return t->did;
}

#define DOES(t, text) assert_string_equal(does(t), text)
#define IS(t, s) EXPECT(life_state((t)->l) == LIFE_##s)
#define SAYS(err, part) EXPECT(strstr((err).text, part))

static enum rc event(struct t *t, const struct life_event *ev)
{
	err_clear(&t->e);
	return life_event(t->l, t->now, ev, &t->e);
}

#define HAPPENS(t, ...) EXPECT_OK(event(t, &(struct life_event){__VA_ARGS__}), &(t)->e)
#define ASK(t, what, number) HAPPENS(t, .kind = LIFE_EV_##what, .action = number)
#define REFUSED(t, what, part)                                                                     \
	do {                                                                                       \
		struct life_event refused_ = {.kind = LIFE_EV_##what, .action = 99};               \
		EXPECT(event(t, &refused_) == E_REFUSED);                                          \
		SAYS((t)->e, part);                                                                \
		DOES(t, "");                                                                       \
	} while (0)

static const struct err io = {.code = E_IO, .text = "disk: gone"};
static const struct err invalid = {.code = E_INVALID, .text = "stage 'x': no such field"};

static void opens(struct t *t, enum standing standing, bool erase)
{
	memset(t, 0, sizeof *t);
	mem_init(&t->mem, 0);
	t->now = 1000 * SECOND;
	EXPECT_OK(life_open(&t->l, "daily", standing, erase, NULL, &t->mem, &t->e), &t->e);
}

static void runs(struct t *t)
{
	opens(t, STANDING_RUNNING, false);
	DOES(t, "spawn");
	HAPPENS(t, .kind = LIFE_EV_UP);
	DOES(t, "tell");
	IS(t, RUNNING);
}

static void closes(struct t *t)
{
	life_close(t->l);
	EXPECT(t->mem.used_bytes == 0);
}

static void passes(struct t *t, uint64_t us)
{
	t->now += us;
	HAPPENS(t, .kind = LIFE_EV_TICK);
}

/* ---- starting ---- */

TEST(what_was_saved_as_running_runs_again)
{
	struct t t;
	opens(&t, STANDING_RUNNING, false);
	IS(&t, STARTING);
	DOES(&t, "spawn");
	EXPECT(life_has_process(t.l) && life_attempts(t.l) == 1);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell");
	IS(&t, RUNNING);
	EXPECT(life_since_us(t.l) == t.now && life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(what_has_ended_stays_so)
{
	static const enum standing ended[] = {STANDING_STOPPED, STANDING_CANCELLED, STANDING_FINISHED,
					      STANDING_FAILED};
	for (unsigned i = 0; i < 4; i++) {
		struct t t;
		opens(&t, ended[i], false);
		passes(&t, SECOND);
		DOES(&t, "");
		EXPECT(life_is_final(life_state(t.l)) && !life_has_process(t.l));
		closes(&t);
	}
}

TEST(what_was_to_be_erased_is_erased_at_the_next_start)
{
	struct t t;
	opens(&t, STANDING_CANCELLED, true);
	IS(&t, CANCELLING);
	DOES(&t, "tell, erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "");
	IS(&t, CANCELLED);
	closes(&t);
}

TEST(a_removal_is_completed_at_the_next_start)
{
	struct t t;
	opens(&t, STANDING_REMOVED, false);
	IS(&t, REMOVING);
	DOES(&t, "erase all");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "drop");
	REFUSED(&t, RESTART, "being removed");
	ASK(&t, REMOVE, 4); /* may wait for it */
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, answer 4 OK");
	IS(&t, REMOVED);
	closes(&t);
}

/* ---- stopping ---- */

TEST(a_stop_is_saved_then_told_then_answered_when_the_process_is_gone)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	DOES(&t, "tell, save stopped");
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell stop");
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	DOES(&t, "");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, STOPPED);
	EXPECT(life_error(t.l)->code == OK);
	closes(&t);
}

TEST(a_stop_without_its_checkpoint_says_so_and_is_noted)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED, .unsaved_stop = true,
		.error = &io);
	DOES(&t, "tell, save stopped, tell stop");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, answer 7 E_IO, save stopped");
	SAYS(t.answer, "job 'daily': stopped without a final checkpoint, the next start goes on from "
		       "the newest one: disk: gone");
	EXPECT(t.saved.code == E_IO);
	IS(&t, STOPPED);
	closes(&t);
}

TEST(a_process_that_does_not_stop_is_killed)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save stopped, tell stop");
	EXPECT(life_wake_at(t.l) == t.now + 65 * SECOND); /* 2 x 30 s + 5 s */
	passes(&t, 65 * SECOND - 1);
	DOES(&t, "");
	passes(&t, 1);
	DOES(&t, "kill");
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, answer 7 E_TIMEOUT, save stopped");
	SAYS(t.answer, "had not ended");
	closes(&t);
}

TEST(a_waiting_job_stops_at_once)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell, spawn");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell");
	IS(&t, WAITING);
	ASK(&t, STOP, 7);
	DOES(&t, "tell, save stopped");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, answer 7 OK");
	EXPECT(life_wake_at(t.l) == UINT64_MAX && life_error(t.l)->code == OK);
	closes(&t);
}

TEST(a_job_that_waits_inside_its_process_is_told_to_stop)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .after_us = 60 * SECOND);
	DOES(&t, "tell");
	IS(&t, WAITING);
	EXPECT(life_wait_until(t.l) == t.now + 60 * SECOND && life_wake_at(t.l) == UINT64_MAX);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save stopped, tell stop");
	closes(&t);
}

TEST(a_stop_that_cannot_be_saved_changes_nothing)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "tell, save stopped, answer 7 E_IO");
	SAYS(t.answer, "nothing was done: disk: gone");
	IS(&t, RUNNING);
	/* The disk may hold "stopped" all the same: what holds is saved again. */
	EXPECT(life_wake_at(t.l) == t.now + SECOND);
	passes(&t, SECOND);
	DOES(&t, "save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	EXPECT(life_wake_at(t.l) == t.now + 2 * SECOND);
	passes(&t, 2 * SECOND);
	DOES(&t, "save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	DOES(&t, "");
	closes(&t);
}

TEST(no_process_starts_while_the_disk_may_say_stopped)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "tell, save stopped, answer 7 E_IO");
	IS(&t, WAITING);
	passes(&t, SECOND);
	DOES(&t, "save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "spawn, tell");
	closes(&t);
}

TEST(a_death_while_stopping_is_a_stop_without_a_checkpoint)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell, save stopped");
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, answer 7 E_IO, save stopped");
	SAYS(t.answer, "killed by signal 11 (Segmentation fault)");
	closes(&t);
}

TEST(a_job_that_finishes_while_it_is_stopped_is_finished)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	DOES(&t, "tell, save stopped, tell stop");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, answer 7 OK, save finished");
	IS(&t, FINISHED);
	closes(&t);
}

TEST(stopping_what_is_stopped_is_fine_what_has_ended_otherwise_is_not)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	ASK(&t, STOP, 3);
	DOES(&t, "answer 3 OK");
	closes(&t);
	opens(&t, STANDING_FINISHED, false);
	REFUSED(&t, STOP, "job 'daily' is FINISHED already");
	closes(&t);
	opens(&t, STANDING_FAILED, false);
	REFUSED(&t, STOP, "job 'daily' is FAILED already");
	closes(&t);
}

/* ---- cancelling ---- */

TEST(a_cancel_kills_and_is_answered_when_the_process_is_gone)
{
	struct t t;
	runs(&t);
	ASK(&t, CANCEL, 7);
	DOES(&t, "tell, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "kill");
	IS(&t, CANCELLING);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, CANCELLED);
	EXPECT(life_error(t.l)->code == OK);
	closes(&t);
}

static const struct life_config deleting = {
	.restart = {.strategy = RESTART_NONE}, .stop_us = SECOND, .cancel_deletes = true};

TEST(a_cancel_that_deletes_erases_after_the_process_is_gone)
{
	struct t t;
	runs(&t);
	life_configure(t.l, &deleting);
	ASK(&t, CANCEL, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save cancelled erase, kill");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "answer 7 OK");
	closes(&t);
}

TEST(an_erase_that_fails_is_told_and_tried_again)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	life_configure(t.l, &deleting);
	ASK(&t, CANCEL, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save cancelled erase, erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASE_FAILED, .error = &io);
	DOES(&t, "answer 7 E_IO");
	SAYS(t.answer, "tried again: disk: gone");
	IS(&t, CANCELLING);
	REFUSED(&t, RESTART, "being erased");
	REFUSED(&t, STOP, "CANCELLING already");
	passes(&t, SECOND);
	DOES(&t, "erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save cancelled");
	IS(&t, CANCELLED);
	closes(&t);
}

TEST(a_cancel_overrides_a_stop)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	ASK(&t, CANCEL, 8);
	DOES(&t, "tell, save stopped, answer 7 E_REFUSED");
	SAYS(t.answer, "the stop was given up for a cancel");
	HAPPENS(&t, .kind = LIFE_EV_SAVED); /* one save at a time */
	DOES(&t, "save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "kill, tell, answer 8 OK");
	IS(&t, CANCELLED);
	closes(&t);
}

TEST(a_cancel_that_cannot_be_saved_leaves_the_stop_before_it_standing)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	ASK(&t, CANCEL, 8);
	DOES(&t, "tell, save stopped, tell stop, answer 7 E_REFUSED, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "answer 8 E_IO, tell");
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	IS(&t, STOPPED);
	passes(&t, SECOND);
	DOES(&t, "tell, save stopped");
	closes(&t);
}

/* ---- restarting ---- */

TEST(a_restart_of_what_runs_stops_it_with_a_checkpoint_and_starts_it)
{
	struct t t;
	runs(&t);
	ASK(&t, RESTART, 7);
	DOES(&t, "tell, tell stop"); /* it is saved as running */
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, spawn");
	IS(&t, STARTING);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, RUNNING);
	EXPECT(life_attempts(t.l) == 1);
	closes(&t);
}

TEST(a_restart_of_what_does_not_run_saves_and_starts)
{
	static const enum standing ended[] = {STANDING_STOPPED, STANDING_CANCELLED, STANDING_FAILED};
	for (unsigned i = 0; i < 3; i++) {
		struct t t;
		opens(&t, ended[i], false);
		ASK(&t, RESTART, 7);
		DOES(&t, "tell, save running");
		IS(&t, STARTING);
		HAPPENS(&t, .kind = LIFE_EV_SAVED);
		DOES(&t, "spawn");
		HAPPENS(&t, .kind = LIFE_EV_UP);
		DOES(&t, "tell, answer 7 OK");
		closes(&t);
	}
}

TEST(a_restart_that_fails_for_good_says_why)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &invalid);
	DOES(&t, "tell, save running, spawn");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 2);
	DOES(&t, "tell, answer 7 E_INVALID, save failed");
	SAYS(t.answer, "job 'daily' has FAILED: stage 'x': no such field");
	EXPECT(t.saved.code == E_INVALID);
	IS(&t, FAILED);
	closes(&t);
}

TEST(a_stop_overrides_a_restart_that_cannot_start)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &io);
	DOES(&t, "tell, save running, spawn, spawn");
	IS(&t, WAITING);
	REFUSED(&t, RESTART, "a restart is under way; wait for it, or give it up: weir stop daily");
	ASK(&t, STOP, 8);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "answer 7 E_REFUSED, tell, save stopped, answer 8 OK");
	closes(&t);
}

TEST(what_is_finished_is_not_restarted)
{
	struct t t;
	opens(&t, STANDING_FINISHED, false);
	REFUSED(&t, RESTART, "submit it under another name");
	REFUSED(&t, REPLACE, "weir remove daily");
	closes(&t);
	opens(&t, STANDING_CANCELLED, false);
	struct life_event ev = {.kind = LIFE_EV_RESTART, .action = 7, .final_already = true};
	EXPECT(event(&t, &ev) == E_REFUSED);
	DOES(&t, "");
	closes(&t);
}

TEST(a_job_that_finishes_while_it_is_restarted_is_finished)
{
	struct t t;
	runs(&t);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, tell stop, answer 7 E_REFUSED, save finished");
	IS(&t, FINISHED);
	closes(&t);
}

TEST(a_restart_counts_anew_however_the_old_process_ended)
{
	struct t t;
	runs(&t);
	struct life_config never = {.restart = {.strategy = RESTART_NONE}, .stop_us = SECOND};
	life_configure(t.l, &never);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell, tell stop, spawn");
	EXPECT(life_attempts(t.l) == 1 && t.spawned.restarts == 0);
	EXPECT(life_error(t.l)->code == OK);
	closes(&t);
}

TEST(a_replacement_is_saved_before_the_old_process_is_told)
{
	struct t t;
	runs(&t);
	ASK(&t, REPLACE, 7);
	DOES(&t, "tell, save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell stop");
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell, spawn, answer 7 OK");
	closes(&t);
}

TEST(a_replacement_that_cannot_be_saved_leaves_the_old_one_running)
{
	struct t t;
	runs(&t);
	ASK(&t, REPLACE, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "tell, save running, answer 7 E_IO");
	IS(&t, RUNNING);
	passes(&t, SECOND);
	DOES(&t, "save running");
	closes(&t);
}

/* ---- removing ---- */

TEST(a_removal_saves_erases_drops_and_answers)
{
	struct t t;
	opens(&t, STANDING_FAILED, false);
	ASK(&t, REMOVE, 7);
	DOES(&t, "tell, save removed");
	IS(&t, REMOVING);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "erase all");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "drop");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, REMOVED);
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(what_runs_is_not_removed)
{
	struct t t;
	runs(&t);
	REFUSED(&t, REMOVE, "job 'daily' is RUNNING; stop it first: weir stop daily");
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .after_us = SECOND);
	DOES(&t, "tell");
	REFUSED(&t, REMOVE, "job 'daily' is WAITING; stop it first: weir stop daily");
	closes(&t);
}

/* ---- the process by itself ---- */

TEST(finishing_is_shown_at_once_and_saved_until_it_is)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	DOES(&t, "");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, save finished");
	IS(&t, FINISHED);
	uint64_t waits[] = {1, 2, 4, 8, 16, 32, 60, 60};
	for (unsigned i = 0; i < 8; i++) {
		HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
		DOES(&t, "");
		EXPECT(life_wake_at(t.l) == t.now + waits[i] * SECOND);
		passes(&t, waits[i] * SECOND);
		DOES(&t, "save finished");
	}
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(a_process_that_gave_up_has_failed)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "tell, save failed");
	assert_string_equal(t.saved.text, "disk: gone");
	IS(&t, FAILED);
	closes(&t);
}

TEST(an_unknown_outcome_is_for_a_new_process_to_find_out)
{
	struct t t;
	runs(&t);
	struct err unknown = {.code = E_UNKNOWN_OUTCOME, .text = "fsync: I/O error"};
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &unknown);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "tell, spawn");
	closes(&t);
}

TEST(a_death_without_a_word_is_one_more_failed_attempt)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	assert_string_equal(life_error(t.l)->text,
			    "the process was killed by signal 11 (Segmentation fault)");
	DOES(&t, "tell, spawn"); /* the first restart is immediate */
	EXPECT(t.spawned.restarts == 1 && life_attempts(t.l) == 2);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "tell");
	assert_string_equal(life_error(t.l)->text, "the process ended with status 1 without a word");
	IS(&t, WAITING);
	uint64_t at = life_wait_until(t.l); /* the second after 1 s, give or take a tenth */
	EXPECT(at >= t.now + 9 * SECOND / 10 && at <= t.now + 11 * SECOND / 10);
	EXPECT(life_wake_at(t.l) == at);
	passes(&t, at - t.now - 1);
	DOES(&t, "");
	passes(&t, 1);
	DOES(&t, "spawn, tell");
	EXPECT(t.spawned.restarts == 2 && life_attempts(t.l) == 3);
	closes(&t);
}

TEST(attempts_of_the_process_and_deaths_count_together)
{
	struct t t;
	runs(&t);
	struct life_config three = {.restart = restart_default, .stop_us = SECOND};
	life_configure(t.l, &three);
	struct restart_state inside = {.restarts = 3, .delay_us = SECOND};
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside, .after_us = SECOND);
	DOES(&t, "tell");
	passes(&t, SECOND);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell");
	EXPECT(life_attempts(t.l) == 2 && life_wait_until(t.l) == 0);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, save failed");
	SAYS(t.saved, "gave up after 3 restarts: the process was killed by signal 9 (Killed)");
	closes(&t);
}

TEST(attempts_too_short_to_be_heard_of_are_counted)
{
	struct t t;
	runs(&t);
	struct restart_state inside = {.restarts = 1};
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside);
	EXPECT(life_attempts(t.l) == 1);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside);
	EXPECT(life_attempts(t.l) == 2); /* never UP */
	HAPPENS(&t, .kind = LIFE_EV_UP);
	EXPECT(life_attempts(t.l) == 3);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	EXPECT(life_attempts(t.l) == 4);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 0);
	DOES(&t, "tell, save failed");
	closes(&t);
}

TEST(an_error_at_opening_is_judged_by_its_class)
{
	struct t t;
	opens(&t, STANDING_RUNNING, false);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "spawn, tell, spawn"); /* transient: again */
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &invalid);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 2);
	DOES(&t, "tell, save failed"); /* the user's: no */
	closes(&t);
}

TEST(a_process_that_cannot_be_made_is_judged_by_its_class)
{
	struct t t;
	opens(&t, STANDING_RUNNING, false);
	struct err limit = {.code = E_LIMIT, .text = "fork: too many processes"};
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &limit);
	DOES(&t, "spawn, tell, spawn");
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &invalid);
	DOES(&t, "tell, save failed");
	closes(&t);
}

TEST(a_process_that_stops_unasked_is_started_again)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, spawn");
	SAYS(*life_error(t.l), "not by the server");
	closes(&t);
}

TEST(a_process_that_said_its_last_word_and_stays_is_killed)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	EXPECT(life_wake_at(t.l) == t.now + 65 * SECOND);
	passes(&t, 65 * SECOND);
	DOES(&t, "kill");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, save finished");
	closes(&t);
}

TEST(late_words_of_a_process_change_nothing)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell, save finished");
	IS(&t, FINISHED);
	closes(&t);
}

/* ---- the server ---- */

TEST(a_shutdown_stops_the_process_and_saves_nothing)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	DOES(&t, "tell, tell stop");
	IS(&t, STOPPING);
	REFUSED(&t, RESTART, "the server is stopping");
	EXPECT(life_wake_at(t.l) == t.now + 65 * SECOND);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell");
	IS(&t, STOPPED);
	closes(&t);
}

TEST(a_shutdown_restarts_nothing_and_kills_what_stays)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	passes(&t, 65 * SECOND);
	DOES(&t, "tell, tell stop, kill");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell");
	IS(&t, STOPPED);
	SAYS(*life_error(t.l), "had not ended");
	closes(&t);
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	IS(&t, STOPPED);
	DOES(&t, "tell, spawn");
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(a_restart_under_way_at_a_shutdown_is_for_the_next_server)
{
	struct t t;
	runs(&t);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	DOES(&t, "tell, tell stop, answer 7 E_REFUSED");
	SAYS(t.answer, "the next one starts it");
	closes(&t);
}

TEST(one_thing_is_asked_at_a_time)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	DOES(&t, "tell, save stopped");
	REFUSED(&t, STOP, "a stop is under way; wait for it");
	REFUSED(&t, RESTART, "job 'daily' is STOPPING: a stop is under way; wait for it, or end it "
			     "without a checkpoint: weir cancel daily");
	REFUSED(&t, REMOVE, "a stop is under way");
	ASK(&t, CANCEL, 8);
	does(&t);
	REFUSED(&t, CANCEL, "a cancel is under way; wait for it");
	closes(&t);
}

TEST(without_memory_a_request_is_refused_and_nothing_leaks)
{
	struct t t;
	memset(&t, 0, sizeof t);
	mem_init(&t.mem, 0);
	t.mem.fail_at = 1;
	EXPECT(life_open(&t.l, "x", STANDING_STOPPED, false, NULL, &t.mem, &t.e) == E_NO_MEMORY);
	closes(&t);
	runs(&t);
	t.mem.fail_at = t.mem.calls + 1;
	struct life_event ev = {.kind = LIFE_EV_STOP, .action = 7};
	EXPECT(event(&t, &ev) == E_NO_MEMORY);
	DOES(&t, "");
	IS(&t, RUNNING);
	ASK(&t, STOP, 8); /* closed with a request and actions under way */
	closes(&t);
	life_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_saved_as_running_runs_again),
		T(what_has_ended_stays_so),
		T(what_was_to_be_erased_is_erased_at_the_next_start),
		T(a_removal_is_completed_at_the_next_start),
		T(a_stop_is_saved_then_told_then_answered_when_the_process_is_gone),
		T(a_stop_without_its_checkpoint_says_so_and_is_noted),
		T(a_process_that_does_not_stop_is_killed),
		T(a_waiting_job_stops_at_once),
		T(a_job_that_waits_inside_its_process_is_told_to_stop),
		T(a_stop_that_cannot_be_saved_changes_nothing),
		T(no_process_starts_while_the_disk_may_say_stopped),
		T(a_death_while_stopping_is_a_stop_without_a_checkpoint),
		T(a_job_that_finishes_while_it_is_stopped_is_finished),
		T(stopping_what_is_stopped_is_fine_what_has_ended_otherwise_is_not),
		T(a_cancel_kills_and_is_answered_when_the_process_is_gone),
		T(a_cancel_that_deletes_erases_after_the_process_is_gone),
		T(an_erase_that_fails_is_told_and_tried_again),
		T(a_cancel_overrides_a_stop),
		T(a_cancel_that_cannot_be_saved_leaves_the_stop_before_it_standing),
		T(a_restart_of_what_runs_stops_it_with_a_checkpoint_and_starts_it),
		T(a_restart_of_what_does_not_run_saves_and_starts),
		T(a_restart_that_fails_for_good_says_why),
		T(a_stop_overrides_a_restart_that_cannot_start),
		T(what_is_finished_is_not_restarted),
		T(a_job_that_finishes_while_it_is_restarted_is_finished),
		T(a_restart_counts_anew_however_the_old_process_ended),
		T(a_replacement_is_saved_before_the_old_process_is_told),
		T(a_replacement_that_cannot_be_saved_leaves_the_old_one_running),
		T(a_removal_saves_erases_drops_and_answers),
		T(what_runs_is_not_removed),
		T(finishing_is_shown_at_once_and_saved_until_it_is),
		T(a_process_that_gave_up_has_failed),
		T(an_unknown_outcome_is_for_a_new_process_to_find_out),
		T(a_death_without_a_word_is_one_more_failed_attempt),
		T(attempts_of_the_process_and_deaths_count_together),
		T(attempts_too_short_to_be_heard_of_are_counted),
		T(an_error_at_opening_is_judged_by_its_class),
		T(a_process_that_cannot_be_made_is_judged_by_its_class),
		T(a_process_that_stops_unasked_is_started_again),
		T(a_process_that_said_its_last_word_and_stays_is_killed),
		T(late_words_of_a_process_change_nothing),
		T(a_shutdown_stops_the_process_and_saves_nothing),
		T(a_shutdown_restarts_nothing_and_kills_what_stays),
		T(a_restart_under_way_at_a_shutdown_is_for_the_next_server),
		T(one_thing_is_asked_at_a_time),
		T(without_memory_a_request_is_refused_and_nothing_leaks),
	};
	return RUN(tests);
}
