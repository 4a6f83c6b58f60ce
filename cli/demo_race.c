/* demo_race.c - three counters of the same text side by side, killed by the same kills. See demo.h.
 *
 *   (c) weir         --checkpoint--checkpoint--X  --checkpoint--...   goes on from its checkpoint
 *   (a) weir --fresh --------------------------X  from the beginning
 *   (b) lossy        --position----position----X  from its position, with no counts
 *
 * A kill comes when (c) has counted words since its newest checkpoint: otherwise nothing would be
 * gone, and the kill would prove nothing. */
#include "cli/demo.h"

#include "checkpoint/listing.h"

#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY_EVERY_US 1200000
#define KILL_AFTER_US 50000      /* since a checkpoint: half an interval's words are in memory */
#define KILLS_TRIED 16           /* as many as struct demo keeps */
#define PATIENCE_US 120000000ull /* then something is wrong */

static uint64_t now_us(const struct demo *d)
{
	return clock_mono_us(d->env->clock);
}

static void say(struct demo *d)
{
	if (!d->json)
		fprintf(d->paint->to, "%5.1f s  ", (double)(now_us(d) - d->began_us) / 1e6);
	d->said_us = now_us(d);
}

/* ---- what a checkpoint holds ---- */

static RC rows_of(struct demo *d, const char *path, uint64_t *rows, struct err *e)
{
	uint8_t *data;
	size_t len;
	if (fs_read_all(d->env->fs, path, (size_t)1 << 31, &data, &len, e) != OK)
		return e->code;
	for (size_t i = 0; i < len; i++)
		*rows += data[i] == '\n';
	*rows -= *rows > 0; /* the header */
	mem_put(d->env->mem, data);
	return OK;
}

static RC rows_committed(struct demo *d, uint64_t *rows, struct err *e)
{
	struct fs_names names;
	struct fs_stat st;
	struct err why = {0};
	if (fs_stat(d->env->fs, DEMO_DIR "/counts", &st, &why) == E_NOT_FOUND)
		return OK;
	if (fs_list(d->env->fs, DEMO_DIR "/counts", &names, e) != OK)
		return e->code;
	enum rc rc = OK;
	for (size_t i = 0; i < names.n && rc == OK; i++) {
		char path[512];
		uint64_t n = 0;
		if (strncmp(names.name[i], "part-", 5))
			continue;
		snprintf(path, sizeof path, DEMO_DIR "/counts/%s", names.name[i]);
		rc = rows_of(d, path, &n, e);
		*rows += n;
	}
	fs_names_close(&names);
	return rc;
}

/* A row is a counted word. What the newest checkpoint holds is what was committed, and what it says
 * is to be committed: the start after a kill does that. */
static RC words_in_checkpoint(struct demo *d, uint64_t *rows, uint64_t *id, struct err *e)
{
	struct slot_entries l;
	*rows = *id = 0;
	if (rows_committed(d, rows, e) != OK)
		return e->code;
	if (slots_read_kept(slots_in(d->env->fs, DEMO_DIR "/state"), d->env->mem, 1, &l, e) != OK)
		return e->code;
	enum rc rc = OK;
	for (size_t i = 0; i < l.n && !*id; i++) {
		const struct manifest *m = &l.entry[i].m;
		if (l.entry[i].rc != OK || m->slot_kind != SLOT_CHECKPOINT)
			continue;
		*id = m->id;
		for (uint32_t k = 0; k < m->n_intents && rc == OK; k++) {
			struct fs_stat st;
			struct err why = {0};
			uint64_t n = 0;
			if (fs_stat(d->env->fs, m->intent[k].from, &st, &why) == OK)
				rc = rows_of(d, m->intent[k].from, &n, e);
			*rows += n;
		}
	}
	slot_entries_close(&l);
	return rc;
}

/* ---- starting and killing ---- */

static RC start_all(struct demo *d, struct err *e)
{
	static char *const weir[] = {"weir", "run", DEMO_DIR "/job.json", "--dir", DEMO_DIR "/state",
				     "--json", "--status-every", "10ms", NULL};
	static char *const fresh[] = {"weir", "run", DEMO_DIR "/control.json", "--dir",
				      DEMO_DIR "/control-state", "--fresh", NULL};
	demo_child_close(&d->weir);
	demo_child_init(&d->weir, d->env->mem);
	if (demo_child_weir(&d->weir, weir, true, NULL, e) != OK)
		return e->code;
	if (!d->fresh.pid && demo_child_weir(&d->fresh, fresh, false, DEMO_DIR "/control.csv", e) != OK)
		return e->code;
	if (!d->lossy.pid && demo_child_lossy(&d->lossy, &d->text, d->env, DEMO_DIR "/position",
					      DEMO_DIR "/lossy.txt", d->seconds, e) != OK)
		return e->code;
	d->starts++;
	return OK;
}

