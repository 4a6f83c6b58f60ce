/* life_world.h - a world small enough to be understood, around one life: a disk that keeps what was
 * saved, one process that may end in any way at any moment, askers, a server that may crash.
 * Everything a life asks for is checked here against what the world knows (life.h, inv 1-5); which
 * standings the job may be found in is kept apart, from what was asked, answered and said. */
#pragma once
#include "tests/lib/test.h"

#include <signal.h>

#include "server/life.h"

/* What may happen next. */
#define CHOICES(X)                                                                                 \
	X(STOP) X(CANCEL) X(RESTART) X(REPLACE) X(REMOVE)                                          \
	X(SAVED) X(SAVE_FAILED) X(SAVE_FAILED_YET_STANDS)                                          \
	X(ERASED) X(ERASE_FAILED)                                                                  \
	X(SPAWN_FAILED) X(SPAWN_INVALID)                                                           \
	X(UP) X(ATTEMPT_FAILED)                                                                    \
	X(SAYS_FINISHED) X(SAYS_STOPPED) X(SAYS_UNSAVED) X(SAYS_FAILED) X(SAYS_INVALID)            \
	X(GONE) X(TIME) X(SHUTDOWN)                                                                \
	X(CRASH) X(CRASH_YET_STANDS)
enum choice {
#define X(name) CHOICE_##name,
	CHOICES(X)
#undef X
	N_CHOICES
};
static const char *const choice_names[] = {
#define X(name) #name,
	CHOICES(X)
#undef X
};

enum process { NO_PROCESS, BEGUN, RUNS, WAITS, SAID };
#define IN(standing) (1u << (standing))

struct request {
	uint64_t action;
	enum life_event_kind kind;
	uint32_t spawns;   /* processes begun before it was accepted */
	uint32_t version;  /* of the description */
	bool open;
};

struct world {
	struct mem *mem;
	struct life *l;
	uint64_t now;
	struct life_config config;
	/* the disk */
	struct {
		enum standing standing;
		bool erase, there, files;
		uint32_t version;  /* of the description */
	} disk;
	bool unsure;               /* the last save failed */
	/* under way */
	bool saving, saving_erase, erasing, dropping;
	enum standing saving_standing;
	uint32_t saving_version;
	uint32_t version;          /* of the description, as the server holds it */
	uint32_t next_version;     /* what the next save writes */
	/* the process */
	enum process process;
	bool told, killed, owned;
	bool renewed;              /* a restart was accepted while it ran, or a replacement saved */
	uint64_t kill_at;          /* once it was told, or said that it ends */
	enum life_ended said;
	uint32_t spawns, runs_version;
	/* askers */
	struct request asked[2];
	uint64_t actions;
	uint32_t versions;
	bool shutdown;
	bool erase_due;            /* as was saved for sure, like: */
	enum standing known;
	bool spared;               /* a cancel was told that nothing was done */
	/* what the job may be found to be, however it goes on */
	unsigned may;
	/* how it came to this */
	uint64_t seed;
	unsigned char path[256];
	unsigned n_path;
	unsigned answered, accepted, refused, crashes, spawned; /* counts */
};

#define PATH_TEXT 4096

static const char *path_text(const struct world *w, char to[PATH_TEXT])
{
	size_t n = 0;
	to[0] = '\0';
	for (unsigned i = 0; i < w->n_path && i < sizeof w->path && n < PATH_TEXT - 40; i++)
		n += (size_t)snprintf(to + n, PATH_TEXT - n, " %s", choice_names[w->path[i]]);
	return to;
}

/* For a CHECK of the life's own that fails: it aborts, and says nothing of the way there. */
static const struct world *stepping;

static void on_abort(int signal)
{
	char path[PATH_TEXT];
	if (stepping)
		printf("seed %llu, after:%s\n", (unsigned long long)stepping->seed,
		       path_text(stepping, path));
	fflush(stdout);
	(void)signal;
}

static void world_fail(struct world *w, const char *file, int line, const char *what)
{
	char path[PATH_TEXT];
	fail_msg("%s:%d: seed %llu: %s\n  state %s, disk %s, process %d, after:%s", file, line,
		 (unsigned long long)w->seed, what, life_state_name(life_state(w->l)),
		 standing_name(w->disk.standing), w->process, path_text(w, path));
}

#define HOLDS(w, cond) ((cond) ? (void)0 : world_fail((w), __FILE__, __LINE__, #cond))

/* ---- what a life asks for ---- */

