/* manifest_todo.c - what a fence promised and may not have finished (feature 2), and where a
 * line came from (feature 1); put and get side by side. What a start does with a todo: todo.h. */
#include "base/check.h"
#include "checkpoint/manifest_format.h"

#include <stdio.h>

/* By feel: moves are files of one interval, or of some checkpoints that are gone back over. */
enum { MOVES_MAX = 65536, ACCEPTS_MAX = 1024 };

static const char *const todo_names[TODO_KINDS] = {
	[TODO_NONE] = "", [TODO_REWIND] = "rewind", [TODO_FALLBACK] = "fallback",
	[TODO_IMPORT] = "import", [TODO_CLAIMED] = "claimed", [TODO_REPAIR] = "repair",
	[TODO_BACK] = "back",
};

bool move_is_same(const struct manifest_move *a, const struct manifest_move *b)
{
	return a->how == b->how && a->at == b->at && !strcmp(a->from, b->from);
}

/* --- todo --- */
static const char *const how_names[] = {[MOVE_TAIL] = "tail", [MOVE_BACK] = "back"};

static void put_lineage(struct json_out *o, const char *key, uint32_t lineage)
{
	char text[16];
	snprintf(text, sizeof text, "%08x", lineage);
	if (key)
		jout_key(o, key);
	jout_string(o, text);
}

void todo_put(struct json_out *o, const struct manifest_todo *t)
{
	CHECK((unsigned)t->kind < TODO_KINDS);
	if (t->kind == TODO_NONE)
		return;
	jout_key(o, "todo");
	jout_object(o);
	jout_kv_string(o, "kind", todo_names[t->kind]);
	if (t->slot)
		jout_kv_uint(o, "slot", t->slot);
	if (t->n) {
		jout_key(o, "moves");
		jout_array(o);
		for (uint32_t i = 0; i < t->n; i++) {
			jout_object(o);
			jout_kv_string(o, "from", t->move[i].from);
			jout_kv_string(o, "to", t->move[i].to);
			if (t->move[i].how != MOVE_NAME)
				jout_kv_uint(o, how_names[t->move[i].how], t->move[i].at);
			jout_object_end(o);
		}
		jout_array_end(o);
	}
	if (t->source)
		jout_kv_string(o, "source", t->source);
	if (t->uuid[0])
		jout_kv_string(o, "uuid", t->uuid);
	if (t->lineage)
		put_lineage(o, "lineage", t->lineage);
	if (t->claim)
		jout_kv_bool(o, "claim", true);
	jout_object_end(o);
}

static void get_how(struct decoder *d, const struct json *v, struct manifest_move *x)
{
	for (enum move_how how = MOVE_TAIL; how <= MOVE_BACK; how++) {
		if (!json_get(v, how_names[how]))
			continue;
		/* A fallback's must all be there, or go back: of a part nobody could tell. */
		if (x->how != MOVE_NAME || d->m->todo.kind == TODO_FALLBACK)
			WRONG(d, "a move of a part of a file stands where none can");
		x->how = how;
		x->at = mget_uint(d, v, how_names[how], MUST, INT64_MAX);
	}
}

static void get_moves(struct decoder *d, const struct json *o)
{
	const struct json *list = mget(d, o, "moves", JSON_ARRAY, MAY);
	if (list && (!mget_count(list) || mget_count(list) > MOVES_MAX))
		WRONG(d, "'moves' lists none, or more than %d", MOVES_MAX);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		const struct json *v = json_item(list, i);
		if (!ONLY(d, v, "a move", "from", "to", "tail", "back"))
			return;
		struct manifest_move x = {.from = mget_text(d, v, "from", MUST, PATH_MAX_BYTES),
					  .to = mget_text(d, v, "to", MUST, PATH_MAX_BYTES)};
		if (!strcmp(x.from, x.to))
			WRONG(d, "a move goes nowhere");
		get_how(d, v, &x);
		struct manifest_move *own = manifest_add_move(d->m);
		if (own)
			*own = x;
		else
			mget_no_memory(d);
	}
}

