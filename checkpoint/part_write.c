/* part_write.c - the writer of a part file. See part.h; part_read.c reads what stands here.
 * Bytes go out in order, each once, so the whole-file hash is kept as they go. */
#include "base/check.h"
#include "base/hash.h"
#include "base/planted.h"
#include "checkpoint/part.h"
#include "checkpoint/part_format.h"

struct open_section {
	uint32_t no, n_blocks;
	uint64_t rows, raw_bytes, disk_bytes, last_hash;
	struct packer_rest rest;
	struct bytes index;
};

struct part_writer {
	struct checksum sum; /* first: it wants its alignment */
	struct mem *mem;
	struct packer packer;
	struct part_name as;
	char name[LAYOUT_NAME_MAX + 1];
	struct storage parts;
	struct object object;
	bool exists, finished;
	uint32_t n_ended;
	struct open_section *open; /* a subtask's states: few, so found by looking at each */
	uint32_t n_open, cap_open;
	struct bytes pending; /* not yet handed to the file system */
	uint64_t written;
	enum rc failed; /* the first error, with its text: it stands (inv 32) */
	struct err why;
};

struct storage parts_in(struct fs *fs, const char *dir)
{
	return storage_dir(fs, dir, LAYOUT_PARTS);
}

enum rc part_writer_open(struct part_writer **out, struct mem *mem,
			 const struct part_writer_options *o, struct err *e)
{
	*out = NULL;
	struct part_writer *w = mem_get_aligned(mem, 64, sizeof *w);
	if (!w)
		return ERR(e, E_NO_MEMORY, "no memory for a part file's writer");
	memset(w, 0, sizeof *w);
	w->mem = mem;
	w->parts = o->parts;
	w->object = OBJECT_CLOSED;
	w->as = o->name;
	bytes_init(&w->pending, mem);
	enum rc rc = packer_init(&w->packer, mem, o->codec, e);
	if (rc != OK)
		goto fail;
	layout_part(w->name, &w->as);
	checksum_begin(&w->sum);
	*out = w;
	return OK;
fail:
	part_writer_close(w);
	return rc;
}

/* Keeps the first error and hands it on. */
static enum rc part_failed(struct part_writer *w, enum rc rc, struct err *why, struct err *e)
{
	w->failed = rc;
	w->why = *why;
	return ERR(e, rc, "%s", why->text);
}

static enum rc already_failed(struct part_writer *w, struct err *e)
{
	return ERR(e, w->failed, "%s", w->why.text);
}

static enum rc part_begin(struct part_writer *w, struct err *e)
{
	if (w->exists)
		return OK;
	enum rc rc = storage_create(w->parts, w->name, &w->object, e);
	if (rc != OK)
		return rc;
	w->exists = true;
	struct bytes *to = &w->pending;
	size_t start = to->len;
	bytes_put(to, part_magic, 8);
	bytes_put_u16(to, PART_VERSION);
	bytes_put_u16(to, PART_BYTE_ORDER);
	bytes_put_u32(to, PART_HEADER);
	bytes_put_u32(to, w->as.lineage);
	bytes_put_u32(to, w->as.attempt);
	bytes_put_u64(to, w->as.epoch);
	bytes_put_u64(to, w->as.checkpoint_id);
	bytes_put_u32(to, w->as.merge);
	bytes_put_u32(to, 0);
	bytes_put_u64(to, 0); /* required features */
	if (bytes_ok(to))
		bytes_put_u64(to, checksum64(to->data + start, PART_HEADER - 8));
	return bytes_ok(to) ? OK : ERR(e, E_NO_MEMORY, "%s: no memory", w->name);
}

/* Hands whole pieces to the file system; with all, the rest too. */
static enum rc part_flush(struct part_writer *w, bool all, struct err *e)
{
	size_t done = 0;
	while (w->pending.len - done >= PART_WRITE_MAX || (all && w->pending.len > done)) {
		size_t n = w->pending.len - done;
		n = n < PART_WRITE_MAX ? n : PART_WRITE_MAX;
		enum rc rc = object_write(&w->object, w->pending.data + done, n, w->written, e);
		if (rc != OK)
			return rc;
		checksum_add(&w->sum, w->pending.data + done, n);
		w->written += n;
		done += n;
	}
	if (done) {
		memmove(w->pending.data, w->pending.data + done, w->pending.len - done);
		w->pending.len -= done;
	}
	return OK;
}