static void checks_success(struct world *w, const struct request *r)
{
	HOLDS(w, !w->unsure);
	switch (r->kind) {
	case LIFE_EV_STOP:
		HOLDS(w, !w->process && w->disk.standing == STANDING_STOPPED);
		w->may &= IN(STANDING_STOPPED) | IN(STANDING_FINISHED);
		break;
	case LIFE_EV_CANCEL:
		HOLDS(w, !w->process && w->disk.standing == STANDING_CANCELLED && !w->disk.erase);
		HOLDS(w, !w->config.cancel_deletes || !w->disk.files);
		w->may = IN(STANDING_CANCELLED);
		break;
	case LIFE_EV_RESTART:
	case LIFE_EV_REPLACE:
		HOLDS(w, w->process == RUNS && w->spawns > r->spawns);
		HOLDS(w, w->disk.standing == STANDING_RUNNING);
		HOLDS(w, r->kind == LIFE_EV_RESTART || w->runs_version == r->version);
		w->may = IN(STANDING_RUNNING);
		break;
	default:
		HOLDS(w, !w->disk.there && !w->disk.files && life_state(w->l) == LIFE_REMOVED);
		w->may = 0;
	}
}

static void performs_answer(struct world *w, const struct life_do *d)
{
	struct request *r = NULL;
	for (unsigned i = 0; i < 2; i++) {
		if (w->asked[i].open && w->asked[i].action == d->action)
			r = &w->asked[i];
	}
	HOLDS(w, r); /* inv 4 */
	r->open = false;
	w->answered++;
	if (d->error.code == OK) {
		checks_success(w, r); /* inv 2 */
	} else {
		HOLDS(w, d->error.text[0]);
		if (r->kind == LIFE_EV_REPLACE && w->next_version == r->version && !w->saving)
			w->next_version = w->version; /* as if it had never come */
		if (r->kind == LIFE_EV_CANCEL && w->unsure && !w->erase_due)
			w->spared = true;
	}
}

static void performs(struct world *w, const struct life_do *d)
{
	switch (d->kind) {
	case LIFE_SAVE:
		HOLDS(w, !w->saving && !w->erasing && !w->dropping); /* inv 5 */
		HOLDS(w, (w->may & IN(d->standing)) != 0);
		HOLDS(w, !d->erase || d->standing == STANDING_CANCELLED);
		HOLDS(w, (d->standing == STANDING_FAILED) <= (d->error.code != OK));
		w->saving = true;
		w->saving_standing = d->standing;
		w->saving_erase = d->erase;
		w->saving_version = w->next_version;
		break;
	case LIFE_SPAWN:
		HOLDS(w, !w->process && !w->shutdown); /* inv 1 */
		HOLDS(w, w->disk.standing == STANDING_RUNNING && !w->unsure && !w->saving);
		HOLDS(w, !w->erasing && !w->dropping && w->disk.there);
		w->process = BEGUN;
		w->told = w->killed = w->owned = w->renewed = false;
		w->kill_at = UINT64_MAX;
		w->runs_version = w->disk.version;
		w->spawns++;
		w->spawned++;
		break;
	case LIFE_TELL_STOP:
		HOLDS(w, w->process && !w->told && !w->killed);
		HOLDS(w, w->shutdown || w->renewed || w->known == STANDING_STOPPED);
		w->told = true;
		w->kill_at = w->now + 2 * w->config.stop_us + 5000000;
		break;
	case LIFE_KILL:
		HOLDS(w, w->process && !w->killed);
		HOLDS(w, w->now >= w->kill_at ||
			 (w->disk.standing == STANDING_CANCELLED && !w->unsure && !w->saving));
		w->killed = true;
		break;
	case LIFE_ERASE:
		HOLDS(w, !w->process && !w->erasing && !w->dropping && !w->saving);
		HOLDS(w, d->removing ? w->disk.standing == STANDING_REMOVED :
			 w->disk.standing == STANDING_CANCELLED && w->disk.erase && !w->spared);
		w->erasing = true;
		break;
	case LIFE_DROP:
		HOLDS(w, !w->process && !w->erasing && !w->dropping && !w->saving);
		HOLDS(w, w->disk.standing == STANDING_REMOVED && !w->disk.files);
		w->dropping = true;
		break;
	case LIFE_ANSWER:
		performs_answer(w, d);
		break;
	case LIFE_TELL:
		break;
	}
}

