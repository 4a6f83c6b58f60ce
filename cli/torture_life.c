/* torture_life.c - one life of a tortured job: starts that are struck until strikes are used up, a
 * start to the end, and then: is the output right? See torture.h. */
#include "cli/torture.h"

#include <inttypes.h>
#include <string.h>

RC torture_life_path(const struct torture *t, const char *life, char *to, struct err *e)
{
	int n = snprintf(to, TORTURE_PATH, "%s/%s", t->scratch, life);
	if (n >= TORTURE_PATH)
		return ERR(e, E_USAGE, "the scratch folder's path is too long: %.80s...", t->scratch);
	return OK;
}

/* ---- committed files stay ---- */

/* What a folder held after the start before. */
struct held {
	struct torture_output files;
	uint64_t *size_bytes;
};

static void held_close(struct held *h)
{
	if (h->files.mem)
		mem_put(h->files.mem, h->size_bytes);
	torture_output_close(&h->files);
	h->size_bytes = NULL;
}

static RC held_read(struct held *h, struct fs *fs, const char *folder, struct err *e)
{
	enum rc rc = torture_output_list(&h->files, fs, folder, false, e);
	if (rc == OK && h->files.n &&
	    !(h->size_bytes = mem_get(fs->mem, h->files.n * sizeof *h->size_bytes)))
		rc = ERR(e, E_NO_MEMORY, "no memory for the sizes of files");
	for (size_t i = 0; rc == OK && i < h->files.n; i++) {
		struct fs_stat st;
		rc = fs_stat(fs, h->files.path[i], &st, e);
		h->size_bytes[i] = rc == OK ? st.size_bytes : 0;
	}
	return rc;
}

/* Both are sorted, and nothing is put before what was there but by another subtask: a search. */
static bool held_has(const struct held *h, const char *path, uint64_t *size_bytes)
{
	for (size_t i = h->files.n; i-- > 0;)
		if (!strcmp(h->files.path[i], path)) {
			*size_bytes = h->size_bytes[i];
			return true;
		}
	return false;
}

static void held_compare(const struct held *before, const struct held *now, struct torture_life *l)
{
	for (size_t i = 0; i < before->files.n && !l->trouble[0]; i++) {
		const char *path = before->files.path[i];
		uint64_t size_bytes;
		if (!held_has(now, path, &size_bytes))
			snprintf(l->trouble, sizeof l->trouble, "the committed file %s vanished", path);
		else if (size_bytes != before->size_bytes[i])
			snprintf(l->trouble, sizeof l->trouble,
				 "the committed file %s had %" PRIu64 " bytes, and has %" PRIu64 " now", path,
				 before->size_bytes[i], size_bytes);
	}
}

/* The folders of all sinks, after each start. */
static RC hold(struct torture *t, struct torture_life *l, const char *folder, struct held *held,
	       struct err *e)
{
	for (uint32_t i = 0; i < t->job.n_sinks; i++) {
		char path[TORTURE_PATH];
		struct held now = {0};
		if (t->job.sink[i].kind != SINK_FILES)
			continue;
		enum rc rc = torture_sink_path(&t->job.sink[i], folder, path, e);
		if (rc == OK)
			rc = held_read(&now, t->cli->env->fs, path, e);
		if (rc == OK)
			held_compare(&held[i], &now, l);
		held_close(&held[i]);
		held[i] = now;
		if (rc != OK)
			return rc;
	}
	return OK;
}

/* ---- its output ---- */

static RC output_checksum(struct torture *t, struct torture_life *l, uint32_t i, const char *folder,
			  bool compares, struct err *e)
{
	char path[TORTURE_PATH + 16], now[TORTURE_CHECKSUM];
	struct torture_right *r = &t->right[i];
	snprintf(path, sizeof path, "%s/report.json", folder);
	enum rc rc = torture_report_checksum(t, path, t->job.sink[i].id, now, e);
	if (rc != OK || !compares) {
		memcpy(r->checksum, now, sizeof now);
		return rc;
	}
	r->last = (struct torture_comparison){0};
	/* Where it had finished when it was struck, the start after that reports no sums. */
	if (!l->unreported && strcmp(now, r->checksum)) {
		r->last.differing = r->last.told = 1;
		snprintf(r->last.first[0].says, sizeof r->last.first[0].says,
			 "the checksum of all records is %s instead of %s", now, r->checksum);
		l->right = false;
	}
	return OK;
}

