/* part_read.c - the reader of a part file. See part.h; part_write.c writes what is read here.
 * Nothing is believed: lengths are held against the file before they are used, and every byte that
 * is handed out was under a checksum that the manifest vouches for. */
#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/part.h"
#include "checkpoint/part_format.h"

struct part_reader {
	struct mem *mem;
	struct object object;
	struct part_file file;
	char path[LAYOUT_PATH_MAX];
};

struct entry {
	uint64_t offset;
	struct block block;
};

struct section_reader {
	struct mem *mem;
	struct part_reader *part; /* NULL: inline */
	struct section head;
	struct entry *entry;
	size_t n, at;
	uint64_t hash_first, hash_last;
	struct bytes packed, raw;
	struct block_view whole; /* of an inline section, until it was handed out */
};

/* Exactly len bytes at off, or an error that names the file. */
static enum rc read_at(struct part_reader *r, void *to, size_t len, uint64_t off, struct err *e)
{
	size_t got;
	enum rc rc = object_read(&r->object, to, len, off, &got, e);
	if (rc == OK && got != len)
		rc = ERR(e, E_CORRUPT, "'%s' ends before byte %llu", r->path,
			 (unsigned long long)(off + len));
	return rc;
}

static enum rc check_header(struct part_reader *r, struct err *e)
{
	uint8_t h[PART_HEADER];
	enum rc rc = read_at(r, h, sizeof h, 0, e);
	if (rc != OK)
		return rc;
	if (memcmp(h, part_magic, 8))
		return ERR(e, E_CORRUPT, "'%s' is not a part file", r->path);
	if (load_u64(h + 56) != checksum64(h, 56))
		return ERR(e, E_CORRUPT, "'%s': its header does not fit its checksum", r->path);
	struct reader at = reader_of(h + 8, sizeof h - 8);
	uint32_t version = reader_u16(&at), order = reader_u16(&at), length = reader_u32(&at);
	if (version != PART_VERSION)
		return ERR(e, E_REFUSED, "'%s' has format %u; this weir reads %d", r->path, version,
			   PART_VERSION);
	struct part_name is = {.lineage = reader_u32(&at), .attempt = reader_u32(&at)};
	is.epoch = reader_u64(&at);
	is.checkpoint_id = reader_u64(&at);
	is.merge = reader_u32(&at);
	uint32_t zero = reader_u32(&at);
	uint64_t features = reader_u64(&at);
	if (features)
		return ERR(e, E_REFUSED, "'%s' needs feature %d, which this weir does not have",
			   r->path, __builtin_ctzll(features));
	char name[LAYOUT_NAME_MAX + 1];
	layout_part(name, &is);
	if (order != PART_BYTE_ORDER || length != PART_HEADER || zero || strcmp(name, r->file.name))
		return ERR(e, E_CORRUPT, "'%s': its header is another file's ('%s')", r->path, name);
	return OK;
}

static enum rc check_end(struct part_reader *r, struct err *e)
{
	uint8_t t[PART_END];
	enum rc rc = read_at(r, t, sizeof t, r->file.length - PART_END, e);
	if (rc != OK)
		return rc;
	if (memcmp(t, end_magic, 8) || load_u64(t + 32) != checksum64(t, 32) ||
	    load_u64(t + 16) != r->file.length || load_u32(t + 12) || load_u64(t + 24))
		return ERR(e, E_CORRUPT, "'%s': its end mark cannot be read", r->path);
	return OK;
}

enum rc part_reader_open(struct part_reader **out, struct storage parts, struct mem *mem,
			 const struct part_file *file, struct err *e)
{
	*out = NULL;
	struct part_reader *r = mem_get(mem, sizeof *r);
	if (!r)
		return ERR(e, E_NO_MEMORY, "no memory for a part file's reader");
	r->mem = mem;
	r->object = OBJECT_CLOSED;
	r->file = *file;
	struct err why = {OK};
	uint64_t size_bytes = 0;
	enum rc rc = storage_path(parts, file->name, r->path, &why);
	if (rc == OK)
		rc = storage_open(parts, file->name, &r->object, &size_bytes, &why);
	if (rc == E_NOT_FOUND)
		rc = ERR(e, E_CORRUPT, "'%s' is missing", r->path);
	else if (rc != OK)
		rc = ERR(e, rc, "%s", why.text);
	if (rc == OK && (size_bytes != file->length || file->length < PART_HEADER + PART_END))
		rc = ERR(e, E_CORRUPT, "'%s' has %llu bytes, the manifest says %llu", r->path,
			 (unsigned long long)size_bytes, (unsigned long long)file->length);
	if (rc == OK)
		rc = check_header(r, e);
	if (rc == OK)
		rc = check_end(r, e);
	if (rc != OK)
		goto fail;
	*out = r;
	return OK;
fail:
	part_reader_close(r);
	return rc;
}