static unsigned standings_of(enum life_state s)
{
	static const unsigned in[] = {
		[LIFE_STARTING] = IN(STANDING_RUNNING), [LIFE_RUNNING] = IN(STANDING_RUNNING),
		[LIFE_WAITING] = IN(STANDING_RUNNING),
		[LIFE_STOPPING] = IN(STANDING_STOPPED) | IN(STANDING_RUNNING),
		[LIFE_STOPPED] = IN(STANDING_STOPPED), [LIFE_CANCELLING] = IN(STANDING_CANCELLED),
		[LIFE_CANCELLED] = IN(STANDING_CANCELLED), [LIFE_FINISHED] = IN(STANDING_FINISHED),
		[LIFE_FAILED] = IN(STANDING_FAILED), [LIFE_REMOVING] = IN(STANDING_REMOVED),
		[LIFE_REMOVED] = 0};
	return in[s];
}

/* What is shown agrees with what is there. */
static void world_check(struct world *w)
{
	enum life_state s = life_state(w->l);
	HOLDS(w, life_has_process(w->l) == (w->process != NO_PROCESS));
	HOLDS(w, !life_is_final(s) || !w->process);
	HOLDS(w, s != LIFE_RUNNING || w->process == RUNS || w->process == SAID);
	HOLDS(w, s == LIFE_REMOVED ? !w->disk.there : w->disk.there);
	HOLDS(w, life_wake_at(w->l) > w->now);
	if (w->shutdown && s == LIFE_STOPPED)
		return; /* RUNNING for the next server */
	HOLDS(w, s == LIFE_REMOVED || (standings_of(s) & w->may));
	/* Nobody waits, the disk is sure and the process has said nothing new: what is there is what
	 * the job is. */
	if (!w->asked[0].open && !w->asked[1].open && !w->saving && !w->unsure &&
	    w->process != SAID && (standings_of(s) & IN(w->disk.standing))) {
		HOLDS(w, (w->may & IN(w->disk.standing)) != 0);
		w->may = IN(w->disk.standing);
	}
}

static void world_perform(struct world *w)
{
	struct life_do d;
	while (life_next(w->l, &d))
		performs(w, &d);
	world_check(w);
}

/* ---- what happens ---- */

static bool asks(struct world *w, enum life_event_kind kind, enum standing target)
{
	struct err e = {0};
	struct life_event ev = {.kind = kind, .action = ++w->actions};
	enum rc rc = life_event(w->l, w->now, &ev, &e);
	if (rc != OK) {
		HOLDS(w, rc == (w->disk.there ? E_REFUSED : E_NOT_FOUND) && e.text[0]);
		w->refused++;
		world_perform(w);
		return false;
	}
	struct request *r = &w->asked[w->asked[0].open];
	HOLDS(w, !r->open); /* one, and perhaps one that it overrides */
	*r = (struct request){.action = ev.action, .kind = kind, .spawns = w->spawns, .open = true};
	w->renewed |= kind == LIFE_EV_RESTART;
	w->spared &= kind != LIFE_EV_CANCEL;
	if (kind == LIFE_EV_REPLACE)
		r->version = w->next_version = ++w->versions;
	w->may |= IN(target);
	w->accepted++;
	world_perform(w);
	return true;
}

static void tells(struct world *w, const struct life_event *ev)
{
	struct err e = {0};
	enum rc rc = life_event(w->l, w->now, ev, &e);
	HOLDS(w, rc == OK);
	world_perform(w);
}

static void disk_takes_save(struct world *w)
{
	w->disk.standing = w->saving_standing;
	w->disk.erase = w->saving_erase;
	w->disk.version = w->saving_version;
}

static void saves(struct world *w, bool ok, bool stands)
{
	static const struct err full = {.code = E_NO_SPACE, .text = "disk full"};
	w->saving = false;
	w->unsure = !ok;
	if (stands)
		disk_takes_save(w);
	if (ok) {
		w->erase_due = w->saving_erase;
		w->known = w->saving_standing;
		w->renewed |= w->saving_version != w->version;
		w->version = w->saving_version;
	} else if (w->next_version == w->saving_version) {
		w->next_version = w->version;
	}
	tells(w, &(struct life_event){.kind = ok ? LIFE_EV_SAVED : LIFE_EV_SAVE_FAILED,
				      .error = ok ? NULL : &full});
}

