/* part.h - the one file with every subtask's sections of a checkpoint: its writer and its reader.
 * Why one file: a checkpoint costs two fsyncs and two names, not thousands.
 * Writing: blocks of many sections interleaved as they come; a section's header and index follow
 * its last block, so nothing is known in advance and nothing is seeked back to.
 *   part_writer_open -> part_append* / part_end_section* -> part_finish -> part_seal -> close
 * Reading: by a section's reference from the manifest; the record is verified, then each block.
 * Memory: one write buffer and the indexes; a reader holds an index and one block.
 * Layout: docs/FORMAT.md, "Part file".
 * Threads: append, end_section and finish on the bytes lane; seal, and object_sync of part_object
 * while the bytes lane goes on writing, on the durability lane. A reader has one owner: threads
 * that read one file in parallel open it each for itself. */
#pragma once
#include "checkpoint/block.h"
#include "checkpoint/layout.h"
#include "checkpoint/section.h"
#include "checkpoint/storage.h"

#define PART_WRITE_MAX (256u << 10) /* bytes a single write carries at most */
#define PART_SYNC_EVERY (4u << 20)  /* bytes after which the durability lane should fdatasync */

/* A file as the manifest lists it. */
struct part_file {
	char name[LAYOUT_NAME_MAX + 1]; /* in parts/ */
	uint64_t length, hash;          /* hash: checksum over the whole file */
	uint64_t epoch;                 /* that wrote it */
};

/* The part files of a directory. */
struct storage parts_in(struct fs *fs, const char *dir);

/* --- writing --- */
struct part_writer;
struct part_writer_options {
	struct storage parts; /* its paths are borrowed until the first block */
	struct part_name name;
	enum codec codec;
};
/* Nothing is on disk until the first block. */
RC part_writer_open(struct part_writer **w, struct mem *mem, const struct part_writer_options *o,
		    struct err *e);
/* Adds a block to section section_no, a number of the caller's choice, unique within the part.
 * Borrows raw (1 to BLOCK_RAW_MAX bytes) during the call. Blocks of one section must rise in hash.
 * The first error stands: every later call returns it, and the file is abandoned (inv 32). */
RC part_append(struct part_writer *w, uint32_t section_no, const void *raw, size_t raw_len,
	       uint32_t rows, uint64_t first_hash, uint64_t last_hash, struct err *e);
/* Writes head and index after the section's last block. ref->file is left 0: the manifest's maker
 * sets it. Legal without blocks (an empty section). */
RC part_end_section(struct part_writer *w, uint32_t section_no, const struct section *head,
		    struct section_ref *ref, struct err *e);
/* CHECKs that every section was ended; writes the end mark and what is still buffered. When nothing
 * was ever appended there is no file: file->length is 0. */
RC part_finish(struct part_writer *w, struct part_file *file, struct err *e);
/* Durability lane: fsync and close, both looked at. The folder is synced by store_publish. */
RC part_seal(struct part_writer *w, struct err *e);
/* Legal at any time and on NULL; an unsealed file is closed and stays (store_discard names it). */
void part_writer_close(struct part_writer *w);

bool part_exists(const struct part_writer *w);            /* a file was created */
const char *part_writer_name(const struct part_writer *w); /* in parts/ */
struct object part_object(const struct part_writer *w);   /* for object_sync; maybe closed */
uint64_t part_written_bytes(const struct part_writer *w); /* handed to the file system so far */
uint64_t part_bytes(const struct part_writer *w);         /* that, and what is buffered */

/* --- reading --- */
struct part_reader;
/* E_CORRUPT naming the file: missing, of another length, or its header is not the name's. */
RC part_reader_open(struct part_reader **r, struct storage parts, struct mem *mem,
		    const struct part_file *file, struct err *e);
void part_reader_close(struct part_reader *r); /* legal on NULL; after its sections */

/* One block's raw bytes: borrowed until the next section_next or close. */
struct block_view {
	const uint8_t *raw; /* NULL: the section is at its end */
	size_t len;
	uint32_t rows;
	uint64_t first_hash, last_hash;
};
struct section_reader;
/* Verifies header and index against ref; blocks follow, only those that may hold a hash within
 * [hash_first, hash_last] (0, UINT64_MAX: all). Rows outside may still stand in them. */
RC section_open(struct section_reader **s, struct part_reader *r, const struct section_ref *ref,
		uint64_t hash_first, uint64_t hash_last, struct err *e);
/* The same over a section that stands in the manifest (borrowed): one block, verified with it. */
RC section_open_inline(struct section_reader **s, struct mem *mem, const void *data, size_t len,
		       uint64_t rows, uint64_t hash_first, uint64_t hash_last, struct err *e);
/* The header, or NULL of an inline section (its facts stand in the manifest). Borrowed. */
const struct section *section_head(const struct section_reader *s);
size_t section_blocks(const struct section_reader *s);
/* Blocks that hold only hashes below this are not wanted any more: section_next passes over them
 * unread. Never goes back. */
void section_skip_to(struct section_reader *s, uint64_t hash_first);
/* Reads, verifies and unpacks the next block in range. E_CORRUPT names file and offset; the next
 * call goes on behind that block. */
RC section_next(struct section_reader *s, struct block_view *b, struct err *e);
/* In any order instead (not mixed with section_next): the first block that may hold this hash or
 * one above; section_blocks(s): none. */
size_t section_seek(const struct section_reader *s, uint64_t hash);
uint64_t section_first_hash(const struct section_reader *s, size_t i); /* of block i */
/* Block i, as section_next gives it, but unpacked into raw (the caller's, initialised). */
RC section_block(struct section_reader *s, size_t i, struct bytes *raw, struct block_view *b,
		 struct err *e);
void section_close(struct section_reader *s); /* legal on NULL */