void part_reader_close(struct part_reader *r)
{
	if (!r)
		return;
	(void)!object_close(&r->object, NULL); /* nothing was written */
	mem_put(r->mem, r);
}

/* One entry; false when it cannot be: `after` is where it may begin at the earliest. */
static bool entry_get(struct reader *at, struct entry *t, uint32_t section_no, uint64_t after,
		      uint64_t before, uint64_t last_hash)
{
	struct block *b = &t->block;
	t->offset = reader_u64(at);
	b->section_no = section_no;
	b->packed_len = reader_u32(at);
	b->raw_len = reader_u32(at);
	b->rows = reader_u32(at);
	b->codec = reader_u32(at);
	b->first_hash = reader_u64(at);
	b->last_hash = reader_u64(at);
	b->checksum = reader_u64(at);
	return !at->failed && t->offset >= after && t->offset <= before &&
	       before - t->offset >= (uint64_t)BLOCK_HEADER + b->packed_len &&
	       b->raw_len && b->raw_len <= BLOCK_RAW_MAX && b->packed_len <= b->raw_len &&
	       b->codec <= CODEC_LZ4 && (b->codec == CODEC_LZ4 || b->packed_len == b->raw_len) &&
	       b->first_hash <= b->last_hash && b->first_hash >= last_hash;
}

static enum rc read_index(struct section_reader *s, struct reader *at, uint32_t section_no,
			  uint64_t raw_bytes, const struct section_ref *ref, struct err *e)
{
	uint64_t after = PART_HEADER, last_hash = 0, rows = 0, raw = 0, bytes = ref->length;
	for (size_t i = 0; i < s->n; i++) {
		struct entry *t = &s->entry[i];
		if (!entry_get(at, t, section_no, after, ref->offset, last_hash))
			return ERR(e, E_CORRUPT, "the index of a section cannot be");
		after = t->offset + BLOCK_HEADER + t->block.packed_len;
		last_hash = t->block.last_hash;
		rows += t->block.rows;
		raw += t->block.raw_len;
		bytes += BLOCK_HEADER + t->block.packed_len;
	}
	if (rows != ref->rows || bytes != ref->bytes || raw != raw_bytes)
		return ERR(e, E_CORRUPT, "a section has %llu rows in %llu bytes, the manifest says "
			   "%llu in %llu", (unsigned long long)rows, (unsigned long long)bytes,
			   (unsigned long long)ref->rows, (unsigned long long)ref->bytes);
	return OK;
}

/* data: the whole record. */
static enum rc read_record(struct section_reader *s, const uint8_t *data,
			   const struct section_ref *ref, struct err *e)
{
	if (memcmp(data, record_magic, 4) || load_u32(data + 4) != ref->length ||
	    load_u64(data + 8) != ref->checksum ||
	    checksum64(data + 16, ref->length - 16) != ref->checksum)
		return ERR(e, E_CORRUPT, "a section is not the one the manifest names");
	struct reader at = reader_of(data + 16, ref->length - 16);
	uint32_t no = reader_u32(&at), header = reader_u32(&at), n = reader_u32(&at);
	uint32_t zero = reader_u32(&at);
	uint64_t rows = reader_u64(&at);
	uint64_t raw_bytes = reader_u64(&at);
	if (zero || rows != ref->rows ||
	    (uint64_t)RECORD_FIXED + header + (uint64_t)n * INDEX_ENTRY != ref->length)
		return ERR(e, E_CORRUPT, "the lengths of a section cannot be");
	struct reader head = reader_of(at.at, header);
	(void)reader_take(&at, header);
	enum rc rc = section_get(&head, &s->head, e);
	if (rc != OK)
		return rc;
	if (reader_left(&head))
		return ERR(e, E_CORRUPT, "a section header is longer than what it says");
	s->n = n;
	s->entry = mem_get(s->mem, n * sizeof *s->entry);
	if (!s->entry)
		return ERR(e, E_NO_MEMORY, "no memory for an index of %u blocks", n);
	return read_index(s, &at, no, raw_bytes, ref, e);
}

static enum rc reader_new(struct section_reader **out, struct mem *mem, uint64_t hash_first,
			  uint64_t hash_last, struct err *e)
{
	*out = mem_get(mem, sizeof **out);
	if (!*out)
		return ERR(e, E_NO_MEMORY, "no memory for a section's reader");
	**out = (struct section_reader){
		.mem = mem, .hash_first = hash_first, .hash_last = hash_last};
	bytes_init(&(*out)->packed, mem);
	bytes_init(&(*out)->raw, mem);
	return OK;
}