static void erases(struct world *w, bool ok)
{
	static const struct err busy = {.code = E_REFUSED, .text = "owner.lock is held"};
	if (ok && w->erasing)
		w->disk.files = false;
	if (ok && w->dropping)
		w->disk.there = false;
	w->erasing = w->dropping = false;
	tells(w, &(struct life_event){.kind = ok ? LIFE_EV_ERASED : LIFE_EV_ERASE_FAILED,
				      .error = ok ? NULL : &busy});
}

static const struct err transient = {.code = E_IO, .text = "source: connection lost"};
static const struct err users = {.code = E_INVALID, .text = "source: no such file"};

/* What its end allows the job to become, besides what was asked. */
static void may_fail(struct world *w, const struct err *e, bool gave_up)
{
	if (e == &users || gave_up || w->config.restart.attempts != RESTART_UNLIMITED)
		w->may |= IN(STANDING_FAILED);
}

static void process_up(struct world *w)
{
	w->process = RUNS;
	w->owned = true;
	w->disk.files = true;
	tells(w, &(struct life_event){.kind = LIFE_EV_UP});
}

static void process_says(struct world *w, enum life_ended how, bool unsaved, const struct err *e)
{
	w->process = SAID;
	w->said = how;
	if (!w->told)
		w->kill_at = w->now + 2 * w->config.stop_us + 5000000;
	if (how == LIFE_ENDED_FINISHED)
		w->may |= IN(STANDING_FINISHED);
	if (how == LIFE_ENDED_FAILED)
		may_fail(w, e, w->owned);
	tells(w, &(struct life_event){.kind = LIFE_EV_ENDED, .ended = how, .unsaved_stop = unsaved,
				      .error = e});
}

static void process_gone(struct world *w)
{
	if (w->process != SAID || w->said == LIFE_ENDED_STOPPED)
		may_fail(w, &transient, false);
	w->process = NO_PROCESS;
	tells(w, &(struct life_event){.kind = LIFE_EV_GONE, .signal = 9, .random = w->now});
}

static void spawn_fails(struct world *w, const struct err *e)
{
	may_fail(w, e, false);
	w->process = NO_PROCESS;
	tells(w, &(struct life_event){.kind = LIFE_EV_SPAWN_FAILED, .error = e, .random = w->now});
}

static void world_opens_life(struct world *w)
{
	struct err e = {0};
	static const struct err why = {.code = E_IO, .text = "it failed then"};
	bool failed = w->disk.standing == STANDING_FAILED;
	EXPECT_OK(life_open(&w->l, "j", w->disk.standing, w->disk.erase, failed ? &why : NULL, w->mem,
			    &e), &e);
	life_configure(w->l, &w->config);
	world_perform(w);
}

/* kill -9 of the server: its processes end with it, its askers never hear, the disk has what it
 * has. inv 3: what was saved is what goes on. */
static void world_crashes(struct world *w, bool under_way_stands)
{
	life_close(w->l);
	w->l = NULL;
	if (w->saving && under_way_stands)
		disk_takes_save(w);
	if (w->erasing && under_way_stands)
		w->disk.files = false;
	w->saving = w->erasing = w->dropping = w->unsure = w->shutdown = w->spared = false;
	w->process = NO_PROCESS;
	w->asked[0].open = w->asked[1].open = false;
	w->version = w->next_version = w->disk.version;
	w->erase_due = w->disk.erase;
	w->known = w->disk.standing;
	w->crashes++;
	/* Whoever finds it now finds this, and nothing else can come of it by itself. */
	if (!(w->may & IN(w->disk.standing)))
		fail_msg("seed %llu: found %s after a crash", (unsigned long long)w->seed,
			 standing_name(w->disk.standing));
	w->may = IN(w->disk.standing);
	world_opens_life(w);
}

static bool choice_is_possible(const struct world *w, enum choice c)
{
	bool alive = w->process != NO_PROCESS, over = life_state(w->l) == LIFE_REMOVED;
	switch (c) {
	case CHOICE_SAVED:
	case CHOICE_SAVE_FAILED:
	case CHOICE_SAVE_FAILED_YET_STANDS:
		return w->saving;
	case CHOICE_ERASED:
	case CHOICE_ERASE_FAILED:
		return w->erasing || w->dropping;
	case CHOICE_SPAWN_FAILED:
	case CHOICE_SPAWN_INVALID:
		return w->process == BEGUN;
	case CHOICE_UP:
		return w->process == BEGUN || w->process == WAITS;
	case CHOICE_ATTEMPT_FAILED:
		return w->process == RUNS;
	case CHOICE_SAYS_FINISHED:
	case CHOICE_SAYS_STOPPED:
	case CHOICE_SAYS_UNSAVED:
	case CHOICE_SAYS_FAILED:
	case CHOICE_SAYS_INVALID:
		return alive && w->process != SAID;
	case CHOICE_GONE:
		return alive;
	case CHOICE_TIME:
		return life_wake_at(w->l) != UINT64_MAX;
	case CHOICE_SHUTDOWN:
		return !w->shutdown && !over;
	case CHOICE_CRASH:
		return !over;
	case CHOICE_CRASH_YET_STANDS:
		return w->saving || w->erasing;
	default:
		return true;
	}
}

