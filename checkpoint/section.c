/* section.c - see section.h. encode and decode are neighbours: each _put has its _get below it. */
#include "checkpoint/section.h"

#include "base/check.h"

enum { HEADER_VERSION = 1, NULLABLE = 1 };

/* In the format a type is its number here plus one. */
_Static_assert(T_BOOL == 0 && T_INT64 == 1 && T_FLOAT64 == 2 && T_STRING == 3 && T_TIMESTAMP == 4,
	       "types are frozen in docs/FORMAT.md");

static const char *const kind_names[SECTION_KINDS] = {
	[SECTION_KEYED] = "keyed",       [SECTION_TIMERS] = "timers",
	[SECTION_SPLITS] = "splits",     [SECTION_COUNTERS] = "counters",
	[SECTION_INTENTS] = "intents",   [SECTION_OPERATOR] = "operator",
};

const char *section_kind_name(enum section_kind k)
{
	return k >= SECTION_KEYED && k < SECTION_KINDS ? kind_names[k] : "?";
}

bool section_kind_parse(const char *name, enum section_kind *k)
{
	for (int i = SECTION_KEYED; i < SECTION_KINDS; i++)
		if (!strcmp(name, kind_names[i])) {
			*k = (enum section_kind)i;
			return true;
		}
	return false;
}

static void text_put(struct bytes *to, const char *text)
{
	size_t len = strlen(text);
	CHECK(len <= SECTION_NAME_MAX);
	bytes_put_u16(to, (uint16_t)len);
	bytes_put(to, text, len);
}

/* Reads len bytes as text into a buffer of size, refusing what a C string cannot hold. */
static bool text_take(struct reader *r, char *text, size_t size, size_t len)
{
	const uint8_t *p = len < size ? reader_take(r, len) : NULL;
	if (!p || memchr(p, 0, len)) {
		r->failed = true;
		return false;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	return true;
}

static void text_get(struct reader *r, char text[SECTION_NAME_MAX + 1])
{
	size_t len = reader_u16(r);
	if (len && text_take(r, text, SECTION_NAME_MAX + 1, len))
		return;
	text[0] = '\0';
}

static void schema_put(struct bytes *to, const struct schema *s)
{
	CHECK(s->n <= FIELDS_MAX);
	bytes_put_u16(to, (uint16_t)s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct field *f = &s->field[i];
		size_t len = strlen(f->name);
		CHECK(len && len <= FIELD_NAME_MAX);
		bytes_put_u8(to, (uint8_t)(f->type + 1));
		bytes_put_u8(to, f->nullable ? NULLABLE : 0);
		bytes_put_u16(to, (uint16_t)len);
		bytes_put(to, f->name, len);
	}
}

static void schema_get(struct reader *r, struct schema *s)
{
	uint32_t n = reader_u16(r);
	s->n = 0;
	if (n > FIELDS_MAX)
		r->failed = true;
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		struct field *f = &s->field[i];
		uint32_t type = reader_u8(r), flags = reader_u8(r);
		size_t len = reader_u16(r);
		if (type < 1 || type > T_TIMESTAMP + 1 || flags > NULLABLE || !len ||
		    !text_take(r, f->name, sizeof f->name, len)) {
			r->failed = true;
			return;
		}
		f->type = (enum type)(type - 1);
		f->nullable = flags & NULLABLE;
		s->n++;
	}
}

void section_put(struct bytes *to, const struct section *s)
{
	CHECK(s->kind >= SECTION_KEYED && s->kind < SECTION_KINDS);
	bytes_put_u16(to, HEADER_VERSION);
	bytes_put_u8(to, (uint8_t)s->kind);
	bytes_put_u8(to, (uint8_t)s->codec);
	bytes_put_u32(to, s->row_ops);
	bytes_put_u32(to, s->state_version);
	bytes_put_u32(to, s->subtask);
	bytes_put_u32(to, s->lineage);
	bytes_put_u32(to, s->attempt);
	bytes_put_u64(to, s->epoch);
	bytes_put_u64(to, s->checkpoint_id);
	bytes_put_u64(to, s->base_id);
	bytes_put_u32(to, s->hash_id);
	bytes_put_u32(to, 0);
	bytes_put_u64(to, s->hash_first);
	bytes_put_u64(to, s->hash_last);
	bytes_put_u64(to, s->features);
	bytes_put_u64(to, 0); /* other features */
	text_put(to, s->stage);
	text_put(to, s->state);
	text_put(to, s->op_type);
	schema_put(to, &s->key);
	schema_put(to, &s->value);
}

enum rc section_get(struct reader *r, struct section *s, struct err *e)
{
	memset(s, 0, sizeof *s);
	uint32_t version = reader_u16(r);
	if (!r->failed && version != HEADER_VERSION)
		return ERR(e, version ? E_REFUSED : E_CORRUPT,
			   "a section header has format %u; this weir reads %d", version,
			   HEADER_VERSION);
	s->kind = reader_u8(r);
	s->codec = reader_u8(r);
	s->row_ops = reader_u32(r);
	s->state_version = reader_u32(r);
	s->subtask = reader_u32(r);
	s->lineage = reader_u32(r);
	s->attempt = reader_u32(r);
	s->epoch = reader_u64(r);
	s->checkpoint_id = reader_u64(r);
	s->base_id = reader_u64(r);
	s->hash_id = reader_u32(r);
	uint32_t zero = reader_u32(r);
	s->hash_first = reader_u64(r);
	s->hash_last = reader_u64(r);
	s->features = reader_u64(r);
	(void)reader_u64(r); /* other features: whoever does not know them ignores them */
	if (!r->failed && s->features)
		return ERR(e, E_REFUSED, "a section needs feature %d, which this weir does not have",
			   __builtin_ctzll(s->features));
	text_get(r, s->stage);
	text_get(r, s->state);
	text_get(r, s->op_type);
	schema_get(r, &s->key);
	schema_get(r, &s->value);
	if (r->failed || zero || s->kind < SECTION_KEYED || s->kind >= SECTION_KINDS ||
	    s->hash_first > s->hash_last || s->row_ops & ~(uint32_t)(ROWS_PUT | ROWS_DELETE))
		return ERR(e, E_CORRUPT, "a section header cannot be read");
	return OK;
}
