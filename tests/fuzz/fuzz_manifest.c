/* fuzz_manifest.c - manifests: a header's features and slot (two bytes), then a body; header and
 * checksums are put right around it, so that the decoder's own bounds are looked at. What is
 * believed is encoded again, and reads as the same. */
#include "base/hash.h"
#include "checkpoint/manifest_format.h"
#include "tests/fuzz/fuzz.h"

static void header_put(struct bytes *to, uint64_t features, uint64_t slot, const uint8_t *body,
		       size_t len)
{
	bytes_put(to, manifest_magic, 8);
	bytes_put_u16(to, MANIFEST_VERSION);
	bytes_put_u16(to, MANIFEST_BYTE_ORDER);
	bytes_put_u32(to, MANIFEST_HEADER);
	bytes_put_u64(to, len);
	bytes_put_u64(to, checksum64(body, len));
	bytes_put_u64(to, slot);
	bytes_put_u64(to, features);
	bytes_put_u64(to, 0);
	bytes_put_u64(to, checksum64(to->data, 56));
	bytes_put(to, body, len);
}

static void goes_around(struct manifest *m, struct mem *mem)
{
	struct manifest again, copy;
	struct bytes a, b;
	struct err e = {OK};
	bytes_init(&a, mem);
	bytes_init(&b, mem);
	HOLDS_RC(manifest_encode(m, &a, &e), &e, false);
	HOLDS_RC(manifest_decode(&again, mem, m->slot, a.data, a.len, &e), &e, false);
	HOLDS_RC(manifest_clone(&copy, &again, mem, &e), &e, false);
	HOLDS_RC(manifest_encode(&copy, &b, &e), &e, false);
	HOLDS(fuzz_same(&a, &b));
	manifest_prune_files(&copy);
	HOLDS(copy.n_files <= again.n_files);
	manifest_close(&again);
	manifest_close(&copy);
	bytes_close(&a);
	bytes_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct manifest m;
	struct bytes b;
	struct err e = {OK};
	uint8_t features = fuzz_byte(&data, &size), slot = fuzz_byte(&data, &size);
	fuzz_open(&mem);
	bytes_init(&b, &mem);
	header_put(&b, features, slot, data, size);
	/* of its own allocation: what is read behind it is seen */
	uint8_t *copy = malloc(b.len);
	HOLDS(bytes_ok(&b) && copy);
	memcpy(copy, b.data, b.len);
	enum rc rc = manifest_decode(&m, &mem, slot, copy, b.len, &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT || rc == E_REFUSED);
	free(copy);
	bytes_close(&b);
	if (rc == OK)
		goes_around(&m, &mem);
	manifest_close(&m);
	fuzz_close(&mem);
	return 0;
}
