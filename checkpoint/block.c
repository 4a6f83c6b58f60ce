/* block.c - see block.h: the door of lz4. encode and decode are neighbours. */
#include "checkpoint/block.h"

#include "base/check.h"
#include "base/hash.h"

#include <lz4.h>
#include <lz4hc.h>

_Static_assert(BLOCK_RAW_MAX <= LZ4_MAX_INPUT_SIZE, "a block fits LZ4's int lengths");

static const char block_magic[4] = {'W', 'B', 'L', 'K'};
enum { LZ4HC_LEVEL = 6 }; /* by feel: most of the gain of 9 at twice its speed */
enum { REST_BLOCKS = 15 }; /* by feel: what is tried for nothing costs a sixteenth */

enum rc packer_init(struct packer *p, struct mem *mem, enum codec codec, struct err *e)
{
	*p = (struct packer){.mem = mem, .codec = codec};
	if (codec == CODEC_NONE)
		return OK;
	size_t size = (size_t)(codec == CODEC_LZ4HC ? LZ4_sizeofStateHC() : LZ4_sizeofState());
	p->lz4 = mem_get(mem, size);
	return p->lz4 ? OK : ERR(e, E_NO_MEMORY, "no memory for the compressor");
}

void packer_close(struct packer *p)
{
	if (p->mem)
		mem_put(p->mem, p->lz4);
	*p = (struct packer){.mem = p->mem};
}

/* Bytes written to `to`, or 0 when the result would not be shorter than raw. */
static size_t pack(struct packer *p, const void *raw, size_t raw_len, void *to)
{
	if (p->codec == CODEC_NONE || raw_len < 2)
		return 0;
	int room = (int)raw_len - 1;
	int n = p->codec == CODEC_LZ4HC
			? LZ4_compress_HC_extStateHC(p->lz4, raw, to, (int)raw_len, room, LZ4HC_LEVEL)
			: LZ4_compress_fast_extState(p->lz4, raw, to, (int)raw_len, room, 1);
	return n > 0 ? (size_t)n : 0;
}

/* pack() of those blocks that are worth trying. A byte that goes into LZ4 costs some ten times what
 * one costs that goes to disk. */
static size_t pack_some(struct packer *p, struct packer_rest *rest, const void *raw, size_t raw_len,
			void *to)
{
	if (!rest || p->codec != CODEC_LZ4)
		return pack(p, raw, raw_len, to);
	if (rest->blocks) {
		rest->blocks--;
		return 0;
	}
	size_t packed = pack(p, raw, raw_len, to);
	if (!packed || packed > raw_len - raw_len / 4)
		rest->blocks = REST_BLOCKS;
	return packed;
}

enum rc block_pack(struct packer *p, struct packer_rest *rest, struct block *b, const void *raw,
		   size_t raw_len, struct bytes *to, struct err *e)
{
	CHECK(raw_len <= BLOCK_RAW_MAX);
	if (!bytes_reserve(to, BLOCK_HEADER + raw_len))
		return ERR(e, E_NO_MEMORY, "no memory for a block of %zu bytes", raw_len);
	uint8_t *payload = to->data + to->len + BLOCK_HEADER;
	size_t packed = pack_some(p, rest, raw, raw_len, payload);
	b->codec = packed ? CODEC_LZ4 : CODEC_NONE;
	if (!packed && raw_len)
		memcpy(payload, raw, raw_len);
	b->raw_len = (uint32_t)raw_len;
	b->packed_len = (uint32_t)(packed ? packed : raw_len);

	size_t start = to->len; /* nothing below can fail: the room is there */
	bytes_put(to, block_magic, 4);
	bytes_put_u32(to, b->packed_len);
	bytes_put_u64(to, 0);
	bytes_put_u32(to, b->section_no);
	bytes_put_u32(to, (uint32_t)b->codec); /* one byte, and three of zero */
	bytes_put_u32(to, b->rows);
	bytes_put_u32(to, b->raw_len);
	bytes_put_u64(to, b->first_hash);
	bytes_put_u64(to, b->last_hash);
	to->len += b->packed_len;
	b->checksum = checksum64(to->data + start + 16, BLOCK_HEADER - 16 + b->packed_len);
	memcpy(to->data + start + 8, &b->checksum, 8);
	return OK;
}

static bool same(const struct block *a, const struct block *b)
{
	return a->section_no == b->section_no && a->rows == b->rows && a->raw_len == b->raw_len &&
	       a->packed_len == b->packed_len && a->first_hash == b->first_hash &&
	       a->last_hash == b->last_hash && a->checksum == b->checksum && a->codec == b->codec;
}

enum rc block_verify(const void *data, size_t len, const struct block *want, struct err *e)
{
	struct reader r = reader_of(data, len);
	const uint8_t *magic = reader_take(&r, 4);
	if (!magic || memcmp(magic, block_magic, 4))
		return ERR(e, E_CORRUPT, "no block begins here");
	struct block b = {.packed_len = reader_u32(&r), .checksum = reader_u64(&r)};
	b.section_no = reader_u32(&r);
	b.codec = reader_u32(&r);
	b.rows = reader_u32(&r);
	b.raw_len = reader_u32(&r);
	b.first_hash = reader_u64(&r);
	b.last_hash = reader_u64(&r);
	if (r.failed || reader_left(&r) != b.packed_len)
		return ERR(e, E_CORRUPT, "a block says %u bytes, %zu are there", b.packed_len,
			   reader_left(&r));
	if (checksum64((const uint8_t *)data + 16, len - 16) != b.checksum)
		return ERR(e, E_CORRUPT, "a block's checksum does not fit its bytes");
	if (!same(&b, want))
		return ERR(e, E_CORRUPT, "a block is not the one its index names");
	if (b.raw_len > BLOCK_RAW_MAX || b.codec > CODEC_LZ4 ||
	    (b.codec == CODEC_NONE && b.packed_len != b.raw_len))
		return ERR(e, E_CORRUPT, "a block's lengths cannot be");
	return OK;
}

enum rc block_unpack(const void *data, size_t len, const struct block *want, struct bytes *raw,
		     struct err *e)
{
	bytes_clear(raw);
	enum rc rc = block_verify(data, len, want, e);
	if (rc != OK)
		return rc;
	if (!bytes_reserve(raw, want->raw_len))
		return ERR(e, E_NO_MEMORY, "no memory for a block of %u bytes", want->raw_len);
	const uint8_t *payload = (const uint8_t *)data + BLOCK_HEADER;
	if (want->codec == CODEC_NONE) {
		if (want->raw_len)
			memcpy(raw->data, payload, want->raw_len);
	} else {
		int n = LZ4_decompress_safe((const char *)payload, (char *)raw->data,
					    (int)want->packed_len, (int)want->raw_len);
		if (n < 0 || (uint32_t)n != want->raw_len)
			return ERR(e, E_CORRUPT, "a block does not unpack to its %u bytes",
				   want->raw_len);
	}
	raw->len = want->raw_len;
	return OK;
}
