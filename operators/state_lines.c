/* state_lines.c - see state_lines.h. Rows become a batch of columns, and the batch lines: the same
 * way a job's records take, so that they look alike. */
#include "operators/state_lines.h"

#include "base/check.h"
#include "runtime/keys_decode.h"

#include <stdio.h>

enum { BUFFER_BYTES = 256 << 10 };

static const char *const kind_words[] = {[DIFF_ADDED] = "added", [DIFF_REMOVED] = "removed",
					 [DIFF_CHANGED] = "changed"};

/* A name that is not there yet: a key may have a field called like one of the state's. */
static RC add_field(struct schema *s, const char *head, const char *name, enum type type,
		    bool nullable, struct err *e)
{
	char full[FIELD_NAME_MAX + 16];
	snprintf(full, sizeof full, "%s%.*s", head, (int)(FIELD_NAME_MAX - strlen(head)), name);
	for (size_t n = strlen(full); schema_find(s, full) >= 0;) {
		n -= n == FIELD_NAME_MAX;
		full[n++] = '_';
		full[n] = '\0';
	}
	return schema_add(s, full, type, nullable, e);
}

static RC add_fields(struct schema *to, const char *head, const struct schema *from, bool nullable,
		     struct err *e)
{
	for (uint32_t f = 0; f < from->n; f++)
		if (add_field(to, head, from->field[f].name, from->field[f].type,
			      nullable || from->field[f].nullable, e) != OK)
			return e->code;
	return OK;
}

static RC make_schema(struct state_lines *l, struct err *e)
{
	if (l->diff && add_field(&l->out, "", "change", T_STRING, false, e) != OK)
		return e->code;
	if (add_fields(&l->out, "", &l->s.keyed->key, false, e) != OK)
		return e->code;
	if (l->diff && add_fields(&l->out, "was_", &l->s.keyed->value, true, e) != OK)
		return e->code;
	return add_fields(&l->out, "", &l->s.keyed->value, l->diff, e);
}

RC state_row_schema(struct schema *out, const struct schema *key, const struct schema *value,
		    struct err *e)
{
	*out = (struct schema){0};
	if (add_fields(out, "", key, false, e) != OK)
		return e->code;
	return add_fields(out, "", value, false, e);
}

static RC put_header(struct state_lines *l, struct err *e)
{
	struct bytes header;
	bytes_init(&header, l->mem);
	csv_header_put(&header, &l->out);
	enum rc rc = bytes_ok(&header) ? l->write(l->to, header.data, header.len, e)
				       : ERR(e, E_NO_MEMORY, "no memory to write rows");
	bytes_close(&header);
	return rc;
}

RC state_lines_open(struct state_lines *l, struct mem *mem, const struct inspect_state *s,
		    const char *format, bool diff, line_write *write, void *to, struct err *e)
{
	*l = (struct state_lines){.mem = mem, .s = *s, .diff = diff, .write = write, .to = to};
	bytes_init(&l->keys, mem);
	l->format = row_format_find(format);
	CHECK(l->format);
	if (make_schema(l, e) != OK || pool_open(&l->pool, mem, e) != OK)
		goto fail;
	l->buffer = mem_get(mem, BUFFER_BYTES);
	if (!l->buffer || !row_names_make(&l->names, l->format, &l->out, mem)) {
		(void)!ERR(e, E_NO_MEMORY, "no memory to write rows");
		goto fail;
	}
	rows_init(&l->rows, l->format, &l->names, "", mem);
	if (l->format != &csv_format || put_header(l, e) == OK)
		return OK;
fail:
	state_lines_close(l);
	return e->code;
}

void state_lines_close(struct state_lines *l)
{
	if (!l->mem)
		return;
	rows_close(&l->rows);
	row_names_close(&l->names);
	mem_put(l->mem, l->buffer);
	bytes_close(&l->keys);
	pool_close(l->pool);
	*l = (struct state_lines){0};
}

/* --- a batch of rows --- */

static struct column *column_of(struct state_lines *l, struct batch *b)
{
	struct column *c = pool_column(l->pool, l->out.field[b->n_cols].type);
	if (!c)
		return NULL;
	c->rows = l->n;
	c->has_valid = l->out.field[b->n_cols].nullable;
	if (c->has_valid)
		memset(c->valid, 0xFF, sizeof c->valid);
	b->col[b->n_cols++] = c;
	return c;
}

