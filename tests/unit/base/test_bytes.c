/* test_bytes.c - what is put is read back, and nobody reads past the end. */
#include "base/bytes.h"
#include "tests/lib/test.h"

TEST(numbers_are_little_endian_and_read_back)
{
	struct mem m;
	struct bytes b;
	mem_init(&m, 0);
	bytes_init(&b, &m);
	bytes_put_u8(&b, 0x01);
	bytes_put_u16(&b, 0x0203);
	bytes_put_u32(&b, 0x04050607);
	bytes_put_u64(&b, 0x08090A0B0C0D0E0F);
	static const uint8_t want[] = {1,    3,    2,    7,    6,    5,  4, 0x0F,
				       0x0E, 0x0D, 0x0C, 0x0B, 0x0A, 9, 8};
	EXPECT(bytes_ok(&b) && b.len == 15 && !memcmp(b.data, want, 15));
	struct reader r = reader_of(b.data, b.len);
	EXPECT(reader_u8(&r) == 1 && reader_u16(&r) == 0x0203 && reader_u32(&r) == 0x04050607);
	EXPECT(reader_u64(&r) == 0x08090A0B0C0D0E0F && reader_left(&r) == 0 && !r.failed);
	EXPECT(load_u64(b.data + 7) == 0x08090A0B0C0D0E0F && load_u32(b.data + 3) == 0x04050607);
	bytes_close(&b);
	bytes_close(&b);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

TEST(inv34_a_reader_never_passes_its_end)
{
	static const uint8_t data[7] = {1, 2, 3, 4, 5, 6, 7};
	struct reader r = reader_of(data, sizeof data);
	EXPECT(reader_u64(&r) == 0 && r.failed);
	EXPECT(reader_u8(&r) == 0); /* once failed, failed for good */
	r = reader_of(data, sizeof data);
	EXPECT(!reader_take(&r, SIZE_MAX) && r.failed);
	r = reader_of(data, sizeof data);
	EXPECT(reader_take(&r, 7) == data && reader_take(&r, 0) && !r.failed);
	EXPECT(!reader_take(&r, 1) && r.failed);
	r = reader_of("", 0);
	EXPECT(reader_left(&r) == 0 && reader_u8(&r) == 0 && r.failed);
}

TEST(a_buffer_grows_by_any_amount)
{
	struct mem m;
	struct bytes b;
	mem_init(&m, 0);
	bytes_init(&b, &m);
	for (unsigned i = 0; i < 10000; i++)
		bytes_printf(&b, "%u,", i);
	EXPECT(bytes_ok(&b) && b.len == 10 * 2 + 90 * 3 + 900 * 4 + 9000 * 5);
	EXPECT(!memcmp(b.data, "0,1,2,", 6) && !memcmp(b.data + b.len - 5, "9999,", 5));
	bytes_clear(&b);
	bytes_put_text(&b, "abc");
	bytes_put(&b, NULL, 0);
	EXPECT(b.len == 3 && !strcmp(bytes_text(&b), "abc") && b.len == 3);
	bytes_close(&b);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

TEST(inv31_a_buffer_without_memory_says_so_once)
{
	struct mem m;
	struct bytes b;
	mem_init(&m, 1000);
	bytes_init(&b, &m);
	EXPECT(!bytes_reserve(&b, 2000) && !bytes_ok(&b));
	bytes_put_u64(&b, 1); /* goes on, to no effect */
	bytes_printf(&b, "%d", 1);
	EXPECT(b.len == 0 && !strcmp(bytes_text(&b), ""));
	bytes_clear(&b);
	bytes_put_u64(&b, 1);
	EXPECT(bytes_ok(&b) && b.len == 8);
	EXPECT(!bytes_reserve(&b, SIZE_MAX) && !bytes_ok(&b));
	bytes_close(&b);
	EXPECT(bytes_ok(&b) && atomic_load(&m.used_bytes) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(numbers_are_little_endian_and_read_back),
		T(inv34_a_reader_never_passes_its_end),
		T(a_buffer_grows_by_any_amount),
		T(inv31_a_buffer_without_memory_says_so_once),
	};
	return RUN(tests);
}