static struct open_section *find_open(struct part_writer *w, uint32_t no)
{
	for (uint32_t i = 0; i < w->n_open; i++)
		if (w->open[i].no == no)
			return &w->open[i];
	if (w->n_open == w->cap_open) {
		uint32_t cap = w->cap_open ? w->cap_open * 2 : 8;
		struct open_section *grown = mem_resize(w->mem, w->open, cap * sizeof *grown);
		if (!grown)
			return NULL;
		w->open = grown;
		w->cap_open = cap;
	}
	struct open_section *s = &w->open[w->n_open++];
	*s = (struct open_section){.no = no};
	bytes_init(&s->index, w->mem);
	return s;
}

static void index_put(struct bytes *to, uint64_t offset, const struct block *b)
{
	bytes_put_u64(to, offset);
	bytes_put_u32(to, b->packed_len);
	bytes_put_u32(to, b->raw_len);
	bytes_put_u32(to, b->rows);
	bytes_put_u32(to, (uint32_t)b->codec); /* one byte, and three of zero */
	bytes_put_u64(to, b->first_hash);
	bytes_put_u64(to, b->last_hash);
	bytes_put_u64(to, b->checksum);
}

static enum rc append(struct part_writer *w, struct block *b, const void *raw, size_t raw_len,
		      struct err *e)
{
	struct open_section *s = find_open(w, b->section_no);
	if (!s)
		return ERR(e, E_NO_MEMORY, "%s: no memory for a section", w->name);
	CHECK(b->first_hash <= b->last_hash && b->first_hash >= s->last_hash);
	enum rc rc = part_begin(w, e);
	if (rc != OK)
		return rc;
	uint64_t offset = part_bytes(w);
	rc = block_pack(&w->packer, &s->rest, b, raw, raw_len, &w->pending, e);
	if (rc != OK)
		return rc;
	index_put(&s->index, offset, b);
	if (!bytes_ok(&s->index))
		return ERR(e, E_NO_MEMORY, "%s: no memory for an index", w->name);
	s->n_blocks++;
	s->rows += b->rows;
	s->raw_bytes += raw_len;
	s->disk_bytes += BLOCK_HEADER + b->packed_len;
	s->last_hash = b->last_hash;
	return part_flush(w, false, e);
}

enum rc part_append(struct part_writer *w, uint32_t section_no, const void *raw, size_t raw_len,
		    uint32_t rows, uint64_t first_hash, uint64_t last_hash, struct err *e)
{
	CHECK(!w->finished && raw_len);
	if (w->failed != OK)
		return already_failed(w, e);
	struct err why = {OK};
	struct block b = {.section_no = section_no, .rows = rows, .first_hash = first_hash,
			  .last_hash = last_hash};
	enum rc rc = append(w, &b, raw, raw_len, &why);
	return rc == OK ? OK : part_failed(w, rc, &why, e);
}

static enum rc end_section(struct part_writer *w, struct open_section *s,
			   const struct section *head, struct section_ref *ref, struct err *e)
{
	enum rc rc = part_begin(w, e);
	if (rc != OK)
		return rc;
	struct bytes *to = &w->pending;
	size_t start = to->len;
	uint64_t offset = part_bytes(w);
	bytes_put(to, record_magic, 4);
	bytes_put_u32(to, 0); /* length, checksum: when they are known */
	bytes_put_u64(to, 0);
	bytes_put_u32(to, s->no);
	bytes_put_u32(to, 0); /* length of the section header, too */
	bytes_put_u32(to, s->n_blocks);
	bytes_put_u32(to, 0);
	bytes_put_u64(to, s->rows);
	bytes_put_u64(to, s->raw_bytes);
	section_put(to, head);
	size_t header = to->len - start - RECORD_FIXED;
	bytes_put(to, s->index.data, s->index.len);
	if (!bytes_ok(to))
		return ERR(e, E_NO_MEMORY, "%s: no memory for an index", w->name);
	size_t length = to->len - start;
	if (length > RECORD_MAX)
		return ERR(e, E_LIMIT, "%s: a section of %u blocks is too long", w->name,
			   s->n_blocks);
	uint32_t length32 = (uint32_t)length, header32 = (uint32_t)header;
	memcpy(to->data + start + 4, &length32, 4);
	memcpy(to->data + start + 20, &header32, 4);
	uint64_t sum = checksum64(to->data + start + 16, length - 16);
	memcpy(to->data + start + 8, &sum, 8);
	*ref = (struct section_ref){.offset = offset, .length = length32, .checksum = sum,
				    .rows = s->rows, .bytes = s->disk_bytes + length};
	w->n_ended++;
	bytes_close(&s->index);
	*s = w->open[--w->n_open];
	return part_flush(w, false, e);
}

