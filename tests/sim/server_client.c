/* server_client.c - see server_client.h. */
#include "tests/sim/server_client.h"

#include "base/check.h"

#define INPUT_SEED 41

/* ---- facts ---- */

static struct fact after(struct fact f, const struct step *s)
{
	switch (s->verb) {
	case SUBMIT:
	case REPLACE:
		return (struct fact){true, STANDING_RUNNING, s->what, 0};
	case STOP:
		f.standing = STANDING_STOPPED;
		break;
	case CANCEL:
		f.standing = STANDING_CANCELLED;
		break;
	case RESCALE:
		f.parallelism = 3;
		f.standing = STANDING_RUNNING;
		break;
	case RESTART:
		f.standing = STANDING_RUNNING;
		break;
	case REMOVE:
		return (struct fact){.there = false};
	default:
		break;
	}
	return f;
}

struct fact fact_in_the_end(struct fact f)
{
	if (f.there && f.standing == STANDING_RUNNING)
		f.standing = f.what == WRONG ? STANDING_FAILED : STANDING_FINISHED;
	return f;
}

bool fact_is_same(struct fact a, struct fact b)
{
	return a.there == b.there && (!a.there || (a.standing == b.standing && a.what == b.what &&
						   a.parallelism == b.parallelism));
}

/* ---- asking ---- */

static void describe(struct client *f, enum description d, const char *from, const char *to)
{
	const char *at = strstr(f->s.job, from);
	CHECK(at);
	snprintf(f->job[d], sizeof f->job[d], "%.*s%s%s", (int)(at - f->s.job), f->s.job, to,
		 at + strlen(from));
}

static const char *out_of(enum description d)
{
	return d == OTHER_SINK ? "out2" : "out";
}

static void ask(struct client *f, const struct step *s)
{
	static const char *const verbs[] = {[STOP] = "stop", [CANCEL] = "cancel",
					    [RESTART] = "restart", [RESCALE] = "rescale",
					    [REMOVE] = "remove"};
	f->r = (struct http_request){.method = "POST"};
	f->maybe = after(f->acked, s);
	snprintf(f->r.path, sizeof f->r.path, "/v1/jobs");
	if (s->verb == SUBMIT || s->verb == REPLACE) {
		f->r.body = f->job[s->what];
		f->r.key[0] = "file";
		f->r.value[0] = "/job.json";
		if (s->verb == REPLACE) {
			f->r.key[1] = "replace";
			f->r.value[1] = "1";
		}
	} else {
		f->r.streams = true;
		snprintf(f->r.path, sizeof f->r.path, "/v1/jobs/" SERVER_JOB "/%s", verbs[s->verb]);
	}
	if (s->verb == RESCALE) {
		f->r.key[0] = "parallelism";
		f->r.value[0] = "3";
	}
	server_world_ask(&f->sw, &f->r);
}

/* An error may be told of what is done all the same: then the next try is refused so. */
static bool is_done_already(const struct client *f, const struct step *s)
{
	return f->tries && s->verb == REMOVE && f->r.rc == E_NOT_FOUND;
}

/* True: the answer was good. */
static bool heard(struct client *f, const struct step *s)
{
	f->r.asked = false;
	if (f->r.rc == OK || is_done_already(f, s)) {
		f->acked = f->maybe;
		f->tries = 0;
		return true;
	}
	f->errors++;
	bool overtaken = f->retries && !f->settles && strstr(f->r.text, " is FINISHED");
	if (overtaken) /* it ended before it could be asked again */
		f->acked.standing = STANDING_FINISHED;
	f->overtaken |= overtaken;
	if (overtaken || f->gives_up) {
		f->both = overtaken || !strstr(f->r.text, "nothing was done");
		f->gave_up = !overtaken;
		while (f->step[1].verb != END)
			f->step++;
		f->tries = 0;
		return true;
	}
	if (!f->retries)
		world_fail(&f->sw.w, "verb %d was answered with %u: %s", s->verb, f->r.status, f->r.text);
	if (++f->tries > 8)
		world_fail(&f->sw.w, "verb %d, tried again and again: %s", s->verb, f->r.text);
	f->wait = 20;
	return false;
}

/* Asks until it is done: then true. */
static bool do_ask(struct client *f, const struct step *s, bool *did)
{
	*did = true;
	if (f->r.asked && f->r.over)
		return heard(f, s);
	*did = !f->r.asked;
	if (f->wait) {
		f->wait--;
		return false;
	}
	if (!f->r.asked)
		ask(f, s);
	return false;
}

static bool is_flowing(const struct client *f)
{
	const struct job *j = f->sw.w.job;
	return f->sw.child && j && job_state(j) == JOB_RUNNING && job_completed(j) >= 2;
}

/* ---- what stands on the disk ---- */

