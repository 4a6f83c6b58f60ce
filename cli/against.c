/* against.c - see against.h.
 *
 *   word-count.json against checkpoint 26 of weir-data/word-count, taken 2 min ago
 *    lines  restored       28 B             words.txt from byte 81,402
 *    count  restored       61 kB, 5,204 keys
 *    old    dropped        1.2 kB, 30 keys
 *    more   started empty
 *   61 kB of 3 files are read, in about 4 ms */
#include "cli/against.h"

#include "base/check.h"
#include "base/json.h"
#include "checkpoint/slots.h"
#include "jobs/begin.h"
#include "jobs/evolve.h"
#include "jobs/job_text.h"
#include "jobs/restore_way.h"

#include <inttypes.h>

struct comparison {
	struct cli *cli;
	const struct plan *plan;
	const char *dir;
	const char *drops[ARGS_MAX];
	uint32_t n_drops;
	struct manifest m, kept;  /* the newest, and without what is dropped */
	struct evolution ev;
	struct begun begun;       /* empty where something does not fit */
	bool is_renamed;          /* the directory is another job's, by name */
	uint64_t bytes, estimate_us;
};

/* The checkpoint a start would go on from; one that was retired while we looked is looked for
 * again. */
static RC newest(struct comparison *x, struct err *e)
{
	struct env *env = x->cli->env;
	enum rc rc = E_NOT_FOUND;
	for (int tries = 0; tries < 8 && rc == E_NOT_FOUND; tries++) {
		struct slot_list l;
		err_clear(e);
		if (slots_list(slots_in(env->fs, x->dir), env->mem, &l, e) != OK)
			return e->code;
		uint64_t slot = l.n ? l.slot[l.n - 1] : SLOT_NONE;
		slot_list_close(&l);
		if (slot != SLOT_NONE) {
			rc = slots_read(slots_in(env->fs, x->dir), env->mem, slot, &x->m, e);
			slot = rc == OK && x->m.slot_kind == SLOT_FENCE ? x->m.parent : slot;
		}
		if (slot == SLOT_NONE) {
			manifest_close(&x->m);
			return ERR(e, E_NOT_FOUND, "'%s' has no checkpoint to compare with", x->dir);
		}
		if (rc == OK && x->m.slot_kind == SLOT_FENCE) {
			manifest_close(&x->m);
			rc = slots_read(slots_in(env->fs, x->dir), env->mem, slot, &x->m, e);
		}
	}
	return rc;
}

/* Another job's state is no fault: --restore begins from it, in a directory of one's own. */
static void look_at_name(struct comparison *x)
{
	struct fs *fs = x->cli->env->fs;
	char path[LAYOUT_PATH_MAX];
	uint8_t *text = NULL;
	size_t len = 0;
	struct err ignored = {0}; /* a text that is not there says nothing: the state decides */
	if (!layout_path(path, x->dir, NULL, "job.json") ||
	    fs_read_all(fs, path, JOB_TEXT_MAX, &text, &len, &ignored) != OK)
		text = NULL;
	x->is_renamed = begin_same_job(x->plan, (const char *)text, len, x->dir, &ignored) != OK;
	mem_put(fs->mem, text);
}

/* What sources and sinks say of it, as at a start: they look at their files. */
static RC ask_stages(struct comparison *x, struct err *e)
{
	char parts[LAYOUT_PATH_MAX];
	struct env *env = x->cli->env;
	if (!layout_path(parts, x->dir, NULL, LAYOUT_PARTS))
		return ERR(e, E_INVALID, "the path of '%s' is too long", x->dir);
	if (evolve_without(&x->kept, &x->m, x->drops, x->n_drops, env->mem, e) != OK)
		return e->code;
	if (begin_fits(x->plan, &x->kept, e) != OK)
		return e->code;
	struct begin_line line = {.uuid = x->m.uuid, .lineage = x->m.lineage, .accepts = x->m.accepts,
				  .n_accepts = x->m.n_accepts};
	return begin_stages(&x->begun, env, x->plan, &x->kept, parts, &line, e);
}

static const char *says_of(const struct comparison *x, const char *stage)
{
	for (uint32_t i = 0; i < x->begun.n; i++)
		if (!strcmp(x->plan->stage[i].spec->id, stage))
			return x->begun.stage[i].says;
	return "";
}

/* ---- for people ---- */