enum rc part_end_section(struct part_writer *w, uint32_t section_no, const struct section *head,
			 struct section_ref *ref, struct err *e)
{
	CHECK(!w->finished);
	*ref = (struct section_ref){0};
	if (w->failed != OK)
		return already_failed(w, e);
	struct err why = {OK};
	struct open_section *s = find_open(w, section_no);
	enum rc rc = s ? end_section(w, s, head, ref, &why)
		       : ERR(&why, E_NO_MEMORY, "%s: no memory for a section", w->name);
	return rc == OK ? OK : part_failed(w, rc, &why, e);
}

static enum rc put_end(struct part_writer *w, struct err *e)
{
	uint64_t length = part_bytes(w) + PART_END;
	struct bytes *to = &w->pending;
	size_t start = to->len;
	bytes_put(to, end_magic, 8);
	bytes_put_u32(to, w->n_ended);
	bytes_put_u32(to, 0);
	bytes_put_u64(to, length);
	bytes_put_u64(to, 0);
	if (bytes_ok(to))
		bytes_put_u64(to, checksum64(to->data + start, PART_END - 8));
	if (!bytes_ok(to))
		return ERR(e, E_NO_MEMORY, "%s: no memory", w->name);
	return part_flush(w, true, e);
}

enum rc part_finish(struct part_writer *w, struct part_file *file, struct err *e)
{
	CHECK(!w->finished);
	*file = (struct part_file){.epoch = w->as.epoch};
	memcpy(file->name, w->name, sizeof file->name);
	if (w->failed != OK)
		return already_failed(w, e);
	CHECK(!w->n_open);
	w->finished = true;
	if (!w->exists)
		return OK;
	struct err why = {OK};
	enum rc rc = put_end(w, &why);
	if (rc != OK)
		return part_failed(w, rc, &why, e);
	file->length = w->written;
	file->hash = checksum_end(&w->sum);
	return OK;
}

enum rc part_seal(struct part_writer *w, struct err *e)
{
	if (w->failed != OK)
		return already_failed(w, e);
	CHECK(w->finished);
	if (w->object.handle < 0)
		return OK;
	struct err why = {OK};
	enum rc rc = object_sync(&w->object, &why);
	if (rc != OK && PLANTED(failed_sync_is_tried_again))
		rc = object_sync(&w->object, &why);
	if (rc == OK)
		rc = object_close(&w->object, &why);
	return rc == OK ? OK : part_failed(w, rc, &why, e);
}

void part_writer_close(struct part_writer *w)
{
	if (!w)
		return;
	(void)!object_close(&w->object, NULL); /* sealed already, or abandoned */
	for (uint32_t i = 0; i < w->n_open; i++)
		bytes_close(&w->open[i].index);
	mem_put(w->mem, w->open);
	bytes_close(&w->pending);
	packer_close(&w->packer);
	mem_put(w->mem, w);
}

bool part_exists(const struct part_writer *w)
{
	return w->exists;
}

const char *part_writer_name(const struct part_writer *w)
{
	return w->name;
}

struct object part_object(const struct part_writer *w)
{
	return w->object;
}

uint64_t part_written_bytes(const struct part_writer *w)
{
	return w->written;
}

uint64_t part_bytes(const struct part_writer *w)
{
	return w->written + w->pending.len;
}