static bool put_kinds(struct state_lines *l, struct batch *b)
{
	struct column *c = column_of(l, b);
	for (uint32_t i = 0; c && i < l->n; i++) {
		const char *word = kind_words[l->kind[i]];
		c->str[i] = strview_of((const uint8_t *)word, 0, 0, (uint32_t)strlen(word));
	}
	return c != NULL;
}

/* A field that may be null is so where the count behind it is 0 (operators/sum.h). */
static bool put_values(struct state_lines *l, struct batch *b, unsigned side)
{
	const struct schema *v = &l->s.keyed->value;
	enum diff_kind absent = side ? DIFF_REMOVED : DIFF_ADDED;
	for (uint32_t f = 0; f < v->n; f++) {
		struct column *c = column_of(l, b);
		if (!c)
			return false;
		for (uint32_t i = 0; i < l->n; i++) {
			bool null = (l->diff && l->kind[i] == absent) ||
				    (v->field[f].nullable && f + 1 < v->n && !l->value[side][i][f + 1]);
			c->i64[i] = (int64_t)l->value[side][i][f]; /* or the bits of a double */
			if (null)
				bit_clear(c->valid, i);
		}
	}
	return true;
}

static RC put_keys(struct state_lines *l, struct batch *b, struct err *e)
{
	struct keyed_entry entry[BATCH_ROWS];
	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t from = i ? l->end[i - 1] : 0;
		entry[i] = (struct keyed_entry){.key = l->keys.data + from, .key_len = l->end[i] - from};
	}
	if (keys_decode(&l->s.key, entry, l->n, l->pool, b->col + b->n_cols, e) != OK)
		return e->code;
	b->n_cols += l->s.key.n;
	return OK;
}

static RC write_batch(struct state_lines *l, const struct batch *b, struct err *e)
{
	for (bool all = false; !all;) {
		size_t used = 0;
		if (rows_fill(&l->rows, b, l->buffer, BUFFER_BYTES, &used, &all, e) != OK)
			return e->code;
		if (used && l->write(l->to, l->buffer, used, e) != OK)
			return e->code;
	}
	return OK;
}

static RC flush(struct state_lines *l, struct err *e)
{
	if (!l->n)
		return OK;
	struct batch *b = pool_batch(l->pool);
	enum rc rc = OK;
	if (!b || !bytes_ok(&l->keys) || (l->diff && !put_kinds(l, b)))
		rc = ERR(e, E_NO_MEMORY, "no memory to write rows");
	if (rc == OK)
		rc = put_keys(l, b, e);
	if (rc == OK && ((l->diff && !put_values(l, b, 0)) || !put_values(l, b, 1)))
		rc = ERR(e, E_NO_MEMORY, "no memory to write rows");
	if (rc == OK) {
		b->rows = l->n;
		rc = write_batch(l, b, e);
	}
	batch_drop(&b);
	bytes_clear(&l->keys);
	l->n = 0;
	return rc;
}

RC state_lines_put(struct state_lines *l, enum diff_kind kind, const struct inspect_row *was,
		   const struct inspect_row *is, struct err *e)
{
	const struct inspect_row *key = is ? is : was;
	/* A batch's texts stand in one buffer. */
	if ((l->n == BATCH_ROWS || (l->n && l->keys.len + key->key_len > TEXT_BYTES)) &&
	    flush(l, e) != OK)
		return e->code;
	bytes_put(&l->keys, key->key, key->key_len);
	l->end[l->n] = (uint32_t)l->keys.len;
	l->kind[l->n] = (uint8_t)kind;
	memset(l->value[0][l->n], 0, sizeof l->value[0][0]);
	memset(l->value[1][l->n], 0, sizeof l->value[1][0]);
	if (was)
		memcpy(l->value[0][l->n], was->value, l->s.shape.value_bytes);
	if (is)
		memcpy(l->value[1][l->n], is->value, l->s.shape.value_bytes);
	l->n++;
	l->lines++;
	return OK;
}

RC state_lines_end(struct state_lines *l, struct err *e)
{
	return flush(l, e);
}
