/* file_sink_later.c - which committed files hold what a checkpoint does not: those that a rewind to
 * it moves aside. A file's name says the checkpoint it was prepared for. */
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

RC file_sink_later(const void *conf, struct op_begin *b, struct err *e)
{
	const struct file_sink_conf *c = conf;
	struct fs_names names;
	struct err why = {OK};
	if (c->single)
		return ERR(e, E_REFUSED, "%s is one file that grows; it cannot be gone back over: move "
			   "it away and begin anew with --fresh, or restore the newest checkpoint", c->shown);
	enum rc rc = fs_list(b->fs, c->path, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s cannot be used: %s", c->shown, why.text);
	for (size_t i = 0; i < names.n && rc == OK; i++) {
		char path[PATH_TEXT_MAX], name[160];
		uint32_t lineage;
		uint64_t checkpoint;
		if (!parse(names.name[i], &lineage, &checkpoint) || !op_begin_accepts(b, lineage) ||
		    checkpoint <= b->rewind_to)
			continue;
		rc = path_join(c->path, names.name[i], path, e);
		bytes_put(&b->moves, path, strlen(path) + 1);
		snprintf(name, sizeof name, OP_ASIDE "/%" PRIu64 "/%s", b->epoch, names.name[i]);
		if (rc == OK)
			rc = path_join(c->path, name, path, e);
		bytes_put(&b->moves, path, strlen(path) + 1);
	}
	fs_names_close(&names);
	if (rc == OK && !bytes_ok(&b->moves))
		rc = ERR(e, E_NO_MEMORY, "no memory for a list of files");
	return rc;
}