void todo_get(struct decoder *d, const struct json *o)
{
	const struct json *v = mget(d, o, "todo", JSON_OBJECT, MAY);
	struct manifest_todo *t = &d->m->todo;
	if (!v)
		return;
	const char *kind = mget_text(d, v, "kind", MUST, 32);
	for (unsigned k = TODO_NONE + 1; k < TODO_KINDS; k++)
		if (!strcmp(kind, todo_names[k]))
			t->kind = k;
	if (t->kind == TODO_NONE && d->rc == OK)
		d->rc = ERR(d->e, E_REFUSED, "something was begun here that this weir does not know "
			    "('%s'): start the version that began it", kind);
	if (!ONLY(d, v, "a todo", "kind", "slot", "moves", "source", "uuid", "lineage", "claim"))
		return;
	bool foreign = t->kind == TODO_IMPORT || t->kind == TODO_CLAIMED;
	t->slot = mget_uint(d, v, "slot", MAY, foreign ? UINT64_MAX : d->m->slot - 1);
	get_moves(d, v);
	const char *source = mget_text(d, v, "source", MAY, PATH_MAX_BYTES);
	t->source = *source ? source : NULL;
	t->lineage = (uint32_t)mget_hex(d, v, "lineage", MAY, 8, 0);
	t->claim = mget_true(d, v, "claim");
	if (json_get(v, "uuid"))
		mget_uuid(d, v, t->uuid);
}

/* --- origin --- */
void origin_put(struct json_out *o, const struct manifest *m)
{
	const struct manifest_origin *x = &m->origin;
	if (!x->id)
		return;
	jout_key(o, "origin");
	jout_object(o);
	jout_kv_string(o, "uuid", x->uuid);
	put_lineage(o, "lineage", x->lineage);
	jout_kv_uint(o, "id", x->id);
	jout_kv_uint(o, "slot", x->slot);
	if (x->claimed)
		jout_kv_bool(o, "claimed", true);
	jout_object_end(o);
}

void origin_get(struct decoder *d, const struct json *o)
{
	const struct json *v = mget(d, o, "origin", JSON_OBJECT, MAY);
	struct manifest_origin *x = &d->m->origin;
	if (!v || !ONLY(d, v, "origin", "uuid", "lineage", "id", "slot", "claimed"))
		return;
	mget_uuid(d, v, x->uuid);
	x->lineage = (uint32_t)mget_hex(d, v, "lineage", MUST, 8, 0);
	x->id = mget_uint(d, v, "id", MUST, UINT64_MAX);
	x->slot = mget_uint(d, v, "slot", MUST, UINT64_MAX);
	x->claimed = mget_true(d, v, "claimed");
	if (!x->id || !x->slot)
		WRONG(d, "'origin' names no checkpoint");
}

void accepts_put(struct json_out *o, const struct manifest *m)
{
	if (!m->n_accepts)
		return;
	jout_key(o, "accepts");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_accepts; i++)
		put_lineage(o, NULL, m->accepts[i]);
	jout_array_end(o);
}

static uint32_t get_lineage(struct decoder *d, const struct json *v)
{
	size_t len = 0;
	const char *text = json_kind(v) == JSON_STRING ? json_string(v, &len) : "";
	uint32_t n = 0;
	bool good = len == 8;
	for (size_t i = 0; good && i < len; i++) {
		char c = text[i];
		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		n = n << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (!good)
		WRONG(d, "'accepts' lists what is no lineage");
	return n;
}

void accepts_get(struct decoder *d, const struct json *o)
{
	const struct json *list = mget(d, o, "accepts", JSON_ARRAY, MAY);
	struct manifest *m = d->m;
	if (!list)
		return;
	if (!mget_count(list) || mget_count(list) > ACCEPTS_MAX) {
		WRONG(d, "'accepts' lists none, or more than %d", ACCEPTS_MAX);
		return;
	}
	m->accepts = manifest_alloc(m, mget_count(list) * sizeof *m->accepts);
	if (!m->accepts)
		mget_no_memory(d);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		uint32_t lineage = get_lineage(d, json_item(list, i));
		if (manifest_accepts(m, lineage))
			WRONG(d, "'accepts' lists %08x twice, or its own", lineage);
		else
			m->accepts[m->n_accepts++] = lineage;
	}
}