void client_expect_names(struct client *f, const char *folder, const char *one, const char *two)
{
	struct fs_names l;
	struct err e = {0};
	char path[64];
	snprintf(path, sizeof path, SERVER_DATA "/%s", folder);
	if (fs_list(f->sw.w.fs, path, &l, &e) != OK)
		world_fail(&f->sw.w, "%s", e.text);
	size_t n = one ? 2 : 1;
	for (size_t i = 0; i < l.n; i++)
		if (l.n != n || strcmp(l.name[i], i + 1 == n ? two : one))
			world_fail(&f->sw.w, "%s has %zu names, one of them '%s'; %zu wanted", path, l.n,
				   l.name[i], n);
	if (l.n != n)
		world_fail(&f->sw.w, "%s has %zu names; %zu wanted", path, l.n, n);
	fs_names_close(&l);
}

static void read_entry(struct client *f, const char *name, struct fact *to)
{
	char path[256];
	uint8_t *data;
	size_t len;
	struct entry en;
	struct err e = {0};
	snprintf(path, sizeof path, SERVER_DATA "/catalogue/%s", name);
	if (fs_read_all(f->sw.w.fs, path, ENTRY_TEXT_MAX, &data, &len, &e) != OK ||
	    entry_decode(&en, data, len, &f->sw.words, &e) != OK)
		world_fail(&f->sw.w, "%s", e.text);
	mem_put(&f->sw.w.mem, data);
	*to = (struct fact){true, en.standing, 0, en.parallelism};
	while (to->what < DESCRIPTIONS && strcmp(f->job[to->what], en.job))
		to->what++;
	WORLD_CHECK(&f->sw.w, to->what < DESCRIPTIONS && !en.erase);
	entry_close(&en);
}

struct fact client_look(struct client *f)
{
	struct fs_names l;
	struct err e = {0};
	struct fact found = {.there = false};
	unsigned bystanders = 0;
	if (fs_list(f->sw.w.fs, SERVER_DATA "/catalogue", &l, &e) != OK)
		world_fail(&f->sw.w, "%s", e.text);
	for (size_t i = 0; i < l.n; i++) {
		if (!strncmp(l.name[i], SERVER_JOB ".", strlen(SERVER_JOB) + 1) && !found.there)
			read_entry(f, l.name[i], &found);
		else if (!strncmp(l.name[i], CLIENT_BYSTANDER ".", strlen(CLIENT_BYSTANDER) + 1))
			WORLD_CHECK(&f->sw.w, !bystanders++);
		else
			world_fail(&f->sw.w, "catalogue/%s is left over", l.name[i]);
	}
	fs_names_close(&l);
	WORLD_CHECK(&f->sw.w, bystanders == 1);
	return found;
}

/* At any time: each word's updates are 1, 2, 3 ... */
static void check_outputs(struct client *f)
{
	static const enum description with[] = {PLAIN, OTHER_SINK};
	for (size_t i = 0; i < ARRAY_LEN(with); i++) {
		f->sw.w.out = out_of(with[i]);
		scenario_check_now(&f->s, &f->sw.w);
	}
}

/* One that a stop found at its end has finished: only where a fault held the stop up. */
static struct fact if_finished(const struct client *f)
{
	struct fact fact = f->acked;
	if (f->retries && fact.standing == STANDING_STOPPED)
		fact.standing = STANDING_FINISHED;
	return fact;
}

static void check_found(struct client *f, struct fact found)
{
	bool deleted = found.standing == STANDING_CANCELLED && found.what == CANCEL_DELETES;
	if (!fact_is_same(found, fact_in_the_end(f->acked)) &&
	    !fact_is_same(found, fact_in_the_end(f->maybe)) && !fact_is_same(found, if_finished(f)))
		world_fail(&f->sw.w, "found: %s %s, description %d, parallelism %u; acknowledged: %s %s; "
			   "or perhaps: %s %s", found.there ? "there" : "gone",
			   standing_name(found.standing), found.what, found.parallelism,
			   f->acked.there ? "there" : "gone", standing_name(f->acked.standing),
			   f->maybe.there ? "there" : "gone", standing_name(f->maybe.standing));
	check_outputs(f);
	f->sw.w.out = out_of(found.what);
	if (found.there && found.standing == STANDING_FINISHED)
		scenario_check_end(&f->s, &f->sw.w);
	if (!found.there) {
		client_expect_names(f, "jobs", NULL, CLIENT_BYSTANDER);
		client_expect_names(f, "logs", NULL, CLIENT_BYSTANDER ".log");
	} else if (deleted) {
		client_expect_names(f, "jobs", NULL, CLIENT_BYSTANDER);
	}
}

/* ---- following a script ---- */

/* An error was told, and all is quiet since: what stands now stands for good. Only a submission
 * that failed may still come true: nobody is left to write its catalogue again. */