static RC output_files(struct torture *t, struct torture_life *l, uint32_t i, const char *folder,
		       bool compares, struct err *e)
{
	const struct torture_stage *sink = &t->job.sink[i];
	struct torture_right *r = &t->right[i];
	const struct torture_sink *by = l->parallelism == t->job.parallel[0] ? &sink->sink
									    : &sink->rescaled;
	struct torture_output now = {0};
	char path[TORTURE_PATH];
	if (torture_sink_path(sink, folder, path, e) != OK ||
	    torture_output_list(&now, t->cli->env->fs, path, sink->kind == SINK_SINGLE, e) != OK) {
		torture_output_close(&now);
		return e->code;
	}
	if (!compares) {
		r->output = now;
		return OK;
	}
	struct err why = {OK};
	enum rc rc = torture_compare(&r->last, t->cli->env->fs, by, &r->output, &now, &why);
	torture_output_close(&now);
	if (rc == E_CORRUPT) /* that is an answer */
		snprintf(l->trouble, sizeof l->trouble, "%s", why.text);
	else if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (rc == E_CORRUPT || r->last.differing)
		l->right = false;
	return OK;
}

static RC outputs(struct torture *t, struct torture_life *l, const char *folder, bool compares,
		  struct err *e)
{
	l->right = true;
	for (uint32_t i = 0; i < t->job.n_sinks; i++) {
		enum rc rc = t->job.sink[i].kind == SINK_BLACKHOLE
				     ? output_checksum(t, l, i, folder, compares, e)
				     : output_files(t, l, i, folder, compares, e);
		if (rc != OK)
			return rc;
	}
	return OK;
}

/* ---- its starts ---- */

static void account(struct torture_life *l, const struct torture_start *s, bool rescaled)
{
	char text[STRIKE_TEXT];
	l->done.starts++;
	l->done.checkpoints += s->checkpoints;
	l->done.rescales += rescaled;
	l->took_us = s->took_us;
	memcpy(l->ops, s->ops, sizeof l->ops);
	if (s->end == TORTURE_STRUCK) {
		bool failed = s->strike.kind == STRIKE_FAULT && s->strike.fault.how == FS_FAULT_FAIL;
		l->done.faults += failed;
		l->done.kills += !failed;
		snprintf(l->last, sizeof l->last, "%s%s%s%s", strike_text(&s->strike, text),
			 s->path[0] ? " ('" : "", s->path, s->path[0] ? "')" : "");
	}
	if (s->end == TORTURE_TROUBLE)
		snprintf(l->trouble, sizeof l->trouble, "%s", s->trouble);
}

static RC starts(struct torture *t, struct torture_life *l, const char *folder, struct held *held,
		 struct err *e)
{
	struct rng rng;
	unsigned before = 0;
	rng_seed(&rng, l->seed);
	for (unsigned number = 1; !l->finished && !l->trouble[0]; number++) {
		struct torture_start s = {.folder = folder, .number = number,
					  .parallelism = l->parallelism};
		/* A strike beyond the end strikes nothing; too many of those, and it may finish. */
		bool struck = l->done.kills + l->done.faults < l->strikes && number <= 2 * l->strikes + 8;
		if (!s.parallelism)
			s.parallelism = t->job.parallel[rng_below(&rng, t->job.n_parallel)];
		if (struck)
			s.strike = strike_choose(&rng, &t->facts);
		if (torture_start_run(t, &s, e) != OK)
			return e->code;
		account(l, &s, before && before != s.parallelism);
		before = s.parallelism;
		l->finished = s.finished;
		l->unreported = s.before;
		if (hold(t, l, folder, held, e) != OK)
			return e->code;
	}
	return OK;
}

RC torture_life_run(struct torture *t, struct torture_life *l, bool compares, struct err *e)
{
	char folder[TORTURE_PATH], printed[TORTURE_PATH + 16];
	struct mem *mem = t->cli->env->mem;
	struct held *held = mem_get(mem, (t->job.n_sinks + 1) * sizeof *held);
	if (!held)
		return ERR(e, E_NO_MEMORY, "no memory for the names of files");
	enum rc rc = torture_life_path(t, l->name, folder, e);
	if (rc == OK) {
		snprintf(printed, sizeof printed, "%s/printed", folder);
		rc = fs_mkdir_all(t->cli->env->fs, printed, e);
	}
	if (rc == OK)
		rc = starts(t, l, folder, held, e);
	if (rc == OK && l->finished && !l->trouble[0])
		rc = outputs(t, l, folder, compares, e);
	l->done.lives = 1;
	for (uint32_t i = 0; i < t->job.n_sinks; i++)
		held_close(&held[i]);
	mem_put(mem, held);
	return rc;
}