static void put_row(const struct comparison *x, const struct evolve_row *r, int width,
		    struct bytes *to)
{
	char size[PAINT_TEXT] = "", keys[PAINT_TEXT];
	char holds[3 * PAINT_TEXT] = "";
	const char *says = says_of(x, r->stage);
	if (r->has_state)
		snprintf(holds, sizeof holds, "%s%s%s%s", text_bytes(r->bytes, size),
			 r->rows || r->keys ? ", " : "", r->keys_known || !r->rows ? "" : "up to ",
			 r->rows || r->keys
				 ? text_many(r->keys_known ? r->keys : r->rows, "key", keys)
				 : "");
	else if (r->fate == STATE_RESTORED)
		snprintf(holds, sizeof holds, "(keeps none)");
	bytes_printf(to, " %-*s  %-14s %-24s %s", width, r->stage, fate_name(r->fate), holds, says);
	if (r->fate == STATE_DROPPED && r->is_in_job)
		bytes_put_text(to, says[0] ? "" : "begins from nothing");
	while (to->len && to->data[to->len - 1] == ' ')
		to->len--;
	bytes_put_u8(to, '\n');
}

static void put_text(const struct comparison *x, struct bytes *to)
{
	char text[PAINT_TEXT], took[PAINT_TEXT];
	int width = 5;
	int64_t ago = clock_wall_us(x->cli->env->clock) - x->m.wall_us;
	for (uint32_t i = 0; i < x->ev.n; i++)
		if ((int)strlen(x->ev.row[i].stage) > width)
			width = (int)strlen(x->ev.row[i].stage);
	bytes_printf(to, "%s against checkpoint %" PRIu64 " of %s, taken %s ago\n", x->plan->spec->name,
		     x->m.id, x->dir, text_ago(ago > 0 ? (uint64_t)ago : 0, text));
	for (uint32_t i = 0; i < x->ev.n; i++)
		put_row(x, &x->ev.row[i], width, to);
	if (x->m.final)
		bytes_put_text(to, "it is final: its input was read to the end, nothing would run\n");
	else if (!x->ev.misfits)
		bytes_printf(to, "%s %s read from %s/%s, in about %s\n", text_bytes(x->bytes, text),
			     x->bytes == 1 ? "is" : "are", x->dir, LAYOUT_PARTS,
			     text_us(x->estimate_us, took));
	if (x->is_renamed)
		bytes_printf(to, "it is of a job of another name: --dir %s is refused, --restore %s begins "
			     "from it\n", x->dir, x->dir);
}

/* ---- for programs ---- */

static void put_json(const struct comparison *x, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, true);
	jout_object(&o);
	jout_kv_string(&o, "dir", x->dir);
	jout_kv_uint(&o, "checkpoint", x->m.id);
	jout_kv_bool(&o, "fits", !x->ev.misfits);
	jout_kv_bool(&o, "same_job", !x->is_renamed);
	jout_kv_uint(&o, "bytes", x->bytes);
	jout_kv_uint(&o, "estimate_us", x->estimate_us);
	jout_key(&o, "stages");
	jout_array(&o);
	for (uint32_t i = 0; i < x->ev.n; i++) {
		const struct evolve_row *r = &x->ev.row[i];
		jout_object(&o);
		jout_kv_string(&o, "stage", r->stage);
		jout_kv_string(&o, "state", fate_name(r->fate));
		jout_kv_bool(&o, "in_job", r->is_in_job);
		jout_kv_uint(&o, "bytes", r->bytes);
		jout_kv_uint(&o, "files", r->files);
		jout_key(&o, "keys");
		if (r->keys_known)
			jout_uint(&o, r->keys);
		else
			jout_null(&o);
		jout_kv_string(&o, "why", r->why);
		jout_kv_string(&o, "from", says_of(x, r->stage));
		jout_object_end(&o);
	}
	jout_array_end(&o);
	jout_object_end(&o);
	bytes_put_u8(to, '\n');
}

/* ---- the whole ---- */

static void sum_up(struct comparison *x)
{
	for (uint32_t i = 0; i < x->ev.n; i++)
		if (x->ev.row[i].fate == STATE_RESTORED)
			x->bytes += x->ev.row[i].bytes;
	if (!x->ev.misfits)
		x->estimate_us = restore_way_estimate_us(x->plan, &x->kept);
}

static void comparison_close(struct comparison *x)
{
	begun_close(&x->begun);
	evolution_close(&x->ev);
	manifest_close(&x->kept);
	manifest_close(&x->m);
}

RC against(struct cli *c, const struct args *a, const struct plan *p, struct bytes *to,
	   struct err *e)
{
	struct comparison x = {.cli = c, .plan = p, .dir = args_text(a, "--against", "")};
	struct err why = {0};
	x.n_drops = (uint32_t)args_texts(a, "--drop-state", x.drops, ARGS_MAX);
	if (newest(&x, e) != OK)
		return e->code;
	look_at_name(&x);
	enum rc rc = evolve(&x.ev, p, &x.m, x.drops, x.n_drops, c->env->mem, e);
	if (rc == OK) {
		/* Told below the table. */
		rc = evolution_check(&x.ev, &x.m, &why);
		if (rc == OK)
			rc = ask_stages(&x, &why);
		sum_up(&x);
		if (args_has(a, "--json"))
			put_json(&x, to);
		else
			put_text(&x, to);
		*e = why;
	}
	comparison_close(&x);
	return rc;
}