static RC kill_all(struct demo *d, struct err *e)
{
	char a[PAINT_TEXT], b[PAINT_TEXT], c[PAINT_TEXT];
	uint64_t rows, id;
	pid_t pid = d->weir.pid;
	demo_child_kill(&d->weir);
	demo_child_kill(&d->fresh);
	demo_child_kill(&d->lossy);
	demo_child_drain(&d->weir, d->env->clock);
	if (words_in_checkpoint(d, &rows, &id, e) != OK)
		return e->code;
	uint64_t counted = d->base + d->weir.counted;
	uint64_t gone = counted > rows ? counted - rows : 0;
	if (!d->json) {
		say(d);
		fprintf(d->paint->to,
			"%skill -9 %ld%s (SIGKILL): %s%s counted words are gone from memory%s "
			"(%s counted, %s in checkpoint %" PRIu64 "%s)\n",
			paint_on(d->paint, PAINT_RED), (long)pid, paint_off(d->paint),
			paint_on(d->paint, PAINT_BOLD), text_count(gone, a), paint_off(d->paint),
			text_count(counted, b), text_count(rows, c), id,
			gone ? "" : ": this kill does not count");
	}
	if (gone)
		d->gone[d->kills++] = gone;
	d->base = rows;
	return OK;
}

/* ---- watching ---- */

/* All of the first report, of later ones what differs most. */
static bool is_shown(const struct demo *d, const char *line)
{
	return d->kills <= 1 || *line != ' ' || !strncmp(line, " checkpoint", 11) ||
	       !strncmp(line, " sources", 8);
}

static void show_recovery(struct demo *d)
{
	for (const char *at = d->weir.recovery; *at;) {
		size_t n = strcspn(at, "\n");
		const char *colour = at == d->weir.recovery ? paint_on(d->paint, PAINT_GREEN) : "";
		if (!d->json && is_shown(d, at))
			fprintf(d->paint->to, "         %s%.*s%s\n", colour, (int)n, at,
				*colour ? paint_off(d->paint) : "");
		at += n + (at[n] == '\n');
	}
	fflush(d->paint->to);
}

static bool is_time_to_kill(const struct demo *d)
{
	const struct demo_child *w = &d->weir;
	uint64_t counted = d->base + w->counted;
	return d->kills < DEMO_KILLS && w->periodic && w->counted > w->counted_then &&
	       now_us(d) - w->checkpoint_us >= KILL_AFTER_US &&
	       counted * (DEMO_KILLS + 1) >= d->text.words * (d->kills + 1);
}

static RC died(const struct demo_child *c, const char *who, struct err *e)
{
	return ERR(e, E_IO, "the demo's %s ended with code %d%s%s", who,
		   WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 128 + WTERMSIG(c->status),
		   c->trouble[0] ? ": " : "", c->trouble);
}

/* Until it is time to kill, or it has ended in order. */
static RC watch(struct demo *d, bool *ended, struct err *e)
{
	char a[PAINT_TEXT];
	bool shown = false;
	*ended = false;
	for (;;) {
		bool open = demo_child_read(&d->weir, d->env->clock, 5);
		if (d->weir.recovered && !shown) {
			shown = true;
			show_recovery(d);
		}
		if (!open) {
			while (demo_child_lives(&d->weir))
				usleep(1000);
			*ended = true;
			return WIFEXITED(d->weir.status) && !WEXITSTATUS(d->weir.status)
				       ? OK
				       : died(&d->weir, "worker", e);
		}
		if (is_time_to_kill(d))
			return OK;
		if (!d->json && d->weir.counted && now_us(d) - d->said_us >= SAY_EVERY_US) {
			say(d);
			fprintf(d->paint->to, "%s words counted, newest checkpoint %" PRIu64 "\n",
				text_count(d->base + d->weir.counted, a), d->weir.checkpoint);
			fflush(d->paint->to);
		}
		if (now_us(d) - d->began_us > PATIENCE_US)
			return ERR(e, E_TIMEOUT, "the demo takes too long: %s words of %" PRIu64 " counted",
				   text_count(d->base + d->weir.counted, a), d->text.words);
	}
}

static RC wait_for(struct demo *d, struct demo_child *c, const char *who, struct err *e)
{
	while (demo_child_lives(c)) {
		if (now_us(d) - d->began_us > PATIENCE_US)
			return ERR(e, E_TIMEOUT, "the demo's %s does not end", who);
		usleep(5000);
	}
	if (!WIFEXITED(c->status) || WEXITSTATUS(c->status))
		return died(c, who, e);
	return OK;
}

RC demo_race(struct demo *d, struct err *e)
{
	bool ended = false;
	char a[PAINT_TEXT];
	d->began_us = d->said_us = now_us(d);
	while (!ended) {
		if (d->starts == KILLS_TRIED)
			return ERR(e, E_TIMEOUT, "no kill found the worker in the middle of its work");
		if (start_all(d, e) != OK || watch(d, &ended, e) != OK)
			return e->code;
		if (!ended && kill_all(d, e) != OK)
			return e->code;
	}
	if (d->kills < DEMO_KILLS)
		return ERR(e, E_TIMEOUT,
			   "the worker ended after %u of %d kills: checkpoints take too long here",
			   d->kills, DEMO_KILLS);
	if (!d->json) {
		say(d);
		fprintf(d->paint->to, "%sFINISHED%s: %s words counted, after %u kills and %u recoveries\n",
			paint_on(d->paint, PAINT_GREEN), paint_off(d->paint),
			text_count(d->base + d->weir.counted, a), d->kills, d->starts - 1);
		say(d);
		fprintf(d->paint->to,
			"the control experiment goes on: (a) began anew at the last kill\n");
		fflush(d->paint->to);
	}
	if (wait_for(d, &d->lossy, "lossy counter", e) != OK)
		return e->code;
	return wait_for(d, &d->fresh, "control", e);
}
