/* file_sink_later.c - which committed files hold what a checkpoint does not: those that a rewind to
 * it moves aside. A file's name says the checkpoint it was prepared for; of a single file it is
 * what stands behind the place that the checkpoint's state names. */
#include "operators/file_sink.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* "part-<8 hex>-<20 digits>-...", as final_make writes it. */
static bool parse(const char *name, uint32_t *lineage, uint64_t *checkpoint)
{
	if (strncmp(name, "part-", 5) || strlen(name) < 35)
		return false;
	for (int i = 5; i < 13; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	for (int i = 14; i < 34; i++)
		if (!isdigit((unsigned char)name[i]))
			return false;
	*lineage = (uint32_t)strtoul(name + 5, NULL, 16);
	*checkpoint = strtoull(name + 14, NULL, 10);
	return name[13] == '-' && name[34] == '-';
}

static RC move_put(struct op_begin *b, const struct manifest_move *m, struct err *e)
{
	op_move_put(&b->moves, m);
	return bytes_ok(&b->moves) ? OK : ERR(e, E_NO_MEMORY, "no memory for a list of files");
}

/* Of one file its end: what stands behind the place where the checkpoint goes on. */
static RC single_later(const struct file_sink_conf *c, struct op_begin *b, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	uint64_t next;
	bool ours;
	const struct bytes *state = &b->fresh[0];
	char aside[PATH_TEXT_MAX], name[PATH_TEXT_MAX];
	const char *base = strrchr(c->path, '/');
	if (single_state_get(c, state->data, state->len, &next, &ours, e) != OK)
		return e->code;
	enum rc rc = fs_stat(b->fs, c->path, &st, &why);
	if (rc != OK && rc != E_NOT_FOUND)
		return ERR(e, rc, "%s cannot be used: %s", c->shown, why.text);
	if (rc == E_NOT_FOUND || st.size_bytes <= next)
		return OK;
	int n = snprintf(name, sizeof name, OP_ASIDE "/%" PRIu64 "/%s.from-%" PRIu64, b->epoch,
			 base ? base + 1 : c->path, next);
	if (n >= (int)sizeof name)
		return ERR(e, E_INVALID, "the path of %s is too long", c->shown);
	if (path_join(c->folder, name, aside, e) != OK)
		return e->code;
	struct manifest_move m = {c->path, aside, MOVE_TAIL, next};
	return move_put(b, &m, e);
}

RC file_sink_later(const void *conf, struct op_begin *b, struct err *e)
{
	const struct file_sink_conf *c = conf;
	struct fs_names names;
	struct err why = {OK};
	if (c->single)
		return single_later(c, b, e);
	enum rc rc = fs_list(b->fs, c->path, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s cannot be used: %s", c->shown, why.text);
	for (size_t i = 0; i < names.n && rc == OK; i++) {
		char path[PATH_TEXT_MAX], aside[PATH_TEXT_MAX], name[160];
		uint32_t lineage;
		uint64_t checkpoint;
		if (!parse(names.name[i], &lineage, &checkpoint) || !op_begin_accepts(b, lineage) ||
		    checkpoint <= b->rewind_to)
			continue;
		struct manifest_move m = {path, aside, MOVE_NAME, 0};
		snprintf(name, sizeof name, OP_ASIDE "/%" PRIu64 "/%s", b->epoch, names.name[i]);
		rc = path_join(c->path, names.name[i], path, e);
		if (rc == OK)
			rc = path_join(c->path, name, aside, e);
		if (rc == OK)
			rc = move_put(b, &m, e);
	}
	fs_names_close(&names);
	return rc;
}