enum rc section_open(struct section_reader **out, struct part_reader *r,
		     const struct section_ref *ref, uint64_t hash_first, uint64_t hash_last,
		     struct err *e)
{
	*out = NULL;
	uint64_t end = r->file.length - PART_END;
	if (ref->offset < PART_HEADER || ref->offset > end || ref->length > end - ref->offset ||
	    ref->length < RECORD_FIXED || ref->length > RECORD_MAX)
		return ERR(e, E_CORRUPT, "'%s': a section does not stand within the file", r->path);
	struct section_reader *s;
	enum rc rc = reader_new(&s, r->mem, hash_first, hash_last, e);
	if (rc != OK)
		return rc;
	s->part = r;
	if (!bytes_reserve(&s->packed, ref->length))
		rc = ERR(e, E_NO_MEMORY, "no memory for an index of %u bytes", ref->length);
	else
		rc = read_at(r, s->packed.data, ref->length, ref->offset, e);
	if (rc != OK)
		goto fail;
	rc = read_record(s, s->packed.data, ref, e);
	if (rc != OK) {
		err_in(e, "'%s', byte %llu", r->path, (unsigned long long)ref->offset);
		goto fail;
	}
	*out = s;
	return OK;
fail:
	section_close(s);
	return rc;
}

enum rc section_open_inline(struct section_reader **out, struct mem *mem, const void *data,
			    size_t len, uint64_t rows, uint64_t hash_first, uint64_t hash_last,
			    struct err *e)
{
	enum rc rc = reader_new(out, mem, 0, UINT64_MAX, e);
	if (rc == OK)
		(*out)->whole = (struct block_view){.raw = data, .len = len, .rows = (uint32_t)rows,
						    .first_hash = hash_first, .last_hash = hash_last};
	return rc;
}

const struct section *section_head(const struct section_reader *s)
{
	return s->part ? &s->head : NULL;
}

size_t section_blocks(const struct section_reader *s)
{
	return s->part ? s->n : 1;
}

static enum rc read_block(struct section_reader *s, const struct entry *t, struct bytes *raw,
			  struct err *e)
{
	size_t len = BLOCK_HEADER + t->block.packed_len;
	bytes_clear(&s->packed);
	if (!bytes_reserve(&s->packed, len))
		return ERR(e, E_NO_MEMORY, "no memory for a block of %zu bytes", len);
	enum rc rc = read_at(s->part, s->packed.data, len, t->offset, e);
	if (rc != OK)
		return rc;
	rc = block_unpack(s->packed.data, len, &t->block, raw, e);
	if (rc != OK)
		err_in(e, "'%s', byte %llu", s->part->path, (unsigned long long)t->offset);
	return rc;
}

static struct block_view view_of(const struct entry *t, const struct bytes *raw)
{
	return (struct block_view){.raw = raw->data, .len = raw->len, .rows = t->block.rows,
				   .first_hash = t->block.first_hash,
				   .last_hash = t->block.last_hash};
}

size_t section_seek(const struct section_reader *s, uint64_t hash)
{
	size_t from = 0, to = s->n;
	if (!s->part)
		return hash > s->whole.last_hash;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (s->entry[mid].block.last_hash < hash)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

uint64_t section_first_hash(const struct section_reader *s, size_t i)
{
	return s->part ? s->entry[i].block.first_hash : s->whole.first_hash;
}

enum rc section_block(struct section_reader *s, size_t i, struct bytes *raw, struct block_view *b,
		      struct err *e)
{
	CHECK(i < section_blocks(s));
	*b = s->whole;
	if (!s->part)
		return OK;
	enum rc rc = read_block(s, &s->entry[i], raw, e);
	if (rc == OK)
		*b = view_of(&s->entry[i], raw);
	return rc;
}

void section_skip_to(struct section_reader *s, uint64_t hash_first)
{
	if (hash_first > s->hash_first)
		s->hash_first = hash_first;
}

enum rc section_next(struct section_reader *s, struct block_view *b, struct err *e)
{
	if (!s->part) {
		*b = s->whole;
		s->whole.raw = NULL;
		return OK;
	}
	*b = (struct block_view){0};
	while (s->at < s->n && s->entry[s->at].block.last_hash < s->hash_first)
		s->at++;
	if (s->at == s->n || s->entry[s->at].block.first_hash > s->hash_last)
		return OK;
	const struct entry *t = &s->entry[s->at++];
	enum rc rc = read_block(s, t, &s->raw, e);
	if (rc != OK)
		return rc;
	*b = view_of(t, &s->raw);
	return OK;
}

void section_close(struct section_reader *s)
{
	if (!s)
		return;
	mem_put(s->mem, s->entry);
	bytes_close(&s->packed);
	bytes_close(&s->raw);
	mem_put(s->mem, s);
}
