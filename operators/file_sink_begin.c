/* file_sink_begin.c - before the fence: whether the folder may be used, and what a crash left in
 * it. Makes directories, deletes nothing: what is left over is listed for the first sweep
 * (inv 14). */
#include "operators/file_sink.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* "part-<8 hex>-<20 digits>-..." */
static bool is_part(const char *name, uint32_t *lineage)
{
	if (strncmp(name, "part-", 5))
		return false;
	const char *p = name + 5;
	for (int i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	for (int i = 9; i < 29; i++)
		if (p[8] != '-' || !isdigit((unsigned char)p[i]))
			return false;
	*lineage = (uint32_t)strtoul(p, NULL, 16);
	return p[29] == '-';
}

static RC lineage_check(const struct file_sink_conf *c, struct op_begin *b, struct err *e)
{
	struct fs_names names;
	if (fs_list(b->fs, c->path, &names, e) != OK)
		return err_in(e, "%s cannot be used", c->shown);
	enum rc rc = OK;
	size_t foreign = 0;
	const char *first = NULL;
	for (size_t i = 0; i < names.n; i++) {
		uint32_t lineage;
		if (!is_part(names.name[i], &lineage) || op_begin_accepts(b, lineage))
			continue;
		first = first ? first : names.name[i];
		foreign++;
	}
	if (foreign)
		rc = ERR(e, E_REFUSED,
			 "%s holds %zu file%s of another run (%s, ...): give `path` a folder of its own, or "
			 "move them away: mv %s/%.13s* ELSEWHERE",
			 c->shown, foreign, foreign == 1 ? "" : "s", first, c->shown, first);
	fs_names_close(&names);
	return rc;
}

/* The epoch in a pending file's name; false: not one of ours. */
static bool pending_epoch(const char *name, uint64_t *epoch)
{
	char *end;
	if (!isdigit((unsigned char)name[0]))
		return false;
	*epoch = strtoull(name, &end, 10);
	return *end == '-' && isdigit((unsigned char)end[1]);
}

/* Whatever the folder was called when it was named: the job may have been moved since. */
static bool is_named(const struct op_begin *b, const char *path)
{
	for (size_t i = 0; i < b->n_intents; i++)
		if (!strcmp(file_sink_pending_tail(b->intents[i].from), file_sink_pending_tail(path)))
			return true;
	return false;
}

/* Another sink whose files lie in the same folder has listed it. */
static bool is_listed(const struct op_begin *b, const char *path)
{
	for (size_t at = 0; at < b->orphans.len; at += strlen((const char *)b->orphans.data + at) + 1)
		if (!strcmp((const char *)b->orphans.data + at, path))
			return true;
	return false;
}

/* Files that no intent names, of this epoch or older: a newer owner's are not ours to judge. */
static RC orphans_list(struct op_begin *b, const char *dir, bool single, struct err *e)
{
	struct fs_names names;
	if (fs_list(b->fs, dir, &names, e) != OK)
		return e->code;
	enum rc rc = OK;
	size_t found = 0;
	for (size_t i = 0; i < names.n && rc == OK; i++) {
		char path[PATH_TEXT_MAX];
		uint64_t epoch;
		rc = path_join(dir, names.name[i], path, e);
		if (rc != OK || !pending_epoch(names.name[i], &epoch) ||
		    (b->epoch && epoch > b->epoch) || is_named(b, path) || is_listed(b, path))
			continue;
		bytes_put(&b->orphans, path, strlen(path) + 1);
		found++;
	}
	fs_names_close(&names);
	if (rc == OK && !bytes_ok(&b->orphans))
		rc = ERR(e, E_NO_MEMORY, "no memory for a list of files");
	size_t said = strlen(b->says);
	if (found)
		snprintf(b->says + said, sizeof b->says - said, "%s%zu uncommitted file%s dropped",
			 said ? "; " : "", found, found == 1 ? "" : "s");
	else if (!single)
		snprintf(b->says, sizeof b->says, "%s",
			 b->restored ? "committed files in place" : "no files yet");
	return rc;
}

/* Nobody else's folder: "<any>/.weir-pending/<our uuid>". */
RC file_sink_left(struct op_begin *b, const char *dir, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	char ours[PATH_TEXT_MAX];
	size_t len = strlen(dir);
	size_t n = (size_t)snprintf(ours, sizeof ours, "/" PENDING_DIR "/%s", b->uuid);
	if (len < n || strcmp(dir + len - n, ours))
		return OK;
	enum rc rc = fs_stat(b->fs, dir, &st, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	return rc == OK ? orphans_list(b, dir, true, e) : ERR(e, rc, "%s", why.text);
}

/* A folder that the chosen checkpoint prepared files in, and that is gone, is not made anew: an
 * empty one would say that all of them were committed (intent.h), which nobody knows. */
static RC folder_check(struct op_begin *b, const char *dir, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	size_t len = strlen(dir);
	const struct intent *in = NULL;
	for (size_t i = 0; i < b->n_intents && !in; i++)
		if (!strncmp(b->intents[i].from, dir, len) && b->intents[i].from[len] == '/')
			in = &b->intents[i];
	if (!in)
		return OK;
	enum rc rc = fs_stat(b->fs, dir, &st, &why);
	if (rc == E_NOT_FOUND)
		return intent_folder_gone(in, dir, e);
	return rc == OK ? OK : ERR(e, rc, "%s", why.text);
}

RC file_sink_begin(const void *conf, struct op_begin *b, struct err *e)
{
	const struct file_sink_conf *c = conf;
	struct fs_stat st;
	struct err why = {OK};
	char pending[PATH_TEXT_MAX], dir[PATH_TEXT_MAX];
	enum rc rc = fs_stat(b->fs, c->path, &st, &why);
	if (rc == OK && st.kind != FS_DIR && !c->single)
		return ERR(e, E_REFUSED, "%s is a file: `path` is the folder that files are made in",
			   c->shown);
	if (rc != OK && rc != E_NOT_FOUND)
		return ERR(e, rc, "%s cannot be used: %s", c->shown, why.text);
	if (rc == OK && !c->single && lineage_check(c, b, e) != OK)
		return e->code;
	if (path_join(c->folder, PENDING_DIR, pending, e) != OK ||
	    path_join(pending, b->uuid, dir, e) != OK)
		return e->code;
	if (folder_check(b, dir, e) != OK || (c->single && single_begin(c, b, dir, e) != OK))
		return e->code;
	/* Also where it is there: its maker may have crashed before its name was durable. */
	if (fs_mkdir_all(b->fs, dir, e) != OK)
		return err_in(e, "%s cannot be written", c->shown);
	return orphans_list(b, dir, c->single, e);
}
