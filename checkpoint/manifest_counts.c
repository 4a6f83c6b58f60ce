/* manifest_counts.c - what was counted on a checkpoint's cut: records of each operator and edge,
 * sums of state, the audit's ledger, the invariants that held. Feature 0 (checks: 3); put and
 * get side by side, because a key that only one of them knows is a manifest nobody reads. */
#include "base/check.h"
#include "checkpoint/manifest_format.h"

#include <stdio.h>

/* By feel: an edge joins two operators, and few jobs have more than some hundred. */
enum { EDGES_MAX = 2048, CHECKS_MAX = 1024, SUMS_MAX = 64, CHECK_TEXT_MAX = 4096 };

/* --- 128 bits --- */
static void put_int128(struct json_out *o, __int128 v)
{
	char text[33];
	unsigned __int128 u = (unsigned __int128)v;
	snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)(u >> 64),
		 (unsigned long long)u);
	jout_string(o, text);
}

static __int128 get_int128(struct decoder *d, const struct json *v, const char *key)
{
	size_t len = 0;
	const char *text = v && json_kind(v) == JSON_STRING ? json_string(v, &len) : "";
	unsigned __int128 u = 0;
	bool good = len == 32;
	for (size_t i = 0; good && i < len; i++) {
		char c = text[i];
		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		u = u << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (!good)
		WRONG(d, "'%s' is not 32 hexadecimal digits", key);
	return good ? (__int128)u : 0;
}

/* --- an operator --- */
void counts_put_op(struct json_out *o, const struct manifest_op *op)
{
	CHECK(op->counted || (!op->in && !op->out && !op->skipped && !op->keys &&
			      !op->kept.n && !op->n_sums));
	if (!op->counted)
		return;
	jout_key(o, "counts");
	jout_object(o);
	if (op->in)
		jout_kv_uint(o, "in", op->in);
	if (op->out)
		jout_kv_uint(o, "out", op->out);
	if (op->skipped)
		jout_kv_uint(o, "skipped", op->skipped);
	if (op->kept.n)
		jout_kv_uint(o, "kept", op->kept.n);
	if (op->kept.hash)
		jout_kv_hex64(o, "kept_sum", op->kept.hash);
	if (op->keys)
		jout_kv_uint(o, "keys", op->keys);
	if (op->n_sums) {
		jout_key(o, "sums");
		jout_object(o);
		for (uint32_t i = 0; i < op->n_sums; i++) {
			jout_key(o, op->sum[i].field);
			put_int128(o, op->sum[i].sum);
		}
		jout_object_end(o);
	}
	jout_object_end(o);
}

static void get_sums(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	const struct json *v = mget(d, o, "sums", JSON_OBJECT, MAY);
	if (mget_count(v) > SUMS_MAX)
		WRONG(d, "'sums' has more than %d fields", SUMS_MAX);
	for (size_t i = 0; i < mget_count(v) && d->rc == OK; i++) {
		const char *field = json_key(v, i);
		if (!*field || strlen(field) > SECTION_NAME_MAX)
			WRONG(d, "'sums': a field's name is empty or too long");
		struct manifest_sum *s = d->rc == OK ? manifest_add_sum(d->m, op) : NULL;
		char *own = s ? manifest_text(d->m, field) : NULL;
		if (!own) {
			mget_no_memory(d);
			return;
		}
		*s = (struct manifest_sum){.field = own, .sum = get_int128(d, json_value(v, i), field)};
	}
}

void counts_get_op(struct decoder *d, const struct json *o, struct manifest_op *op)
{
	const struct json *v = mget(d, o, "counts", JSON_OBJECT, MAY);
	if (!v || !ONLY(d, v, "counts", "in", "out", "skipped", "kept", "kept_sum", "keys",
			"sums"))
		return;
	op->counted = true;
	op->in = mget_uint(d, v, "in", MAY, UINT64_MAX);
	op->out = mget_uint(d, v, "out", MAY, UINT64_MAX);
	op->skipped = mget_uint(d, v, "skipped", MAY, UINT64_MAX);
	op->kept.n = mget_uint(d, v, "kept", MAY, UINT64_MAX);
	op->kept.hash = mget_hex(d, v, "kept_sum", MAY, 16, 0);
	op->keys = mget_uint(d, v, "keys", MAY, UINT64_MAX);
	get_sums(d, v, op);
}

/* --- edges --- */
void counts_put_edges(struct json_out *o, const struct manifest *m)
{
	if (!m->n_edges)
		return;
	jout_key(o, "edges");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_edges; i++) {
		const struct manifest_edge *x = &m->edge[i];
		jout_object(o);
		jout_kv_string(o, "from", x->from);
		jout_kv_string(o, "to", x->to);
		if (x->input)
			jout_kv_uint(o, "input", x->input);
		jout_kv_uint(o, "sent", x->sent.n);
		if (x->received.n != x->sent.n)
			jout_kv_uint(o, "recv", x->received.n);
		if (x->sent.hash)
			jout_kv_hex64(o, "sent_sum", x->sent.hash);
		if (x->received.hash != x->sent.hash)
			jout_kv_hex64(o, "recv_sum", x->received.hash);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void get_edge(struct decoder *d, const struct json *v)
{
	if (!ONLY(d, v, "an edge", "from", "to", "input", "sent", "recv", "sent_sum", "recv_sum"))
		return;
	struct manifest_edge x = {
		.from = mget_text(d, v, "from", MUST, SECTION_NAME_MAX),
		.to = mget_text(d, v, "to", MUST, SECTION_NAME_MAX),
		.input = (uint32_t)mget_uint(d, v, "input", MAY, OPS_MAX),
		.sent = {.n = mget_uint(d, v, "sent", MUST, UINT64_MAX),
			 .hash = mget_hex(d, v, "sent_sum", MAY, 16, 0)},
	};
	x.received.n = json_get(v, "recv") ? mget_uint(d, v, "recv", MUST, UINT64_MAX) : x.sent.n;
	x.received.hash = mget_hex(d, v, "recv_sum", MAY, 16, x.sent.hash);
	if (d->rc != OK)
		return;
	if (!manifest_find_op(d->m, x.from) || !manifest_find_op(d->m, x.to))
		WRONG(d, "an edge from '%s' to '%s' joins what is no operator", x.from, x.to);
	else if (manifest_find_edge(d->m, x.from, x.to, x.input))
		WRONG(d, "the edge from '%s' to '%s' stands twice", x.from, x.to);
	struct manifest_edge *own = d->rc == OK ? manifest_add_edge(d->m) : NULL;
	if (own)
		*own = x;
	else
		mget_no_memory(d);
}

/* A list of at most `most` elements, or NULL. */
static const struct json *get_list(struct decoder *d, const struct json *o, const char *key,
				   size_t most)
{
	const struct json *list = mget(d, o, key, JSON_ARRAY, MAY);
	if (list && (!mget_count(list) || mget_count(list) > most))
		WRONG(d, "'%s' lists none, or more than %zu", key, most);
	return list;
}

/* --- the audit's ledger, and what was proved --- */
void ledger_put(struct json_out *o, const char *key, const struct manifest_ledger *l)
{
	jout_key(o, key);
	jout_object(o);
	jout_kv_string(o, "file", l->file);
	jout_kv_uint(o, "len", l->length);
	jout_kv_hex64(o, "hash", l->hash);
	jout_object_end(o);
}

/* The file's name is a name and no path: whoever opens it joins it with audit/ (inv 36). */
void ledger_get(struct decoder *d, const struct json *o, const char *key)
{
	const struct json *v = mget(d, o, key, JSON_OBJECT, MAY);
	if (!v || !ONLY(d, v, key, "file", "len", "hash"))
		return;
	d->m->ledger = (struct manifest_ledger){
		.file = mget_text(d, v, "file", MUST, LAYOUT_NAME_MAX),
		.length = mget_uint(d, v, "len", MUST, UINT64_MAX),
		.hash = mget_hex(d, v, "hash", MUST, 16, 0),
	};
	if (strchr(d->m->ledger.file, '/') || d->m->ledger.file[0] == '.')
		WRONG(d, "'%s' is no name of a ledger", d->m->ledger.file);
}

static void put_checks(struct json_out *o, const struct manifest *m)
{
	if (!m->n_checks)
		return;
	jout_key(o, "checks");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_checks; i++) {
		jout_object(o);
		jout_kv_string(o, "text", m->check[i].text);
		jout_key(o, "left");
		put_int128(o, m->check[i].left);
		jout_key(o, "right");
		put_int128(o, m->check[i].right);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void get_checks(struct decoder *d, const struct json *o)
{
	const struct json *list = get_list(d, o, "checks", CHECKS_MAX);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		const struct json *v = json_item(list, i);
		if (!ONLY(d, v, "a check", "text", "left", "right"))
			return;
		struct manifest_check x = {.text = mget_text(d, v, "text", MUST, CHECK_TEXT_MAX),
					   .left = get_int128(d, json_get(v, "left"), "left"),
					   .right = get_int128(d, json_get(v, "right"), "right")};
		struct manifest_check *own = manifest_add_check(d->m);
		if (own)
			*own = x;
		else
			mget_no_memory(d);
	}
}

void counts_put(struct json_out *o, const struct manifest *m)
{
	counts_put_edges(o, m);
	if (m->ledger.file)
		ledger_put(o, "audit", &m->ledger);
	put_checks(o, m);
}

void counts_get_edges(struct decoder *d, const struct json *o)
{
	const struct json *list = get_list(d, o, "edges", EDGES_MAX);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++)
		get_edge(d, json_item(list, i));
}

void counts_get(struct decoder *d, const struct json *o)
{
	counts_get_edges(d, o);
	ledger_get(d, o, "audit");
	get_checks(d, o);
}
