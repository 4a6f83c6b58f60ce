/* block.h - one checksummed, perhaps compressed piece of a section: the door of lz4.
 * Why blocks: many sections are written at once into one part file, in pieces that stand between
 * each other; each piece is found by its section's index and verified alone.
 * Layout: docs/FORMAT.md, "Block".
 * Threads: a packer has one owner (the bytes lane); block_unpack is pure. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

#define BLOCK_HEADER 48
/* No declared length beyond this is believed (inv 34). A row must fit; by feel twice the largest
 * record. Writers aim at BLOCK_TARGET. */
#define BLOCK_RAW_MAX (32u << 20)
#define BLOCK_TARGET (128u << 10)

/* What the job asks for; on disk LZ4HC is LZ4. */
enum codec { CODEC_NONE = 0, CODEC_LZ4 = 1, CODEC_LZ4HC = 2 };

struct block {
	uint32_t section_no; /* which section of its part */
	uint32_t rows;
	uint32_t raw_len, packed_len;
	uint64_t first_hash, last_hash; /* of its rows; 0, 0 where rows have no hash */
	uint64_t checksum;
	enum codec codec; /* CODEC_NONE or CODEC_LZ4: of this block */
};

/* Scratch memory of the compressor, got once. */
struct packer {
	struct mem *mem;
	void *lz4;
	enum codec codec;
};

/* How many further blocks of one kind are stored as they are, because the last one that was tried
 * was hardly worth compressing. Zeroed: try. */
struct packer_rest {
	uint32_t blocks;
};
RC packer_init(struct packer *p, struct mem *mem, enum codec codec, struct err *e);
void packer_close(struct packer *p); /* legal on the empty value */

/* Appends header and payload to `to`: compressed if that is shorter, raw otherwise. b gives
 * section_no, rows, first_hash, last_hash; the rest of b is filled in. raw_len <= BLOCK_RAW_MAX.
 * With CODEC_LZ4, most blocks like one that did not become a quarter shorter are not tried: rest
 * belongs to blocks that are alike (NULL: each is tried). */
RC block_pack(struct packer *p, struct packer_rest *rest, struct block *b, const void *raw,
	      size_t raw_len, struct bytes *to, struct err *e);

/* Verifies len bytes as exactly one block that equals *want in every field (the index said so),
 * and puts its raw bytes into raw (cleared first). E_CORRUPT. */
RC block_unpack(const void *data, size_t len, const struct block *want, struct bytes *raw,
		struct err *e);

/* Only the checks: for those who verify and do not read. */
RC block_verify(const void *data, size_t len, const struct block *want, struct err *e);