static void world_step(struct world *w, enum choice c)
{
	if (w->n_path < sizeof w->path)
		w->path[w->n_path++] = (unsigned char)c;
	w->now++;
	stepping = w;
	switch (c) {
	case CHOICE_STOP:
		asks(w, LIFE_EV_STOP, STANDING_STOPPED);
		break;
	case CHOICE_CANCEL:
		asks(w, LIFE_EV_CANCEL, STANDING_CANCELLED);
		break;
	case CHOICE_RESTART:
		asks(w, LIFE_EV_RESTART, STANDING_RUNNING);
		break;
	case CHOICE_REPLACE:
		asks(w, LIFE_EV_REPLACE, STANDING_RUNNING);
		break;
	case CHOICE_REMOVE:
		asks(w, LIFE_EV_REMOVE, STANDING_REMOVED);
		break;
	case CHOICE_SAVED:
		saves(w, true, true);
		break;
	case CHOICE_SAVE_FAILED:
		saves(w, false, false);
		break;
	case CHOICE_SAVE_FAILED_YET_STANDS:
		saves(w, false, true);
		break;
	case CHOICE_ERASED:
		erases(w, true);
		break;
	case CHOICE_ERASE_FAILED:
		erases(w, false);
		break;
	case CHOICE_SPAWN_FAILED:
		spawn_fails(w, &transient);
		break;
	case CHOICE_SPAWN_INVALID:
		spawn_fails(w, &users);
		break;
	case CHOICE_UP:
		process_up(w);
		break;
	case CHOICE_ATTEMPT_FAILED:
		w->process = WAITS;
		tells(w, &(struct life_event){.kind = LIFE_EV_FAILED, .error = &transient,
					      .after_us = 1000});
		break;
	case CHOICE_SAYS_FINISHED:
		process_says(w, LIFE_ENDED_FINISHED, false, NULL);
		break;
	case CHOICE_SAYS_STOPPED:
		process_says(w, LIFE_ENDED_STOPPED, false, NULL);
		break;
	case CHOICE_SAYS_UNSAVED:
		process_says(w, LIFE_ENDED_STOPPED, true, &transient);
		break;
	case CHOICE_SAYS_FAILED:
		process_says(w, LIFE_ENDED_FAILED, false, &transient);
		break;
	case CHOICE_SAYS_INVALID:
		process_says(w, LIFE_ENDED_FAILED, false, &users);
		break;
	case CHOICE_GONE:
		process_gone(w);
		break;
	case CHOICE_TIME:
		w->now = life_wake_at(w->l);
		tells(w, &(struct life_event){.kind = LIFE_EV_TICK});
		break;
	case CHOICE_SHUTDOWN:
		w->shutdown = true;
		tells(w, &(struct life_event){.kind = LIFE_EV_SHUTDOWN});
		break;
	case CHOICE_CRASH:
	case CHOICE_CRASH_YET_STANDS:
		world_crashes(w, c == CHOICE_CRASH_YET_STANDS);
		break;
	case N_CHOICES:
		break;
	}
}

static void world_open(struct world *w, struct mem *mem, enum standing standing, bool erase,
		       bool deletes, uint32_t attempts)
{
	memset(w, 0, sizeof *w);
	signal(SIGABRT, on_abort);
	w->mem = mem;
	w->now = 1000000000;
	w->config = (struct life_config){.restart = restart_default, .stop_us = 1000000,
					 .cancel_deletes = deletes};
	w->config.restart.attempts = attempts;
	w->disk.standing = w->known = standing;
	w->disk.erase = w->erase_due = erase;
	w->disk.there = w->disk.files = true;
	w->may = IN(standing);
	world_opens_life(w);
}

static void world_close(struct world *w)
{
	life_close(w->l);
	w->l = NULL;
}