static void hold_to_it(struct client *f)
{
	struct fact found = client_look(f);
	if (!f->both)
		f->maybe = f->acked;
	check_found(f, found);
	f->both = !found.there && f->both;
	f->acked = found;
}

/* The next step; whether something was done. */
static bool follow_script(struct client *f, bool idle)
{
	const struct step *s = f->step;
	bool did = false, over = false;
	switch (s->verb) {
	case END:
		did = !f->termed && (!f->gave_up || (idle && server_world_is_quiet(&f->sw)));
		if (did && f->gave_up)
			hold_to_it(f);
		f->termed |= did;
		if (did)
			server_world_term(&f->sw);
		return did;
	case FLOWS:
		/* Where something fails it may have ended before. */
		over = is_flowing(f) ||
		       ((f->retries || f->gives_up) && idle && server_world_is_quiet(&f->sw));
		break;
	case ENDS:
		over = idle && server_world_is_quiet(&f->sw);
		if (over)
			f->acked = fact_in_the_end(f->acked);
		break;
	case KILL:
		over = true;
		server_world_kill(&f->sw);
		break;
	default:
		over = do_ask(f, s, &did);
	}
	f->step += over;
	return over || did;
}

/* ---- after a crash ---- */

static const struct step to_restart = {RESTART}, to_remove = {REMOVE};

/* Whenever all is quiet: what is there must be one of what may be, and goes on to its end. */
static bool settle(struct client *f, bool idle)
{
	bool did;
	if (f->r.asked || f->wait) {
		do_ask(f, f->step, &did);
		return did;
	}
	if (!idle || f->termed || !server_world_is_quiet(&f->sw))
		return false;
	if (!f->looked)
		f->quiet_at = fs_sim_count(f->sw.w.disk);
	f->looked = true;
	struct fact found = client_look(f);
	check_found(f, found);
	f->acked = f->maybe = found; /* from here on it is known */
	if (!found.there) {
		f->termed = true;
		server_world_term(&f->sw);
		return true;
	}
	bool rests = found.standing == STANDING_STOPPED ||
		     (found.standing == STANDING_CANCELLED && found.what != CANCEL_DELETES);
	WORLD_CHECK(&f->sw.w, !rests || !f->restarted);
	f->step = rests ? &to_restart : &to_remove;
	f->restarted |= rests;
	ask(f, f->step);
	return true;
}

static bool on_client(struct server_world *sw, bool idle)
{
	struct client *f = sw->arg;
	return f->settles ? settle(f, idle) : follow_script(f, idle);
}

/* ---- worlds ---- */

static void put_bystander(struct client *f)
{
	struct catalogue *c;
	struct err e = {0};
	uint64_t version = 0;
	struct entry en = {.name = CLIENT_BYSTANDER, .standing = STANDING_STOPPED, .job = f->s.job,
			   .job_len = strlen(f->s.job)};
	if (catalogue_open(&c, &f->sw.env, SERVER_DATA, 1, NULL, NULL, &e) != OK ||
	    catalogue_put(c, &en, &version, &e) != OK)
		world_fail(&f->sw.w, "%s", e.text);
	catalogue_close(c);
	world_file(&f->sw.w, SERVER_DATA "/jobs/" CLIENT_BYSTANDER "/owner.lock", "x");
	world_file(&f->sw.w, SERVER_DATA "/logs/" CLIENT_BYSTANDER ".log", "x");
}

void client_open(struct client *f, const struct step *steps, const char *name, uint64_t seed)
{
	struct rng r;
	memset(f, 0, sizeof *f);
	rng_seed(&r, INPUT_SEED);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      /* Slow enough for two checkpoints in each run. */
		      (struct scenario_size){.lines = 9, .lines_a_second = 150});
	describe(f, PLAIN, "10ms", "10ms");
	describe(f, OTHER_INTERVAL, "10ms", "12ms");
	describe(f, OTHER_SINK, "\"out\",\"format", "\"out2\",\"format");
	describe(f, CANCEL_DELETES, "\"retain\":2", "\"retain\":2,\"on_cancel\":\"delete\"");
	describe(f, WRONG, "\"value\":\"1\"", "\"value\":\"cast(word as bigint)\"");
	server_world_open(&f->sw, seed, f->s.job);
	f->sw.client = on_client;
	f->sw.arg = f;
	f->step = steps;
	snprintf(f->sw.context, sizeof f->sw.context, "%s", name);
	scenario_files(&f->s, &f->sw.w);
	put_bystander(f);
}

void client_close(struct client *f)
{
	server_world_close(&f->sw);
	scenario_close(&f->s);
}

void client_settle(struct client *f, bool first)
{
	if (first && !f->r.asked && !f->both)
		f->maybe = f->acked;
	check_outputs(f);
	f->r = (struct http_request){0};
	f->settles = true;
	f->termed = f->restarted = f->looked = false;
	f->tries = f->wait = 0;
}
