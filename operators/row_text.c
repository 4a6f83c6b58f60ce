/* row_text.c - see row_text.h. */
#include "operators/row_text.h"

#include "base/check.h"

enum { SPILL_KEPT = 1 << 20 }; /* a larger spill is given back after its record; by feel */

const struct row_format *row_format_find(const char *name)
{
	static const struct row_format *const formats[] = {&csv_format, &jsonl_format, &text_format};
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

bool row_names_make(struct row_names *n, const struct row_format *f, const struct schema *s,
		    struct mem *mem)
{
	*n = (struct row_names){0};
	if (!f->names)
		return true;
	f->names(n, s, mem);
	return bytes_ok(&n->text);
}

void row_names_close(struct row_names *n)
{
	if (n->text.mem)
		bytes_close(&n->text);
}

void rows_init(struct rows *r, const struct row_format *format, const struct row_names *names,
	       const char *prefix, struct mem *mem)
{
	*r = (struct rows){.format = format, .names = names, .prefix = prefix,
			   .prefix_len = strlen(prefix)};
	bytes_init(&r->spill, mem);
}

void rows_close(struct rows *r)
{
	if (r->spill.mem)
		bytes_close(&r->spill);
}

static char *row_put(const struct rows *r, char *to, const struct batch *b, uint32_t row)
{
	memcpy(to, r->prefix, r->prefix_len);
	return r->format->put(r->names, to + r->prefix_len, b, row);
}

/* Moves what the spill still holds; whether that was all of it. */
static bool spill_move(struct rows *r, uint8_t *buffer, size_t cap, size_t *used)
{
	size_t left = r->spill.len - r->spill_at, room = cap - *used;
	size_t n = left < room ? left : room;
	if (n)
		memcpy(buffer + *used, r->spill.data + r->spill_at, n);
	*used += n;
	r->spill_at += n;
	if (n < left)
		return false;
	r->spill_at = 0;
	bytes_clear(&r->spill);
	if (r->spill.cap > SPILL_KEPT)
		bytes_close(&r->spill);
	return true;
}

RC rows_fill(struct rows *r, const struct batch *b, uint8_t *buffer, size_t cap, size_t *used,
	     bool *all, struct err *e)
{
	uint32_t count = batch_count(b);
	*all = false;
	for (;;) {
		if (!spill_move(r, buffer, cap, used))
			return OK;
		if (r->at == count)
			break;
		if (r->format->some && !r->prefix_len) {
			char *to = (char *)buffer + *used;
			r->at += r->format->some(&to, (char *)buffer + cap, b, r->at);
			*used = (size_t)(to - (char *)buffer);
			if (r->at == count)
				break;
		}
		uint32_t row = b->selected ? b->sel[r->at] : r->at;
		size_t bound = r->prefix_len + r->format->bound(r->names, b, row);
		if (bound <= cap - *used) {
			char *to = (char *)buffer + *used;
			*used += (size_t)(row_put(r, to, b, row) - to);
		} else if (bound <= cap) {
			return OK;
		} else {
			if (!bytes_reserve(&r->spill, bound))
				return ERR(e, E_NO_MEMORY, "no memory for a record of %zu bytes", bound);
			char *to = (char *)r->spill.data;
			r->spill.len = (size_t)(row_put(r, to, b, row) - to);
		}
		r->at++;
	}
	r->at = 0;
	*all = true;
	return OK;
}
