/* file_sink_single.c - one file that only ever grows: how far it is written is state, and before a
 * start goes on behind that place the file must be what weir left (inv 16, 17). */
#include "operators/file_sink.h"

#include <inttypes.h>
#include <stdio.h>

/* u64 next, u16 length of the path, the path as the job names it: a moved job keeps its file, and a
 * job that is given another one begins it. */
void single_state_put(struct bytes *to, const struct file_sink_conf *c, uint64_t next)
{
	size_t n = strlen(c->shown);
	bytes_put_u64(to, next);
	bytes_put_u16(to, (uint16_t)n);
	bytes_put(to, c->shown, n);
}

RC single_state_get(const struct file_sink_conf *c, const void *state, size_t len, uint64_t *next,
		    bool *ours, struct err *e)
{
	struct reader r = reader_of(state, len);
	*next = 0;
	*ours = false;
	if (!len)
		return OK;
	uint64_t at = reader_u64(&r);
	uint16_t n = reader_u16(&r);
	const uint8_t *path = reader_take(&r, n);
	if (r.failed || reader_left(&r))
		return ERR(e, E_CORRUPT, "the state of file sink %s cannot be read", c->shown);
	*ours = n == strlen(c->shown) && !memcmp(path, c->shown, n);
	*next = *ours ? at : 0;
	return OK;
}

/* Whether the piece is still staged, where it was or where the job is now. */
static RC is_staged(const struct file_sink_conf *c, struct op_begin *b, const struct intent *in,
		    bool *there, struct err *e)
{
	char here[PATH_TEXT_MAX];
	const char *paths[] = {in->from, here};
	int n = snprintf(here, sizeof here, "%s%s", c->folder, file_sink_pending_tail(in->from));
	for (int i = 0; i < (n < (int)sizeof here ? 2 : 1) && !*there; i++) {
		struct fs_stat st;
		struct err why = {OK};
		enum rc rc = fs_stat(b->fs, paths[i], &st, &why);
		if (rc != OK && rc != E_NOT_FOUND)
			return ERR(e, rc, "%s", why.text);
		*there = rc == OK;
	}
	return OK;
}

/* Where the first listed piece of the file begins, *first as it is where there is none, and whether
 * any is still staged. */
static RC listed(const struct file_sink_conf *c, struct op_begin *b, uint64_t *first, bool *staged,
		 struct err *e)
{
	for (size_t i = 0; i < b->n_intents; i++) {
		const struct intent *in = &b->intents[i];
		if (in->kind != INTENT_APPEND || strcmp(in->sink, b->stage))
			continue;
		if (in->offset < *first)
			*first = in->offset;
		if (is_staged(c, b, in, staged, e) != OK)
			return e->code;
	}
	return OK;
}

/* The file is gone, and weir wrote to it. Where nothing more was to come a consumer may have taken
 * it (inv 17): the next record begins it anew. */
static RC file_is_gone(const struct file_sink_conf *c, struct op_begin *b, const char *dir,
		       uint64_t first, bool staged, uint64_t *next, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	enum rc rc = fs_stat(b->fs, dir, &st, &why);
	if (rc == E_NOT_FOUND)
		return ERR(e, E_REFUSED,
			   "%s is gone, and so is the folder %s: is the disk mounted? If it was taken away, "
			   "make that folder again (mkdir -p) and start again",
			   c->shown, dir);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (staged)
		return intent_length_fits(c->shown, true, 0, first, *next, e);
	*next = 0;
	return OK;
}

/* How long it may be: what was committed since will go aside, if we go back or an owner before us
 * had begun to. */
static uint64_t most_bytes(const struct file_sink_conf *c, const struct op_begin *b, uint64_t next)
{
	bool longer = b->goes_back;
	for (uint32_t i = 0; b->todo && i < b->todo->n && !longer; i++)
		longer = b->todo->move[i].how == MOVE_TAIL && !strcmp(b->todo->move[i].from, c->path);
	return longer ? UINT64_MAX : next;
}

RC single_begin(const struct file_sink_conf *c, struct op_begin *b, const char *dir, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	uint64_t next = 0;
	bool ours = false, staged = false;
	for (uint32_t i = 0; i < b->n_old && !ours; i++)
		if (single_state_get(c, b->old[i].data, b->old[i].len, &next, &ours, e) != OK)
			return e->code;
	uint64_t first = next;
	enum rc rc = fs_stat(b->fs, c->path, &st, &why);
	bool gone = rc == E_NOT_FOUND;
	if (rc != OK && !gone)
		return ERR(e, rc, "%s cannot be used: %s", c->shown, why.text);
	if (!gone && st.kind != FS_FILE)
		return ERR(e, E_REFUSED, "%s is not a file: with \"files\": \"single\" `path` is the file",
			   c->shown);
	if (!ours && !gone && st.size_bytes)
		return ERR(e, E_REFUSED,
			   "%s holds %" PRIu64 " bytes that are not this run's: give `path` a file of its own, "
			   "or move it away: mv %s ELSEWHERE", c->shown, st.size_bytes, c->shown);
	if (ours && listed(c, b, &first, &staged, e) != OK)
		return e->code;
	uint64_t was = next;
	if (ours && gone && next)
		rc = file_is_gone(c, b, dir, first, staged, &next, e);
	else
		rc = intent_length_fits(c->shown, gone, gone ? 0 : st.size_bytes, first,
					most_bytes(c, b, next), e);
	if (rc != OK)
		return rc;
	single_state_put(&b->fresh[0], c, next);
	if (!bytes_ok(&b->fresh[0]))
		return ERR(e, E_NO_MEMORY, "no memory for the state of %s", c->shown);
	if (was && !next)
		snprintf(b->says, sizeof b->says, "%s was taken away, begins anew", c->shown);
	else
		snprintf(b->says, sizeof b->says, "%s from byte %" PRIu64, c->shown, next);
	return OK;
}
