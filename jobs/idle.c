/* idle.c - see idle.h. */
#include "jobs/idle.h"

#include "base/rng.h"
#include "checkpoint/store.h"
#include "jobs/leftovers.h"

enum purpose { TO_PIN, TO_COLLECT, TO_LOOK };

static RC look(struct store **s, struct store_start *start, struct env *env, const char *dir,
	       uint64_t pid, enum purpose to, struct err *e)
{
	char uuid[UUID_TEXT];
	uuid_make(env->rng, uuid);
	/* As strict as can be: what a damaged newest checkpoint needs, its job's next start decides. */
	struct store_options o = {.dir = dir, .commits = true, .retain = 1, .new_uuid = uuid,
				  .new_lineage = 1, .pid = pid, .verify = VERIFY_LENGTHS,
				  .looks = to == TO_LOOK, .drops_evidence = to != TO_PIN};
	if (store_open(s, env->fs, env->mem, &o, start, e) != OK)
		return e->code;
	if (!start->existed)
		ERR(e, E_NOT_FOUND, "'%s' has no checkpoint yet", dir);
	else if (start->todo)
		ERR(e, E_REFUSED, "a start of the job in '%s' has begun to go back to an older checkpoint: "
		    "run the job first, so that it is finished", dir);
	else if (start->repaired)
		ERR(e, E_REFUSED, "'%s' was repaired, and what its sinks had committed since the "
		    "checkpoint it went back to is still there: run the job first, so that it is moved "
		    "aside", dir);
	else
		return OK;
	store_close(*s);
	*s = NULL;
	return e->code;
}

RC idle_pin(struct env *env, const char *dir, uint64_t pid, uint64_t id, bool on, bool *news,
	    struct err *e)
{
	struct store *s;
	struct store_start start;
	enum rc rc = look(&s, &start, env, dir, pid, TO_PIN, e);
	if (rc != OK)
		return rc;
	do {
		err_clear(e);
		rc = store_pin_id(s, id, on, news, e);
		if (rc == OK && *news)
			rc = store_own(s, &start, e);
	} while (rc == E_EXISTS);
	store_close(s);
	return rc;
}

static RC sweep(struct store *s, struct store_start *start, struct gone *g, struct err *e)
{
	bool done = false;
	enum rc rc;
	do {
		err_clear(e);
		rc = store_own(s, start, e);
	} while (rc == E_EXISTS);
	if (rc == OK)
		rc = store_gc_begin(s, e);
	if (rc == OK)
		store_sweep_tells(s, (struct sweep_ear){gone_hear, g});
	while (rc == OK && !done)
		rc = store_sweep_step(s, &done, e);
	return rc;
}

/* What sinks left of an interval that was never published: told, or taken away. */
static RC leftovers(struct env *env, const struct store_start *start, bool removes, struct gone *g,
		    struct err *e)
{
	struct bytes list;
	bytes_init(&list, env->mem);
	enum rc rc = OK;
	if (start->chosen)
		rc = leftovers_of(&list, env, start->chosen, start->uuid, start->epoch, e);
	for (size_t at = 0; rc == OK && at < list.len;) {
		const char *path = (const char *)list.data + at;
		struct fs_stat st;
		struct err why = {OK};
		at += strlen(path) + 1;
		rc = fs_stat(env->fs, path, &st, &why);
		if (rc == OK && removes)
			rc = fs_unlink(env->fs, path, &why);
		if (rc == OK)
			gone_hear(g, path, st.size_bytes, LEFTOVER_WHY);
		rc = rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
	}
	bytes_close(&list);
	return rc;
}

/* A fence stays for ever: none is made where nothing is to be removed. */
RC idle_gc(struct env *env, const char *dir, uint64_t pid, bool dry_run, struct gone *g,
	   struct err *e)
{
	struct store *s;
	struct store_start start;
	struct gone plan;
	enum rc rc = look(&s, &start, env, dir, pid, dry_run ? TO_LOOK : TO_COLLECT, e);
	if (rc != OK)
		return rc;
	gone_open(&plan, env->mem, g->most);
	rc = store_gc_plan(s, 0, (struct sweep_ear){gone_hear, dry_run ? g : &plan}, e);
	if (rc == OK)
		rc = leftovers(env, &start, false, dry_run ? g : &plan, e);
	if (rc == OK && plan.files)
		rc = sweep(s, &start, g, e);
	if (rc == OK && plan.files)
		rc = leftovers(env, &start, true, g, e);
	gone_close(&plan);
	store_close(s);
	return rc;
}
